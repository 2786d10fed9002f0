"""Crops round an ensemble's errors: the right places, with the marks where the objects are."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data.image_set import read_image_set
from studies.recipes import hard_places


@pytest.fixture
def cells(tmp_path):
    """One image of random pixels with two dicentrics and a fragment."""
    folder = tmp_path / "cells"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(180, 240, (300, 400), dtype=np.uint8)
    pixels[100:140, 100:140] = 60
    Image.fromarray(pixels).save(folder / "cell.png")
    pd.DataFrame({"image": ["cell.png"], "pixel_size_um": [0.2]}).to_csv(
        folder / "samples.csv", index=False
    )
    marks = [("dicentric", 50, 60), ("dicentric", 200, 300), ("fragment", 210, 330)]
    pd.DataFrame(
        [("cell.png", *mark) for mark in marks], columns=["image", "class", "row", "col"]
    ).to_csv(folder / "annotations.csv", index=False)
    return folder


def test_crops_lie_round_what_is_false_and_what_is_missed(cells, tmp_path, monkeypatch):
    found = [("dicentric", 52, 61), ("dicentric", 150, 200), ("fragment", 214, 330)]
    table = pd.DataFrame(
        [("cell.png", *one) for one in found], columns=["image", "class", "row", "col"]
    )
    monkeypatch.setattr(hard_places, "score_folder", lambda *_, **__: table)
    out = tmp_path / "hard"
    assert hard_places.write_hard_crops(out, cells, ["any"]) == {"false": 1, "missed": 1}
    index, marks = read_image_set(out)
    assert index.table["pixel_size_um"].tolist() == [0.2, 0.2]
    whole = np.asarray(Image.open(cells / "cell.png"))
    false, missed = (np.asarray(Image.open(index.path(name))) for name in index.table["image"])
    assert (false == whole[54:246, 104:296]).all()  # 192 pixels round (150, 200)
    assert (missed == whole[104:296, 204:396]).all()
    by_image = {name: rows for name, rows in marks.groupby("image")}
    rows = by_image[index.table["image"][1]][["class", "row", "col"]].to_numpy().tolist()
    assert rows == [["dicentric", 96, 96], ["fragment", 106, 126]]
    assert index.table["image"][0] not in by_image  # the dicentric at (200, 300) lies outside


def test_a_place_at_the_border_gives_a_whole_crop(cells, tmp_path, monkeypatch):
    table = pd.DataFrame({"image": ["cell.png"], "class": ["fragment"], "row": [3], "col": [398]})
    monkeypatch.setattr(hard_places, "score_folder", lambda *_, **__: table)
    numbers = hard_places.write_hard_crops(tmp_path / "hard", cells, ["any"])
    assert numbers == {"false": 1, "missed": 3}
    shapes = {Image.open(path).size for path in (tmp_path / "hard").rglob("*.png")}
    assert shapes == {(192, 192)}
