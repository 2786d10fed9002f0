"""Images as laboratories store them, read into one form.

Whatever the file (TIFF, OME-TIFF, PNG, JPEG, BMP, CZI, ND2; 8 or 16 bit; grey or colour), an
image is a float32 array ``(H, W)`` in [0, 1], bright field: background light, chromosomes dark.
"""

from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageOps

from dicentlib.data.inspection import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    cause,
    check_size,
    inspect_image,
)
from dicentlib.data.microscope import read_czi, read_nd2
from dicentlib.errors import InputError

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "grey_levels",
    "normalise_background",
    "read_image",
    "resample",
]

# Rec. 709 luminance: weighs green most, which Giemsa's purple absorbs most.
GREY_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)

BACKGROUND = 0.88  # median background of solid-Giemsa fields, and of simulated ones
USUAL_BACKGROUND = (0.75, 0.97)  # inside, exposure is left alone
DARKEST_BACKGROUND = 0.15  # below, the image is not bright field

# TIFF orientation tag -> what makes row 0 the top and column 0 the left.
ORIENTATIONS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def read_image(path):
    """Read an image file as grey values.

    Colour becomes luminance (Rec. 709), transparency is laid on white, a rotation noted in the
    file (EXIF or TIFF orientation) is applied, so that positions refer to the image as every
    viewer shows it. Of a file with several pages the first is read; ``index_images`` says how
    many there are (``n_pages``). Integers are divided by the largest value that their bit depth
    can hold: 255, or for 16-bit files the smallest of 255, 1023, 4095, 16383 and 65535 that is not
    below the brightest pixel, because cameras store 10, 12 or 14 bits in 16.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray of float32, shape (H, W), values in [0, 1]

    Raises
    ------
    InputError
        The file is absent, empty, truncated, damaged, not an image, not what its name says, or
        of an absurd size.
    """
    path = Path(path)
    facts = inspect_image(path)
    try:
        if facts.format == "TIFF":
            values = _read_tiff(path)
        elif facts.format == "CZI":
            values = read_czi(path)
        elif facts.format == "ND2":
            values = read_nd2(path)
        else:
            values = _read_pillow(path)
        grey = _grey(_unit_range(values))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise InputError(f"{path}: damaged {facts.format} file ({cause(error, path)})") from error
    check_size(path, *grey.shape)
    return np.ascontiguousarray(grey, dtype=np.float32)


def _read_tiff(path):
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        values = page.asarray()
        axes = page.axes
        values = values[(0,) * axes.index("Y")] if axes[0] not in "YS" else values
        if axes.startswith("S"):  # planes of colour one after the other
            values = np.moveaxis(values, 0, -1)
        orientation = page.tags.valueof(274, 1)
        white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            values = np.moveaxis(page.colormap[:, values], 0, -1)
    if white_is_zero:
        values = (1 - _unit_range(values)).astype(np.float32)
    return ORIENTATIONS.get(orientation, lambda a: a)(values)


def _read_pillow(path):
    with Image.open(path) as image:
        image.verify()  # decoding alone does not compare a PNG file's check sums
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        elif image.mode not in ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I", "F"):
            image = image.convert("RGB")
        mode, values = image.mode, np.asarray(image)
    # Pillow opens some 16-bit files as 32-bit integers
    return values.astype(np.uint16) if mode == "I" and values.max() < 2**16 else values


def _unit_range(values):
    """Pixel values of any type as float32 in [0, 1]."""
    if values.dtype == bool:
        return values.astype(np.float32)
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    if values.dtype in (np.uint16, np.int16) and values.min() >= 0:
        brightest = values.max()
        full = next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if brightest < 2**bits)
        return values.astype(np.float32) / np.float32(full)
    lowest, highest = values.min(), values.max()
    if values.dtype.kind == "f" and lowest >= 0 and highest <= 1:
        return values.astype(np.float32)
    raise InputError(
        f"pixel values of type {values.dtype} from {lowest} to {highest}; "
        "allowed: 8 or 16 bit from 0, or floating point from 0 to 1"
    )


def _grey(values):
    """Luminance of unit-range values of shape (H, W), (H, W, 1 to 4); alpha lies on white."""
    if values.ndim == 2:
        return values
    if values.ndim != 3 or values.shape[2] > 4:
        raise InputError(f"array of shape {values.shape}; allowed: (H, W) with 1 to 4 channels")
    n_channels = values.shape[2]
    colour = values[..., :3] @ GREY_WEIGHTS if n_channels >= 3 else values[..., 0]
    if n_channels in (2, 4):
        alpha = values[..., -1]
        colour = colour * alpha + (1 - alpha)
    return np.clip(colour, 0, 1)


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


def normalise_background(image):
    """Bring the background of an under-exposed image to the level that members know.

    The background is the commonest grey value among the lighter half of the pixels. Where it
    lies in the usual range (0.75 to 0.97) the image is returned as it is; elsewhere it is
    multiplied so that the background becomes 0.88, and clipped at 1.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]

    Returns
    -------
    ndarray of float32, shape (H, W), values in [0, 1]

    Raises
    ------
    InputError
        The background is below 0.15: the image is black, or not bright field.
    """
    level = background_level(image)
    if has_usual_background(level):
        return image
    if level < DARKEST_BACKGROUND:
        raise InputError(
            f"background grey {level:.2f}; allowed: at least {DARKEST_BACKGROUND} "
            "(bright field: light background, dark chromosomes)"
        )
    return np.minimum(image * np.float32(BACKGROUND / level), np.float32(1))


def grey_levels(image, *, pixel_size_um, target_pixel_size_um):
    """An image as members see it: usual background, their scale, 8 bits per pixel.

    Training, evaluation and scoring share it, so that thresholds chosen on one fit the other.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        As from :func:`read_image`.
    pixel_size_um, target_pixel_size_um : float
        The image's and the members'.

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
        normalise_background(image),
        pixel_size_um=pixel_size_um,
        target_pixel_size_um=target_pixel_size_um,
    )
    return np.round(image * 255).astype(np.uint8)


def has_usual_background(level):
    """Whether :func:`normalise_background` leaves a background of this grey value as it is."""
    return USUAL_BACKGROUND[0] <= level <= USUAL_BACKGROUND[1]


def background_level(image):
    """Commonest grey value among the lighter half of the pixels, to 1/128.

    Of large images every n-th row and column is looked at, at least 256 of each.
    """
    step = max(1, min(image.shape) // 256)
    thinned = image[::step, ::step]
    counts, edges = np.histogram(thinned[thinned >= np.median(thinned)], bins=128, range=(0, 1))
    best = counts.argmax()
    return float(edges[best] + edges[best + 1]) / 2
