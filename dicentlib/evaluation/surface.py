"""Precision and recall over the whole (T_C, T_A) surface, for many ensembles at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from tqdm import tqdm

from dicentlib.counts.sweep import firing_pixels, sweep_counts
from dicentlib.errors import InputError
from dicentlib.evaluation.counts import precision, recall
from dicentlib.files import atomic_path
from dicentlib.operating_point import check_agreement_threshold, check_confidence_threshold
from dicentlib.threads import available_processors, map_ahead
from dicentlib.voting import check_heatmaps

ARRAYS = ("tp", "fp", "fn", "confidence_thresholds", "agreement_thresholds", "ensembles")


@dataclass(frozen=True)
class ThresholdSurface:
    """Counts of one class over ensembles and thresholds, summed over images.

    Attributes
    ----------
    tp, fp, fn : ndarray of int, shape (E, n_T_C, n_T_A)
    confidence_thresholds : ndarray of float, shape (n_T_C,)
    agreement_thresholds : ndarray of int, shape (n_T_A,)
    ensembles : ndarray of int, shape (E, m)
        Members of each ensemble.
    n_images : int
    """

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    confidence_thresholds: np.ndarray
    agreement_thresholds: np.ndarray
    ensembles: np.ndarray
    n_images: int

    @property
    def precision(self):
        """tp / (tp + fp), shape (E, n_T_C, n_T_A); NaN where nothing is predicted."""
        return precision(self.tp, self.fp)

    @property
    def recall(self):
        """tp / (tp + fn), shape (E, n_T_C, n_T_A); NaN where there is nothing to find."""
        return recall(self.tp, self.fn)

    def write(self, path):
        """Write the arrays as a compressed ``.npz`` file, atomically."""
        with atomic_path(path) as temporary:
            arrays = {name: getattr(self, name) for name in ARRAYS}
            np.savez_compressed(temporary, **arrays, n_images=self.n_images)

    @classmethod
    def read(cls, path):
        """Read what :meth:`write` wrote."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ARRAYS}
                return cls(**arrays, n_images=int(file["n_images"]))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: not a threshold surface ({error})") from error


def threshold_surface(heatmaps, truth, *, confidence_thresholds, agreement_thresholds, ensembles):
    r"""TP, FP and FN of one class for every ensemble, :math:`T_C` and :math:`T_A`.

    Equal to voting, deciding and :func:`count_matches` at each threshold and image, summed over
    images (micro-averaging), but made in one sweep per image, ensemble and :math:`T_C`.

    Parameters
    ----------
    heatmaps : ndarray, shape (N, M, H, W), or iterable of N arrays (M, H, W); values in [0, 1]
        Heatmaps of one class. An iterable is streamed; images may differ in size.
    truth : ndarray of bool, shape (N, H, W), or iterable of N arrays (H, W)
    confidence_thresholds : sequence of float in [0, 1]
        :math:`T_C`, in any order; strict.
    agreement_thresholds : sequence of int, 0 to m - 1
        :math:`T_A`, in any order; strict.
    ensembles : sequence of int, shape (E, m)
        Member indices, 0 to M - 1, of E ensembles of m members. A member named twice votes
        twice.

    Returns
    -------
    ThresholdSurface

    Raises
    ------
    InputError
        A threshold or member index is out of range, shapes differ, numbers of heatmaps and
        truth masks differ, or a heatmap holds NaN.

    Examples
    --------
    >>> heatmaps = np.zeros((1, 2, 4, 4))
    >>> heatmaps[0, :, 1, 1] = 0.9, 0.4
    >>> surface = threshold_surface(
    ...     heatmaps,
    ...     heatmaps[:, 0] > 0,
    ...     confidence_thresholds=[0.3, 0.5],
    ...     agreement_thresholds=[0, 1],
    ...     ensembles=[[0, 1]],
    ... )
    >>> surface.tp[0]
    array([[1, 1],
           [1, 0]])
    """
    grid = _check_grid(confidence_thresholds, agreement_thresholds, ensembles)
    confidence, agreement, ensembles = grid
    total = np.zeros((3, len(ensembles), len(confidence), len(agreement)), dtype=np.int64)
    n_images = 0
    for counts in _image_counts(heatmaps, truth, grid):
        total += counts
        n_images += 1
    return ThresholdSurface(*total, confidence, agreement, ensembles, n_images)


def image_counts(heatmaps, truth, *, confidence_thresholds, agreement_thresholds, ensembles):
    """Counts image by image, for bootstraps over images.

    Parameters as for :func:`threshold_surface`. Images are swept on all processors, a few at a
    time; the results come in the order of the images.

    Yields
    ------
    counts : ndarray of int32, shape (3, E, n_T_C, n_T_A)
        tp, fp, fn of one image.
    """
    grid = _check_grid(confidence_thresholds, agreement_thresholds, ensembles)
    return _image_counts(heatmaps, truth, grid)


def _image_counts(heatmaps, truth, grid):
    n_workers = available_processors()

    def count(pair):
        return _count_image(*pair, *grid)

    with ThreadPoolExecutor(n_workers) as pool:
        pairs = _checked_pairs(heatmaps, truth, grid[2])
        yield from map_ahead(pool, count, pairs, 2 * n_workers)


def _count_image(heatmap, mask, confidence, agreement, ensembles):
    ascending = np.argsort(confidence, kind="stable")
    counts = sweep_counts(
        firing_pixels(heatmap, mask, confidence[ascending]),
        ensembles=ensembles,
        n_thresholds=len(confidence),
        agreement_thresholds=agreement,
    )
    return counts[:, :, np.argsort(ascending, kind="stable")]


def grid_position(thresholds, value, name):
    """Index of `value` among the thresholds of a surface; an error when it is not there."""
    found = np.flatnonzero(np.isclose(thresholds, value))
    if found.size == 0:
        raise InputError(f"{name}: {value} found; allowed: {np.asarray(thresholds).tolist()}")
    return int(found[0])


def _check_grid(confidence_thresholds, agreement_thresholds, ensembles):
    ensembles = np.asarray(ensembles)
    if ensembles.ndim != 2 or ensembles.size == 0 or ensembles.dtype.kind not in "iu":
        raise InputError(
            f"ensembles: shape {ensembles.shape} of {ensembles.dtype} found; "
            "expected integers of shape (E, m), E and m at least 1"
        )
    if ensembles.min() < 0:
        raise InputError(f"ensembles: member {ensembles.min()} found; allowed: from 0")
    confidence = np.array(
        [check_confidence_threshold(value) for value in confidence_thresholds], dtype=float
    )
    agreement = np.array(
        [
            check_agreement_threshold(value, n_members=ensembles.shape[1])
            for value in agreement_thresholds
        ],
        dtype=np.int64,
    )
    if confidence.ndim != 1 or confidence.size == 0 or agreement.size == 0:
        raise InputError("confidence_thresholds, agreement_thresholds: empty; at least one each")
    return confidence, agreement, ensembles.astype(np.int64)


def _checked_pairs(heatmaps, truth, ensembles):
    heatmaps = tqdm(heatmaps, desc="threshold surface", unit="image", delay=5)
    n_members = None
    for number, (heatmap, mask) in enumerate(zip_longest(heatmaps, truth)):
        if heatmap is None or mask is None:
            missing = "heatmaps" if heatmap is None else "truth"
            raise InputError(f"{missing}: {number} images found; the other input has more")
        heatmap = check_heatmaps(heatmap, name=f"heatmaps of image {number}")
        mask = np.asarray(mask)
        n_members = heatmap.shape[0] if n_members is None else n_members
        if heatmap.ndim != 3 or mask.shape != heatmap.shape[1:] or len(heatmap) != n_members:
            raise InputError(
                f"image {number}: heatmaps {heatmap.shape} and truth {mask.shape} found; "
                f"expected ({n_members}, H, W) and the same (H, W)"
            )
        if ensembles.max() >= n_members:
            raise InputError(
                f"ensembles: member {ensembles.max()} found; allowed: 0 to {n_members - 1}"
            )
        yield heatmap, mask.astype(bool)
