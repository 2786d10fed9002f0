"""Dose figures and sliders: what is on the axes, and that sliders call the plain functions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dicentlib.calibration import CalibrationCurve
from dicentlib.calibration.grid import CountGrid
from dicentlib.calibration.leave_out import choose_quantile, leave_one_dose_out, root_mean_square
from dicentlib.calibration.trial import try_counts
from dicentlib.errors import InputError
from dicentlib.plotting import dose as plots
from dicentlib.plotting.style import distinct_labels
from dicentlib.widgets.dose_curve import CurveChoice, DoseCurveExplorer, draw_curve_view, try_choice

DOSES = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
CURVE = CalibrationCurve((0.005, 0.03, 0.06), np.diag([1e-6, 1e-4, 1e-5]), dose_range_gy=(0.0, 4.0))


@pytest.fixture
def axs():
    return Figure().subplots(1, 2)


@pytest.fixture(scope="module")
def series():
    """600 cells at 6 doses; dicentrics of a detector at two quantiles and two T_A."""
    rng = np.random.default_rng(5)
    dose = np.repeat(DOSES, 100)
    dicentrics = rng.poisson(CURVE.yield_at(dose))
    fragments = np.maximum(dicentrics, rng.poisson(0.3, size=dose.size))
    found = np.stack([dicentrics, fragments])
    counts = np.stack([[found, found // 2], [found, found * 0]])
    return dose, CountGrid(counts, (0.4, 0.6), (1, 3))


def exact_counts(n_cells=100_000):
    return pd.DataFrame(
        {
            "dose_gy": DOSES,
            "n_cells": n_cells,
            "n_dicentrics": np.round(n_cells * CURVE.yield_at(DOSES)).astype(int),
        }
    )


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.8, 0.985, 0.99, 0.995, 0.999], ["0.800", "0.985", "0.990", "0.995", "0.999"]),
        ([0.3, 0.5], ["0.30", "0.50"]),
        ([0.8, 0.999], ["0.800", "0.999"]),  # not 1.00, which no member reaches
        ([0.5, 0.00004], ["0.50000", "0.00004"]),
        ([0.0, 1.0], ["0.00", "1.00"]),
    ],
)
def test_every_position_of_a_slider_has_its_own_label(values, labels):
    assert distinct_labels(values) == labels
    grid = CountGrid(np.zeros((len(values), 1, 2, 4), int), values, (0,))
    view = DoseCurveExplorer(grid, [0.0, 1.0, 2.0, 3.0], CurveChoice(values[1], 0, False))
    assert [label for label, _ in view.quantile.options] == labels
    assert view.quantile.label == labels[1]


def test_a_dose_left_out_is_found_again_when_counts_are_exact():
    left_out = leave_one_dose_out(exact_counts())
    np.testing.assert_allclose(left_out["estimate_gy"], DOSES, atol=2e-3)
    np.testing.assert_allclose(left_out["error_gy"], left_out["estimate_gy"] - DOSES)


def test_a_dose_that_alone_has_dicentrics_cannot_be_left_out():
    counts = exact_counts().assign(n_dicentrics=[0, 0, 0, 0, 0, 50])
    left_out = leave_one_dose_out(counts)
    assert np.isnan(left_out["estimate_gy"].iloc[-1])
    assert "no curve to fit" in left_out["reason"].iloc[-1]
    assert root_mean_square(left_out["error_gy"]) == np.inf


def test_the_quantile_that_foretells_best_is_chosen():
    good, bad = exact_counts(), exact_counts()
    bad["n_dicentrics"] = (bad["n_dicentrics"] * [1, 3, 0.4, 1.5, 0.6, 1]).astype(int)
    choice = choose_quantile({0.3: bad, 0.5: good})
    assert choice.quantile == 0.5
    own = root_mean_square(leave_one_dose_out(good)["error_gy"])
    assert choice.error_gy == pytest.approx(own)
    assert choice.nested_error_gy == pytest.approx(own)  # the other never wins
    assert choice.errors["error_gy"].idxmin() == 1


def test_nothing_to_choose_from():
    with pytest.raises(InputError, match="no quantile"):
        choose_quantile({})
    with pytest.raises(InputError, match="too few dicentrics"):
        choose_quantile({0.5: exact_counts().assign(n_dicentrics=0)})


def test_a_quantile_that_fails_for_a_dose_comes_last():
    lame = exact_counts().assign(n_dicentrics=[0, 0, 0, 0, 0, 9])  # no curve without 4 Gy
    noisy = exact_counts()
    noisy["n_dicentrics"] = (noisy["n_dicentrics"] * [1, 3, 0.4, 1.5, 0.6, 1]).astype(int)
    choice = choose_quantile({0.3: lame, 0.5: noisy})
    assert choice.quantile == 0.5
    assert choice.errors["not_estimable"].to_list() == [1, 0]


def test_a_trial_without_dicentrics_says_why():
    trial = try_counts(np.repeat(DOSES, 5), np.zeros(30, dtype=int))
    assert trial.curve is None
    assert "0 at every dose" in trial.reason
    assert trial.error_gy == np.inf


def test_curve_and_band_follow_the_numbers(axs):
    ax = plots.plot_curve(CURVE, ax=axs[0], max_dose_gy=5)
    inside, beyond = ax.lines
    assert inside.get_xdata().max() <= 4
    assert beyond.get_linestyle() == ":"
    np.testing.assert_allclose(inside.get_ydata(), CURVE.yield_at(inside.get_xdata()))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Dose (Gy)", "Dicentrics per cell")


def test_a_sample_name_is_text_and_not_mathematics(axs):
    name = r"$\frac{1}$ _a_ $x"
    sample = {"sample": name, "yield": 0.3, "yield_lower": 0.2, "yield_upper": 0.4}
    sample |= {"dose_gy": 2.0, "lower_gy": 1.6, "upper_gy": 2.4}
    ax = plots.plot_sample_on_curve(sample, ax=axs[0])
    ax.legend()
    table = pd.DataFrame([sample])
    plots.plot_triage(table, ax=axs[1])
    ax.figure.savefig("/dev/null", format="png")  # would raise on broken mathematics
    assert axs[1].get_yticklabels()[0].get_text() == plots.literal(name)


def test_observed_and_expected_cells(axs):
    ax = plots.plot_cell_distribution([80, 15, 5], {"Poisson": [78, 19, 2.4]}, ax=axs[0])
    assert [bar.get_height() for bar in ax.patches] == [80, 15, 5]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [78, 19, 2.4])


def test_density_marks_estimates_below_the_axis(axs):
    grid = np.linspace(0, 4, 50)
    density = np.exp(-((grid - 2) ** 2))
    ax = plots.plot_dose_density(
        grid, density, ax=axs[0], interval=(1, 3), cuts=(1, 2), estimates={"delta": (2, 1.5, 2.5)}
    )
    assert all(tick >= 0 for tick in ax.get_yticks())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["delta"]


def test_quantile_functions_rise(axs):
    maxima = np.random.default_rng(0).random((30, 4, 2))
    plots.plot_quantile_functions(maxima, axs=axs, quantile=0.4)
    for ax in axs:
        assert len(ax.lines) == 5  # 4 members and the quantile in use
        assert all((np.diff(line.get_ydata()) >= 0).all() for line in ax.lines[:4])


def test_parts_left_out_and_detector(axs):
    ax = plots.plot_interval_parts({"counting": 0.2, "curve": 0.1}, ax=axs[0])
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.1]
    table = pd.DataFrame({"dose_gy": [0.0, 1.0], "estimate_gy": [0.1, 1.2]})
    assert plots.plot_left_out_doses(table, ax=axs[1]).get_xlabel() == "Delivered dose (Gy)"
    names = ("efficiency", "false_per_cell")
    by_dose = pd.DataFrame({"dose_gy": [0.0, 1.0]})
    for name in names:
        by_dose = by_dose.assign(
            **{name: [np.nan, 0.6], f"{name}_lower": [np.nan, 0.5], f"{name}_upper": [np.nan, 0.8]}
        )
    axs = plots.plot_detector_by_dose(by_dose, axs=Figure().subplots(1, 2))
    assert axs[0].get_ylim()[0] == 0


def test_more_votes_leave_fewer_dicentrics_in_the_view(series):
    dose, grid = series
    shown = []
    for votes in (1, 3):
        axs = Figure().subplots(1, 2)
        trial = draw_curve_view(axs, grid, dose, CurveChoice(0.4, votes, False), truth=CURVE)
        assert len(axs[0].lines) >= 4  # the truth and the curve, inside and outside their doses
        assert axs[1].lines[-1].get_ydata().tolist() == trial.left_out["estimate_gy"].tolist()
        shown.append(trial.counts["yield"].to_numpy())
    assert (shown[1] <= shown[0]).all()
    assert (shown[1] < shown[0]).any()


def test_sliders_call_the_same_function(series):
    dose, grid = series
    explorer = DoseCurveExplorer(grid, dose, CurveChoice(0.4, 1, True), truth=CURVE)
    image = explorer.image.value
    explorer.agreement_threshold.value = 3
    explorer.co_occurrence.value = False
    assert explorer.choice == CurveChoice(0.4, 3, False)
    expected = try_choice(grid, dose, explorer.choice)
    pd.testing.assert_frame_equal(explorer.trial.counts, expected.counts)
    assert explorer.image.value != image
    assert explorer.errors.outputs == ()


def test_sliders_over_a_combination_without_dicentrics(axs, series):
    dose, grid = series
    draw_curve_view(axs, grid, dose, CurveChoice(0.6, 3, True))
    assert axs[0].get_title() == "no curve"
    explorer = DoseCurveExplorer(grid, dose, CurveChoice(0.6, 1, True))
    explorer.agreement_threshold.value = 3
    assert explorer.trial.curve is None
    assert explorer.errors.outputs == ()
    assert len(plt.get_fignums()) == 0  # the view draws in its own figure
