"""CZI files as Zeiss's own library writes them: tests/files, made by pylibCZIrw 6.1.

Each shows the same ramp, grey 40 + col + row // 2 of 255, with a dark rectangle.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from dicentlib.data import read_image
from dicentlib.data.inspection import inspect_image
from dicentlib.errors import InputError

FILES = Path(__file__).parent / "files"
ROWS, COLS = np.mgrid[:24, :40]
RAMP = np.where((ROWS >= 6) & (ROWS < 12) & (COLS >= 10) & (COLS < 30), 5, 40 + COLS + ROWS // 2)


@pytest.mark.parametrize("name", ["grey_zstd", "grey_16_bit_zstd", "two_channels"])
def test_czi_is_read_whatever_its_compression(name):
    image = read_image(FILES / f"{name}.czi")
    assert image.dtype == np.float32
    assert np.allclose(image, RAMP / 255, atol=1e-6)


def test_tiles_of_a_colour_czi_lie_side_by_side():
    image = read_image(FILES / "colour_tiles.czi")
    assert image.shape == (24, 80)
    assert np.array_equal(image[:, :40], image[:, 40:])
    red, green, blue = RAMP // 4, RAMP // 2, RAMP  # Rec. 601 weights
    grey = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    assert np.allclose(image[:, :40], grey, atol=2e-3)


def test_planes_of_a_czi_are_counted():
    facts = inspect_image(FILES / "two_channels.czi")
    assert (facts.format, facts.height, facts.width, facts.n_pages) == ("CZI", 24, 40, 2)
    assert inspect_image(FILES / "colour_tiles.czi").n_pages == 1


@pytest.mark.parametrize("name", ["grey_zstd", "grey_16_bit_zstd", "colour_tiles"])
def test_damage_is_an_error_never_a_black_image(name, tmp_path):
    content = (FILES / f"{name}.czi").read_bytes()
    rng = np.random.default_rng(0)
    for trial in range(150):
        damaged = bytearray(content)
        if trial % 3 == 0:
            damaged = damaged[: rng.integers(20, len(content))]
        else:
            for place in rng.integers(10, len(content), rng.integers(1, 30)):
                damaged[place] = rng.integers(256)
        path = tmp_path / f"{trial}.czi"
        path.write_bytes(damaged)
        with suppress(InputError):
            assert read_image(path).mean() > 0.05
