"""Notebooks 06 and 07 on a run whose heatmaps are known."""

from pathlib import Path

import pandas as pd
import papermill
import pytest
from dose_run import CELLS_PER_DOSE, DOSES, N_MEMBERS, make_dose_run

from dicentlib.calibration import CalibrationCurve, Scorer
from dicentlib.data import read_annotations
from dicentlib.errors import ScorerMismatchError
from dicentlib.files import read_json, write_json

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NASTY = "<img src=x onerror=alert(1)> $x$ ../s"


def execute(name, folder, run, **parameters):
    papermill.execute_notebook(
        str(NOTEBOOKS / f"{name}.ipynb"),
        str(folder / f"{name}.ipynb"),
        parameters={"run_dir": str(run), **parameters},
        kernel_name="python3",
        progress_bar=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run after notebook 06."""
    run = tmp_path_factory.mktemp("dose") / "run"
    make_dose_run(run, sample=NASTY)
    execute("06_dose_curve", run.parent, run, quantiles=[0.3, 0.5], fixed_thresholds=[0.5],
            n_ensembles=6, use_filter=False)  # fmt: skip
    return run


@pytest.mark.notebooks
@pytest.mark.xdist_group("dose_notebooks")
def test_curve_of_known_detections(run):
    curve = CalibrationCurve.load(run / "curve.json")
    assert curve.dose_range_gy == (0.0, 4.0)
    scorer = Scorer.from_dict(curve.scorer)
    assert scorer.operating_point.n_members == N_MEMBERS
    assert scorer.operating_point.agreement_threshold["dicentric"] == 1  # floor(0.4 * 4)
    assert scorer.quantile in (0.3, 0.5)
    counts = pd.read_csv(run / "calibration_counts.csv")
    assert counts["dose_gy"].to_list() == list(DOSES)
    assert (counts["n_cells"] == CELLS_PER_DOSE).all()
    true = read_annotations(run / "data" / "calibration" / "annotations.csv")
    n_true = (true["class"] == "dicentric").sum()
    # Detections are blobs drawn at the true places: none is false, some are missed.
    by_dose = pd.read_csv(run / "calibration_detector.csv")
    assert by_dose["n_true"].sum() == n_true
    assert by_dose["n_false"].sum() == 0
    assert 0.5 * n_true < counts["n_dicentrics"].sum() <= n_true
    assert pd.read_csv(run / "ensemble_counts.csv")["ensemble"].nunique() == 6
    facts = read_json(run / "manifest.json")["06_dose_curve"]
    assert facts["scorer"] == scorer.digest
    assert facts["error_choice_repeated_gy"] > 0
    assert len(list((run / "figures").glob("06_*.png"))) == 9


@pytest.mark.notebooks
@pytest.mark.xdist_group("dose_notebooks")
def test_report_of_a_sample_without_dicentrics(run):
    execute("07_dose_report", run.parent, run, reviewer="<b>me</b>")
    found = read_json(run / "dose.json")["samples"]
    assert [one["sample"] for one in found] == [NASTY]
    sample = found[0]
    assert (sample["n_cells"], sample["n_dicentrics"]) == (20, 0)
    assert sample["dose_gy"] == 0
    assert sample["upper_gy"] > 0.5  # 20 cells cannot exclude much
    assert sample["above_background"] is False
    assert sample["true_dose_gy"] == 0
    page = (run / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "&lt;b&gt;me" in page
    assert "Too few even for triage" in page
    assert str(run) not in page
    assert len(list((run / "samples").iterdir())) == 1
    figures = {path.stem for path in (run / "figures").glob("07_*.png")}
    assert {f"07_{name}" for name in ("cells", "curve", "density", "parts", "triage")} <= figures


@pytest.mark.notebooks
@pytest.mark.xdist_group("dose_notebooks")
def test_another_scorer_is_refused(run, tmp_path):
    content = read_json(run / "curve.json")
    content["scorer"]["pixel_size_um"] = 0.1
    other = tmp_path / "run"
    other.mkdir()
    for name in ("members", "data", "evaluation.json", "ensemble_counts.csv"):
        (other / name).symlink_to(run / name)
    (other / "calibration_counts.csv").symlink_to(run / "calibration_counts.csv")
    write_json(other / "curve.json", content)
    with pytest.raises(papermill.PapermillExecutionError, match="pixel_size_um") as refused:
        execute("07_dose_report", tmp_path, other)
    assert refused.value.ename == ScorerMismatchError.__name__
    assert not (other / "dose.json").exists()


@pytest.mark.notebooks
@pytest.mark.xdist_group("dose_notebooks")
def test_other_images_in_a_run_without_evaluation(run, tmp_path):
    other = tmp_path / "run"
    other.mkdir()
    for name in ("members", "data", "curve.json", "ensemble_counts.csv", "calibration_counts.csv"):
        (other / name).symlink_to(run / name)
    execute("07_dose_report", tmp_path, other, images=str(run / "data" / "sample"))
    (out,) = (other / "reports").iterdir()
    page = (out / "report.html").read_text()
    assert "This run has no evaluation." in page
    assert "The images do not belong to this run." in page
    assert read_json(out / "dose.json")["samples"][0]["n_cells"] == 20
