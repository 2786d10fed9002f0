"""Files of microscope makers.

CZI as Zeiss's own library writes it: tests/files, made by pylibCZIrw 6.1. ND2 as ``nd2_file``
lays it out. Each shows the same ramp, grey 40 + col + row // 2 of 255, with a dark rectangle.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from nd2_file import write_nd2

from dicentlib.data import microscope, read_image, read_picture
from dicentlib.data.inspection import inspect_image
from dicentlib.errors import InputError

FILES = Path(__file__).parents[1] / "cases" / "files"
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


def test_a_tile_that_is_missing_is_noted(monkeypatch):
    czifile = pytest.importorskip("czifile")
    path = FILES / "colour_tiles.czi"
    with czifile.CziFile(str(path)) as file:
        seen = {"filtered_subblock_directory": file.filtered_subblock_directory[:1]}
        seen |= {"shape": file.shape, "start": file.start, "axes": file.axes}
    for name, value in seen.items():  # the file without its second tile
        patched = property(lambda file, value=value: value, lambda file, value: None)
        monkeypatch.setattr(czifile.CziFile, name, patched)
    monkeypatch.setattr(microscope, "_tile", lambda entry: np.full(entry.shape, 99, np.uint8))
    picture = read_picture(path)
    assert "tiles cover 50% of the image, the rest is black" in picture.notes
    assert sorted(np.unique(picture.pixels.round(3))) == pytest.approx([0, 99 / 255], abs=1e-3)


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_first_frame_of_an_nd2(dtype, tmp_path):
    path = tmp_path / "cell.nd2"
    ramp = (RAMP * (np.iinfo(dtype).max // 255)).astype(dtype)
    write_nd2(path, [ramp, np.zeros_like(ramp)])
    assert np.allclose(read_image(path), RAMP / 255, atol=1e-6)
    facts = inspect_image(path)
    assert (facts.format, facts.height, facts.width, facts.n_pages) == ("ND2", 24, 40, 2)


def test_colour_nd2_is_read_as_grey(tmp_path):
    path = tmp_path / "colour.nd2"
    colour = np.stack([RAMP // 4, RAMP // 2, RAMP], axis=-1)
    write_nd2(path, [colour.astype(np.uint8)])
    assert inspect_image(path).n_pages == 1
    assert np.allclose(read_image(path), colour @ [0.299, 0.587, 0.114] / 255, atol=2e-3)


def test_missing_frame_of_an_nd2_is_an_error(tmp_path):
    path = tmp_path / "cell.nd2"
    write_nd2(path, [RAMP.astype(np.uint8)])
    content = path.read_bytes()
    place = content.rindex(b"ImageDataSeq|0!")  # in the map at the end
    path.write_bytes(content[:place] + b"ImageDataSeq|7!" + content[place + 15 :])
    with pytest.raises(InputError, match=r"cell\.nd2: damaged ND2 file .*first frame is missing"):
        read_image(path)


def test_damaged_nd2_is_an_error_never_a_black_image(tmp_path):
    write_nd2(tmp_path / "whole.nd2", [RAMP.astype(np.uint8)])
    content = (tmp_path / "whole.nd2").read_bytes()
    rng = np.random.default_rng(1)
    n_errors = 0
    for trial in range(200):
        damaged = bytearray(content)
        if trial % 4 == 0:
            damaged = damaged[: rng.integers(20, len(content))]
        else:
            # the file is mostly padding: hit what is not
            filled = np.flatnonzero(np.frombuffer(content, np.uint8))
            for place in rng.choice(filled, rng.integers(1, 20)):
                damaged[place] = rng.integers(256)
        path = tmp_path / f"{trial}.nd2"
        path.write_bytes(damaged)
        try:
            assert read_image(path).mean() > 0.05
        except InputError:
            n_errors += 1
    assert n_errors >= 50  # every shortened file at least
