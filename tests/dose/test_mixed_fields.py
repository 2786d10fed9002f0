"""Neutrons with gamma rays, and exposures in fractions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicentlib.calibration import CalibrationCurve, published_curve
from dicentlib.dose import laboratory_route
from dicentlib.dose.criticality import criticality, mixed_field_curve
from dicentlib.dose.protraction import fractionation_factor, split_dose_factor
from dicentlib.errors import InputError, ScorerMismatchError

NEUTRONS = published_curve("iaea-2011-eq22-neutrons")
GAMMA = published_curve("iaea-2011-eq23-co60")


def test_the_manuals_example_is_the_root_of_the_quadratic():
    # IAEA eq. 22, 23: 1.2 = 0.0005 + 0.832 n + 0.0164 g + 0.0492 g^2 with g = n / 2.
    a, b, c = 0.0492 / 4, 0.832 + 0.0164 / 2, 0.0005 - 1.2
    neutron = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    found = criticality(None, NEUTRONS, GAMMA, 2 / 3, n_cells=100, n_dicentrics=120)
    assert found.neutron_gy[0] == pytest.approx(neutron)
    assert found.gamma_gy[0] == pytest.approx(neutron / 2)
    assert "67% of the dose by neutrons" in found.explain()


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.02, 1), dose=st.floats(0, 5))
def test_yields_above_the_background_add_up(share, dose):
    parts = zip((NEUTRONS, GAMMA), (share * dose, (1 - share) * dose), strict=True)
    net = sum(float(curve.yield_at(part) - curve.yield_at(0)) for curve, part in parts)
    mixed = mixed_field_curve(NEUTRONS, GAMMA, share)
    background = (NEUTRONS.coefficients[0] + GAMMA.coefficients[0]) / 2
    assert float(mixed.dose_at(background + net)) == pytest.approx(dose, rel=1e-9, abs=1e-9)


def test_the_ends_are_the_curves_themselves():
    alone = mixed_field_curve(NEUTRONS, GAMMA, 0)
    assert alone.coefficients[1:] == pytest.approx(GAMMA.coefficients[1:])
    alone = mixed_field_curve(NEUTRONS, GAMMA, 1)
    assert alone.coefficients[1:] == pytest.approx(NEUTRONS.coefficients[1:])


def test_the_covariance_is_that_of_the_sum_of_yields():
    neutrons = CalibrationCurve((0.001, 0.8, 0.0), np.diag([1e-8, 4e-4, 0]))
    gamma = published_curve("barquinero-1995-co60")
    curve = mixed_field_curve(neutrons, gamma, 0.3)
    rng = np.random.default_rng(6)
    drawn = [
        rng.multivariate_normal(c.coefficients, c.covariance, 40_000) for c in (neutrons, gamma)
    ]
    yields = sum(
        one @ np.array([0.5, part * 2.0, (part * 2.0) ** 2])
        for one, part in zip(drawn, (0.3, 0.7), strict=True)
    )
    assert float(curve.yield_at(2.0)) == pytest.approx(yields.mean(), rel=1e-3)
    assert float(curve.variance_at(2.0)) == pytest.approx(yields.var(), rel=0.03)


def test_the_route_takes_a_mixed_field():
    route = laboratory_route([60, 25, 10, 4, 1], mixed_field_curve(NEUTRONS, GAMMA, 0.5))
    assert route.estimate.dose_gy > 0
    assert any("by neutrons, taken as known" in text for text in route.warnings)


@pytest.mark.parametrize("share", [-0.1, 1.1, np.nan, "half", None])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InputError, match="neutron_share"):
        mixed_field_curve(NEUTRONS, GAMMA, share)


def test_curves_of_two_scorers_do_not_mix():
    with pytest.raises(ScorerMismatchError):
        mixed_field_curve(NEUTRONS.with_scorer({"by": "A"}), GAMMA.with_scorer({"by": "B"}), 0.5)


# --- fractions ---------------------------------------------------------------------------------


def test_fractions_by_hand():
    assert fractionation_factor([1.0], []) == 1
    assert fractionation_factor([0.3, 0.7], [0.0]) == pytest.approx(1)
    assert fractionation_factor([0.5, 0.5], [1e6]) == pytest.approx(0.5)
    two = 0.3**2 + 0.7**2 + 2 * 0.3 * 0.7 * float(split_dose_factor(4.0))
    assert fractionation_factor([0.3, 0.7], [4.0]) == pytest.approx(two)
    # Many small fractions without a pause are a protracted exposure: Lea and Catcheside's G.
    from dicentlib.dose import protraction_factor

    many = fractionation_factor(np.full(600, 1 / 600), np.full(599, 5.0 / 600))
    assert many == pytest.approx(float(protraction_factor(5.0)), rel=5e-3)


def test_distant_fractions_add_their_yields():
    curve = published_curve("barquinero-1995-co60")
    g = fractionation_factor([0.5, 0.5], [1e4])
    c, alpha, beta = curve.coefficients
    apart = c + 2 * (alpha * 1.0 + beta * 1.0**2)
    assert float(curve.protracted(g).yield_at(2.0)) == pytest.approx(apart)
    acute = laboratory_route([440, 52, 8], curve).whole_body.dose_gy
    split = laboratory_route([440, 52, 8], curve, protraction=g).whole_body.dose_gy
    assert split > acute


@pytest.mark.parametrize(
    ("shares", "gaps"),
    [
        ([0.5, 0.4], [1]),
        ([0.5, 0.5], []),
        ([0.5, 0.5], [-1]),
        ([1.5, -0.5], [1]),
        ([], []),
        ("ab", [1]),
        ([0.5, 0.5], [np.nan]),
    ],
)
def test_bad_fractions(shares, gaps):
    with pytest.raises(InputError, match=r"shares|gaps_hours"):
        fractionation_factor(shares, gaps)
