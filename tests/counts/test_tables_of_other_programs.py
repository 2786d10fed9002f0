"""What other programs leave in tables of counts: marks, garbled letters, formats, zero bytes."""

import warnings

import pytest

from dicentlib.counts.sample import Sample
from dicentlib.counts.tables import read_counts
from dicentlib.data.samples import read_samples
from dicentlib.dose.table import named_samples
from dicentlib.errors import InputError, InputWarning


def saved(tmp_path, content):
    path = tmp_path / "counts.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(tmp_path, rows, edit):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    edit(book.active, openpyxl)
    book.save(tmp_path / "counts.xlsx")
    return tmp_path / "counts.xlsx"


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u202a", "\u2066", "\u2060", "\u00ad"])
def test_marks_of_the_direction_of_writing_are_no_part_of_a_cell(tmp_path, mark):
    table = read_counts(saved(tmp_path, f"ID,N,{mark}X\n{mark}A,352{mark},72\nA,340,14\n"))
    assert table["sample"].tolist() == ["A", "A"]
    assert table["n_cells"].tolist() == [352, 340]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P-1", "P\u20131"),  # a dash that Word or Excel has made
        ("P-1", "P\u20111"),
        ("PH1", "\u0420\u041d1"),  # Cyrillic
        ("TOM", "\u03a4\u039f\u039c"),  # Greek
        ("AB", "A\u200cB"),
    ],
)
def test_names_that_look_alike_are_said(tmp_path, one, other):
    path = saved(tmp_path, f"ID,N,X\n{one},352,72\n{other},340,14\n")
    with pytest.warns(InputWarning, match="are treated as different names"):
        assert read_counts(path)["sample"].tolist() == [one, other]


@pytest.mark.parametrize("name", ["Müller", "Åse", "Иванов", "Nuñez", "Ørsted", "M\ufffdller"])
def test_garbled_names_are_said(tmp_path, name):
    garbled = name.encode().decode("cp1252", "replace")
    with pytest.warns(InputWarning, match="garbled letters, because a program used another"):
        assert read_counts(saved(tmp_path, f"ID;N;X\n{garbled};352;72\n"))["n_cells"][0] == 352


@pytest.mark.parametrize("name", ["MÜLLER", "Åse", "SÃO PAULO", "ÑANDÚ", "«À»", "Иванов", "Θ1"])
def test_names_with_rare_letters_are_not_called_garbled(tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_counts(saved(tmp_path, f"ID;N;X\n{name};352;72\n"))
    assert table["sample"].tolist() == [name]


@pytest.mark.parametrize("n_zeros", [300, 301])
@pytest.mark.parametrize("text", [b"", b"ID,N,X\nA,352,72\n"])
def test_a_file_that_was_not_wholly_written(tmp_path, text, n_zeros):
    with pytest.raises(InputError, match="zero bytes; was it completely written or downloaded"):
        read_counts(saved(tmp_path, text + b"\0" * n_zeros))


@pytest.mark.parametrize("n_cells", [100_000_001, 10**20, 10**30])
def test_more_cells_than_anybody_scores(tmp_path, n_cells):
    with pytest.raises(InputError, match=r"row 2: .* cells; expected at most 100,000,000"):
        read_counts(saved(tmp_path, f"ID,N,X\nA,{n_cells},72\n"))
    with pytest.raises(InputError, match="expected at most 100,000,000"):
        Sample.of(n_cells=n_cells, n_dicentrics=1)


def test_a_total_that_the_classes_do_not_have_is_said(tmp_path):
    path = saved(tmp_path, "ID,C0,C1,C2,total\nA,300,20,2,322\nB,300,20,2,24\nC,300,20,2,330\n")
    with pytest.warns(InputWarning, match="row 4: column total has 330, but 322 cells with 24"):
        assert read_counts(path)["n_cells"].tolist() == [322] * 3


def test_a_variance_is_no_sample(tmp_path):
    with pytest.raises(InputError, match="row 3: 'varianz' is not a sample"):
        read_counts(saved(tmp_path, "ID;N;X\nA;352;72\nVarianz;10;20\n"))


def test_a_name_that_became_a_time_is_said(tmp_path):
    path = saved(tmp_path, "ID,N,X\nP-1,352,72\n01:02,340,14\n")
    with pytest.warns(InputWarning, match="row 3 '01:02' may be a date"):
        assert read_counts(path)["sample"].tolist() == ["P-1", "01:02"]


@pytest.mark.parametrize(
    ("number", "number_format", "shown"),
    [
        (7, '"P-"000', "P-007"),
        (7123, "000\\-000", "007-123"),
        (1234567, "000\\-000", "1234-567"),
        (12, '"26/"0', "26/12"),
        (7, "00000", "00007"),
        (7, "#,##0", "7"),
        (7, '0" cells"', "7"),
    ],
)
def test_names_in_a_number_format_are_read_as_they_are_shown(
    tmp_path, number, number_format, shown
):
    def edit(sheet, _):
        sheet["A2"].number_format = number_format

    path = workbook(tmp_path, [["ID", "N", "X"], [number, 352, 72]], edit)
    assert read_counts(path)["sample"].tolist() == [shown]


def test_struck_through_cells_are_said(tmp_path):
    def edit(sheet, openpyxl):
        for cell in sheet[3]:
            cell.font = openpyxl.styles.Font(strike=True)

    path = workbook(tmp_path, [["ID", "N", "X"], ["A", 352, 72], ["B", 340, 14]], edit)
    with pytest.warns(InputWarning, match="3 struck-through cells are read too: A3, B3, C3"):
        assert read_counts(path)["sample"].tolist() == ["A", "B"]


def test_a_workbook_with_a_password_is_named(tmp_path):
    content = b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(InputError, match=r"a workbook with a password; save it .* without one"):
        read_counts(saved(tmp_path, content))


@pytest.mark.parametrize("error", ["#N/A", "#NV", "#NAME?", "#BEZUG!", "#VALUE!", "########"])
def test_names_that_are_errors_of_formulas_are_refused(tmp_path, error):
    path = saved(tmp_path, f"ID,N,X\nA,352,72\n{error},340,14\n")
    with pytest.raises(
        InputError, match=r"row 3: column ID has .*, an error of a spreadsheet formula"
    ):
        read_counts(path)
    path.write_text(f"image,sample\na.png,P1\nb.png,{error}\n")
    with pytest.raises(InputError, match=r"row 3: column sample has .*, an error of a sprea"):
        read_samples(path)


@pytest.mark.parametrize("heading", ["Nr.", "No", "S. No.", "Lab no.", "Barcode", "Kennung"])
def test_a_column_of_numbers_names_the_rows_where_no_other_does(tmp_path, heading):
    path = saved(tmp_path, f"{heading},N,X\n7,352,72\n9,340,14\n")
    assert [name for name, *_ in named_samples(path)] == ["7", "9"]
    path = saved(tmp_path, f"{heading},Name,N,X\n7,Anna,352,72\n")
    assert [name for name, *_ in named_samples(path)] == ["Anna"]


def test_samples_without_names_are_said_where_other_columns_may_hold_them(tmp_path):
    path = saved(tmp_path, "Accession,N,X\nQ7,352,72\nQ9,340,14\n")
    with pytest.warns(InputWarning, match="named by the number of their row; not used: Access"):
        assert [name for name, *_ in named_samples(path)] == ["1", "2"]
    path = saved(tmp_path, "N,X\n352,72\n")
    assert [name for name, *_ in named_samples(path)] == ["1"]
