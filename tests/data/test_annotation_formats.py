"""Annotations through other programs' files and back; damaged files are named, never a crash."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dicentlib.data import formats, index_images, read_annotations, read_image, write_annotations
from dicentlib.errors import InputError, InputWarning

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
    """Objects at random places, further apart than a double click; two at fixed ones."""
    rng = np.random.default_rng(seed)
    images = rng.choice(["a.png", "b/c d é.png"], n)
    classes = rng.choice(["dicentric", "fragment"], n)
    places = [(0.0, 1e-9), (1 / 3, 10.1 + 0.2)]
    while len(places) < n:
        height, width = SIZES[images[len(places)]]
        place = rng.uniform(0, height - 1), rng.uniform(0, width - 1)
        if min(np.hypot(place[0] - row, place[1] - col) for row, col in places) > 3:
            places.append(place)
    rows, cols = zip(*places, strict=True)
    return pd.DataFrame({"image": images, "class": classes, "row": rows, "col": cols})


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
def test_round_trip(tmp_path, index, name, seed):
    path, write, read = WRITERS[name]
    table = make_annotations(seed)
    write(tmp_path / path, table, index)
    again = read(tmp_path / path, index)
    # half a pixel is added and taken away: a rounding error of doubles below 100
    pd.testing.assert_frame_equal(in_order(again), in_order(table), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["coco", "cvat", "yolo"])
def test_images_without_annotations_round_trip(tmp_path, index, name):
    path, write, read = WRITERS[name]
    write(tmp_path / path, make_annotations().iloc[:0], index)
    assert read(tmp_path / path, index).empty


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
        (XML.format('<box label="fragment" xtl="1"/>'), r"box \['1', '', '', ''\]; expected"),
        (XML.format('<polygon label="fragment"/>'), "polygon; allowed: points and boxes"),
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
        ("2 0.5 0.5 0.1 0.1", "class 2; allowed: 0, 1"),
        ("0 nan 0.5 0.1 0.1", "line 1: col nan"),
        ("0 x 0.5 0.1 0.1", "line 1: position '0 x"),
        ("0 1.5 0.5 0.1 0.1", "is outside a.png"),
    ],
)
def test_yolo_errors(tmp_path, index, line, message):
    (tmp_path / "a.txt").write_text(line)
    (tmp_path / "classes.txt").write_text("dicentric\nfragment\n")
    with pytest.raises(InputError, match=message):
        formats.read_yolo(tmp_path, index)


A_CLASS_EACH = {"images/1_a.png": "0 0.4 0.3 0.1 0.1", "images/1_b.png": "1 0.5 0.2 0.1 0.1"}
SOURCES = {
    "classes.txt": "fragment\r\ndicentric\r\n\r\n",
    "obj.names": "fragment\ndicentric\n",
    "data.yaml": "path: .\nnc: 2\nnames: ['fragment', 'dicentric']\n",
    "dataset.yaml": "names:\n  0: fragment\n  1: Dicentric\n  2: ring\n",
    "notes.json": '{"categories": [{"id": 1, "name": "dicentric"}, {"id": 0, "name": "fragment"}]}',
}


@pytest.fixture
def pair(tmp_path):
    """An image set of two images whose names begin alike."""
    (tmp_path / "set" / "images").mkdir(parents=True)
    for name in A_CLASS_EACH:
        Image.fromarray(np.full((60, 97), 220, dtype=np.uint8)).save(tmp_path / "set" / name)
    return index_images(tmp_path / "set")


def write_labels(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("place", ["images", "labels", "."])
@pytest.mark.parametrize("source", SOURCES)
def test_yolo_classes_are_those_of_the_file_of_names(tmp_path, pair, source, place):
    labels = {f"{place}/{n[7:-4]}.txt": line for n, line in A_CLASS_EACH.items()}
    write_labels(tmp_path, labels | {source: SOURCES[source]})
    table = formats.read_yolo(tmp_path, pair)
    assert table["image"].tolist() == list(A_CLASS_EACH)
    assert table["class"].tolist() == ["fragment", "dicentric"]
    assert table["col"].tolist() == pytest.approx([0.4 * 97 - 0.5, 0.5 * 97 - 0.5])


def test_yolo_names_lie_above_the_labels_or_are_missed(tmp_path, pair):
    write_labels(tmp_path / "yolo" / "labels", {"1_a.txt": "1 0.4 0.3 0.1 0.1"})
    with pytest.raises(InputError, match=r"no file with the names of the classes.*classes\.txt"):
        formats.read_yolo(tmp_path / "yolo" / "labels", pair)
    write_labels(tmp_path / "yolo", {"data.yaml": SOURCES["data.yaml"]})
    found = formats.read_yolo(tmp_path / "yolo" / "labels", pair)
    assert found["class"].tolist() == ["dicentric"]
    write_labels(tmp_path / "yolo", {"classes.txt": "dicentric\nfragment\n"})
    with pytest.raises(InputError, match=r"classes\.txt, data\.yaml name the classes differently"):
        formats.read_yolo(tmp_path / "yolo" / "labels", pair)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"images/2_c.txt": "0 0.5 0.5 0.1 0.1"}, r"2_c\.txt: label file without an image"),
        ({"labels/1_a.txt": "0 0.5 0.5 0.1 0.1"}, "may belong to images/1_a.png, which has an"),
        ({"images/1_b.txt": "0 0.5 0.5 0.1 0.1 0.9"}, "line 1: .*expected class x y width height"),
        ({"images/1_b.txt": "2 0.5 0.5 0.1 0.1"}, "class 2; allowed: 0, 1"),
        ({"classes.txt": "fragment\nring\n", "images/1_b.txt": "1 .5 .5 .1 .1"}, "class 'ring'"),
        ({"notes.json": '{"categories": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}'},
         "two classes of one number"),
        ({"data.yaml": "nc: 2\n"}, r"data\.yaml: no list of class names"),
    ],
)  # fmt: skip
def test_yolo_accounts_for_every_object(tmp_path, pair, files, message):
    write_labels(tmp_path, {"images/1_a.txt": "0 0.4 0.3 0.1 0.1"})
    if not {"notes.json", "data.yaml"} & set(files):
        write_labels(tmp_path, {"classes.txt": "dicentric\nfragment\n"})
    write_labels(tmp_path, files)
    with pytest.raises(InputError, match=message):
        formats.read_yolo(tmp_path, pair)


def test_texts_that_are_no_labels_are_named(tmp_path, pair):
    write_labels(tmp_path, {"images/1_a.txt": "", "classes.txt": "dicentric\n", "train.txt": "x"})
    with pytest.warns(InputWarning, match=r"train\.txt not read: no label files"):
        assert formats.read_yolo(tmp_path, pair).empty


def coco(images, categories=("dicentric", "fragment"), **found):
    found = {"image_id": 1, "category_id": 1, "keypoints": [20.0, 10.0, 2]} | found
    return {
        "images": [{"id": number, "file_name": name} for number, name in images],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories, start=1)],
        "annotations": [{name: value for name, value in found.items() if value is not None}],
    }


def test_coco_ids_that_mean_two_things_are_refused(tmp_path, pair):
    content = coco([(1, "images/1_a.png"), (1, "images/1_b.png")])
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"'images/1_a.png' and 'images/1_b.png' have the same id, 1"
    ):
        formats.read_coco(tmp_path / "a.json", pair)
    content = coco([(1, "images/1_a.png")])
    content["categories"][1]["id"] = 1
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match="categories 'dicentric' and 'fragment' have the same id, 1"
    ):
        formats.read_coco(tmp_path / "a.json", pair)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_coco_of_label_studio(tmp_path, pair, encoding):
    # a box from its corner: the centre of a box round pixel (10, 20) alone is (10, 20)
    content = coco([(1, "images\\1_a.png")], keypoints=None, bbox=[20, 10, 1, 1])
    (tmp_path / "a.json").write_bytes(json.dumps(content).encode(encoding))
    row = formats.read_coco(tmp_path / "a.json", pair).iloc[0]
    assert row.tolist() == ["images/1_a.png", "dicentric", 10.0, 20.0]


def test_coco_images_elsewhere(tmp_path, pair):
    path = tmp_path / "a.json"
    outside = "..\\..\\media\\cb0618f6-1_b.png"
    path.write_text(json.dumps(coco([(1, "images/1_a.png"), (2, outside)])))
    with pytest.warns(InputWarning, match="1 of its images are not in .*cb0618f6"):
        assert len(formats.read_coco(path, pair)) == 1
    path.write_text(json.dumps(coco([(1, "images/1_a.png"), (2, outside)], image_id=2)))
    with (
        pytest.warns(InputWarning, match="not in"),
        pytest.raises(InputError, match=r"a\.json, annotation 1: image .*cb0618f6.* is not in"),
    ):
        formats.read_coco(path, pair)
    path.write_text(json.dumps(coco([(1, "images/1_a.png")], keypoints=None, bbox=[1, 2])))
    with pytest.raises(InputError, match=r"annotation 1: bbox \[1, 2\]; expected \[x, y, width"):
        formats.read_coco(path, pair)
    path.write_text(json.dumps(coco([(1, "images/1_a.png")], keypoints=None)))
    with pytest.raises(InputError, match=r"annotation 1: keypoints None.*or a bbox"):
        formats.read_coco(path, pair)


def test_cvat_tags_are_passed_over_and_said(tmp_path, pair):
    tag = '<tag label="good metaphase"/>'
    points = '<points label="Dicentric" points="20.5,10.5"/>'
    text = XML.replace("a.png", "images\\1_a.png").format(tag + points)
    (tmp_path / "a.xml").write_text(
        text.replace("</annotations>", '<image name="c.png"/></annotations>')
    )
    with (
        pytest.warns(InputWarning, match="1 tags of whole images skipped: good metaphase"),
        pytest.warns(InputWarning, match=r"1 of its images are not in .*: c\.png"),
    ):
        found = formats.read_cvat(tmp_path / "a.xml", pair)
    assert found.iloc[0].tolist() == ["images/1_a.png", "dicentric", 10.0, 20.0]


def test_napari_points_on_the_border_and_strange_files(tmp_path, pair):
    layer = tmp_path / "images" / "1_a.png.dicentric.csv"
    write_labels(tmp_path, {"images/1_a.png.dicentric.csv":
        "index;axis-0;axis-1\n0,0;5,5;20\n1,0;-0,31;12,25\n"})  # fmt: skip
    assert formats.read_napari(tmp_path, pair)["row"].tolist() == [5.5, 0.0]
    layer.write_text("index,axis-0,axis-1\n0.0,-0.51,20\n")
    with pytest.raises(InputError, match=r"row 2: row -0\.51; allowed: a position"):
        formats.read_napari(tmp_path, pair)
    layer.rename(layer.with_name("1_a.png.DICENTRIC.CSV"))
    (layer.parent / "1_a.png.DICENTRIC.CSV").write_text("index,axis-0,axis-1\n0.0,59.42,20\n")
    assert len(formats.read_napari(tmp_path, pair)) == 1
    (tmp_path / "points.csv").write_text("index,axis-0,axis-1\n0.0,1,1\n")
    with pytest.raises(InputError, match=r"points\.csv: a file of napari without a class"):
        formats.read_napari(tmp_path, pair)


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
N_EXAMPLES = 50  # x 12 places x 9 kinds of files: 5,400 damaged files


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
    (path.parent / "classes.txt").write_text("dicentric\nfragment\n")  # YOLO needs it

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


def test_an_object_named_twice_counts_once(tmp_path, index):
    first, second = "a.png,dicentric,10,20", "a.png,fragment,30,40"
    path = tmp_path / "a.csv"
    path.write_text(f"Image,CLASS,Row,Col\n{first}\n{second}\n{first}\n")  # in capitals too
    with pytest.warns(InputWarning, match="row 4: a duplicate object; 1 duplicates left"):
        table = read_annotations(path, index)
    assert table.to_numpy().tolist() == [
        ["a.png", "dicentric", 10.0, 20.0],
        ["a.png", "fragment", 30.0, 40.0],
    ]
    path.write_text(f"image,class,row,col\n{first}\na.png,fragment,10,20\n")
    with pytest.raises(InputError, match="row 3: dicentric and fragment at one position"):
        read_annotations(path, index)


def test_images_of_another_size_are_refused(tmp_path, pair):
    height, width = (int(pair.table[name].iloc[0]) for name in ("height_px", "width_px"))
    match = rf"annotated at {2 * height} x {2 * width} px.*but the file has {height} x {width}"
    for size, found in ((1, None), (2, match)):
        content = coco([(1, "images/1_a.png")])
        content["images"][0] |= {"height": size * height, "width": size * width}
        (tmp_path / "a.json").write_text(json.dumps(content))
        (tmp_path / "a.xml").write_text(
            f'<annotations><image name="images/1_a.png" width="{size * width}" '
            f'height="{size * height}"><points label="dicentric" points="5.5,6.5"/></image>'
            "</annotations>"
        )
        for read, path in ((formats.read_coco, "a.json"), (formats.read_cvat, "a.xml")):
            if found is None:
                assert len(read(tmp_path / path, pair)) == 1
                continue
            with pytest.raises(InputError, match=found):
                read(tmp_path / path, pair)


@pytest.mark.parametrize("rotation", ["", ' rotation="30"'])
def test_boxes_of_cvat_are_read_by_their_centre(tmp_path, index, rotation):
    # a box round pixel (10, 20) alone; CVAT turns a box about its centre
    text = f'<box label="dicentric" xtl="20" ytl="10" xbr="21" ybr="11"{rotation}/>'
    (tmp_path / "a.xml").write_text(XML.format(text))
    row = formats.read_cvat(tmp_path / "a.xml", index).iloc[0]
    assert row.tolist() == ["a.png", "dicentric", 10.0, 20.0]


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ({"bbox": [0, 0, 0, 0]}, "a width and height of 1 px or more"),
        ({"bbox": [0.1, 0.2, 0.3, 0.4]}, "are they shares of the image"),
        ({"bbox": [40, 50, -30, -40]}, "a width and height of 1 px or more"),
        ({"bbox": [10, 10, 9, 9], "iscrowd": 1}, "iscrowd, a group; allowed: single objects"),
        ({"segmentation": {"counts": [0, 9]}}, "segmentations are not read"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6]]}, "segmentations are not read"),
    ],
)
def test_objects_of_coco_without_a_certain_position(tmp_path, pair, found, match):
    content = coco([(1, "images/1_a.png")], keypoints=None, **found)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"annotation 1: .*{match}"):
        formats.read_coco(tmp_path / "a.json", pair)


def test_boxes_by_two_corners_are_refused(tmp_path, pair):
    # 4 wide and 6 high from (10, 20): [10, 20, 4, 6], not [10, 20, 14, 26]
    for box, refused in (([10, 20, 4, 6], False), ([10, 20, 14, 26], True)):
        content = coco([(1, "images/1_a.png")], keypoints=None, bbox=box, area=24)
        (tmp_path / "a.json").write_text(json.dumps(content))
        if refused:
            with pytest.raises(InputError, match="area of 24, that of two corners; expected"):
                formats.read_coco(tmp_path / "a.json", pair)
        else:
            found = formats.read_coco(tmp_path / "a.json", pair)
            assert found[["row", "col"]].to_numpy().tolist() == [[22.5, 11.5]]


@pytest.mark.parametrize("boxes", [[[70, 40, 80, 48]], [[2, 2, 8, 9], [64, 15, 74, 26]]])
def test_boxes_that_reach_beyond_the_image_as_two_corners_do(tmp_path, pair, boxes):
    # without an area; the objects are some 10 px wide
    content = coco([(1, "images/1_a.png")], keypoints=None)
    content["images"][0] |= {"height": 60, "width": 97}
    path = tmp_path / "a.json"

    def read(boxes):
        content["annotations"] = [content["annotations"][0] | {"bbox": box} for box in boxes]
        path.write_text(json.dumps(content))
        return formats.read_coco(path, pair)[["row", "col"]].to_numpy().tolist()

    with pytest.raises(InputError, match=rf"annotation {len(boxes)}: box .* are they two corners"):
        read(boxes)
    # one box that can be no corners shows that the others are none
    assert read([[90, 20, 6, 4], [60, 8, 62, 12]]) == [[21.5, 92.5], [13.5, 90.5]]
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "classes.txt").write_text("dicentric\nfragment\n")
    lines = [(x / 97, y / 60, x2 / 97, y2 / 60) for x, y, x2, y2 in boxes]
    (labels / "1_a.txt").write_text("".join(f"0 {a} {b} {c} {d}\n" for a, b, c, d in lines))
    with pytest.raises(InputError, match=r"line \d: box .* are they two corners"):
        formats.read_yolo(labels, pair)


@pytest.mark.parametrize("keypoints", [[55, 66], [5, 6, 2, 7], [5]])
def test_keypoints_that_are_not_in_threes_are_refused(tmp_path, pair, keypoints):
    content = coco([(1, "images/1_a.png")], keypoints=keypoints, bbox=[10, 20, 4, 6])
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"expected \[x, y, visibility\]"):
        formats.read_coco(tmp_path / "a.json", pair)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"keypoints": [20, 23, 2], "bbox": [10, 20, 4, 6]}, "a keypoint outside their bbox"),
        ({"bbox": [10, 20, 4, 6], "keypoints": None, "ignore": 1}, "the mark 'ignore'"),
        ({"keypoints": [12, 23, 2], "bbox": [10, 20, 4, 6], "ignore": 0}, ""),
    ],
)
def test_what_makes_an_object_of_coco_doubtful_is_said(tmp_path, pair, found, said):
    content = coco([(1, "images/1_a.png")], **found)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        assert len(formats.read_coco(tmp_path / "a.json", pair)) == 1
    assert [said in str(one.message) for one in messages] == [True] * bool(said)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("names: [dicentric, fragment]\nnames: [fragment, dicentric]\n", "'names' occurs twice"),
        ("names:\n  0: dicentric\n  0: fragment\n", "0 occurs twice; expected it once"),
        ("nc: 3\nnames: [dicentric, fragment]\n", "nc is 3, but 2 names are there"),
        ("names:\n\t- dicentric\n", "no list of class names"),
        ("[dicentric, fragment]\n", "no list of class names"),
    ],
)
def test_yaml_that_does_not_name_the_classes_once(tmp_path, index, text, match):
    (tmp_path / "data.yaml").write_text(text)
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match=rf"data\.yaml: .*{match}") as error:
        formats.read_yolo(tmp_path, index)
    assert "\n" not in str(error.value)


def test_attributes_of_cvat_are_said(tmp_path, index):
    path = tmp_path / "a.xml"
    path.write_text(
        '<annotations><image name="a.png" width="97" height="60"><points label="dicentric" '
        'points="10.5,20.5"><attribute name="sure">no</attribute></points></image></annotations>'
    )
    with pytest.warns(InputWarning, match="1 attributes of objects skipped: sure"):
        assert formats.read_cvat(path, index)[["row", "col"]].to_numpy().tolist() == [[20, 10]]


def test_keypoints_that_are_absent_or_several(tmp_path, pair):
    for keypoints, position in (([0, 0, 0], [22.5, 11.5]), ([12, 24, 2, 1, 1, 2], [24, 12])):
        content = coco([(1, "images/1_a.png")], keypoints=keypoints, bbox=[10, 20, 4, 6])
        (tmp_path / "a.json").write_text(json.dumps(content))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = formats.read_coco(tmp_path / "a.json", pair)
        assert found[["row", "col"]].to_numpy().tolist() == [position]
        several = ["several keypoints; the first is taken" in str(one.message) for one in said]
        assert several == [True] * (len(keypoints) > 3)


def test_predictions_are_said(tmp_path, pair):
    content = coco([(1, "images/1_a.png")], score=0.4)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.warns(InputWarning, match="1 objects have a score, typical of"):
        assert len(formats.read_coco(tmp_path / "a.json", pair)) == 1


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("0 0.5 0.5 0.1 0.1 0.87", "no outlines, poses or confidences"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2", "an outline of 4 points; .*no outlines, poses"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "an outline of 3 points; expected class x y width"),
        ("0 0.1 0.1 0.2", "0.1 0.1 0.2'; expected class x y width height"),
        ("0 0.1 0.1", "0.1 0.1'; expected class x y width height"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.3", "0.2 0.3'; expected class x y width height"),
        ("0 0.5 0.5 1.5 0.1", "above 0 and at most 1"),
        ("0 0.5 0.5 0 0", "above 0 and at most 1"),
        ("0 50 60 10 10", "above 0 and at most 1"),
    ],
)
def test_lines_of_yolo_that_are_no_box(tmp_path, index, line, match):
    (tmp_path / "classes.txt").write_text("dicentric\nfragment\n")
    (tmp_path / "a.txt").write_text(f"1 0.5 0.5 0.1 0.1\n{line}\n")  # four numbers are a box
    with pytest.raises(InputError, match=rf"a\.txt, line 2: .*{match}"):
        formats.read_yolo(tmp_path, index)


def test_pointers_of_git_lfs_are_named(tmp_path, index):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    for name in ("a.json", "a.xml", "a.csv", "a.png", "a.tif", "a.txt", "classes.txt"):
        (tmp_path / name).write_text(pointer)
    for attempt in (
        lambda: formats.read_coco(tmp_path / "a.json", index),
        lambda: formats.read_cvat(tmp_path / "a.xml", index),
        lambda: formats.read_yolo(tmp_path, index),
        lambda: read_annotations(tmp_path / "a.csv", index),
        lambda: read_image(tmp_path / "a.png"),
        lambda: read_image(tmp_path / "a.tif"),
    ):
        with pytest.raises(InputError, match=r"a Git LFS pointer.*git lfs pull"):
            attempt()
    assert index_images(tmp_path).quarantined["reason"].str.contains("git lfs pull").all()


def coco_file(folder, images, keypoints=(20, 10, 2)):
    content = {
        "images": images,
        "categories": [{"id": 1, "name": "dicentric"}],
        "annotations": [{"image_id": images[-1]["id"], "category_id": 1, "keypoints": keypoints}],
    }
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


@pytest.mark.parametrize("half", [(30, 48), ("30", "48"), (30.0, 48.0)])
def test_every_size_that_a_file_states_is_compared(tmp_path, index, half):
    shrunk = {"id": 1, "file_name": "a.png", "height": half[0], "width": half[1]}
    whole = {"id": 2, "file_name": "a.png", "height": 60, "width": 97}
    for images in ([shrunk], [shrunk, whole], [whole, shrunk]):
        with pytest.raises(InputError, match=r"annotated at 30 x 48 px .* the file has 60 x 97"):
            formats.read_coco(coco_file(tmp_path, images), index)
    assert len(formats.read_coco(coco_file(tmp_path, [whole]), index)) == 1
    xml = XML.format("").replace("</annotations>", '<image name="a.png" width="{}" height="{}"/>')
    (tmp_path / "a.xml").write_text(xml.format(48, 30) + "</annotations>")
    with pytest.raises(InputError, match="annotated at 30 x 48"):
        formats.read_cvat(tmp_path / "a.xml", index)


def test_shares_of_the_sides_are_no_pixels(tmp_path, index):
    whole = {"id": 2, "file_name": "a.png", "height": 60, "width": 97}
    with pytest.raises(InputError, match="all positions lie between 0 and 1; are they shares"):
        formats.read_coco(coco_file(tmp_path, [whole], (0.25, 0.5, 2)), index)
    text = "image,class,row,col\na.png,dicentric,0.25,0.5\na.png,fragment,0.75,1.0\n"
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=r"a\.csv: all positions lie between 0 and 1"):
        read_annotations(tmp_path / "a.csv", index)
    (tmp_path / "a.csv").write_text(text + "a.png,fragment,0.5,1.25\n")
    with pytest.warns(InputWarning, match="row 3: an object within 1 px of another, 3 in all"):
        assert len(read_annotations(tmp_path / "a.csv", index)) == 3


def test_hidden_files_of_a_mac_are_passed_over(tmp_path, index):
    layer = "index,axis-0,axis-1\n0.0,10,20\n"
    write_labels(tmp_path, {"napari/a.png.dicentric.csv": layer, "yolo/classes.txt": "dicentric",
                            "yolo/a.txt": "0 0.5 0.5 0.1 0.1"})  # fmt: skip
    for name in ("napari/._a.png.dicentric.csv", "yolo/._a.txt"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    assert len(formats.read_napari(tmp_path / "napari", index)) == 1
    assert len(formats.read_yolo(tmp_path / "yolo", index)) == 1


def test_napari_layers_of_one_image_are_compared(tmp_path, index):
    layer = "index,axis-0,axis-1\n0.0,10,20\n1.0,30,40\n"
    write_labels(tmp_path, {"a.png.dicentric.csv": layer, "A.PNG.dicentric.csv": layer})
    with pytest.warns(InputWarning) as said:
        assert len(formats.read_napari(tmp_path, index)) == 2
    assert any("a duplicate object; 2 duplicates left out" in str(one.message) for one in said)
    (tmp_path / "A.PNG.dicentric.csv").unlink()
    write_labels(tmp_path, {"a.png.fragment.csv": layer})
    with pytest.raises(InputError, match=r"points of a\.png: dicentric and fragment at one pos"):
        formats.read_napari(tmp_path, index)


def test_files_beside_napari_points_are_named(tmp_path, index):
    layer = "index,axis-0,axis-1\n0,5,6\n"
    write_labels(tmp_path, {"a.png.dicentric.csv": layer, "samples.csv": "image\na.png\n",
                            "notes.txt": "blurred"})  # fmt: skip
    with pytest.warns(InputWarning, match=r"2 tables are not points of napari.*notes.txt, samples"):
        assert len(formats.read_napari(tmp_path, index)) == 1
    for name in ("a.png.fragment.txt", "a.png.fragment.xlsx", "e.png.Dicentric.tsv"):
        write_labels(tmp_path, {name: layer})
        with pytest.raises(InputError, match=rf"{name}: named as points of napari"):
            formats.read_napari(tmp_path, index)
        (tmp_path / name).unlink()


@pytest.mark.parametrize("orientation", [1, 3, 6])  # as it lies, upside down, a quarter
def test_images_that_are_turned_by_a_note_are_said(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.txt").write_text("0 0.1 0.1 0.1 0.1\n")
    (tmp_path / "classes.txt").write_text("dicentric\nfragment\n")
    index = index_images(tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = formats.read_yolo(tmp_path, index)
    height, width = (30, 20) if orientation == 6 else (20, 30)
    assert found[["row", "col"]].to_numpy().tolist() == [[0.1 * height - 0.5, 0.1 * width - 0.5]]
    assert any("have a rotation in their file" in str(one.message) for one in said) is (
        orientation != 1
    )
