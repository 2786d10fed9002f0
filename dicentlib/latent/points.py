"""Where the latent space is looked at: every aberration, and random places without one."""

import hashlib

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data import check_annotations
from dicentlib.data.targets import checked_points
from dicentlib.errors import InputError

POINT_CLASSES = (*CLASSES, "background")

# A Gaussian spot with peak 1 is above 1/2 within sigma * sqrt(2 ln 2) of its centre.
HALF_HEIGHT_RADIUS = float(np.sqrt(2 * np.log(2)))


def sample_points(annotations, shapes, *, n_background=10, sigma=2.0, stride_px=4.0, seed=0):
    r"""Annotated aberrations and random background places, the same for every epoch.

    Background places are drawn without replacement from the heatmap cells of an image that
    lie in no truth disk, the disk around an annotation where the target heatmap is at least
    1/2: distance at most :math:`\sigma\sqrt{2\ln 2}` cells from the annotation's cell. Those of
    one image depend on `seed` and the image's name alone.

    Parameters
    ----------
    annotations : DataFrame
        ``image, class, row, col``; class one of ``CLASSES``, positions in pixels of the image.
    shapes : dict
        Height and width in pixels of every image to use, by name; images without any
        annotation belong here too.
    n_background : int
        Background places per image.
    sigma : float
        Width of the target's spots, in heatmap cells.
    stride_px : float or dict
        Side of a heatmap cell in pixels of the image: 4, times the members' pixel size over
        the image's pixel size; or that of each image by name, see :func:`cell_sides_px`.
    seed : int

    Returns
    -------
    points : DataFrame
        ``image, class, row, col``, class one of ``POINT_CLASSES``; images in the order of
        `shapes`, aberrations before background. A background place is the centre of its cell.

    Raises
    ------
    InputError
        An annotation lies outside its image, names an unknown image or class; or an image has
        fewer than `n_background` cells outside the truth disks.

    Examples
    --------
    >>> truth = pd.DataFrame({"image": ["a"], "class": ["dicentric"], "row": [9.0], "col": [9.0]})
    >>> sample_points(truth, {"a": (64, 64)}, n_background=2)["class"].tolist()
    ['dicentric', 'background', 'background']
    """
    annotations = check_annotations(annotations)
    _check_positions(annotations, shapes)
    truth_by_image = dict(iter(annotations.groupby("image")))
    nothing = annotations.iloc[:0]
    tables = []
    for image, shape in shapes.items():
        truth = truth_by_image.get(image, nothing)[["image", "class", "row", "col"]]
        side = stride_px[image] if isinstance(stride_px, dict) else stride_px
        free = _free_cells(truth[["row", "col"]].to_numpy(float), shape, sigma, side)
        if len(free) < n_background:
            raise InputError(
                f"{image}: {len(free)} places outside the truth disks, {n_background} asked for"
            )
        rng = np.random.default_rng([seed, _name_number(image)])
        cells = free[rng.choice(len(free), size=n_background, replace=False)]
        # Pixel centres have whole numbers: cell 0 of stride 4 spans -0.5 to 3.5.
        row, col = ((cells + 0.5) * side - 0.5).T
        background = {"image": image, "class": "background", "row": row, "col": col}
        tables += [truth, pd.DataFrame(background)]
    return pd.concat([t for t in tables if len(t)], ignore_index=True)


def class_codes(points):
    """Class of every point as its place in ``POINT_CLASSES``: int array, shape (n,)."""
    return pd.Categorical(points["class"], categories=POINT_CLASSES).codes.astype(np.int64)


def cells_of(positions, *, stride_px=4.0):
    """Heatmap cells (row, col), int, of positions in pixels: the spot's centre in the target."""
    return np.floor(np.asarray(positions, float) / stride_px).astype(np.int64)


def _free_cells(positions, shape, sigma, stride_px):
    rows, cols = (max(1, int(side // stride_px)) for side in shape)
    cells = np.stack(np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij"), axis=-1)
    centres = cells_of(positions, stride_px=stride_px)
    distance2 = ((cells[:, :, None] - centres) ** 2).sum(axis=-1)
    inside = distance2 <= (sigma * HALF_HEIGHT_RADIUS) ** 2
    return cells[~inside.any(axis=-1)]


def _name_number(image):
    return int.from_bytes(hashlib.sha256(str(image).encode()).digest()[:8], "big")


def _check_positions(annotations, shapes):
    for image, truth in annotations.groupby("image"):
        if image not in shapes:
            raise InputError(f"annotations: image {image} is not among the {len(shapes)} images")
        try:
            checked_points(truth[["row", "col"]], shapes[image])
        except InputError as error:
            raise InputError(f"{image}: {error}") from error
