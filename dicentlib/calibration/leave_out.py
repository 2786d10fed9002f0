"""How well a calibration foretells a dose it has not seen, and the quantile chosen by that.

The paper shows the curves that lie closest to the manual one, which is choosing on the outcome.
Here the quantile is chosen by the error of doses that were left out of the fit, which needs no
truth but the doses themselves; and since the smallest of several errors is flattering, the
choice is repeated without each dose in turn to give the error that a new dose would meet.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.calibration.fit import curve_or_reason
from dicentlib.errors import InputError


def leave_one_dose_out(counts, *, model="linear-quadratic"):
    """Estimate each dose of a calibration series with the curve of the other doses.

    Parameters
    ----------
    counts : DataFrame
        Columns ``dose_gy``, ``n_cells``, ``n_dicentrics``.
    model : {"linear-quadratic", "linear"}

    Returns
    -------
    DataFrame
        ``dose_gy``, ``estimate_gy``, ``error_gy`` (estimate minus dose) and ``reason``; where the
        other doses give no curve, the estimate is NaN and the reason says why.

    Examples
    --------
    >>> counts = pd.DataFrame({"dose_gy": [0, 1, 2, 3, 4], "n_cells": 10000,
    ...                        "n_dicentrics": [10, 810, 2810, 6010, 10410]})
    >>> leave_one_dose_out(counts)["estimate_gy"].round(2).to_list()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    yields = (counts["n_dicentrics"] / counts["n_cells"]).to_numpy()
    rows = []
    for i, dose in enumerate(counts["dose_gy"]):
        curve, reason = curve_or_reason(counts.drop(counts.index[i]), model=model)
        estimate = float(curve.dose_at(yields[i])) if curve else np.nan
        rows.append((dose, estimate, estimate - dose, reason))
    return pd.DataFrame(rows, columns=["dose_gy", "estimate_gy", "error_gy", "reason"])


def root_mean_square(errors):
    """Root mean square of errors; infinite where one of them is undefined (NaN).

    Examples
    --------
    >>> root_mean_square([3.0, -4.0]) == 12.5**0.5
    True
    """
    errors = np.asarray(errors, dtype=float)
    return float("inf") if np.isnan(errors).any() else float(np.sqrt(np.mean(errors**2)))


@dataclass(frozen=True)
class QuantileChoice:
    """The quantile that foretells left-out doses best.

    Attributes
    ----------
    quantile : float
    errors : DataFrame
        ``quantile``; ``error_gy``, root mean square error of the doses left out; and
        ``not_estimable``, how many of them the other doses gave no curve for.
    error_gy : float
        Error of the quantile chosen: flattering, because it was chosen for being small.
    nested_error_gy : float
        Root mean square error of each dose when it takes no part in the choice either.
    """

    quantile: float
    errors: pd.DataFrame
    error_gy: float
    nested_error_gy: float


def choose_quantile(counts_by_quantile, *, model="linear-quadratic"):
    """Choose the quantile with the smallest leave-one-dose-out error.

    A quantile whose counts leave some doses without a curve comes after all that do not.

    Parameters
    ----------
    counts_by_quantile : dict
        Quantile to table of counts (as for :func:`leave_one_dose_out`), the same doses in each.

    Returns
    -------
    QuantileChoice

    Raises
    ------
    InputError
        There is nothing to choose from, or no quantile gives a curve at all.
    """
    if not counts_by_quantile:
        raise InputError("no quantile to choose from")
    quantiles = list(counts_by_quantile)
    estimates = np.stack([_pairs_left_out(c, model) for c in counts_by_quantile.values()])
    dose = next(iter(counts_by_quantile.values()))["dose_gy"].to_numpy(dtype=float)
    errors = estimates - dose[:, None]  # (quantile, estimated dose, dose left out as well)
    own = np.diagonal(errors, axis1=1, axis2=2)
    ranks = [_rank(of_quantile) for of_quantile in own]
    best = ranks.index(min(ranks))
    if ranks[best][0] == len(dose):
        raise InputError("no quantile gives a curve when a dose is left out: too few dicentrics")
    nested = []
    for i in range(len(dose)):
        others = np.arange(len(dose)) != i
        without = [_rank(of_quantile[others, i]) for of_quantile in errors]
        nested.append(own[without.index(min(without)), i])
    table = pd.DataFrame(ranks, columns=["not_estimable", "error_gy"])
    table.insert(0, "quantile", quantiles)
    return QuantileChoice(quantiles[best], table, ranks[best][1], _rank(np.array(nested))[1])


def _rank(errors):
    """(number of undefined errors, root mean square of the others): smaller is better."""
    defined = errors[~np.isnan(errors)]
    return len(errors) - len(defined), root_mean_square(defined) if len(defined) else float("inf")


def _pairs_left_out(counts, model):
    """Estimates (i, j) of dose i by the curve without doses i and j; (i, i) leaves out i alone."""
    yields = (counts["n_dicentrics"] / counts["n_cells"]).to_numpy()
    estimates = np.full((len(counts), len(counts)), np.nan)
    for i in range(len(counts)):
        for j in range(i + 1):
            curve, _ = curve_or_reason(counts.drop(counts.index[[i, j]]), model=model)
            if curve is not None:
                estimates[i, j], estimates[j, i] = curve.dose_at(yields[[i, j]])
    return estimates
