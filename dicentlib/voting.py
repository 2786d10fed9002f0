r"""From member heatmaps to votes, decisions and a table of detections.

Deschemps et al. (2024), equations 6 and 7: every member of an ensemble votes for the pixels
where its heatmap exceeds :math:`T_C`; a pixel fires where more than :math:`T_A` members vote.
Both comparisons are strict.
"""

import numpy as np
import pandas as pd
from scipy import ndimage

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.errors import InputError
from dicentlib.operating_point import (
    OperatingPoint,
    check_agreement_threshold,
    check_confidence_threshold,
)

__all__ = [
    "DETECTION_COLUMNS",
    "OperatingPoint",
    "check_heatmaps",
    "decide",
    "detect",
    "undecided",
    "vote",
]

EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)
DETECTION_COLUMNS = (
    "class",
    "row",
    "col",
    "votes",
    "vote_fraction",
    "peak_mean",
    "peak_sd",
    "area_px",
)


def check_heatmaps(heatmaps, *, name="heatmaps"):
    """Return `heatmaps` as an array, refusing NaN and values outside 0 to 1.

    Raises
    ------
    InputError
        The array is empty, holds NaN, or leaves the range 0 to 1 (logits, for example).
    """
    heatmaps = np.asarray(heatmaps)
    if heatmaps.size == 0:
        raise InputError(f"{name}: empty array of shape {heatmaps.shape}; at least one member")
    lowest, highest = heatmaps.min(), heatmaps.max()
    if np.isnan(lowest):
        raise InputError(f"{name}: {np.isnan(heatmaps).sum()} NaN found; allowed: values 0 to 1")
    if lowest < 0 or highest > 1:
        raise InputError(f"{name}: values {lowest:g} to {highest:g} found; allowed: 0 to 1")
    return heatmaps


def vote(heatmaps, *, confidence_threshold):
    r"""Number of members that are confident at each pixel.

    .. math:: S_{uv} = \sum_{j=1}^{M} [\, \varphi_j(u, v) > T_C \,]

    Deschemps et al. (2024), equation 6.

    Parameters
    ----------
    heatmaps : ndarray, shape (M, ...), values in [0, 1]
        One heatmap per member; usually (M, H, W) or (M, 2, H, W).
    confidence_threshold : float or sequence of M floats, in [0, 1]
        :math:`T_C`, the same for all members or one per member. A pixel *equal* to the
        threshold gets no vote; the comparison is made in the heatmaps' own precision.

    Returns
    -------
    votes : ndarray of int, shape (...), values 0 to M

    Raises
    ------
    InputError
        A threshold or a heatmap value is NaN or outside 0 to 1, or the number of thresholds
        is neither one nor M.

    Examples
    --------
    >>> vote(np.array([[[0.9]], [[0.5]]]), confidence_threshold=0.5)
    array([[1]])
    """
    heatmaps = check_heatmaps(heatmaps)
    if heatmaps.ndim < 2:
        raise InputError(f"heatmaps: shape {heatmaps.shape} found; expected (M, ...)")
    threshold = check_confidence_threshold(confidence_threshold, n_members=len(heatmaps))
    threshold = np.asarray(threshold, dtype=np.result_type(heatmaps, np.float32))
    threshold = threshold.reshape(-1, *([1] * (heatmaps.ndim - 1)))
    return (heatmaps > threshold).sum(axis=0, dtype=np.int64)


def decide(votes, *, agreement_threshold, n_members=None):
    r"""Pixels on which more than :math:`T_A` members agree.

    .. math:: D_{uv} = [\, S_{uv} > T_A \,]

    Deschemps et al. (2024), equation 7: with ten members and :math:`T_A = 4`, five votes fire.

    Parameters
    ----------
    votes : ndarray of int, values 0 to M
        Output of :func:`vote`.
    agreement_threshold : int, 0 to M - 1
        :math:`T_A`. A pixel with exactly this many votes does not fire.
    n_members : int, optional
        M. It cannot be known from votes alone; where given, :math:`T_A \ge M`, which can never
        fire, is refused.

    Returns
    -------
    decision : ndarray of bool, the shape of `votes`

    Raises
    ------
    InputError
        The threshold is not an integer, is negative, or is not below `n_members`.

    Examples
    --------
    >>> decide(np.array([[4, 5]]), agreement_threshold=4)
    array([[False,  True]])
    """
    return np.asarray(votes) > check_agreement_threshold(agreement_threshold, n_members=n_members)


def detect(heatmaps, *, operating_point, image_shape=None):
    """Table of the objects that an ensemble finds in one image.

    A detection is an 8-connected component of the decision of one class.

    Parameters
    ----------
    heatmaps : ndarray, shape (M, 2, h, w), values in [0, 1]
        One pair of heatmaps per member, in the order of ``data.CLASSES``; heatmap row u covers
        the image's rows 4 u to 4 u + 3.
    operating_point : OperatingPoint
        Thresholds per class; its number of members must be M.
    image_shape : (int, int), optional
        Height and width of the image before padding; detections centred outside it (in the
        padding) are no detections.

    Returns
    -------
    detections : DataFrame
        ``class``; ``row``, ``col``: the component's centroid in image pixels; ``votes``: the
        most votes on any of its pixels, ``vote_fraction`` = votes / M; ``peak_mean`` and
        ``peak_sd``: mean and standard deviation over members (divisor M) of each member's
        maximum within the component; ``area_px`` in image pixels. Classes in the order of
        ``data.CLASSES``, then by row and column of the component's first pixel.

    Raises
    ------
    InputError
        The shape is not (M, 2, h, w), M differs from the operating point's, or a value is
        NaN or outside 0 to 1.
    """
    heatmaps = check_heatmaps(heatmaps)
    if heatmaps.ndim != 4 or heatmaps.shape[1] != len(CLASSES):
        raise InputError(f"heatmaps: shape {heatmaps.shape} found; expected (M, 2, h, w)")
    if len(heatmaps) != operating_point.n_members:
        raise InputError(
            f"heatmaps: {len(heatmaps)} members found; "
            f"the operating point is for {operating_point.n_members}"
        )
    tables = [
        _detect_class(heatmaps[:, index], name, operating_point)
        for index, name in enumerate(CLASSES)
    ]
    found = [table for table in tables if len(table)]
    detections = pd.concat(found, ignore_index=True) if found else tables[0]
    if image_shape is None:
        return detections
    inside = (detections["row"] < image_shape[0]) & (detections["col"] < image_shape[1])
    return detections[inside].reset_index(drop=True)


def _detect_class(heatmaps, name, operating_point):
    votes = vote(heatmaps, confidence_threshold=operating_point.confidence_threshold[name])
    fired = decide(
        votes,
        agreement_threshold=operating_point.agreement_threshold[name],
        n_members=len(heatmaps),
    )
    labels, n_objects = ndimage.label(fired, structure=EIGHT_CONNECTED)
    rows, cols = np.nonzero(fired)
    index = labels[rows, cols] - 1
    area = np.bincount(index, minlength=n_objects)
    most_votes = np.zeros(n_objects, dtype=np.int64)
    np.maximum.at(most_votes, index, votes[rows, cols])
    peaks = np.zeros((n_objects, len(heatmaps)))
    np.maximum.at(peaks, index, heatmaps[:, rows, cols].T)
    offset = (STRIDE - 1) / 2
    return pd.DataFrame(
        {
            "class": pd.Series([name] * n_objects, dtype="str"),
            "row": np.bincount(index, rows, n_objects) / np.maximum(area, 1) * STRIDE + offset,
            "col": np.bincount(index, cols, n_objects) / np.maximum(area, 1) * STRIDE + offset,
            "votes": most_votes,
            "vote_fraction": most_votes / len(heatmaps),
            "peak_mean": peaks.mean(axis=1),
            "peak_sd": peaks.std(axis=1),
            "area_px": area * STRIDE**2,
        },
        columns=list(DETECTION_COLUMNS),
    )


def undecided(heatmaps, *, operating_point):
    """Pixels on which something can fire yet, after the first members of an ensemble.

    The votes so far and the members left exceed :math:`T_A`. Where this is so nowhere, no other
    member is needed: decision and detections are exactly those of the full vote (none). With
    ten members and :math:`T_A = 4`, an image without votes needs six.

    Parameters
    ----------
    heatmaps : ndarray, shape (..., k, 2, h, w), values in [0, 1]
        Of the first k members, in their order.
    operating_point : OperatingPoint
        Of all M members.

    Returns
    -------
    ndarray of bool, shape (..., 2, h, w)
        With k = M, the decision.

    Examples
    --------
    >>> point = OperatingPoint(0.5, 1, n_members=3)
    >>> [bool(undecided(np.zeros((k, 2, 1, 1)), operating_point=point).any()) for k in (1, 2)]
    [True, False]
    """
    heatmaps = np.asarray(heatmaps)
    n_seen, n_members = heatmaps.shape[-4], operating_point.n_members
    if not 1 <= n_seen <= n_members or heatmaps.shape[-3] != len(CLASSES):
        raise InputError(
            f"heatmaps: shape {heatmaps.shape} found; expected (..., k, 2, h, w) with k from 1 to "
            f"{n_members}"
        )
    thresholds = operating_point.confidence_thresholds()[:n_seen]
    thresholds = thresholds.astype(np.result_type(heatmaps, np.float32))[..., None, None]
    votes = (heatmaps > thresholds).sum(axis=-4, dtype=np.int16)
    agreement = np.array([operating_point.agreement_threshold[name] for name in CLASSES])
    return votes + (n_members - n_seen) > agreement[:, None, None]
