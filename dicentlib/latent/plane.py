"""Everything known of one latent plane, in one object for the views."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.latent.limits import epoch_positions
from dicentlib.latent.points import class_codes
from dicentlib.latent.regions import Regions, entropy, fit_regions, mean_probabilities
from dicentlib.latent.trajectories import Trajectories, cluster_trajectories, trajectory_table

LARGE = 4  # aberrations of a centroid that is typical of many


@dataclass(frozen=True)
class LatentPlane:
    """Points in the plane at every epoch, with regions and trajectories.

    Attributes
    ----------
    points : DataFrame, n rows
        As from :func:`sample_points`.
    epochs : tuple of int, length N_e
    coordinates : ndarray, shape (N_e, n, 2)
    regions : Regions
    trajectories : Trajectories
    mean_epochs : tuple of int, optional
        Positions in `epochs` that the averaged classifier is made of; all by default.
    """

    points: pd.DataFrame
    epochs: tuple
    coordinates: np.ndarray
    regions: Regions
    trajectories: Trajectories
    mean_epochs: tuple | None = None

    @classmethod
    def fit(cls, points, epochs, coordinates, *, n_clusters, grid_size, mean_epochs=None, seed=0):
        """Fit regions and trajectories.

        Parameters
        ----------
        points, epochs, coordinates
            As the attributes.
        n_clusters, grid_size, seed : int
            Of :func:`cluster_trajectories` and :func:`fit_regions`.
        mean_epochs : sequence of int, optional
            Epochs (not positions) that the averaged classifier is made of.
        """
        codes = class_codes(points)
        return cls(
            points,
            epochs,
            coordinates,
            fit_regions(coordinates, codes, grid_size=grid_size, seed=seed),
            cluster_trajectories(coordinates, codes, n_clusters=n_clusters, seed=seed),
            epoch_positions(epochs, mean_epochs),
        )

    @cached_property
    def codes(self):
        """Class of each point, as in ``POINT_CLASSES``."""
        return class_codes(self.points)

    @cached_property
    def entropy(self):
        """Entropy of the averaged classifier on the grid, shape (G, G)."""
        return entropy(mean_probabilities(self.regions, epochs=self.mean_epochs))

    @cached_property
    def table(self):
        """Centroids by epoch with their entropy, see :func:`trajectory_table`."""
        return trajectory_table(
            self.trajectories, self.regions, self.epochs, mean_epochs=self.mean_epochs
        )

    @cached_property
    def clusters(self):
        """One row per centroid, most uncertain first: ``cluster, class, size, entropy`` (mean)."""
        by_cluster = self.table.groupby(["cluster", "class", "size"], as_index=False)["entropy"]
        return by_cluster.mean().sort_values("entropy", ascending=False, ignore_index=True)

    def extremes(self):
        """Numbers of the most and the least uncertain centroid of aberrations.

        Centroids of four or more aberrations are preferred; without any, all are compared.
        """
        clusters = self.clusters
        large = clusters[clusters["class"].isin(CLASSES) & (clusters["size"] >= LARGE)]
        chosen = (large if len(large) else clusters)["cluster"]
        return int(chosen.iloc[0]), int(chosen.iloc[-1])
