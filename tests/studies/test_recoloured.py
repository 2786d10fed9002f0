"""Real fields with other colours: what a camera would make of them."""

import numpy as np
import pytest

from studies.recoloured import COLOURS, enlarged, recoloured


@pytest.mark.parametrize("colour", COLOURS)
def test_background_and_stain_have_the_stated_colour(colour):
    background, density = COLOURS[colour]
    grey = np.full((60, 80), 0.8)
    grey[20:30, 20:60] = 0.8 * np.exp(-1.0)  # optical density 1
    image = recoloured(grey, background, density) / 255
    assert image[40:].mean(axis=(0, 1)) == pytest.approx(background, abs=0.003)
    expected = np.multiply(background, np.exp(-np.array(density)))
    assert image[20:30, 20:60].mean(axis=(0, 1)) == pytest.approx(expected, abs=0.003)


def test_enlarged_keeps_grey_values_and_changes_the_size():
    grey = np.full((50, 40), 0.6)
    for scale in (0.6, 1.6):
        image = enlarged(grey, scale)
        assert image.shape == (50 * scale, 40 * scale)
        assert np.unique(image).tolist() == [153]
