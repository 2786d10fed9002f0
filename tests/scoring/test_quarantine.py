"""A folder with more than 200 files that nobody can score: each is listed with its reason."""

import io
import os
import random
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image
from scoring_set import draw_cell, save_untrained

from dicentlib.data import index_images, read_image
from dicentlib.errors import InputError
from dicentlib.scoring import score_folder

SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "BMP": ".bmp", "TIFF": ".tif"}
CELL = draw_cell(0)


def encoded(file_format, values=CELL):
    buffer = io.BytesIO()
    if file_format == "TIFF":
        tifffile.imwrite(buffer, values, photometric="minisblack", compression="zlib")
    else:
        Image.fromarray(values).save(buffer, file_format)
    return buffer.getvalue()


def png_of_size(width, height):
    """A PNG file that claims a size and holds a few bytes: a decompression bomb."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def bmp_of_size(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, width, height, 1, 8, *[0] * 6)


def bad_files():
    """Names and contents, by kind of damage."""
    rng = random.Random(7)
    contents = {name: encoded(name) for name in SUFFIXES}
    files = {}
    for name, suffix in SUFFIXES.items():
        whole = contents[name]
        files[f"empty{suffix}"] = b""
        for share in np.linspace(0.02, 0.9, 25):  # cut off
            files[f"truncated {share:.3f}{suffix}"] = whole[: int(len(whole) * share)]
        for number in range(8):  # no image at all
            files[f"noise {number}{suffix}"] = rng.randbytes(rng.randint(1, 3000))
        for kind, text in (("text", b"image,class\n"), ("html", b"<html>"), ("zip", b"PK\x03\x04")):
            files[f"{kind}{suffix}"] = text * 20
        for other in SUFFIXES:  # mislabelled
            if other != name:
                files[f"really {other}{suffix}"] = contents[other]
    for number, size in enumerate(
        [(10**5, 10**5), (2**31 - 1, 1), (1, 2**31 - 1), (60000, 60000), (1, 1), (7, 100), (0, 0)]
    ):
        files[f"size {number}.png"] = png_of_size(*size)
        files[f"size {number}.bmp"] = bmp_of_size(*size)
    for number in range(10):  # a whole file whose compressed pixels are wrong
        whole = bytearray(contents["PNG"])
        middle = len(whole) // 2
        whole[middle : middle + 8 + number] = rng.randbytes(8 + number)
        files[f"damaged {number}.png"] = bytes(whole)
    for dtype in ("float32", "int32", "uint32", "float64", "complex64"):
        values = (CELL.astype("float64") * 1000).astype(dtype)
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, photometric="minisblack")
        files[f"pixels {dtype}.tif"] = buffer.getvalue()
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((64, 64), np.nan, dtype="float32"), photometric="minisblack")
    files["pixels nan.tif"] = buffer.getvalue()
    files["slides.pptx"] = b"PK\x03\x04"
    files["no suffix"] = contents["PNG"]
    files["Zürich Ωμέγα 細胞.png"] = b"not an image"
    files["n" * 240 + ".png"] = b"not an image"
    files["line\nbreak.png"] = contents["PNG"]
    return files


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    n_bad = 0
    for name, content in bad_files().items():
        (folder / name).write_bytes(content)
        n_bad += 1
    with open(os.fsencode(folder) + b"/not utf-8 \xff.png", "wb") as file:
        file.write(encoded("PNG"))
    (folder / "loop a.png").symlink_to("loop b.png")
    (folder / "loop b.png").symlink_to("loop a.png")
    (folder / "nowhere.png").symlink_to("absent.png")
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    outside.write_bytes(encoded("PNG"))
    (folder / "leads out.png").symlink_to(outside)
    (folder / "folder link").symlink_to(outside.parent)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    n_bad += 7
    good = ["good.png", "Gut, schön 細胞.png", "g" * 240 + ".png", "folder.png/inside.png"]
    for name in good:
        Image.fromarray(CELL).save(folder / name)
    return folder, n_bad, sorted(good)


@pytest.mark.filterwarnings("ignore")  # decoders may warn about damaged files
def test_every_bad_file_is_quarantined_with_a_reason(corpus, tmp_path):
    folder, n_bad, good = corpus
    assert n_bad >= 200
    n_threads = torch.get_num_threads()
    save_untrained(tmp_path / "members", n_members=1)
    score_folder(
        folder,
        tmp_path / "members",
        out=tmp_path / "out",
        confidence_threshold=0.5,
        agreement_threshold=0,
        progress=False,
    )
    assert torch.get_num_threads() == n_threads
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert sorted(scored.index[scored["status"] == "scored"]) == good
    bad = scored[scored["status"] != "scored"]
    assert len(bad) == n_bad
    assert (bad["status"] == "quarantined").all()
    assert (bad["reason"].str.len() > 8).all()
    assert not bad["reason"].str.contains(str(folder), regex=False).any()
    expected = {
        "empty.tif": "empty file",
        "truncated 0.900.png": "truncated PNG",
        "really PNG.tif": "PNG content under a name ending in '.tif'",
        "size 0.png": "DecompressionBomb",
        "size 4.png": "1 x 1 px; allowed",
        "loop a.png": "leads nowhere or to itself",
        "nowhere.png": "leads nowhere or to itself",
        "leads out.png": "out of the image folder",
        "folder link": "links to folders are not followed",
        "pipe.png": "not a regular file",
        "pixels int32.tif": "pixel values of type int32",
        "line\\nbreak.png": "not printable text",
        "not utf-8 \\udcff.png": "not printable text",
        "no suffix": "under a name ending in 'no suffix'",
    }
    for name, reason in expected.items():
        assert reason in bad.loc[name, "reason"], name


@pytest.mark.filterwarnings("ignore")
def test_the_index_finds_all_but_damage_inside_the_pixels(corpus):
    folder, n_bad, good = corpus
    index = index_images(folder)
    assert len(index.table) + len(index.quarantined) == n_bad + len(good)
    unnoticed = sorted(set(index.table["image"]) - set(good))
    for name in unnoticed:
        with pytest.raises(InputError, match=r"damaged|pixel values|not a number"):
            read_image(folder / name)
    assert all(name.startswith(("damaged", "pixels", "truncated", "noise")) for name in unnoticed)
    assert len(unnoticed) < 45


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_an_unreadable_file_is_quarantined(tmp_path):
    Image.fromarray(CELL).save(tmp_path / "a.png")
    Image.fromarray(CELL).save(tmp_path / "b.png")
    (tmp_path / "b.png").chmod(0)
    index = index_images(tmp_path)
    assert index.quarantined["reason"].tolist() == ["cannot be opened (Permission denied)"]
