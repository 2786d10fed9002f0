"""The script for figures of a GPU runs where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_figures_of_a_gpu_are_written_without_one_too(tmp_path):
    environment = os.environ | {"OUT": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu_figures.py"), "--small"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    table = pd.read_csv(tmp_path / "gpu_figures.csv")
    assert len(table) == 6
    assert (table["value"] > 0).all()
    assert "Measured on: " in (tmp_path / "gpu_figures.md").read_text()
