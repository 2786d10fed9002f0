"""Which segmented object is which true chromosome: training tables and segmentation recall."""

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from studies.baseline.detector import OTHER, find_objects, probabilities

OVERLAP = 0.5  # least intersection over union of an object and its body


def match_labels(labels, truth):
    """Best intersection over union of every true body with a segmented object.

    Parameters
    ----------
    labels, truth : ndarray of int, shape (H, W)
        0 in the background.

    Returns
    -------
    DataFrame
        One row per true label: ``object`` (true label), ``segment`` (its best object, 0 for
        none), ``overlap`` (0 to 1).

    Examples
    --------
    >>> match_labels(np.array([[0, 1, 1, 0]]), np.array([[0, 7, 7, 7]]))
       object  segment   overlap
    0       7        1  0.666667
    """
    n = int(labels.max()) + 1
    bodies = np.unique(truth[truth > 0])
    pairs = np.bincount(
        truth.ravel().astype(np.int64) * n + labels.ravel(), minlength=(int(truth.max()) + 1) * n
    ).reshape(-1, n)
    union = pairs.sum(axis=1, keepdims=True) + pairs.sum(axis=0, keepdims=True) - pairs
    ratio = np.where(union > 0, pairs / np.maximum(union, 1), 0)[bodies]
    ratio[:, 0] = 0
    best = ratio.argmax(axis=1) if len(bodies) else np.empty(0, int)
    overlap = ratio[np.arange(len(bodies)), best]
    return pd.DataFrame(
        {"object": bodies, "segment": np.where(overlap > 0, best, 0), "overlap": overlap}
    )


def labelled_objects(metaphase, *, pixel_size_um, parameters=None):
    """Measure a simulated cell's objects, name their classes, and say which were found.

    Parameters
    ----------
    metaphase : simulation.Metaphase
    pixel_size_um : float
    parameters : BaselineParameters, optional

    Returns
    -------
    objects : DataFrame
        Features and ``class``: dicentric or fragment where the object covers such a body
        with an intersection over union of at least 0.5, else other.
    bodies : DataFrame
        The true bodies: ``class``, ``visible``, ``overlap``, ``segmented`` (bool).
    """
    objects, segmentation = find_objects(
        metaphase.image, pixel_size_um=pixel_size_um, parameters=parameters
    )
    shape = segmentation.labels.shape
    rows = np.arange(shape[0]) * metaphase.labels.shape[0] // shape[0]
    cols = np.arange(shape[1]) * metaphase.labels.shape[1] // shape[1]
    matches = match_labels(segmentation.labels, metaphase.labels[np.ix_(rows, cols)])
    bodies = metaphase.objects[["object", "class", "visible"]].merge(
        matches, on="object", how="left"
    )
    bodies["overlap"] = bodies["overlap"].fillna(0.0)
    bodies["segmented"] = bodies["overlap"] >= OVERLAP
    named = bodies[bodies["segmented"] & bodies["class"].isin(CLASSES)]
    classes = dict(zip(named["segment"], named["class"], strict=True))
    objects["class"] = [classes.get(label, OTHER) for label in objects["object"]]
    return objects, bodies


def segmentation_recall(bodies):
    """Share of visible bodies that were cut out as one object, by class and over all.

    Returns
    -------
    DataFrame
        Index: class names and ``"all"``; columns ``segmented, n, recall``.
    """
    visible = bodies[bodies["visible"]]
    counts = visible.groupby("class")["segmented"].agg(["sum", "size"])
    counts.loc["all"] = counts.sum()
    counts.columns = ["segmented", "n"]
    return counts.assign(recall=counts["segmented"] / counts["n"])


def best_thresholds(objects, bodies, baseline):
    """Probability thresholds with the largest F1 on measured cells, one for each class.

    Parameters
    ----------
    objects, bodies : DataFrame
        As of :func:`labelled_objects`, of many cells; visible bodies are what is to be found.
    baseline : Baseline

    Returns
    -------
    dict
        ``dicentric_threshold`` and ``fragment_threshold``, from 0.05 to 0.95.
    """
    p = probabilities(objects, baseline)
    chosen = {}
    for name in CLASSES:
        n_true = int((bodies["visible"] & (bodies["class"] == name)).sum())
        right = (objects["class"] == name).to_numpy()
        grid = np.arange(0.05, 0.96, 0.025)
        fired = p[f"p_{name}"].to_numpy()[None] >= grid[:, None]
        f1 = 2 * (fired & right).sum(axis=1) / np.maximum(fired.sum(axis=1) + n_true, 1)
        chosen[f"{name}_threshold"] = round(float(grid[f1.argmax()]), 3)
    return chosen
