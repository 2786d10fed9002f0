"""Annotations: what is allowed, and that nothing changes on the way through a file."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data import index_images, read_annotations, write_annotations
from dicentlib.errors import InputError, InputWarning


@pytest.fixture
def index(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((20, 30), 220, dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return index_images(tmp_path)


@pytest.fixture
def annotations():
    return pd.DataFrame(
        {
            "image": ["a.png", "a.png", "b.png"],
            "class": ["dicentric", "fragment", "fragment"],
            "row": [0.0, 1 / 3, 19.999],
            "col": [0.1 + 0.2, 29.5, 1e-17],
        }
    )


def test_csv_round_trip_is_exact(tmp_path, annotations, index):
    write_annotations(tmp_path / "annotations.csv", annotations)
    pd.testing.assert_frame_equal(
        read_annotations(tmp_path / "annotations.csv", index), annotations, check_exact=True
    )


def test_an_empty_table_round_trips(tmp_path, annotations):
    write_annotations(tmp_path / "annotations.csv", annotations.iloc[:0])
    assert read_annotations(tmp_path / "annotations.csv").empty


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,ring,1,1", r"row 3: class 'ring'; allowed: dicentric, fragment"),
        ("a.png,,1,1", r"row 3: class ''; allowed: dicentric, fragment"),
        ("c.png,fragment,1,1", r"row 3: image 'c.png' is not in .*; allowed: its 2 images"),
        ("a.png,fragment,20,1", r"row 3: position \(20, 1\) is outside a.png; .* row below 20"),
        ("a.png,fragment,1,30", r"row 3: position \(1, 30\) is outside a.png;.* col below 30"),
        ("a.png,fragment,-1,3", r"row 3: row .*-1.*; allowed: a position in pixels, from 0"),
        ("a.png,fragment,1,x", r"row 3: column col has 'x': expected a number"),
        ("a.png,fragment,inf,3", r"row 3: column row has 'inf': expected a number"),
        (",fragment,1,3", r"row 3: image ''; allowed: an image's path"),
    ],
)  # fmt: skip
def test_errors_name_file_row_and_what_is_allowed(tmp_path, index, line, message):
    path = tmp_path / "annotations.csv"
    path.write_text(f"image,class,row,col\nb.png,dicentric,2,2\n{line}\n")
    with pytest.raises(InputError, match=rf"annotations\.csv, {message}"):
        read_annotations(path, index)


def test_missing_file_and_column(tmp_path):
    path = tmp_path / "annotations.csv"
    with pytest.raises(InputError, match=r"annotations\.csv: no such file"):
        read_annotations(path)
    path.write_text("image,class,x,y\n")
    with pytest.raises(InputError, match="no column row, col; found: image, class, x, y"):
        read_annotations(path)


def test_annotations_of_quarantined_images_are_left_out_with_them(tmp_path, index):
    path = tmp_path / "annotations.csv"
    path.write_text("image,class,row,col\nbroken.png,fragment,1,1\nb.png,fragment,2,2\n")
    assert read_annotations(path, index)["image"].tolist() == ["b.png"]


def test_an_object_under_two_spellings_of_its_image_counts_once(tmp_path, index):
    (tmp_path / "annotations.csv").write_text(
        "image,class,row,col\na.png,dicentric,5,6\nA.PNG,dicentric,5,6\n"
    )
    with pytest.warns(InputWarning) as said:
        found = read_annotations(tmp_path / "annotations.csv", index)
    assert found.to_numpy().tolist() == [["a.png", "dicentric", 5.0, 6.0]]
    assert any("row 3: a duplicate object" in str(one.message) for one in said)
    (tmp_path / "annotations.csv").write_text(
        "image,class,row,col\na.png,dicentric,5,6\nA.PNG,fragment,5,6\n"
    )
    with (
        pytest.warns(InputWarning, match="matched to a file"),
        pytest.raises(InputError, match="row 3: dicentric and fragment at one position"),
    ):
        read_annotations(tmp_path / "annotations.csv", index)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("score", "column score, typical of a program's predictions"),
        (
            "Width,height",
            "column height, Width, typical of boxes; row and col are read as the cent",
        ),
        ("remark", ""),
    ],
)
def test_columns_that_give_rows_another_meaning_are_said(tmp_path, columns, said):
    path = tmp_path / "annotations.csv"
    values = ",".join("3" for _ in columns.split(","))
    path.write_text(f"image,class,row,col,{columns}\na.png,dicentric,3,4,{values}\n")
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        assert read_annotations(path)[["row", "col"]].to_numpy().tolist() == [[3, 4]]
    assert [said in str(one.message) for one in messages] == [True] * bool(said)
    assert {one.filename for one in messages} <= {__file__}  # the caller's line, not ours


def test_a_table_of_review_is_no_table_of_annotations(tmp_path):
    path = tmp_path / "annotations.csv"
    path.write_text(
        "image,class,row,col,decision,reviewed_class,seconds\n"
        "a.png,dicentric,3,4,rejected,dicentric,1\n"
    )
    with pytest.raises(InputError, match="a table of review, with rejected objects; expected"):
        read_annotations(path)


@pytest.mark.parametrize(("apart", "said"), [(0.4, True), (0.9, True), (1.1, False)])
def test_objects_that_may_be_one_are_said(tmp_path, apart, said):
    path = tmp_path / "annotations.csv"
    path.write_text(
        f"image,class,row,col\na.png,dicentric,3,4\nb.png,dicentric,3,4\n"
        f"a.png,dicentric,{3 + apart},4\n"
    )
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        assert len(read_annotations(path)) == 3
    expected = "row 4: an object within 1 px of another, 1 in all"
    assert [expected in str(one.message) for one in messages] == [True] * said
    assert {one.filename for one in messages} <= {__file__}
