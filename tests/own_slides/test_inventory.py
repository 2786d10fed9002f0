"""Folders as laboratories have them: slides, samples, galleries, the table to be filled in."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data.index import index_images
from dicentlib.errors import InputError
from dicentlib.own_slides.inventory import (
    files_sentence,
    require_images,
    take_inventory,
    write_samples,
)


def write(path, shape=(80, 96), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    grey = rng.normal(220, 5, shape)
    grey[30:40, 20:70] = 60
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(path)


def test_a_folder_per_slide_with_a_gallery(tmp_path):
    for slide in ("A1", "A2"):
        for number in range(3):
            write(tmp_path / slide / f"{number:04d}.jpg")
        write(tmp_path / slide / "Gallery.jpg", shape=(300, 400))
    found = take_inventory(tmp_path)
    assert sorted(found.table["slide"].unique()) == ["A1", "A2"]
    assert found.table.groupby("slide").size().to_list() == [3, 3]
    assert found.left_out["image"].to_list() == ["A1/Gallery.jpg", "A2/Gallery.jpg"]
    assert set(found.left_out["reason"]) == {"gallery picture"}
    assert any("Samples are named after the folders" in text for text in found.assumed)
    assert "The slide of 6 images is the folder: no table states it." in found.assumed


def test_samples_above_slides(tmp_path):
    for place in ("case 1/slide a", "case 1/slide b", "case 2/slide a"):
        write(tmp_path / place / "1.png")
    table = take_inventory(tmp_path).table
    assert table["sample"].to_list() == ["case 1", "case 1", "case 2"]
    assert table["slide"].nunique() == 3  # two slides of one name are two slides


@pytest.mark.parametrize(
    ("names", "slides"),
    [
        (["k7_001.png", "k7_002.png", "k9_001.png", "k9_002.png"], ["k7", "k7", "k9", "k9"]),
        (["1.png", "2.png", "3.png", "4.png"], ["1"] * 4),
        (["img1.png", "img2.png", "img3.png", "img4.png"], ["1"] * 4),  # one prefix: one slide
        (["alice.png", "bob.png", "img1.png", "img2.png"], ["1"] * 4),
        (["k7_001.png", "k7_002.png", "k8_001.png", "k9_001.png"], ["1"] * 4),  # slides of one
    ],
)
def test_flat_folders(tmp_path, names, slides):
    for name in names:
        write(tmp_path / name)
    found = take_inventory(tmp_path)
    assert found.table["slide"].to_list() == slides
    one, several = (
        "4 images in the folder itself are treated as one slide, called 1:",
        "before the number",
    )
    assert (one in found.assumed[-1]) == (len(set(slides)) == 1)
    assert (several in found.assumed[-1]) == (len(set(slides)) > 1)


def test_a_single_image_is_one_slide(tmp_path):
    write(tmp_path / "cell 17.png")
    found = take_inventory(tmp_path)
    assert found.by_slide()[["slide", "images"]].to_numpy().tolist() == [["1", 1]]
    assert found.assumed[-1] == "1 image in the folder itself is treated as one slide, called 1."


def test_a_cell_named_like_a_gallery_is_kept(tmp_path):
    for name in ("index_1.png", "index_2.png", "index_3.png"):
        write(tmp_path / name)
    assert len(take_inventory(tmp_path).table) == 3


def test_what_a_table_states_is_kept(tmp_path):
    for name in ("a/1.png", "a/2.png"):
        write(tmp_path / name)
    (tmp_path / "samples.csv").write_text(
        "image,sample,slide\na/1.png,P1,S1\na/2.png,P1,S2\n", encoding="utf-8"
    )
    found = take_inventory(tmp_path)
    assert found.table["slide"].to_list() == ["S1", "S2"]
    assert found.assumed == ()


def test_slides_of_one_name_in_two_samples_are_two(tmp_path):
    for name in ("1.png", "2.png", "3.png"):
        write(tmp_path / name)
    (tmp_path / "samples.csv").write_text(
        "image,sample,slide\n1.png,P1,1\n2.png,P2,1\n3.png,P2,2\n", encoding="utf-8"
    )
    found = take_inventory(tmp_path)
    assert found.table["slide"].to_list() == ["P1/1", "P2/1", "2"]
    assert found.assumed == (
        "Slides with the same name in several samples, such as 1, are treated as different slides: "
        "the name of the sample is put before theirs.",
    )


def test_nothing_that_can_be_used(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"none of 1 files is an image that can be used.*broken"):
        require_images(take_inventory(tmp_path))


def test_what_lies_in_a_folder_without_an_image(tmp_path):
    assert files_sentence(tmp_path) == "The folder holds no file."
    for name in ("notes.txt", "a/Report.PDF", "a/b/more.pdf", "a/LICENSE"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    assert files_sentence(tmp_path) == (
        "4 files in the folder and below it: 2 .pdf, 1 .txt, 1 without a suffix."
    )


def test_of_an_unusable_folder_every_file_is_left_out_with_its_reason(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "s1").mkdir()
    (tmp_path / "s1" / "2.tif").write_bytes(b"")
    found = take_inventory(tmp_path)
    assert found.table.empty
    assert found.left_out["image"].to_list() == ["broken.png", "s1/2.tif"]
    assert (found.left_out["reason"] != "").all()
    write(tmp_path / "s1" / "3.png")
    require_images(take_inventory(tmp_path))


def test_scales_and_formats_by_slide(tmp_path):
    write(tmp_path / "a" / "1.png")
    write(tmp_path / "a" / "2.jpg", shape=(100, 90))
    row = take_inventory(tmp_path).by_slide().iloc[0]
    assert (row["formats"], row["size (px)"], row["images"]) == ("jpg, png", "100 x 90, 80 x 96", 2)
    assert row["pixel size (um)"] == "not stated"


def test_the_table_to_be_filled_in_is_read_back(tmp_path):
    for name in ("=1+1.png", "ü ö.png", "normal.png"):
        write(tmp_path / "slides" / name)
    found = take_inventory(tmp_path / "slides")
    path = tmp_path / "slides" / "samples.csv"
    write_samples(path, found)
    assert not [line for line in path.read_text("utf-8-sig").splitlines() if line[:1] in "=+-@"]
    table = pd.read_csv(path, encoding="utf-8-sig").assign(dose_gy=2.0)
    table.to_csv(path, index=False)
    again = index_images(tmp_path / "slides")
    assert len(again.quarantined) == 0
    assert again.table["dose_gy"].to_list() == [2.0, 2.0, 2.0]


def test_somebodys_table_is_not_replaced(tmp_path):
    write(tmp_path / "slides" / "1.png")
    found = take_inventory(tmp_path / "slides")
    path = tmp_path / "samples.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_samples(path, found)
    assert path.read_text() == "mine"
