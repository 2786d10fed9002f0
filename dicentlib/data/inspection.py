"""What a file is, from its first and last bytes: cheap enough to ask of every file in a folder."""

import os
import re
import stat
import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import tifffile

from dicentlib.data.microscope import czi_facts, nd2_facts
from dicentlib.data.orientation import SWAPPED, TURNS
from dicentlib.data.paths import printable
from dicentlib.data.raster import open_raster, orientation_of, raster_scale
from dicentlib.data.scale import StatedScale, tiff_scale
from dicentlib.data.tiff import data_end, find_image, meaning
from dicentlib.errors import InputError
from dicentlib.files import refuse_pointer

SUFFIXES = {
    "TIFF": (".tif", ".tiff"),
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jfif"),
    "BMP": (".bmp",),
    "CZI": (".czi",),
    "ND2": (".nd2",),
}
IMAGE_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
JPEG_MARK = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]", re.DOTALL)
MAGIC = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"ZISRAWFILE": "CZI",
    b"\xda\xce\xbe\x0a": "ND2",
}
READERS = {"CZI": "czifile", "ND2": "nd2"}

MAX_PIXELS = 50_000_000  # ten times a large camera; refuses decompression bombs unopened
MIN_SIDE_PX = 8


@dataclass(frozen=True)
class ImageFacts:
    """Format and size of an image file, from its header."""

    format: str  # "TIFF", "PNG", "JPEG", "BMP", "CZI" or "ND2"
    height: int  # as displayed, after any rotation noted in the file; 0: not known unread
    width: int
    n_pages: int  # full images; only the first is used
    scale: StatedScale
    turned: bool = False  # by a note in the file, EXIF or a tag of TIFF

    @property
    def pixel_size_um(self):
        """As the file states, where that is a light microscope's; else NaN."""
        return self.scale.pixel_size_um


def inspect_image(path):
    """Check an image file without decoding it.

    Looks at the kind of file, its first bytes, its header and where its data end, so that
    missing, empty, mislabelled, truncated and absurdly large files are known before any work.
    Damage inside the pixel data is found by :func:`dicentlib.data.read_image` only.

    Returns
    -------
    ImageFacts

    Raises
    ------
    InputError
        Naming the file, what it is and what is allowed.
    """
    path = Path(path)
    start = _first_bytes(path)
    found = next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)
    suffix = path.suffix.lower()
    if found is None or suffix not in SUFFIXES[found]:
        refuse_pointer(path)
        content = f"{found} content" if found else "content of no known image format"
        raise InputError(
            f"{path}: {content} under a name ending in {suffix or 'no suffix'!r}; "
            f"allowed: TIFF, PNG, JPEG, BMP, CZI or ND2 with its own suffix"
        )
    try:
        if found == "TIFF":
            facts = _inspect_tiff(path)
        elif found in READERS:
            facts = _inspect_microscope(path, found)
        else:
            facts = _inspect_raster(path, found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # a parser may raise anything on damaged bytes
        allowed = "; JPEG of 12 bits and lossless JPEG are not read: save it as TIFF or PNG"
        raise InputError(
            f"{path}: {found} header cannot be read ({cause(error, path)})"
            f"{allowed if found == 'JPEG' else ''}"
        ) from error
    if found not in READERS:
        check_size(path, facts.height, facts.width)
    return facts


def _first_bytes(path):
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: not a regular file; allowed: image files")
        if status.st_size == 0:
            raise InputError(f"{path}: empty file (0 bytes)")
        with open(path, "rb") as file:
            return file.read(16)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be opened ({reason})") from error


def _inspect_tiff(path):
    with tifffile.TiffFile(path) as file:
        image = find_image(file)
        page = image.page
        meaning(page)
        end, _ = data_end(page)
        size = file.filehandle.size
        if not end or end > size:
            raise InputError(f"truncated TIFF file: {size} bytes, its pixels need {end}")
        height, width = page.imagelength, page.imagewidth
        orientation = page.tags.valueof(274, 1)
        if orientation in SWAPPED:
            height, width = width, height
        scale = tiff_scale(file, page)
        return ImageFacts("TIFF", height, width, image.n_pages, scale, orientation in TURNS)


def _inspect_raster(path, file_format):
    with open(path, "rb") as file:
        header = file.read(34)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        tail = file.read()
    if (file_format == "PNG" and b"IEND" not in tail and not _png_ends(path)) or (
        file_format == "JPEG" and b"\xff\xd9" not in tail and not _jpeg_ends(path)
    ):
        raise InputError(f"truncated {file_format} file: its end mark is missing")
    if file_format == "BMP" and size < (needed := _bmp_end(header)):
        raise InputError(f"truncated BMP file: {size} bytes, its pixels need {needed}")
    with open_raster(path, file_format) as image:
        width, height = image.size
        orientation = orientation_of(image)
        if orientation in SWAPPED:
            height, width = width, height
        n_pages = getattr(image, "n_frames", 1)
        scale = raster_scale(image)
        return ImageFacts(file_format, height, width, n_pages, scale, orientation in TURNS)


def _bmp_end(header):
    """Where uncompressed pixels of a BMP file end; the size that its header states is often wrong.

    0 for compressed ones, and headers of OS/2.
    """
    start, kind, width, height, _, bits, compression = struct.unpack("<10xIIiiHHI", header)
    if kind < 40 or compression not in (0, 3):
        return 0
    return start + (width * bits + 31) // 32 * 4 * abs(height)


def _png_ends(path):
    """Whether the end mark is reached from chunk to chunk; some programs append bytes after it."""
    content, place = Path(path).read_bytes(), 8
    while place + 12 <= len(content):
        if content[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(content[place : place + 4], "big")
    return False


def _jpeg_ends(path):
    """Whether the end mark is reached from mark to mark; some programs append bytes after it."""
    content = Path(path).read_bytes()
    place = 2
    while mark := JPEG_MARK.search(content, place):
        kind = mark.group()[1]
        if kind == 0xD9:
            return True
        # a segment says its length; the scan after 0xDA is searched for the next mark
        place = mark.end() + int.from_bytes(content[mark.end() : mark.end() + 2], "big")
    return False


def _inspect_microscope(path, file_format):
    reader = READERS[file_format]
    if find_spec(reader) is None:
        raise InputError(
            f"{file_format} files need the package {reader}; install dicentlib[microscopes]"
        )
    facts = nd2_facts if file_format == "ND2" else czi_facts
    return ImageFacts(file_format, *facts(path))


def cause(error, path):
    """A decoder's error in one line of printable text that is the same wherever it happens."""
    text = str(error).replace(f"{path.parent}{os.sep}", "")
    text = re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "the file", text)
    text = printable(" ".join(text.split()))
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def check_size(name, height, width):
    """Refuse images that no microscope makes.

    Raises
    ------
    InputError
        A side is below 8 px, or there are more than 50 million pixels.
    """
    if min(height, width) < MIN_SIDE_PX or height * width > MAX_PIXELS:
        raise InputError(
            f"{name}: {height} x {width} px; allowed: sides of at least {MIN_SIDE_PX} px "
            f"and at most {MAX_PIXELS:,} pixels"
        )
