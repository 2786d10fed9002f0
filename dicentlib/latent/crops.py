"""The image behind a point of the latent plane."""

import numpy as np

from dicentlib.data.crops import crop
from dicentlib.data.pictures import read_image
from dicentlib.errors import InputError


def read_crops(index, points, rows, *, side_px=64):
    """Square crops of the original images round chosen points.

    Parameters
    ----------
    index : ImageIndex
        The image set that the points lie in.
    points : DataFrame
        ``image, row, col`` in pixels of the image.
    rows : sequence of int
        Which rows of `points`, in this order.
    side_px : int
        Side of a crop; the point lies at its middle. Beyond the image's border its edge values
        are repeated.

    Returns
    -------
    ndarray of float32, shape (len(rows), side_px, side_px), values in [0, 1]
    """
    if side_px < 2:
        raise InputError(f"side_px {side_px}; at least 2")
    chosen = points.iloc[list(rows)]
    crops = np.zeros((len(chosen), side_px, side_px), np.float32)
    positions = chosen[["row", "col"]].to_numpy(float)
    for image, members in chosen.groupby("image", sort=False).indices.items():
        pixels = read_image(index.path(image))
        for member in members:
            crops[member] = crop(pixels, *positions[member], side_px=side_px)
    return crops
