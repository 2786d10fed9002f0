"""A calibration series as the notebook counts and fits it, and its random ensembles."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dicentlib.calibration import fit_curve, slide_weights, try_counts
from dicentlib.calibration.efficiency import detector_of_series
from dicentlib.calibration.series import (
    distributions,
    ensemble_counts,
    ensemble_trials,
    fit_series,
    series_counts,
)
from dicentlib.plotting.calibration import plot_ensemble_curves, plot_quantile_errors

DOSES = np.array([0.0, 1.0, 2.0, 4.0])
DOSE_GY = np.repeat(DOSES, 300)
RNG = np.random.default_rng(1)
COUNTS = RNG.poisson(0.01 + 0.03 * DOSE_GY + 0.06 * DOSE_GY**2)
SLIDES = np.tile(np.repeat(list("abcdefghij"), 30), 4)
UNKNOWN = np.full(len(DOSE_GY), "")


def test_counts_by_dose():
    counts = series_counts(DOSE_GY, COUNTS, slides=UNKNOWN)
    assert counts["n_cells"].to_list() == [300] * 4
    assert counts["n_dicentrics"].to_list() == [COUNTS[dose == DOSE_GY].sum() for dose in DOSES]
    assert (counts["weight"] == 1).all()
    k = np.arange(distributions(counts).shape[1])
    assert (distributions(counts) @ k).tolist() == counts["n_dicentrics"].to_list()
    variance = [COUNTS[dose == DOSE_GY].var(ddof=1) for dose in DOSES]
    np.testing.assert_allclose(counts["dispersion_index"] * counts["yield"], variance)


def test_the_curve_of_a_series_without_slides_is_the_plain_fit():
    counts = series_counts(DOSE_GY, COUNTS, slides=UNKNOWN)
    plain = fit_curve(counts["dose_gy"], counts["n_cells"], counts["n_dicentrics"])
    curve = fit_series(DOSE_GY, COUNTS, slides=UNKNOWN, name="s")
    np.testing.assert_allclose(curve.coefficients, plain.coefficients)
    assert curve.fit["weights"] is None
    assert curve.fit["slide_variance"] is None
    assert curve.name == "s"


def test_slides_that_differ_weigh_down_their_dose():
    by_slide = COUNTS * (1 + (SLIDES < "f"))  # half of the slides show twice as much
    curve = fit_series(DOSE_GY, by_slide, slides=SLIDES)
    expected = slide_weights(DOSE_GY, SLIDES, by_slide)
    np.testing.assert_allclose(curve.fit["weights"], expected)
    assert curve.fit["weights"][-1] < 0.7
    assert curve.fit["slide_variance"]["n_slides"] == 40


def test_random_ensembles_have_counts_and_curves_of_their_own():
    fragments = (np.arange(len(COUNTS)) % 2).astype(int)
    found = np.stack([[COUNTS, fragments], [2 * COUNTS, fragments]])
    trials = ensemble_trials(found, [[0, 2], [1, 3]], DOSE_GY, require_fragment=True)
    assert list(trials) == ["0 2", "1 3"]
    with_fragment = try_counts(DOSE_GY, COUNTS * fragments).counts
    assert trials["0 2"].counts["n_dicentrics"].equals(with_fragment["n_dicentrics"])
    table = ensemble_counts(trials, agreement_threshold=1)
    assert (table["agreement_threshold"] == 1).all()
    sums = table.groupby("ensemble")["n_dicentrics"].sum()
    assert sums["1 3"] == 2 * sums["0 2"] == 2 * (COUNTS * fragments).sum()
    ax = plot_ensemble_curves(trials, trials["0 2"].curve, ax=Figure().subplots())
    labels = [line.get_label() for line in ax.lines]
    assert labels.count("all members") == 1
    assert len(labels) >= 2 + 1


def test_errors_by_quantile_are_drawn_with_the_nested_error():
    errors = pd.DataFrame({"quantile": [0.3, 0.5], "error_gy": [0.2, 0.1]})
    ax = plot_quantile_errors(errors, 0.15, ax=Figure().subplots())
    assert ax.lines[0].get_ydata().tolist() == [0.2, 0.1]
    assert list(ax.lines[1].get_ydata()) == [0.15, 0.15]


@pytest.fixture
def cells():
    return pd.DataFrame({"image": ["a", "b"], "dose_gy": [0.0, 2.0], "n_fragments": [0, 1]})


def points(*rows):
    return pd.DataFrame(rows, columns=["image", "class", "row", "col"])


def test_the_detector_on_a_series(cells):
    detections = points(("a", "dicentric", 5, 5), ("b", "dicentric", 5, 5), ("b", "fragment", 9, 9))
    truth = points(("b", "dicentric", 6, 5), ("b", "dicentric", 90, 90))
    every = detector_of_series(cells, detections, truth, require_fragment=False)
    assert every[["n_true", "n_found", "n_false"]].to_numpy().tolist() == [[0, 0, 1], [2, 1, 0]]
    ruled = detector_of_series(cells, detections, truth, require_fragment=True)
    assert ruled["n_false"].to_list() == [0, 0]  # cell a has no fragment
    unknown = detector_of_series(cells, detections, truth[:0], require_fragment=True)
    assert unknown["n_cells"].to_list() == [1, 1]
    assert unknown[["n_true", "n_false", "efficiency"]].isna().all(axis=None)
