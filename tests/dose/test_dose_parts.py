"""Partial body, mixtures, detectors, triage and the laboratory's route."""

import json
import math

import numpy as np
import pytest
from scipy.stats import nbinom, poisson, truncnorm

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve
from dicentlib.dose import (
    Detector,
    Sample,
    dispersion,
    estimate_dose,
    laboratory_route,
    triage,
    triage_table,
)
from dicentlib.dose.contaminated_poisson import Background, expected_information, fit_contaminated
from dicentlib.dose.detected_dose import tail_probabilities
from dicentlib.dose.detector import DetectedCurve, ensemble_spread
from dicentlib.dose.mixture import fit_mixture
from dicentlib.dose.profile import profile_log_likelihood, support
from dicentlib.dose.triage import Triage
from dicentlib.errors import InputError

EXAMPLE = [302, 28, 22, 8, 1]

# Barquinero et al. 1997: blood irradiated with 2 and 4 Gy mixed with unirradiated blood, in vitro
# (dicentrics and rings): true dose, true fraction of irradiated blood, cells with 0, 1, 2 ...
MIXTURES = [
    (2, 1.0, [303, 88, 11, 1]),
    (2, 0.875, [362, 83, 13, 0, 1]),
    (2, 0.75, [436, 58, 12, 2]),
    (2, 0.5, [452, 43, 7, 3]),
    (2, 0.25, [676, 21, 4]),
    (2, 0.125, [488, 11, 1]),
    (4, 1.0, [71, 73, 41, 16, 3]),
    (4, 0.875, [75, 42, 20, 7, 2]),
    (4, 0.75, [113, 44, 17, 8, 3]),
    (4, 0.5, [260, 38, 21, 8, 0, 1]),
    (4, 0.25, [457, 29, 11, 2, 1]),
    (4, 0.125, [480, 16, 9, 0, 1]),
]
COUNTS_1997 = (
    [0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5],
    [8811, 5048, 2005, 2012, 1607, 1292, 682, 403, 205, 204, 200],
    [9, 14, 38, 71, 105, 109, 107, 113, 132, 215, 328],
)


@pytest.fixture(scope="module")
def curve():
    return published_curve("barquinero-1995-co60")


# --- partial body ------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", ["delta", "profile"])
def test_real_mixtures_are_covered(limits):
    """12 of 12 with a curve fitted to the whole-body counts of the same laboratory."""
    curve = fit_curve(*COUNTS_1997)
    for dose, fraction, cells in MIXTURES:
        found = estimate_dose(cells, curve, method="dolphin", limits=limits)
        assert found.lower_gy <= dose <= found.upper_gy, (dose, fraction)
        # D0 = 2.7 Gy is a convention: the parts come out within 0.18 of the blood mixed.
        assert found.fraction == pytest.approx(fraction, abs=0.18)
        if fraction <= 0.75:
            assert dispersion(cells).overdispersed
    whole = estimate_dose(MIXTURES[-1][2], curve)
    assert whole.dose_gy < 1.2  # of 4 Gy: why u must route the analysis


def test_contaminated_fit_is_the_optimum():
    """f and lambda satisfy IAEA eq. 12, and no neighbour is more likely."""
    fitted = fit_contaminated(EXAMPLE)
    lam, f = fitted.yield_, fitted.fraction
    assert lam / (1 - math.exp(-lam)) == pytest.approx(100 / 59)
    assert f == pytest.approx(100 / (361 * lam))

    def likelihood(f, lam):
        p = (1 - f) * (np.arange(5) == 0) + f * poisson.pmf(np.arange(5), lam)
        return np.sum(EXAMPLE * np.log(p))

    best = likelihood(f, lam)
    for step_f, step_lam in ((0.01, 0), (-0.01, 0), (0, 0.02), (0, -0.02), (0.01, 0.02)):
        assert likelihood(f + step_f, lam + step_lam) < best


def test_information_with_a_vanishing_background_is_dolphins():
    """At p0 -> 0 the general information becomes the closed form of the manual."""
    f, lam, n = 0.2372435, 1.1676118, 361
    q = f + (1 - f) * math.exp(lam)
    closed = n * np.array(
        [[math.expm1(lam) / (f * q), 1 / q], [1 / q, f * ((f - 1) / q + 1 / lam)]]
    )
    general = n * expected_information(f, lam, 1e-9)[:2, :2]
    np.testing.assert_allclose(general, closed, rtol=1e-6)


def test_background_of_a_detector_is_recovered():
    """Large simulated sample: fraction 0.3 at yield 1 with 0.08 false per cell, in all cells."""
    rng = np.random.default_rng(3)
    n = 200_000
    found = rng.poisson(0.08, n) + np.where(rng.random(n) < 0.3, rng.poisson(1.0, n), 0)
    cells = np.bincount(found).tolist()
    fitted = fit_contaminated(cells, Background(0.08, 50_000))
    errors = np.sqrt(np.diag(fitted.covariance))
    for value, truth, error in zip(
        (fitted.fraction, fitted.yield_, fitted.background), (0.3, 1.0, 0.08), errors, strict=True
    ):
        assert abs(value - truth) < 3.5 * error
    ignored = fit_contaminated(cells)
    assert ignored.yield_ < 0.9  # plain Dolphin takes false positives for a large exposed part
    assert ignored.fraction > 0.37


def test_profile_agrees_with_brute_force():
    fractions = np.linspace(1e-5, 1, 20001)[:, None]
    k = np.arange(5)
    for y in (0.5, 1.2, 2.0):
        p = (1 - fractions) * (k == 0) + fractions * poisson.pmf(k, y)
        brute = np.max(np.log(p) @ EXAMPLE)
        log, fraction, _ = profile_log_likelihood(EXAMPLE, np.array([y]), None)
        assert log[0] == pytest.approx(brute, abs=1e-5)
        assert 0 < fraction[0] <= 1


def test_profile_limits_are_ends_of_the_support(curve):
    found = estimate_dose(EXAMPLE, curve, method="dolphin", limits="profile")
    inside, _ = support(EXAMPLE, None, curve.yield_at, curve.variance_at, level=0.95)
    assert inside(found.dose_gy) > 0
    assert inside(found.lower_gy) == pytest.approx(0, abs=1e-3)
    assert inside(found.upper_gy) == pytest.approx(0, abs=1e-3)
    delta = estimate_dose(EXAMPLE, curve, method="dolphin")
    assert found.lower_gy == pytest.approx(delta.lower_gy, abs=0.05)
    assert found.upper_gy == pytest.approx(delta.upper_gy, abs=0.05)


def test_dolphin_that_cannot_be_estimated(curve):
    for cells, reason in (([475, 25], "two or more"), ([500], "no dicentrics")):
        found = estimate_dose(cells, curve, method="dolphin")
        assert not found.estimable
        assert math.isnan(found.dose_gy)
        assert any(reason in text for text in found.warnings)
        assert "not estimable" in found.summary()
        assert found.to_dict()["dose_gy"] is None


def test_dolphin_of_a_whole_body_sample_says_so(curve):
    found = estimate_dose([20, 60, 80, 20, 5], curve, method="dolphin", background=(20, 2000))
    assert any("no sign of unexposed cells" in text for text in found.warnings)
    assert found.fraction == 1


def test_background_of_the_curve(curve):
    """A same-detector curve: false positives are in its C and in unexposed cells."""
    shifted = CalibrationCurve(np.add(curve.coefficients, [0.05, 0, 0]), curve.covariance)
    cells = [700, 95, 20, 12, 3]
    known = estimate_dose(cells, shifted, method="dolphin", background="curve")
    counted = estimate_dose(cells, shifted, method="dolphin", background=(5128, 100_000))
    assert known.dose_gy == pytest.approx(counted.dose_gy, abs=0.03)
    detected = estimate_dose(
        cells, curve, method="dolphin", detector=Detector(1.0, 0.0, 0.05, 0.0007)
    )
    assert detected.dose_gy == pytest.approx(known.dose_gy, abs=0.03)
    plain = estimate_dose(cells, shifted, method="dolphin")
    assert plain.dose_gy < known.dose_gy - 0.3
    assert sum(known.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("background", ["other", (1,), (1.5, 100), (-1, 100), (1, 0), 3])
def test_bad_background(curve, background):
    with pytest.raises(InputError, match="background is"):
        estimate_dose(EXAMPLE, curve, method="dolphin", background=background)


# --- mixtures ----------------------------------------------------------------------------------


def test_two_doses_are_recovered(curve):
    """40 % of cells at 4 Gy, 60 % at 1 Gy, 20,000 cells: both within 3.5 standard errors."""
    rng = np.random.default_rng(7)
    means = np.where(rng.random(20_000) < 0.4, curve.yield_at(4.0), curve.yield_at(1.0))
    cells = np.bincount(rng.poisson(means))
    found = estimate_dose(cells, curve, method="mixture")
    assert found.resolved
    assert abs(found.dose_gy - 4) < 3.5 * (found.upper_gy - found.lower_gy) / 3.92
    half = (found.second_upper_gy - found.second_lower_gy) / 3.92
    assert abs(found.second_dose_gy - 1) < 3.5 * half
    assert found.scored_fraction == pytest.approx(0.4, abs=0.03)
    assert found.fraction + found.second_fraction == pytest.approx(1)


def test_one_dose_is_not_taken_for_two(curve):
    found = estimate_dose([200, 60, 12, 2], curve, method="mixture")
    assert not found.resolved
    assert any("Two doses are not resolved" in text for text in found.warnings)


def test_mixture_below_the_background_has_no_interval_of_zeros():
    high = CalibrationCurve((0.089, 0.0155, 0.013), np.diag([1e-5, 1e-6, 1e-6]))
    with pytest.raises(InputError, match=r"so far below the curve's background 0\.089"):
        estimate_dose([194, 6], high, method="mixture")
    found = estimate_dose([180, 10, 6, 3, 1], high, method="mixture")
    assert found.second_upper_gy != 0
    assert found.upper_gy > found.dose_gy > 0


def test_mixture_is_better_than_one_poisson():
    k = np.arange(5)
    w, first, second = fit_mixture(EXAMPLE)
    mixed = np.sum(EXAMPLE * np.log(w * poisson.pmf(k, first) + (1 - w) * poisson.pmf(k, second)))
    single = np.sum(EXAMPLE * poisson.logpmf(k, 100 / 361))
    assert mixed > single + 10
    assert first >= second


# --- detector ----------------------------------------------------------------------------------


def test_detected_dicentrics_are_thinned_and_contaminated(curve):
    detected = DetectedCurve(curve, Detector(0.8, 0.02, 0.05, 0.01), 0.1)
    y = float(curve.yield_at(2.0))
    assert float(detected.mean_at(2.0)) == pytest.approx(0.8 * y + 0.05)
    parts = detected.parts_at(2.0)
    assert float(parts["curve"]) == pytest.approx(0.64 * float(curve.variance_at(2.0)))
    assert float(parts["efficiency"]) == pytest.approx((0.02 * y) ** 2)
    assert float(parts["false positives"]) == pytest.approx(1e-4)
    assert float(parts["ensemble"]) == pytest.approx((0.1 * (0.8 * y + 0.05)) ** 2)
    assert detected.dose_at(float(detected.mean_at(2.0))) == pytest.approx(2.0)


def test_correction_of_a_yield():
    """y = (y_obs - p)/e, not below 0."""
    assert Detector(0.5, 0.1, 0.1, 0.02).correct(0.6) == pytest.approx(1.0)
    assert Detector(0.5, 0, 0.1).correct(0.05) == 0


def test_detector_estimate(curve):
    """A detector with e = 0.8, p = 0.1 shows 0.8 Y + 0.1: the dose is that of Y."""
    detector = Detector.from_counts(n_true=400, n_found=320, n_false=90, n_cells=900)
    count = round(500 * (0.8 * float(curve.yield_at(2.0)) + 0.1))
    sums = {"n_cells": 500, "n_dicentrics": count, "curve": curve, "method": "detector"}
    found = estimate_dose(**sums, detector=detector, ensemble_yields=[0.30, 0.33, 0.36])
    assert found.dose_gy == pytest.approx(2.0, abs=0.01)
    assert found.lower_gy < 2 < found.upper_gy
    assert set(found.shares) == {"counts", "curve", "efficiency", "false positives", "ensemble"}
    assert sum(found.shares.values()) == pytest.approx(1)
    assert all(0 < share < 1 for share in found.shares.values())
    exact = estimate_dose(**sums, detector=Detector(0.8, 0, 0.1, 0))
    assert exact.lower_gy > found.lower_gy
    assert exact.upper_gy < found.upper_gy
    assert exact.shares["efficiency"] == 0


def test_tails_are_those_of_the_count():
    mean, variance, n = 0.4, 0.01, 100
    size = mean**2 / variance
    law = nbinom(size, size / (size + n * mean))
    below, above = tail_probabilities(30, n, mean, variance)
    assert float(below) == pytest.approx(law.cdf(29) + law.pmf(30) / 2)
    assert float(above) == pytest.approx(law.sf(30) + law.pmf(30) / 2)
    below, above = tail_probabilities(30, n, mean, 0.0)
    assert float(below) == pytest.approx(poisson.cdf(29, 40) + poisson.pmf(30, 40) / 2)
    assert float(below + above) == pytest.approx(1)


def test_interval_ends_have_the_tails_that_they_claim(curve):
    """The interval of the method is the set that the coverage benchmark tests."""
    for count, cells in ((3, 50), (40, 500), (300, 400)):
        found = estimate_dose(n_cells=cells, n_dicentrics=count, curve=curve, method="detector")
        for end, tail in ((found.lower_gy, 1), (found.upper_gy, 0)):
            tails = tail_probabilities(count, cells, curve.yield_at(end), curve.variance_at(end))
            assert float(tails[tail]) == pytest.approx(0.025, abs=1e-6)


def test_coverage_of_the_detector_interval(curve):
    """Nominal 95 %, curve and sample drawn anew: 400 draws have a standard error of 1.1 %."""
    rng = np.random.default_rng(11)
    truth = curve.coefficients
    spread = np.linalg.cholesky(curve.covariance)
    hits = []
    for _ in range(400):
        drawn = np.maximum(truth + spread @ rng.standard_normal(3), 0)
        shown = CalibrationCurve(drawn, curve.covariance)
        detector = Detector(max(0.75 + 0.03 * rng.standard_normal(), 0.5), 0.03, 0.03, 0.008)
        count = rng.poisson(200 * (0.75 * float(curve.yield_at(1.5)) + 0.03))
        found = estimate_dose(
            n_cells=200, n_dicentrics=count, curve=shown, method="detector", detector=detector
        )
        hits.append(found.lower_gy <= 1.5 <= found.upper_gy)
    assert 0.92 < np.mean(hits) < 0.985


def test_a_yield_is_cut_off_at_zero():
    """Mean and variance of a normal law above 0, by scipy; beside it what multiplies the yield."""
    curve = CalibrationCurve((0.01, 0.02, 0.0), covariance=np.diag([4e-4, 0.0, 0.0]))
    doses = np.array([0.0, 0.5, 50.0])
    expected = truncnorm(-(0.01 + 0.02 * doses) / 0.02, np.inf, 0.01 + 0.02 * doses, 0.02)
    mean, variance = DetectedCurve(curve).law_at(doses)
    assert mean == pytest.approx(expected.mean(), rel=1e-9)
    assert variance == pytest.approx(expected.var(), rel=1e-6)
    _, wider = DetectedCurve(curve, ensemble_cv=0.1).law_at(doses)
    assert wider - variance == pytest.approx((0.1 * (0.01 + 0.02 * doses)) ** 2, rel=1e-9)


def test_a_weak_calibration_shows_no_dose_in_few_dicentrics():
    """One dicentric in 300 cells; the curve has none below 1.5 Gy, in 26 cells at each dose."""
    doses = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 3.0, 4.0]
    curve = fit_curve(doses, [26] * 12, [0] * 8 + [3, 2, 7, 15])
    for count in (1, 2, 5):
        sums = {"n_cells": 300, "n_dicentrics": count, "curve": curve}
        found = estimate_dose(**sums, method="detector")
        assert found.lower_gy == 0 < found.dose_gy < found.upper_gy


def test_limits_of_weak_calibrations_cover():
    """Samples and series of 26 cells a dose, drawn: few lower limits lie above the dose."""
    rng = np.random.default_rng(5)
    doses = np.array([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 3.0, 4.0])
    yields = 0.001 + 0.01 * doses + 0.03 * doses**2
    wrong = []
    for dose in (0.0, 0.25):
        for _ in range(60):
            curve = fit_curve(doses.tolist(), [26] * 12, rng.poisson(26 * yields).tolist())
            count = int(rng.poisson(300 * (0.001 + 0.01 * dose + 0.03 * dose**2)))
            found = estimate_dose(n_cells=300, n_dicentrics=count, curve=curve, method="detector")
            wrong.append(not found.lower_gy <= dose <= found.upper_gy)
    assert np.mean(wrong) < 0.05


@pytest.mark.parametrize(
    ("values", "match"),
    [((0, 0), "efficiency is 0"), ((1.1, 0), "efficiency is 1.1"), ((0.8, -1), "error is -1")],
)
def test_bad_detectors(values, match):
    with pytest.raises(InputError, match=match):
        Detector(*values)


def test_bad_detector_counts():
    with pytest.raises(InputError, match="5 of 4 real"):
        Detector.from_counts(n_true=4, n_found=5, n_false=0, n_cells=10)
    with pytest.raises(InputError, match="two or more yields"):
        ensemble_spread([0.3])


# --- triage and route --------------------------------------------------------------------------


def test_triage_probabilities_add_up(curve):
    for scheme in ("multibiodose", "iaea"):
        for method in ("merkle", "bayesian", "dolphin", "detector"):
            found = triage(estimate_dose(EXAMPLE, curve, method=method), scheme=scheme)
            assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-6)
    low = triage(estimate_dose([475, 25], curve))
    assert low.category == low.most_probable == "green, < 1 Gy"
    assert "green" in low.explain()
    with pytest.raises(InputError, match="scheme is"):
        triage(estimate_dose(EXAMPLE, curve), scheme="other")


def test_triage_near_a_cut_names_both_sides():
    near = Triage("multibiodose", "yellow, 1-2 Gy", {"green": 0.04, "yellow": 0.46, "red": 0.5})
    assert near.ranking() == "red (50%); yellow (46%)"
    assert near.ranking(least=0.0).endswith("green (4%)")
    assert Triage("multibiodose", "undetermined", {}).ranking() == "undetermined"


def test_triage_table_is_sorted_and_keeps_the_undetermined(curve):
    estimates = {
        "low": estimate_dose([475, 25], curve),
        "<b>high</b>": estimate_dose(n_cells=50, n_dicentrics=60, curve=curve),
        "none": estimate_dose([475, 25], curve, method="dolphin"),
    }
    table = triage_table(estimates)
    assert table["sample"].tolist() == ["none", "<b>high</b>", "low"]
    assert table["category"].tolist()[0] == "undetermined"


@pytest.mark.parametrize(
    ("n_cells", "n_dicentrics", "enough"),
    [(49, 29, False), (49, 30, True), (50, 0, True), (20, 0, False)],
)
def test_a_sample_too_small_for_triage_has_no_category(curve, n_cells, n_dicentrics, enough):
    for scheme in ("multibiodose", "iaea"):
        for method in ("merkle", "bayesian", "detector"):
            counted = {"n_cells": n_cells, "n_dicentrics": n_dicentrics}
            found = triage(estimate_dose(curve=curve, method=method, **counted), scheme=scheme)
            assert bool(found.probabilities) == enough
            assert (found.category == "not categorised (too few cells)") != enough
            assert ("needs 50 cells or 30 dicentrics" in found.explain()) != enough


def test_no_step_of_a_route_of_too_few_cells_names_a_category(curve):
    text = laboratory_route([16, 2, 1, 1], curve, local_exposure=True).explain()
    assert "Not categorised: triage needs 50 cells" in text
    assert not any(colour in text for colour in ("green", "yellow", "red, "))


def test_route_of_a_partial_body_sample(curve):
    route = laboratory_route(EXAMPLE, curve)
    assert route.estimate is route.partial_body
    assert route.above_background
    text = route.explain()
    for expected in ("overdispersed", "exceeds the decision threshold", "differs clearly", "59%"):
        assert expected in text
    json.dumps(route.to_dict(), allow_nan=False)


def test_route_of_a_whole_body_sample(curve):
    route = laboratory_route([475, 25], curve)
    assert route.partial_body is None
    assert route.estimate is route.whole_body
    assert route.estimate.method == "merkle"
    local = laboratory_route([475, 24, 1], curve, local_exposure=True)
    assert local.estimate is local.partial_body
    assert local.other is local.whole_body


@pytest.mark.parametrize("method", ["dolphin", "mixture"])
def test_a_d0_far_below_the_dose_leaves_no_part_unexposed(curve, method):
    # e^(D / D_0) is beyond any number: whoever is exposed in a cell is exposed as a whole
    found = estimate_dose(EXAMPLE, curve, method=method, d0_gy=0.001)
    assert found.fraction == pytest.approx(1)


def test_a_sample_without_an_undamaged_cell_has_no_unexposed_part(curve):
    found = estimate_dose([0, 0, 1, 6, 4, 2], curve, method="dolphin")
    assert not found.estimable
    assert any("every cell has a dicentric" in text for text in found.warnings)


def test_odds_that_are_no_number_are_told_in_words(curve):
    """A curve without a background cannot explain a dicentric by no dose."""
    none = CalibrationCurve((0.0, 0.02, 0.06), np.diag([0.0, 1e-6, 1e-6]))
    explained = laboratory_route([190, 10], none, suspected_gy=1.0).explain()
    assert "1 Gy is over 1,000,000 times as likely as no dose." in explained
    explained = laboratory_route([100_000], curve, suspected_gy=4.0).explain()
    assert "No dose is over 1,000,000 times as likely as 4 Gy." in explained


@pytest.mark.parametrize("scorer", [None, {"kind": "simulated detector"}])
def test_a_curve_that_bounds_nothing_still_gives_a_route(scorer):
    doses, cells = [0, 0.1, 0.25, 0.5, 1, 2, 3, 4], [60] * 8
    flat = fit_curve(doses, cells, [20, 16, 19, 22, 17, 20, 18, 23], scorer=scorer)
    for sample in ([49, 1], [200], [17, 3]):
        found = laboratory_route(sample, flat, scorer=scorer).estimate
        assert found.upper_gy > 0


def test_route_of_a_sample_that_is_not_above_background(curve):
    route = laboratory_route([499, 1], curve, suspected_gy=0.25)
    assert not route.above_background
    assert route.conclusion.startswith("Not above background: dose below")
    assert "upper limit" in route.explain()
    assert route.odds_of_no_dose > 1


def test_route_with_a_detector(curve):
    detector = Detector(0.8, 0.03, 0.05, 0.01)
    route = laboratory_route(
        [400, 80, 12], curve, detector=detector, ensemble_yields=[0.2, 0.22], delay_days=400
    )
    assert route.whole_body.method == "detector"
    assert route.limits.background == pytest.approx(0.051, abs=0.002)
    assert "Dicentrics are lost with the years" in route.explain()
    sums = laboratory_route(n_cells=500, n_dicentrics=100, curve=curve, protraction=0.6)
    assert "cannot be looked for" in sums.explain()
    assert "G = 0.6" in sums.explain()
    assert Sample.of(n_cells=500, n_dicentrics=100).yield_ == 0.2


def test_profile_of_an_underdispersed_sample_stays_at_the_whole_body_dose(curve):
    """Fewer empty cells than Poisson leaves: the fraction is 1, not more."""
    cells = [60, 90, 12, 1]
    found = estimate_dose(cells, curve, method="dolphin", limits="profile")
    assert found.scored_fraction == 1
    assert found.dose_gy == pytest.approx(estimate_dose(cells, curve).dose_gy)
    assert found.lower_gy < found.dose_gy < found.upper_gy
    plain = estimate_dose(cells, curve, method="dolphin")
    assert plain.scored_fraction > 1
    assert plain.fraction == 1


def test_route_takes_a_scored_curve_for_the_same_detector(curve):
    tied = curve.with_scorer({"members": ["a1"]})
    route = laboratory_route(EXAMPLE, tied, scorer={"members": ["a1"]}, local_exposure=True)
    assert route.whole_body.method == "detector"
    assert route.partial_body.details["background_yield"] == pytest.approx(0.00128, abs=1e-4)


def test_profile_limits_hold_the_dose_of_imperfectly_detected_samples(curve):
    """Simulated parts: finite limits on both sides, about as wide as the delta method's."""
    rng = np.random.default_rng(2)
    detector = Detector(0.75, 0.025, 0.03, 0.0079)
    for dose, part, n in ((5, 0.5, 1000), (3, 0.5, 1000), (3, 0.2, 1000), (5, 0.5, 50)):
        for _ in range(4):
            shown = 0.75 * float(curve.yield_at(dose)) + 0.03
            exposed = np.arange(n) < rng.binomial(n, part)
            cells = np.bincount(rng.poisson(np.where(exposed, shown, 0.031)))
            found = estimate_dose(cells, curve, method="dolphin", detector=detector)
            assert 0 < found.lower_gy < found.dose_gy < found.upper_gy < math.inf
            width = 3.92 * found.details["standard_error_gy"]
            assert 0.7 < (found.upper_gy - found.lower_gy) / width < 1.5
