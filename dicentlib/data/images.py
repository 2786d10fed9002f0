"""Images brought to a common exposure and scale."""

from dataclasses import dataclass

import cv2
import numpy as np

from dicentlib.data.inspection import check_size
from dicentlib.errors import InputError

BACKGROUND = 0.88  # median background of solid-Giemsa fields, and of simulated ones
USUAL_BACKGROUND = (0.75, 0.97)  # inside, exposure is left alone
FLATTENED = (0.6, 0.75)  # darkest share between those of stained and of empty fields
STRETCHED_TO = 0.4
DARKEST_BACKGROUND = 0.15  # below, the image is not bright field


def resample(image, *, pixel_size_um, target_pixel_size_um):
    """Resample an image to another scale.

    A position ``(row, col)`` of the result is ``((row + 0.5) * H / h - 0.5, ...)`` in the
    original, with H and h the heights before and after (pixel centres at integers).

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
    pixel_size_um, target_pixel_size_um : float
        Side of a pixel before and after, in micrometres.

    Returns
    -------
    ndarray of float32, shape (round(H * pixel_size_um / target_pixel_size_um), ...)
        The image itself when the two sizes agree. Shrinking averages over areas, enlarging
        interpolates linearly.

    Raises
    ------
    InputError
        A pixel size is not a positive number, or the result would have an absurd size.

    Examples
    --------
    >>> resample(np.ones((888, 1008)), pixel_size_um=0.1, target_pixel_size_um=0.2).shape
    (444, 504)
    """
    for name, size in (("pixel", pixel_size_um), ("target pixel", target_pixel_size_um)):
        if not (np.isfinite(size) and size > 0):
            raise InputError(f"{name} size {size} um; allowed: a positive number")
    factor = pixel_size_um / target_pixel_size_um
    height, width = (max(1, round(side * factor)) for side in image.shape)
    if (height, width) == image.shape:
        return image
    check_size(f"image resampled from {pixel_size_um} to {target_pixel_size_um} um", height, width)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(np.asarray(image, dtype=np.float32), (width, height), interpolation=method)


@dataclass(frozen=True)
class Background:
    """Grey value of an image's background, and its darkest 0.1 % of pixels as a share of that."""

    level: float
    darkest: float

    @property
    def is_usual(self):
        """Whether :func:`normalise_background` leaves the exposure as it is."""
        return USUAL_BACKGROUND[0] <= self.level <= USUAL_BACKGROUND[1]

    @property
    def is_flattened(self):
        """Whether :func:`normalise_background` stretches the contrast."""
        return FLATTENED[0] < self.darkest < FLATTENED[1]


def background_of(image):
    """The :class:`Background` of an image."""
    level = background_level(image)
    return Background(level, float(np.quantile(thinned(image), 0.001) / level))


def normalise_background(image, *, background=None):
    """Bring the background of an under-exposed image to the level that members know.

    The background is the commonest grey value among the lighter half of the pixels. Where it
    lies in the usual range (0.75 to 0.97) the image is returned as it is; elsewhere it is
    multiplied so that the background becomes 0.88, and clipped at 1. A contrast flattened by a
    black level or an offset, whose darkest 0.1 % of pixels have 60 to 75 % of the background, is
    stretched until they have 40 %; a field with less is empty, and stays as it is.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
    background : Background, optional
        Of the image, where it is known already.

    Returns
    -------
    ndarray of float32, shape (H, W), values in [0, 1]

    Raises
    ------
    InputError
        The background is below 0.15: the image is black, or not bright field.
    """
    background = background or background_of(image)
    level = background.level
    if background.is_usual and not background.is_flattened:
        return image
    if level < DARKEST_BACKGROUND:
        raise InputError(
            f"background grey {level:.2f}; allowed: at least {DARKEST_BACKGROUND} "
            "(bright field: light background, dark chromosomes)"
        )
    target = level if background.is_usual else BACKGROUND
    if background.is_flattened:
        gain = (1 - STRETCHED_TO) / (1 - background.darkest)
        image = np.maximum(level + np.float32(gain) * (image - np.float32(level)), np.float32(0))
    return np.minimum(image * np.float32(target / level), np.float32(1))


def grey_levels(image, *, pixel_size_um, target_pixel_size_um, background=None):
    """An image as members see it: usual background, their scale, 8 bits per pixel.

    Training, evaluation and scoring share it, so that thresholds chosen on one fit the other.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        As from :func:`read_image`.
    pixel_size_um, target_pixel_size_um : float
        The image's and the members'.
    background : Background, optional
        Of the image, where it is known already.

    Returns
    -------
    ndarray of uint8, of the shape that :func:`resample` gives
        255 is 1.

    Raises
    ------
    InputError
        As :func:`normalise_background` and :func:`resample`.
    """
    image = resample(
        normalise_background(image, background=background),
        pixel_size_um=pixel_size_um,
        target_pixel_size_um=target_pixel_size_um,
    )
    return np.round(image * 255).astype(np.uint8)


def thinned(image, *, least=384):
    """Every n-th row and column of an image, at least `least` of each where it has them."""
    step = max(1, min(image.shape) // least)
    return image[::step, ::step]


def background_level(image):
    """Commonest grey value among the lighter half of the pixels, to 1/128.

    Of large images every n-th row and column is looked at, at least 256 of each.
    """
    few = thinned(image, least=256)
    counts, edges = np.histogram(few[few >= np.median(few)], bins=128, range=(0, 1))
    best = counts.argmax()
    return float(edges[best] + edges[best + 1]) / 2
