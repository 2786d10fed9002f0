"""A detector's counts spread wider than chance: what the route expects, and concludes."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dicentlib.calibration import CalibrationCurve, fit_curve
from dicentlib.calibration.efficiency import partly_reviewed_curve, reviewed_curve
from dicentlib.counts.dispersion import (
    POISSON,
    ExpectedDispersion,
    expected_dispersion,
    slide_dispersion,
    variance_factor,
)
from dicentlib.dose import Sample, dispersion, estimate_dose, laboratory_route, triage
from dicentlib.errors import InputError
from dicentlib.report.tables import count_facts
from dicentlib.scoring.samples import counts_by_slide

DOSES = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
SCORER = {"kind": "simulated detector"}
DEMO = [154, 20, 12, 1, 1]  # 2 Gy to the whole body, by a detector whose efficiency varies
OWN_INDICES = [None, 1.46, 1.25, 2.19, 1.64, 1.13, 1.09]


def true_yield(dose_gy):
    return 0.001 + 0.02 * dose_gy + 0.06 * dose_gy**2


def detected(dose_gy, n_cells, rng, *, fraction=1.0, shape=1.0):
    """Counts per cell of a detector whose efficiency varies between cells by a gamma law."""
    exposed = rng.random(n_cells) < fraction
    mean = np.where(exposed, true_yield(dose_gy), true_yield(0.0))
    return rng.poisson(0.7 * mean * rng.gamma(shape, 1 / shape, n_cells))


def cells_with(counts):
    return np.bincount(counts).tolist()


def detector_curve(rng, *, n_cells=300, shape=1.0, scorer=SCORER):
    counts = [detected(dose, n_cells, rng, shape=shape) for dose in DOSES]
    return fit_curve(
        DOSES,
        np.full(len(DOSES), n_cells),
        [one.sum() for one in counts],
        distributions=[cells_with(one) for one in counts],
        scorer=scorer,
    )


def curve_of(indices, *, scorer=SCORER, n_cells=60, n_dicentrics=20):
    fit = {
        "dispersion_index": indices,
        "n_cells": [n_cells] * len(indices),
        "n_dicentrics": [n_dicentrics] * len(indices),
    }
    return SimpleNamespace(scorer=scorer, fit=fit)


def test_a_curve_scored_by_eye_expects_poisson():
    assert expected_dispersion(curve_of(OWN_INDICES, scorer=None)) is POISSON
    found = dispersion(DEMO, expected=POISSON)
    assert found.u_expected == found.u
    assert found.overdispersed
    assert POISSON.u_limit == 1.96


def test_indices_that_agree_leave_the_error_of_their_mean():
    expected = expected_dispersion(curve_of([1.3] * 9))
    assert expected.index == pytest.approx(1.3)
    one = 1.3**2 * 2 * (1 - 1 / 20) / 59  # variance of one index, scaled
    assert expected.error == pytest.approx(math.sqrt(one / 9), rel=1e-6)
    assert expected.n_doses == 9
    assert expected.u_limit == pytest.approx(2.3646, abs=1e-3)  # t with 7 degrees of freedom


def test_indices_that_differ_widen_what_is_expected():
    # two groups, 0.4 either side of 1.5; Paule-Mandel: sum (y - mean)^2 / (v + tau^2) = k - 1
    expected = expected_dispersion(curve_of([1.1, 1.9] * 4))
    within = 1.5**2 * 2 * (1 - 1 / 20) / 59
    tau2 = 8 * 0.16 / 7 - within
    assert expected.index == pytest.approx(1.5)
    assert expected.error == pytest.approx(math.sqrt(tau2 + (within + tau2) / 8), rel=1e-3)


def test_the_demonstration_sample_is_as_its_detector_spreads():
    found = dispersion(DEMO, expected=expected_dispersion(curve_of(OWN_INDICES)))
    assert found.u == pytest.approx(5.47, abs=0.01)
    assert abs(found.u_expected) < 1
    assert not found.overdispersed
    assert "1.46" in found.explain()
    assert "as expected" in found.explain()
    facts = count_facts(found)
    assert facts["u, against Poisson"] == "5.47"
    assert "expected within" in facts["u, against that index"]


@pytest.mark.parametrize("indices", [[], [1.4, 1.5], [None, None, 1.4]])
def test_too_few_doses_call_nothing_unexpected(indices):
    expected = expected_dispersion(curve_of(indices))
    assert math.isinf(expected.error)
    found = dispersion([400, 0, 0, 0, 20], expected=expected)
    assert found.u > 10
    assert not found.overdispersed
    assert "cannot be assessed" in found.explain()
    assert "too few" in str(count_facts(found))
    # the interval is widened all the same
    assert variance_factor(Sample.of([400, 0, 0, 0, 20]), "auto", expected) == found.index


def test_variance_factor_is_the_expected_index_unless_the_sample_exceeds_it():
    expected = ExpectedDispersion(1.4, 0.1, 6)
    calm, wild = Sample.of([180, 16, 4]), Sample.of([190, 0, 0, 0, 0, 10])
    assert variance_factor(calm, "auto", expected) == 1.4
    assert variance_factor(wild, "auto", expected) == dispersion(wild).index > 4
    assert variance_factor(Sample(200, 24), "auto", expected) == 1.4
    assert variance_factor(calm, False, expected) == 1.0
    assert variance_factor(calm, "auto", ExpectedDispersion(0.9, 0.1, 6)) == 1.0


def test_whole_body_intervals_know_the_scorers_spread():
    curve = detector_curve(np.random.default_rng(1))
    by_eye = detector_curve(np.random.default_rng(1), scorer=None)
    index = expected_dispersion(curve).index
    assert index > 1.1
    for method in ("merkle", "detector", "bayesian"):
        mine, theirs = (
            estimate_dose(n_cells=300, n_dicentrics=50, curve=one, method=method)
            for one in (curve, by_eye)
        )
        assert mine.dose_gy == pytest.approx(theirs.dose_gy, abs=0.02)
        wider = (mine.upper_gy - mine.lower_gy) / (theirs.upper_gy - theirs.lower_gy)
        assert 1.02 < wider < math.sqrt(index) * 1.05


def test_whole_body_samples_of_a_detector_are_rarely_called_partial():
    rng = np.random.default_rng(2)
    partial_by = {"scorer": 0, "poisson": 0}
    trials = 60
    for _ in range(trials):
        curve = detector_curve(rng)
        sample = cells_with(detected(3.0, 300, rng))
        expected = expected_dispersion(curve)
        partial_by["scorer"] += dispersion(sample, expected=expected).overdispersed
        partial_by["poisson"] += dispersion(sample).overdispersed
    assert partial_by["poisson"] > 0.4 * trials  # the mistake that this mends
    assert partial_by["scorer"] <= 0.1 * trials  # 2.5 % one-sided, within chance


def test_route_reports_the_whole_body_dose_of_an_overdispersed_detector():
    rng = np.random.default_rng(3)
    curve = detector_curve(rng)
    sample = cells_with(detected(3.0, 300, rng))
    assert dispersion(sample).overdispersed
    route = laboratory_route(sample, curve)
    assert route.partial_body is None
    assert route.estimate is route.whole_body
    assert route.whole_body.lower_gy < 3.0 < route.whole_body.upper_gy
    assert "this scorer's own" in route.explain()
    assert not any("partial-body" in text for text in route.warnings)
    assert route.to_dict()["dispersion"]["expected"]["n_doses"] >= 3


def test_route_still_finds_a_partial_body_exposure():
    rng = np.random.default_rng(4)
    curve = detector_curve(rng)
    route = laboratory_route(cells_with(detected(4.0, 600, rng, fraction=0.2)), curve)
    assert route.dispersion.overdispersed
    assert route.estimate is route.partial_body
    assert "the part too small" in route.explain()


def test_route_with_too_few_doses_leaves_partial_bodies_to_the_history():
    rng = np.random.default_rng(5)
    curve = detector_curve(rng)
    without = fit_curve(
        DOSES, curve.fit["n_cells"], np.array(curve.fit["n_dicentrics"]), scorer=SCORER
    )
    sample = cells_with(detected(4.0, 400, rng, fraction=0.3))
    route = laboratory_route(sample, without)
    assert route.estimate is route.whole_body
    assert route.partial_body is None
    assert "unless the history suggests it" in route.explain()
    local = laboratory_route(sample, without, local_exposure=True)
    assert local.estimate is local.partial_body
    assert local.partial_by == "history"


def test_slides_that_are_alike_have_no_more_than_chance():
    assert slide_dispersion([(4, 10)] * 6) == 0
    assert slide_dispersion([(2, 10), (4, 20), (6, 30), (2, 10), (1, 5)]) == pytest.approx(0)
    # G / (G - 1) * sum (x - n y)^2 / X = 5/4 * (4 * 1 + 16) / 10
    assert slide_dispersion([(1, 10)] * 4 + [(6, 10)]) == pytest.approx(2.5)


@pytest.mark.parametrize("slides", [[(10, 100)], [(1, 10)] * 3 + [(7, 70)], [(0, 10)] * 8])
def test_too_few_slides_or_dicentrics_say_nothing(slides):
    assert slide_dispersion(slides) is None
    n_dicentrics, n_cells = (sum(column) for column in zip(*slides, strict=True))
    sample = Sample.of(n_cells=n_cells, n_dicentrics=n_dicentrics, slides=slides)
    assert variance_factor(sample, "auto", POISSON) == 1.0


def test_slide_dispersion_is_one_for_poisson_counts():
    rng = np.random.default_rng(6)
    cells = rng.integers(5, 15, (2000, 20))
    found = [slide_dispersion(np.column_stack([rng.poisson(0.3 * n), n])) for n in cells]
    assert np.mean(found) == pytest.approx(1.0, abs=0.02)


def test_slides_that_differ_widen_the_interval():
    curve = detector_curve(np.random.default_rng(7))
    cells = [90, 8, 2]
    alike, unlike = [(2, 20)] * 4 + [(4, 20)], [(0, 20)] * 4 + [(12, 20)]
    for method in ("detector", "bayesian"):
        widths = []
        for slides in (None, alike, unlike):
            found = estimate_dose(cells, curve, method=method, slides=slides)
            widths.append(found.upper_gy - found.lower_gy)
        assert widths[0] == widths[1] < widths[2]
    assert estimate_dose(cells, curve, method="detector", slides=unlike).details[
        "dispersion_used"
    ] == slide_dispersion(unlike)
    route = laboratory_route(cells, curve, slides=unlike)
    assert route.whole_body.upper_gy - route.whole_body.lower_gy > widths[0]


def test_counts_by_slide():
    cells = pd.DataFrame({"slide": ["b", "a", "b"], "n_dicentrics": [1, 0, 2]})
    assert counts_by_slide(cells) == [(0, 1), (3, 2)]
    assert counts_by_slide(cells.assign(slide=["", "a", "b"])) is None


def test_route_with_a_curve_too_uncertain_for_a_flat_prior_ends_the_density_and_says_so():
    curve = fit_curve([0, 1, 2, 3, 4], [8] * 5, [0, 0, 1, 2, 8], scorer=SCORER)
    wide = CalibrationCurve(curve.coefficients, 50 * curve.covariance, dose_range_gy=(0, 4))
    with pytest.raises(InputError, match="does not fall off"):
        estimate_dose([5, 1, 1], wide, method="bayesian")
    route = laboratory_route([5, 1, 1], wide)
    assert route.bayesian.grid_gy.max() <= 10.01
    assert any("up to 10 Gy only" in text for text in route.warnings)
    assert triage(route.whole_body).probabilities == pytest.approx(
        route.triage["multibiodose"].probabilities, abs=0.02
    )


def test_a_perfect_review_gives_the_dose_back():
    """Detector with efficiency 0.7 and 0.019 false per cell; a reviewer rejects the false ones."""
    doses, cells = np.array([0, 0.5, 1, 2, 3, 4]), np.full(6, 4000)
    true_yield = 0.001 + 0.021 * doses + 0.063 * doses**2
    n_found, n_false = (
        np.round(cells * y).astype(int) for y in (0.7 * true_yield, 0.019 + 0 * doses)
    )
    curve = fit_curve(doses, cells, n_found + n_false)
    by_dose = pd.DataFrame({"dose_gy": doses, "n_cells": cells, "n_found": n_found})
    reviewed = reviewed_curve(curve, by_dose)
    sample = {"n_cells": 1000, "n_dicentrics": round(1000 * 0.7 * (0.001 + 0.0105 + 0.01575))}
    assert estimate_dose(curve=curve, **sample).dose_gy < 0.3  # of 0.5 Gy: too low
    assert estimate_dose(curve=reviewed, **sample).dose_gy == pytest.approx(0.5, abs=0.05)
    for share, expected in ((0.0, curve), (1.0, reviewed)):
        mixed = partly_reviewed_curve(curve, reviewed, share)
        np.testing.assert_allclose(mixed.coefficients, expected.coefficients)
        np.testing.assert_allclose(mixed.covariance, expected.covariance)
    assert reviewed_curve(curve, by_dose.assign(n_found=np.nan)) is None
