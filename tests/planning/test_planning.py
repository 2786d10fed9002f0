"""Planning: against closed forms, against the definition, and over impossible designs."""

import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, poisson
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import CalibrationCurve, published_curve
from dicentlib.counts.dispersion import POISSON, ExpectedDispersion, dispersion
from dicentlib.counts.dispersion_power import overdispersed
from dicentlib.counts.sample import Sample
from dicentlib.dose import Detector
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.detector import DetectedCurve
from dicentlib.errors import InputError
from dicentlib.planning import (
    cells_for_detection,
    cells_for_power,
    cells_for_width,
    curve_half_width,
    detectable_dose,
    expected_interval,
    partial_body_power,
    plan_detection_series,
    plan_series,
    planning_table,
    scored_fraction,
)

CURVE = published_curve("barquinero-1995-co60")
EXACT = CalibrationCurve((0.001, 0.02, 0.06))  # no uncertainty


# --- detection limit ---------------------------------------------------------------------------


def test_cells_for_detection_is_the_least_number_by_the_definition():
    n = cells_for_detection(CURVE, 0.5)
    assert detectable_dose(CURVE, n) <= 0.5
    assert all(detectable_dose(CURVE, fewer) > 0.5 for fewer in range(1, n))


def test_detection_against_a_known_background_is_plain_poisson():
    # 100 cells at background 0.001: P(X >= 1) = 0.095 > 0.05, P(X >= 2) = 0.0047, so one dicentric
    # is still background, and 0.5 Gy (0.026 per cell) must give two or more with probability 0.9.
    n = cells_for_detection(EXACT, 0.5)
    assert poisson.sf(1, n * 0.026) >= 0.9 > poisson.sf(1, (n - 1) * 0.026)
    assert poisson.sf(1, n * 0.001) < 0.05 < poisson.sf(0, n * 0.001)


def test_a_background_known_from_few_cells_bounds_what_can_be_seen():
    with pytest.raises(InputError, match=r"100000 cells do not detect 0.02 Gy .* limit is 0\.0"):
        cells_for_detection(CURVE, 0.02)
    few, many = (cells_for_detection(EXACT, 0.2, control=(n // 1000, n)) for n in (1000, 10000))
    assert few > many


# --- width -------------------------------------------------------------------------------------


def test_expected_interval_is_that_of_the_method_at_a_whole_count():
    n = 400
    x = 40
    dose = float(CURVE.dose_at(x / n))
    found = detector_dose(Sample(n, x), CURVE)
    assert expected_interval(CURVE, dose, n) == pytest.approx(
        (found.lower_gy, found.upper_gy), abs=1e-5
    )


def test_many_cells_follow_the_delta_method():
    half, dose = 0.02, 3.0
    slope = float(EXACT.slope_at(dose))
    by_delta = float(EXACT.yield_at(dose)) * (norm.ppf(0.975) / (half * slope)) ** 2
    assert cells_for_width(EXACT, dose, half) == pytest.approx(by_delta, rel=0.01)


def test_a_detector_costs_one_over_its_efficiency_where_nothing_else_counts():
    by_eye = cells_for_width(EXACT, 3.0, 0.05)
    detector = Detector(0.5, 0.0, 0.0, 0.0)
    assert cells_for_width(EXACT, 3.0, 0.05, detector=detector) / by_eye == pytest.approx(
        2, rel=0.02
    )


def test_width_is_the_least_number():
    n = cells_for_width(CURVE, 2, 0.25)
    halves = [np.diff(expected_interval(CURVE, 2, m))[0] / 2 for m in (n - 1, n)]
    assert halves[1] <= 0.25 < halves[0]


def test_the_curve_alone_may_be_too_wide():
    with pytest.raises(InputError, match="uncertainty of curve and detector remains"):
        cells_for_width(CURVE, 2, 0.01)


# --- power -------------------------------------------------------------------------------------


def test_power_counts_what_the_dispersion_test_calls():
    rng = np.random.default_rng(5)
    counts = rng.multinomial(60, [0.8, 0.14, 0.04, 0.02], size=300)
    counts[:3] = [[60, 0, 0, 0], [59, 1, 0, 0], [59, 0, 0, 1]]
    for expected in (POISSON, ExpectedDispersion(1.2, 0.1, 6)):
        called = [dispersion(row, expected=expected).overdispersed for row in counts]
        assert overdispersed(counts, expected).tolist() == called
        assert 10 < sum(called) < 290


def test_power_at_the_whole_body_is_the_rate_of_false_alarms():
    found = partial_body_power(CURVE, 3, 1.0, 500)
    assert found.power == pytest.approx(0.025, abs=0.015)  # one side of a test at 5 %


def test_power_rises_with_cells_and_reaches_the_published_one():
    # 2 Gy to a fifth of the scored cells, 500 cells: 0.735 in an independent simulation.
    found = partial_body_power(CURVE, 2, 0.2, 500, d0_gy=np.inf)
    assert found.power == pytest.approx(0.735, abs=0.04)
    assert found.scored_fraction == pytest.approx(0.2)
    few = partial_body_power(CURVE, 2, 0.2, 100, d0_gy=np.inf)
    assert few.power < found.power


def test_cells_for_power_reach_it():
    n = cells_for_power(CURVE, 3, 0.5, power=0.8)
    assert partial_body_power(CURVE, 3, 0.5, n).power >= 0.8
    assert partial_body_power(CURVE, 3, 0.5, int(0.9 * n)).power < 0.8


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 1.5, np.nan])
def test_nothing_to_see_is_said(fraction):
    with pytest.raises(InputError, match="fraction is"):
        cells_for_power(CURVE, 3, fraction)


@pytest.mark.parametrize("power", [0, 0.05, 1, 2, np.nan])
def test_impossible_powers_are_refused(power):
    with pytest.raises(InputError, match="power is"):
        cells_for_power(CURVE, 3, 0.5, power=power)


def test_too_many_cells_are_refused_with_the_power_reached():
    with pytest.raises(InputError, match=r"100000 cells detect 0.25 Gy to 50% .* not 0.9"):
        cells_for_power(CURVE, 0.25, 0.5)


def test_scored_fraction_and_its_inverse():
    f = scored_fraction(0.4, 3.0)
    growth = np.exp(3 / 2.7)
    assert f * growth / (1 - f + f * growth) == pytest.approx(0.4)
    assert scored_fraction(1.0, 5.0) == 1


# --- calibration series ------------------------------------------------------------------------


def test_a_linear_curve_by_hand():
    # Two doses, two coefficients: the yields at 0 and 2 Gy are free, and the variance at 1 Gy is
    # (var y0 + var y2) / 4 = (m0 / n0 + m2 / n2) / 4.
    curve = CalibrationCurve((0.01, 0.1, 0.0))
    found = curve_half_width(curve, 1.0, [0, 2], [1000, 400])
    by_hand = norm.ppf(0.975) * np.sqrt((0.01 / 1000 + 0.21 / 400) / 4) / 0.1
    assert found == pytest.approx(by_hand, rel=1e-9)


def test_the_optimum_of_two_doses_is_neymans():
    # Minimise n0 + n2 with m0 / n0 + m2 / n2 fixed: n proportional to the root of m.
    curve = CalibrationCurve((0.01, 0.1, 0.0))
    plan = plan_series(curve, {1.0: 0.05}, dose_gy=[0, 2], least_cells=1)
    zero, two = plan.table["n_cells"]
    assert two / zero == pytest.approx(np.sqrt(0.21 / 0.01), rel=0.01)
    assert plan.half_widths[1.0] == pytest.approx(0.05, rel=0.01)


def test_no_other_series_of_as_many_cells_does_better():
    targets = {0.5: 0.05, 2.0: 0.05}
    plan = plan_series(CURVE, targets, least_cells=50)
    doses, cells = plan.table["dose_gy"], plan.table["n_cells"].to_numpy()
    rng = np.random.default_rng(2)
    for _ in range(200):
        moved = np.maximum(cells * np.exp(0.3 * rng.standard_normal(len(cells))), 50)
        moved = 50 + (moved - 50) * (cells.sum() - 50 * len(cells)) / (moved - 50).sum()
        worst = max(curve_half_width(CURVE, at, doses, moved) / w for at, w in targets.items())
        assert worst > 0.999


def test_planned_half_width_is_what_fits_to_such_series_show():
    from dicentlib.calibration import fit_curve

    plan = plan_series(CURVE, {2.0: 0.06})
    rng = np.random.default_rng(3)
    doses, cells = plan.table["dose_gy"].to_numpy(), plan.table["n_cells"].to_numpy()
    target = float(CURVE.yield_at(2.0))
    found = [
        float(fit_curve(doses, cells, rng.poisson(cells * CURVE.yield_at(doses))).dose_at(target))
        for _ in range(150)
    ]
    # the standard error of a standard deviation of 150 is 6 %
    assert 1.96 * np.std(found) == pytest.approx(plan.half_widths[2.0], rel=0.2)


@pytest.mark.parametrize(
    ("efficiency", "false_rate", "dose"),
    [(1, 0, 0.25), (1, 0, 0.5), (0.7, 0.03, 0.5), (0.7, 0.03, 1.0), (0.9, 0.1, 1.0)],
)
def test_samples_show_the_dose_against_the_background_of_the_series(efficiency, false_rate, dose):
    detector = Detector(efficiency, 0, false_rate, 0)
    found = plan_detection_series(CURVE, dose, detector=detector)
    table = found.plan.table.set_index("dose_gy")
    unexposed, background = (
        int(table["n_cells"][0]),
        float(DetectedCurve(CURVE, detector).mean_at(0)),
    )
    assert table["expected"][0] == round(unexposed * max(background, 0.001), 1)
    control = round(background * unexposed), unexposed
    needed = cells_for_detection(CURVE, dose, control=control, detector=detector)
    exact = cells_for_detection(CURVE, dose, detector=detector)
    assert needed <= found.sample_cells == math.ceil(4 * exact / 3)
    # the curve's own part and the other doses are those of the series for half the dose
    width = plan_series(CURVE, {dose: dose / 2}, detector=detector)
    assert table["n_cells"][1:].tolist() == width.table["n_cells"][1:].tolist()
    assert unexposed == max(width.table["n_cells"][0], 3 * exact)


def test_a_dose_that_no_sample_shows_has_no_series():
    with pytest.raises(InputError, match=r"100000 cells do not detect 0\.05 Gy"):
        plan_detection_series(CURVE, 0.05, detector=Detector(0.5, 0, 0.5, 0))


def test_the_default_series_asks_what_the_iaea_asks():
    assert plan_series(CURVE, {2.0: 0.2}).warnings == ()


@pytest.mark.parametrize(
    ("half_widths", "options", "match"),
    [
        ({}, {}, "half_widths"),
        (0.1, {}, "half_widths"),
        ({2.0: 0.0}, {}, "half width above 0"),
        ({-1.0: 0.1}, {}, "dose above 0"),
        ({2.0: np.nan}, {}, "half width above 0"),
        ({2.0: 0.1}, {"dose_gy": [0, 1]}, "at least 3"),
        ({2.0: 0.1}, {"dose_gy": [0, -1, 2]}, "0 Gy or more"),
        ({2.0: 0.1}, {"least_cells": 0}, "least_cells"),
        ({2.0: 0.0001}, {}, "more than 1,000,000"),
    ],
)
def test_impossible_series_are_refused(half_widths, options, match):
    with pytest.raises(InputError, match=match):
        plan_series(CURVE, half_widths, **options)


# --- all together ------------------------------------------------------------------------------


def test_what_a_detector_costs_is_a_column():
    table = planning_table(CURVE, detector=Detector(0.7, 0.02, 0.03, 0.004))
    assert (table["cells_detector"] >= table["cells"]).all()
    assert table["note"].eq("").all()
    impossible = planning_table(CURVE, detect_gy=0.02, half_width_gy=0.01, series={2.0: 0.1})
    assert impossible["cells"].isna().tolist() == [True, True, False, False]
    assert impossible["note"].str.len().gt(20).tolist() == [True, True, False, False]


def test_the_command_prints_the_table_and_writes_it(tmp_path):
    out = tmp_path / "plan.csv"
    arguments = ["plan", "barquinero-1995-co60", "--efficiency", "0.7", "--false-rate", "0.03"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "detection limit" in result.output
    assert "calibration series" in result.output
    assert out.is_file()
    refused = CliRunner().invoke(app, ["plan", "barquinero-1995-co60", "--efficiency", "1.7"])
    assert refused.exit_code == 2
    assert "efficiency is 1.7" in refused.output


@settings(max_examples=15, deadline=None)
@example(dose=0.0078125, cells=500, fraction=0.5, efficiency=0.015625, false_rate=0.0)
@given(
    dose=st.floats(-1, 200) | st.sampled_from([0.0, np.nan, np.inf, "two"]),
    cells=st.integers(-1, 1_000_000) | st.floats(0, 3),
    fraction=st.floats(-0.5, 1.5) | st.just(np.nan),
    efficiency=st.floats(0.01, 1),
    false_rate=st.floats(0, 0.5),
)
def test_extremes_give_numbers_or_sentences(dose, cells, fraction, efficiency, false_rate):
    detector = Detector(efficiency, 0.01, false_rate, 0.001)
    attempts = [
        lambda: expected_interval(CURVE, dose, cells, detector=detector)[0],
        lambda: partial_body_power(CURVE, dose, fraction, cells, trials=50).power,
        lambda: cells_for_detection(CURVE, dose, detector=detector),
        lambda: cells_for_width(CURVE, dose, 0.2, detector=detector),
    ]
    for attempt in attempts:
        try:
            with patch("dicentlib.planning.cells.MOST_CELLS", 500):
                assert np.isfinite(attempt())
        except InputError:
            continue
