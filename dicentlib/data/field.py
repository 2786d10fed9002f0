"""The field of the microscope in an image: frames round it, and whether it has grey levels."""

import numpy as np

from dicentlib.data.images import background_level, thinned
from dicentlib.errors import InputError

ONE_GREY = 0.7  # share of a row or column; the rest may be a text or scale bar
LARGEST_FRAME = 0.5  # share of the image; a larger frame is taken for the background
OTHER_GREY = 0.1  # difference from which a frame is not the field's own background
FEWEST_LEVELS = 20  # of 256: with 16 dicentrics are lost, with 24 none
DARK, LIGHT = 0.1, 0.9
FEWEST_BETWEEN = 0.25  # pixels between dark and light, per pixel of the objects


def check_field(image):
    """Refuse an image of which a frame is the most, or that has no grey levels to speak of.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]

    Raises
    ------
    InputError
        A frame of a grey that is not the field's background takes up more than half of the
        image, so that its own grey would be taken for the background. Fewer than 20 grey
        levels, or dark and light with hardly anything between, as a threshold leaves behind,
        also when its image was saved as JPEG.
    """
    if image.ndim != 2 or not np.isfinite(image).all():
        return  # `filtering.explain.objection` says so
    levels = np.round(255 * thinned(image)).astype(np.uint8)
    n_levels = np.count_nonzero(np.bincount(levels.ravel()))
    if 1 < n_levels < FEWEST_LEVELS:
        raise InputError(f"only {n_levels} grey levels; use the image as recorded")
    image = thinned(image, least=192)
    field = without_frame(image)
    grey = background_level(field)
    if field.size < (1 - LARGEST_FRAME) * image.size:
        is_bright_field = abs(np.median(field) - grey) < OTHER_GREY
        if is_bright_field and abs(grey - np.median(image)) > OTHER_GREY:
            raise InputError(
                "a frame or bar of one grey takes up much of the image; crop it to the field of "
                "the microscope"
            )
    objects = float(np.mean(field < (DARK + LIGHT) / 2))
    between = float(np.mean((field > DARK) & (field < LIGHT)))
    if objects < 0.5 and between < FEWEST_BETWEEN * objects:
        raise InputError("nearly black and white only; use the image as recorded")


def without_frame(image):
    """The image without the rows and columns that have the one grey of its edge, up to a text.

    Rows or columns of which all are of one grey are kept: a wide frame at the sides makes
    every row so, until its columns are gone.
    """
    for _ in range(8):  # from each side in turn, and again
        framed = np.mean(np.abs(image - np.median(image[0])) < 0.01, axis=1) > ONE_GREY
        image = np.rot90(image if framed.all() else image[np.argmin(framed) :])
    return image
