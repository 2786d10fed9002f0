"""Which segmented object is which true chromosome: training tables and segmentation recall."""

import numpy as np
import pandas as pd

from dicentlib.baseline.detector import OTHER, find_objects
from dicentlib.data import CLASSES

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
