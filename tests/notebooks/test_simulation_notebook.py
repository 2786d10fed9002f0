"""Notebook 01 with tiny parameters: the image sets it leaves for the others."""

import json
from pathlib import Path

import pandas as pd
import papermill
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "01_metaphases.ipynb"
SMALL = {"height": 240, "width": 260, "n_train": 4, "n_validation": 2, "n_test": 2,
         "doses_gy": [0.0, 4.0], "cells_per_dose": 3, "n_sample": 3,
         "n_workers": 1}  # fmt: skip


@pytest.mark.notebooks
def test_the_notebook_leaves_every_image_set(tmp_path, monkeypatch):
    monkeypatch.delenv("DICENTLIB_REAL_DATA", raising=False)
    run = tmp_path / "run"
    papermill.execute_notebook(
        str(NOTEBOOK), str(tmp_path / "out.ipynb"), kernel_name="python3", progress_bar=False,
        parameters={"run_dir": str(run), **SMALL},
    )  # fmt: skip
    sizes = {"train": 4, "validation": 2, "test": 2, "calibration": 6, "sample": 3}
    for name, size in sizes.items():
        samples = pd.read_csv(run / "data" / name / "samples.csv")
        assert len(samples) == len(list((run / "data" / name / "images").iterdir())) == size
    assert json.loads((run / "data" / "sample" / "truth.json").read_text())["dose_gy"] == 2.0
    assert not (run / "data" / "sample" / "annotations.csv").exists()
    for name in ("cells", "dose_response", "rejected"):
        assert (run / "figures" / f"01_{name}.png").stat().st_size > 5000
    # Sets with seeds of their own: no image of one is in another.
    pictures = [(run / "data" / name / "images/000000.png").read_bytes() for name in sizes]
    assert len(set(pictures)) == len(pictures)
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["01_metaphases"]["images"] == sizes
