"""What the evaluation notebook calls: spread of members, measures on the test set, votes."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from threshold_run import make_run

from dicentlib import evaluation
from dicentlib.conventions import CLASSES
from dicentlib.ensemble import load_members
from dicentlib.evaluation.image_set import class_surfaces, open_evaluation_set
from dicentlib.evaluation.spread import widest_spread
from dicentlib.evaluation.summary import (
    evaluation_summary,
    false_on_unexposed,
    measure,
    vote_quality,
)
from dicentlib.files import write_json
from dicentlib.plotting import evaluation as class_plots
from dicentlib.voting import OperatingPoint

N_MEMBERS = 4
POINT = OperatingPoint(0.4, 1, n_members=N_MEMBERS)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, n_images=9, n_members=N_MEMBERS, shape=(122, 160), sets=("validation",))
    return open_evaluation_set(folder, "validation", load_members(folder))


class Images(list):
    """Pairs of heatmaps and truth, as an EvaluationSet offers them."""

    @property
    def truth(self):
        return [truth for _, truth in self]

    def heatmaps(self, i):
        return self[i][0]


def test_the_widest_spread_is_sought_on_annotated_objects_alone():
    heatmaps, truth = np.zeros((2, 3, 2, 8, 8)), np.zeros((2, 2, 8, 8), bool)
    heatmaps[0, :, 0, 1, 1] = (0.0, 1.0, 0.0)  # no object there
    heatmaps[0, :, 0, 5, 5] = (0.5, 0.6, 0.7)
    heatmaps[1, :, 1, 2, 6] = (0.9, 0.1, 0.5)
    truth[0, 0, 5, 5] = truth[1, 1, 2, 6] = True
    found = widest_spread(Images(zip(heatmaps, truth, strict=True)))
    assert (found.image, found.class_name) == (1, "fragment")
    assert found.centre == (4 * 2, 4 * 6)
    assert found.ranked.tolist() == [1, 2, 0]
    assert found.members(2).tolist() == [1, 0]
    assert found.members(9).tolist() == [1, 2, 0]


def test_measures_agree_with_the_surface(images):
    everyone = [range(N_MEMBERS)]
    counts, intervals = measure(images, POINT, ensembles=everyone, n_draws=50, seed=0)
    surfaces = class_surfaces(
        images, confidence_thresholds=[0.4], agreement_thresholds=[1], ensembles=everyone
    )
    for name in CLASSES:
        assert counts[name].recall == pytest.approx(surfaces[name].recall.item())
        table = intervals[name].set_index(["measure", "source"])
        assert table.loc[("recall", "ensembles"), "mean"] == pytest.approx(counts[name].recall)
        assert (table["lower"] <= table["upper"]).all()


def test_false_detections_count_on_unexposed_cells_alone(images):
    unexposed = np.array(images.names)[images.unexposed()]
    exposed = np.array(images.names)[~images.unexposed()]
    rows = [
        (unexposed[0], "dicentric", False),
        (unexposed[1], "dicentric", False),
        (unexposed[0], "dicentric", True),
        (exposed[0], "fragment", False),
    ]
    table = pd.DataFrame(rows, columns=["image", "class", "true"])
    rates = false_on_unexposed(images, table)
    assert rates["dicentric"]["per_thousand"] == pytest.approx(1000 * 2 / len(unexposed))
    assert rates["fragment"]["per_thousand"] == 0


def detections(fractions, true, class_name="dicentric"):
    fraction = np.asarray(fractions, float)
    return pd.DataFrame(
        {"class": class_name, "votes": 4 * fraction, "vote_fraction": fraction,
         "peak_mean": 0.5, "true": np.asarray(true, bool)}
    )  # fmt: skip


def test_quality_of_votes():
    # all votes: always true; a quarter: true half of the time, on both sets
    table = detections([1, 1, 0.25, 0.25], [1, 1, 1, 0])
    quality = vote_quality(table, table, annotations=table.query("true"))
    found = quality["dicentric"]
    assert found.observed["precision"].tolist() == [0.5, 1.0]
    assert found.calibration_error_votes == pytest.approx(0.5 * 0.25)
    assert found.calibration_error_calibrated == pytest.approx(0)
    # two of three objects at precision 1, the third among four detections
    assert found.average_precision == pytest.approx(2 / 3 + 1 / 3 * 3 / 4)
    nothing = quality["fragment"]
    assert nothing.calibration is None
    assert np.isnan(list(nothing.figures().values())).all()


def test_the_summary_is_whole_and_plain(tmp_path, images):
    counts, intervals = measure(images, POINT, ensembles=[range(3)], n_draws=20, seed=0)
    marked, annotations = evaluation.mark_detections(images.detections(POINT), images.annotations())
    quality = vote_quality(marked, marked, annotations=annotations)
    summary = evaluation_summary(
        POINT, counts=counts, intervals=intervals, quality=quality,
        both_rules=evaluation.compare_rules(counts, marked, annotations),
        false_rates=false_on_unexposed(images, marked),
    )  # fmt: skip
    write_json(tmp_path / "summary.json", summary)
    read = json.loads((tmp_path / "summary.json").read_text())
    assert list(read) == list(CLASSES)
    for name in CLASSES:
        overlap = read[name]["overlap"]
        assert read[name]["recall"] == overlap["tp"] / (overlap["tp"] + overlap["fn"])
        assert read[name]["calibration"]["n_detections"] == (marked["class"] == name).sum()


def test_panels_by_class(images):
    everyone = [range(N_MEMBERS)]
    surfaces = class_surfaces(
        images, confidence_thresholds=[0.2, 0.4, 0.6], agreement_thresholds=range(N_MEMBERS),
        ensembles=everyone,
    )  # fmt: skip
    axs = class_plots.plot_surfaces(surfaces, POINT, axs=Figure().subplots(2, 2))
    titles = [ax.get_title() for ax in axs.flat]
    assert titles[0] == "dicentric: precision"
    assert titles[3] == "fragment: recall"
    counts, intervals = measure(images, POINT, ensembles=everyone, n_draws=20, seed=0)
    axs = class_plots.plot_class_intervals(counts, intervals, axs=Figure().subplots(1, 2))
    assert f"recall {counts['fragment'].recall:.2f}" in axs[1].get_title()
    table = detections([1, 0.5], [1, 0])
    quality = vote_quality(table, table, annotations=table)
    axs = class_plots.plot_vote_quality(quality, axs=Figure().subplots(1, 2))
    assert [ax.get_title() for ax in axs] == ["dicentric", "fragment: nothing detected"]
    assert len(axs[0].figure.legends) == 1
