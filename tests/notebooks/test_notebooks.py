"""All notebooks, one after the other in one run folder, with the parameters of the preset test."""

import math

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from PIL import Image

from dicentlib.calibration import CalibrationCurve
from dicentlib.ensemble import load_members
from dicentlib.files import read_json
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
    sizes = {name: wanted[f"n_{name}"] for name in ("train", "validation", "test")}
    sizes["calibration"] = len(wanted["doses_gy"]) * wanted["cells_per_dose"]
    sizes["sample"] = wanted["n_sample"]
    for name, size in sizes.items():
        samples = pd.read_csv(run / "data" / name / "samples.csv")
        assert len(samples) == len(list((run / "data" / name / "images").iterdir())) == size
    samples = pd.read_csv(run / "data" / "calibration" / "samples.csv")
    assert sorted(samples["dose_gy"].unique()) == wanted["doses_gy"]
    blind = pd.read_csv(run / "data" / "sample" / "samples.csv")
    assert "dose_gy" not in blind or blind["dose_gy"].isna().all()
    assert not (run / "data" / "sample" / "annotations.csv").exists()
    assert read_json(run / "data" / "sample" / "truth.json")["dose_gy"] == 2.0
    # Sets have different seeds: no image of one is in another.
    pictures = [(run / "data" / name / "images/000000.png").read_bytes() for name in sizes]
    assert len(set(pictures)) == len(pictures)
    assert read_json(run / "manifest.json")["01_metaphases"]["images"] == sizes
    assert tiny.figures("01") == ["01_cells.png", "01_dose_response.png", "01_rejected.png"]


def test_02_filter(tiny):
    run = tiny.up_to("02_filter")
    assert (run / "filter" / "filter.safetensors").stat().st_size > 1000
    facts = read_json(run / "filter" / "filter.json")
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
    evaluation = read_json(run / "evaluation.json")
    assert evaluation["n_images"] == tiny.parameters["01_metaphases"]["n_test"]
    for name, found in evaluation["classes"].items():
        assert found["confidence_threshold"] == point.confidence_threshold[name]
        overlap = found["overlap"]
        assert found["recall"] == overlap["tp"] / (overlap["tp"] + overlap["fn"])
    assert tiny.figures("04")


def test_05_latent_trajectories(tiny):
    run = tiny.up_to("05_latent_trajectories")
    wanted = tiny.parameters["05_latent_trajectories"]
    latent = read_json(run / "latent" / "latent.json")
    n_epochs = tiny.parameters["03_train"]["kept_members"]
    assert len(latent["epochs"]) == n_epochs
    assert latent["disparity"][0] == pytest.approx(0, abs=1e-9)
    assert 0 < sum(latent["explained_variance"]) <= 1
    features = np.load(run / "latent" / "features.npy", mmap_mode="r")
    objects = pd.read_parquet(run / "latent" / "objects.parquet")
    assert features.shape[:2] == (n_epochs, len(objects) + 8 * wanted["n_background"])
    centroids = pd.read_parquet(run / "latent" / "centroids.parquet")
    assert len(centroids) == 3 * wanted["n_clusters"] * n_epochs
    assert centroids["entropy"].between(0, np.log(3)).all()
    wanted = {"05_regions.png", "05_trajectories.png", "05_linked_unsure.png", "05_epoch.png"}
    assert wanted <= set(tiny.figures("05"))
    with Image.open(run / "figures" / "05_epochs.gif") as movie:
        assert movie.n_frames == n_epochs


def test_06_dose_curve(tiny):
    run = tiny.up_to("06_dose_curve")
    curve = CalibrationCurve.load(run / "curve.json")
    assert len(curve.coefficients) == 3
    counts = pd.read_csv(run / "calibration_counts.csv")
    assert counts["n_cells"].sum() <= 5 * tiny.parameters["01_metaphases"]["cells_per_dose"]
    assert tiny.figures("06")


def test_07_dose_report(tiny):
    run = tiny.up_to("07_dose_report")
    (sample,) = read_json(run / "dose.json")["samples"]
    # eight cells and a curve of eight per dose may bound nothing from above: then that is said
    upper = math.inf if sample["upper_gy"] is None else sample["upper_gy"]
    assert 0 <= sample["lower_gy"] <= sample["dose_gy"] <= upper
    assert upper > sample["lower_gy"]
    said = any(
        "no upper limit" in text or "for an upper limit" in text
        for text in sample["estimate"]["warnings"]
    )
    assert said == math.isinf(upper)
    assert sample["true_dose_gy"] == 2.0
    report = (run / "report.html").read_text()
    assert "<img" in report
    assert str(run) not in report
    assert "report:" in pipeline.summary(run)


def test_an_unknown_parameter_is_refused_by_the_notebook_itself(tmp_path):
    # All notebooks open their run alike (tests/test_repository.py); the rest need not run.
    notebook = nbformat.read(pipeline.notebook_paths()["01_metaphases"], as_version=4)
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
