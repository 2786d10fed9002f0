"""Counts for every combination of thresholds at once, for sliders and for choosing a rule."""

from dataclasses import dataclass

import numpy as np

from dicentlib.counts.cells import co_occurrence
from dicentlib.counts.sweep import component_counts
from dicentlib.errors import InputError


@dataclass(frozen=True)
class CountGrid:
    """Detections per cell for several confidence rules and agreement thresholds.

    Attributes
    ----------
    counts : ndarray of int, shape (K, A, 2, N)
        Detections by rule k, agreement threshold a, class (dicentric, fragment) and cell.
    rules : tuple
        The meaning of each k: a quantile, or a confidence threshold.
    agreement_thresholds : tuple of int
    """

    counts: np.ndarray
    rules: tuple
    agreement_thresholds: tuple

    def dicentrics(self, rule, agreement_threshold, *, require_fragment):
        """Dicentrics per cell, shape (N,), for one combination.

        Raises
        ------
        InputError
            The combination is not in the grid.
        """
        if rule not in self.rules or agreement_threshold not in self.agreement_thresholds:
            raise InputError(
                f"no counts for rule {rule} with agreement threshold {agreement_threshold}; "
                f"rules {self.rules}, agreement thresholds {self.agreement_thresholds}"
            )
        row = self.agreement_thresholds.index(agreement_threshold)
        dicentrics, fragments = self.counts[self.rules.index(rule), row]
        return co_occurrence(dicentrics, fragments) if require_fragment else dicentrics


def count_grid(heatmaps, rules, *, confidence_thresholds, agreement_thresholds):
    """Count 8-connected detections in every cell for every combination of thresholds.

    Parameters
    ----------
    heatmaps : iterable of arrays, each of shape (M, 2, h, w), values in [0, 1]
        One stack per cell; read once, so a generator does.
    rules : sequence
        Names of the K confidence rules, kept in the result.
    confidence_thresholds : array, shape (K, M, 2)
        :math:`T_C` of each rule, member and class. A pixel *equal* to it gets no vote.
    agreement_thresholds : sequence of int
        :math:`T_A`, 0 to M - 1. A pixel with exactly this many votes does not fire.

    Returns
    -------
    CountGrid
    """
    thresholds = np.asarray(confidence_thresholds, dtype=float)
    levels = tuple(int(level) for level in agreement_thresholds)
    if thresholds.ndim != 3 or thresholds.shape[0] != len(rules) or thresholds.shape[2] != 2:
        raise InputError(
            f"confidence_thresholds need the shape ({len(rules)}, members, 2), "
            f"found {thresholds.shape}"
        )
    if not levels or min(levels) < 0 or max(levels) >= thresholds.shape[1]:
        raise InputError(f"agreement thresholds must lie in 0..{thresholds.shape[1] - 1}: {levels}")
    own = np.arange(thresholds[..., 0].size).reshape(thresholds.shape[:2])  # a rule's members
    cells = [_count_cell(np.asarray(stack), thresholds, own, levels) for stack in heatmaps]
    if not cells:
        raise InputError("no heatmaps: nothing to count")
    return CountGrid(np.stack(cells, axis=-1), tuple(rules), levels)


def count_ensembles(heatmaps, ensembles, *, confidence_threshold, agreement_threshold):
    """Count detections by several smaller ensembles of the same members.

    Parameters
    ----------
    heatmaps : iterable of arrays, each of shape (M, 2, h, w)
    ensembles : array of int, shape (E, m)
        Members of each ensemble.
    confidence_threshold : array, shape (M, 2)
        Of every member and class.
    agreement_threshold : int, 0 to m - 1

    Returns
    -------
    ndarray of int, shape (E, 2, N)
        Detections by ensemble, class and cell.
    """
    thresholds = np.asarray(confidence_threshold, dtype=float)[None]
    level = [int(agreement_threshold)]
    cells = [_count_cell(np.asarray(stack), thresholds, ensembles, level) for stack in heatmaps]
    return np.stack(cells, axis=-1)[:, 0]


def _count_cell(stack, thresholds, ensembles, levels):
    """Detections of one cell by ensembles (E, m) of the voters, shape (E, A, 2).

    A member with the threshold of a rule is a voter: voter k M + j has rule k of member j.
    """
    # compared in the precision of the heatmaps, as dicentlib.voting does
    thresholds = thresholds.astype(np.result_type(stack, np.float32))
    counts = []
    for c in range(2):
        maps = _crop(stack[:, c], thresholds[:, :, c].min())
        fires = maps > thresholds[:, :, c, None, None]
        by_voter = fires.reshape(thresholds[:, :, c].size, *maps.shape[1:])
        counts.append(component_counts(by_voter, ensembles, levels))
    return np.stack(counts, axis=-1)


def _crop(maps, lowest):
    """The smallest part of `maps` (M, h, w) that holds every pixel above `lowest`."""
    fires = (maps > lowest).any(axis=0)
    rows, cols = fires.any(axis=1).nonzero()[0], fires.any(axis=0).nonzero()[0]
    if rows.size == 0:
        return maps[:, :0, :0]
    return maps[:, rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
