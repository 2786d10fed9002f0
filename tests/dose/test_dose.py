"""Whole-body doses, limits, low doses, protraction: golden numbers, invariants, bad input."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve
from dicentlib.counts.poisson_limits import acceptance_region, poisson_limits
from dicentlib.dose import (
    Sample,
    characteristic_limits,
    decision_threshold,
    detection_limit,
    dispersion,
    estimate_dose,
    odds,
    protraction_factor,
    qdr,
)
from dicentlib.dose.bayesian import log_count_probability
from dicentlib.dose.low_dose import poisson_two_sample_p
from dicentlib.dose.protraction import split_dose_factor
from dicentlib.dose.route import laboratory_route
from dicentlib.dose.table import dose_table
from dicentlib.errors import InputError, ScorerMismatchError

EXAMPLE = [302, 28, 22, 8, 1]  # a partial-body sample: 100 dicentrics in 361 cells
METHODS = ("merkle", "delta", "dolphin", "mixture", "bayesian", "detector")


@pytest.fixture(scope="module")
def curve():
    return published_curve("barquinero-1995-co60")


def triple(estimate):
    return [estimate.lower_gy, estimate.dose_gy, estimate.upper_gy]


# --- golden numbers (facts, from the IAEA manual and other programs) ----------------------------


def test_dispersion_of_the_example():
    found = dispersion(EXAMPLE)
    assert found.index == pytest.approx(1.76789, abs=1e-5)
    assert found.u == pytest.approx(10.35421, abs=1e-5)
    assert found.overdispersed
    iaea = dispersion([475, 25])
    assert (round(iaea.index, 2), round(iaea.u, 2)) == (0.95, -0.78)


def test_merkle_golden(curve):
    plain = estimate_dose(EXAMPLE, curve, overdispersion=False)
    np.testing.assert_allclose(triple(plain), [1.71173, 1.93126, 2.18673], atol=2e-5)
    wide = estimate_dose(EXAMPLE, curve, method="merkle")
    np.testing.assert_allclose(triple(wide), [1.54141, 1.93126, 2.42077], atol=2e-5)
    assert wide.details["overdispersion_used"]
    assert plain.level == wide.level == 0.95
    iaea = published_curve("iaea-2011-9.7.3-co60")
    ninety_five = {"yield_level": 0.95, "curve_level": 0.95}
    found = estimate_dose(n_cells=500, n_dicentrics=25, curve=iaea, **ninety_five)
    np.testing.assert_allclose(triple(found), [0.497, 0.728, 0.985], atol=5e-4)
    crow = estimate_dose(
        n_cells=500, n_dicentrics=25, curve=iaea, limits="crow-gardner", **ninety_five
    )
    np.testing.assert_allclose(triple(crow), [0.50952, 0.72791, 0.97170], atol=1e-5)


def test_delta_golden(curve):
    found = estimate_dose(EXAMPLE, curve, method="delta")
    np.testing.assert_allclose(triple(found), [1.64801, 1.93126, 2.21451], atol=2e-5)


def test_dolphin_golden(curve):
    found = estimate_dose(EXAMPLE, curve, method="dolphin")
    np.testing.assert_allclose(triple(found), [3.49317, 4.13793, 4.78270], atol=2e-5)
    fractions = [found.fraction_lower, found.fraction, found.fraction_upper]
    np.testing.assert_allclose(fractions, [0.513716, 0.590182, 0.666647], atol=2e-6)
    assert found.scored_fraction == pytest.approx(0.2372435, abs=1e-7)


def test_mixture_golden(curve):
    found = estimate_dose(EXAMPLE, curve, method="mixture")
    np.testing.assert_allclose(triple(found), [3.29510, 4.21478, 5.13447], atol=2e-4)
    assert found.fraction == pytest.approx(0.578019, abs=1e-4)
    assert not found.resolved


def test_qdr_golden():
    """IAEA 9.7.5.4: 86 dicentrics in 99 damaged cells, 3.19 Gy."""
    dicentrics = published_curve("iaea-2011-eq24-ir192")
    acentrics = published_curve("iaea-2011-eq25-ir192-acentrics")
    found = qdr(86, 99, dicentrics, acentrics)
    assert found.dose_gy == pytest.approx(3.1859, abs=1e-4)
    assert found.lower_gy < found.dose_gy < found.upper_gy
    with pytest.raises(InputError, match="per damaged cell: expected between"):
        qdr(1, 99, dicentrics, acentrics)


def test_crow_gardner_golden():
    """Table 8 of the IAEA manual (95 %)."""
    table = {0: (0, 3.285), 1: (0.051, 5.323), 7: (3.285, 13.765), 25: (16.768, 36.030)}
    for count, limits in table.items():
        found = poisson_limits(count, kind="crow-gardner")
        np.testing.assert_allclose(found, limits, atol=6e-4)


def test_low_dose_golden(curve):
    thresholds = [decision_threshold(n, control=(4, 1000)) for n in (20, 50, 100, 200, 500, 1000)]
    assert thresholds == [1, 1, 2, 3, 7, 12]
    assert detection_limit(7) == pytest.approx(11.77091, abs=1e-5)
    assert float(curve.dose_at(8 / 500)) == pytest.approx(0.34436, abs=2e-5)
    assert poisson_two_sample_p(13, 1000, 1, 1000) == pytest.approx(0.0018310546875)
    iaea = published_curve("iaea-2011-table9-co60")
    found = odds(n_cells=1000, n_dicentrics=0, curve=iaea, suspected_gy=0.25)
    assert found == pytest.approx(1306.36, abs=0.01)
    limits = characteristic_limits(Sample.of(n_cells=500, n_dicentrics=9), curve, control=(4, 1000))
    assert (limits.above, limits.threshold) == (True, 7)
    assert limits.resolvable_gy == pytest.approx(0.34436, abs=2e-5)
    assert limits.detectable_gy == pytest.approx(0.45038, abs=2e-5)
    assert "exceeds the decision threshold of 7" in limits.explain()


def test_protraction_golden():
    assert float(protraction_factor(3)) == pytest.approx(0.642782364576382, abs=1e-12)
    assert float(protraction_factor(0)) == 1
    assert float(protraction_factor(np.inf)) == pytest.approx(0, abs=1e-12)
    # The series below x = 0.01 meets the closed form above it.
    below, above = protraction_factor([0.019999, 0.020001])
    assert below - above == pytest.approx(2e-6 / 2 / 3, rel=0.02)
    assert float(split_dose_factor(2)) == pytest.approx(math.exp(-1))
    with pytest.raises(InputError, match="0 hours or more"):
        protraction_factor(-1)


# --- invariants --------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(20, 1000))
def test_the_interval_holds_the_dose(count, cells):
    curve = published_curve("barquinero-1995-co60")
    for method in ("merkle", "delta", "detector"):
        found = estimate_dose(n_cells=cells, n_dicentrics=count, curve=curve, method=method)
        assert 0 <= found.lower_gy <= found.dose_gy <= found.upper_gy
        assert found.upper_gy > 0


def test_more_dicentrics_give_more_dose(curve):
    for method in ("merkle", "bayesian", "detector"):
        found = [
            triple(estimate_dose(n_cells=200, n_dicentrics=x, curve=curve, method=method))
            for x in (0, 1, 3, 10, 40, 150)
        ]
        assert np.all(np.diff(found, axis=0) >= 0)


def test_a_wider_level_gives_a_wider_interval(curve):
    for method in ("delta", "dolphin", "mixture", "bayesian", "detector"):
        narrow = estimate_dose(EXAMPLE, curve, method=method, level=0.8)
        wide = estimate_dose(EXAMPLE, curve, method=method, level=0.99)
        assert wide.lower_gy <= narrow.lower_gy
        assert narrow.upper_gy <= wide.upper_gy


def test_trailing_zeros_and_types_do_not_matter(curve):
    plain = estimate_dose(EXAMPLE, curve).to_dict()
    for other in ([*EXAMPLE, 0, 0], tuple(EXAMPLE), np.array(EXAMPLE), np.array(EXAMPLE, float)):
        again = estimate_dose(other, curve).to_dict()
        plain["distribution"] = again["distribution"]
        assert again == plain


def test_sums_and_distribution_agree(curve):
    whole = [200, 60, 12, 2]
    sums = {"n_cells": 274, "n_dicentrics": 90}
    for method in ("merkle", "bayesian", "detector"):
        assert triple(estimate_dose(whole, curve, method=method)) == triple(
            estimate_dose(**sums, curve=curve, method=method)
        )


def test_merkle_limits_lie_on_the_bands(curve):
    found = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve)
    assert curve.band_at(found.lower_gy, level=0.83)[1] == pytest.approx(found.yield_lower)
    assert curve.band_at(found.upper_gy, level=0.83)[0] == pytest.approx(found.yield_upper)


def test_linear_curve():
    """Without curve error, limits of the dose are those of the yield over alpha."""
    linear = CalibrationCurve((0.0, 0.5), None)
    found = estimate_dose(n_cells=100, n_dicentrics=50, curve=linear, yield_level=0.95)
    low, high = poisson_limits(50)
    np.testing.assert_allclose(triple(found), [low / 50, 1.0, high / 50], rtol=1e-9)
    delta = estimate_dose(n_cells=100, n_dicentrics=50, curve=linear, method="delta")
    half = 1.959964 * math.sqrt(50) / 100 / 0.5
    np.testing.assert_allclose(triple(delta), [1 - half, 1, 1 + half], rtol=1e-6)


def test_protraction_raises_the_dose(curve):
    acute = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve)
    for method in METHODS:
        options = {"method": method, "protraction": float(protraction_factor(3))}
        found = estimate_dose(EXAMPLE, curve, **options)
        assert found.dose_gy > estimate_dose(EXAMPLE, curve, method=method).dose_gy
    endless = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve, protraction=0)
    assert endless.dose_gy == pytest.approx((100 / 361 - 0.00128033) / 0.02103867, rel=1e-5)
    assert endless.dose_gy > acute.dose_gy


def test_overdispersion_choices(curve):
    even = [200, 60, 12, 2]
    assert dispersion(even).u < 1.96
    never = estimate_dose(even, curve, overdispersion=False)
    assert triple(estimate_dose(even, curve)) == triple(never)
    with pytest.raises(InputError, match="needs the cells with 0, 1, 2"):
        estimate_dose(n_cells=274, n_dicentrics=86, curve=curve, overdispersion=True)


def test_garwood_limits_have_the_tails_that_they_claim():
    for count in (1, 4, 30):
        low, high = poisson_limits(count)
        assert poisson.sf(count - 1, low) == pytest.approx(0.025, rel=1e-9)
        assert poisson.cdf(count, high) == pytest.approx(0.025, rel=1e-9)
    assert poisson_limits(7, level=0) == (7, 7)


def test_acceptance_regions_hold_their_level_and_are_shortest():
    for mean in (0.3, 2.0, 7.7, 40.0):
        first, last = acceptance_region(mean)
        assert poisson.cdf(last, mean) - poisson.cdf(first - 1, mean) >= 0.95
        width = last - first
        starts = np.arange(max(0, first - 10), first + 10)
        shorter = poisson.cdf(starts + width - 1, mean) - poisson.cdf(starts - 1, mean)
        assert shorter.max() < 0.95


def test_decision_threshold_has_the_error_that_it_claims():
    threshold = decision_threshold(500, background=0.001)
    assert poisson.sf(threshold, 0.5) < 0.05
    # The two-sample p-value is a binomial tail: here one-sided by hand.
    assert poisson_two_sample_p(5, 100, 0, 100) == pytest.approx(2 * binom.pmf(5, 5, 0.5))
    with pytest.raises(InputError, match=r"expected either control=.* or background"):
        decision_threshold(500)


# --- Bayesian ----------------------------------------------------------------------------------


def test_bayesian_density(curve):
    found = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve, method="bayesian")
    assert np.trapezoid(found.density, found.grid_gy) == pytest.approx(1)
    assert found.probability(0, math.inf) == pytest.approx(1)
    assert found.probability(found.lower_gy, found.upper_gy) == pytest.approx(0.95, abs=1e-3)
    assert found.probability(1, 2) + found.probability(2, 3) == pytest.approx(
        found.probability(1, 3)
    )
    # Nearly normal here: mode, mean and Merkle's classic limits lie close together.
    merkle = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve)
    np.testing.assert_allclose(triple(found), triple(merkle), atol=0.04)
    assert found.mean_gy == pytest.approx(found.dose_gy, abs=0.02)


def test_bayesian_with_an_exact_linear_curve_is_a_gamma_law():
    """X dicentrics, flat prior, Y = a D: the dose is Gamma(X + 1, scale 1/(N a))."""
    linear = CalibrationCurve((0.0, 0.5), None)
    found = estimate_dose(n_cells=100, n_dicentrics=9, curve=linear, method="bayesian")
    assert found.dose_gy == pytest.approx(9 / 50, abs=1e-6)
    assert found.mean_gy == pytest.approx(10 / 50, rel=1e-5)
    assert found.sd_gy == pytest.approx(math.sqrt(10) / 50, rel=1e-4)


def test_bayesian_priors(curve):
    sums = {"n_cells": 100, "n_dicentrics": 0, "curve": curve, "method": "bayesian"}
    flat = estimate_dose(**sums)
    assert flat.dose_gy == 0
    assert flat.upper_gy > 0.2
    bounded = estimate_dose(**sums, prior=("uniform", 0.5, 2))
    assert bounded.lower_gy == pytest.approx(0.5, abs=1e-3)
    gamma = estimate_dose(**sums, prior=("gamma", 1.0, 0.2))
    assert 0.5 < gamma.dose_gy < 1.0
    with pytest.raises(InputError, match="prior is"):
        estimate_dose(**sums, prior=("normal", 1, 1))


def test_count_law_adds_up_and_has_its_moments():
    counts = np.arange(2000)
    p = np.exp([float(log_count_probability(k, 100, 0.5, 0.02)) for k in counts])
    assert p.sum() == pytest.approx(1)
    assert (p * counts).sum() == pytest.approx(50)
    # var X = N y + N^2 var y
    assert (p * (counts - 50) ** 2).sum() == pytest.approx(50 + 100**2 * 0.02)


# --- bad input and statements ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"cells_with": [100, -1]}, "cells with 1 dicentrics is -1"),
        ({"cells_with": [100, 2.5]}, "cells with 1 dicentrics is 2.5"),
        ({"cells_with": [100, math.nan]}, "is nan"),
        ({"cells_with": []}, "expected a list"),
        ({"cells_with": [0, 0]}, "no cells were scored"),
        ({"cells_with": "100"}, "expected a list"),
        ({"cells_with": [[1, 2], [3, 4]]}, "expected a list"),
        ({}, "expected the cells with 0, 1, 2"),
        ({"n_cells": 0, "n_dicentrics": 0}, r"N = 0"),
        ({"n_cells": -5, "n_dicentrics": 0}, "n_cells is -5"),
        ({"n_cells": 100, "n_dicentrics": -1}, "n_dicentrics is -1"),
        ({"n_cells": 100, "n_dicentrics": 1.5}, "n_dicentrics is 1.5"),
        ({"n_cells": 100}, "n_cells and n_dicentrics"),
        ({"n_cells": 100, "n_dicentrics": 200, "n_damaged": 101}, "only 100 cells"),
        ({"n_cells": 100, "n_dicentrics": 2, "n_damaged": 3}, "3 cells with dicentrics, but 2"),
        ({"cells_with": [90, 10], "n_cells": 99}, "n_cells is 99, but the distribution has 100"),
        ({"cells_with": [90, 10], "protraction": 1.2}, "protraction is 1.2"),
        ({"cells_with": [90, 10], "method": "guess"}, "method is 'guess'"),
        ({"cells_with": [90, 10], "level": 0.9}, "'merkle' has no option level"),
        ({"cells_with": [90, 10], "yield_level": 1}, "level is 1"),
        ({"cells_with": [90, 10], "overdispersion": "yes"}, "overdispersion is 'yes'"),
        ({"cells_with": [90, 10], "limits": "normal"}, "limits are 'normal'"),
        ({"cells_with": [90, 10], "method": "delta", "level": 95}, "level is 95"),
        ({"cells_with": [90, 10], "method": "dolphin", "d0_gy": 0}, "d0_gy is 0"),
        ({"n_cells": 100, "n_dicentrics": 10, "method": "dolphin"}, "not only the sums"),
        ({"n_cells": 100, "n_dicentrics": 10, "method": "mixture"}, "not only the sums"),
        ({"cells_with": [100], "method": "mixture"}, "none were found"),
    ],
)
def test_bad_samples(curve, arguments, match):
    with pytest.raises(InputError, match=match):
        estimate_dose(curve=curve, **arguments)


def test_a_curve_is_needed():
    with pytest.raises(InputError, match="expected a CalibrationCurve"):
        estimate_dose([90, 10], (0.001, 0.02, 0.06))


def test_dose_outside_the_curve_is_flagged(curve):
    high = estimate_dose(n_cells=50, n_dicentrics=150, curve=curve)
    assert high.dose_gy > 5
    assert any("above the highest calibrated dose, 5 Gy" in text for text in high.warnings)
    near = estimate_dose(n_cells=50, n_dicentrics=80, curve=curve)
    assert near.dose_gy < 5 < near.upper_gy
    assert any("upper limit is above the highest" in text for text in near.warnings)
    low = published_curve("lloyd-1986-co60")
    below = estimate_dose(n_cells=1000, n_dicentrics=4, curve=low)
    assert any("below the lowest calibrated dose, 0.25 Gy" in text for text in below.warnings)


@pytest.mark.parametrize("method", ["merkle", "delta", "bayesian", "detector"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_yields_below_background(method, count):
    """A background of 0.089 per cell: never a silent 0, never an interval [0, 0]."""
    high = CalibrationCurve((0.089, 0.0155, 0.013), np.diag([1e-5, 1e-6, 1e-6]))
    found = estimate_dose(n_cells=100, n_dicentrics=count, curve=high, method=method)
    assert found.dose_gy == found.lower_gy == 0
    assert found.upper_gy > 0.05
    assert any("No dicentric" in t or "not above" in t for t in found.warnings)


def test_lower_band_below_zero_is_told():
    rough = fit_curve([0, 0.5, 1, 3], [200, 100, 100, 80], [1, 2, 6, 30])
    found = estimate_dose(n_cells=200, n_dicentrics=4, curve=rough)
    assert any("lower 83% band is below zero" in text for text in found.warnings)
    assert found.lower_gy == 0 < found.dose_gy < found.upper_gy


def test_no_upper_limit_is_told():
    """A lower band that bends down never reaches the yield: infinite, and said."""
    poor = CalibrationCurve((0.0, 0.05, 0.02), np.diag([1e-6, 1e-3, 4e-4]))
    found = estimate_dose(n_cells=100, n_dicentrics=30, curve=poor)
    assert math.isinf(found.upper_gy)
    assert any("no upper limit of the dose" in text for text in found.warnings)
    assert found.to_dict()["upper_gy"] == "infinity"


def test_curve_without_covariance(curve):
    bare = CalibrationCurve(curve.coefficients, None)
    found = estimate_dose(n_cells=361, n_dicentrics=100, curve=bare)
    assert any("no covariance" in text for text in found.warnings)
    low, high = poisson_limits(100, level=0.95)
    np.testing.assert_allclose(
        [found.lower_gy, found.upper_gy], bare.dose_at(np.array([low, high]) / 361)
    )
    assert any("cannot be flagged" in text for text in found.assumptions)


def test_few_dicentrics_and_delta(curve):
    found = estimate_dose(n_cells=50, n_dicentrics=2, curve=curve, method="delta")
    assert any("below 15 the delta interval" in text for text in found.warnings)


def test_underdispersion_is_told(curve):
    found = estimate_dose([10, 200, 10], curve)
    assert found.u < -1.96
    assert any("underdispersed" in text for text in found.warnings)


def test_another_scorer_is_refused(curve):
    tied = curve.with_scorer({"members": ["a"]})
    assert estimate_dose(EXAMPLE, tied, scorer={"members": ["a"]}).estimable
    with pytest.raises(ScorerMismatchError, match="members"):
        estimate_dose(EXAMPLE, tied, scorer={"members": ["b"]})


def test_estimates_are_plain_json(curve):
    for method in METHODS:
        found = estimate_dose(EXAMPLE, curve, method=method)
        again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert again["dose_gy"] == found.dose_gy
        assert again["curve"]["coefficients"]["C"] == curve.coefficients[0]


@pytest.mark.parametrize(("cells", "index", "u"), [([5], None, None), ([0, 1], None, None)])
def test_dispersion_where_undefined(cells, index, u):
    found = dispersion(cells)
    assert (found.index, found.u) == (index, u)
    assert "too few" in found.explain()


def test_dispersion_of_one_dicentric():
    found = dispersion([9, 1])
    assert found.index == pytest.approx(1.0)
    assert found.u is None


def test_a_curve_without_dicentrics_at_0_gy_does_not_make_the_unexposed_exposed():
    dose, cells = [0, 0.25, 0.5, 1, 2, 3, 4], [500, 2000, 1500, 1000, 600, 400, 250]
    curve = fit_curve(dose, cells, [0, 9, 24, 60, 160, 220, 240])
    for n_dicentrics in (1, 2):
        route = laboratory_route(n_cells=1000, n_dicentrics=n_dicentrics, curve=curve)
        assert not route.above_background
        assert route.estimate.lower_gy == 0
    published = CalibrationCurve((0, 0.02, 0.06))
    limits = characteristic_limits(Sample(1000, 1), published)
    assert (limits.source, limits.above, limits.threshold) == ("assumed", False, 3)
    assert "give counts of unexposed cells" in limits.explain()
    assert characteristic_limits(Sample(1000, 30), published).above


@pytest.mark.parametrize("name", ["alpha", "beta"])
@pytest.mark.parametrize("level", [0, 1, np.nan])
def test_levels_of_the_limits_lie_between_0_and_1(curve, name, level):
    with pytest.raises(InputError, match=f"{name} is .*between 0 and 1"):
        characteristic_limits(Sample(500, 5), curve, **{name: level})


def test_control_counts_the_wrong_way_round_are_refused():
    for control, message in (
        (
            (1000, 1),
            r"control is .*expected \(n_dicentrics, n_cells\); .* a cell has 46 chromosomes",
        ),
        ((1000, 100), "dicentrics per unexposed cell"),
        ((0, 0), "no cells were scored"),
    ):
        with pytest.raises(InputError, match=message):
            characteristic_limits(
                Sample(1000, 1), published_curve("barquinero-1995-co60"), control=control
            )


def test_zero_covariance_is_as_none():
    exact = CalibrationCurve((0.001, 0.02, 0.06), np.zeros((3, 3)))
    unknown = CalibrationCurve((0.001, 0.02, 0.06))
    assert estimate_dose([475, 25], exact).lower_gy == estimate_dose([475, 25], unknown).lower_gy


def test_spread_alone_can_show_a_small_exposed_part():
    curve = published_curve("barquinero-1995-co60")
    route = laboratory_route([998, 0, 2], curve)
    assert not route.limits.above
    assert route.above_background
    assert route.estimate is route.partial_body
    assert "not by the number of dicentrics" in route.conclusion
    assert "The dispersion does not ask" not in route.explain()


def test_the_density_of_a_curve_that_bends_down_ends_at_its_summit():
    curve = CalibrationCurve((0.001, 0.3, -0.02), standard_errors=(0.0005, 0.01, 0.004))
    found = estimate_dose([475, 25], curve, method="bayesian")
    assert found.upper_gy < 0.5
    assert found.grid_gy.max() <= 7.5
    beyond = estimate_dose([10, 20, 30, 20, 10, 5], curve, method="bayesian")
    assert any("never reaches the yield" in text for text in beyond.warnings)


def test_one_sample_that_cannot_be_estimated_does_not_stop_the_others(tmp_path):
    counts = tmp_path / "counts.csv"
    counts.write_text("ID,C0,C1,C2\nA,302,28,22\nB,500,0,0\nA,302,28,22\n")
    table = dose_table(counts, "barquinero-1995-co60", method="mixture").set_index("sample")
    assert table.loc["A", "dose_gy"] > 1
    assert np.isnan(table.loc["B", "dose_gy"])
    assert "mixture needs dicentrics" in table.loc["B", "warnings"]
    assert "same name" in table.loc["A'", "warnings"]


def test_a_curve_fitted_to_the_counts_of_a_file(tmp_path):
    counts, series = tmp_path / "counts.csv", tmp_path / "series.csv"
    counts.write_text("ID,N,X\nA,500,40\n")
    series.write_text("Dose (Gy);N;X\n0;5000;8\n0,5;2000;40\n1;1000;70\n2;600;160\n4;200;220\n")
    curve = fit_curve([0, 0.5, 1, 2, 4], [5000, 2000, 1000, 600, 200], [8, 40, 70, 160, 220])
    expected = estimate_dose(n_cells=500, n_dicentrics=40, curve=curve)
    assert dose_table(counts, series).loc[0, "dose_gy"] == expected.dose_gy
    with pytest.raises(InputError, match="neither a saved curve"):
        dose_table(counts, counts)


def test_counts_on_the_curve_of_a_detector_are_warned_of(tmp_path):
    curve = published_curve("barquinero-1995-co60").with_scorer({"members": ["a"]})
    curve.save(tmp_path / "curve.json")
    (tmp_path / "counts.csv").write_text("ID,N,X\nA,500,40\n")
    table = dose_table(tmp_path / "counts.csv", tmp_path / "curve.json")
    assert "automatic scorer" in table.loc[0, "warnings"]


def test_a_table_in_which_no_sample_has_a_dose(tmp_path):
    (tmp_path / "counts.csv").write_text("ID,N,X\nA,500,40\n")
    arguments = ["dose", str(tmp_path / "counts.csv"), "barquinero-1995-co60"]
    failed = CliRunner().invoke(app, [*arguments, "--method", "dolphin"])
    assert failed.exit_code == 1
    assert "dolphin needs the cells with" in failed.output
    refused = CliRunner().invoke(app, [*arguments, "--protraction", "5"])
    assert refused.exit_code == 2
    assert "Error: protraction is 5.0" in refused.output
