"""Attacks: weights that run code, paths that leave the folder, names that are markup, network."""

import os
import pickle
import shutil
import socket

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scoring_set import draw_cell, save_untrained, write_images

from dicentlib.data import formats, index_images, read_annotations
from dicentlib.data.paths import contained_path
from dicentlib.ensemble import load_members
from dicentlib.errors import InputError
from dicentlib.filtering import load_filter
from dicentlib.report import page as report
from dicentlib.scoring import score_folder
from dicentlib.widgets import ReviewGallery

SCORING = {"confidence_threshold": 0.5, "agreement_threshold": 0, "progress": False}
MARKUP = "<script>alert(1)</script>"


class Attack:
    """Runs code when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth", "a.ckpt", "a.pkl"])
@pytest.mark.parametrize("write", [pickle.dump, torch.save])
def test_a_pickle_offered_as_weights_is_refused_unopened(tmp_path, name, write):
    mark = tmp_path / "code has run"
    path = tmp_path / name
    with open(path, "wb") as file:
        write(Attack(mark), file)
    images = write_images(tmp_path / "images", 1)
    for attempt in (
        lambda: load_members([path]),
        lambda: load_members(path),
        lambda: load_filter(path),
        lambda: score_folder(images, [path], out=tmp_path / "out", **SCORING),
    ):
        with pytest.raises(InputError, match=rf"{path.name}: .*(safetensors|filter)"):
            attempt()
    assert not mark.exists()
    with open(path, "rb") as file:  # the attack is real
        torch.load(file, weights_only=False) if write is torch.save else pickle.load(file)
    assert mark.exists()


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "a/../../secret.png", "/etc/passwd", "C:/secret.png", "..\\secret.png", ""],
)
def test_paths_in_tables_cannot_leave_the_image_folder(tmp_path, name):
    folder = write_images(tmp_path / "images", 1)
    Image.fromarray(draw_cell(1)).save(tmp_path / "secret.png")
    pd.DataFrame({"image": [name], "dose_gy": [1]}).to_csv(folder / "samples.csv", index=False)
    with pytest.raises(InputError, match="leaves the image folder"):
        index_images(folder)
    with pytest.raises(InputError, match="leaves the image folder"):
        index_images(folder, samples=pd.DataFrame({"image": [name]}))
    with pytest.raises(InputError, match="leaves the image folder"):
        contained_path(folder, name)
    if name:
        table = {"image": [name], "class": ["fragment"], "row": [1.0], "col": [1.0]}
        with pytest.raises(InputError, match="leaves the image folder"):
            formats.write_napari(folder / "out", pd.DataFrame(table))
        path = tmp_path / "annotations.csv"
        pd.DataFrame(table).to_csv(path, index=False)
        (folder / "samples.csv").unlink()
        with pytest.raises(InputError, match="is not in"):
            read_annotations(path, index_images(folder))


def test_a_link_out_of_the_folder_is_quarantined(tmp_path):
    folder = write_images(tmp_path / "images", 1)
    Image.fromarray(draw_cell(1)).save(tmp_path / "secret.png")
    (folder / "harmless.png").symlink_to(tmp_path / "secret.png")
    index = index_images(folder)
    assert index.quarantined["image"].tolist() == ["harmless.png"]
    assert "leads out of the image folder" in index.quarantined["reason"][0]


def test_names_cannot_inject_markup(tmp_path):
    page = report.facts({"Sample": MARKUP, MARKUP: "value"})
    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    folder = tmp_path / "images"
    folder.mkdir()
    name = "<img src=x onerror=alert(1)>.png"
    Image.fromarray(draw_cell(1)).save(folder / name)
    row = {"image": name, "class": "fragment", "row": 9.0, "col": 9.0}
    detections = pd.DataFrame([row | {"vote_fraction": 0.5, "peak_mean": 0.6}])
    gallery = ReviewGallery(detections, folder, path=tmp_path / "review.csv")
    assert "<img" not in gallery.tiles[0].caption.value
    assert "&gt;.png" in gallery.tiles[0].caption.value


def test_xml_bombs_and_external_entities_are_refused(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f'<!ENTITY {after} "{("&" + before + ";") * 10}">'
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    attacks = [
        bomb + "]><annotations>&i;</annotations>",
        f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><annotations>&e;</annotations>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><annotations/>',
    ]
    for text in attacks:
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(InputError, match="not safe XML"):
            formats.read_cvat(tmp_path / "a.xml")


def test_scoring_and_its_tables_need_no_network(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"network access: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    save_untrained(tmp_path / "members", n_members=1)  # builds its encoder without weights
    images = write_images(tmp_path / "images", 2)
    table = score_folder(images, tmp_path / "members", out=tmp_path / "out", **SCORING)
    assert set(table["image"]) <= {"cell 0.png", "cell 1.png"}
    shutil.rmtree(tmp_path / "out")


def test_tables_cannot_fill_the_memory(tmp_path):
    Image.fromarray(np.full((16, 16), 220, dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("0 1e999999999 0.5 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("dicentric\nfragment\n")
    index = index_images(tmp_path)
    with pytest.raises(InputError, match="col inf; allowed: a position"):
        formats.read_yolo(tmp_path, index)
