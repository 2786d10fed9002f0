"""Target heatmaps and truth masks from annotated points, and the padding both share."""

import numpy as np

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.errors import InputError

SIZE_MULTIPLE = 16


def padded_shape(shape):
    """Height and width after padding bottom and right to the next multiple of 16.

    Examples
    --------
    >>> padded_shape((888, 1008))
    (896, 1008)
    """
    return tuple(int(-(-side // SIZE_MULTIPLE) * SIZE_MULTIPLE) for side in shape)


def pad_to_stride(image):
    """Pad an image (H, W) at the bottom and right with its edge values.

    The positions of objects do not change. Zeros would be black objects on a bright field.
    """
    height, width = padded_shape(image.shape)
    pad = ((0, height - image.shape[0]), (0, width - image.shape[1]))
    return np.pad(image, pad, mode="edge")


def without_padding(maps, shape):
    """The part (..., ceil(H / 4), ceil(W / 4)) of heatmaps or masks that an image (H, W) covers."""
    height, width = (-(-side // STRIDE) for side in shape)
    return maps[..., :height, :width]


def target_heatmaps(points_by_class, shape, *, sigma=2.0):
    r"""Heatmaps that the network is trained to give.

    .. math:: y_{uv} = \max_k \exp(-\|(u, v) - \lfloor p_k / 4 \rfloor\|^2 / 2\sigma^2)

    Every point is a Gaussian of height 1; where two overlap the larger value counts, so that
    a peak never exceeds 1 (a Gaussian normalised to volume 1 would peak at 0.04 and never
    pass a threshold of 0.5).

    Parameters
    ----------
    points_by_class : mapping of class name to array, shape (n, 2)
        ``(row, col)`` in pixels of the image, with 0 <= row < H and 0 <= col < W.
    shape : (H, W)
        Size of the image before padding.
    sigma : float
        Standard deviation in heatmap pixels; 2 is 8 image pixels.

    Returns
    -------
    ndarray of float32, shape (2, h, w), values in [0, 1]
        In the order of ``CLASSES``; h and w belong to the padded image.

    Raises
    ------
    InputError
        A point outside the image or a class that is not in ``CLASSES``.

    Examples
    --------
    >>> heatmaps = target_heatmaps({"dicentric": [(100, 203)]}, (888, 1008))
    >>> heatmaps.shape, float(heatmaps[0, 25, 50]), float(heatmaps[1].max())
    ((2, 224, 252), 1.0, 0.0)
    """
    if not sigma > 0:
        raise InputError(f"sigma must be above 0, found {sigma}")
    unknown = set(points_by_class) - set(CLASSES)
    if unknown:
        raise InputError(f"unknown class {sorted(unknown)[0]!r}; allowed: {', '.join(CLASSES)}")
    points = {name: checked_points(xy, shape) for name, xy in points_by_class.items()}
    heatmap_shape = tuple(side // STRIDE for side in padded_shape(shape))
    return render_heatmaps(points, heatmap_shape, sigma=sigma)


def render_heatmaps(points_by_class, heatmap_shape, *, sigma=2.0):
    """Target heatmaps of a size (h, w); points outside it still cast their Gaussian into it.

    So the heatmaps of a crop are the crop of the heatmaps.
    """
    heatmaps = np.zeros((len(CLASSES), *heatmap_shape), np.float32)
    rows, cols = (np.arange(side, dtype=np.float32) for side in heatmap_shape)
    for heatmap, name in zip(heatmaps, CLASSES, strict=True):
        for row, col in points_by_class.get(name, ()):
            along_rows = np.exp(-0.5 * ((rows - row // STRIDE) / sigma) ** 2)
            along_cols = np.exp(-0.5 * ((cols - col // STRIDE) / sigma) ** 2)
            np.maximum(heatmap, np.outer(along_rows, along_cols), out=heatmap)
    return heatmaps


def truth_masks(points_by_class, shape, *, sigma=2.0):
    """Disks round the annotated points, bool (2, h, w): target heatmaps above 0.5.

    At sigma 2 a disk has a radius of 1.177 sigma = 2.4 heatmap pixels (9.4 image
    pixels): 21 pixels.
    """
    return target_heatmaps(points_by_class, shape, sigma=sigma) > 0.5


def checked_points(points, shape):
    """Points as a float array (n, 2), every one inside an image of `shape`.

    Raises
    ------
    InputError
        A point lies outside, or is not finite.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    inside = ((points >= 0) & (points < np.asarray(shape))).all(axis=1)
    if not inside.all():
        row, col = points[~inside][0]
        raise InputError(
            f"point (row {row:g}, col {col:g}) lies outside its image of "
            f"{shape[0]} x {shape[1]} pixels; allowed: 0 <= row < {shape[0]}, 0 <= col < {shape[1]}"
        )
    return points
