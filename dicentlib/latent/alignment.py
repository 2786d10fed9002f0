"""One frame for all epochs: Procrustes alignment, then two principal components of everything.

Sources: Gower, Psychometrika 40 (1975) 33-51; Deschemps et al. (2024), "Visualization of the
training dynamics of single model".
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import procrustes
from sklearn.decomposition import PCA

from dicentlib.errors import InputError

REFERENCES = ("first", "last", "generalised")
TOLERANCE, MAX_ROUNDS = 1e-9, 100  # of the mean disparity, for the generalised reference


@dataclass(frozen=True)
class Projection:
    """Two principal components shared by all epochs.

    Attributes
    ----------
    coordinates : ndarray, shape (N_e, n, 2)
        Every point at every epoch.
    explained : ndarray, shape (2,)
        Fraction of the variance of all epochs together along each component.
    """

    coordinates: np.ndarray
    explained: np.ndarray


def align_epochs(features, *, reference="first", out=None):
    r"""Remove shift, scale and rotation (or reflection) between epochs, by ordinary Procrustes.

    Every epoch's features are centred, brought to unit size and turned onto the reference:
    minimise :math:`\lVert F_{ref} - s\,F_e R\rVert^2` over orthogonal :math:`R` and scale
    :math:`s` (:func:`scipy.spatial.procrustes`). The result is multiplied by :math:`\sqrt n`, so
    that the reference's root mean square distance from its centre is 1.

    Parameters
    ----------
    features : array, shape (N_e, n, C)
        May be memory-mapped: one epoch is in memory at a time.
    reference : {"first", "last", "generalised"}
        "first" as in the paper; the first epoch is also the least trained, hence "last".
        "generalised" (Gower 1975) aligns to the mean of the aligned epochs, found by iteration.
    out : array, shape (N_e, n, C), optional
        Where to write, for example a memory-mapped array; a new float32 array by default.

    Returns
    -------
    aligned : array, shape (N_e, n, C)
        `out`.
    disparity : ndarray, shape (N_e,)
        Sum of squared differences to the reference after alignment, for unit-size sets:
        0 the same shape, at most 1.

    Raises
    ------
    InputError
        Unknown reference, features that are not finite, or an epoch whose points all coincide.

    Examples
    --------
    >>> square = np.array([[0.0, 0], [0, 1], [1, 1], [1, 0]])
    >>> turned = 3 * square @ np.array([[0.0, 1], [-1, 0]]) + 7
    >>> _, disparity = align_epochs(np.stack([square, turned]))
    >>> bool(disparity.max() < 1e-12)
    True
    """
    if reference not in REFERENCES:
        raise InputError(f"reference {reference!r}; allowed: {', '.join(REFERENCES)}")
    _check_features(features)
    target = np.asarray(features[-1 if reference == "last" else 0], np.float64)
    if reference == "generalised":
        target = _consensus(features, target)
    size = np.sqrt(features.shape[1])
    if out is None:
        out = np.empty(features.shape, np.float32)
    disparity = np.empty(len(features))
    for epoch, cloud in enumerate(features):
        _, aligned, disparity[epoch] = procrustes(target, np.asarray(cloud, np.float64))
        out[epoch] = aligned * size
    return out, np.clip(disparity, 0.0, None)


def _consensus(features, target):
    """Mean of the aligned epochs, repeated until it no longer moves."""
    disagreement = np.inf
    for _ in range(MAX_ROUNDS):
        total = np.zeros_like(target)
        before, disagreement = disagreement, 0.0
        for cloud in features:
            _, aligned, distance = procrustes(target, np.asarray(cloud, np.float64))
            total += aligned
            disagreement += distance / len(features)
        target = total / len(features)
        if before - disagreement < TOLERANCE:
            return target
    raise InputError(
        f"generalised Procrustes has not settled after {MAX_ROUNDS} rounds "
        f"(mean disparity {disagreement:.3g}); use reference='first' or 'last'"
    )


def project(aligned):
    """Two principal components of all epochs together; every epoch projected onto them.

    Parameters
    ----------
    aligned : array, shape (N_e, n, C)
        As from :func:`align_epochs`; may be memory-mapped.

    Returns
    -------
    Projection
        The second coordinate of features with one column is 0.
    """
    n_epochs, n_points, width = aligned.shape
    fitted = min(2, width, n_epochs * n_points)
    pca = PCA(fitted, svd_solver="covariance_eigh")
    coordinates = pca.fit_transform(np.reshape(aligned, (-1, width)))
    missing = 2 - fitted
    coordinates = np.pad(coordinates, ((0, 0), (0, missing)))
    return Projection(
        coordinates=coordinates.reshape(n_epochs, n_points, 2).astype(np.float64),
        explained=np.pad(pca.explained_variance_ratio_, (0, missing)),
    )


def _check_features(features):
    if np.ndim(features) != 3 or 0 in np.shape(features):
        raise InputError(
            f"features of shape {np.shape(features)}; expected (epochs, points, channels), none 0"
        )
    for epoch, cloud in enumerate(features):
        if not np.isfinite(cloud).all():
            raise InputError(f"features of epoch {epoch} (counted from 0): NaN or infinite values")
        if np.all(cloud == cloud[0]):
            raise InputError(
                f"features of epoch {epoch} (counted from 0): all {len(cloud)} points coincide; "
                "at least two different points are needed"
            )
