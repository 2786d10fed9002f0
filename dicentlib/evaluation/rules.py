"""Rules that choose an operating point from a threshold surface of the validation set."""

from dataclasses import dataclass

import numpy as np

from dicentlib.counts.checked import number
from dicentlib.errors import InputError

RULES = ("recall_at_precision", "precision_of_single_members", "false_per_thousand")
PAPER_CONFIDENCE = 0.5
PAPER_AGREEMENT_SHARE = 0.4


@dataclass(frozen=True)
class Choice:
    """Thresholds of one class, what they give on the set they were chosen on, and why.

    ``fulfilled`` is False where no point of the surface meets the demand and the nearest was
    taken, which ``rule`` then says.
    """

    confidence_threshold: float
    agreement_threshold: int
    precision: float
    recall: float
    rule: str
    fulfilled: bool


def highest_recall_at_precision(surface, *, min_precision):
    """The point of highest mean recall among those whose mean precision reaches a minimum.

    Means are over the surface's ensembles. Ties go to the higher precision, then to the higher
    T_A, then to the T_C nearest one half. If no point reaches the minimum, the point of
    highest precision is taken and said to miss the demand; if nothing is ever predicted, the
    paper's point (T_C = 0.5, T_A = 0.4 M).

    Parameters
    ----------
    surface : ThresholdSurface
    min_precision : float, 0 to 1

    Returns
    -------
    Choice
    """
    number("min_precision", min_precision, least=0, most=1)
    precision = _mean(surface.precision)
    rule = f"highest recall at precision >= {min_precision:.3g}"
    reaches = precision >= min_precision  # NaN never does
    return _highest_recall(surface, reaches, rule, precision, "highest precision")


def nearest_precision(surface, *, target_precision, tolerance=0.02):
    """The point of highest mean recall whose mean precision equals a target, within a tolerance.

    The paper sets its ensemble to the precision of a single Model B (at T_C = 0.6) and compares
    recall. When no point lies within the tolerance, the nearest precision is taken.

    Parameters
    ----------
    surface : ThresholdSurface
    target_precision : float, 0 to 1
        For example the mean precision of single members.
    tolerance : float

    Returns
    -------
    Choice
    """
    number("target_precision", target_precision, least=0, most=1)
    rule = f"precision equal to {target_precision:.3f} within {tolerance:g}"
    gap = np.abs(_mean(surface.precision) - target_precision)
    return _highest_recall(surface, gap <= tolerance, rule, -gap, "nearest precision")


def highest_recall_at_false_rate(surface, false_rates, *, max_per_thousand):
    """The point of highest mean recall with at most k false detections per 1000 cells.

    Parameters
    ----------
    surface : ThresholdSurface
    false_rates : ndarray, shape (n_T_C, n_T_A)
        False detections per 1000 cells at 0 Gy on the same grid.
    max_per_thousand : float
        k.

    Returns
    -------
    Choice
    """
    false_rates, _ = _rates(surface, false_rates)
    rule = f"highest recall at <= {max_per_thousand:g} false detections per 1000 cells"
    allowed = false_rates <= max_per_thousand
    return _highest_recall(surface, allowed, rule, -false_rates, "lowest rate")


def lowest_false_rate_at_recall(surface, false_rates, *, min_recall):
    """The point of fewest false detections per 1000 cells among those of at least a mean recall.

    Parameters
    ----------
    surface : ThresholdSurface
    false_rates : ndarray, shape (n_T_C, n_T_A)
        False detections per 1000 cells at 0 Gy on the same grid.
    min_recall : float, 0 to 1

    Returns
    -------
    Choice
        Ties go as in :func:`highest_recall_at_precision`. Where no point has that recall, the
        one of highest recall is taken and said to miss the demand.
    """
    false_rates, recall = _rates(surface, false_rates)
    number("min_recall", min_recall, least=0, most=1)
    rule = f"fewest false detections per 1000 cells at recall >= {min_recall:g}"
    reaches = recall >= min_recall  # NaN never does
    if reaches.any():
        return _best(surface, np.where(reaches, -false_rates, -np.inf), rule, True)
    return _best(surface, recall, f"{rule}: not reached, highest recall taken", False)


def choose(
    surface, *, rule, min_precision=None, target_precision=None, false_rates=None, max_false=None
):
    """Apply the rule of that name; only its own demand has to be given.

    Parameters
    ----------
    surface : ThresholdSurface
    rule : str
        ``"recall_at_precision"`` (needs `min_precision`), ``"precision_of_single_members"``
        (`target_precision`) or ``"false_per_thousand"`` (`false_rates` and `max_false`).

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        An unknown rule, or a demand that is missing.
    """
    if rule not in RULES:
        raise InputError(f"rule: {rule!r} found; allowed: {', '.join(RULES)}")
    false = {"false_rates": false_rates, "max_per_thousand": max_false}
    function, demands = {
        "recall_at_precision": (highest_recall_at_precision, {"min_precision": min_precision}),
        "precision_of_single_members": (nearest_precision, {"target_precision": target_precision}),
        "false_per_thousand": (highest_recall_at_false_rate, false),
    }[rule]
    missing = [name for name, value in demands.items() if value is None]
    if missing:
        raise InputError(f"{missing[0]}: missing; the rule {rule!r} needs it")
    return function(surface, **demands)


def _rates(surface, false_rates):
    false_rates, recall = np.asarray(false_rates, dtype=float), _mean(surface.recall)
    if false_rates.shape != recall.shape:
        raise InputError(f"false_rates: shape {false_rates.shape} found; expected {recall.shape}")
    return false_rates, recall


def _mean(values):
    """Mean over ensembles of the defined values; NaN where none is defined."""
    return np.ma.masked_invalid(values).mean(axis=0).filled(np.nan)


def _highest_recall(surface, allowed, rule, goodness, instead):
    """The allowed point of highest recall; without any, that of the largest goodness, as said."""
    if allowed.any():
        return _best(surface, np.where(allowed, _mean(surface.recall), -1), rule, True)
    if np.isnan(goodness).all():
        n_members = surface.ensembles.shape[1]
        target = np.floor(PAPER_AGREEMENT_SHARE * n_members)
        row = int(np.argmin(np.abs(surface.confidence_thresholds - PAPER_CONFIDENCE)))
        column = int(np.argmin(np.abs(surface.agreement_thresholds - target)))
        return _choice(surface, row, column, "nothing predicted at any point: as published", False)
    best = np.where(goodness == np.nanmax(goodness), _mean(surface.recall), -1)
    return _best(surface, best, f"{rule}: not reached, {instead} taken", False)


def _best(surface, value, rule, fulfilled):
    """Highest value; ties: precision, then T_A, then the T_C nearest one half."""
    rows, columns = np.indices(value.shape).reshape(2, -1)
    order = np.lexsort(
        (
            -np.abs(surface.confidence_thresholds[rows] - PAPER_CONFIDENCE),
            surface.agreement_thresholds[columns],
            np.nan_to_num(_mean(surface.precision).ravel(), nan=-1),
            np.nan_to_num(value.ravel(), nan=-1),
        )
    )
    return _choice(surface, rows[order[-1]], columns[order[-1]], rule, fulfilled)


def _choice(surface, row, column, rule, fulfilled):
    return Choice(
        confidence_threshold=float(surface.confidence_thresholds[row]),
        agreement_threshold=int(surface.agreement_thresholds[column]),
        precision=float(_mean(surface.precision)[row, column]),
        recall=float(_mean(surface.recall)[row, column]),
        rule=rule,
        fulfilled=fulfilled,
    )
