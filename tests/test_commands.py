"""The command line: what was assumed is a note, what went wrong a sentence, never a traceback."""

import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from dicentlib.__main__ import app

CURVE = "iaea-2011-table5-co60"


def dose(*arguments):
    return CliRunner().invoke(app, ["dose", *map(str, arguments)])


def test_an_assumption_is_a_note_said_once(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("Scoring 2024,,\nID,N,X\nA,352,72\n")
    result = dose(path, CURVE)
    assert result.exit_code == 0
    assert result.output.count("Note: ") == 1
    assert f"Note: {path}: line 1 above the header skipped" in result.output


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("ID,N,X\nA,352,72\n")
    result = dose(path, CURVE, "--out", path / "doses.csv")
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_doses_are_written_as_the_name_says(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("ID,N,X\nMüller,352,72\n", encoding="utf-8")
    for name in ("doses.csv", "doses.XLSX"):
        assert dose(path, CURVE, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "doses.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    tables = pd.read_csv(tmp_path / "doses.csv"), pd.read_excel(tmp_path / "doses.XLSX")
    for table in tables:
        assert table["sample"].to_list() == ["Müller"]
        assert table["dose_gy"].to_list() == pytest.approx(tables[0]["dose_gy"].to_list())
    result = dose(path, CURVE, "--out", tmp_path / "doses.ods")
    assert result.exit_code == 2
    assert "doses.ods: a table; allowed: names ending in .csv or .xlsx" in one_line(result)
    assert not (tmp_path / "doses.ods").exists()


def one_line(result):
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    "error", [MemoryError("640 MB"), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_too_little_memory_is_a_sentence(tmp_path, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr("dicentlib.tables.reading.read_text", fail)
    (tmp_path / "counts.csv").touch()
    result = dose(tmp_path / "counts.csv", CURVE)
    assert result.exit_code == 2
    assert "Error: out of memory" in result.output


def test_an_error_of_the_program_itself_is_not_hidden(tmp_path, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("a fault")

    monkeypatch.setattr("dicentlib.tables.reading.read_text", fail)
    (tmp_path / "counts.csv").touch()
    assert isinstance(dose(tmp_path / "counts.csv", CURVE).exception, RuntimeError)


@pytest.mark.parametrize(
    "option",
    [("--fraction", "50"), ("--power", "90"), ("--detect-gy", "-1"), ("--half-width-gy", "0")],
)
def test_plan_says_why_a_number_of_cells_is_missing(option):
    result = CliRunner().invoke(app, ["plan", "iaea-2011-table5-co60", *option])
    assert result.exit_code == 0, result.output
    value = f"{float(option[1]):g}"
    assert re.search(rf"(is|are|be|of) '?{value}", result.output), result.output
