"""samples.csv and annotations.csv as people write them: names, separators, nearly right names."""

import unicodedata
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data import index_images
from dicentlib.errors import InputError, InputWarning
from dicentlib.training import read_image_set

HEADER = "image,sample,dose_gy,pixel_size_um\n"


def image_set(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30), 220, dtype=np.uint8)).save(folder / name)
    return folder


def only_row(index):
    assert index.quarantined.empty, index.quarantined
    assert len(index.table) == 1
    return index.table.iloc[0]


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("CELL_01.TIF", "Cell_01.tif", True),  # one file for Windows
        ("images/0001.tif", "images\\0001.tif", False),
        ("images/0001.tif", "Images\\0001.TIF", True),
        (unicodedata.normalize("NFD", "Müller.png"), "Müller.png", True),  # written by a Mac
        ("Müller.png", unicodedata.normalize("NFD", "Müller.png"), False),
        ("a.png", " a.png ", False),
    ],
)
def test_names_that_differ_as_people_write_them(tmp_path, name, written, said):
    image_set(tmp_path, name)
    (tmp_path / "samples.csv").write_text(f"{HEADER}{written},case 7,2,0.2\n")
    if said:
        with pytest.warns(InputWarning, match="1 image name matched to a file that differs"):
            row = only_row(index_images(tmp_path))
    else:
        row = only_row(index_images(tmp_path))
    assert row[["image", "sample", "dose_gy", "pixel_size_um"]].tolist() == [name, "case 7", 2, 0.2]


def test_names_that_may_be_two_files_or_one_file_twice(tmp_path):
    image_set(tmp_path, "a.png", "A.PNG")
    (tmp_path / "samples.csv").write_text("image\nA.png\n")
    with pytest.raises(InputError, match=r"image A\.png may be A\.PNG or a\.png"):
        index_images(tmp_path)
    (tmp_path / "samples.csv").write_text("image\na.png\nA.PNG\n")
    assert len(index_images(tmp_path).table) == 2
    (tmp_path / "A.PNG").unlink()
    with (
        pytest.warns(InputWarning, match="matched to a file"),
        pytest.raises(InputError, match=r"image a\.png is listed a second time"),
    ):
        index_images(tmp_path)


def test_a_table_given_beside_the_folder_is_matched_too(tmp_path):
    image_set(tmp_path / "set", "CELL.TIF", "other.tif")
    with pytest.warns(InputWarning, match=r"cell\.tif means CELL\.TIF"):
        index = index_images(tmp_path / "set", samples=pd.DataFrame({"image": ["cell.tif"]}))
    assert only_row(index)["image"] == "CELL.TIF"


@pytest.mark.parametrize(
    "name", ["Samples.csv", "samples.CSV", "samples.csv.csv", "samples.txt", "samples.tsv"]
)
def test_a_table_under_nearly_the_right_name_is_read_and_said(tmp_path, name):
    image_set(tmp_path, "a.png")
    (tmp_path / name).write_text(f"{HEADER}a.png,case 7,2,0.2\n")
    with pytest.warns(InputWarning, match=r"read as the table samples\.csv"):
        assert only_row(index_images(tmp_path))["sample"] == "case 7"


def test_other_tables_are_named(tmp_path):
    image_set(tmp_path, "a.png")
    for name in ("Samples.csv", "samples.CSV"):
        (tmp_path / name).write_text(f"{HEADER}a.png,{name},2,0.2\n")
    with pytest.raises(InputError, match=r"Samples\.csv, samples\.CSV found; expected one table"):
        index_images(tmp_path)
    (tmp_path / "samples.csv").write_text(f"{HEADER}a.png,right,2,0.2\n")
    with pytest.warns(InputWarning, match=r"Samples\.csv, samples\.CSV not read"):
        assert only_row(index_images(tmp_path))["sample"] == "right"
    for name in ("Samples.csv", "samples.CSV", "samples.csv"):
        (tmp_path / name).unlink()
    (tmp_path / "sample (1).csv").write_text(f"{HEADER}a.png,copy,2,0.2\n")
    with pytest.warns(InputWarning, match=r"sample \(1\)\.csv not read; the table that is read"):
        assert only_row(index_images(tmp_path))["sample"] == ""


def test_samples_in_a_workbook(tmp_path):
    pytest.importorskip("openpyxl")
    image_set(tmp_path, "a.png")
    table = pd.DataFrame({"image": ["a.png"], "sample": ["007"], "dose_gy": [0.5]})
    table.to_excel(tmp_path / "samples.xlsx", index=False)
    with pytest.warns(InputWarning, match=r"samples\.xlsx: read as the table samples\.csv"):
        row = only_row(index_images(tmp_path))
    assert row[["sample", "dose_gy"]].tolist() == ["007", 0.5]
    (tmp_path / "samples.xlsx").write_text(f"{HEADER}a.png,case 7,2,0.2\n")  # only named so
    with pytest.warns(InputWarning):
        assert only_row(index_images(tmp_path))["sample"] == "case 7"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.filterwarnings("ignore::dicentlib.errors.InputWarning")
def test_an_image_set_of_a_german_spreadsheet(tmp_path, encoding):
    image_set(tmp_path, "a.png")
    samples = "Proben;;;\r\n;;;\r\nimage;sample;dose_gy;pixel_size_um\r\n"
    samples += "a.png;Fall ä;0,5;0,125\r\n;;;\r\n"
    (tmp_path / "samples.csv").write_bytes(samples.encode(encoding))
    (tmp_path / "annotations.csv").write_text(
        "image;class;row;col\r\nA.PNG;Dicentric;6,5;28,5\r\n;;;\r\n"
    )
    index, table = read_image_set(tmp_path)
    row = only_row(index)
    assert row[["sample", "dose_gy", "pixel_size_um"]].tolist() == ["Fall ä", 0.5, 0.125]
    assert table.iloc[0].tolist() == ["a.png", "dicentric", 6.5, 28.5]


def test_annotations_under_nearly_the_right_name(tmp_path):
    image_set(tmp_path, "a.png")
    (tmp_path / "Annotations.CSV").write_text("image,class,row,col\na.png,fragment,1,2\n")
    with pytest.warns(InputWarning, match=r"read as the table annotations\.csv"):
        assert len(read_image_set(tmp_path)[1]) == 1


def test_thousands_and_decimals_of_positions(tmp_path):
    Image.fromarray(np.full((30, 2000), 220, dtype=np.uint8)).save(tmp_path / "a.png")
    for text, col in (("1.024;5,5", 1024), ("1024,5;5,5", 1024.5), ("1 024,5;5,5", 1024.5)):
        (tmp_path / "annotations.csv").write_text(f"image;class;col;row\na.png;fragment;{text}\n")
        assert read_image_set(tmp_path)[1]["col"].item() == col
    (tmp_path / "annotations.csv").write_text("image\tclass\tcol\trow\na.png\tfragment\t1,024\t5\n")
    with pytest.raises(InputError, match=r"row 2: column col has '1,024': it may be 1024 or 1"):
        read_image_set(tmp_path)


def test_other_columns_keep_their_types(tmp_path):
    image_set(tmp_path, "a.png", "b.png")
    (tmp_path / "samples.csv").write_text(
        "image,sample,n,area,good,note,empty\na.png,007,1,0.5,True,x,\nb.png,NA,,1,False,,\n"
    )
    table = index_images(tmp_path).table
    assert table["sample"].tolist() == ["007", "NA"]
    assert table["n"].fillna(-1).tolist() == [1, -1]
    assert table["area"].tolist() == [0.5, 1.0]
    assert table["good"].tolist() == [True, False]
    assert table["note"].fillna("-").tolist() == ["x", "-"]
    assert table["empty"].isna().all()


def test_rows_below_merged_cells_are_said(tmp_path):
    image_set(tmp_path, "a.png", "b.png")
    (tmp_path / "samples.csv").write_text("image,sample\na.png,case 7\nb.png,\n")
    with pytest.warns(InputWarning, match="1 of 2 rows have no sample, the first is row 3"):
        assert index_images(tmp_path).table["sample"].tolist() == ["case 7", ""]


def test_a_dose_rate_is_another_column(tmp_path):
    image_set(tmp_path, "a.png")
    (tmp_path / "samples.csv").write_text("image,Dose rate (Gy/min),gray level\na.png,0.5,90\n")
    row = only_row(index_images(tmp_path))
    assert row[["Dose rate (Gy/min)", "gray level"]].tolist() == [0.5, 90]
    assert np.isnan(row["dose_gy"])


def test_a_table_in_a_folder_below_is_named(tmp_path):
    image_set(tmp_path, "s1/a.png")
    (tmp_path / "s1" / "samples.csv").write_text("image,sample,pixel_size_um\na.png,x,0.2\n")
    with pytest.warns(InputWarning, match=r"s1/samples\.csv not read; the table of samples lies"):
        assert only_row(index_images(tmp_path))["sample"] == ""


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("cell 1", "cell 1.png"),  # without its suffix
        ("cell 1.png", "slide 2/cell 1.png"),  # without its folder
        ("Cell 1", "slide 2/cell 1.png"),
        ("cell%201.png", "cell 1.png"),  # of an address
        ("cell\u00a0 1.png", "cell 1.png"),  # other blanks
    ],
)
def test_names_that_lack_a_part(tmp_path, written, file):
    image_set(tmp_path, file, "other.png")
    (tmp_path / "samples.csv").write_text(f"image,sample\n{written},A\n", "utf-8")
    with pytest.warns(InputWarning, match="1 image name matched to a file that differs"):
        table = index_images(tmp_path).table
    assert dict(zip(table["image"], table["sample"], strict=True)) == {file: "A", "other.png": ""}


def test_short_names_of_several_files_are_refused(tmp_path):
    image_set(tmp_path, "s1/a.png", "s2/a.png")
    (tmp_path / "samples.csv").write_text("image,sample\na.png,A\n")
    with pytest.raises(InputError, match=r"image a\.png may be s1/a\.png or s2/a\.png"):
        index_images(tmp_path)
    (tmp_path / "s2/a.png").unlink()
    (tmp_path / "samples.csv").write_text("image,sample\ns1/a,A\na,B\n")
    with pytest.raises(InputError, match=r"images s1/a and a may both be s1/a\.png"):
        index_images(tmp_path)


@pytest.mark.parametrize("written", ["cell-1.tif", "cell_01.tif", "Cell 1.png"])
def test_absent_images_are_named_beside_files_of_nearly_that_name(tmp_path, written):
    image_set(tmp_path, "cell_1.png")
    (tmp_path / "samples.csv").write_text(f"image,sample\n{written},A\n")
    match = f"{written} does not exist, and cell_1.png has no row; are they the same image"
    with pytest.warns(InputWarning, match=match):
        index = index_images(tmp_path)
    assert index.table[["image", "sample"]].to_numpy().tolist() == [["cell_1.png", ""]]


@pytest.mark.parametrize("heading", ["mpp", "MPP_x", "PhysicalSizeX", "Pixel width (um)"])
def test_other_words_for_the_pixel_size(tmp_path, heading):
    image_set(tmp_path, "a.png")
    (tmp_path / "samples.csv").write_text(f"image,sample,{heading}\na.png,P1,0.2\n")
    with pytest.raises(InputError, match="pixel_size_um is probably meant"):
        index_images(tmp_path)


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("image,dose_gy,dose", "a.png,1.0,2", "column 'dose' is not used, 'dose_gy' is"),
        ("image,sample,Sample", "a.png,P1,P2", "column 'Sample' is not used, 'sample' is"),
        ("image,scale,pixel_size_um", "a.png,0.1,0.2", "'scale' is not used, 'pixel_size_um' is"),
        ("image,dose_gy,dose", "a.png,1.0,1", ""),
        ("image,sample,patient", "a.png,P1,Anna", ""),
    ],
)
def test_two_columns_of_one_meaning(tmp_path, head, row, said):
    image_set(tmp_path, "a.png")
    (tmp_path / "samples.csv").write_text(f"{head}\n{row}\n")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        index_images(tmp_path)
    assert [said in str(one.message) for one in found] == ([True] if said else [])
