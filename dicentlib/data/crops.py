"""Square parts of images round a position."""

import numpy as np


def crop(image, row, col, *, side_px):
    """Square part of an image round a position; beyond the border its edge is repeated.

    Parameters
    ----------
    image : ndarray, shape (H, W)
    row, col : float
        Position in pixels of the image.
    side_px : int
        Side of the crop.

    Returns
    -------
    ndarray, shape (side_px, side_px)
        The pixel nearest to the position is at ``side_px // 2``.
    """
    half = side_px // 2
    rows = np.clip(np.arange(side_px) - half + round(row), 0, image.shape[0] - 1)
    cols = np.clip(np.arange(side_px) - half + round(col), 0, image.shape[1] - 1)
    return image[np.ix_(rows, cols)]
