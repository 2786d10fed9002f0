"""What the route reports, and what it says may hide."""

import itertools
import json
import math

import numpy as np
import pytest

from dicentlib.calibration import CalibrationCurve, published_curve
from dicentlib.counts.dispersion_power import dispersion_power
from dicentlib.counts.exact_dispersion import exact_dispersion_p
from dicentlib.counts.sample import Sample
from dicentlib.dose import dispersion, estimate_dose, laboratory_route
from dicentlib.dose.checklist import CASE, report_checklist
from dicentlib.dose.detector import DetectedCurve
from dicentlib.dose.hidden_part import hidden_part
from dicentlib.dose.rogue_cell import find_rogue_cell
from dicentlib.errors import InputError

BEND = CalibrationCurve(
    (0.001, 0.40, -0.03), [[1e-6, -2e-6, 1e-6], [-2e-6, 2e-4, -5e-5], [1e-6, -5e-5, 2e-5]]
)


@pytest.fixture(scope="module")
def curve():
    return published_curve("barquinero-1995-co60")


def test_history_of_local_exposure_reports_both_doses_the_partial_one_first(curve):
    route = laboratory_route([440, 52, 8], curve, local_exposure=True)
    assert route.partial_by == "history"
    assert (route.estimate, route.other) == (route.partial_body, route.whole_body)
    partial, whole = route.estimate.summary(), route.other.summary()
    assert route.conclusion.index(partial) < route.conclusion.index(whole)
    assert route.triage["iaea"].category == "1-2 Gy"
    assert f"whole body was exposed: {route.other_triage['multibiodose'].category}" in (
        route.explain()
    )
    without = laboratory_route([440, 52, 8], curve)
    assert (without.partial_by, without.other) == (None, None)
    assert without.conclusion == f"Dose {without.whole_body.summary()}."


def test_both_doses_where_intervals_overlap_one_where_they_are_apart(curve):
    apart = laboratory_route([302, 28, 22, 8, 1], curve)
    assert (apart.partial_by, apart.other) == ("dispersion", None)
    near = laboratory_route([480, 14, 3], curve)
    assert near.partial_by == "dispersion"
    assert near.other is near.whole_body
    assert "if the whole body was exposed" in near.conclusion


def test_one_branch_that_cannot_reach_the_yield_does_not_end_the_route():
    """The exposed part would have 1.49 dicentrics per cell; the summit has 0.001 + 0.4^2/0.12."""
    counts = [160, 55, 19, 17, 9, 4]
    route = laboratory_route(counts, BEND)
    assert route.estimate.dose_gy == pytest.approx(estimate_dose(counts, BEND).dose_gy)
    assert not route.partial_body.estimable
    assert "never reaches 1.489" in route.explain()
    above = laboratory_route([0, 1, 5, 10, 10, 10, 8], BEND)
    assert above.estimate.dose_gy == pytest.approx(0.4 / 0.06, abs=0.01)
    assert any("never reaches" in text for text in above.warnings)


def every_sum_of_pairs(n_cells, n_dicentrics):
    """P(T = t | X, N) by going through every way of throwing X dicentrics into N cells."""
    found = {}
    for cells in itertools.product(range(n_cells), repeat=n_dicentrics):
        k = np.bincount(cells, minlength=n_cells)
        pairs = int((k * (k - 1) // 2).sum())
        found[pairs] = found.get(pairs, 0) + n_cells**-n_dicentrics
    return found


@pytest.mark.parametrize("counts", [[2, 1, 2], [3, 2, 0, 1], [1, 4, 1], [0, 6], [4, 0, 0, 2]])
def test_exact_dispersion_by_enumeration(counts):
    n, x = sum(counts), sum(k * c for k, c in enumerate(counts))
    pairs = sum(k * (k - 1) // 2 * c for k, c in enumerate(counts))
    law = every_sum_of_pairs(n, x)
    expected = sum(p for t, p in law.items() if t >= pairs)
    assert exact_dispersion_p(counts) == pytest.approx(expected, abs=1e-10)


def test_exact_dispersion_has_its_size_where_u_has_not():
    """Ten dicentrics in 500 cells: a pair has p = 1 - 0.998 * 0.996 ... = 0.087 but u = 3."""
    alone = math.prod(1 - i / 500 for i in range(10))
    assert exact_dispersion_p([491, 8, 1]) == pytest.approx(1 - alone, abs=1e-10)
    assert dispersion([491, 8, 1]).u > 3
    assert exact_dispersion_p([500]) is None
    assert exact_dispersion_p([1]) is None
    rng = np.random.default_rng(2)
    large = np.bincount(rng.poisson(1.0, 20000))  # beyond the exact law: that of u
    assert 0 < exact_dispersion_p(large) < 1


def test_a_single_cell_with_many_dicentrics_is_named(curve):
    route = laboratory_route([499, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], curve)
    assert route.rogue_cell.n_dicentrics == 10
    assert "rogue cell" in route.conclusion
    assert (route.partial_by, route.estimate) == (None, route.whole_body)
    assert "not above background: dose below" in route.conclusion
    assert route.rogue_cell.without.estimate.n_cells == 499
    assert route.rogue_cell.without.estimate.n_dicentrics == 0


def test_a_partial_exposure_that_rests_on_one_cell_is_named_but_not_reported(curve):
    """The others have as many pairs as chance gives: 1.45 Gy, and 2 Gy with the one cell."""
    route = laboratory_route([254, 41, 4, 0, 0, 1], curve)
    assert route.dispersion.overdispersed
    assert route.partial_by_one_cell
    assert (route.partial_by, route.estimate) == (None, route.whole_body)
    assert route.conclusion.startswith(f"Dose {route.whole_body.summary()}.")
    assert f"if it is not: {route.partial_body.summary()}" in route.conclusion
    assert "Only one cell, named below, supports it" in route.explain()


def test_a_partial_exposure_that_the_other_cells_show_too_is_reported(curve):
    route = laboratory_route([302, 28, 22, 8, 0, 0, 0, 0, 1], curve)
    assert route.rogue_cell.n_dicentrics == 8
    assert (route.partial_by, route.partial_by_one_cell) == ("dispersion", False)
    assert "if it is not" not in route.conclusion


@pytest.mark.parametrize(
    "counts", [[302, 28, 22, 8, 1], [480, 18, 1, 1], [50, 40, 20, 8, 2], [20, 30, 25, 12, 4, 1]]
)
def test_cells_that_the_others_explain_are_no_rogues(counts):
    assert find_rogue_cell(counts) is None


def test_hidden_parts_by_direct_likelihood(curve):
    """With an exact curve: l(F, D) of two Poisson laws, within chi2(0.95, 2)/2 of its maximum."""
    exact = CalibrationCurve(curve.coefficients)
    counts = np.array([460, 36, 4])
    detected = DetectedCurve.of(Sample.of(counts), exact)
    found = hidden_part(Sample.of(counts), detected, dispersion(counts).expected)
    dose = np.linspace(0.05, 5, 200)[:, None]
    part = np.linspace(0.005, 1, 400)
    f = part / (part + (1 - part) * np.exp(dose / 2.7))
    k = np.arange(3)
    factorial = np.array([1, 1, 2])
    mean = exact.yield_at(dose)
    exposed = np.exp(-mean)[..., None] * mean[..., None] ** k / factorial
    c = exact.coefficients[0]
    unexposed = math.exp(-c) * c**k / factorial
    log = np.log((1 - f)[..., None] * unexposed + f[..., None] * exposed) @ counts
    inside = log > log.max() - 2.9957
    assert found.dose_gy == pytest.approx(dose[inside.any(axis=1)].max(), abs=0.05)
    for at in (1.5, 2.0):
        row = int(np.argmin(np.abs(dose[:, 0] - at)))
        here = int(np.argmin(np.abs(found.doses_gy - at)))
        assert found.largest[here] == pytest.approx(part[inside[row]].max(), abs=0.02)
        assert found.smallest[here] == pytest.approx(part[inside[row]].min(), abs=0.02)


def test_power_is_that_of_the_test(curve):
    """Counted over samples that the test itself judges."""
    rng = np.random.default_rng(3)
    means = (0.001, 0.63)
    called = []
    for _ in range(400):
        exposed = rng.random(200) < 0.3
        cells = rng.poisson(np.where(exposed, means[1], means[0]))
        called.append(dispersion(np.bincount(cells, minlength=2)).overdispersed)
    assert dispersion_power(200, 0.3, means) == pytest.approx(np.mean(called), abs=0.07)
    assert dispersion_power(1, 0.3, means) == 0


def test_no_dicentric_hides_any_dose_to_a_small_part(curve):
    route = laboratory_route([500], curve)
    assert math.isinf(route.hidden.dose_gy)
    assert 0 < route.hidden.fraction < 0.1
    assert "no limit to the dose of a small part" in route.explain()
    json.dumps(route.to_dict(), allow_nan=False)


def test_a_route_shows_itself_shortly(curve):
    route = laboratory_route([440, 52, 8], curve)
    assert len(repr(route)) < 200
    html = route._repr_html_()
    assert route.conclusion in html
    assert len(html) < 5000
    assert route.estimate.summary() in route.estimate._repr_html_()


def test_every_item_of_a_report_is_present_or_named_as_missing(curve):
    route = laboratory_route([440, 52, 8], curve)
    bare = report_checklist(route)
    assert {"Sample code", "Who asked for the estimate", "Software version"} <= set(
        bare.loc[~bare["present"], "item"]
    )
    assert bare.loc[~bare["present"], "content"].eq("missing").all()
    case = dict.fromkeys(CASE, "stated")
    full = report_checklist(route, case, sample_code="7", scorer="two people", software="1.0")
    assert full.loc[~full["present"], "item"].tolist() == [
        "Goodness of fit", "Curve: dose rate", "Curve: dose quantity", "Curve: temperature",
        "Curve: incubation",
    ]  # fmt: skip
    held = full.set_index("item")["content"]
    assert held["Dose with its interval and method"] == route.conclusion
    assert held["Cells by number of dicentrics"] == "440, 52, 8"
    with pytest.raises(InputError, match="case: unknown nme"):
        report_checklist(route, {"nme": "x"})
    sums = report_checklist(laboratory_route(n_cells=500, n_dicentrics=20, curve=curve))
    assert not sums.set_index("item").loc["Dispersion index and u", "present"]
