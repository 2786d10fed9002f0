"""Model-adaptive thresholds: quantiles of each member's maxima on the most exposed images.

Members differ in how high their heatmaps reach. Deschemps et al. 2024 bring them to one scale
by giving every member its own confidence threshold, the same quantile of the maxima that it
shows on the 4 Gy images of the calibration series (their Fig. 9).
"""

import numpy as np

from dicentlib.counts.checked import number
from dicentlib.errors import InputError


def quantile_thresholds(maxima, *, quantile, floor=0.0):
    r"""One confidence threshold per member: a quantile of its maxima.

    .. math:: T_{C,j,c}(q) = \mathrm{quantile}_q \{ \max_{u,v} \varphi_j(x_i)_{c,u,v} \}_i

    Quantiles are interpolated linearly (NumPy's default), so that with :math:`N q` whole and no
    ties every member exceeds its own threshold on exactly :math:`(1 - q) N` of the images.

    Parameters
    ----------
    maxima : array, shape (N, M, ...), values in [0, 1]
        Largest heatmap value of image i and member j; further axes (classes) are kept.
    quantile : float, between 0 and 1 (both excluded)
    floor : float, default 0
        Thresholds are raised to at least this: heatmap values at or below it are not stored, and
        a member that shows nothing on most images would otherwise vote on everything.

    Returns
    -------
    thresholds : ndarray of float, shape (M, ...)

    Raises
    ------
    InputError
        No images, values that are no heatmap values, or a quantile outside its range.

    Examples
    --------
    >>> quantile_thresholds([[0.2], [0.4], [0.6], [0.8]], quantile=0.5)
    array([0.5])
    """
    maxima = np.asarray(maxima, dtype=float)
    if maxima.ndim < 2 or maxima.shape[0] == 0:
        raise InputError(f"maxima need the shape (images, members, ...), found {maxima.shape}")
    if not ((maxima >= 0) & (maxima <= 1)).all():
        raise InputError("maxima must be heatmap values between 0 and 1")
    number("quantile", quantile, least=0, most=1, open_ends=True)
    return np.maximum(np.quantile(maxima, quantile, axis=0), floor)


def firing_fraction(maxima, thresholds):
    """Fraction of images on which each member exceeds its threshold.

    Parameters
    ----------
    maxima : array, shape (N, M, ...)
    thresholds : array, shape (M, ...)

    Returns
    -------
    fraction : ndarray of float, shape (M, ...), values in [0, 1]

    Examples
    --------
    >>> firing_fraction([[0.2], [0.4], [0.6], [0.8]], [0.5])
    array([0.5])
    """
    return np.mean(np.asarray(maxima) > np.asarray(thresholds), axis=0)
