"""Confidence limits of a Poisson count."""

from functools import lru_cache

import numpy as np
from scipy.stats import chi2, poisson

from dicentlib.counts.checked import number
from dicentlib.errors import InputError

KINDS = ("exact", "crow-gardner")


def poisson_limits(count, *, level=0.95, kind="exact"):
    """Lower and upper limit of the mean of a Poisson variable of which `count` was observed.

    Parameters
    ----------
    count : int, >= 0
    level : float in [0, 1)
        0 gives (count, count): the count taken as exact.
    kind : {"exact", "crow-gardner"}
        "exact": central limits of Garwood (1936), chi2(a/2, 2X)/2 and chi2(1-a/2, 2X+2)/2.
        "crow-gardner": the shortest acceptance regions of Crow and Gardner (1959), which the
        IAEA manual tabulates (table 8).

    Examples
    --------
    >>> [round(limit, 3) for limit in poisson_limits(25)]
    [16.179, 36.905]
    >>> [round(limit, 3) for limit in poisson_limits(25, kind="crow-gardner")]
    [16.768, 36.03]
    """
    if number("count", count, least=0) != round(count):
        raise InputError(f"count is {count}: expected a whole number of 0 or more")
    if number("level", level, least=0, most=1) == 1:
        raise InputError(f"level is {level}: expected a number from 0 to below 1")
    if kind not in KINDS:
        raise InputError(f"limits are {kind!r}: expected one of {KINDS}")
    if level == 0:
        return float(count), float(count)
    if kind == "crow-gardner":
        return _crow_gardner(int(count), float(level))
    tail = (1 - level) / 2
    lower = float(chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    return lower, float(chi2.ppf(1 - tail, 2 * count + 2) / 2)


def acceptance_region(mean, *, level=0.95):
    """Shortest run of counts with probability `level` or more; of equal ones, the highest.

    Returns (first, last). Crow and Gardner (1959), Biometrika 46, 441.
    """
    last = int(mean + 12 * np.sqrt(mean) + 30)
    start = max(0, int(mean - 12 * np.sqrt(mean) - 30))
    counts = np.arange(start, last + 1)
    cumulative = np.concatenate([[poisson.cdf(start - 1, mean)], poisson.cdf(counts, mean)])
    # ends[i]: smallest end so that start+i ... end holds enough; searchsorted finds all at once.
    ends = np.searchsorted(cumulative, cumulative[:-1] + level * (1 - 1e-14))
    width = np.where(ends < len(cumulative), ends - np.arange(len(counts)), len(counts) + 1)
    first = len(width) - 1 - int(np.argmin(width[::-1]))
    return start + first, start + first + int(width[first]) - 1


@lru_cache(maxsize=4096)
def _crow_gardner(count, level):
    """Means at which `count` enters and leaves the acceptance region, to about 1e-9."""
    spread = np.sqrt(count + 1.0)
    lower = 0.0
    if count:
        lower = _switch(max(0.0, count - 6 * spread), float(count), count, level, end=1)
    return lower, _switch(float(count), count + 7 * spread + 8, count, level, end=0)


def _switch(below, above, count, level, *, end):
    """Bisect for the mean at which `count` enters (end 1) or leaves (end 0) the region."""
    while above - below > 1e-10 * max(1.0, above):
        middle = (below + above) / 2
        region = acceptance_region(middle, level=level)
        beyond = region[1] >= count if end else region[0] > count
        below, above = (below, middle) if beyond else (middle, above)
    return float((below + above) / 2)
