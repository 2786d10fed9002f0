"""The posterior over whole and partial exposure: against quadrature, known mixtures, extremes."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.stats import poisson

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve
from dicentlib.counts.slides import SlideVariance
from dicentlib.dose import (
    LOCAL_PRIOR,
    Detector,
    ExposurePrior,
    estimate_dose,
    exposure_posterior,
    laboratory_route,
)
from dicentlib.dose.exposure_grid import hat_masses
from dicentlib.errors import InputError
from dicentlib.plotting.exposure import plot_joint_density

CURVE = published_curve("barquinero-1995-co60")
EXACT = CalibrationCurve((0.001, 0.02, 0.06))
LINEAR = CalibrationCurve((0.0, 0.3, 0.0), np.diag([1e-6, 1e-3, 0]))


def by_quadrature(cells, prior, d0_gy=2.7):
    """P(partial), and medians of dose and fraction, on a plain fine grid; no uncertain curve."""
    k, counts = np.arange(len(cells)), np.array(cells)
    doses = (np.arange(1500) + 0.5) / 1500 * prior.highest_gy
    bodies = (np.arange(400) + 0.5) / 400
    exposed = poisson.pmf(k, EXACT.yield_at(doses)[:, None])
    unexposed = poisson.pmf(k, 0.001)
    reaching = bodies * np.exp(-doses[:, None] / d0_gy)
    f = reaching / (1 - bodies + reaching)
    log = np.zeros_like(f)
    for one, number in enumerate(counts):
        log += number * np.log(f * exposed[:, one, None] + (1 - f) * unexposed[one])
    whole = np.log(np.maximum(exposed, 1e-300)) @ counts
    top = max(log.max(), whole.max())
    part, whole = np.exp(log - top), np.exp(whole - top)
    odds = prior.p_partial * part.mean(), (1 - prior.p_partial) * whole.mean()
    p_partial = odds[0] / sum(odds)
    by_dose = p_partial * part.sum(axis=1) / part.sum() + (1 - p_partial) * whole / whole.sum()
    by_body = part.sum(axis=0) / part.sum()
    medians = [
        float(np.interp(0.5, np.cumsum(mass), grid))
        for mass, grid in ((by_dose, doses), (by_body, bodies))
    ]
    return p_partial, *medians


@pytest.mark.parametrize(
    "cells", [[440, 52, 8], [302, 28, 22, 8, 1], [40, 9, 1], [199, 1], [48, 1, 0, 1]]
)
@pytest.mark.parametrize("prior", [ExposurePrior(), ExposurePrior(0.8, highest_gy=6)])
def test_plain_quadrature_gives_the_same(cells, prior):
    found = exposure_posterior(cells, EXACT, prior=prior)
    p_partial, dose, fraction = by_quadrature(cells, prior)
    assert found.p_partial == pytest.approx(p_partial, abs=0.01)
    assert found.exposed_gy.median == pytest.approx(dose, abs=0.03)
    assert found.fraction.median == pytest.approx(fraction, abs=0.015)


@pytest.mark.parametrize("curve", [EXACT, CURVE])
@pytest.mark.parametrize("cells", [[440, 52, 8], [38, 9, 3], [3100, 700, 110, 15]])
def test_without_a_partial_exposure_it_is_the_bayesian_dose(cells, curve):
    found = exposure_posterior(cells, curve, prior=ExposurePrior(p_partial=0))
    known = estimate_dose(cells, curve, method="bayesian", prior=("uniform", 0, 10))
    assert found.p_partial == 0
    assert found.exposed_gy.median == pytest.approx(known.median_gy, abs=0.01)
    assert found.exposed_gy.lower == pytest.approx(known.lower_gy, abs=0.02)
    assert found.exposed_gy.upper == pytest.approx(known.upper_gy, abs=0.02)
    assert found.equivalent_gy == found.exposed_gy


def test_the_prior_enters_as_odds():
    found = [
        exposure_posterior([440, 52, 8], CURVE, prior=prior).p_partial
        for prior in (ExposurePrior(), LOCAL_PRIOR)
    ]
    odds = [p / (1 - p) for p in found]
    assert odds[1] / odds[0] == pytest.approx(9, rel=1e-6)


def test_trailing_zeros_and_cell_order_change_nothing():
    plain = exposure_posterior([302, 28, 22, 8, 1], CURVE)
    padded = exposure_posterior([302, 28, 22, 8, 1] + [0] * 60, CURVE)
    assert padded.exposed_gy == plain.exposed_gy
    assert padded.p_partial == plain.p_partial


def test_hat_masses_keep_mass_and_mean():
    grid = np.linspace(0, 2, 41) ** 2
    mean, sd = np.array([0.7, 1.5, 2.2]), np.array([0.0, 0.05, 0.2])
    masses = hat_masses(grid, mean, sd)
    assert masses.sum(axis=1) == pytest.approx(1)
    assert masses @ grid == pytest.approx(mean, abs=1e-6)


def test_blood_mixed_in_vitro(reference_data):
    curve = published_curve("barquinero-1997-co60-dicentrics-and-rings")
    with open(reference_data / "partialbody_barquinero1997_2Gy_4Gy.csv", encoding="utf-8") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    held, right = [], []
    for row in rows:
        found = exposure_posterior([row[f"C{k}"] for k in range(7)], curve)
        held.append(found.exposed_gy.lower <= row["true_dose"] <= found.exposed_gy.upper)
        mixed = row["true_irradiated_blood_fraction"] < 1
        right.append((found.p_partial > 0.5) == mixed)
    assert len(held) == 12
    assert sum(held) >= 11
    assert sum(right) >= 10  # seven eighths of the blood irradiated is hardly a part


def test_what_a_detector_does_not_know_widens_the_interval():
    cells = [400, 70, 25, 5]
    known = exposure_posterior(cells, CURVE, detector=Detector(0.7, 0.0, 0.03, 0.0))
    unsure = exposure_posterior(cells, CURVE, detector=Detector(0.7, 0.1, 0.03, 0.01))
    widths = [one.exposed_gy.upper - one.exposed_gy.lower for one in (known, unsure)]
    assert widths[1] > 1.1 * widths[0]


def detected_curve(**options):
    """Curve of a series that its scorer counted with an index of about 1.2."""
    doses, cells = [0, 0.5, 1, 2, 3, 4], [1000, 600, 400, 300, 200, 150]
    rng = np.random.default_rng(7)
    drawn = [
        rng.negative_binomial(max(float(EXACT.yield_at(d)) / 0.2, 1e-9), 1 / 1.2, n)
        for d, n in zip(doses, cells, strict=True)
    ]
    return fit_curve(
        doses,
        cells,
        [one.sum() for one in drawn],
        distributions=[np.bincount(one) for one in drawn],
        scorer={"name": "detector"},
        **options,
    )


def test_a_scorers_own_dispersion_is_not_taken_for_a_part():
    cells = [370, 98, 25, 6, 1]  # index 1.15
    curve = detected_curve()
    by_eye = CalibrationCurve(curve.coefficients, curve.covariance)
    assert exposure_posterior(cells, by_eye).p_partial > 0.9
    assert exposure_posterior(cells, curve).p_partial < 0.8
    few = CalibrationCurve(curve.coefficients, curve.covariance, scorer={"name": "detector"})
    with pytest.raises(InputError, match="too few calibration doses"):
        exposure_posterior(cells, few)


def test_variance_between_slides_widens_the_interval():
    between = SlideVariance(0.0, 0.09, ((0.0, 0.0), (0.0, 0.0)), 30)
    cells = [370, 98, 25, 6, 1]
    plain = exposure_posterior(cells, detected_curve())
    one_slide = exposure_posterior(cells, detected_curve(slide_variance=between))
    slides = [(17, 50)] * 8 + [(18, 50), (16, 50)]
    slides[0] = (17 + sum(k * n for k, n in enumerate(cells)) - sum(x for x, _ in slides), 50)
    ten = exposure_posterior(cells, detected_curve(slide_variance=between), slides=slides)
    widths = [one.equivalent_gy.upper - one.equivalent_gy.lower for one in (plain, ten, one_slide)]
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize(
    "options",
    [
        {"p_partial": -0.1},
        {"p_partial": 1.1},
        {"p_partial": np.nan},
        {"p_partial": "likely"},
        {"a": 0},
        {"b": np.inf},
        {"highest_gy": 0},
        {"highest_gy": 1000},
    ],
)
def test_priors_that_are_none(options):
    with pytest.raises(InputError, match=next(iter(options))):
        ExposurePrior(**options)


@pytest.mark.parametrize(
    ("cells", "options", "match"),
    [
        ([10, 5], {"prior": 0.5}, "expected an ExposurePrior"),
        ([10, 5], {"level": 1}, "level"),
        ([10, 5], {"d0_gy": 0}, "d0_gy"),
        ([], {}, "cells"),
        ([0] * 23 + [50], {}, "do not belong together"),
    ],
)
def test_bad_input_is_a_sentence(cells, options, match):
    with pytest.raises(InputError, match=match):
        exposure_posterior(cells, CURVE, **options)


def test_another_scorers_curve_is_said():
    automated = CalibrationCurve((0.089, 0.0155, 0.013), np.diag([1e-6, 1e-6, 1e-6]))
    found = exposure_posterior([1000, 3], automated)
    assert any("far below the curve's background" in text for text in found.warnings)


def test_counts_that_no_dose_explains_are_refused():
    # no empty cell among 1359, and 4.9 dicentrics per cell where the prior's highest dose gives 3
    with pytest.raises(InputError, match="no probability under any dose"):
        exposure_posterior([0, 0, 0, 0, 140, 1219], LINEAR)


@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(st.integers(0, 1_000_000), min_size=1, max_size=7),
    curve=st.sampled_from([CURVE, EXACT, LINEAR]),
)
def test_extremes_give_numbers_or_sentences(cells, curve):
    try:
        found = exposure_posterior(cells, curve)
    except InputError:
        return
    assert 0 <= found.p_partial <= 1
    for one in (found.exposed_gy, found.equivalent_gy, found.fraction):
        assert 0 <= one.lower <= one.upper
        assert one.lower - 0.05 <= one.median <= one.upper + 0.05


def test_joint_density_is_one_and_is_drawn():
    found = exposure_posterior([302, 28, 22, 8, 1], CURVE)
    total = np.trapezoid(np.trapezoid(found.joint, found.joint_fraction), found.joint_dose_gy)
    assert total == pytest.approx(found.p_partial, rel=0.03)
    classical = estimate_dose([302, 28, 22, 8, 1], CURVE, method="dolphin")
    ax = plot_joint_density(found, ax=Figure().subplots(), estimate=classical)
    assert ax.get_title().endswith("> 0.999")
    assert ax.get_xlabel().endswith("(Gy)")
    assert found.compare(classical).endswith("They agree.")


def test_the_route_weighs_both_and_says_where_it_differs():
    route = laboratory_route([440, 52, 8], CURVE)
    local = laboratory_route([440, 52, 8], CURVE, local_exposure=True)
    assert route.posterior.prior.p_partial == 0.5
    assert local.posterior.prior is LOCAL_PRIOR
    assert "not chosen" in route.explain()
    assert json.loads(json.dumps(route.to_dict()))["posterior"]["p_partial"] == pytest.approx(
        route.posterior.p_partial
    )
    assert laboratory_route(None, CURVE, n_cells=500, n_dicentrics=60).posterior is None
    beyond = laboratory_route([0] * 23 + [50], CURVE)
    assert beyond.posterior is None
    assert "do not belong together" in beyond.explain()
