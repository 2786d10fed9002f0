"""Do the votes mean what they say? Reliability of detections, never of pixels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import entr
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score
from statsmodels.stats.proportion import proportion_confint

from dicentlib.errors import InputError


def vote_entropy(vote_fraction):
    r"""Binary entropy of a vote fraction in nats: 0 when all agree, ln 2 at half.

    .. math:: H(p) = -p \ln p - (1 - p) \ln(1 - p)

    Examples
    --------
    >>> vote_entropy([0.0, 0.5, 1.0]).round(4)
    array([0.    , 0.6931, 0.    ])

    Raises
    ------
    InputError
        A fraction below 0 or above 1.
    """
    fraction = np.asarray(vote_fraction, dtype=float)
    if np.any((fraction < 0) | (fraction > 1)):
        raise InputError(f"vote fraction {fraction.min():g} to {fraction.max():g}; allowed: 0 to 1")
    return np.abs(entr(fraction) + entr(1 - fraction))


def reliability(vote_fraction, true):
    """Observed precision of the detections at each vote fraction.

    Parameters
    ----------
    vote_fraction : ndarray, shape (n,), in (0, 1]
        Of each detection.
    true : ndarray of bool, shape (n,)
        Whether it matched an annotation.

    Returns
    -------
    DataFrame
        One row per vote fraction that occurs: ``vote_fraction, n, n_true, precision, lower,
        upper``, the last two being the 90 % Clopper-Pearson interval.
    """
    by_votes = pd.Series(np.asarray(true, bool)).groupby(np.asarray(vote_fraction, float))
    grouped = by_votes.agg(n="size", n_true="sum").rename_axis("vote_fraction").reset_index()
    n, k = grouped["n"], grouped["n_true"]
    lower, upper = proportion_confint(k, n, alpha=0.1, method="beta")
    return grouped.assign(precision=k / n, lower=lower, upper=upper)


def calibration_error(probability, true):
    r"""Expected calibration error over detections.

    .. math:: ECE = \sum_b \frac{n_b}{n} | \bar t_b - \bar p_b |

    with one bin for each probability that occurs: a vote fraction takes few values, so that no
    bin width has to be chosen. NaN without detections.

    Examples
    --------
    >>> calibration_error([0.5, 0.5, 1.0, 1.0], [True, False, True, False])
    0.25
    """
    true = pd.Series(np.asarray(true, float))
    if true.empty:
        return float("nan")
    gap = true.groupby(np.asarray(probability, float)).agg(["size", "mean"])
    return float((gap["size"] * (gap["mean"] - gap.index).abs()).sum() / len(true))


@dataclass(frozen=True)
class VoteCalibration:
    """A rising step-free map from vote fraction to the probability that a detection is true.

    Attributes
    ----------
    vote_fractions, probabilities : tuple of float
        Knots; linear between them, constant beyond.
    n_detections : int
        Detections that it was fitted to.
    """

    vote_fractions: tuple
    probabilities: tuple
    n_detections: int

    def probability(self, vote_fraction):
        """Probability that detections with these vote fractions are true."""
        return np.interp(vote_fraction, self.vote_fractions, self.probabilities)


def fit_vote_calibration(vote_fraction, true):
    """Monotone (isotonic) regression of truth on vote fraction; fit on the validation set.

    Parameters
    ----------
    vote_fraction : ndarray, shape (n,)
    true : ndarray of bool, shape (n,)

    Returns
    -------
    VoteCalibration

    Raises
    ------
    InputError
        No detections to learn from.
    """
    vote_fraction = np.asarray(vote_fraction, dtype=float)
    if vote_fraction.size == 0:
        raise InputError("vote_fraction: no detections found; at least one is needed")
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
        vote_fraction, np.asarray(true, dtype=float)
    )
    return VoteCalibration(
        vote_fractions=tuple(fitted.X_thresholds_.tolist()),
        probabilities=tuple(fitted.y_thresholds_.tolist()),
        n_detections=int(vote_fraction.size),
    )


def average_precision(scores, true, *, n_truth):
    r"""Area under the precision-recall curve of ranked detections.

    .. math:: AP = \sum_k (R_k - R_{k-1}) P_k

    over the distinct scores from the highest down, without interpolation; detections with equal
    scores enter together. Objects that no detection matches lower the recall that is reached.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Higher is more certain.
    true : ndarray of bool, shape (n,)
        From one-to-one matching.
    n_truth : int
        Annotated objects, found or not.

    Returns
    -------
    float
        0 to 1; NaN when there is nothing to find.

    Examples
    --------
    >>> average_precision([0.9, 0.8, 0.7], [True, False, True], n_truth=2)
    0.8333333333333333
    """
    scores, true = np.asarray(scores, dtype=float), np.asarray(true, dtype=bool)
    if true.sum() > n_truth:
        raise InputError(f"n_truth: {n_truth} found; {true.sum()} detections are true")
    if n_truth == 0:
        return float("nan")
    if not true.any():
        return 0.0
    return float(average_precision_score(true, scores) * true.sum() / n_truth)
