"""Tables of counts as people save them: each is read right, or refused by name."""

import itertools
import json
import zipfile

import numpy as np
import pytest

from dicentlib.calibration import fit_curve, published_curve
from dicentlib.counts.homogeneity import homogeneity
from dicentlib.counts.sample import Sample
from dicentlib.counts.tables import read_counts
from dicentlib.dose import estimate_dose
from dicentlib.dose.checks import curve_warnings
from dicentlib.dose.table import dose_table, read_curve
from dicentlib.errors import InputError, InputWarning

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
CURVE = "iaea-2011-table5-co60"
CALIBRATION = "0,5000,5\n0.5,2000,66\n1,1000,82\n2,500,140\n3,250,160\n4,150,168\n"


def saved(tmp_path, text, *, encoding="utf-8", name="counts.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def counted(tmp_path, text, **options):
    """Rows as (sample, n_cells, n_dicentrics)."""
    table = read_counts(saved(tmp_path, text, **options))
    names = table["sample"] if "sample" in table else range(len(table))
    return list(zip(names, table["n_cells"], table["n_dicentrics"], strict=True))


BOTH = [("A", 352, 72), ("B", 340, 14)]


@pytest.mark.parametrize(
    "text",
    [
        "ID,N,X\nA,352,72\nB,340,14\n",
        "ID;N;X\r\nA;352;72\r\nB;340;14\r\n",
        "ID\tN\tX\nA\t352\t72\nB\t340\t14\n",
        "ID|N|X\nA|352|72\nB|340|14\n",
        "ID,N,X\rA,352,72\rB,340,14\r",  # line ends of old Macs
        "sep=;\r\nID;N;X\r\nA;352;72\r\nB;340;14\r\n",
        '"sep=\t"\r\nID\tN\tX\r\nA\t352\t72\r\nB\t340\t14\r\n',
        '"ID";"N";"X"\n"A";"352";"72"\n"B";"340";"14"\n',
        '"","ID","N","X"\n"1","A",352,72\n"2","B",340,14\n',  # R's row names
        "ID , N , X \n A , 352 , 72 \n B , 340 , 14 \n",
        "ID,N,X,,\nA,352,72,,\n,,,,\nB,340,14,,\n,,,,\n",
        "\n\nID,N,X\n\nA,352,72\nB,340,14\n",
        "ID;N;X\nA;352,0;72,0\nB;340,0;14,0\n",
        "ID,N,X\nA,352.0,72.0\nB,340.0,14.0\n",
        "Case,Cells scored,Dicentrics\nA,352,72\nB,340,14\n",  # IAEA's own heading
        "ID,No. of cells,No. of dicentrics\nA,352,72\nB,340,14\n",
        "Code,Metaphases,Dic\nA,352,72\nB,340,14\n",
        "Patient #,Total cells,Total dicentrics\nA,352,72\nB,340,14\n",
        "ID,# of cells,# of dics\nA,352,72\nB,340,14\n",
        "Person,Analysed cells,Dicentric chromosomes\nA,352,72\nB,340,14\n",
        "Sample no.,Total no. of cells,Dicentrics (n)\nA,352,72\nB,340,14\n",
        "ID,dic0,dic1,dic2\nA,302,28,22\nB,328,10,2\n",
        "ID,0 dic,1 dic,2 dic\nA,302,28,22\nB,328,10,2\n",
        "ID,Cells with 0 dicentrics,Cells with 1 dicentric,Cells with 2 dicentrics\n"
        "A,302,28,22\nB,328,10,2\n",
        "ID; C0 ; C1; C2\nA;302;28;22\nB; 328;10;2 \n",
        'ID,N,X\n"=""A""","=""352""",72\n="B",340,14\n',  # text for Excel
        "ID,N,X\r\nA,352,72\r\nB,340,14\r\n\x1a",  # DOS's end of file
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_table_in_many_forms(tmp_path, text, encoding):
    assert counted(tmp_path, text, encoding=encoding) == BOTH


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_names_with_umlauts(tmp_path, encoding):
    text = "ID;N;X\nMüller;352;72\nNun\u0303ez;340;14\n"  # the second decomposed, as on a Mac
    names = [row[0] for row in counted(tmp_path, text, encoding=encoding)]
    assert names == ["Müller", "Nu\u00f1ez"]


def test_a_windows_code_page_is_read_and_said(tmp_path):
    with pytest.warns(InputWarning, match=r"code page 1252, check names such as 'Müller'"):
        rows = counted(tmp_path, "ID;N;X\nMüller;352;72\n", encoding="cp1252")
    assert rows == [("Müller", 352, 72)]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "gb2312"])
def test_other_code_pages_are_refused(tmp_path, encoding):
    name = "Ivanov 伊万诺夫" if encoding == "gb2312" else "Иванов"
    with pytest.raises(InputError, match=r"another encoding than UTF-8.*CSV UTF-8"):
        counted(tmp_path, f"ID;N;X\n{name};352;72\n", encoding=encoding)


@pytest.mark.parametrize(
    ("text", "n_cells"),
    [
        ("ID;N;X\nA;1.000;25\nB;500;12\n", 1000),  # a German spreadsheet
        ("ID\tN\tX\nA\t1,000\t25\nB\t500\t12\n", 1000),  # pasted from an American one
        ("D;N;X\n0,5;1.000;25\n", 1000),  # the decimal comma leaves no doubt
        ('D,N,X\n0.5,"1,000",25\n', 1000),
        ("ID;N;X\nA;1.234.567;25\n", 1234567),
        ("ID;N;X\nA;1.000,0;25\n", 1000),
        ("ID;N;X\nA;1 000;25\n", 1000),
        ("ID;N;X\nA;1\u00a0000;25\n", 1000),  # no-break space: French
        ("ID;N;X\nA;1\u202f000;25\n", 1000),  # narrow no-break space: French today
        ("ID;N;X\nA;1'000;25\n", 1000),  # Swiss
        ("ID;N;X\nA;1’000;25\n", 1000),
        ("ID;N;X\nA;1000,00;25\n", 1000),
    ],
)
def test_thousands_where_they_are_certain(tmp_path, text, n_cells):
    assert counted(tmp_path, text)[0][1:] == (n_cells, 25)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ID;N;X\nA;1.000;25\n", r"row 2: column N has '1\.000': it may be 1000 or 1"),
        ("ID,N,X\nA,1.000,7.000\n", r"it may be 1000 or 1\.000"),
        ("D,N,X\n0.5,1.000,25\n1.5,352,30\n", r"it may be 1000 or 1"),  # a decimal point at D
        ("ID;N;X\nA;1.000;25\nB;1500;12\n", "it may be 1000 or 1"),  # once with, once without
        ("ID;N;X\nA;352,5;25\n", "'352,5': expected a whole number"),
        ("ID;N;X\nA;1_000;25\n", "'1_000': expected a whole number"),
        ("ID;N;X\nA;1e3;25\n", "'1e3': expected a whole number"),
        ("ID;N;X\nA;1.00.000;25\n", "expected a whole number"),
        ("ID;N;X\nA;~350;25\n", "expected a whole number"),
        ("ID,N,X\nA,1,000,72\n", "row 2: value '72' in a column without name.*thousands"),
        ("ID,N,X,note\nA,1,000,72\n", "column X has '000': expected a whole number"),
        ("ID,N,X,note\nA,1,352,72\n", "352 dicentrics in 1 cells; a cell has 46 chromosomes"),
        ("D;N;X\n1.000;352;10\n0,5;352;3\n0.5;352;3\n", r"column D has '1\.000': it may be"),
        ("D;N;X\n;352;10\n", "row 2: no dose"),
        ('ID,N,X\n"A,352,72\nB,340,14\n', "not a table.*quotation marks"),
        ("A,352,72\nB,340,14\n", r"expected the columns N and X, or C0, C1 ...; found \['A'"),
    ],
)
def test_what_is_not_certain_is_refused(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        counted(tmp_path, text)


@pytest.mark.parametrize(
    "head",
    [
        "C5+",
        "5+",
        ">=5",
        "≥5",
        ">5",
        "C>=5",
        "5 or more",
        "C≥5",
        "C5 plus",
        "C5-7",
        "5–7",
        "at least 5",
        "cells with 5 or more dicentrics",
        "rest",
        "multi",
        "Several",
    ],
)
def test_open_classes_are_refused(tmp_path, head):
    text = f"ID,C0,C1,C2,C3,C4,{head}\nA,200,90,45,20,10,12\n"
    with pytest.raises(InputError, match="is no class with one number of dicentrics"):
        counted(tmp_path, text)
    # also where N and X are there
    with pytest.raises(InputError, match="is no class with one"):
        counted(tmp_path, f"ID,N,X,{head}\nA,377,340,12\n")


@pytest.mark.parametrize("head", ["3 & more", "3 et plus", "3 bis 5", "3/4", "mehr als 2"])
def test_a_heading_that_may_be_a_class_is_refused(tmp_path, head):
    with pytest.raises(InputError, match="may be a class of cells, but does not say so"):
        counted(tmp_path, f"ID;C0;C1;C2;{head}\nA;480;8;2;1\n")
    # with N the sums decide: 480 + 8 + 2 is not 491, but it is 490
    with pytest.raises(InputError, match="n_cells is 491, but the distribution has 490"):
        counted(tmp_path, f"ID;N;C0;C1;C2;{head}\nA;491;480;8;2;1\n")
    assert counted(tmp_path, f"ID;N;C0;C1;C2;{head}\nA;490;480;8;2;1\n") == [("A", 490, 12)]


@pytest.mark.parametrize(
    ("head", "match"),
    [
        ("ID,N,X,C1,C2", "have gaps: found C1, C2"),
        ("ID,C0,C1,C3,C4", "have gaps"),
        ("ID,C0,C1,dic1,C2", "both 'C1' and 'dic1'"),
        ("ID,N,X,Metaphases,C", "both 'N' and 'Metaphases' are n_cells"),
    ],
)
def test_nothing_that_looks_like_a_count_is_another_column(tmp_path, head, match):
    with pytest.raises(InputError, match=match):
        counted(tmp_path, f"{head}\nA,352,72,1,1\n")


def test_other_columns_are_kept(tmp_path):
    text = "ID,N,X,2024,Age,u,remark\nA,352,72,x,51,1.2,slide #3 torn\n"
    row = read_counts(saved(tmp_path, text)).iloc[0]
    assert row[["2024", "Age", "remark"]].tolist() == ["x", "51", "slide #3 torn"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ID,N,X\n#1,352,72\n#2,340,14\nC,345,8\n", ["#1", "#2", "C"]),
        ("ID,N,X\nPatient #1,352,72\nPatient #2,340,14\n", ["Patient #1", "Patient #2"]),
        ("Patient #,N,X\n7,352,72\n012,340,14\n", ["7", "012"]),
        ("#ID,N,X\n#,352,72\n", ["#"]),
    ],
)
def test_nobody_whose_name_has_a_number_sign_disappears(tmp_path, text, names):
    assert [row[0] for row in counted(tmp_path, text)] == names


def test_names_that_differ_in_zeros_before_a_number_stay_two_and_are_said(tmp_path):
    with pytest.warns(InputWarning, match="'007' and '7' are treated as different names"):
        assert counted(tmp_path, "Patient #,N,X\n7,352,72\n007,340,14\n") == [
            *(("7", 352, 72), ("007", 340, 14))
        ]


def test_a_person_without_counts_is_named(tmp_path):
    with pytest.raises(InputError, match="row 3: expected the cells"):
        counted(tmp_path, "ID,N,X\n#1,352,72\n#2,,\n")
    with pytest.warns(InputWarning, match="line 2 with a remark skipped: '# counted twice'"):
        assert counted(tmp_path, "ID,N,X\n# counted twice\nA,352,72\n") == [("A", 352, 72)]


def test_lines_above_the_header_are_said(tmp_path):
    text = "Scoring 2024,,\r\nLaboratory A,,\r\n,,\r\nID,N,X\r\nA,352,72\r\n"
    with pytest.warns(InputWarning, match="2 lines above the header skipped: 'Scoring 2024'"):
        assert counted(tmp_path, text) == [("A", 352, 72)]
    # rows are counted as the spreadsheet counts them
    with (
        pytest.warns(InputWarning, match="above the header"),
        pytest.raises(InputError, match=r"row 5: column N has 'x'"),
    ):
        counted(tmp_path, text.replace("352", "x"))


def test_a_row_of_totals_is_no_sample(tmp_path):
    text = "ID,N,X\nA,352,72\nB,340,14\nTotal,692,86\n"
    with pytest.warns(InputWarning, match="row 4: 'total' is the sum of the rows above"):
        assert counted(tmp_path, text) == BOTH
    text = "D;N;X\n0,5;1.352;72\n1;1.340;114\nSumme;2.692;186\n"
    with pytest.warns(InputWarning, match="row 4"):
        assert len(read_counts(saved(tmp_path, text))) == 2
    with pytest.raises(InputError, match="row 4: N is 700, but the rows above have 692"):
        counted(tmp_path, "ID,N,X\nA,352,72\nB,340,14\nTotal,700,86\n")
    with pytest.raises(InputError, match="row 2: no rows above it; 'total' is not a sample"):
        counted(tmp_path, "ID,N,X\nTotal,692,86\nA,352,72\nB,340,14\n")
    with pytest.raises(InputError, match="row 4: 'mean' is not a sample"):
        counted(tmp_path, "ID,N,X\nA,352,72\nB,340,14\nMean,346,43\n")
    assert counted(tmp_path, "ID,N,X\nTotal,692,86\n") == [("Total", 692, 86)]
    with pytest.warns(InputWarning, match="row 4: 'a row without name' is the sum"):
        assert counted(tmp_path, "ID,N,X\nA,352,72\nB,340,14\n,692,86\n") == BOTH
    assert len(counted(tmp_path, "ID,N,X\nA,352,72\nB,340,14\n,500,3\n")) == 3


@pytest.mark.parametrize(
    "word",
    [
        *("Total", "Sum", "TOTAL:", "Subtotal", "Grand total", "Σ", "Total (2)", "Total A+B"),
        *("Summe", "Gesamt", "Insgesamt", "Zwischensumme", "Somme", "Sous-total", "Suma", ""),
    ],
)
def test_totals_between_samples_and_of_all(tmp_path, word):
    between = f"ID,N,X\nA,352,72\nB,340,14\n{word},692,86\nC,345,8\nD,100,2\n"
    for last in (f"{word},445,10\n", f"{word},1137,96\n"):  # of the last two, and of all
        with pytest.warns(InputWarning, match="is the sum of the rows above and not a sample"):
            rows = counted(tmp_path, between + last)
        assert rows == [*BOTH, ("C", 345, 8), ("D", 100, 2)]


@pytest.mark.parametrize("word", ["Total", "Summe", "Gesamt", "Somme", "Suma"])
def test_a_wrong_total_between_samples_is_refused(tmp_path, word):
    with pytest.raises(InputError, match="row 3: X is 73, but the rows above have 72 together"):
        counted(tmp_path, f"ID,N,X\nA,352,72\n{word},352,73\nB,340,14\n")
    # of a distribution as well
    with pytest.raises(InputError, match="row 4: C1 is 5, but the rows above have 6 together"):
        counted(tmp_path, f"ID,C0,C1\nA,90,2\nB,80,4\n{word},170,5\n")


@pytest.mark.parametrize(
    "word",
    [
        *("Mean", "Average", "Mittelwert", "Moyenne", "Media", "Promedio", "Standard deviation"),
        *("%", "Mean (n=2)", "Average ± SD", "Durchschnitt", "Ø", "Median:"),
    ],
)
def test_means_are_no_samples(tmp_path, word):
    with pytest.raises(InputError, match=r"row 3: .* is not a sample; remove the row"):
        counted(tmp_path, f"ID,N,X\nA,352,72\n{word},352,72.5\nB,340,14\n")


def test_a_total_is_named_by_the_word_that_says_so(tmp_path):
    with pytest.warns(InputWarning, match="row 3: 'total' is the sum of the rows above"):
        assert counted(tmp_path, "ID,Slide,N,X\nA,1,352,72\nA,Total,352,72\n") == [("A", 352, 72)]


def test_a_row_without_name_is_said(tmp_path):
    table = dose_table(saved(tmp_path, "ID,N,X\nA,352,72\n,340,14\n"), CURVE).set_index("sample")
    assert table.loc["2", "n_dicentrics"] == 14
    assert "The row has no name: it is named by its number." in table.loc["2", "warnings"]
    assert "no name" not in table.loc["A", "warnings"]


def test_a_curve_that_falls_says_so(tmp_path):
    text = '{"coefficients": {"C": 0.001, "alpha": -0.02, "beta": 0.06}}'
    known = read_curve(saved(tmp_path, text, name="curve.json"))
    assert "The curve falls at low doses: alpha is -0.02 per Gy." in curve_warnings(known)


def test_a_number_that_is_there_twice_is_refused(tmp_path):
    text = '{"coefficients": {"C": 0.001, "alpha": 0.02, "alpha": 0.2, "beta": 0.06}}'
    with pytest.raises(InputError, match=r"curve\.json: 'alpha' occurs twice in one object"):
        read_curve(saved(tmp_path, text, name="curve.json"))


def test_a_sample_that_may_be_a_total_is_said(tmp_path):
    with pytest.warns(InputWarning, match="row 4: has the sum of the rows above; remove"):
        assert len(counted(tmp_path, "ID,N,X\nA,352,72\nB,340,14\nPooled,692,86\n")) == 3
    with pytest.warns(InputWarning, match="row 3: 'sd' read as a sample"):  # or Sam Doe
        assert len(counted(tmp_path, "ID,N,X\nA,352,72\nSD,41,8\n")) == 2
    # a total body irradiation is a sample; so is a dose with the sum of the doses below it
    assert len(counted(tmp_path, "ID,N,X\nA,352,72\nTotal body,340,14\n")) == 2
    assert len(counted(tmp_path, "D,N,X\n0,500,0\n0.1,500,1\n0.25,1000,1\n")) == 3


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Probe;Zellen;Dizentrische", "'Probe' is sample, 'Zellen' is n_cells"),
        ("Fall;Anzahl der ausgewerteten Zellen;Dizentrische Chromosomen", "n_cells"),
        ("Proben-Nr.;Zellzahl;Anzahl Dizentrischer", "'Zellzahl' is n_cells"),
        ("Patient;Cellules;Dicentriques", "'Dicentriques' is n_dicentrics"),
        ("\u00c9chantillon;Nombre de cellules;Chromosomes dicentriques", "n_cells"),
        ("N° cas;Cellules analysées;Nombre de dicentriques", "n_cells"),
        ("Muestra;Células;Dicéntricos", "'Muestra' is sample"),
        ("Paciente;Nº de células;Cromosomas dicéntricos", "n_cells"),
    ],
)
def test_headings_in_other_languages(tmp_path, head, said):
    with pytest.warns(InputWarning, match=f"headings understood by their words: .*{said}"):
        rows = counted(tmp_path, f"{head}\nA;352;72\nB;340;14\n")
    assert [row[1:] for row in rows] == [(352, 72), (340, 14)]


@pytest.mark.parametrize(
    ("head", "means"),
    [
        ("Zellen mit 0 Dizentrischen;Zellen mit 1 Dizentrischen", "'.*1 Dizentrischen' is C1"),
        ("cellules avec 0 dicentrique;cellules avec 1 dicentrique", "is C0"),
        ("Células con 0 dicéntricos;Células con 1 dicéntrico", "is C0"),
    ],
)
def test_distributions_in_other_languages(tmp_path, head, means):
    with pytest.warns(InputWarning, match=means):
        row = read_counts(saved(tmp_path, f"Code;{head}\nA;300;40\n")).iloc[0]
    assert row["distribution"] == (300, 40)


@pytest.mark.parametrize(
    "head",
    [
        "Dizentrische Zellen",  # cells with dicentrics, not dicentrics
        "Zellen mit Dizentrischen",
        "cellules dicentriques",
        "células dicéntricas",
        "Dizentrische pro Zelle",
        "dicentriques par cellule",
        "Dicentrics per cell",
        "Dic %",
    ],
)
def test_headings_that_mean_something_else_are_refused(tmp_path, head):
    with pytest.raises(InputError, match=r"expected the columns N and X.*also allowed: words"):
        counted(tmp_path, f"Code;Zellen;{head}\nA;352;60\n")


def test_doses_in_other_units(tmp_path):
    for head in ("Dose (mGy)", "Dosis [cGy]", "D µGy", "Dose in rad"):
        with pytest.raises(InputError, match="expected doses in Gy"):
            counted(tmp_path, f"{head};N;X\n0;5000;5\n500;2000;66\n")
    with pytest.raises(InputError, match=r"row 4: column D has '200'.*0 to 100 \(is it in cGy"):
        counted(tmp_path, "D,N,X\n0,5000,5\n50,2000,66\n200,500,140\n")
    with pytest.raises(InputError, match="row 3: column D has '-1'; expected a dose in Gy"):
        counted(tmp_path, "D,N,X\n0,5000,5\n-1,2000,66\n")
    with pytest.raises(InputError, match="'1 Gy': expected a number, without a unit"):
        counted(tmp_path, "D,N,X\n1 Gy,5000,5\n")


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("03. Apr", "a date, which a spreadsheet makes"),
        ("3-Apr", "a date"),
        ("Apr 03", "a date"),
        ("2024-04-03", "a date"),
        ("03.04.2024", "a date"),
        ("04/03/24", "a date"),
        ("5%", "without a unit or sign"),
        ("72 dic", "without a unit or sign"),
        ("#REF!", "an error of the spreadsheet's formula"),
        ("=B2*2", "a formula"),
        ("n/a", "write 0 where none was found"),
        ("-", "write 0 where none was found"),
        ("NaN", "write 0 where none was found"),
        ("<1", ""),
        ("72*", ""),
        ("-5", "0 or more"),
        ("\u22125", "0 or more"),
        ("\u0663\u0665\u0662", ""),  # Arabic digits
    ],
)
def test_cells_that_are_no_count(tmp_path, cell, hint):
    with pytest.raises(InputError, match="row 3: column X has .*expected a whole number.*" + hint):
        counted(tmp_path, f"ID,N,X\nA,352,72\nB,340,{cell}\n")


def test_more_dicentrics_than_chromosomes_allow(tmp_path):
    curve = published_curve(CURVE)
    for attempt in (
        lambda: counted(tmp_path, "ID,N,X\nA,10,352\n"),
        lambda: Sample.of(n_cells=10, n_dicentrics=231),
        lambda: Sample(10, 231),
        lambda: estimate_dose(curve=curve, n_cells=10, n_dicentrics=352),
        lambda: homogeneity({"A": (352, 10), "B": (5, 100)}),
        lambda: fit_curve([0, 1, 2, 3], [5000, 1000, 500, 10], [5, 82, 140, 231]),
    ):
        with pytest.raises(InputError, match=r"a cell has 46 chromosomes.*at most 23"):
            attempt()
    with pytest.raises(InputError, match="a cell with 24 dicentrics; a cell has 46 chromosomes"):
        estimate_dose([1000, *[0] * 23, 1], curve)
    assert Sample.of(n_cells=10, n_dicentrics=230).yield_ == 23
    assert Sample.of([1000, *[0] * 22, 1, 0, 0]).n_dicentrics == 23


def test_exchanged_columns_are_asked_about(tmp_path):
    with pytest.warns(InputWarning, match="row 2: 352 dicentrics in 72 cells; are the two columns"):
        assert counted(tmp_path, "ID,N,X\nA,72,352\n") == [("A", 72, 352)]


@pytest.mark.parametrize("name", ["calib.csv", "CALIB.CSV", "calib.txt", "calib.tsv"])
def test_calibration_counts_under_any_suffix(tmp_path, name):
    calibration = saved(tmp_path, "D,N,X\n" + CALIBRATION + ",,\n", name=name)
    table = dose_table(saved(tmp_path, "ID,N,X\nA,352,72\n"), calibration)
    assert table["dose_gy"].item() == pytest.approx(1.622, abs=5e-4)


def test_thousands_of_a_german_calibration(tmp_path):
    german = CALIBRATION.replace(",", ";").replace("0.5", "0,5")
    german = german.replace("5000", "5.000").replace("2000", "2.000").replace("1000", "1.000")
    calibration = saved(tmp_path, "D;N;X\n" + german, name="german.csv")
    table = dose_table(saved(tmp_path, "ID,N,X\nA,352,72\n"), calibration)
    assert table["dose_gy"].item() == pytest.approx(1.622, abs=5e-4)


def test_a_short_series_without_dicentrics_at_0_gy_has_a_row_by_every_method(tmp_path):
    series = "0,120,0\n0.25,180,1\n0.5,150,5\n1,90,11\n1.5,120,25\n2,80,25\n2.5,170,62\n3,140,58\n"
    calibration = saved(tmp_path, "D,N,X\n" + series, name="weak.csv")
    counts = saved(tmp_path, "ID,C0,C1,C2\nA,150,60,12\nB,200,1,0\n")
    for method in ("merkle", "delta", "dolphin", "bayesian"):
        table = dose_table(counts, calibration, method=method)
        assert sorted(table["sample"]) == ["A", "B"]
        estimated = table["dose_gy"].notna()
        assert (estimated | (table["warnings"] != "")).all()
        # a limit that does not exist is infinite, and a sentence says so
        unlimited = table["upper_gy"] == float("inf")
        assert table.loc[unlimited, "warnings"].str.contains("limit").all()


def test_an_excel_workbook_is_read_or_named(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["Scoring 2024"], [], ["ID", "N", "X"], [7, 1000, 25.0], ["B", 340, 14]):
        sheet.append(row)
    sheet["A4"].number_format = "000"  # shown as 007
    book.create_sheet("notes").append(["nothing"])
    path = tmp_path / "counts.xlsx"
    book.save(path)
    with pytest.warns(InputWarning, match="above the header"):
        table = read_counts(path)
    assert table["sample"].tolist() == ["007", "B"]
    assert table["n_cells"].tolist() == [1000, 340]
    sheet["B4"] = "=500+500"  # never computed: no stored value
    book.save(path)
    with pytest.raises(InputError, match="cell B4: a formula without a stored value"):
        read_counts(path)
    sheet["B4"] = 1.125
    book.save(path)
    with (
        pytest.warns(InputWarning, match="above the header"),
        pytest.raises(InputError, match=r"has '1\.125'"),
    ):
        read_counts(path)
    book["notes"].append(["ID", "N", "X"])
    book.save(path)
    with pytest.raises(InputError, match="sheets Sheet, notes hold such a table"):
        read_counts(path)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"counts\.xlsx: an Excel workbook; save it as 'CSV UTF"):
        read_counts(path)


def test_a_percentage_in_a_workbook_is_read_as_it_is_shown(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("ID", "N", "X"), ("A", 500, 2)):
        book.active.append(row)
    book.active["C2"].number_format = "0%"
    book.save(tmp_path / "counts.xlsx")
    with pytest.raises(InputError, match="row 2: column X has '200%': expected a whole number"):
        read_counts(tmp_path / "counts.xlsx")


def test_what_a_workbook_hides_is_said(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["ID", "N", "X"], ["A", 352, 72], ["B", 340, 14]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True  # as under a filter
    other = book.create_sheet("old")
    for row in (["ID", "N", "X"], ["C", 100, 1]):
        other.append(row)
    other.sheet_state = "hidden"
    path = tmp_path / "counts.xlsx"
    book.save(path)
    with (
        pytest.warns(InputWarning, match="1 hidden rows or columns are read too: 3"),
        pytest.warns(InputWarning, match="the sheet 'old' is hidden and not read"),
    ):
        assert read_counts(path)["sample"].tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("start", "match"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"old Excel \(\.xls\); save it as"),
        (b"PK\x03\x04broken", "a damaged workbook"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no text"),
        (b"%PDF-1.4\0", "no text file"),
        (b"<html><table><tr><td>ID</td></tr></table>", r"a web page \(HTML\), not a table"),
        (b"<?xml version='1.0'?><Workbook/>", "XML, not a table"),
        (b"{\\rtf1 ID,N,X}", r"a formatted text \(RTF\), not a table"),
        (b"ID N X\nA 352 72\n", "separated by commas or semicolons"),
        (LFS, "a Git LFS pointer.*git lfs pull"),
    ],
)
def test_files_that_are_no_table(tmp_path, start, match):
    path = tmp_path / "counts.csv"
    path.write_bytes(start)
    with pytest.raises(InputError, match=match):
        read_counts(path)


def test_an_open_document_is_named(tmp_path):
    path = tmp_path / "counts.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(InputError, match=r"an OpenDocument file \(.ods\).*CSV UTF-8' or as .xlsx"):
        read_counts(path)


@pytest.mark.parametrize(
    ("curve", "match"),
    [
        ({"C": 1, "alpha": 20, "beta": 60}, r"81 dicentrics per cell at 1 Gy; are they per 100"),
        ({"C": 0.1, "alpha": 2, "beta": 6}, r"8\.1 dicentrics per cell at 1 Gy"),
        ({"C": 0.001, "alpha": 0.0002, "beta": 0.000006}, "are they per cGy or mGy"),
    ],
)
def test_curves_in_other_units_are_refused(tmp_path, curve, match):
    path = saved(tmp_path, json.dumps({"coefficients": curve}), name="curve.json")
    with pytest.raises(InputError, match=r"curve\.json: expected coefficients per cell.*" + match):
        read_curve(path)


def test_a_range_in_another_unit_is_refused(tmp_path):
    content = {"coefficients": {"C": 0.001, "alpha": 0.02, "beta": 0.06}, "dose_range_gy": [0, 500]}
    path = saved(tmp_path, json.dumps(content), name="curve.json")
    with pytest.raises(InputError, match=r"dose_range_gy up to 500 Gy; is it in cGy or mGy\?"):
        read_curve(path)


def test_a_range_in_which_cells_would_have_too_many_dicentrics_is_refused(tmp_path):
    content = {"coefficients": {"C": 0.001, "alpha": 0.02, "beta": 0.06}, "dose_range_gy": [0, 50]}
    path = saved(tmp_path, json.dumps(content), name="curve.json")
    # 0.001 + 0.02 * 50 + 0.06 * 2500 = 151.001
    with pytest.raises(InputError, match=r"151 dicentrics per cell at the end of dose_range_gy"):
        read_curve(path)


@pytest.mark.parametrize("doses", [(0, 25, 50, 75, 100), (0, 10, 20, 40)])
def test_a_calibration_series_in_cgy_is_refused(tmp_path, doses):
    gy = [dose / 100 for dose in doses]
    rows = [
        f"{d},1000,{1000 * (0.001 + 0.02 * g + 0.06 * g * g):.0f}"
        for d, g in zip(doses, gy, strict=True)
    ]
    path = saved(tmp_path, "\n".join(["D,N,X", *rows]))
    with (
        pytest.warns(InputWarning, match=f"column D: doses up to {doses[-1]} are read as Gy"),
        pytest.raises(InputError, match=r"expected doses in Gy.*are the doses in cGy or mGy\?"),
    ):
        read_curve(path)


RIGHT = {"C": 0.001, "alpha": 0.02, "beta": 0.06}
FITTED = [[2.2e-7, -9.9e-7, 4.4e-7], [-9.9e-7, 2.7e-5, -1.5e-5], [4.4e-7, -1.5e-5, 1.6e-5]]


def reordered(order):
    return [[FITTED[row][column] for column in order] for row in order]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"coefficients": {**RIGHT, "C": 0.1}}, r"background C is 0\.1 .* per 100 cells"),
        ({"coefficients": [0.06, 0.02, 0.001]}, "coefficients in another order"),
        ({"coefficients": {"C": 0.001, "alpha": 0.02}}, "no beta, or a beta of 0: a linear curve"),
        ({"coefficients": {**RIGHT, "beta": 0}}, "is the row of beta missing"),
        ({"standard_errors": {"C": 2.2e-7, "alpha": 2.7e-5, "beta": 1.6e-5}}, "they variances"),
        ({"standard_errors": {"C": 47, "alpha": 26, "beta": 6.7}}, "they percentages"),
        ({"covariance": [[1, -0.4, 0.2], [-0.4, 1, -0.7], [0.2, -0.7, 1]]}, "of correlations"),
        *[
            ({"covariance": reordered(order)}, "rows and columns in the order C, alpha, beta")
            for order in itertools.permutations(range(3))
            if order != (0, 1, 2)
        ],
        ({"covariance": [[abs(v) for v in row] for row in FITTED]}, "are all signs right"),
    ],
)
def test_unusual_numbers_of_a_curve_are_said(tmp_path, content, match):
    path = saved(tmp_path, json.dumps({"coefficients": RIGHT} | content), name="curve.json")
    with pytest.warns(InputWarning, match=match):
        read_curve(path)


def test_fitted_covariances_have_the_signs_that_are_expected_of_a_file(tmp_path):
    rng = np.random.default_rng(5)
    for _ in range(20):
        doses = np.sort(rng.uniform(0.1, 5, 6))
        cells = rng.integers(300, 3000, 7)
        counts = rng.poisson(cells * np.polyval([0.06, 0.02, 0.001], [0, *doses])) + 1
        fitted = fit_curve([0, *doses], cells, counts)
        assert (
            fitted.fit["constrained"]
            or (np.sign(fitted.covariance) == [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]).all()
        )
    content = {"coefficients": RIGHT, "covariance": FITTED}
    assert read_curve(saved(tmp_path, json.dumps(content), name="c.json")).covariance is not None


def test_standard_errors_that_contradict_the_covariance_are_refused(tmp_path):
    content = {"coefficients": RIGHT, "covariance": FITTED, "standard_errors": [0.00047, 0.0052, 0]}
    with pytest.raises(InputError, match=r"but the covariance has \[0\.000469.*square roots"):
        read_curve(saved(tmp_path, json.dumps(content), name="c.json"))
    content["standard_errors"][2] = 0.004  # rounded
    read_curve(saved(tmp_path, json.dumps(content), name="c.json"))


@pytest.mark.parametrize("decimals", [2, 3, 4, 5])
def test_a_curve_rounded_in_a_spreadsheet_is_refused(tmp_path, decimals):
    path = tmp_path / "curve.csv"
    fit_of_calibration().save(path)
    rows = [line.split(",", 1) for line in path.read_text("utf-8").splitlines()]

    def shown(form):
        values = [(name, form.format(float(v)) if "_" in name and "[" not in v else v)
                  for name, v in rows]  # fmt: skip
        text = "\n".join(f"{name},{value}" for name, value in values)
        return saved(tmp_path, text, name="shown.csv")

    with pytest.raises(InputError, match=r"is 0, but \w+ was fitted; were the numbers rounded"):
        read_curve(shown(f"{{:.{decimals}f}}"))
    kept = read_curve(shown("{:.6g}"))  # what a spreadsheet shows where it is not told otherwise
    assert kept.coefficients == pytest.approx(fit_of_calibration().coefficients, rel=1e-5)


def test_two_series_in_one_file_are_said(tmp_path):
    other = "".join(f"X,{row}\n" for row in CALIBRATION.split())
    text = "radiation,D,N,X\n" + "".join(f"Co,{row}\n" for row in CALIBRATION.split()) + other
    with pytest.warns(InputWarning, match=r"12 rows share their dose .* differ in radiation"):
        curve = read_curve(saved(tmp_path, text))
    assert curve.coefficients == pytest.approx(fit_of_calibration().coefficients)


def fit_of_calibration():
    rows = np.array([row.split(",") for row in CALIBRATION.split()], float)
    return fit_curve(*rows.T)


def test_a_title_above_calibration_counts_is_passed_over(tmp_path):
    path = saved(tmp_path, f"Our laboratory\n\nD,N,X\n{CALIBRATION}")
    with pytest.warns(InputWarning, match="line 1 above the header skipped"):
        curve = read_curve(path)
    assert curve.coefficients == pytest.approx(fit_of_calibration().coefficients)


def test_doses_of_samples_are_said_to_be_unused(tmp_path):
    path = saved(tmp_path, "ID,D,N,X\nA,2,352,72\n")
    with pytest.warns(InputWarning, match="states doses, which are not used"):
        table = dose_table(path, CURVE)
    alone = dose_table(saved(tmp_path, "ID,N,X\nA,352,72\n", name="alone.csv"), CURVE)
    assert table["dose_gy"].to_list() == alone["dose_gy"].to_list()


@pytest.mark.parametrize(
    "heading", ["Cells with dicentrics", "Dicentric cells", "No. of cells with dic"]
)
def test_cells_with_dicentrics_are_compared(tmp_path, heading):
    def row(values):
        return saved(tmp_path, f"ID,N,X,{heading}\nA,{values}\n")

    with pytest.raises(InputError, match=r"row 2: 400 cells with dicentrics, but only 352 cells"):
        read_counts(row("352,472,400"))
    with pytest.raises(InputError, match="73 cells with dicentrics, but 72 dicentrics"):
        read_counts(row("352,72,73"))
    assert read_counts(row("352,72,61"))["n_dicentrics"].to_list() == [72]
    path = saved(tmp_path, f"ID,C0,C1,C2,{heading}\nA,90,8,2,11\n")
    with pytest.raises(InputError, match="n_damaged is 11, but the distribution has 10"):
        read_counts(path)


@pytest.mark.parametrize(
    ("header", "sep"), [("Name;Value", ";"), ("NAME,VALUE", ","), ("name\tValue", "\t")]
)
def test_headings_of_a_curve_in_capitals(tmp_path, header, sep):
    rows = [sep.join(row) for row in (("C", "0.001"), ("alpha", "0.02"), ("beta", "0.06"))]
    path = saved(tmp_path, "\n".join([header, *rows]), name="curve.csv")
    assert read_curve(path).coefficients.tolist() == [0.001, 0.02, 0.06]


@pytest.mark.parametrize(
    "text",
    ["coefficient;estimate;SE\nC;0,001;0,0005\n", "C,alpha,beta\n0.001,0.02,0.06\n",
     "parameter,value\nC,0.001\n"],
)  # fmt: skip
def test_curves_in_other_tables_are_refused_as_curves(tmp_path, text):
    with pytest.raises(InputError, match="expected a table with the columns name, value and the"):
        read_curve(saved(tmp_path, text, name="curve.csv"))


def test_a_column_beside_name_and_value_is_refused(tmp_path):
    text = "name,value,se\nC,0.001,0.0005\nalpha,0.02,0.003\nbeta,0.06,0.004\n"
    with pytest.raises(
        InputError, match="column 'se' next to name and value; write errors as rows"
    ):
        read_curve(saved(tmp_path, text, name="curve.csv"))


def test_the_shortest_table_of_a_curve(tmp_path):
    text = "name;value\nC;0,001\nalpha;0,020\nbeta;6e-2\n"
    assert read_curve(saved(tmp_path, text, name="curve.csv")).coefficients.tolist() == [
        *(0.001, 0.02, 0.06)
    ]
    with pytest.raises(InputError, match="'alpha' occurs twice"):
        read_curve(saved(tmp_path, f"{text}alpha;0,03\n", name="curve.csv"))
