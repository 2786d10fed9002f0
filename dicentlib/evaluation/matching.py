"""One-to-one matching of detections to annotations, an alternative to the paper's overlap rule."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from dicentlib.conventions import CLASSES
from dicentlib.counts.checked import number
from dicentlib.errors import InputError
from dicentlib.evaluation.counts import Counts

CUTOFF_PX = 16.0
"""Default matching distance in image pixels: twice the sigma of the target's Gaussian."""


def match_points(predicted, truth, *, cutoff_px=CUTOFF_PX):
    """Pair predicted with true points, each at most once, no farther apart than the cutoff.

    The largest possible number of pairs is made; among the ways to do so, the one with the
    smallest total distance (Hungarian algorithm, ``scipy.optimize.linear_sum_assignment``).
    Unlike the overlap rule (:func:`dicentlib.evaluation.count_matches`), two detections of one
    object are one true and one false, and a detection between two objects finds one of them.

    Parameters
    ----------
    predicted : ndarray, shape (n, 2)
        ``(row, col)`` in image pixels.
    truth : ndarray, shape (k, 2)
    cutoff_px : float
        A pair exactly this far apart still matches.

    Returns
    -------
    predicted_index, truth_index : ndarray of int
        The pairs.

    Examples
    --------
    >>> match_points([[10, 10], [12, 10]], [[11, 10]], cutoff_px=5)
    (array([0]), array([0]))
    """
    number("cutoff_px", cutoff_px, least=0, open_ends=True, unit=" px")
    predicted = np.asarray(predicted, dtype=float).reshape(-1, 2)
    truth = np.asarray(truth, dtype=float).reshape(-1, 2)
    distance = cdist(predicted, truth)
    allowed = distance <= cutoff_px
    # A pair beyond the cutoff costs more than all allowed pairs together.
    forbidden = cutoff_px * (min(distance.shape) + 1)
    rows, cols = linear_sum_assignment(np.where(allowed, distance, forbidden))
    kept = allowed[rows, cols]
    return rows[kept], cols[kept]


def mark_detections(detections, annotations, *, cutoff_px=CUTOFF_PX):
    """Which detections are true and which annotations are found, image by image.

    Parameters
    ----------
    detections : DataFrame
        Columns ``image, class, row, col`` (others are kept).
    annotations : DataFrame
        Columns ``image, class, row, col``.
    cutoff_px : float

    Returns
    -------
    detections : DataFrame
        With the boolean column ``true``.
    annotations : DataFrame
        With the boolean column ``found``.
    """
    for name, table in (("detections", detections), ("annotations", annotations)):
        missing = {"image", "class", "row", "col"} - set(table.columns)
        if missing:
            raise InputError(f"{name}: columns {sorted(missing)} missing; found {[*table.columns]}")
    detections = detections.reset_index(drop=True)
    annotations = annotations.reset_index(drop=True)
    true = np.zeros(len(detections), dtype=bool)
    found = np.zeros(len(annotations), dtype=bool)
    of_truth = annotations.groupby(["image", "class"]).indices
    for key, rows in detections.groupby(["image", "class"]).indices.items():
        truth_rows = of_truth.get(key, np.array([], dtype=int))
        predicted_index, truth_index = match_points(
            detections[["row", "col"]].to_numpy()[rows],
            annotations[["row", "col"]].to_numpy()[truth_rows],
            cutoff_px=cutoff_px,
        )
        true[rows[predicted_index]] = True
        found[truth_rows[truth_index]] = True
    return detections.assign(true=true), annotations.assign(found=found)


def compare_rules(overlap, marked_detections, marked_annotations):
    """Overlap rule and one-to-one matching side by side, with their difference.

    Parameters
    ----------
    overlap : dict of class to Counts
        Sums of :func:`dicentlib.evaluation.count_matches` over the images.
    marked_detections, marked_annotations : DataFrame
        Output of :func:`mark_detections` on the same images.

    Returns
    -------
    DataFrame
        Per class three rows (``rule``: overlap, one-to-one, difference) with ``tp, fp, fn,
        precision, recall``.
    """
    rows = []
    for name in CLASSES:
        true = marked_detections.loc[marked_detections["class"] == name, "true"]
        found = marked_annotations.loc[marked_annotations["class"] == name, "found"]
        one = Counts(tp=int(true.sum()), fp=int((~true).sum()), fn=int((~found).sum()))
        both = {
            rule: {**counts._asdict(), "precision": counts.precision, "recall": counts.recall}
            for rule, counts in (("overlap", overlap[name]), ("one-to-one", one))
        }
        both["difference"] = {
            key: both["overlap"][key] - both["one-to-one"][key] for key in both["overlap"]
        }
        rows += [{"class": name, "rule": rule, **values} for rule, values in both.items()]
    return pd.DataFrame(rows)
