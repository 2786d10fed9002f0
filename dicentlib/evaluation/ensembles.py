"""Random ensembles, and the spread of precision and recall between them."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from dicentlib.errors import InputError
from dicentlib.evaluation.counts import MEASURES
from dicentlib.evaluation.surface import grid_position

INTERVAL = (0.05, 0.95)


def random_ensembles(n_members, *, size, n_draws=100, seed):
    """Random subsets of the members, drawn without replacement within a subset.

    Deschemps et al. (2024) draw 100 ensembles of 10 from the last 50 epochs. Use the same
    subsets for both classes and all thresholds.

    Parameters
    ----------
    n_members : int
        Members to draw from.
    size : int, 1 to `n_members`
        Members per ensemble.
    n_draws : int
        Number of ensembles. When there are no more than this many different subsets, each of
        them is returned once instead.
    seed : int

    Returns
    -------
    ensembles : ndarray of int, shape (E, size), each row ascending

    Raises
    ------
    InputError
        `size` or `n_draws` is out of range.

    Examples
    --------
    >>> random_ensembles(3, size=2, seed=0)
    array([[0, 1],
           [0, 2],
           [1, 2]])
    """
    if not 1 <= size <= n_members:
        raise InputError(f"size: {size} found; allowed: 1 to {n_members}")
    if n_draws < 1:
        raise InputError(f"n_draws: {n_draws} found; allowed: from 1")
    if comb(n_members, size) <= n_draws:
        return np.array(list(combinations(range(n_members), size)))
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(n_members, size, replace=False) for _ in range(n_draws)]
    return np.sort(np.array(drawn), axis=1)


def single_members(n_members):
    """Every member as an ensemble of one, shape (n_members, 1); its only T_A is 0."""
    return np.arange(n_members)[:, None]


def same_share(agreement_threshold, *, n_members, size):
    r"""T_A of a smaller ensemble that asks for the same share of its votes.

    :math:`T_A + 1` of M votes are needed; of m members it is at least the same share:
    :math:`T_A' = \lceil (T_A + 1)\, m / M \rceil - 1`.

    Examples
    --------
    >>> same_share(4, n_members=10, size=10), same_share(3, n_members=8, size=5)
    (4, 2)
    """
    return -(-(agreement_threshold + 1) * size // n_members) - 1


def ensemble_sizes(n_members, *, always=()):
    """Ensemble sizes worth comparing: powers of two, `always`, and all members; ascending.

    Examples
    --------
    >>> ensemble_sizes(10, always=[5])
    [1, 2, 4, 5, 8, 10]
    """
    powers = (2**power for power in range(n_members.bit_length()))
    return sorted({*powers, *always, n_members})


def summarise(values, *, interval=INTERVAL):
    """Mean, median and quantiles over ensembles, leaving out undefined values.

    Parameters
    ----------
    values : ndarray, shape (E, ...)
        Precision or recall; NaN where undefined.
    interval : (float, float)
        Quantiles, by default q05 and q95 as in the paper.

    Returns
    -------
    dict of ndarray, shape (...)
        ``mean``, ``median``, ``lower``, ``upper`` (NaN where no ensemble is defined) and
        ``n_undefined``, the number of ensembles left out.
    """
    values = np.asarray(values, dtype=float)
    undefined = np.isnan(values)
    defined = ~undefined.all(axis=0)
    result = {"n_undefined": undefined.sum(axis=0)}
    for name in ("mean", "median", "lower", "upper"):
        result[name] = np.full(values.shape[1:], np.nan)
    some = values[:, defined]
    if some.size:
        result["mean"][defined] = np.nanmean(some, axis=0)
        result["median"][defined] = np.nanmedian(some, axis=0)
        result["lower"][defined], result["upper"][defined] = np.nanquantile(some, interval, axis=0)
    return result


def curve_table(surface, *, agreement_threshold, system, class_name):
    """Precision and recall over T_C at one T_A, as a long table for curves and reports.

    Parameters
    ----------
    surface : ThresholdSurface
    agreement_threshold : int
        One of the surface's.
    system, class_name : str
        Written into the table's columns ``system`` and ``class``.

    Returns
    -------
    DataFrame
        One row per T_C and measure: ``system, class, measure, confidence_threshold, mean,
        median, lower, upper, n_undefined``.
    """
    column = grid_position(surface.agreement_thresholds, agreement_threshold, "agreement_threshold")
    tables = []
    for measure in MEASURES:
        summary = summarise(getattr(surface, measure)[:, :, column])
        table = pd.DataFrame({"confidence_threshold": surface.confidence_thresholds, **summary})
        tables.append(table.assign(system=system, measure=measure, **{"class": class_name}))
    return pd.concat(tables, ignore_index=True)
