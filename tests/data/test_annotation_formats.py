"""Annotations through other programs' files and back; damaged files are named, never a crash."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dicentlib.data import formats, index_images, read_annotations, read_image, write_annotations
from dicentlib.data.formats.exact import from_corner_origin, to_corner_origin
from dicentlib.errors import InputError

SIZES = {"a.png": (60, 97), "b/c d é.png": (41, 33), "e.png": (20, 20)}
KEYS = ["image", "class", "row", "col"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "b").mkdir()
    for name, shape in SIZES.items():
        Image.fromarray(np.full(shape, 220, dtype=np.uint8)).save(folder / name)
    return index_images(folder)


def make_annotations(seed=0, n=40):
    rng = np.random.default_rng(seed)
    images = rng.choice(["a.png", "b/c d é.png"], n)
    rows = [rng.uniform(0, SIZES[image][0] - 1) for image in images]
    cols = [rng.uniform(0, SIZES[image][1] - 1) for image in images]
    classes = rng.choice(["dicentric", "fragment"], n)
    table = pd.DataFrame({"image": images, "class": classes, "row": rows, "col": cols})
    table.loc[0, ["row", "col"]] = [0.0, 1e-9]
    table.loc[1, ["row", "col"]] = [1 / 3, 0.1 + 0.2]
    return table


WRITERS = {
    "csv": (
        "a.csv",
        lambda path, table, index: write_annotations(path, table),
        read_annotations,
    ),
    "napari": (
        "napari",
        lambda path, table, index: formats.write_napari(path, table),
        formats.read_napari,
    ),
    "coco": ("a.json", formats.write_coco, formats.read_coco),
    "cvat": ("a.xml", formats.write_cvat, formats.read_cvat),
    "yolo": ("yolo", formats.write_yolo, formats.read_yolo),
}


def in_order(table):
    return table.sort_values(KEYS).reset_index(drop=True)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_round_trip_is_exact(tmp_path, index, name, seed):
    path, write, read = WRITERS[name]
    table = make_annotations(seed)
    write(tmp_path / path, table, index)
    again = read(tmp_path / path, index)
    pd.testing.assert_frame_equal(in_order(again), in_order(table), check_exact=True)


@pytest.mark.parametrize("name", ["coco", "cvat", "yolo"])
def test_images_without_annotations_round_trip(tmp_path, index, name):
    path, write, read = WRITERS[name]
    write(tmp_path / path, make_annotations().iloc[:0], index)
    assert read(tmp_path / path, index).empty


@given(st.floats(0, 5000), st.integers(1, 5000))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_shifted_and_scaled_positions_are_exact(position, side):
    position = position if position == 0 or position > 1e-30 else 0.0
    assert from_corner_origin(to_corner_origin(position, side), side) == position


def test_half_a_pixel_lies_between_the_conventions(tmp_path, index):
    table = pd.DataFrame({"image": ["a.png"], "class": ["fragment"], "row": [10.0], "col": [20.0]})
    formats.write_cvat(tmp_path / "a.xml", table, index)
    assert 'points="20.5,10.5"' in (tmp_path / "a.xml").read_text()
    formats.write_coco(tmp_path / "a.json", table, index)
    assert json.loads((tmp_path / "a.json").read_text())["annotations"][0]["keypoints"] == [
        20.0,
        10.0,
        2,
    ]
    formats.write_yolo(tmp_path / "yolo", table, index)
    fields = (tmp_path / "yolo" / "a.txt").read_text().split()
    assert float(fields[1]) == pytest.approx(20.5 / 97)
    assert float(fields[2]) == pytest.approx(10.5 / 60)
    assert (tmp_path / "yolo" / "e.txt").read_text() == ""


XML = '<annotations><image name="a.png" width="97" height="60">{}</image></annotations>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations>", "not safe XML"),
        ("<html/>", "root 'html'; expected 'annotations'"),
        (XML.format('<points label="ring" points="1,1"/>'), "class 'ring'; allowed: dicentric"),
        (XML.format('<points label="fragment" points="1"/>'), "points '1'; expected x,y"),
        (XML.format('<points label="fragment" points="98,1"/>'), "is outside a.png"),
        (XML.format('<box label="fragment" xtl="1"/>'), "box; allowed: points"),
        (XML.format('<cuboid label="fragment"/>'), "cuboid; allowed: points"),
        ("<annotations><track><points/></track></annotations>", "track; expected images with"),
        (
            '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotations>&e;</annotations>',
            "not safe XML",
        ),
    ],
)
def test_cvat_errors(tmp_path, index, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=rf"a\.xml.*{message}"):
        formats.read_cvat(tmp_path / "a.xml", index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not JSON"),
        ("[]", "no list 'images' of objects"),
        ("[" * 100000, "not JSON"),
        ('{"images": [{"id": "1", "file_name": "a.png"}]}', "need a whole-number id"),
        (
            '{"images": [], "categories": [], "annotations": [{"image_id": 5}]}',
            "annotation 1: image 5, category None; allowed: those that the file lists",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": '
            '"fragment"}], "annotations": [{"image_id": 1, "category_id": 1, "keypoints": '
            "[0, 0, 0]}]}",
            "visibility 0 is no position",
        ),
    ],
)
def test_coco_errors(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=rf"a\.json: .*{message}"):
        formats.read_coco(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5", "expected class x y width height"),
        ("2 0.5 0.5 0.1 0.1", "class 2; allowed: 0 to 1"),
        ("0 nan 0.5 0.1 0.1", "position 'nan'"),
        ("0 1.5 0.5 0.1 0.1", "is outside a.png"),
    ],
)
def test_yolo_errors(tmp_path, index, line, message):
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(InputError, match=message):
        formats.read_yolo(tmp_path, index)


def test_missing_files(tmp_path, index):
    for read in (formats.read_coco, formats.read_cvat):
        with pytest.raises(InputError, match="nowhere: no such file"):
            read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no label files of the images"):
        formats.read_yolo(tmp_path, index)
    with pytest.raises(InputError, match="no files <image>"):
        formats.read_napari(tmp_path)


# A case is a valid file with some bytes replaced, cut out, repeated or appended.
EDITS = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b"NaN", b"-1", b"1e999", b'"', b",", b";", b"<", b"\0", b"[[[", b"\r"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


N_PLACES = 12  # where each set of edits is tried
N_EXAMPLES = 100  # x 12 places x 9 kinds of files: 10,800 damaged files


def edited(content, edits, place):
    for position, length, replacement in edits:
        start = (position + place * 7919) % (len(content) + 1)
        content = content[:start] + replacement + content[start + length :]
    return content


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory, index):
    folder = tmp_path_factory.mktemp("valid")
    table = make_annotations(n=12)
    for path, write, _ in WRITERS.values():
        write(folder / path, table, index)
    for suffix in ("png", "tif", "jpg", "bmp"):
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 255, (12, 14), dtype=np.uint8)).save(folder / f"i.{suffix}")
    return folder


FUZZED = {
    "csv": ("a.csv", lambda path, index: read_annotations(path, index)),
    "napari": (
        "napari/a.png.fragment.csv",
        lambda path, index: formats.read_napari(path.parent, index),
    ),
    "coco": ("a.json", lambda path, index: formats.read_coco(path, index)),
    "cvat": ("a.xml", lambda path, index: formats.read_cvat(path, index)),
    "yolo": ("yolo/a.txt", lambda path, index: formats.read_yolo(path.parent, index)),
    "png": ("i.png", lambda path, index: read_image(path)),
    "tif": ("i.tif", lambda path, index: read_image(path)),
    "jpg": ("i.jpg", lambda path, index: read_image(path)),
    "bmp": ("i.bmp", lambda path, index: read_image(path)),
}


@pytest.mark.filterwarnings("ignore")  # decoders may warn about damaged files
@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files_raise_the_librarys_own_error_only(
    name, valid_files, index, tmp_path_factory
):
    source, read = FUZZED[name]
    content = (valid_files / source).read_bytes()
    path = tmp_path_factory.mktemp("fuzz") / (valid_files / source).name

    @given(EDITS)
    @settings(
        max_examples=N_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def damaged_file_is_read_or_refused(edits):
        for place in range(N_PLACES):
            path.unlink(missing_ok=True)  # rewriting a file in place waits for the disk
            path.write_bytes(edited(content, edits, place))
            try:
                result = read(path, index)
            except InputError:
                continue
            assert len(result) >= 0

    damaged_file_is_read_or_refused()
