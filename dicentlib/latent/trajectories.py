"""Groups of places that move together through training, and how unsure the place is they reach."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from dicentlib.errors import InputError
from dicentlib.latent.points import POINT_CLASSES
from dicentlib.latent.regions import checked_codes, entropy_at


@dataclass(frozen=True)
class Trajectories:
    """Centroids that keep their identity over the epochs.

    Attributes
    ----------
    centroids : ndarray, shape (K, N_e, 2)
        Mean of a cluster's members at each epoch; dicentrics first, then fragments, background.
    codes : ndarray of int, shape (K,)
        Class of each cluster, as in ``POINT_CLASSES``.
    sizes : ndarray of int, shape (K,)
        Members of each cluster.
    assignment : ndarray of int, shape (n,)
        Cluster, 0 to K - 1, of each point.
    """

    centroids: np.ndarray
    codes: np.ndarray
    sizes: np.ndarray
    assignment: np.ndarray


def cluster_trajectories(coordinates, codes, *, n_clusters=8, seed=0):
    """K-means within each class on whole trajectories, each a vector of 2 N_e numbers.

    Clustering each epoch separately would give other clusters under the same number; clustered
    once, a centroid is the mean of the same objects at every epoch.

    Parameters
    ----------
    coordinates : ndarray, shape (N_e, n, 2)
    codes : ndarray of int, shape (n,)
    n_clusters : int
        Per class; a class with fewer points has one cluster per point, an empty class none.
    seed : int

    Returns
    -------
    Trajectories
        Within a class the largest cluster comes first.
    """
    codes = checked_codes(codes, coordinates)
    if n_clusters < 1:
        raise InputError(f"n_clusters {n_clusters}; at least 1")
    paths = coordinates.transpose(1, 0, 2).reshape(len(codes), -1)
    assignment = np.full(len(codes), -1)
    cluster_codes = []
    for code in range(len(POINT_CLASSES)):
        members = np.flatnonzero(codes == code)
        if not len(members):
            continue
        distinct = len(np.unique(paths[members], axis=0))
        kmeans = KMeans(min(n_clusters, distinct), n_init=10, random_state=seed)
        found = kmeans.fit_predict(paths[members])
        by_size = np.argsort(-np.bincount(found), kind="stable")
        assignment[members] = len(cluster_codes) + np.argsort(by_size)[found]
        cluster_codes += [code] * len(by_size)
    members = [assignment == cluster for cluster in range(len(cluster_codes))]
    return Trajectories(
        centroids=np.stack([coordinates[:, own].mean(axis=1) for own in members]),
        codes=np.array(cluster_codes),
        sizes=np.bincount(assignment),
        assignment=assignment,
    )


def trajectory_table(trajectories, regions, epochs, *, mean_epochs=None):
    """Every centroid at every epoch, with the entropy of the averaged classifier where it lies.

    Parameters
    ----------
    trajectories : Trajectories
    regions : Regions
    epochs : sequence of int, length N_e
        Epoch numbers of the members.
    mean_epochs : sequence of int, optional
        Positions in `epochs` that the averaged classifier is made of; all by default.

    Returns
    -------
    DataFrame
        ``cluster, class, size, epoch, x, y, entropy``; K x N_e rows.
    """
    n_clusters, n_epochs, _ = trajectories.centroids.shape
    flat = trajectories.centroids.reshape(-1, 2)
    return pd.DataFrame(
        {
            "cluster": np.repeat(np.arange(n_clusters), n_epochs),
            "class": np.repeat(np.array(POINT_CLASSES)[trajectories.codes], n_epochs),
            "size": np.repeat(trajectories.sizes, n_epochs),
            "epoch": np.tile(np.asarray(epochs), n_clusters),
            "x": flat[:, 0],
            "y": flat[:, 1],
            "entropy": entropy_at(regions, flat, epochs=mean_epochs),
        }
    )


def linked_points(coordinates, trajectories, *, cluster=None, point=None, limit=12):
    """Points behind what is picked in the latent plane, the most typical first.

    Parameters
    ----------
    coordinates : ndarray, shape (N_e, n, 2)
    trajectories : Trajectories
    cluster : int, optional
        A centroid: its members, nearest to its trajectory first.
    point : int, optional
        A point: itself, then the points whose trajectories are nearest, of any class.
    limit : int
        At most this many.

    Returns
    -------
    ndarray of int
        Rows of the points table.

    Raises
    ------
    InputError
        Not exactly one of `cluster` and `point`, or one that does not exist.
    """
    if (cluster is None) == (point is None):
        raise InputError(f"pick a cluster or a point: cluster={cluster}, point={point}")
    paths = coordinates.transpose(1, 0, 2)
    picked, available = (cluster, trajectories.centroids) if point is None else (point, paths)
    if not 0 <= picked < len(available):
        name = "cluster" if point is None else "point"
        raise InputError(f"{name} {picked}; allowed: 0 to {len(available) - 1}")
    among = np.arange(len(paths))
    if point is None:
        among = np.flatnonzero(trajectories.assignment == cluster)
    distance = np.linalg.norm(paths[among] - available[picked], axis=-1).mean(axis=-1)
    return among[np.argsort(distance, kind="stable")[:limit]]
