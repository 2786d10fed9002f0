"""All notebooks, one after the other in one run folder, with the parameters of the preset test."""

import json
import math

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest

from dicentlib.calibration import CalibrationCurve
from dicentlib.ensemble import load_members
from dicentlib.operating_point import OperatingPoint
from dicentlib.runs import pipeline

pytestmark = [pytest.mark.notebooks, pytest.mark.xdist_group("notebooks")]


class TinyRun:
    """Runs each notebook once, after those before it; an earlier failure is not repeated."""

    def __init__(self, folder):
        self.folder = folder
        self.parameters = pipeline.read_preset("test")
        self.executed = {}

    def up_to(self, name):
        for notebook, path in pipeline.notebook_paths().items():
            if notebook not in self.executed:
                self.executed[notebook] = None
                copy = pipeline.run_notebook(path, self.folder, self.parameters.get(notebook, {}))
                self.executed[notebook] = copy
            if self.executed[notebook] is None:
                pytest.fail(f"{notebook} failed earlier")
            if notebook == name:
                return self.folder
        raise AssertionError(f"no notebook {name}")

    def figures(self, number):
        return sorted(path.name for path in (self.folder / "figures").glob(f"{number}_*.png"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return TinyRun(tmp_path_factory.mktemp("tiny") / "run")


def test_01_metaphases(tiny):
    run = tiny.up_to("01_metaphases")
    wanted = tiny.parameters["01_metaphases"]
    samples = pd.read_csv(run / "data" / "calibration" / "samples.csv")
    counts = samples.groupby("dose_gy").size()
    assert counts.index.to_list() == wanted["doses_gy"]
    assert (counts == wanted["cells_per_dose"]).all()
    truth = json.loads((run / "data" / "sample" / "truth.json").read_text())
    assert truth["dose_gy"] == 2.0
    blind = pd.read_csv(run / "data" / "sample" / "samples.csv")
    assert "dose_gy" not in blind or blind["dose_gy"].isna().all()
    assert tiny.figures("01")


def test_02_filter(tiny):
    run = tiny.up_to("02_filter")
    assert (run / "filter" / "filter.safetensors").stat().st_size > 1000
    facts = json.loads((run / "filter" / "filter.json").read_text())
    assert 0 < facts["threshold"] < 1
    assert tiny.figures("02")


def test_03_train(tiny):
    run = tiny.up_to("03_train")
    wanted = tiny.parameters["03_train"]
    members = load_members(run)
    assert len(members) == wanted["kept_members"]
    assert members[-1].epoch == wanted["epochs"]
    metrics = pd.read_csv(run / "metrics.csv")
    assert metrics["epoch"].to_list() == list(range(1, wanted["epochs"] + 1))
    assert np.isfinite(metrics["train_loss"]).all()
    assert tiny.figures("03")


def test_04_thresholds(tiny):
    run = tiny.up_to("04_thresholds")
    point = OperatingPoint.read(run / "operating_point.json")
    assert point.n_members == tiny.parameters["03_train"]["kept_members"]
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation
    assert tiny.figures("04")


def test_05_latent_trajectories(tiny):
    run = tiny.up_to("05_latent_trajectories")
    latent = json.loads((run / "latent" / "latent.json").read_text())
    assert latent
    assert tiny.figures("05")


def test_06_dose_curve(tiny):
    run = tiny.up_to("06_dose_curve")
    curve = CalibrationCurve.load(run / "curve.json")
    assert len(curve.coefficients) == 3
    counts = pd.read_csv(run / "calibration_counts.csv")
    assert counts["n_cells"].sum() <= 5 * tiny.parameters["01_metaphases"]["cells_per_dose"]
    assert tiny.figures("06")


def test_07_dose_report(tiny):
    run = tiny.up_to("07_dose_report")
    (sample,) = json.loads((run / "dose.json").read_text())["samples"]
    # eight cells and a curve of eight per dose may bound nothing from above: then that is said
    upper = math.inf if sample["upper_gy"] is None else sample["upper_gy"]
    assert 0 <= sample["lower_gy"] <= sample["dose_gy"] <= upper
    assert upper > sample["lower_gy"]
    told = any(
        "no upper limit" in text or "for an upper limit" in text
        for text in sample["estimate"]["warnings"]
    )
    assert told == math.isinf(upper)
    assert sample["true_dose_gy"] == 2.0
    report = (run / "report.html").read_text()
    assert "<img" in report
    assert str(run) not in report
    assert "report:" in pipeline.summary(run)


@pytest.mark.parametrize("name", list(pipeline.notebook_paths()))
def test_an_unknown_parameter_is_refused_by_the_notebook_itself(name, tmp_path):
    notebook = nbformat.read(pipeline.notebook_paths()[name], as_version=4)
    # The refusal comes from the first cells; the rest need not run.
    opening = next(i for i, cell in enumerate(notebook.cells) if "open_run(" in cell.source)
    notebook.cells = notebook.cells[: opening + 1]
    nbformat.write(notebook, tmp_path / "start.ipynb")
    with pytest.raises(papermill.PapermillExecutionError, match="unknown parameter nonsense"):
        papermill.execute_notebook(
            str(tmp_path / "start.ipynb"),
            str(tmp_path / "out.ipynb"),
            parameters={"run_dir": str(tmp_path / "run"), "nonsense": 1},
            kernel_name="python3",
            progress_bar=False,
        )
