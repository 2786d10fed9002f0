r"""Which class owns which part of the latent plane, and where the classifiers disagree.

A support vector machine per epoch gives class probabilities :math:`p_e` on a grid; their mean
over epochs and its entropy are equations 8 and 9 of Deschemps et al. (2024).
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.special import entr
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from tqdm import tqdm

from dicentlib.errors import InputError
from dicentlib.latent.points import POINT_CLASSES

N_FOLDS = 5
MARGIN = 0.05  # of the points' range, on every side of the grid


@dataclass(frozen=True)
class Regions:
    """Class probabilities on a grid of the latent plane, for every epoch.

    Attributes
    ----------
    x, y : ndarray, shapes (G,) and (G,)
        Coordinates of the grid along the first and the second component.
    probabilities : ndarray, shape (N_e, G, G, 3)
        Epoch, y, x, class (order of ``POINT_CLASSES``); sums to 1 over classes. A class with
        fewer than two objects has probability 0 everywhere.
    """

    x: np.ndarray
    y: np.ndarray
    probabilities: np.ndarray

    @property
    def extent(self):
        """(left, right, bottom, top) edges of the grid's cells, as matplotlib wants them."""
        half_x, half_y = (0.5 * (axis[1] - axis[0]) for axis in (self.x, self.y))
        return (self.x[0] - half_x, self.x[-1] + half_x, self.y[0] - half_y, self.y[-1] + half_y)


def fit_classifier(coordinates, codes, *, seed=0):
    """Support vector machine with a radial kernel and calibrated probabilities.

    ``SVC(C=1, gamma="scale")``, its decision values turned into probabilities by Platt's
    sigmoid fitted on held-out folds. Points are weighted so that every class counts alike, in
    both steps: how many background places are drawn is arbitrary and must not move a border.

    Parameters
    ----------
    coordinates : ndarray, shape (n, 2)
    codes : ndarray of int, shape (n,)
        Classes, as from :func:`class_codes`. Classes with fewer than two points are left out,
        as nothing can be held out from them.
    seed : int
        Order of the points before they are dealt into folds.

    Returns
    -------
    CalibratedClassifierCV or None
        None when fewer than two classes have two points.
    """
    names, counts = np.unique(codes, return_counts=True)
    kept = np.isin(codes, names[counts >= 2])
    if (counts >= 2).sum() < 2:
        return None
    order = np.random.default_rng(seed).permutation(np.flatnonzero(kept))
    folds = int(min(N_FOLDS, counts[counts >= 2].min()))
    classifier = CalibratedClassifierCV(SVC(C=1.0, gamma="scale"), ensemble=False, cv=folds)
    weights = compute_sample_weight("balanced", codes[order])
    return classifier.fit(coordinates[order], codes[order], sample_weight=weights)


def class_probabilities(classifier, coordinates, codes):
    """Probabilities of the three classes at `coordinates`: shape (n, 3).

    Without a classifier (None, see :func:`fit_classifier`) the most frequent of `codes` has 1.
    """
    probabilities = np.zeros((len(coordinates), len(POINT_CLASSES)))
    if classifier is None:
        probabilities[:, np.bincount(codes).argmax()] = 1.0
    else:
        probabilities[:, classifier.classes_] = classifier.predict_proba(coordinates)
    return probabilities


def fit_regions(coordinates, codes, *, grid_size=80, seed=0, progress=True):
    """Class probabilities of every epoch's own classifier on one grid.

    Parameters
    ----------
    coordinates : ndarray, shape (N_e, n, 2)
    codes : ndarray of int, shape (n,)
    grid_size : int
        Grid nodes along each side; the grid covers all points of all epochs and a margin.
    seed : int
    progress : bool
        Show a progress bar.

    Returns
    -------
    Regions

    Raises
    ------
    InputError
        Shapes that do not fit, or a grid of fewer than two nodes a side.
    """
    codes = checked_codes(codes, coordinates)
    if grid_size < 2:
        raise InputError(f"grid_size {grid_size}; at least 2")
    low, high = coordinates.min(axis=(0, 1)), coordinates.max(axis=(0, 1))
    room = np.maximum(MARGIN * (high - low), 1e-9)
    x, y = (np.linspace(*ends, grid_size) for ends in zip(low - room, high + room, strict=True))
    nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    shape = (grid_size, grid_size, len(POINT_CLASSES))
    probabilities = [
        class_probabilities(fit_classifier(cloud, codes, seed=seed), nodes, codes).reshape(shape)
        for cloud in tqdm(coordinates, desc="regions", unit="epoch", disable=not progress)
    ]
    return Regions(x=x, y=y, probabilities=np.stack(probabilities))


def checked_codes(codes, coordinates):
    """The codes as an array, one for each point of the coordinates (N_e, n, 2)."""
    codes = np.asarray(codes)
    if coordinates.ndim != 3 or coordinates.shape[1:] != (len(codes), 2):
        raise InputError(
            f"coordinates of shape {coordinates.shape} with {len(codes)} labels; "
            "expected (epochs, number of labels, 2)"
        )
    return codes


def mean_probabilities(regions, *, epochs=None):
    r"""The averaged classifier :math:`\bar p = \frac{1}{N_e}\sum_e p_e` (equation 8).

    `epochs`: positions along the first axis to average, all by default. Shape (G, G, 3).
    """
    chosen = slice(None) if epochs is None else list(epochs)
    return regions.probabilities[chosen].mean(axis=0)


def entropy(probabilities):
    r"""Entropy :math:`-\sum_r p_r \ln p_r` over the last axis (equation 9).

    0 where one class is certain, :math:`\ln 3` where three are equally likely.

    Examples
    --------
    >>> entropy(np.array([1.0, 0.0, 0.0])).item()
    0.0
    >>> entropy(np.full(3, 1 / 3)).round(4).item()
    1.0986
    """
    return np.abs(entr(np.asarray(probabilities, float)).sum(axis=-1))


def entropy_at(regions, positions, *, epochs=None):
    """Entropy of the averaged classifier at positions of the plane.

    The probabilities are interpolated linearly between the grid's nodes; a position outside the
    grid takes the value of the nearest place on its edge.

    Parameters
    ----------
    regions : Regions
    positions : ndarray, shape (..., 2)
        First and second component.
    epochs : sequence of int, optional
        As for :func:`mean_probabilities`.

    Returns
    -------
    ndarray, shape (...)
    """
    mean = mean_probabilities(regions, epochs=epochs)
    interpolate = RegularGridInterpolator((regions.y, regions.x), mean)
    low = np.array([regions.x[0], regions.y[0]])
    inside = np.clip(positions, low, [regions.x[-1], regions.y[-1]])
    return entropy(interpolate(inside[..., ::-1]))
