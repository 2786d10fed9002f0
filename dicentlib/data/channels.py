"""What the channels of an image mean, and the grey values that they give."""

from dataclasses import dataclass

import numpy as np

from dicentlib.errors import InputError

# Rec. 709 luminance: weighs green most, which Giemsa's purple absorbs most.
GREY_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras store in 16
BRIGHTEST = 0.95  # a bright background fills more; what is brighter is burnt in, or hot
BRIGHTEST_INVERTED = 0.999  # where white is 0, large values are chromosomes
DARKEST = 0.005
SIGN_BIT = 2**15  # what signed values were raised by when stored as unsigned

NEARLY = 1e-3  # of black or white: below a step of 8 bits
LEAST_COLOURS = 64  # of a look-up table
FALLING = -0.9  # correlation of a table from light to dark with the place in it
SMOOTH = 12  # largest usual step of a look-up table's colour, of 255


@dataclass(frozen=True)
class Channels:
    """Decoded values and what the file says that they are.

    ``values`` (H, W), or (H, W, 3) for "colour" and (H, W, 4) for "CMYK". ``kind``: "grey",
    "white is zero", "colour" or "CMYK". ``alpha`` (H, W) or None, `premultiplied` where the
    colours were multiplied with it already. ``bits`` per value, where that is not the type's.
    ``notes``: what was done beyond reading grey values.
    """

    values: np.ndarray
    kind: str = "grey"
    alpha: np.ndarray | None = None
    premultiplied: bool = False
    bits: int | None = None
    notes: tuple = ()


def to_grey(channels):
    """Grey values of an image, and what was done to get them.

    Returns
    -------
    grey : ndarray of float32, shape (H, W), values in [0, 1]
    notes : tuple of str

    Raises
    ------
    InputError
        Values of a type or range that is not understood; an image that is wholly transparent,
        or black and white only.
    """
    kind, notes = channels.kind, list(channels.notes)
    values, clipped = unit_range(
        channels.values, bits=channels.bits, inverted=kind in ("white is zero", "CMYK")
    )
    notes += clipped
    if kind == "white is zero":
        grey = 1 - values
        notes.append("white is 0 in the file: inverted")
    elif kind == "CMYK":
        grey = (1 - values[..., :3]) * (1 - values[..., 3:]) @ GREY_WEIGHTS
        notes.append("CMYK read as luminance, without a colour profile")
    elif kind == "colour":
        grey = values @ GREY_WEIGHTS
        notes.append("colour read as luminance")
    else:
        grey = values
    if channels.alpha is not None:
        grey, laid = _lay_on_white(grey, channels)
        notes += laid
    grey = np.clip(grey, 0, 1).astype(np.float32)
    if _is_black_and_white(grey):
        raise InputError("black and white only, without grey levels; use the image as recorded")
    return grey, tuple(notes)


def _is_black_and_white(grey):
    """Whether both are there and nothing between, as after a threshold or in 1 bit per pixel."""
    if grey.min() > NEARLY or grey.max() < 1 - NEARLY:
        return False
    return bool(((grey <= NEARLY) | (grey >= 1 - NEARLY)).all())


def _lay_on_white(grey, channels):
    alpha = channels.alpha.astype(np.float32) / np.float32(_full_scale(channels.alpha))
    if (alpha == 1).all():
        return grey, []
    if not alpha.any():
        raise InputError(
            "completely transparent: its alpha channel is 0 everywhere; save it without alpha"
        )
    colour = grey if channels.premultiplied else grey * alpha
    share = float((alpha < 1).mean())
    return colour + (1 - alpha), [f"transparent pixels ({share:.2%}) laid on white"]


def _full_scale(values):
    if values.dtype == np.uint16:  # colours of 12 bits come with an alpha of 12 bits
        return next(2**bits - 1 for bits in DEPTHS if values.max() < 2**bits)
    return np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1


def unit_range(values, *, bits=None, inverted=False):
    """Pixel values of any type as float32 in [0, 1], and notes on how.

    Integers are divided by the largest value that their bit depth can hold: 255, or for 16-bit
    files the smallest of 255, 1023, 4095, 16383 and 65535 that is not below 95 % of the pixels,
    because cameras store 10, 12 or 14 bits in 16. Brighter pixels, such as a burnt-in bar or a
    hot pixel, become 1. Values that all lie within 14 bits above 32768 were signed: 32768 is
    subtracted.

    Parameters
    ----------
    values : ndarray
    bits : int, optional
        Bits per value where the file states fewer than the type has.
    inverted : bool
        Large values are dark.
    """
    if values.dtype == bool:
        return values.astype(np.float32), []
    if bits is not None or values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(2 ** (bits or 8) - 1), []
    lowest, highest = values.min(), values.max()
    if values.dtype in (np.uint16, np.int16) and lowest >= 0:
        return _from_16_bits(values, highest, BRIGHTEST_INVERTED if inverted else BRIGHTEST)
    if values.dtype.kind == "f" and lowest >= 0 and highest <= 1:
        return values.astype(np.float32), []
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(
            f"{int((~np.isfinite(values)).sum())} pixels are not a number or infinite; replace "
            "them, for example by the grey value of the background"
        )
    raise InputError(
        f"pixel values of type {values.dtype} from {lowest} to {highest}; "
        "allowed: 8 or 16 bit from 0, or floating point from 0 to 1 (convert the image, in Fiji "
        "Image > Type > 8-bit)"
    )


def _from_16_bits(values, highest, brightest):
    step = max(1, min(values.shape[:2]) // 512)
    low, high = np.quantile(values[::step, ::step], [DARKEST, brightest])
    notes, offset = [], 0
    if low >= SIGN_BIT and high < SIGN_BIT + 2**14:
        offset = SIGN_BIT
        notes.append(f"{SIGN_BIT} subtracted: signed values stored as unsigned")
    full = next(2**bits - 1 for bits in DEPTHS if high - offset < 2**bits)
    if highest > offset + full:
        share = float((values > offset + full).mean())
        notes.append(
            f"{share:.2g} of the pixels above {offset + full}, burnt in or hot, taken as white"
        )
    # also what lies below the offset, such as a black frame
    unit = (values.astype(np.float32) - offset) / np.float32(full)
    return np.clip(unit, 0, 1), notes


def from_palette(indices, palette):
    """Channels of an image whose values are places in a table of colours.

    A table of greys is looked up. So is one of colours, unless the colours change gradually
    along the table, as they do in the look-up tables with which viewers colour a measurement
    ("Fire", "Green"): then the values themselves are the measurement, inverted where the table
    goes from light to dark.

    Parameters
    ----------
    indices : ndarray of uint8 or uint16, shape (H, W)
    palette : ndarray of uint8 or uint16, shape (N, 3)
    """
    if indices.max() >= len(palette):
        raise InputError(f"colour {indices.max()} of a palette that has {len(palette)}")
    if palette.dtype == np.uint16:  # some programs store 8 bits in 16
        palette = palette if palette.max() < 256 else palette >> 8
        palette = palette.astype(np.uint8)
    if (palette == palette[:, :1]).all():
        return Channels(palette[:, 0][indices])
    used = slice(int(indices.min()), int(indices.max()) + 1)
    if _changes_gradually(palette[used].astype(int)):
        note = "look-up table of a viewer left out: the stored values are read"
        bits = (len(palette) - 1).bit_length()
        light = palette[used] @ GREY_WEIGHTS
        falls = np.corrcoef(light, np.arange(len(light)))[0, 1] < FALLING
        return Channels(indices, "white is zero" if falls else "grey", bits=bits, notes=(note,))
    return Channels(palette[indices], "colour")


def _changes_gradually(palette):
    if len(np.unique(palette, axis=0)) < LEAST_COLOURS:
        return False
    steps = np.abs(np.diff(palette, axis=0)).max(axis=1)
    return bool(np.quantile(steps, 0.95) <= SMOOTH)
