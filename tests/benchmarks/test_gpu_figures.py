"""The script for figures of a GPU runs where there is none."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_figures_of_a_gpu_are_written_without_one_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("gpu_figures")
    monkeypatch.setattr(script, "MEMBERS", 2)
    monkeypatch.setattr(sys, "argv", ["gpu_figures.py", "--small", "--out", str(tmp_path)])
    script.main()
    table = pd.read_csv(tmp_path / "gpu_figures.csv")
    assert len(table) == 6
    assert (table["value"] > 0).all()
    assert "Measured on: " in (tmp_path / "gpu_figures.md").read_text()
