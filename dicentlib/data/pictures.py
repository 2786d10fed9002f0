"""Images as laboratories store them, read into one form.

Whatever the file (TIFF, OME-TIFF, PNG, JPEG, BMP, CZI, ND2; 8 or 16 bit; grey or colour), a
picture is a float32 array ``(H, W)`` in [0, 1], bright field (background light, chromosomes
dark), the scale that the file states, and notes of what was done to get there.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dicentlib.data.channels import Channels, to_grey
from dicentlib.data.inspection import cause, check_size, inspect_image
from dicentlib.data.microscope import read_czi, read_nd2
from dicentlib.data.raster import read_raster
from dicentlib.data.scale import StatedScale
from dicentlib.data.tiff import read_tiff
from dicentlib.errors import InputError


@dataclass(frozen=True)
class Picture:
    """An image file's pixels, scale and notes.

    ``pixels`` float32 (H, W) in [0, 1]. ``scale``: what the file states of the side of a pixel.
    ``notes``: what was done beyond reading plain grey values, one phrase each.
    """

    pixels: np.ndarray = field(repr=False, compare=False)
    scale: StatedScale
    notes: tuple = ()


def read_picture(path):
    """Read an image file as grey values, with the scale that it states and notes.

    What a sample means is read from the file's tags: colour becomes luminance (Rec. 709), white
    that is 0 is inverted, CMYK is converted, alpha is laid on white, samples that the file does
    not call alpha are left out; all others are refused by name. A rotation noted in the file
    (EXIF or TIFF orientation) is applied, so that positions refer to the image as every viewer
    shows it. Of a file with several pages the first full one is read, never a reduced copy.
    Integers are divided by the largest value that their bit depth can hold, see
    ``channels.unit_range``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        The file is absent, empty, truncated, damaged, not an image, not what its name says, of
        an absurd size, wholly transparent, has pixels that are not square, or samples whose
        meaning is not understood.
    """
    path = Path(path)
    facts = inspect_image(path)
    try:
        if facts.format == "TIFF":
            channels = read_tiff(path)
        elif facts.format in ("CZI", "ND2"):
            values, notes = read_czi(path) if facts.format == "CZI" else (read_nd2(path), ())
            channels = Channels(values, "grey" if values.ndim == 2 else "colour", notes=notes)
        else:
            channels = read_raster(path, facts.format)
        pixels, notes = to_grey(channels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except MemoryError as error:
        raise InputError(
            f"{path}: too little memory for {facts.height} x {facts.width} px; "
            "crop the image, or close other programs"
        ) from error
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise InputError(f"{path}: damaged {facts.format} file ({cause(error, path)})") from error
    check_size(path, *pixels.shape)
    if facts.n_pages > 1:
        notes = (f"first of {facts.n_pages} pages", *notes)
    return Picture(np.ascontiguousarray(pixels), facts.scale, notes)


def read_image(path):
    """Grey values of an image file: the ``pixels`` of :func:`read_picture`.

    Returns
    -------
    ndarray of float32, shape (H, W), values in [0, 1]
    """
    return read_picture(path).pixels
