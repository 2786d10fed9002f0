"""Is the unsure part of the latent plane where the members' votes differ?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from dicentlib.conventions import CLASSES
from dicentlib.counts.checked import number
from dicentlib.evaluation.vote_reliability import vote_entropy
from dicentlib.latent.points import class_codes
from dicentlib.latent.regions import entropy_at
from dicentlib.operating_point import OperatingPoint

WITH_MISSED = "all, with share of missed votes"


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

    def __str__(self):
        return f"{self.rho:.2f} [{self.lower:.2f}, {self.upper:.2f}]"

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


def voting_thresholds(path, *, given=None):
    """T_C by class: `given` for both, else that of the operating point, else 0.5.

    Parameters
    ----------
    path : path-like
        ``operating_point.json``, which need not exist. Of thresholds by member the mean counts.
    given : float, optional
    """
    thresholds = np.full(2, 0.5 if given is None else given)
    if given is None and Path(path).is_file():
        thresholds = OperatingPoint.read(path).confidence_thresholds().mean(axis=0)
    return dict(zip(CLASSES, thresholds.tolist(), strict=True))


def vote_titles(objects, *, n_points, n_members):
    """A title for each followed point: the votes for it, or that it is no aberration.

    Parameters
    ----------
    objects : DataFrame
        As from :func:`object_table`.
    n_points, n_members : int
    """
    votes = objects.set_index("point")["votes"].reindex(range(n_points))
    return [
        "no aberration" if np.isnan(count) else f"{count:.0f} of {n_members} votes"
        for count in votes
    ]


def rank_correlations(objects, *, n_resamples=2000, seed=0):
    """:func:`rank_correlation` of all objects and of each class, as a dict.

    The last entry, "all, with share of missed votes", has the share of votes that an object did not
    get in place of the vote entropy: an object that every member misses has no vote entropy.
    """
    missed = objects.assign(vote_entropy=1 - objects["vote_fraction"])
    groups = [("all", objects), *objects.groupby("class"), (WITH_MISSED, missed)]
    return {
        name: rank_correlation(group, n_resamples=n_resamples, seed=seed) for name, group in groups
    }


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
    number("level", level, least=0, most=1, open_ends=True)
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
    return float(stats.spearmanr(pairs).statistic)
