"""The curve, its fit and its files."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve, published_curves
from dicentlib.calibration.constrained import fit_nonnegative
from dicentlib.counts.tables import read_counts
from dicentlib.errors import InputError, ScorerMismatchError

# Barquinero et al. 1995, Co-60: dose in Gy, cells, dicentrics
DOSES = [0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5]
CELLS = [5000, 5002, 2008, 2002, 1832, 1168, 562, 333, 193, 103, 59]
DICENTRICS = [8, 14, 22, 55, 100, 109, 100, 103, 108, 103, 107]


@pytest.fixture(scope="module")
def curve():
    return fit_curve(DOSES, CELLS, DICENTRICS, name="test")


def test_fit_reproduces_the_reference_calibration(curve):
    """Coefficients and standard errors of the Barquinero counts, as in the IAEA manual's data."""
    np.testing.assert_allclose(
        curve.coefficients, [0.00128032772, 0.02103866924, 0.06303255780], rtol=1e-7
    )
    np.testing.assert_allclose(curve.standard_errors, [0.000471, 0.005158, 0.004007], atol=5e-7)
    assert curve.fit["dispersion"] == pytest.approx(0.8221221, abs=1e-6)
    assert curve.fit["family"] == "poisson"
    assert curve.fit["log_likelihood"] == pytest.approx(-35.711957, abs=1e-6)
    assert curve.dose_range_gy == (0, 5)
    assert not curve.fit["constrained"]


def test_fit_is_stationary(curve):
    """At the optimum the score of every coefficient is zero: sum of D^j (X/mu - 1) N."""
    mu = np.array(CELLS) * curve.yield_at(DOSES)
    for power in range(3):
        columns = np.array(CELLS) * np.array(DOSES) ** power
        score = np.sum(columns * (np.array(DICENTRICS) / mu - 1))
        assert abs(score) < 1e-4 * np.sum(columns)


def test_fit_recovers_a_known_curve():
    """With expected counts as data the fit is exact (the likelihood's optimum is the truth)."""
    truth = CalibrationCurve((0.002, 0.03, 0.05), None)
    cells = np.full(6, 1_000_000)
    doses = np.array([0, 0.5, 1, 2, 3, 4])
    counts = np.round(cells * truth.yield_at(doses))
    found = fit_curve(doses, cells, counts)
    np.testing.assert_allclose(found.coefficients, truth.coefficients, rtol=1e-3)


def test_coverage_of_standard_errors():
    """Over redrawn counts the coefficients spread as their standard errors say (within 15 %)."""
    truth = CalibrationCurve((0.00128, 0.02104, 0.06303), None)
    rng = np.random.default_rng(5)
    fits = [
        fit_curve(DOSES, CELLS, rng.poisson(CELLS * truth.yield_at(DOSES)), family="poisson")
        for _ in range(200)
    ]
    spread = np.std([one.coefficients for one in fits], axis=0)
    stated = np.mean([one.standard_errors for one in fits], axis=0)
    np.testing.assert_allclose(spread, stated, rtol=0.15)  # 200 draws: 5 % standard error


def test_families(curve):
    quasi = fit_curve(DOSES, CELLS, DICENTRICS, family="quasi-poisson")
    np.testing.assert_allclose(quasi.covariance, curve.covariance * quasi.fit["dispersion"])
    worse = np.array(DICENTRICS) * 1
    worse[6] += 60
    automatic = fit_curve(DOSES, CELLS, worse)
    assert automatic.fit["dispersion"] > 1
    assert automatic.fit["family"] == "quasi-poisson"
    assert any("fits badly" in text for text in automatic.warnings)


def test_linear_and_fixed_background(curve):
    linear = fit_curve(DOSES[:5], CELLS[:5], DICENTRICS[:5], model="linear")
    assert linear.coefficients[2] == 0
    assert linear.n_parameters == 2
    assert not linear.covariance[2].any()
    fixed = fit_curve(DOSES, CELLS, DICENTRICS, fixed_background=0.001)
    assert fixed.coefficients[0] == 0.001
    assert not fixed.covariance[0].any()
    assert fixed.n_parameters == 2
    # Fixing C at its estimate leaves the other estimates where they are.
    same = fit_curve(DOSES, CELLS, DICENTRICS, fixed_background=curve.coefficients[0])
    np.testing.assert_allclose(same.coefficients, curve.coefficients, rtol=1e-6)
    origin = fit_curve(DOSES[1:], CELLS[1:], DICENTRICS[1:], fixed_background=0)
    assert origin.coefficients[0] == 0
    with pytest.raises(InputError, match="8 dicentrics were found at 0 Gy"):
        fit_curve(DOSES, CELLS, DICENTRICS, fixed_background=0)


def test_negative_coefficient_is_kept_at_zero_and_told():
    """Yields that grow faster than D^2: the plain fit has alpha < 0."""
    doses = np.array([0, 0.5, 1, 2, 3, 4])
    cells = np.full(6, 5000)
    counts = np.round(cells * (0.001 + 0.02 * doses**3 / 2))
    found = fit_curve(doses, cells, counts)
    assert found.coefficients[1] == 0
    assert np.all(found.coefficients >= 0)
    assert any("alpha on the bound" in text for text in found.warnings)
    # The optimum on the bound: more alpha would lower the likelihood.
    mu = cells * found.yield_at(doses)
    score = np.sum(cells * doses * (counts / np.maximum(mu, 1e-12) - 1))
    assert score < 0


def test_optimum_with_zero_background():
    """No dicentric at 0 Gy: C = 0; the other coefficients as computed independently."""
    found = fit_curve(
        [0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3],
        [100, 200, 161, 88, 131, 74, 189, 141],
        [0, 1, 6, 10, 28, 23, 70, 61],
    )
    np.testing.assert_allclose(found.coefficients, [0, 0.0687391, 0.0310345], rtol=1e-5)


def test_design_warnings(curve):
    few = fit_curve([0, 1, 2, 6], [200, 100, 100, 50], [1, 8, 30, 60])
    text = " ".join(few.warnings)
    for expected in (
        "4 doses",
        "1 Gy or less: 2, 0 Gy being one of",
        "saturates",
        "Few cells",
        "200 cells at 0",
    ):
        assert expected in text
    assert "0.25, 0.5 Gy" in curve.warnings[0]
    without_zero = fit_curve([0.5, 1, 2, 3], [900, 500, 300, 200], [9, 20, 60, 90])
    assert "1 Gy or less: 2, none of them 0 Gy" in " ".join(without_zero.warnings)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0, 1, 2], [100, 100], [1, 2, 3]), "equally many"),
        (([0, -1, 2], [100, 100, 100], [1, 2, 3]), "negative value -1"),
        (([0, 1, 2], [100, 0, 100], [1, 2, 3]), "n_cells is 0 at 1 Gy"),
        (([0, 1, 2], [100, 100, 100], [1, 2.5, 3]), "whole numbers"),
        (([0, 1, 2], [100, 100, 100], [1, -2, 3]), "negative"),
        (([0, 1, np.nan], [100, 100, 100], [1, 2, 3]), "finite"),
        (([0, 1, 2], [100, 100, 100], [0, 0, 0]), "0 at every dose"),
        (([0, 1, 1], [100, 100, 100], [1, 2, 3]), "2 different doses"),
        ((["a"], [100], [1]), "not a list of numbers"),
    ],
)
def test_bad_counts(arguments, match):
    with pytest.raises(InputError, match=match):
        fit_curve(*arguments)


def test_bad_options():
    with pytest.raises(InputError, match="model is 'cubic'"):
        fit_curve(DOSES, CELLS, DICENTRICS, model="cubic")
    with pytest.raises(InputError, match="family is"):
        fit_curve(DOSES, CELLS, DICENTRICS, family="normal")
    with pytest.raises(InputError, match="11 positive numbers"):
        fit_curve(DOSES, CELLS, DICENTRICS, weights=[1, 2])


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.1), st.floats(1e-3, 0.5), st.floats(0, 0.2), st.floats(0, 8), st.floats(0, 1))
def test_dose_to_yield_and_back(background, alpha, beta, dose, protraction):
    curve = CalibrationCurve((background, alpha, beta), None).protracted(protraction)
    assert float(curve.dose_at(curve.yield_at(dose))) == pytest.approx(dose, abs=1e-9)


def test_inverse_at_the_edges():
    curve = CalibrationCurve((0.01, 0.02, 0.06), None)
    assert float(curve.dose_at(0.005)) == 0
    np.testing.assert_allclose(curve.dose_at([0.01, 0.09]), [0, 1.0])
    with pytest.raises(InputError, match="0 or more"):
        curve.dose_at(-0.1)
    with pytest.raises(InputError, match="never reaches 5"):
        CalibrationCurve((0, 0.4, -0.02), None).dose_at(5.0)
    with pytest.raises(InputError, match="from 0 to 1"):
        curve.protracted(1.5)


def test_band(curve):
    """IAEA: R = 2.795 at 95 % with three coefficients; the band is Y -/+ R sd."""
    assert curve.band_factor(0.95) == pytest.approx(2.795, abs=1e-3)
    assert curve.band_factor(0.83) ** 2 == pytest.approx(5.025, abs=1e-3)
    lower, upper = curve.band_at(0.0, level=0.95)
    half = 2.7955 * curve.standard_errors[0]
    assert (lower, upper) == pytest.approx(
        (curve.coefficients[0] - half, curve.coefficients[0] + half), rel=1e-3
    )
    linear = CalibrationCurve((0.001, 0.05), [[1e-7, 0], [0, 1e-5]])
    assert linear.band_factor(0.95) ** 2 == pytest.approx(5.991, abs=1e-3)


def test_protracted(curve):
    """Y, its variance and its band with G equal those of v = (1, D, G D^2) on the acute curve."""
    half = curve.protracted(0.5)
    assert half.coefficients.tolist() == (curve.coefficients * [1, 1, 0.5]).tolist()
    v = np.array([1, 3.0, 0.5 * 9])
    assert float(half.yield_at(3.0)) == pytest.approx(float(curve.coefficients @ v))
    assert float(half.variance_at(3.0)) == pytest.approx(float(v @ curve.covariance @ v))
    assert curve.protracted(1) is curve
    assert half.protracted(0.5).coefficients[2] == curve.coefficients[2] / 4
    assert half.acute is curve
    assert half.dose_range_gy == curve.dose_range_gy
    none = curve.protracted(0)
    assert none.coefficients[2] == 0
    assert none.n_parameters == curve.n_parameters == 3
    assert none.band_factor(0.95) == curve.band_factor(0.95)
    with pytest.raises(InputError, match=r"protraction is 1\.2"):
        curve.protracted(1.2)
    for nearly_none in (0, 1.1e-308):  # the smallest numbers overflow where one divides by them
        with pytest.raises(InputError, match="has no alpha"):
            CalibrationCurve((0, 0, 0.06)).protracted(nearly_none)
    with pytest.raises(InputError, match="not a flat curve"):
        CalibrationCurve((0, 0, 1e-308))
    with pytest.raises(InputError, match=r"use curve\.protracted"):
        CalibrationCurve((0, 0.02, 0.06), protraction=0.5)


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_files_hold_a_protracted_curve_exactly(curve, tmp_path, suffix):
    none = curve.protracted(0)
    none.save(tmp_path / f"curve.{suffix}")
    again = CalibrationCurve.load(tmp_path / f"curve.{suffix}")
    assert (again.coefficients.tolist(), again.protraction) == (none.coefficients.tolist(), 0)
    assert again.acute.coefficients.tolist() == curve.coefficients.tolist()
    assert again.n_parameters == 3


def test_curve_from_standard_errors_says_so():
    found = CalibrationCurve((0.001, 0.02, 0.06), None, standard_errors=(1e-4, 1e-3, 2e-3))
    np.testing.assert_allclose(np.diag(found.covariance), [1e-8, 1e-6, 4e-6])
    assert any("no covariances" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("coefficients", "covariance", "match"),
    [
        ((0.001,), None, "expected C, alpha and beta"),
        ((0.001, 0, 0), None, "flat"),
        ((np.nan, 0.1, 0.1), None, "finite"),
        ((-0.001, 0.1, 0.1), None, "background C is -0.001"),
        ((0.001, 0.1, 0.1), np.ones((4, 4)), "shape"),
        ((0.001, 0.1, 0.1), [[1, 0, 0], [1, 1, 0], [0, 0, 1]], "symmetric"),
        ((0.001, 0.1, 0.1), [[1, 2, 0], [2, 1, 0], [0, 0, 1]], "semi-definite"),
    ],
)
def test_bad_curves(coefficients, covariance, match):
    with pytest.raises(InputError, match=match):
        CalibrationCurve(coefficients, covariance)


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_files_hold_the_curve_exactly(curve, tmp_path, suffix):
    tied = curve.with_scorer({"members": ["a1", "b2"], "quantile": 0.1 + 0.2})
    path = tmp_path / f"curve.{suffix}"
    tied.save(path)
    again = CalibrationCurve.load(path)
    np.testing.assert_array_equal(again.coefficients, tied.coefficients)
    np.testing.assert_array_equal(again.covariance, tied.covariance)
    assert again.to_dict() == tied.to_dict()
    published = published_curve("iaea-2011-table9-co60")
    published.save(path)
    assert CalibrationCurve.load(path).to_dict() == published.to_dict()


def test_files_that_are_no_curve(curve, tmp_path):
    path = tmp_path / "curve.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"curve\.json: not JSON .*the shortest is"):
        CalibrationCurve.load(path)
    path.write_text(json.dumps({**curve.to_dict(), "gamma": 1}), encoding="utf-8")
    with pytest.raises(InputError, match="not a calibration curve"):
        CalibrationCurve.load(path)


def test_another_scorer_is_refused(curve):
    tied = curve.with_scorer({"members": ["a1"], "co_occurrence": True})
    tied.require_scorer({"members": ["a1"], "co_occurrence": True})
    with pytest.raises(ScorerMismatchError, match="co_occurrence: curve True, sample False"):
        tied.require_scorer({"members": ["a1"], "co_occurrence": False})


def test_published_curves():
    table = published_curves()
    assert table["name"].is_unique
    assert len(table) > 30
    iaea = published_curve("iaea-2011-table5-co60")
    np.testing.assert_allclose(iaea.standard_errors, [0.00047, 0.00516, 0.00401])
    assert "table 5" in iaea.reference
    refitted = fit_curve(DOSES, CELLS, DICENTRICS)
    stored = published_curve("barquinero-1995-co60")
    np.testing.assert_allclose(stored.coefficients, refitted.coefficients, rtol=1e-6)
    np.testing.assert_allclose(stored.covariance, refitted.covariance, rtol=1e-4)
    with pytest.raises(InputError, match="no published curve 'x'"):
        published_curve("x")


def test_counts_from_csv(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("D;N;X;note\n0;5000;8;a\n0,25;2008;22;b\n", encoding="utf-8")
    table = read_counts(path)
    assert table["dose_gy"].tolist() == [0, 0.25]
    assert table["n_dicentrics"].tolist() == [8, 22]
    assert table["note"].tolist() == ["a", "b"]
    # C10 is the cells with ten dicentrics, not another C1.
    header = ",".join(f"C{k}" for k in range(11))
    path.write_text(f"ID,{header}\ns 1,90,1,,,,,,,,,2\n", encoding="utf-8")
    row = read_counts(path).iloc[0]
    assert (row["n_cells"], row["n_dicentrics"]) == (93, 21)
    assert row["sample"] == "s 1"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "an empty file"),
        ("D,N\n0,100\n", "expected the columns N and X"),
        ("N,X\n100,a\n", "row 2: column X has 'a'"),
        ("N,X\n100,2.5\n", r"row 2: column X has '2\.5': expected a whole number"),
        ("N,X,C0,C1\n100,3,97,2\n", "row 2: n_cells is 100, but the distribution has 99"),
        ("C0,C2\n100,3\n", "gaps"),
        ("dose,D,N,X\n1,1,100,3\n", "both 'dose' and 'D'"),
        ("ID,C0,C1\nA,300,10,5\n", "row 2: value '5' in a column without name"),
        ("D (mGy),N,X\n0,300,1\n", "expected doses in Gy"),
        ("ID,N,X,N\nA,300,1,300\n", "two columns 'N'"),
        ("ID,N,X,Cells\nA,300,1,300\n", "both 'N' and 'Cells' are n_cells"),
        ("ID,C0,C1,C1\nA,300,1,3\n", "two columns 'C1'"),
    ],
)
def test_bad_csv(tmp_path, text, match):
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match):
        read_counts(path)


@pytest.mark.parametrize("seed", range(6))
def test_constrained_maximum_of_any_series(seed):
    # at the maximum the slope is 0 inside the bounds, and points out of them on the bound
    rng = np.random.default_rng(seed)
    for _ in range(100):
        n, terms = rng.integers(4, 13), rng.integers(2, 4)
        dose = np.sort([0, *rng.uniform(0.05, 6, n - 1)])
        cells = rng.integers(5, 3000, n).astype(float)
        yields = rng.choice([0, 1e-4, 1e-2]) + rng.choice([0, 0.02]) * dose
        yields = yields + rng.choice([0.003, 0.06]) * dose**2
        counts = rng.poisson(cells * yields * rng.gamma(1, 1, n)).astype(float)
        counts[-1] += 1
        weights = rng.uniform(0.05, 1, n)
        design = cells[:, None] * dose[:, None] ** np.arange(terms)
        found, _ = fit_nonnegative(design, counts, np.zeros(n), weights)
        mu = design @ found
        excess = 1 - np.divide(counts, mu, out=np.zeros(n), where=counts > 0)
        slope = (design / design.max(axis=0)).T @ (weights * excess)
        tolerance = 1e-5 * counts.sum()
        assert (np.abs(slope[found > 0]) < tolerance).all()
        assert (slope[found == 0] > -tolerance).all()


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        ([10] * 4, [5, 3, 2, 1]),
        *(([10] * 4, [each] * 4) for each in (1, 3, 7, 11, 100)),
        *((np.array([10, 20, 40, 30]), np.array([1, 2, 4, 3]) * each) for each in (3, 11, 70)),
        (np.full(4, 10_000), np.full(4, 10_007)),
    ],
)
def test_counts_that_do_not_rise_are_refused(cells, counts):
    """Equal yields are flat whatever the rounding of the fit leaves of a slope."""
    with pytest.raises(InputError, match="do not rise with the dose"):
        fit_curve([0, 1, 2, 3], cells, counts)


def test_a_rise_that_many_cells_show_is_no_rounding():
    """C = y0 and alpha D = y1 - y0 to the digits of the counts: two doses, two coefficients."""
    cells = 10**8
    curve = fit_curve([0, 1], [cells] * 2, [10**7, 10**7 + 10**4], model="linear")
    assert curve.coefficients == pytest.approx([0.1, 1e-4, 0], rel=1e-6)


def test_no_dicentric_at_0_gy_is_no_known_background():
    dose, cells = [0, 0.25, 0.5, 1, 2, 3, 4], [500, 2000, 1500, 1000, 600, 400, 250]
    curve = fit_curve(dose, cells, [0, 9, 24, 60, 160, 220, 240])
    assert curve.coefficients[0] == 0
    assert curve.standard_errors[0] == pytest.approx(1 / 500)
    assert curve.n_parameters == 3
    assert any("No dicentric in 500 cells at 0 Gy" in text for text in curve.warnings)
    counts = [0, 18, 20, 60, 160, 220, 240]
    beside = fit_curve(dose, cells, counts)
    assert beside.coefficients[0] == 0
    assert beside.standard_errors[0] == pytest.approx(1 / 500)
    held = [fit_curve(dose, cells, counts, fixed_background=c) for c in (1e-6, 1e-5, 1e-4)]
    assert all(one.fit["log_likelihood"] < beside.fit["log_likelihood"] for one in held)


def test_a_background_of_rounding_errors_is_on_the_bound():
    curve = fit_curve([0, 1, 2], [100, 100, 100], [0, 10, 30])
    assert curve.coefficients[0] == 0
    assert curve.standard_errors[0] == pytest.approx(0.01)


def test_zeros_are_no_known_covariance():
    for unknown in ({"covariance": np.zeros((3, 3))}, {"standard_errors": (0, 0, 0)}):
        curve = CalibrationCurve((0.001, 0.02, 0.06), **unknown)
        assert curve.covariance is None
        assert curve.standard_errors is None
    partly = CalibrationCurve((0.001, 0.02, 0.06), standard_errors=(np.nan, 0.005, 0.004))
    assert "The standard error of C is not known." in partly.warnings
    with pytest.raises(InputError, match="expected 0 or more"):
        CalibrationCurve((0.001, 0.02, 0.06), standard_errors=(-0.1, 0.005, 0.004))


@pytest.mark.parametrize(
    "content",
    [
        {"coefficients": [0.001, 0.02, 0.06], "standard_errors": [0.0005, 0.005, 0.004]},
        {
            "coefficients": {"C": 0.001, "alpha": 0.02, "beta": 0.06},
            "standard_errors": {"C": 0.0005, "alpha": 0.005, "beta": 0.004},
        },
    ],
)
def test_a_laboratorys_own_curve_in_few_words(tmp_path, content):
    path = tmp_path / "curve.json"
    path.write_text(json.dumps(content))
    curve = CalibrationCurve.load(path)
    np.testing.assert_allclose(curve.standard_errors, [0.0005, 0.005, 0.004])
    assert curve.yield_at(1.0) == pytest.approx(0.081)
    path.write_text(json.dumps({"coefficients": {"C": 0.001, "alpha": 0.02}}))
    assert CalibrationCurve.load(path).coefficients[2] == 0


@pytest.mark.parametrize(
    "text",
    ['{"coefficients": "abc"}', '{"coefficients": [0.1, "x", 1]}', "not json", "[1, 2]",
     '{"coefficients": [0.1, 0.1, 1], "dose_range_gy": [0]}'],
)  # fmt: skip
def test_files_that_are_no_curve_name_themselves_and_the_shortest_one(tmp_path, text):
    path = tmp_path / "curve.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"curve\.json: .*the shortest is a file \.json with"):
        CalibrationCurve.load(path)
    (tmp_path / "curve.csv").write_text("")
    for absent in ("curve.csv", "absent.json"):
        with pytest.raises(InputError, match=absent):
            CalibrationCurve.load(tmp_path / absent)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID,C0,C1,C2,\nA,302,28,22,\n", ("A", 352, 72, (302, 28, 22))),
        ("Sample ID;N;X;\nA;302;28;\n", ("A", 302, 28, None)),
        ("Patient,N,X,0,1,2\nA,300,10,291,8,1\n", ("A", 300, 10, (291, 8, 1))),
        ("ID,Patient,N,X,2024,\nA,Bee,300,2,7, \n", ("A", 300, 2, None)),
    ],
)
def test_counts_as_spreadsheets_export_them(tmp_path, text, expected):
    path = tmp_path / "counts.csv"
    path.write_text(text)
    row = read_counts(path).iloc[0]
    assert (row["sample"], row["n_cells"], row["n_dicentrics"], row["distribution"]) == expected
