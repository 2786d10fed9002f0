"""Exposures in several brief fractions: the factor G of the quadratic term."""

import numpy as np

from dicentlib.counts.checked import numbers
from dicentlib.dose.protraction import REPAIR_TIME_HOURS, split_dose_factor
from dicentlib.errors import InputError


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
    shares, gaps = _numbers("shares", shares), _numbers("gaps_hours", gaps_hours)
    if len(shares) < 1 or np.any(shares <= 0) or abs(shares.sum() - 1) > 1e-6:
        raise InputError(f"shares is {shares.tolist()}: expected shares above 0 that add up to 1")
    if len(gaps) != len(shares) - 1 or np.any(gaps < 0):
        raise InputError(
            f"gaps_hours is {gaps.tolist()}: expected {len(shares) - 1} gaps of 0 hours or more "
            f"between {len(shares)} fractions"
        )
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    apart = np.abs(times[:, None] - times)
    left = split_dose_factor(apart, repair_time_hours=repair_time_hours)
    return float(min(shares @ left @ shares, 1.0))


def _numbers(label, values):
    array = numbers(values, f"{label} is {values!r}: expected a list of numbers")
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise InputError(f"{label} is {values!r}: expected a list of finite numbers")
    return array
