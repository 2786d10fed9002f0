"""Names that a spreadsheet turned into dates are said, and read as they are."""

import warnings
from datetime import datetime

import pandas as pd
import pytest

from dicentlib.counts.tables import read_counts
from dicentlib.data.samples import read_samples
from dicentlib.errors import InputWarning
from dicentlib.tables import write_table
from dicentlib.tables.dates import is_date

DATES = [
    *("01.Feb", "01. Feb", "03.Mrz", "3. Mär", "02.Dez", "02. Mai 26", "01.02.2026", "01.02.26"),
    *("1-Feb", "2-Jan", "02-Jan-26", "Feb-26", "May 1", "2/1/2026", "2/1/26", "2026-02-01"),
    *("2026-02-01 00:00:00", "2026-02-01T00:00:00", "1 févr.", "1-dic", "12-août"),
]
NAMES = [
    *("1-2", "1.2", "P-1", "3 cells", "1-control", "12", "46054", "A 2026", "2-b", "donor 3"),
    *("1-2-26", "1.2.10", "Marta 3", "2026", "slide-1", "Feb", "13-Foo", "2 dic", "72-Feb"),
]


@pytest.mark.parametrize("text", DATES)
def test_dates_of_spreadsheets(text):
    assert is_date(text)


@pytest.mark.parametrize("text", NAMES)
def test_names_that_are_no_dates(text):
    assert not is_date(text)


@pytest.mark.parametrize("date", [*DATES, "46054"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_date_among_the_names_of_counts(tmp_path, date, separator):
    rows = [("ID", "N", "X"), ("P-1", "100", "3"), (date, "200", "7"), ("P-2", "50", "1")]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8")
    with pytest.warns(InputWarning, match="column ID: row 3 .* may be a date") as said:
        table = read_counts(path)
    assert len(said) == 1
    assert table["sample"].tolist() == ["P-1", date, "P-2"]


@pytest.mark.parametrize("column", ["sample", "donor", "slide"])
def test_dates_among_the_names_of_images(tmp_path, column):
    names = ["01.Feb", "02.Feb", "1-13", "01.Feb"]
    path = tmp_path / "samples.csv"
    lines = [f"image,{column}", *(f"{i}.png,{name}" for i, name in enumerate(names))]
    path.write_text("\n".join(lines))
    with pytest.warns(InputWarning, match=f"column {column}: row 2 '01.Feb', row 3 '02.Feb' may"):
        table = read_samples(path)
    assert table[column].tolist() == names


def test_a_date_cell_of_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("ID", "N", "X"), (datetime(2026, 2, 1), 100, 3), ("1-13", 100, 2)):
        book.active.append(row)
    book.save(tmp_path / "counts.xlsx")
    with pytest.warns(InputWarning, match="row 2 '2026-02-01T00:00:00' may be a date"):
        table = read_counts(tmp_path / "counts.xlsx")
    assert table["sample"].tolist() == ["2026-02-01T00:00:00", "1-13"]


def test_a_table_in_memory_with_dates():
    table = pd.DataFrame({"image": ["a.png", "b.png"], "sample": [pd.Timestamp("2026-02-01"), "7"]})
    with pytest.warns(InputWarning, match="row 2 '2026-02-01 00:00:00' may be a date"):
        read_samples(table)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["2026-02-01", "2026-03-01"], False),  # named by the day
        (["45012", "38211", "51000"], False),  # numbers of patients
        (["P-1", "P-2", ""], False),
        (["01.Feb", "02.Feb"], True),  # a day without a year is nobody's name
        (["45012", "A-7"], True),
    ],
)
def test_columns_of_one_kind(names, said):
    table = pd.DataFrame({"image": [f"{i}.png" for i in range(len(names))], "sample": names})
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        read_samples(table)
    assert bool(found) is said


def test_many_dates_are_counted(tmp_path):
    names = [f"{day:02d}.Feb" for day in range(1, 9)]
    path = tmp_path / "counts.csv"
    path.write_text("ID,N,X\n" + "\n".join(f"{name},100,1" for name in [*names, "1-30"]))
    with pytest.warns(InputWarning, match="row 6 '05.Feb', 3 more may be a date"):
        read_counts(path)


def test_spellings_of_one_name_are_said(tmp_path):
    path = tmp_path / "counts.csv"
    names = ["P-07", "p7", "Müller", "MULLER", "1.01", "1.1", "1-1", "11", "A"]
    path.write_text("ID,N,X\n" + "".join(f"{name},500,9\n" for name in names), "utf-8")
    with pytest.warns(InputWarning) as said:
        found = read_counts(path)["sample"].to_list()
    assert found == names
    (message,) = [str(one.message) for one in said if "different names" in str(one.message)]
    assert "column ID: 'MULLER' and 'Müller', 'P-07' and 'p7' are treated" in message


def test_donors_in_two_spellings_are_said():
    table = pd.DataFrame({"image": ["a.png", "b.png"], "donor": ["Muller", "müller"]})
    with pytest.warns(
        InputWarning, match="column donor: 'Muller' and 'müller' are treated as diff"
    ):
        assert read_samples(table)["donor"].to_list() == ["Muller", "müller"]


def test_doses_above_20_gy_are_said():
    table = pd.DataFrame({"image": ["a.png", "b.png"], "dose_gy": [25.0, None]})
    with pytest.warns(InputWarning, match="column dose_gy: doses up to 25 are read as Gy"):
        assert read_samples(table)["dose_gy"].to_list()[0] == 25


def test_a_name_like_a_formula_is_written_as_text(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    write_table(pd.DataFrame({"sample": ["=1+1", "007", "1e5", "TRUE"]}), tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert [(cell.value, cell.data_type) for cell in sheet["A"]] == [
        *(("sample", "s"), ("=1+1", "s"), ("007", "s"), ("1e5", "s"), ("TRUE", "s"))
    ]


def test_long_numbers_that_were_shortened_are_said(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("ID;N;X\n1e5;500;9\n3,91E+16;500;9\n")
    with pytest.warns(InputWarning, match="row 3 '3,91E\\+16' is a long number that a spreadsheet"):
        assert read_counts(path)["sample"].to_list() == ["1e5", "3,91E+16"]
