"""Frames and images without grey levels: the field of the microscope is what counts."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from dicentlib.filtering.objections import _without_frame, objection


@pytest.fixture(scope="module")
def image():
    """A field of background 0.9 with blurred dark bars, 8 bits, and noise."""
    values = np.full((420, 500), 0.9, np.float32)
    for row in range(60, 360, 40):
        values[row : row + 12, 80:420] = 0.3
    values = cv2.GaussianBlur(values, (0, 0), 3)
    values += np.random.default_rng(1).normal(0, 0.02, values.shape)
    return (np.round(values.clip(0, 1) * 255) / 255).astype(np.float32)


def framed(image, side, grey):
    """The image with bars of one grey on the left and right, a text in one of them."""
    wide = np.pad(image, ((0, 0), (side, side)), constant_values=grey)
    wide[200:210, 10:60] = 1 - grey
    return wide


@pytest.mark.parametrize("grey", [0.0, 0.5])
@pytest.mark.parametrize(("side", "refused"), [(100, False), (400, True), (900, True)])
def test_a_frame_that_is_most_of_the_image_is_refused(image, grey, side, refused):
    wide = framed(image, side, grey)
    for turned in (wide, wide.T):
        assert ("a frame or bar of one grey takes up much" in objection(turned)) == refused
        assert bool(objection(turned)) == refused


def test_what_is_no_frame_is_named_otherwise_or_accepted(image):
    assert objection(image) == ""
    assert objection(framed(image, 900, 0.95)) == ""  # an empty background
    assert objection(1 - image).startswith("dark field")
    for grey, name in ((0.0, "black"), (0.5, "grey"), (1.0, "white")):
        assert objection(np.full((100, 100), grey, np.float32)) == f"no contrast: all {name}"
    assert _without_frame(np.pad(image, 300)).shape == image.shape


@pytest.mark.parametrize("levels", [3, 4, 6, 16])
def test_few_grey_levels_are_refused(image, levels):
    few = np.round(image * (levels - 1)) / (levels - 1)
    assert objection(few.astype(np.float32)).startswith(f"only {len(np.unique(few))} grey levels")


@pytest.mark.parametrize("quality", [75, 90, 95])
def test_a_threshold_saved_as_jpeg_is_refused(image, quality):
    file = io.BytesIO()
    Image.fromarray(((image > 0.6) * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    found = objection(np.asarray(Image.open(file), np.float32) / 255)
    assert "black and white only" in found or "grey levels" in found


def test_a_hard_contrast_is_no_threshold(image):
    assert objection(((image - 0.4) / 0.4).clip(0, 1)) == ""
