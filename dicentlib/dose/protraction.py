"""Exposures that are protracted or in fractions: the factor G of the quadratic term."""

import numpy as np
from scipy.special import hyp1f1

from dicentlib.counts.checked import number, numbers
from dicentlib.errors import InputError

REPAIR_TIME_HOURS = 2.0


def protraction_factor(duration_hours, *, repair_time_hours=REPAIR_TIME_HOURS):
    """G(x) of an exposure at a constant rate (Lea and Catcheside; IAEA 2011, eq. 18).

    .. math:: G(x) = \\frac{2}{x^2}\\left(x - 1 + e^{-x}\\right), \\quad x = t/t_0

    1 at t = 0 (acute), falling to 0. `repair_time_hours` is t_0, the mean lifetime of breaks.

    Examples
    --------
    >>> round(float(protraction_factor(3)), 4)
    0.6428
    >>> float(protraction_factor(0))
    1.0
    """
    x = _hours("duration_hours", duration_hours) / _repair_time(repair_time_hours)
    # the same as Kummer's function, which keeps its digits at 0; an endless exposure gives 0
    return hyp1f1(1, 3, -np.minimum(x, 1e100))[()]


def split_dose_factor(gap_hours, *, repair_time_hours=REPAIR_TIME_HOURS):
    """exp(-t/t_0): what remains of the interaction of two brief fractions `gap_hours` apart.

    Fractions more than about 6 hours apart act alone: their yields add up.
    """
    gap = _hours("gap_hours", gap_hours)
    return np.exp(-gap / _repair_time(repair_time_hours))[()]


def fractionation_factor(shares, gaps_hours, *, repair_time_hours=REPAIR_TIME_HOURS):
    """G of brief fractions, for ``protraction=`` of the route: lesions interact while they last.

    With the share w_i of the dose in fraction i, given at t_i (Lea and Catcheside; IAEA 2011,
    section 9.7.4.3, two fractions: exp(-t/t_0)),

    .. math:: G = \\sum_i w_i^2 + 2 \\sum_{i<j} w_i w_j\\, e^{-(t_j - t_i)/t_0}

    1 for gaps of 0 hours; fractions days apart give the sum of w_i^2: their yields add up.

    Parameters
    ----------
    shares : sequence of float (n,), n >= 1
        Of the total dose, above 0, adding up to 1.
    gaps_hours : sequence of float (n - 1,)
        Between one fraction and the next, 0 or more.
    repair_time_hours : float
        t_0.

    Returns
    -------
    float in (0, 1]

    Examples
    --------
    >>> round(fractionation_factor([0.5, 0.5], [2.0]), 4)
    0.6839
    """
    shares = numbers(shares, f"shares is {shares!r}: expected a list of numbers")
    gaps = _hours("gaps_hours", gaps_hours)
    if shares.ndim != 1 or not np.all(shares > 0) or not abs(shares.sum() - 1) <= 1e-6:
        raise InputError(f"shares is {shares.tolist()}: expected shares above 0 that add up to 1")
    if gaps.shape != (len(shares) - 1,) or not np.all(np.isfinite(gaps)):
        raise InputError(
            f"gaps_hours is {gaps.tolist()}: expected {len(shares) - 1} gaps between "
            f"{len(shares)} fractions"
        )
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    apart = np.abs(times[:, None] - times)
    left = split_dose_factor(apart, repair_time_hours=repair_time_hours)
    return float(min(shares @ left @ shares, 1.0))


def _hours(label, values):
    refusal = f"{label} is {values!r:.100}: expected 0 hours or more"
    hours = numbers(values, refusal)
    if not np.all(hours >= 0):
        raise InputError(refusal)
    return hours


def _repair_time(hours):
    return number("repair_time_hours", hours, least=0, open_ends=True, unit=" hours")
