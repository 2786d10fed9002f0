"""Component counts for all thresholds of one image from one union-find sweep per T_C.

Votes fall in integer levels. Adding pixels from the highest vote down and joining each to the
neighbours that are already there gives, after each level, the number of 8-connected components
for the T_A just below it: all agreement thresholds cost one pass. Only pixels that exceed the
lowest T_C in at least one member take part. The components of (prediction and truth) are
counted in the same pass by a second forest over the pixels of the truth. The counts are
exactly those of ``scipy.ndimage.label``.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import ndimage

from dicentlib.voting import EIGHT_CONNECTED

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True)
class FiringPixels:
    """The pixels of one image and class that ever fire.

    Attributes
    ----------
    levels : ndarray of int16, shape (P, M)
        How many of the (ascending) confidence thresholds each member exceeds at each pixel.
    neighbours : ndarray of int32, shape (P, 8)
        Index of the neighbouring firing pixels; -1 where there is none.
    in_truth : ndarray of bool, shape (P,)
    n_truth : int
        Components of the whole truth mask, firing or not.
    """

    levels: np.ndarray
    neighbours: np.ndarray
    in_truth: np.ndarray
    n_truth: int


def firing_pixels(heatmaps, truth, confidence_thresholds):
    """Reduce one image to the pixels that exceed the lowest threshold in some member.

    Parameters
    ----------
    heatmaps : ndarray, shape (M, H, W)
    truth : ndarray of bool, shape (H, W)
    confidence_thresholds : ndarray, ascending
        Compared in the precision of `heatmaps`, strictly.
    """
    thresholds = confidence_thresholds.astype(np.result_type(heatmaps, np.float32))
    rows, cols = np.nonzero(heatmaps.max(axis=0) > thresholds[0])
    values = heatmaps[:, rows, cols].T
    return FiringPixels(
        # side="left": a value equal to a threshold does not exceed it
        levels=np.searchsorted(thresholds, values, side="left").astype(np.int16),
        neighbours=_neighbours(rows, cols, truth.shape),
        in_truth=np.ascontiguousarray(truth[rows, cols]),
        n_truth=ndimage.label(truth, EIGHT_CONNECTED)[1],
    )


def _neighbours(rows, cols, shape):
    """Index of the eight neighbours among the pixels at `rows` and `cols`; -1: not among them."""
    index = np.full((shape[0] + 2, shape[1] + 2), -1, dtype=np.int32)
    index[rows + 1, cols + 1] = np.arange(rows.size, dtype=np.int32)
    neighbours = np.empty((rows.size, len(NEIGHBOURS)), dtype=np.int32)
    for column, (down, right) in enumerate(NEIGHBOURS):
        neighbours[:, column] = index[rows + 1 + down, cols + 1 + right]
    return neighbours


def component_counts(fires, ensembles, agreement_thresholds):
    """Components of the pixels with more than T_A votes, for every ensemble and T_A.

    Parameters
    ----------
    fires : ndarray of bool, shape (V, h, w)
        Where each of V voters votes.
    ensembles : ndarray of int, shape (E, m)
        The voters of each ensemble.
    agreement_thresholds : sequence of int, each from 0 to m - 1

    Returns
    -------
    ndarray of int32, shape (E, len(agreement_thresholds))
        8-connected components.

    Examples
    --------
    >>> fires = np.array([[[1, 0, 1]], [[1, 1, 0]]], dtype=bool)
    >>> component_counts(fires, [[0, 1]], [0, 1])
    array([[1, 1]], dtype=int32)
    """
    rows, cols = np.nonzero(fires.any(axis=0))
    levels = list(agreement_thresholds)
    _, predicted = _components(
        np.ascontiguousarray(fires[:, rows, cols].T, dtype=np.int16),
        _neighbours(rows, cols, fires.shape[1:]),
        np.zeros(rows.size, dtype=bool),
        np.asarray(ensembles, dtype=np.int64),
        1,
        min(levels),
    )
    return predicted[:, 0, levels]


def sweep_counts(pixels, *, ensembles, n_thresholds, agreement_thresholds):
    """TP, FP and FN of one image for every ensemble, T_C and T_A.

    Parameters
    ----------
    pixels : FiringPixels
    ensembles : ndarray of int, shape (E, m)
    n_thresholds : int
        Number of confidence thresholds that `pixels` was made with.
    agreement_thresholds : ndarray of int, each from 0 to m - 1

    Returns
    -------
    counts : ndarray of int32, shape (3, E, n_thresholds, len(agreement_thresholds))
        tp, fp, fn in this order; fp and fn by the rule of :func:`count_matches`.
    """
    matched, predicted = _components(
        pixels.levels,
        pixels.neighbours,
        pixels.in_truth,
        np.asarray(ensembles, dtype=np.int64),
        n_thresholds,
        int(np.min(agreement_thresholds)),
    )
    matched = matched[..., agreement_thresholds]
    predicted = predicted[..., agreement_thresholds]
    return np.stack(
        [matched, np.maximum(0, predicted - matched), np.maximum(0, pixels.n_truth - matched)]
    )


@njit(nogil=True, cache=True)
def _components(levels, neighbours, in_truth, ensembles, n_thresholds, lowest):
    n_pixels = levels.shape[0]
    n_ensembles, size = ensembles.shape
    matched = np.zeros((n_ensembles, n_thresholds, size), dtype=np.int32)
    predicted = np.zeros((n_ensembles, n_thresholds, size), dtype=np.int32)
    votes = np.empty((n_thresholds + 1, n_pixels), dtype=np.int32)
    order = np.empty(n_pixels, dtype=np.int32)
    starts = np.empty(size + 2, dtype=np.int32)
    parent = np.empty(n_pixels, dtype=np.int32)
    parent_truth = np.empty(n_pixels, dtype=np.int32)
    for ensemble in range(n_ensembles):
        # votes[t]: members at exactly level t, then (summed from above) members above T_C t
        votes[:] = 0
        for pixel in range(n_pixels):
            for position in range(size):
                votes[levels[pixel, ensembles[ensemble, position]], pixel] += 1
        for threshold in range(n_thresholds - 1, 0, -1):
            for pixel in range(n_pixels):
                votes[threshold, pixel] += votes[threshold + 1, pixel]
        for threshold in range(n_thresholds):
            n_votes = votes[threshold + 1]
            n_alive = _sort_by_votes(n_votes, order, starts, size, lowest)
            if n_alive == 0:
                break  # votes only fall as T_C rises
            parent[:] = -1
            parent_truth[:] = -1
            n_components = 0
            n_matched = 0
            for level in range(size, lowest, -1):
                for rank in range(starts[level], starts[level - 1]):
                    pixel = order[rank]
                    n_components += 1 - _insert(parent, neighbours, pixel)
                    if in_truth[pixel]:
                        n_matched += 1 - _insert(parent_truth, neighbours, pixel)
                predicted[ensemble, threshold, level - 1] = n_components
                matched[ensemble, threshold, level - 1] = n_matched
    return matched, predicted


@njit(nogil=True, cache=True)
def _sort_by_votes(n_votes, order, starts, size, lowest):
    """Counting sort, most votes first: level v occupies starts[v] to starts[v - 1]."""
    starts[:] = 0
    for pixel in range(n_votes.size):
        if n_votes[pixel] > lowest:
            starts[n_votes[pixel] - 1] += 1
    for level in range(size - 1, -1, -1):
        starts[level] += starts[level + 1]
    n_alive = starts[lowest]
    for pixel in range(n_votes.size):
        level = n_votes[pixel]
        if level > lowest:
            order[starts[level]] = pixel
            starts[level] += 1
    # filling moved every start to its end; the end of level v is the start of level v - 1
    for level in range(lowest, size):
        starts[level] = starts[level + 1]
    starts[size] = 0
    return n_alive


@njit(nogil=True, cache=True)
def _insert(parent, neighbours, pixel):
    """Add a pixel to the forest; return how many components it joined to its own."""
    parent[pixel] = pixel
    root = pixel
    joined = 0
    for column in range(neighbours.shape[1]):
        neighbour = neighbours[pixel, column]
        if neighbour < 0 or parent[neighbour] < 0:
            continue
        while parent[neighbour] != neighbour:
            parent[neighbour] = parent[parent[neighbour]]
            neighbour = parent[neighbour]
        if neighbour != root:
            parent[root] = neighbour
            root = neighbour
            joined += 1
    return joined
