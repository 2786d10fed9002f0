"""Limits of dose and fraction at any sample size, and none where there is none to give."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import nbinom

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve
from dicentlib.dose import (
    Sample,
    characteristic_limits,
    decision_threshold,
    estimate_dose,
    laboratory_route,
)
from dicentlib.dose.count_law import two_sided_p
from dicentlib.dose.low_dose import poisson_two_sample_p
from dicentlib.errors import InputError

EXACT = CalibrationCurve((0.0, 0.02, 0.06))


def truncated_limits(counts):
    """Limits of lambda where the fraction is free and the curve exact, 3.8415 / 2 below the top.

    The fraction takes up the cells without dicentrics, so the others are a zero-truncated Poisson
    sample: log L = X log(lambda) - n (lambda + log(1 - exp(-lambda))).
    """
    k = np.arange(len(counts))
    n, x = sum(counts[1:]), float(k @ counts)

    def log(v):
        return x * math.log(v) - n * (v + math.log(-math.expm1(-v)))

    top = brentq(lambda v: v / -math.expm1(-v) - x / n, 1e-9, x / n + 1)
    least = log(top) - 3.841459 / 2
    return (
        brentq(lambda v: log(v) - least, 1e-9, top),
        brentq(lambda v: log(v) - least, top, 5 * top + 10),
    )


@pytest.mark.parametrize(
    "counts",
    [
        [40, 5, 3, 2],
        [450, 30, 14, 5, 1],
        [4600, 300, 80, 18, 2],
        [46000, 3800, 480, 45, 3],
        [90000, 6000, 3000, 850, 130, 20],
    ],
)
def test_profile_limits_from_50_to_100_000_cells(counts):
    found = estimate_dose(counts, EXACT, method="dolphin", limits="profile")
    expected = [float(EXACT.dose_at(limit)) for limit in truncated_limits(counts)]
    assert (found.lower_gy, found.upper_gy) == pytest.approx(expected, rel=2e-3)
    padded = estimate_dose([*counts, *[0] * 60], EXACT, method="dolphin", limits="profile")
    assert (padded.lower_gy, padded.upper_gy) == (found.lower_gy, found.upper_gy)
    assert padded.fraction_upper == found.fraction_upper


def test_fraction_limits_meet_those_of_the_delta_method_in_large_samples():
    counts = [90000, 6000, 3000, 850, 130, 20]
    profile, delta = (
        estimate_dose(counts, EXACT, method="dolphin", limits=kind) for kind in ("profile", "delta")
    )
    for name in ("fraction_lower", "fraction_upper"):
        assert getattr(profile, name) == pytest.approx(getattr(delta, name), abs=0.003)


def test_fraction_limits_by_direct_likelihood():
    """On a grid of (f, lambda), with the body's part F = f as D0 is far above the dose."""
    counts = np.array([475, 18, 5, 2])
    found = estimate_dose(counts, EXACT, method="dolphin", limits="profile", d0_gy=1e6)
    f = np.linspace(0.005, 1, 800)[:, None, None]
    lam = np.linspace(0.02, 4, 1500)[:, None]
    k = np.arange(4)
    poisson = np.exp(-lam) * lam**k / np.array([1, 1, 2, 6])
    log = np.log((1 - f) * (k == 0) + f * poisson) @ counts
    inside = log.max(axis=1) > log.max() - 3.841459 / 2
    expected = f[inside, 0, 0].min(), f[inside, 0, 0].max()
    assert (found.fraction_lower, found.fraction_upper) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(("x", "n"), [(10, 2000), (13, 5000), (1280, 1_000_000)])
@pytest.mark.parametrize("method", ["merkle", "delta", "detector", "bayesian"])
def test_no_limit_where_curve_and_counts_conflict(x, n, method):
    """The automatic curve has 0.089 dicentrics per unexposed cell; the counts are by eye."""
    curve = published_curve("adci-cnl-automated")
    found = estimate_dose(n_cells=n, n_dicentrics=x, curve=curve, method=method)
    assert math.isinf(found.upper_gy)
    assert any("the curve is probably of another scorer" in text for text in found.warnings)
    route = laboratory_route(n_cells=n, n_dicentrics=x, curve=curve, protraction=0.5)
    assert route.triage["iaea"].category == "undetermined"
    assert "the curve is probably of another scorer" in route.conclusion


def test_a_yield_a_little_below_the_background_keeps_its_limit():
    curve = published_curve("adci-cnl-automated")
    found = estimate_dose(n_cells=5000, n_dicentrics=400, curve=curve)
    assert 0 < found.upper_gy < 1


def test_a_published_curve_whose_counts_scatter_has_their_scatter():
    curve = published_curve("barquinero-1997-co60-dicentrics-and-rings")
    assert any("dispersion 1.97" in text for text in curve.warnings)
    poisson = math.sqrt(9.72643915e-08)
    assert curve.standard_errors[0] == pytest.approx(1.405 * poisson, rel=1e-3)


def test_a_line_through_a_fixed_background_from_one_dose():
    """(150 + 160) dicentrics less 0.001 * 1000 in 1000 cells at 2 Gy: alpha = 0.1545 per Gy."""
    curve = fit_curve([2, 2], [500, 500], [150, 160], model="linear", fixed_background=0.001)
    assert curve.coefficients[1] == pytest.approx((310 - 1) / 2000)
    assert curve.dose_range_gy == (2, 2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"background": (1000, 1)}, r"n_dicentrics, n_cells"),
        ({"background": (1, 2, 3)}, r"n_dicentrics, n_cells"),
        ({"d0_gy": "x"}, "d0_gy is 'x'"),
        ({"level": 1}, "level is 1"),
        ({"detector": 0.8}, r"detector is 0\.8: expected a Detector"),
    ],
)
def test_what_was_a_crash_is_a_sentence(options, match):
    with pytest.raises(InputError, match=match):
        estimate_dose([400, 70, 30], EXACT, method="dolphin", **options)


def test_swapped_controls_and_long_tails_are_sentences_or_numbers():
    with pytest.raises(InputError, match="n_dicentrics, n_cells"):
        characteristic_limits(Sample.of([90, 10]), EXACT, control=(1000, 1))
    counts = [300, 60, 30, 12, 6, 2]
    long = estimate_dose([*counts, *[0] * 100], EXACT, method="mixture")
    assert long.dose_gy == estimate_dose(counts, EXACT, method="mixture").dose_gy


def test_fits_take_part_of_the_distributions_and_warn_of_weights():
    doses, cells, counts = [0, 1, 2, 4], [2000, 1000, 500, 100], [2, 80, 150, 110]
    none = fit_curve(doses, cells, counts, distributions=[None] * 4)
    assert none.fit["dispersion_index"] is None
    part = fit_curve(doses, cells, counts, distributions=[[1998, 2], None, None, None])
    assert part.fit["u"][1:] == [None] * 3
    plain, tenth = fit_curve(doses, cells, counts), fit_curve(
        doses, cells, counts, weights=[0.1] * 4, family="poisson"
    )  # fmt: skip
    ratio = tenth.standard_errors / plain.standard_errors
    assert ratio == pytest.approx(math.sqrt(10), rel=1e-6)
    heavy = fit_curve(doses, cells, counts, weights=[10] * 4, family="poisson")
    assert any("Weights up to 10" in text for text in heavy.warnings)


@pytest.mark.parametrize(("count", "mean"), [(0, 3.2), (7, 3.2), (3, 3.2), (13, 1.0), (40, 60.5)])
def test_two_sided_p_adds_all_outcomes_that_are_not_more_probable(count, mean):
    k = np.arange(400)
    log = k * math.log(mean) - mean - np.array([math.lgamma(i + 1) for i in k])
    pmf = np.exp(log)
    expected = pmf[pmf <= pmf[count] * (1 + 1e-7)].sum()
    assert two_sided_p(count, 1, mean) == pytest.approx(expected, rel=1e-9)
    assert two_sided_p(count, 1, mean, variance=1e-12) == pytest.approx(expected, rel=1e-6)
    # of variance `mean` in the mean: negative binomial of size mean, half as probable each
    pmf = nbinom.pmf(k, mean, 0.5)
    expected = pmf[pmf <= pmf[count] * (1 + 1e-7)].sum()
    assert two_sided_p(count, 1, mean, variance=mean) == pytest.approx(expected, rel=1e-6)


def test_thresholds_of_large_samples_are_quick_and_in_order():
    thresholds = [decision_threshold(n, control=(900, 1_000_000)) for n in (10**4, 10**5, 10**6)]
    assert thresholds == sorted(thresholds)
    assert poisson_two_sample_p(thresholds[2], 10**6, 900, 10**6) >= 0.05
    assert poisson_two_sample_p(thresholds[2] + 1, 10**6, 900, 10**6) < 0.05
