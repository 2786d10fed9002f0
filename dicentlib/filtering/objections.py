"""Why an image cannot be a field of a metaphase at all: its size, greys, a frame, dark field."""

import numpy as np

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.images import background_level, thinned
from dicentlib.errors import InputError
from dicentlib.segmentation import width_in_pixels

FLATTENED = 0.75  # of the background, that the darkest pixels have in no stained metaphase
FEWEST_LEVELS = 20  # of 256: with 16 dicentrics are lost, with 24 none
ONE_GREY = 0.7  # share of a row or column; the rest may be a text or scale bar
LARGEST_FRAME = 0.5  # share of the image; a larger frame is taken for the background
OTHER_GREY = 0.1  # difference from which a frame is not the field's own background
FRAME = (
    "a frame or bar of one grey takes up much of the image; crop it to the field of the microscope"
)
DARK, LIGHT = 0.1, 0.9
FEWEST_BETWEEN = 0.25  # pixels between dark and light, per pixel of the objects


def objection(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM):
    """Why `image` cannot hold a metaphase at all, or an empty text.

    Names images smaller than three chromosomes, without contrast (all white, all black,
    one grey), with a contrast flattened by an offset, and dark-field ones: bright objects on a
    dark background; a frame that makes an image look so, or of which more than half of the image
    is; fewer than 20 grey levels, and dark and light with hardly anything between, as a threshold
    leaves behind.
    """
    if image.ndim != 2:
        raise InputError(f"an image has shape (H, W); found {image.shape}")
    smallest = 3 * width_in_pixels(pixel_size_um)
    if min(image.shape) < smallest:
        height, width = image.shape
        return f"too small: {width}x{height} pixels, at least {smallest:.0f} on each side needed"
    if not np.isfinite(image).all():
        return "damaged: values that are not finite"
    image = thinned(image)
    darkest, low, level, high = np.quantile(image, [0.001, 0.002, 0.5, 0.998])
    if high - low < 0.05 * max(high, 1e-6) or high - low < 0.01:
        grey = "white" if level > 0.9 else "black" if level < 0.1 else "grey"
        return f"no contrast: all {grey}"
    n_levels = np.count_nonzero(np.bincount(np.round(255 * image).astype(np.uint8).ravel()))
    if n_levels < FEWEST_LEVELS:
        return f"only {n_levels} grey levels; use the image as recorded"
    few = thinned(image, least=192)
    field = _without_frame(few)
    if _is_dark_field(image, low, level, high):
        if field.size < few.size and not _is_dark_field(
            field, *np.quantile(field, [0.002, 0.5, 0.998])
        ):
            return FRAME
        return "dark field: bright objects on a dark background; invert the image"
    if field.size < (1 - LARGEST_FRAME) * few.size and _hides_background(field, level):
        return FRAME
    if darkest > FLATTENED * level:
        return (
            f"too little contrast: the darkest pixels have {darkest / level:.0%} of the "
            "background's brightness; an empty field, or a black level or offset to be subtracted"
        )
    objects = np.mean(field < (DARK + LIGHT) / 2)
    between = np.mean((field > DARK) & (field < LIGHT))
    if objects < 0.5 and between < FEWEST_BETWEEN * objects:
        return "nearly black and white only; use the image as recorded"
    return ""


def _is_dark_field(image, low, level, high):
    """Whether what differs from the background is bright rather than dark, by three quantiles."""
    if high - level <= 1.5 * (level - low):
        return False
    # a bar burnt into a dim image is bright too, but chromosomes are dark
    noise = 1.4826 * np.median(np.abs(image - level))
    dark = np.mean(image < level - max(5 * noise, 0.1 * level))
    return np.mean(image > (level + high) / 2) > dark


def _without_frame(image, backgrounds=()):
    """The image without the rows and columns that have the one grey of its edge, up to a text.

    Rows or columns of which all are of one grey are kept: a wide frame at the sides makes
    every row so, until its columns are gone. A grey that makes up much of what is left is that
    of a background, and no frame.
    """
    field, greys = image, []
    for _ in range(8):  # from each side in turn, and again
        grey = np.median(field[0])
        framed = _share(field, grey, axis=1) > ONE_GREY
        if framed[0] and not framed.all() and not np.isclose(grey, backgrounds, atol=0.01).any():
            field = field[np.argmin(framed) :]
            greys.append(grey)
        field = np.rot90(field)
    found = [grey for grey in greys if _share(field, grey) > 1 - ONE_GREY]
    return _without_frame(image, (*backgrounds, *found)) if found else field


def _share(image, grey, axis=None):
    """Share of the pixels that have a grey."""
    return np.mean(np.abs(image - grey) < 0.01, axis=axis)


def _hides_background(field, level):
    """Whether `level`, the grey of the image with its frame, is not the background of its field."""
    grey = background_level(field)
    return abs(np.median(field) - grey) < OTHER_GREY < abs(grey - level)
