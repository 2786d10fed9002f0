"""Statements that every method makes about a sample and a curve."""

import math

import numpy as np

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.counts.dispersion import dispersion, expected_dispersion
from dicentlib.counts.slides import slides_of
from dicentlib.dose.result import DoseEstimate
from dicentlib.errors import InputError

HIGHEST_GY = 5.0  # to which a curve is examined that does not say what it was calibrated with


def checked_curve(curve, scorer=None):
    """`curve` if it is one, and if the sample's `scorer` (when given) is the curve's."""
    if not isinstance(curve, CalibrationCurve):
        raise InputError(f"curve is {curve!r}: expected a CalibrationCurve")
    curve.require_scorer(scorer)
    return curve


def estimate_of(sample, curve, kind=DoseEstimate, *, dose, yields, notes, assumptions, **fields):
    """A `kind` of estimate: what depends on the method, and what sample and curve say of it.

    Parameters
    ----------
    sample : Sample
    curve : CalibrationCurve
    kind : type
        :class:`DoseEstimate` or one with further `fields`.
    dose, yields : (float, float, float)
        Value, lower and upper limit: ``dose_gy`` and ``yield_``.
    notes, assumptions : iterable of str
        Warnings beside :func:`sample_warnings` and :func:`range_warnings`; what the method assumes
        beside :func:`common_assumptions`.
    """
    spread = None if sample.distribution is None else dispersion(sample.distribution)
    names = ("dose_gy", "lower_gy", "upper_gy", "yield_", "yield_lower", "yield_upper")
    ends = dict(zip(names, (*dose, *yields), strict=True))
    return kind(
        **ends,
        n_cells=sample.n_cells,
        n_dicentrics=sample.n_dicentrics,
        distribution=sample.distribution,
        dispersion_index=None if spread is None else spread.index,
        u=None if spread is None else spread.u,
        protraction=curve.protraction,
        curve=curve.acute or curve,
        warnings=(
            *sample_warnings(sample, curve, whole_body=kind.whole_body),
            *notes,
            *range_warnings(curve, *dose),
        ),
        assumptions=(*common_assumptions(curve, sample), *assumptions),
        **fields,
    )


def sample_warnings(sample, curve, *, whole_body):
    """What is wrong with the sample, or with the curve, whatever the dose."""
    found = []
    if sample.n_dicentrics == 0:
        found.append(
            f"No dicentric in {sample.n_cells} cells: the dose is an upper limit, not a value."
        )
    elif sample.yield_ <= curve.coefficients[0]:
        found.append(
            f"The yield {sample.yield_:.4g} is not above the curve's background "
            f"{curve.coefficients[0]:.4g}: dose 0 Gy, with an upper limit."
        )
    if sample.distribution is not None:
        spread = dispersion(sample.distribution, expected=expected_dispersion(curve))
        if spread.underdispersed:
            found.append(spread.explain())
        if spread.overdispersed and whole_body:
            found.append(spread.explain() + " Consider the partial-body dose.")
    return found + curve_warnings(curve)


def curve_warnings(curve):
    """What is wrong with the curve, whatever the sample."""
    found = [f"Curve: {text}" for text in curve.warnings]
    if curve.coefficients[1] < 0:
        found.append(f"The curve falls at low doses: alpha is {curve.coefficients[1]:.3g} per Gy.")
    if curve.covariance is None:
        found.append("The curve has no covariance: its own uncertainty is not in the interval.")
    return found


def range_warnings(curve, dose, lower, upper):
    """Flags of a dose, or of limits, outside the calibrated doses."""
    if curve.dose_range_gy is None:
        return []
    low, high = curve.dose_range_gy
    the_dose = f"The dose {dose:.3g} Gy is"
    found = []
    if upper > high or high < dose < math.inf:
        beyond = the_dose if high < dose < math.inf else "The upper limit is"
        found.append(f"{beyond} above the highest calibrated dose, {high:g} Gy: extrapolated.")
    if 0 < lower < low or 0 < dose < low:
        beyond = the_dose if 0 < dose < low else "The lower limit is"
        found.append(f"{beyond} below the lowest calibrated dose, {low:g} Gy: extrapolated.")
    return found


def band_warnings(curve, dose=math.inf, level=0.83):
    """Says so where the curve's lower band is below zero at doses that matter.

    The sentence depends on the curve and the level alone, so that it is the same for all samples.
    """
    if curve.covariance is None or level <= 0:
        return []
    highest = HIGHEST_GY if curve.dose_range_gy is None else curve.dose_range_gy[1]
    doses = np.linspace(0, highest, 1001)
    lower, _ = curve.band_at(doses, level=level)
    below = np.flatnonzero(lower[1:] < 0) + 1
    if not len(below) or doses[below[0]] > max(dose, 0.5):
        return []
    return [
        f"The curve's lower {level:.0%} band is below zero up to {doses[below[-1]]:.2g} Gy: "
        "the curve alone cannot distinguish such doses from 0 Gy."
    ]


def common_assumptions(curve, sample):
    """What the estimate takes for granted."""
    found = [
        "Acute exposure (G = 1)."
        if curve.protraction == 1
        else f"Protracted exposure: beta is multiplied by G = {curve.protraction:.4g}."
    ]
    if curve.dose_range_gy is None:
        found.append(
            "The curve does not say which doses it was calibrated with: extrapolation cannot be "
            "flagged."
        )
    between = slides_of(curve)
    if between is not None:
        found.append(
            "The efficiency of the curve's detector differs between slides (relative standard "
            f"deviation {math.sqrt(between.relative):.2f}); the sample is on "
            + (
                "one slide, because none are named."
                if sample.slides is None
                else f"{len(sample.slides)} slides."
            )
        )
    return found
