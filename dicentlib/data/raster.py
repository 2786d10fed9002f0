"""PNG, JPEG and BMP files: what their pixels mean and the scale that they state."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from dicentlib.data.channels import Channels, from_palette
from dicentlib.data.orientation import turned
from dicentlib.data.scale import INCH_UM, StatedScale, stated
from dicentlib.errors import InputError

TEXTS = (b"iCCP", b"tEXt", b"zTXt", b"iTXt")  # chunks of a PNG file that do not change pixels
EXIF_MARKS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")  # of PNG
LARGE = 2**16
OF_16_BITS = (2, 4, 6)  # colour types of PNG that Pillow reduces to 8 bits: RGB, grey + alpha, RGBA


def open_raster(path, file_format):
    """Open a file with Pillow; of a PNG file without its colour profile and its long texts.

    Pillow refuses a whole file whose profile or text unpacks to more than 1 MB.
    """
    source = io.BytesIO(_without_texts(path)) if file_format == "PNG" else path
    return Image.open(source, formats=[file_format])


def _without_texts(path):
    content = Path(path).read_bytes()
    kept, place = [content[:8]], 8
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if kind == b"IDAT" or end > len(content):
            break
        if not (kind in TEXTS and (kind in (b"iCCP", b"zTXt") or length > LARGE)):
            kept.append(content[place:end])
        place = end
    return b"".join((*kept, content[place:]))


def orientation_of(image):
    """Orientation (1 to 8, as EXIF counts) that an open file states; 1 where it states none.

    Pillow decodes a whole PNG file to look for a note behind its pixels; this looks for the
    note's name first.
    """
    if image.format == "PNG" and not any(mark in image.fp.getvalue() for mark in EXIF_MARKS):
        return 1
    return image.getexif().get(274, 1)


def raster_scale(image):
    """Scale of an open image from its resolution, where that is a microscope's."""
    if "dpi" in image.info:
        width, height = (INCH_UM / float(value) if value else np.nan for value in image.info["dpi"])
    else:  # of PNG without a unit: the ratio of the sides alone
        width, height = image.info.get("aspect", (1, 1))[::-1]
        return replace(stated(width, height, deliberate=False), pixel_size_um=np.nan)
    scale = stated(width, height, deliberate=False)
    if scale.pixel_size_um > 0 and image.info.get("jfif_unit") == 1:
        # per inch: programs write 127000, 0.2 um, as 127000 - 65536, in 16 bits
        note = f"pixel size {scale.pixel_size_um:.4g} um in the header of a JPEG file left out: "
        return StatedScale(note=note + "a resolution per inch has too few bits for a microscope")
    return scale


def read_raster(path, file_format):
    """Channels of a PNG, JPEG or BMP file, turned as its orientation says."""
    with open_raster(path, file_format) as image:
        image.verify()  # decoding alone does not compare a PNG file's check sums
    with open_raster(path, file_format) as image:
        orientation = image.getexif().get(274, 1)
        depth, colour_type = _png_header(path) if file_format == "PNG" else (8, None)
        if depth == 16 and colour_type in OF_16_BITS:
            return _sixteen_bits(path, colour_type, orientation)
        if file_format == "JPEG":
            _refuse_cut_off(image)
        image = ImageOps.exif_transpose(image)
        if image.mode == "I;16" and "transparency" in image.info:  # Pillow would cut it to 8 bits
            values = np.asarray(image)
            return Channels(values, alpha=values != image.info["transparency"])
        if image.mode == "P" and "transparency" not in image.info:
            palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            return from_palette(np.asarray(image), palette)
        if "transparency" in image.info or image.mode == "PA":
            image = image.convert("RGBA")
        elif image.mode not in ("1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F"):
            image = image.convert("RGB")
        mode, values = image.mode, np.asarray(image)
    # Pillow opens some 16-bit files as 32-bit integers
    if mode == "I" and values.max() < 2**16:
        values = values.astype(np.uint16)
    if mode == "CMYK":
        return Channels(values, "CMYK", bits=8)
    return _with_alpha(values, file_format)


def _refuse_cut_off(image):
    """Refuse a JPEG image whose data end early, though the file has its end mark.

    The decoder leaves the blocks that follow, up to the last one, at 128 (127 in CMYK, which is
    stored inverted).
    """
    pixels = np.atleast_3d(np.asarray(image))
    if not np.isin(pixels[-1, -1], (127, 128)).all():
        return
    blank = ((pixels == 127) | (pixels == 128)).all(axis=2)
    for axis in (0, 1):  # `layer`: number, samples across and samples down of each channel
        samples = [layer[2 - axis] for layer in image.layer] if pixels.shape[2] > 1 else [1]
        blank = np.minimum.reduceat(blank, range(0, blank.shape[axis], 8 * max(samples)), axis=axis)
    n = int(blank.sum())
    if 0 < n < blank.size and blank.ravel()[-n:].all():
        raise InputError(f"damaged JPEG file: the last {n} of its {blank.size} blocks are missing")


def _png_header(path):
    """Bit depth and colour type of a PNG file."""
    with open(path, "rb") as file:
        header = file.read(26)
    return header[24], header[25]


def _sixteen_bits(path, colour_type, orientation):
    values = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("pixels of 16 bits cannot be decoded")
    values = values[..., [2, 1, 0, 3][: values.shape[2]]]
    if colour_type == 4:
        values = values[..., [0, 3]]
    return _with_alpha(turned(values, orientation), "PNG")


def _with_alpha(values, file_format):
    if values.ndim == 2:
        return Channels(values)
    n = values.shape[2] - 1 + values.shape[2] % 2  # 2 -> 1, 3 -> 3, 4 -> 3
    kind, colour = ("grey", values[..., 0]) if n == 1 else ("colour", values[..., :3])
    if values.shape[2] == n:
        return Channels(colour, kind)
    alpha = values[..., n]
    if file_format == "BMP" and not alpha.any():  # many programs leave it so; viewers ignore it
        return Channels(colour, kind, notes=("alpha channel left out: 0 everywhere",))
    return Channels(colour, kind, alpha)
