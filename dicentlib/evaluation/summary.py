"""Measured once: what an operating point reaches on a set that it was not chosen on."""

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.evaluation.bootstrap import bootstrap_intervals, false_per_thousand
from dicentlib.evaluation.counts import sum_counts
from dicentlib.evaluation.ensembles import same_share
from dicentlib.evaluation.image_set import counts_at
from dicentlib.evaluation.vote_reliability import (
    VoteCalibration,
    average_precision,
    calibration_error,
    fit_vote_calibration,
    reliability,
)


def measure(images, point, *, ensembles, n_draws, seed):
    """Counts by the overlap rule and intervals of precision and recall.

    Parameters
    ----------
    images : EvaluationSet
    point : OperatingPoint
    ensembles : ndarray of int, shape (E, K)
        Random ensembles; they ask for the same share of the votes as `point`.
    n_draws : int
        Bootstrap resamples of the images.
    seed : int

    Returns
    -------
    counts : dict
        Class to Counts of all members, summed over the images.
    intervals : dict
        Class to the table of :func:`bootstrap_intervals`.
    """
    counts, intervals = {}, {}
    everyone, size = [range(point.n_members)], np.shape(ensembles)[1]
    for name in CLASSES:
        t_c, t_a = point.confidence_threshold[name], point.agreement_threshold[name]
        share = same_share(t_a, n_members=point.n_members, size=size)
        at = partial(counts_at, images, name, confidence_threshold=t_c)
        whole = at(agreement_threshold=t_a, ensembles=everyone)
        drawn = at(agreement_threshold=share, ensembles=ensembles)
        counts[name] = sum_counts(whole[:, :, 0])
        intervals[name] = bootstrap_intervals(drawn, n_draws=n_draws, seed=seed)
    return counts, intervals


def false_on_unexposed(images, detections):
    """False detections per 1000 cells that are known to be unexposed, by class.

    Parameters
    ----------
    images : EvaluationSet
    detections : DataFrame
        ``image, class, true``, from :func:`mark_detections`.

    Returns
    -------
    dict
        Class to the result of :func:`false_per_thousand`.
    """
    unexposed = np.array(images.names)[images.unexposed()]
    false = detections[detections["image"].isin(unexposed) & ~detections["true"]]
    return {
        name: false_per_thousand((false["class"] == name).sum(), len(unexposed)) for name in CLASSES
    }


@dataclass(frozen=True)
class VoteQuality:
    """What the votes for one class are worth.

    Attributes
    ----------
    observed : DataFrame
        Of :func:`reliability`, on the test set.
    calibration : VoteCalibration or None
        Fitted on the validation set; None where either set has no detection.
    calibration_error_votes, calibration_error_calibrated, average_precision : float
        On the test set; NaN without a detection.
    """

    observed: pd.DataFrame
    calibration: VoteCalibration | None
    calibration_error_votes: float
    calibration_error_calibrated: float
    average_precision: float

    def figures(self):
        """The three numbers, as a dict."""
        names = ("calibration_error_votes", "calibration_error_calibrated", "average_precision")
        return {name: getattr(self, name) for name in names}


def vote_quality(validation, test, *, annotations):
    """Reliability of the votes of each class, and how well they rank the detections.

    Parameters
    ----------
    validation, test : DataFrame
        Detections with ``class, votes, vote_fraction, peak_mean, true``: of every object that
        at least one member votes for, see :func:`mark_detections`.
    annotations : DataFrame
        Annotated objects of the test set, ``class``.

    Returns
    -------
    dict
        Class to VoteQuality.
    """
    return {
        name: _quality(
            *(table[table["class"] == name] for table in (validation, test)),
            int((annotations["class"] == name).sum()),
        )
        for name in CLASSES
    }


def _quality(validation, test, n_truth):
    fraction, true = test["vote_fraction"], test["true"]
    observed = reliability(fraction, true)
    if validation.empty or test.empty:
        return VoteQuality(observed, None, np.nan, np.nan, np.nan)
    calibration = fit_vote_calibration(validation["vote_fraction"], validation["true"])
    return VoteQuality(
        observed,
        calibration,
        calibration_error(fraction, true),
        calibration_error(calibration.probability(fraction), true),
        # votes first; the mean peak, below 1, decides between equal votes
        average_precision(test["votes"] + test["peak_mean"], true, n_truth=n_truth),
    )


def evaluation_summary(point, *, counts, intervals, both_rules, false_rates, quality):
    """Everything measured, by class, as plain data for ``evaluation.json``.

    Parameters
    ----------
    point : OperatingPoint
    counts, intervals : dict
        Of :func:`measure`.
    both_rules : DataFrame
        Of :func:`compare_rules`.
    false_rates : dict
        Of :func:`false_on_unexposed`.
    quality : dict
        Of :func:`vote_quality`.
    """
    return {
        name: {
            "confidence_threshold": point.confidence_threshold[name],
            "agreement_threshold": point.agreement_threshold[name],
            "n_members": point.n_members,
            "overlap": counts[name]._asdict(),
            "precision": counts[name].precision,
            "recall": counts[name].recall,
            "intervals": intervals[name].to_dict("records"),
            "matching": both_rules[both_rules["class"] == name].to_dict("records"),
            "false_per_thousand_unexposed": false_rates[name],
            "calibration": quality[name].calibration and asdict(quality[name].calibration),
            **quality[name].figures(),
        }
        for name in CLASSES
    }
