"""Curves, known doses, scorers and laboratories compared: closed forms and published numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve
from dicentlib.calibration.comparison import compare_curves
from dicentlib.counts.homogeneity import homogeneity
from dicentlib.dose.interlaboratory import algorithm_a, q_hampel, z_scores
from dicentlib.dose.verification import check_known_doses
from dicentlib.errors import InputError

CURVE = published_curve("barquinero-1995-co60")
DOSES = np.array([0, 0.25, 0.5, 1, 2, 3, 4])
CELLS = np.array([5000, 3000, 2000, 1000, 400, 200, 100])


# --- two curves --------------------------------------------------------------------------------


def test_one_coefficient_is_the_square_of_z():
    first = CalibrationCurve((0.001, 0.020, 0.06), np.diag([0, 0, 0.003**2]))
    second = CalibrationCurve((0.001, 0.020, 0.07), np.diag([0, 0, 0.004**2]))
    found = compare_curves(first, second)
    assert found.chi2 == pytest.approx(4.0)
    assert found.df == 1
    assert found.p_value == pytest.approx(2 * norm.sf(2))
    assert found.ratio_p is None


def test_equal_curves_are_called_different_as_often_as_stated():
    rng = np.random.default_rng(1)
    means = CELLS * CURVE.yield_at(DOSES)
    ps = []
    for _ in range(120):
        curves = [fit_curve(DOSES, CELLS, rng.poisson(means), family="poisson") for _ in range(2)]
        ps.append(compare_curves(*curves).ratio_p)
    # of 120 at 5 %: 6 expected, fewer than 14 with probability 0.998
    assert np.sum(np.array(ps) < 0.05) < 14
    assert np.mean(ps) == pytest.approx(0.5, abs=0.12)


def test_another_efficiency_is_seen():
    rng = np.random.default_rng(2)
    means = CELLS * CURVE.yield_at(DOSES)
    found = [
        compare_curves(*(fit_curve(DOSES, CELLS, rng.poisson(e * means)) for e in (1.0, 0.7)))
        for _ in range(9)
    ]
    # 530 dicentrics against 371: 5.3 standard deviations.
    assert np.median([one.ratio_p for one in found]) < 1e-4
    assert found[0].explain().startswith("The curves differ")


def test_curves_that_cannot_be_compared():
    with pytest.raises(InputError, match="no covariance"):
        compare_curves(CURVE, CalibrationCurve((0.001, 0.02, 0.06)))
    exact = CalibrationCurve((0.0, 0.02, 0.06), np.diag([0, 1e-6, 1e-6]))
    other = CalibrationCurve((0.1, 0.02, 0.06), np.diag([0, 1e-6, 1e-6]))
    with pytest.raises(InputError, match="C differs, but has no variance"):
        compare_curves(exact, other)


# --- known doses -------------------------------------------------------------------------------


def test_z_and_chi_squared_without_an_uncertain_curve():
    exact = CalibrationCurve((0.001, 0.02, 0.06))
    known = [
        {"dose_gy": 2.0, "n_cells": 1000, "n_dicentrics": 300},
        {"dose_gy": 1.0, "n_cells": 1000, "n_dicentrics": 70},
    ]
    found = check_known_doses(known, exact)
    z = [(300 - 281) / np.sqrt(281), (70 - 81) / 9.0]
    assert found.table["z"].to_list() == pytest.approx(z)
    assert found.chi2 == pytest.approx(np.sum(np.square(z)))
    assert (found.coverage, found.df) == (1.0, 2)
    limits = binomtest(2, 2).proportion_ci(method="exact")
    assert (found.coverage_lower, found.coverage_upper) == pytest.approx((limits.low, limits.high))


def test_an_error_of_the_curve_is_one_error():
    # Two samples far off in the same direction, by what the curve allows: as one sample.
    curve = CalibrationCurve((0.0, 0.1, 0.0), np.diag([0, 0.01**2, 0]))
    row = {"dose_gy": 2.0, "n_cells": 10**6, "n_dicentrics": 240_000}
    one, two = check_known_doses([row], curve), check_known_doses([row, row], curve)
    assert one.chi2 == pytest.approx(4.0, rel=0.01)  # two standard errors
    assert two.chi2 == pytest.approx(4.0, rel=0.01)


def test_samples_by_the_curve_agree_and_others_do_not():
    rng = np.random.default_rng(3)
    doses = np.tile([0.5, 1, 2, 3], 10)
    drawn = rng.poisson(300 * CURVE.yield_at(doses))
    rows = [
        {"dose_gy": dose, "n_cells": 300, "n_dicentrics": int(x)}
        for dose, x in zip(doses, drawn, strict=True)
    ]
    assert check_known_doses(rows, CURVE).p_value > 0.01
    lost = [row | {"n_dicentrics": row["n_dicentrics"] // 2} for row in rows]
    found = check_known_doses(lost, CURVE)
    assert found.p_value < 1e-6
    assert "contradict the curve" in found.explain()


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([], "no sample"),
        ([{"n_cells": 5, "n_dicentrics": 1}], "dose_gy"),
        ([{"dose_gy": -1, "n_cells": 5, "n_dicentrics": 1}], "expected 0 Gy or more"),
        ([{"dose_gy": 1, "n_cells": 0, "n_dicentrics": 0}], "no cells"),
    ],
)
def test_bad_known_doses(rows, match):
    with pytest.raises(InputError, match=match):
        check_known_doses(rows, CURVE)


# --- homogeneity -------------------------------------------------------------------------------


def test_two_scorers_are_the_binomial_test():
    # The same as a binomial test of the first count given the sum.
    found = homogeneity([(8, 300), (22, 300)], trials=100_000)
    exact = binomtest(8, 30, 0.5).pvalue
    assert found.p_value == pytest.approx(exact, abs=0.003)
    assert found.chi2 == pytest.approx((7**2 / 15) * 2)
    assert found.table["residual"].to_list() == pytest.approx([-7 / np.sqrt(7.5), 7 / np.sqrt(7.5)])


def test_equal_scorers_are_pooled_and_the_odd_one_is_named():
    assert homogeneity({"A": (20, 200), "B": (22, 200), "C": (18, 200)}).alike
    found = homogeneity({"A": (20, 200), "B": (22, 200), "C": (45, 200)})
    assert not found.alike
    assert "The most different part is C" in found.explain()
    assert homogeneity([(0, 10), (0, 20)]).p_value == 1


@pytest.mark.parametrize("counts", [[(1, 10)], [], [(1, 10), 5], [(1, 0), (1, 10)], [(-1, 5)] * 2])
def test_bad_parts(counts):
    with pytest.raises(InputError):
        homogeneity(counts)


# --- laboratories ------------------------------------------------------------------------------


def test_algorithm_a_is_the_published_one():
    found = algorithm_a([3.65, 2.5, 4.85])
    assert (found.mean, found.sd) == pytest.approx((3.66667, 1.331837), abs=5e-6)


def test_q_by_hand():
    # Differences 1.15, 1.2, 2.35; G = 1/6 and 1/2 at the first two, so G^-1(0.25) = 1.1625.
    found = q_hampel([3.65, 2.5, 4.85])
    assert found.sd == pytest.approx(1.1625 / (np.sqrt(2) * norm.ppf(0.625)))
    assert found.mean == pytest.approx(11 / 3)  # all within 1.5 s: the plain mean


@pytest.mark.parametrize("robust", [algorithm_a, q_hampel])
def test_robust_estimators_of_a_normal_law_with_blunders(robust):
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(2.0, 0.2, 200), [8.0] * 10])
    found = robust(x)
    assert found.mean == pytest.approx(2.0, abs=0.06)
    assert found.sd == pytest.approx(0.2, abs=0.05)
    shifted = robust(3 * x + 1)
    assert (shifted.mean, shifted.sd) == pytest.approx((3 * found.mean + 1, 3 * found.sd), rel=1e-6)


def test_z_against_a_known_dose_and_a_consensus():
    doses = {"A": 1.9, "B": 2.1, "C": 2.0, "D": 2.6}
    known = z_scores(doses, reference_gy=2.0, sd_gy=0.2)
    assert known["z"].to_list() == pytest.approx([-0.5, 0.5, 0, 3])
    assert known["verdict"].to_list() == ["satisfactory"] * 3 + ["unsatisfactory"]
    consensus = z_scores(doses, sd_gy=0.2)
    error = 1.25 * 0.2 / 2
    mean = algorithm_a(list(doses.values())).mean
    assert consensus["z"][0] == pytest.approx((1.9 - mean) / np.hypot(0.2, error))
    assert z_scores({"A": 2.0, "B": 2.0, "C": 2.4}, reference_gy=2, sd_gy=0.2)["verdict"][2] == (
        "satisfactory"  # exactly 2
    )


@pytest.mark.parametrize(
    ("doses", "options"),
    [
        ({"A": 1.0, "B": 2.0}, {}),
        ([1.0, 2.0, 3.0], {}),
        ({"A": 1.0, "B": 2.0, "C": np.nan}, {}),
        ({"A": 1.0, "B": 2.0, "C": -1.0}, {}),
        ({"A": 1.0, "B": 1.0, "C": 1.0}, {}),
        ({"A": 1.0, "B": 2.0, "C": 3.0}, {"method": "mean"}),
        ({"A": 1.0, "B": 2.0, "C": 3.0}, {"sd_gy": 0}),
        ({"A": 1.0, "B": 2.0, "C": 3.0}, {"reference_gy": "two"}),
    ],
)
def test_bad_exercises(doses, options):
    with pytest.raises(InputError):
        z_scores(doses, **options)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=5),
    values=st.lists(st.floats(0, 1e6), max_size=12),
)
def test_extremes_give_numbers_or_sentences(pairs, values):
    attempts = [
        lambda: homogeneity(pairs, trials=50).p_value,
        lambda: algorithm_a(values).sd,
        lambda: q_hampel(values).mean,
    ]
    for attempt in attempts:
        try:
            assert np.isfinite(attempt())
        except InputError:
            continue
