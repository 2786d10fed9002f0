"""Whatever it is given, a public function answers with a number or a sentence."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicentlib.calibration import CalibrationCurve, fit_curve, published_curve, slide_variance
from dicentlib.counts.exact_dispersion import exact_dispersion_p
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.dose import (
    Detector,
    Sample,
    characteristic_limits,
    decision_threshold,
    detection_limit,
    dispersion,
    estimate_dose,
    laboratory_route,
    odds,
    protraction_factor,
    qdr,
    route_table,
    triage,
)
from dicentlib.dose.estimate import METHODS
from dicentlib.dose.low_dose import poisson_two_sample_p
from dicentlib.errors import InputError

FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
CELLS = st.one_of(
    st.integers(0, 20), st.integers(0, 1000), st.sampled_from([10**5, 10**6]), st.just(0)
)
COUNTS = st.lists(CELLS, min_size=0, max_size=8)
ODD = st.sampled_from(
    [None, "", "seven", -1, 0, 0.5, 1, 1e6, math.nan, math.inf, True, [], [1], (3, 2), {}, object()]
)
SERIES = fit_curve([0, 0.5, 1, 2, 4], [2000, 1000, 800, 500, 100], [2, 25, 66, 150, 110])
CURVES = st.sampled_from(
    [
        published_curve("barquinero-1995-co60"),
        published_curve("adci-cnl-automated"),
        published_curve("sasaki-1971-co60"),
        published_curve("barquinero-1995-co60").protracted(0),
        CalibrationCurve((0.001, 0.4, -0.03)),
        CalibrationCurve((0.0, 0.0, 0.06)),
        CalibrationCurve((0.02, 0.5), [[1e-4, 0], [0, 0.1]]),
        SERIES.with_scorer({"detector": "simulated"}),
    ]
)


def answered(call, *arguments, **options):
    """The result, or None where an InputError says in words what is wrong."""
    try:
        return call(*arguments, **options)
    except InputError:
        return None


def sound(found):
    """Limits in order, about the dose."""
    if found is None or not found.estimable:
        return
    assert 0 <= found.lower_gy <= found.dose_gy + 1e-6
    assert found.dose_gy <= found.upper_gy + 1e-6
    assert found.summary()
    found.to_dict()


@FEW
@given(COUNTS, CURVES, st.sampled_from(sorted(METHODS)))
def test_estimates(counts, curve, method):
    found = answered(estimate_dose, counts, curve, method=method)
    sound(found)
    if found is not None:
        for scheme in ("multibiodose", "iaea"):
            result = triage(found, scheme=scheme)
            if result.probabilities:
                assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-3)


@FEW
@given(COUNTS, CURVES, st.booleans(), st.floats(0, 1), st.floats(0, 20))
def test_routes(counts, curve, local, protraction, suspected):
    options = {"protraction": protraction, "suspected_gy": suspected}
    route = answered(laboratory_route, counts, curve, local_exposure=local, **options)
    if route is not None:
        sound(route.estimate)
        assert route.conclusion.endswith((".", ")"))
        assert route.explain()
        route._repr_html_()
        route.to_dict()


@FEW
@given(COUNTS, st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_slides_in_any_order(counts, slides):
    curve = SERIES.with_scorer({"detector": "simulated"})
    sound(answered(estimate_dose, counts, curve, method="detector", slides=slides))


@FEW
@given(CELLS, CELLS, CURVES, st.sampled_from(sorted(METHODS)))
def test_sums(n_cells, n_dicentrics, curve, method):
    sums = {"n_cells": n_cells, "n_dicentrics": n_dicentrics}
    sound(answered(estimate_dose, curve=curve, method=method, **sums))
    answered(odds, curve=curve, suspected_gy=2.0, **sums)


@FEW
@given(COUNTS, ODD, st.sampled_from(["level", "d0_gy", "background", "detector", "limits"]))
def test_options_of_any_kind(counts, value, option):
    for method in ("dolphin", "bayesian", "detector"):
        answered(estimate_dose, counts, SERIES, method=method, **{option: value})


@FEW
@given(ODD, ODD, CURVES)
def test_values_of_any_kind(first, second, curve):
    answered(estimate_dose, first, curve)
    answered(estimate_dose, [90, 8, 2], first)
    answered(estimate_dose, [90, 8, 2], curve, method=first if isinstance(first, str) else "delta")
    answered(estimate_dose, n_cells=first, n_dicentrics=second, curve=curve)
    answered(estimate_dose, [90, 8, 2], curve, protraction=first)
    answered(estimate_dose, [90, 8, 2], curve, slides=first)
    answered(laboratory_route, [90, 8, 2], curve, control=first)
    answered(laboratory_route, [90, 8, 2], curve, suspected_gy=first, delay_days=second)
    answered(laboratory_route, [90, 8, 2], curve, ensemble_yields=first, d0_gy=second)
    answered(laboratory_route, [90, 8, 2], curve, detector=first)
    answered(dispersion, first)
    answered(poisson_limits, first, level=second)
    answered(poisson_two_sample_p, first, 100, second, 100)
    answered(decision_threshold, first, background=second)
    answered(decision_threshold, 100, control=first)
    answered(detection_limit, first, beta=second)
    answered(protraction_factor, first)
    answered(qdr, first, second, curve, curve)
    answered(triage, first)
    answered(route_table, first, curve)
    answered(Detector, first, second)
    answered(Detector.from_counts, n_true=first, n_found=second, n_false=1, n_cells=10)
    answered(fit_curve, first, second, [1, 2, 3])
    answered(fit_curve, [0, 1, 2], [100, 100, 100], [1, 5, 20], weights=first)
    answered(fit_curve, [0, 1, 2], [100, 100, 100], [1, 5, 20], fixed_background=first)
    answered(fit_curve, [0, 1, 2], [100, 100, 100], [1, 5, 20], distributions=first)
    answered(fit_curve, [0, 1, 2], [100, 100, 100], [1, 5, 20], slide_variance=first)
    answered(slide_variance, first, second, [1])
    answered(CalibrationCurve, first, second)


@FEW
@given(COUNTS)
def test_counts_of_any_kind(counts):
    answered(exact_dispersion_p, counts)
    found = answered(dispersion, counts)
    if found is not None and found.n_dicentrics > 1 and found.n_cells > 1:
        assert 0 <= exact_dispersion_p(counts) <= 1
    sample = answered(Sample.of, counts)
    if sample is not None:
        limits = answered(characteristic_limits, sample, SERIES)
        assert limits.threshold < limits.detection_limit + 1


@FEW
@given(
    st.lists(st.floats(0, 8), min_size=1, max_size=9),
    st.data(),
    st.sampled_from(["linear", "linear-quadratic"]),
    st.sampled_from([None, 0.0, 0.001]),
)
def test_fits(doses, data, model, background):
    n = len(doses)
    cells = data.draw(st.lists(CELLS, min_size=n, max_size=n))
    counts = data.draw(st.lists(CELLS, min_size=n, max_size=n))
    curve = answered(fit_curve, doses, cells, counts, model=model, fixed_background=background)
    if curve is not None:
        assert np.all(np.isfinite(curve.coefficients))
        sound(answered(estimate_dose, [180, 15, 5], curve))


def test_a_curve_that_falls_below_zero_gives_a_limit_without_a_warning():
    curve = CalibrationCurve([0.001, 0.4, -0.03])
    estimate = estimate_dose([100_000, 0, 1], curve=curve, method="detector")
    assert (estimate.dose_gy, estimate.lower_gy) == (0, 0)
