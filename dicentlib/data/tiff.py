"""TIFF files: the page that is the image, and what its tags say of the samples."""

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
import tifffile
from defusedxml import ElementTree

from dicentlib.data.channels import Channels, from_palette
from dicentlib.data.orientation import turned
from dicentlib.errors import InputError

# What tifffile warns of is in the notes and reasons of the image.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

REDUCED, MASK = 1, 4  # bits of NewSubfileType
ASSOCIATED, UNASSOCIATED = 1, 2  # ExtraSamples: alpha, multiplied into the colours or not
JPEG = (6, 7, 33007)  # compressions that decode YCbCr to RGB
PALETTE, CMYK, YCBCR = 3, 5, 6
COLOURS = {
    0: "white is zero",
    1: "grey",
    2: "colour",
    PALETTE: "palette",
    CMYK: "CMYK",
    YCBCR: "colour",
}
CHANNELS_OF = {"white is zero": 1, "grey": 1, "palette": 1, "colour": 3, "CMYK": 4}
ALLOWED = "allowed: grey, RGB, palette, CMYK, YCbCr in JPEG (save it as grey or RGB)"
RGB = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@dataclass(frozen=True)
class TiffImage:
    """The page to be read, ``planes`` with it where colours lie on three pages, and notes."""

    page: tifffile.TiffPage
    planes: tuple
    n_pages: int  # full images in the file, of which this is the first
    notes: tuple


def find_image(file):
    """The first page of an open ``TiffFile`` that is a full image.

    Pages that are flagged as reduced copies or as masks are passed over. Three channels that
    the file calls red, green and blue (OME, or a composite of ImageJ) are one image in colour.

    Raises
    ------
    InputError
        No page is a full image, or a later page is larger than the first and no tag says
        which of them is the image.
    """
    pages = list(file.pages)
    full = [page for page in pages if not _subfile(page) & (REDUCED | MASK)]
    if not full:
        below = [sub for page in pages for sub in (getattr(page, "pages", None) or ())]
        full = [page for page in below if not _subfile(page) & (REDUCED | MASK)][:1]
    if not full:
        raise InputError("only reduced copies or masks (NewSubfileType), no full image")
    page = full[0]
    largest = max(full, key=_n_pixels)
    if _n_pixels(largest) > _n_pixels(page):
        raise InputError(
            f"pages of {_size(page)} and {_size(largest)} px, and no tag says which is the image; "
            "save the image alone"
        )
    notes = []
    if page is not pages[0]:
        notes.append("the full image is read, not the reduced copy before it")
    n_pages = len(full)
    if file.is_imagej:
        n_pages = max(n_pages, int(file.imagej_metadata.get("images", 1)))
    if n_pages >= 3 and len(full) >= 3 and _calls_rgb(file):
        return TiffImage(page, tuple(full[:3]), max(1, n_pages // 3), tuple(notes))
    return TiffImage(page, (page,), n_pages, tuple(notes))


def _subfile(page):
    return getattr(page, "subfiletype", 0)


def _n_pixels(page):
    return page.imagelength * page.imagewidth


def _size(page):
    return f"{page.imagelength} x {page.imagewidth}"


def _calls_rgb(file):
    """Whether the metadata call the first three planes red, green and blue."""
    try:
        if file.is_ome:
            root = ElementTree.fromstring(file.ome_metadata)
            pixels = next(e for e in root.iter() if e.tag.endswith("}Pixels"))
            channels = [e for e in pixels if e.tag.endswith("}Channel")]
            first = pixels.get("DimensionOrder", "").startswith("XYC") or (
                pixels.get("SizeZ") == pixels.get("SizeT") == "1"
            )
            return first and len(channels) == 3 and all(map(_is_called, channels, range(3)))
        metadata = file.imagej_metadata or {}
        tables = metadata.get("LUTs") or [np.outer(rgb, np.ones(2)) for rgb in RGB]
        return (
            metadata.get("channels") == 3
            and metadata.get("mode") in ("composite", "color")
            and all(tuple(t[:, -1]) == rgb for t, rgb in zip(tables[:3], RGB, strict=True))
        )
    except (StopIteration, ElementTree.ParseError, ValueError, TypeError, IndexError):
        return False


def _is_called(channel, place):
    """Whether an OME channel has the name or the colour of R, G or B."""
    name = (channel.get("Name") or "").strip().lower()
    if name:
        return name in (("red", "r"), ("green", "g"), ("blue", "b"))[place]
    colour = int(channel.get("Color", "-1")) % 2**32  # red, green, blue, alpha
    return ((colour >> 24) & 255, (colour >> 16) & 255, (colour >> 8) & 255) == RGB[place]


def meaning(page):
    """The kind of a page's samples, see ``channels.Channels``; ``InputError`` if not understood."""
    tags = page.tags
    number, compression = tags.valueof(262), int(page.compression)
    if number is None:
        return "colour" if page.samplesperpixel in (3, 4) else "grey"
    name = getattr(page.photometric, "name", str(number))
    if number not in COLOURS:
        raise InputError(f"colours stored as {name} are not supported; {ALLOWED}")
    if number == YCBCR and compression not in JPEG:
        raise InputError(f"YCbCr without JPEG compression is not supported; {ALLOWED}")
    if number == CMYK and (tags.valueof(332, 1) != 1 or compression in JPEG):
        kind = "CMYK in JPEG" if compression in JPEG else "inks other than CMYK"
        raise InputError(f"colours separated into {kind} are not supported; {ALLOWED}")
    return COLOURS[number]


def data_end(page):
    """Where the pixels of a page end in the file, and a note where its byte counts are wrong.

    Uncompressed strips have the size that width, height and depth give; old programs write
    no byte counts, 0, or wrong ones.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    size = page.parent.filehandle.size
    stated = page.tags.valueof(325, page.tags.valueof(279, page.tags.valueof(514)))
    if not all(offsets):
        raise InputError(
            f"{sum(not one for one in offsets)} of {len(offsets)} strips or tiles are not in the "
            "file (offset 0)"
        )
    wrong = not stated or len(counts) != len(offsets) or not all(counts)
    note = ""
    if int(page.compression) == 1 and not page.is_tiled:
        computed = _strip_bytes(page)
        wrong = wrong or max(map(sum, zip(offsets, counts, strict=True)), default=0) > size
        wrong = wrong or any(map(int.__lt__, map(int, counts), computed))
        if wrong and len(computed) == len(offsets):
            counts = page.databytecounts = computed
            note = "byte counts of the strips absent or wrong: computed from the size"
    elif wrong:
        raise InputError(
            "byte counts of the strips absent or 0 in a compressed TIFF; save it uncompressed"
        )
    return max(map(sum, zip(offsets, counts, strict=False)), default=0), note


def _strip_bytes(page):
    """Bytes of every uncompressed strip, from width, height and depth."""
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    bits = page.bitspersample * page.samplesperpixel // planes
    row = math.ceil(page.imagewidth * bits / 8)
    height, step = page.imagelength, min(page.rowsperstrip, page.imagelength)
    return planes * tuple(row * min(step, height - top) for top in range(0, height, step))


def read_tiff(path):
    """Channels of the image in a TIFF file, turned as its orientation says."""
    with tifffile.TiffFile(path) as file:
        image = find_image(file)
        channels = _read_page(image.page)
        if len(image.planes) == 3:
            planes = [_read_page(page).values for page in image.planes]
            note = "three planes read as red, green and blue"
            channels = Channels(np.stack(planes, axis=-1), "colour", notes=(note,))
        orientation = image.page.tags.valueof(274, 1)
    alpha = channels.alpha
    return replace(
        channels,
        values=turned(channels.values, orientation),
        alpha=None if alpha is None else turned(alpha, orientation),
        notes=(*image.notes, *channels.notes),
    )


def _read_page(page):
    kind = meaning(page)
    _, note = data_end(page)
    notes = [note] if note else []
    if page.tags.valueof(262) is None:
        notes.append(f"no photometric interpretation in the file: {kind} assumed")
    values, axes = page.asarray(), page.axes
    values = values[(0,) * axes.index("Y")] if axes[0] not in "YS" else values
    if axes.startswith("S"):  # planes of colour one after the other
        values = np.moveaxis(values, 0, -1)
    values = np.atleast_3d(values)
    n = CHANNELS_OF[kind]
    if values.shape[2] < n:
        raise InputError(f"{values.shape[2]} samples per pixel; {kind} has {n}")
    extra = list(page.tags.valueof(338, ()) if values.shape[2] > n else ())
    extra = [int(one) for one in extra] or [0] * (values.shape[2] - n)
    alpha, premultiplied = None, False
    for place, means in enumerate(extra[: values.shape[2] - n], start=n):
        if means in (ASSOCIATED, UNASSOCIATED) and alpha is None:
            alpha, premultiplied = values[..., place], means == ASSOCIATED
        else:
            notes.append("a sample that the file does not call alpha left out")
    values = values[..., :n] if n > 1 else values[..., 0]
    if kind == "palette":
        channels = from_palette(values, page.colormap.T)
        values, kind = channels.values, channels.kind
        notes += channels.notes
        bits = channels.bits
    else:
        bits = _stated_bits(page, kind)
    return Channels(values, kind, alpha, premultiplied, bits, tuple(notes))


def _stated_bits(page, kind):
    """Bits per sample where the type has more, and of CMYK, whose ink is not a light."""
    bits = page.bitspersample
    whole = bits in (8, 16, 32, 64) or page.dtype.kind not in "ui"
    return bits if not whole or (kind == "CMYK" and bits <= 16) else None
