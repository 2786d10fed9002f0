"""Is the unsure part of the latent plane where the members' votes differ?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dicentlib.conventions import CLASSES
from dicentlib.errors import InputError
from dicentlib.evaluation.vote_reliability import vote_entropy
from dicentlib.latent.points import class_codes
from dicentlib.latent.regions import entropy_at


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation with a bootstrap interval over images.

    Attributes
    ----------
    rho, lower, upper : float
        NaN where undefined: one of the quantities does not vary, or there are fewer than two
        images.
    n_objects, n_images : int
    level : float
        Coverage that the interval aims at.
    """

    rho: float
    lower: float
    upper: float
    n_objects: int
    n_images: int
    level: float

    @property
    def relation(self):
        """The interval in words, between "vote entropy" and "latent entropy"."""
        if not np.isfinite(self.rho):
            return "cannot be compared with"
        if self.lower > 0:
            return "rises with"
        return "falls with" if self.upper < 0 else "shows no clear relation to"


def object_table(points, peaks, coordinates, regions, *, confidence_threshold, mean_epochs=None):
    r"""Latent entropy and vote entropy of every aberration.

    A member votes for an aberration when its heatmap of that class exceeds :math:`T_C` anywhere
    in the truth disk. The latent entropy is that of the averaged classifier where the object
    lies, averaged over the epochs.

    Parameters
    ----------
    points : DataFrame, n rows
        As from :func:`sample_points`.
    peaks : ndarray, shape (M, n, 2)
        Largest heatmap value of each class in the disk around each point, by member.
    coordinates : ndarray, shape (N_e, n, 2)
    regions : Regions
    confidence_threshold : dict
        :math:`T_C` by class; a value *equal* to it gets no vote.
    mean_epochs : sequence of int, optional
        As for :func:`mean_probabilities`.

    Returns
    -------
    DataFrame
        ``point, image, class, row, col, votes, vote_fraction, vote_entropy, latent_entropy``,
        one row per aberration (background has no vote to be right about); ``point`` is the row
        in `points`.
    """
    codes = class_codes(points)
    objects = np.flatnonzero(codes < len(CLASSES))
    codes = codes[objects]
    own_peaks = np.asarray(peaks)[:, objects, codes]
    thresholds = np.array([float(confidence_threshold[name]) for name in CLASSES])
    votes = (own_peaks > thresholds[codes]).sum(axis=0)
    table = points.iloc[objects].reset_index(drop=True)
    fraction = votes / len(peaks)
    latent = entropy_at(regions, coordinates[:, objects], epochs=mean_epochs).mean(axis=0)
    return pd.concat([pd.Series(objects, name="point"), table], axis=1).assign(
        votes=votes,
        vote_fraction=fraction,
        vote_entropy=vote_entropy(fraction),
        latent_entropy=latent,
    )


def rank_correlation(objects, *, level=0.95, n_resamples=2000, seed=0):
    """Spearman's correlation of latent with vote entropy, and its percentile bootstrap interval.

    Whole images are drawn with replacement, because objects of one image are not independent.

    Parameters
    ----------
    objects : DataFrame
        ``image, latent_entropy, vote_entropy``, as from :func:`object_table`.
    level : float
        Coverage, between 0 and 1.
    n_resamples : int
    seed : int

    Returns
    -------
    RankCorrelation
    """
    if not 0 < level < 1:
        raise InputError(f"level {level}; allowed: between 0 and 1")
    pairs = objects[["latent_entropy", "vote_entropy"]].to_numpy(float)
    by_image = [pairs[rows] for rows in objects.groupby("image").indices.values()]
    rho = _spearman(pairs)
    lower = upper = float("nan")
    if len(by_image) >= 2 and np.isfinite(rho):
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(by_image), size=(n_resamples, len(by_image)))
        # A resample in which one quantity is constant has no rank correlation: left out.
        values = [_spearman(np.concatenate([by_image[i] for i in draw])) for draw in draws]
        lower, upper = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return RankCorrelation(rho, float(lower), float(upper), len(pairs), len(by_image), level)


def _spearman(pairs):
    if len(pairs) < 2 or np.any(pairs.min(axis=0) == pairs.max(axis=0)):
        return float("nan")
    ranks = stats.rankdata(pairs, axis=0)
    return float(np.corrcoef(ranks.T)[0, 1])
