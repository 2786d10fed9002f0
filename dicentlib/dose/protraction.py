"""Exposures that are not acute: the factor G of the quadratic term."""

import numpy as np

from dicentlib.counts.checked import number
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
    # Below 0.01 the direct form loses its digits; the series is exact to 1e-9 there.
    small = np.minimum(x, 0.01)
    series = 1 - small / 3 + small**2 / 12 - small**3 / 60
    large = np.maximum(x, 0.01)
    large = np.minimum(large, 1e100)  # an endless exposure gives 0
    direct = 2 * (large + np.expm1(-large)) / large**2
    return np.where(x < 0.01, series, direct)[()]


def split_dose_factor(gap_hours, *, repair_time_hours=REPAIR_TIME_HOURS):
    """exp(-t/t_0): what remains of the interaction of two brief fractions `gap_hours` apart.

    Fractions more than about 6 hours apart act alone: their yields add up.
    """
    gap = _hours("gap_hours", gap_hours)
    return np.exp(-gap / _repair_time(repair_time_hours))[()]


def _hours(label, values):
    try:
        hours = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        hours = np.array(np.nan)
    if not np.all(hours >= 0):
        raise InputError(f"{label} is {values!r:.100}: expected 0 hours or more")
    return hours


def _repair_time(hours):
    return number("repair_time_hours", hours, least=0, open_ends=True, unit=" hours")
