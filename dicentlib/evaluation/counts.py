"""Counts by component overlap, the paper's rule, and the ratios made of them."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from dicentlib.errors import InputError
from dicentlib.voting import EIGHT_CONNECTED

MEASURES = ("precision", "recall")


class Counts(NamedTuple):
    """True positives, false positives and false negatives, as integers."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self):
        """tp / (tp + fp); NaN when nothing was predicted."""
        return float(precision(self.tp, self.fp))

    @property
    def recall(self):
        """tp / (tp + fn); NaN when there was nothing to find."""
        return float(recall(self.tp, self.fn))


def precision(tp, fp):
    """Share of predictions that are true, tp / (tp + fp); NaN where nothing was predicted.

    Examples
    --------
    >>> precision([2, 0], [1, 0])
    array([0.66666667,        nan])
    """
    return _share(tp, fp)


def recall(tp, fn):
    """Share of true objects that are found, tp / (tp + fn); NaN where there were none."""
    return _share(tp, fn)


def rate(measure, counts):
    """Precision or recall, by name, of counts (3, ...): tp, fp, fn."""
    tp, fp, fn = counts
    return precision(tp, fp) if measure == "precision" else recall(tp, fn)


def _share(part, rest):
    part, total = np.asarray(part, dtype=float), np.add(part, rest)
    return np.divide(part, total, out=np.full(part.shape, np.nan), where=total > 0)


def count_matches(predicted, truth):
    r"""Compare two masks by their connected components.

    .. math::
        TP = N_{cc}(\Lambda_{GT} \wedge \Lambda_\theta), \quad
        FP = \max(0, N_{cc}(\Lambda_\theta) - TP), \quad
        FN = \max(0, N_{cc}(\Lambda_{GT}) - TP)

    with 8-connected components (Deschemps et al. 2024, Fig. 2): any overlap counts.

    Known properties of the rule, kept because it is the published one: a prediction that
    bridges two true objects gives (2, 0, 0), two predictions on one object too, and two on one
    object besides a missed one as well, so that recall reads 1 with a miss. Set
    :func:`dicentlib.evaluation.matching.count_one_to_one` beside it.

    Parameters
    ----------
    predicted, truth : ndarray of bool, shape (H, W)

    Returns
    -------
    Counts
        ``tp``, ``fp``, ``fn``; sum them over images before taking ratios.

    Raises
    ------
    InputError
        The shapes differ, or are not two-dimensional.

    Examples
    --------
    >>> truth = np.array([[1, 0, 0, 1]], dtype=bool)
    >>> count_matches(np.array([[1, 0, 0, 0]], dtype=bool), truth)
    Counts(tp=1, fp=0, fn=1)
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.ndim != 2 or predicted.shape != truth.shape:
        raise InputError(
            f"masks: shapes {predicted.shape} (predicted) and {truth.shape} (truth) found; "
            "expected the same (H, W)"
        )
    predicted, truth = predicted.astype(bool), truth.astype(bool)
    tp = count_components(predicted & truth)
    return Counts(
        tp=tp, fp=max(0, count_components(predicted) - tp), fn=max(0, count_components(truth) - tp)
    )


def count_components(mask):
    """Number of 8-connected components of a boolean mask of shape (H, W)."""
    return int(ndimage.label(mask, structure=EIGHT_CONNECTED)[1])


def sum_counts(counts):
    """Sum of an iterable of counts: micro-averaging takes ratios only after this."""
    totals = np.sum(np.array(list(counts), dtype=np.int64).reshape(-1, 3), axis=0)
    return Counts(*(int(total) for total in totals))
