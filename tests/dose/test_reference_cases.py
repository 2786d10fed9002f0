"""Published reference numbers: worked examples, other programs' results, real mixtures.

The numbers lie in ``biodosimetry/cases.json`` beside the repository, or where the environment
variable DICENTLIB_REFERENCE_DATA points. The most important ones are written out in
``test_dose.py`` and ``test_calibration_curve.py`` as well, and are checked in every clone.
"""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from dicentlib.calibration import CalibrationCurve, fit_curve
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.counts.sample import Sample
from dicentlib.dose import (
    decision_threshold,
    detection_limit,
    dispersion,
    estimate_dose,
    odds,
    protraction_factor,
    qdr,
)
from dicentlib.dose.low_dose import poisson_two_sample_p
from dicentlib.dose.whole_body import merkle


def _folder():
    default = Path(__file__).resolve().parents[3] / "shared" / "data" / "biodosimetry"
    return Path(os.environ.get("DICENTLIB_REFERENCE_DATA", default))


pytestmark = pytest.mark.skipif(
    not (_folder() / "cases.json").is_file(),
    reason="reference numbers absent: set DICENTLIB_REFERENCE_DATA to the folder of cases.json",
)


@pytest.fixture(scope="module")
def reference():
    return json.loads((_folder() / "cases.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cases(reference):
    return {case["id"]: case for case in reference["cases"]}


@pytest.fixture(scope="module")
def curve_of(reference):
    def make(inputs):
        if "coef" in inputs:
            return CalibrationCurve(inputs["coef"], None)
        published = reference["curves"][inputs["curve"]]
        return CalibrationCurve(published["coef"], published["cov"])

    return make


def fitted(case, **options):
    inputs = case["inputs"]
    model = {"lq": "linear-quadratic", "l": "linear"}.get(inputs["model"], inputs["model"])
    options = {"model": model, "weights": inputs.get("weights"), **options}
    return fit_curve(inputs["D"], inputs["N"], inputs["X"], **options)


def triple(estimate):
    return [estimate.lower_gy, estimate.dose_gy, estimate.upper_gy]


# --- curve fitting -----------------------------------------------------------------------------


def test_fit_chooses_poisson_and_agrees_in_every_statistic(cases):
    case = cases["fit_bar95_lq_auto_poisson"]
    expected = case["expected"]
    curve = fitted(case)
    assert curve.fit["family"] == "poisson"
    np.testing.assert_allclose(curve.coefficients, expected["coef"], rtol=1e-4)
    np.testing.assert_allclose(curve.standard_errors, expected["se"], rtol=1e-3)
    np.testing.assert_allclose(curve.covariance, expected["cov"], rtol=1e-3)
    np.testing.assert_allclose(curve.fit["statistic"], expected["z"], rtol=1e-3)
    np.testing.assert_allclose(curve.fit["p"], expected["p"], rtol=5e-3)
    for name in ("log_likelihood", "deviance", "aic", "bic"):
        there = {"log_likelihood": "logLik", "aic": "AIC", "bic": "BIC"}.get(name, name)
        assert curve.fit[name] == pytest.approx(expected[there], abs=2e-4)
    assert curve.fit["df"] == expected["df"]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("fit_bar95_lq_auto_poisson", "auto"),
        ("fit_bar95_lq_quasi_forced", "quasi-poisson"),
        ("fit_bar95_linear_below1Gy_quasi", "auto"),
        ("fit_rod04_lq_poisson", "poisson"),
        ("fit_rod04_fullgenome_quasi", "auto"),
        ("fit_iaea_table5_co60", "poisson"),
        ("fit_iaea_table5_he4_lq", "quasi-poisson"),
        ("fit_iaea_table5_he4_linear", "quasi-poisson"),
    ],
)
def test_fit_agrees_with_a_second_derivation(cases, name, family):
    case = cases[name]
    check = case["independent_check"]
    curve = fitted(case, family=family)
    p = len(check["coef"])
    np.testing.assert_allclose(curve.coefficients[:p], check["coef"], rtol=1e-6)
    np.testing.assert_allclose(curve.standard_errors[:p], check["se"], rtol=1e-5)
    np.testing.assert_allclose(curve.covariance[:p, :p], check["cov"], rtol=1e-5)
    assert curve.fit["dispersion"] == pytest.approx(check["pearson_dispersion"], rel=1e-6)
    assert curve.fit["chi2"] == pytest.approx(check["pearson_chi2"], rel=1e-6)
    assert curve.fit["deviance"] == pytest.approx(check["deviance"], rel=1e-6)
    assert curve.fit["log_likelihood"] == pytest.approx(check["logLik"], rel=1e-7)
    assert curve.fit["aic"] == pytest.approx(check["AIC"], rel=1e-7)
    assert curve.fit["bic"] == pytest.approx(check["BIC"], rel=1e-7)


def test_fit_agrees_with_rounded_peer_numbers(cases):
    for name, family in (
        ("fit_bar95_lq_quasi_forced", "quasi-poisson"),
        ("fit_bar95_linear_below1Gy_quasi", "quasi-poisson"),
        ("fit_rod04_lq_poisson", "poisson"),
    ):
        expected = cases[name]["expected"]
        curve = fitted(cases[name], family=family)
        p = len(expected["coef_4dp"])
        np.testing.assert_array_equal(np.round(curve.coefficients[:p], 4), expected["coef_4dp"])
        np.testing.assert_array_equal(np.round(curve.standard_errors[:p], 4), expected["se_4dp"])
        variances = np.diag(curve.covariance)[:p]
        np.testing.assert_array_equal(np.round(variances, 8), expected["var_8dp"])


def test_fit_with_fractional_cells_is_quasi_poisson(cases):
    case = cases["fit_rod04_fullgenome_quasi"]
    curve = fitted(case)
    assert curve.fit["family"] == "quasi-poisson"
    np.testing.assert_allclose(curve.coefficients, case["expected"]["coef"], rtol=2e-4)
    np.testing.assert_allclose(curve.standard_errors, case["expected"]["se"], rtol=1e-3)
    np.testing.assert_allclose(curve.fit["p"], case["expected"]["p"], rtol=5e-3)


def test_fit_agrees_with_the_iaea_manual(cases):
    expected = cases["fit_iaea_table5_co60"]["expected"]
    curve = fitted(cases["fit_iaea_table5_co60"], family="poisson")
    np.testing.assert_allclose(curve.coefficients, expected["coef"], atol=1e-5)
    np.testing.assert_allclose(curve.standard_errors, expected["se"], atol=1e-5)
    np.testing.assert_allclose(curve.covariance, expected["cov"], rtol=1e-2)
    assert curve.fit["chi2"] == pytest.approx(expected["pearson_chi2"], abs=0.01)
    assert curve.fit["p_value"] == pytest.approx(expected["p_gof"], abs=0.005)

    expected = cases["fit_iaea_table5_he4_lq"]["expected"]
    curve = fitted(cases["fit_iaea_table5_he4_lq"], family="quasi-poisson")
    np.testing.assert_allclose(curve.coefficients[1:], expected["coef"][1:], rtol=2e-3)
    assert curve.coefficients[0] == pytest.approx(expected["coef"][0], rel=2e-2)
    np.testing.assert_allclose(curve.standard_errors[1:], expected["se"][1:], rtol=5e-3)
    assert curve.fit["chi2"] == pytest.approx(expected["pearson_chi2"], abs=0.01)

    expected = cases["fit_iaea_table5_he4_linear"]["expected"]
    curve = fitted(cases["fit_iaea_table5_he4_linear"], family="quasi-poisson")
    assert curve.coefficients[1] == pytest.approx(expected["coef"][1], rel=1e-3)
    assert curve.fit["chi2"] == pytest.approx(expected["pearson_chi2"], abs=0.01)
    assert curve.fit["p_value"] == pytest.approx(expected["p_gof"], abs=0.01)


def test_constrained_fit_where_the_plain_one_fails(cases):
    case = cases["fit_bar95_linear_all_needs_constraint"]
    curve = fitted(case, family="poisson")
    expected = case["expected"]
    np.testing.assert_allclose(curve.coefficients[:2], expected["constrained_ML_coef"], rtol=1e-3)
    np.testing.assert_allclose(curve.standard_errors[:2], expected["poisson_se"], rtol=1e-3)
    assert curve.fit["dispersion"] == pytest.approx(expected["pearson_dispersion"], rel=1e-3)
    assert any("fits badly" in text for text in curve.warnings)

    case = cases["fit_pathological_zero_background"]
    curve = fitted(case)
    assert curve.fit["constrained"]
    assert curve.coefficients[0] < 1e-6
    expected = case["expected"]
    np.testing.assert_allclose(
        curve.coefficients[1:], expected["constrained_ML_coef"][1:], rtol=2e-3
    )
    assert curve.fit["dispersion"] == pytest.approx(expected["pearson_dispersion"], rel=2e-3)
    estimate = estimate_dose([136, 11, 1], curve, yield_level=0.95, curve_level=0.95)
    assert 0 < estimate.lower_gy < estimate.dose_gy < estimate.upper_gy


def test_aggregated_fit_agrees_with_the_fit_at_cell_level(cases):
    case = cases["fit_bar95_lq_maxlik"]
    dist = case["inputs"]["dist"]
    cells = [sum(one) for one in dist]
    counts = [sum(k * c for k, c in enumerate(one)) for one in dist]
    curve = fit_curve(case["inputs"]["D"], cells, counts, distributions=dist)
    np.testing.assert_allclose(curve.coefficients, case["expected"]["coef"], rtol=2e-3)
    assert curve.fit["log_likelihood"] == pytest.approx(case["expected"]["logLik"], abs=1e-3)
    assert any("0.25 Gy are overdispersed" in text for text in curve.warnings)
    # The dispersion of single cells, from the same curve: state which level is used.
    cell_level = sum(
        c * (k - mu) ** 2 / mu
        for one, mu in zip(dist, curve.yield_at(case["inputs"]["D"]), strict=True)
        for k, c in enumerate(one)
    ) / (sum(cells) - 3)
    assert cell_level == pytest.approx(case["expected"]["dispersion_cell_level"], abs=1e-3)
    assert curve.fit["level"] == "sums per dose"


# --- dispersion --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table_bar95", "table_iaea_he4", "table_cases", "table_iaea_973"])
def test_dispersion_tables(cases, name):
    case = cases[name]
    for row, check in zip(case["inputs"]["dist"], case["independent_check"], strict=True):
        found = dispersion(row)
        assert (found.n_cells, found.n_dicentrics) == (check["N"], check["X"])
        assert found.index == pytest.approx(check["DI"], abs=1e-9)
        assert found.u == pytest.approx(check["u"], abs=1e-9)
        assert found.standard_error == pytest.approx(check["se"], abs=1e-12)
    printed = case["expected"]
    tolerance = {"table_bar95": 1e-4, "table_iaea_he4": 0.006, "table_iaea_973": 0.005}
    if name in tolerance:
        index = [dispersion(row).index for row in case["inputs"]["dist"]]
        np.testing.assert_allclose(index, printed["DI"], atol=tolerance[name])
    if name == "table_bar95":
        flagged = [
            i + 1 for i, row in enumerate(case["inputs"]["dist"]) if dispersion(row).overdispersed
        ]
        assert flagged == printed["overdispersed_rows"]


# --- whole body --------------------------------------------------------------------------------


def test_merkle_and_delta(cases, curve_of):
    case = cases["merkle_classic_83_83_example1"]
    curve = curve_of(case["inputs"])
    plain = estimate_dose(n_cells=361, n_dicentrics=100, curve=curve)
    np.testing.assert_allclose(triple(plain), case["independent_check"]["dose"], atol=1e-6)
    np.testing.assert_allclose(triple(plain), case["expected"]["dose"], atol=1e-3)
    yields = [plain.yield_lower, plain.yield_, plain.yield_upper]
    np.testing.assert_allclose(yields, case["expected"]["yield_"], atol=5e-4)

    case = cases["merkle_overdisp_83_83_example1"]
    for overdispersion in ("auto", True):
        wide = estimate_dose(case["inputs"]["dist"], curve, overdispersion=overdispersion)
        np.testing.assert_allclose(triple(wide), case["independent_check"]["dose"], atol=1e-6)
        np.testing.assert_allclose(triple(wide), case["expected"]["dose"], atol=1e-3)
    off = estimate_dose(case["inputs"]["dist"], curve, overdispersion=False)
    assert triple(off) == triple(plain)

    case = cases["delta_95_example1"]
    found = estimate_dose(case["inputs"]["dist"], curve, method="delta", level=0.95)
    np.testing.assert_allclose(triple(found), case["independent_check"]["dose"], atol=1e-6)
    np.testing.assert_allclose(triple(found), case["expected"]["dose"], atol=1e-3)


def test_iaea_worked_example(cases, curve_of):
    case = cases["iaea_973_merkle_95_95"]
    curve = curve_of(case["inputs"])
    options = {"yield_level": 0.95, "limits": "crow-gardner"}
    found = estimate_dose(n_cells=500, n_dicentrics=25, curve=curve, curve_level=0.95, **options)
    np.testing.assert_allclose(triple(found), case["expected"]["dose"], atol=0.006)
    np.testing.assert_allclose(triple(found), case["independent_check"], atol=1e-5)
    garwood = estimate_dose(
        n_cells=500, n_dicentrics=25, curve=curve, yield_level=0.95, curve_level=0.95
    )
    np.testing.assert_allclose(triple(garwood), [0.497, 0.728, 0.985], atol=5e-4)

    case = cases["iaea_973_ignore_curve"]
    found = estimate_dose(n_cells=500, n_dicentrics=25, curve=curve, curve_level=0, **options)
    np.testing.assert_allclose(triple(found), case["expected"]["dose"], atol=0.006)
    np.testing.assert_allclose(triple(found), case["independent_check"], atol=1e-5)

    case = cases["iaea_973_overdispersed"]
    found = estimate_dose(case["inputs"]["dist"], curve, curve_level=0.95, **options)
    yields = [found.yield_lower, found.yield_, found.yield_upper]
    np.testing.assert_allclose(yields, case["expected"]["yield_"], atol=1e-4)
    np.testing.assert_allclose(triple(found), case["independent_check"]["dose_R2_7p81"], atol=5e-4)


def test_iaea_table_of_low_doses_and_odds(cases, curve_of):
    case = cases["iaea_table9_low_dose"]
    curve = curve_of(case["inputs"])
    for x, dose, check, printed in zip(
        case["inputs"]["X"],
        case["expected"]["dose"],
        case["independent_check"]["dose"],
        case["independent_check"]["odds"],
        strict=True,
    ):
        found = estimate_dose(
            n_cells=1000, n_dicentrics=x, curve=curve, yield_level=0.95, curve_level=0
        )
        np.testing.assert_allclose(triple(found), dose, atol=0.006)
        np.testing.assert_allclose(triple(found), check, atol=1e-6)
        assert odds(n_cells=1000, n_dicentrics=x, curve=curve, suspected_gy=0.25) == pytest.approx(
            printed, rel=1e-9
        )
    for x, printed in zip(case["inputs"]["X"], case["expected"]["odds"], strict=True):
        found = odds(n_cells=1000, n_dicentrics=x, curve=curve, suspected_gy=0.25)
        assert found == pytest.approx(printed, rel=0.2 if x in (3, 4) else 0.03)


def test_inverse_curve(cases, curve_of):
    case = cases["brewen_roentgen"]
    dose = curve_of(case["inputs"]).dose_at(478 / 2100)
    assert float(dose) == pytest.approx(case["expected"]["dose_R"], abs=1)
    assert float(dose) == pytest.approx(case["independent_check"], abs=1e-6)
    case = cases["project_yield_067"]
    dose = curve_of(case["inputs"]).dose_at(0.67)
    assert float(dose) == pytest.approx(case["independent_check"], abs=1e-9)


# --- partial body and mixtures -----------------------------------------------------------------


def test_dolphin(cases, curve_of):
    case = cases["dolphin_example1"]
    curve = curve_of(case["inputs"])
    found = estimate_dose(case["inputs"]["dist"], curve, method="dolphin", d0_gy=2.7)
    check = case["independent_check"]
    np.testing.assert_allclose(triple(found), check["dose"], atol=1e-6)
    np.testing.assert_allclose(triple(found), case["expected"]["dose"], atol=1e-3)
    fractions = [found.fraction_lower, found.fraction, found.fraction_upper]
    np.testing.assert_allclose(fractions, check["F"], atol=1e-6)
    assert found.scored_fraction == pytest.approx(check["f"], abs=1e-9)
    assert found.scored_fraction_error == pytest.approx(check["f_se"], abs=1e-9)
    yields = [found.yield_lower, found.yield_, found.yield_upper]
    np.testing.assert_allclose(yields, check["yield_"], atol=1e-9)

    case = cases["iaea_9754_dolphin"]
    found = estimate_dose(case["inputs"]["dist"], curve_of(case["inputs"]), method="dolphin")
    check = case["independent_check"]
    assert found.yield_ == pytest.approx(check["YF"], abs=1e-9)
    assert found.dose_gy == pytest.approx(check["dose"], abs=1e-8)
    assert found.scored_fraction == pytest.approx(check["f"], abs=1e-9)
    assert found.fraction == pytest.approx(check["F"], abs=1e-9)
    assert found.dose_gy == pytest.approx(case["expected"]["dose"], abs=0.01)


def test_dolphin_without_cells_of_two_says_so(cases, curve_of):
    case = cases["dolphin_no_multi_dic"]
    found = estimate_dose(case["inputs"]["dist"], curve_of(case["inputs"]), method="dolphin")
    assert not found.estimable
    assert any("no cell has two or more" in text for text in found.warnings)


def test_qdr(cases):
    case = cases["iaea_9754_qdr"]
    dicentrics = CalibrationCurve(case["inputs"]["Y1"], None)
    acentrics = CalibrationCurve(case["inputs"]["Y2"], None)
    found = qdr(case["inputs"]["X"], case["inputs"]["damaged_cells"], dicentrics, acentrics)
    assert found.dose_gy == pytest.approx(case["expected"]["dose"], abs=0.01)
    assert found.dose_gy == pytest.approx(case["independent_check"], abs=1e-4)


def test_real_mixtures_are_covered(cases, curve_of):
    truth = [case for case in cases.values() if case["group"] == "partial_body_truth"]
    assert truth
    for case in truth:
        dist = case["inputs"]["dist"]
        found = estimate_dose(dist, curve_of(case["inputs"]), method="dolphin", d0_gy=2.7)
        check = case["independent_check"]
        np.testing.assert_allclose(triple(found), check["dose"], atol=1e-6)
        fractions = [found.fraction_lower, found.fraction, found.fraction_upper]
        np.testing.assert_allclose(fractions, check["F"], atol=1e-6)
        assert found.lower_gy <= case["expected"]["true_dose"] <= found.upper_gy
        if case["expected"]["true_fraction"] <= 0.75:
            assert dispersion(dist).overdispersed


def test_twelve_of_twelve_mixtures_are_covered_by_the_fitted_curve():
    with open(_folder() / "calibration_barquinero1997_co60_dic_plus_rings.csv") as file:
        rows = list(csv.DictReader(file))
    columns = ([float(row[name]) for row in rows] for name in ("D", "N", "X"))
    curve = fit_curve(*columns)
    with open(_folder() / "partialbody_barquinero1997_2Gy_4Gy.csv") as file:
        mixtures = list(csv.DictReader(file))
    covered = 0
    for row in mixtures:
        dist = [int(row[f"C{k}"]) for k in range(7)]
        found = estimate_dose(dist, curve, method="dolphin")
        covered += found.lower_gy <= float(row["true_dose"]) <= found.upper_gy
    assert (covered, len(mixtures)) == (12, 12)


def test_mixture_of_two_doses(cases, curve_of):
    case = cases["mixed_poisson_example1"]
    found = estimate_dose(case["inputs"]["dist"], curve_of(case["inputs"]), method="mixture")
    expected = case["expected"]
    np.testing.assert_allclose(triple(found), expected["dose1"], atol=2e-3)
    second = [found.second_lower_gy, found.second_dose_gy, found.second_upper_gy]
    np.testing.assert_allclose(second, expected["dose2"], atol=2e-3)
    yields = [found.yield_lower, found.yield_, found.yield_upper]
    np.testing.assert_allclose(yields, expected["yield1"], atol=2e-3)
    fractions = [found.fraction, found.second_fraction]
    np.testing.assert_allclose(fractions, expected["F"], atol=2e-3)
    assert found.fraction_error == pytest.approx(expected["F_se"][0], abs=2e-3)
    assert not found.resolved
    assert any("not resolved" in text for text in found.warnings)


# --- protraction, limits -----------------------------------------------------------------------


def test_protraction_factor(cases):
    for name in ("G_3h", "G_0.5h", "G_5.11h", "G_limit_zero"):
        inputs = cases[name]["inputs"]
        found = protraction_factor(inputs["t"], repair_time_hours=inputs["t0"])
        assert float(found) == pytest.approx(cases[name]["expected"]["G"], abs=1e-6)


def test_two_samples_and_characteristic_limits(cases, curve_of):
    case = cases["poisson_two_sample"]
    inputs = case["inputs"]
    p = poisson_two_sample_p(inputs["x1"], inputs["n1"], inputs["x0"], inputs["n0"])
    assert p == pytest.approx(case["independent_check"], abs=1e-12)

    case = cases["characteristic_limits_4_1000"]
    inputs, expected = case["inputs"], case["expected"]
    curve = curve_of(inputs)
    for i, n in enumerate(inputs["n1"]):
        threshold = decision_threshold(n, control=(inputs["y0"], inputs["n0"]), alpha=0.05)
        assert threshold == expected["decision_threshold"][i]
        limit = detection_limit(threshold, beta=0.1)
        assert limit == pytest.approx(expected["detection_limit"][i], abs=1e-4)
        resolvable = float(curve.dose_at((threshold + 1) / n))
        assert resolvable == pytest.approx(expected["min_resolvable_dose"][i], abs=2e-4)
        dose = float(curve.dose_at(limit / n))
        assert dose == pytest.approx(expected["dose_at_detection_limit"][i], abs=2e-4)


def test_older_decision_threshold(cases, curve_of):
    """Smallest count whose exact lower limit per cell reaches the curve's band at 0 Gy."""
    case = cases["old_decision_threshold"]
    curve = curve_of(case["inputs"])
    for level, counts, doses in ((0.95, "X95", "D95_mGy"), (0.83, "X83", "D83_mGy")):
        top = float(curve.band_at(0.0, level=level)[1])
        for i, n in enumerate(case["inputs"]["N"]):
            found = next(x for x in range(1, n) if poisson_limits(x, level=level)[0] / n >= top)
            assert found == case["expected"][counts][i]
            dose = 1000 * float(curve.dose_at(found / n))
            assert dose == pytest.approx(case["expected"][doses][i], abs=1)


def test_crow_gardner_limits_agree_with_the_table():
    with open(_folder() / "crow_gardner_poisson95.csv") as file:
        rows = {int(row["X"]): row for row in csv.DictReader(file)}
    for x in [*range(40), 75, 100, 150, 300, 600, 1200]:
        expected = [float(rows[x]["lower"]), float(rows[x]["upper"])]
        found = poisson_limits(x, kind="crow-gardner")
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


def test_every_case_is_used(cases):
    """A case added to the file without a test would otherwise pass unseen."""
    text = Path(__file__).read_text(encoding="utf-8")
    unreliable = {name for name, case in cases.items() if case["recommended_use"] == "do not use"}
    groups = {"partial_body_truth"}
    missing = [
        name
        for name, case in cases.items()
        if f'"{name}"' not in text and name not in unreliable and case["group"] not in groups
    ]
    assert not missing


def test_merkle_takes_a_sample(curve_of):
    """The method behind estimate_dose is usable alone."""
    curve = curve_of({"curve": "bar95"})
    direct = merkle(Sample.of([302, 28, 22, 8, 1]), curve)
    assert triple(direct) == triple(estimate_dose([302, 28, 22, 8, 1], curve))
