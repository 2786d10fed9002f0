"""How good is a filter, and what does it do to the dose?"""

from dataclasses import replace

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.dose import dispersion, estimate_dose
from dicentlib.errors import InputError
from dicentlib.filtering.classify import verdicts

OVERRULING = (0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.5)
CLASSES_OF_PROBABILITY = (0, 0.02, 0.1, 0.3, 0.7, 0.9, 0.98, 1)  # their edges


def choose_threshold(p_available, available, *, max_lost, highest=0.5):
    """Threshold of the network that loses few available images of a validation set.

    The largest threshold, at most `highest`, below which lies at most the share `max_lost`
    of the truly available images. A network that has learned little gets a low
    threshold by this rule, which leaves the verdict to the rules of image analysis.

    Examples
    --------
    >>> choose_threshold([0.2, 0.8, 0.9, 0.3], [True, True, True, False], max_lost=0.0)
    0.2
    """
    if not 0 <= max_lost < 1:
        raise InputError(f"max_lost is {max_lost}; it must be from 0 to below 1")
    p_available = np.asarray(p_available, float)[np.asarray(available, bool)]
    if not len(p_available):
        raise InputError("no available image to choose a threshold from")
    return min(float(np.quantile(p_available, max_lost, method="lower")), float(highest))


def choose_overruling(table, available, *, threshold, rules):
    """Rules with the ``overruled_from`` that judges a validation set best.

    None and the values of ``OVERRULING`` are tried; where several are as accurate, the one that
    trusts the network least is taken.

    Parameters
    ----------
    table : DataFrame
        ``p_available`` and the measures, as of ``classify_folder`` or a ``FilterSet`` with
        ``p_available`` added; ``objection``.
    available : array of bool
        The truth.
    threshold : float
    rules : FilterRules

    Returns
    -------
    FilterRules
    """
    tried = [replace(rules, overruled_from=value) for value in (None, *OVERRULING)]
    correct = [
        (verdicts(table, threshold=threshold, rules=one)["available"] == available).sum()
        for one in tried
    ]
    return tried[int(np.argmax(correct))]


def proportion(successes, n):
    """Share and its 95 % Wilson interval, with both counts; those of nothing are NaN.

    Examples
    --------
    >>> found = proportion(2030, 2040)
    >>> [round(found[name], 4) for name in ("value", "lower", "upper")]
    [0.9951, 0.991, 0.9973]
    """
    if not 0 <= successes <= n:
        raise InputError(f"{successes} successes of {n}; allowed: from 0 to {n}")
    value = lower = upper = float("nan")
    if n:
        value = successes / n
        lower, upper = proportion_confint(successes, n, method="wilson")
        # Rounding would put the limit of none or of all on the wrong side of the share.
        lower, upper = min(float(lower), value), max(float(upper), value)
    return {"value": value, "lower": lower, "upper": upper, "successes": successes, "n": n}


def assess(judged, truth):
    """Accuracy, and precision and recall of rejection.

    Parameters
    ----------
    judged, truth : array of bool, shape (N,)
        Available according to the filter and in truth.

    Returns
    -------
    DataFrame
        Rows ``accuracy``, ``precision of reject`` (share of the rejected that had to be),
        ``recall of reject``, ``kept of available``; columns ``value, lower, upper,
        successes, n`` with 95 % Wilson intervals.
    """
    judged, truth = np.asarray(judged, dtype=bool), np.asarray(truth, dtype=bool)
    if judged.shape != truth.shape:
        raise InputError(f"{judged.size} verdicts for {truth.size} images")
    both = int((~judged & ~truth).sum())
    shares = {
        "accuracy": proportion(int((judged == truth).sum()), truth.size),
        "precision of reject": proportion(both, int((~judged).sum())),
        "recall of reject": proportion(both, int((~truth).sum())),
        "kept of available": proportion(int((judged & truth).sum()), int(truth.sum())),
    }
    return pd.DataFrame(list(shares.values()), index=list(shares))


def assess_parts(table, truth, *, threshold, rules):
    """:func:`assess` of the whole filter, of its network alone and of its rules alone.

    Parameters
    ----------
    table : DataFrame
        As of ``classify_folder``.
    truth : array of bool
        Whether each image is available.
    threshold : float
        Of the network.
    rules : FilterRules
        By themselves they are not overruled.

    Returns
    -------
    DataFrame
        Index ("network and rules", "network alone" or "rules alone", quantity).
    """
    sure = table.assign(objection="", p_available=1.0)
    strict = replace(rules, overruled_from=None)
    judged = {
        "network and rules": table["available"],
        "network alone": table["p_available"] >= threshold,
        "rules alone": verdicts(sure, threshold=threshold, rules=strict)["available"],
    }
    return pd.concat({name: assess(one, truth) for name, one in judged.items()})


def confusion_by_reason(table, true_reason):
    """Images by true reason (rows; "available" for none) and first reason given (columns)."""
    given = table["reason"].str.split(":").str[0].replace("", "available").to_numpy()
    true = pd.Series(np.asarray(true_reason)).replace("", "available").to_numpy()
    return pd.crosstab(pd.Series(true, name="truth"), pd.Series(given, name="verdict"))


def reliability_by_probability(p_available, truth):
    """Share of truly available images in classes of the network's probability.

    Returns
    -------
    DataFrame
        ``predicted`` (mean probability), ``observed, lower, upper`` (share, 95 % Wilson), ``n``;
        classes without an image are left out. The last class includes 1.
    """
    p_available, truth = np.asarray(p_available, float), np.asarray(truth, bool)
    place = np.digitize(p_available, CLASSES_OF_PROBABILITY[1:-1])
    rows = []
    for index in np.unique(place):
        inside = place == index
        share = proportion(int(truth[inside].sum()), int(inside.sum()))
        rows.append({"predicted": p_available[inside].mean(), "observed": share["value"]} | share)
    return pd.DataFrame(rows)[["predicted", "observed", "lower", "upper", "n"]]


def filter_effect(n_dicentrics, available, *, curve=None):
    """Yield, dispersion and dose of all cells, of the kept and of the rejected.

    Parameters
    ----------
    n_dicentrics : array of int, shape (N,)
        Dicentrics per cell, in truth or as found.
    available : array of bool, shape (N,)
    curve : CalibrationCurve, optional
        Adds ``dose_gy``, ``dose_lower_gy, dose_upper_gy`` (Merkle 83-83).

    Returns
    -------
    DataFrame
        Rows "all", "kept", "rejected"; ``n_cells, n_dicentrics, yield``, exact 95 % Poisson
        limits ``lower, upper`` of the yield, ``dispersion_index`` and ``u`` (NaN below two
        cells or without a dicentric). Of no cells everything but the counts is NaN.
    """
    counts, available = np.asarray(n_dicentrics, dtype=int), np.asarray(available, dtype=bool)
    parts = {"all": counts, "kept": counts[available], "rejected": counts[~available]}
    rows = {name: _sample_row(cells, curve) for name, cells in parts.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").astype(float)
    return table.astype({"n_cells": int, "n_dicentrics": int})


def _sample_row(cells, curve):
    total, n_cells = int(cells.sum()), len(cells)
    if n_cells == 0:
        return {"n_cells": 0, "n_dicentrics": 0}
    lower, upper = poisson_limits(total)
    row = {"n_cells": n_cells, "n_dicentrics": total, "yield": total / n_cells}
    row |= {"lower": lower / n_cells, "upper": upper / n_cells}
    spread = dispersion(np.bincount(cells))
    row |= {"dispersion_index": spread.index, "u": spread.u}
    if curve is not None:
        dose = estimate_dose(np.bincount(cells), curve)
        row |= {"dose_gy": dose.dose_gy, "dose_lower_gy": dose.lower_gy}
        row["dose_upper_gy"] = dose.upper_gy
    return row
