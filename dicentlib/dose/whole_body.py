"""Whole-body dose: one dose for all cells, by Merkle's limits or the delta method."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from dicentlib.counts.checked import number
from dicentlib.counts.dispersion import dispersion, expected_dispersion
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.dose.bayesian import above_zero
from dicentlib.dose.checks import band_warnings, estimate_of
from dicentlib.dose.detector import DetectedCurve, count_variance
from dicentlib.errors import InputError

FARTHEST_GY = 100.0  # a limit beyond it is no limit
DELTA_FLOOR = 15  # dicentrics; below it the delta interval covers less than it says


def merkle(
    sample, curve, *, yield_level=None, curve_level=0.83, overdispersion="auto", limits="exact"
):
    """Merkle's dose limits: Poisson limits of the yield met with the curve's band.

    The lower limit of the yield is read on the upper band and the upper one on the lower band
    (IAEA EPR-Biodosimetry 2011, section 9.7.3). 83 % on both gives about 95 % together.

    Parameters
    ----------
    sample : Sample
    curve : CalibrationCurve
    yield_level, curve_level : float in [0, 1)
        Levels of the Poisson limits and of the band; 0 leaves that part out. `yield_level` None:
        0.83, or 0.95 where no curve uncertainty is used (no covariance, or `curve_level` 0).
    overdispersion : {"auto", True, False}
        Widen the yield's limits by (limit / X) ** sqrt(DI) (IAEA eq. 9): where the sample is
        overdispersed, always, or never. Always needs the distribution. Under "auto" a scorer
        whose counts are known to spread (``expected_dispersion``) has X (limit / X) ** sqrt(DI_0).
    limits : {"exact", "crow-gardner"}
        See :func:`dicentlib.counts.poisson_limits.poisson_limits`.

    Returns
    -------
    DoseEstimate
    """
    uses_band = curve.covariance is not None and curve_level > 0
    if yield_level is None:
        yield_level = 0.83 if uses_band else 0.95
    curve.band_factor(curve_level)
    detected = DetectedCurve.of(sample, curve, slides=overdispersion is not False)
    power = _widening_power(sample, overdispersion, detected)
    x, n = sample.n_dicentrics, sample.n_cells
    low, high = poisson_limits(x, level=yield_level, kind=limits)
    if x:
        low, high = x * (low / x) ** power, x * (high / x) ** power
    low, high = low / n, high / n
    notes = []
    dose = float(curve.dose_at(sample.yield_))
    lower = _lower_dose(low, curve, curve_level)
    upper = _upper_dose(high, curve, curve_level)
    if math.isinf(upper):
        notes.append(
            f"The curve's lower {curve_level:.0%} band does not reach the yield's upper limit "
            f"{high:.3g} up to {FARTHEST_GY:g} Gy: no upper limit of the dose."
        )
    upper, conflict = above_zero(upper, sample, detected, notes)
    notes += band_warnings(curve, min(dose, FARTHEST_GY), curve_level)
    band = f"{curve_level:.0%} band of the curve" if uses_band else "the curve, assumed to be exact"
    return estimate_of(
        sample,
        curve,
        method="merkle",
        dose=(dose, lower, upper),
        yields=(sample.yield_, low, high),
        level=0.95 if (yield_level, curve_level) == (0.83, 0.83) else max(yield_level, curve_level),
        notes=notes,
        assumptions=[
            f"Whole-body exposure; {limits} {yield_level:.0%} Poisson limits met with {band}"
            + (", widened for overdispersion." if power > 1 else ".")
        ],
        details={
            "yield_level": yield_level,
            "curve_level": curve_level,
            "limits": limits,
            "overdispersion_used": power > 1,
            "slides": sample.slides,
            "conflict": conflict,
        },
    )


def delta(sample, curve, *, level=0.95):
    """Delta method: a normal interval from the gradient of the inverse curve.

    The variance of the yield is s^2/N where the sample's dispersion index is 1 or more, else
    X/N^2. At or below the background, where the gradient says nothing, the upper limit is that
    of the exact Poisson limits.

    .. math:: \\mathrm{var}\\,D = g^T \\Sigma g + s^{-2}\\,\\mathrm{var}\\,y, \\quad
              g = -(1, D, G D^2)/s, \\quad s = \\alpha + 2 \\beta G D
    """
    z = normal_quantile(level)
    notes, conflict = [], False
    dose = float(curve.dose_at(sample.yield_))
    detected = DetectedCurve.of(sample, curve)
    between = detected.slide_excess(sample) * sample.yield_ / sample.n_cells
    spread = math.sqrt(yield_variance(sample) + between)
    low, high = max(sample.yield_ - z * spread, 0.0), sample.yield_ + z * spread
    if dose > 0:
        error = math.sqrt(dose_variance(dose, curve, spread**2))
        lower, upper = max(dose - z * error, 0.0), dose + z * error
    else:
        limits = poisson_limits(sample.n_dicentrics, level=level)
        low, high = (limit / sample.n_cells for limit in limits)
        lower, error = 0.0, math.nan
        upper = _upper_dose(high, curve, level)
        upper, conflict = above_zero(upper, sample, detected, notes, level=level)
        limit = "infinite: the curve sets none" if math.isinf(upper) else "Merkle's"
        notes.append(f"The delta method does not apply at 0 Gy: the upper limit is {limit}.")
    if sample.n_dicentrics < DELTA_FLOOR:
        notes.append(
            f"{sample.n_dicentrics} dicentrics: below {DELTA_FLOOR} the delta interval covers "
            "less than its level; use merkle."
        )
    return estimate_of(
        sample,
        curve,
        method="delta",
        dose=(dose, lower, upper),
        yields=(sample.yield_, low, high),
        level=level,
        notes=notes,
        assumptions=["Whole-body exposure; normal approximation (delta method)."],
        details={
            "standard_error_gy": error,
            "yield_standard_error": spread,
            "slides": sample.slides,
            "conflict": conflict,
        },
    )


def dose_variance(dose, curve, yield_variance):
    """Variance of the inverse at `dose` > 0: curve and yield together (delta method)."""
    slope = float(curve.slope_at(dose))
    if slope <= 0:
        raise InputError(f"The curve {curve.describe()} does not rise at {dose:.3g} Gy")
    variance = float(curve.variance_at(dose))
    return (variance + yield_variance) / slope**2


def yield_variance(sample):
    """s^2/N where the dispersion index is 1 or more, else the Poisson X/N^2."""
    if sample.distribution is not None:
        spread = dispersion(sample.distribution)
        if spread.index is not None and spread.index >= 1:
            return spread.variance / sample.n_cells
    return sample.n_dicentrics / sample.n_cells**2


def normal_quantile(level):
    """z of a two-sided interval."""
    number("level", level, least=0, most=1, open_ends=True)
    return float(norm.ppf(0.5 + level / 2))


def _widening_power(sample, choice, detected):
    """Power of limit / X: 1 + sqrt(DI) of the sample's own index (IAEA eq. 9), else sqrt(DI_0).

    DI_0 is the expected dispersion, with the variance between slides that the curve knows.
    """
    expected = expected_dispersion(detected.curve)
    factor = count_variance(sample, detected, choice) + detected.slide_excess(sample)
    if choice is False or (sample.distribution is None and choice == "auto"):
        return math.sqrt(factor)
    spread = dispersion(sample.distribution, expected=expected)
    if choice is True:
        if spread.index is None:
            raise InputError("overdispersion=True: the sample has no dicentric or only one cell")
        return 1 + math.sqrt(spread.index)
    return 1 + math.sqrt(factor) if spread.overdispersed else math.sqrt(factor)


def _lower_dose(yield_, curve, level):
    """Where the upper band reaches `yield_`, below the curve's own dose; 0 if it never does."""
    end = float(curve.dose_at(yield_))
    if curve.covariance is None or level == 0 or end == 0:
        return end
    doses = np.linspace(end, 0, 301)
    found = first_crossing(lambda dose: yield_ - curve.band_at(dose, level=level)[1], doses)
    return 0.0 if math.isinf(found) else found


def _upper_dose(yield_, curve, level):
    """Where the lower band first reaches `yield_`, above the curve's own dose; else infinity."""
    try:
        start = float(curve.dose_at(yield_))
    except InputError:  # a curve that bends down: its top is below the limit
        return math.inf
    if curve.covariance is None or level == 0:
        return start
    doses = start + max(FARTHEST_GY - start, 0.0) * np.linspace(0, 1, 1001) ** 2
    return first_crossing(lambda dose: curve.band_at(dose, level=level)[0] - yield_, doses)


def first_crossing(gap, doses):
    """The first dose, along `doses` in their order, from which `gap` is above 0.

    `gap` is a function of an array of doses; the crossing is refined between two of them. Infinite
    where it is above 0 at none.
    """
    above = np.flatnonzero(gap(doses) > 0)
    if not len(above):
        return math.inf
    first = above[0]
    if first == 0 or gap(doses[first - 1]) > 0:  # the latter by rounding alone
        return float(doses[first])
    return float(brentq(gap, doses[first - 1], doses[first], xtol=1e-12, rtol=1e-12))
