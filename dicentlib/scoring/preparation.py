"""From a file to the padded array that the members see, or the reason why there is none."""

import hashlib
import os
from dataclasses import dataclass, field, replace

import numpy as np

from dicentlib.data.images import background_of, grey_levels
from dicentlib.data.index import reason
from dicentlib.data.paths import contained_path
from dicentlib.data.pictures import read_picture
from dicentlib.data.scale import PIXEL_SIZES_UM, resolve_scale
from dicentlib.data.targets import pad_to_stride
from dicentlib.errors import InputError
from dicentlib.filtering.objections import objection

SCORED, REJECTED, QUARANTINED = "scored", "rejected by filter", "quarantined"
OVEREXPOSED = 0.5  # share of the pixels at the brightest value
ONE_GREY = 0.02  # share of the image in rows and columns of one value at its edge
ATTEMPTS = 3  # readings of a file that changes meanwhile


@dataclass(frozen=True)
class Prepared:
    """An image ready for the members, or why it is not."""

    image: str
    digest: str  # SHA-256 of the file, or why there is none
    status: str
    reason: str = ""
    notes: tuple = ()
    pixel_size_um: float = np.nan
    shape: tuple = ()  # of the file's image
    resampled_shape: tuple = ()  # at the members' scale, before padding
    picture: str = ""  # SHA-256 of what the members see
    padded: np.ndarray = field(default=None, repr=False, compare=False)


def file_digest(folder, record):
    """SHA-256 of an image file; of a file that cannot be read, the reason in its place."""
    if record.refused:
        return f"refused: {record.refused}"
    path = folder / record.image
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            return "unreadable: not a regular file"
        with open(contained_path(folder, record.image), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except InputError as error:
        return f"unreadable: {reason(error, path)}"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def prepare(folder, record, settings, image_filter=None):
    """Read an image, judge it by the filter, bring it to the members' scale and pad it.

    The digest belongs to the bytes that were read: a file that changes between the two is
    read again, and quarantined when it keeps changing.

    Returns
    -------
    Prepared
    """
    for _ in range(ATTEMPTS):
        before = _state(folder / record.image)
        digest = file_digest(folder, record)
        prepared = _prepare_once(folder, record, settings, image_filter, digest)
        if _state(folder / record.image) == before:
            return prepared
    return Prepared(
        record.image, "unreadable: changing", QUARANTINED, "file changes while it is read"
    )


def _state(path):
    """What differs after a file was written to or replaced."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _prepare_once(folder, record, settings, image_filter, digest):
    path = folder / record.image
    try:
        if record.refused:
            raise InputError(record.refused)
        contained_path(folder, record.image)
        picture = read_picture(path)
        scale = resolve_scale(
            record.pixel_size_um, picture.scale, otherwise_um=settings.image_pixel_size_um
        )
        notes = [*picture.notes, *scale.notes]
        prepared = prepare_pixels(
            picture.pixels, scale.pixel_size_um, settings, image_filter, notes=notes
        )
    except InputError as error:
        return Prepared(record.image, digest, QUARANTINED, reason(error, path))
    return replace(prepared, image=record.image, digest=digest)


def prepare_pixels(image, pixel_size, settings, image_filter=None, *, notes=()):
    """Judge an image that was read, bring it to the members' scale and pad it.

    Returns
    -------
    Prepared
        Without name and digest.

    Raises
    ------
    InputError
        The image cannot hold a metaphase, or no light microscope has this pixel size.
    """
    notes = list(notes)
    check_pixel_size(pixel_size)
    if objected := objection(image, pixel_size_um=pixel_size):
        raise InputError(objected)
    facts = {"pixel_size_um": pixel_size, "shape": image.shape}
    if image_filter is not None and (verdict := _verdict(image, pixel_size, image_filter)):
        return Prepared("", "", REJECTED, verdict, tuple(notes), **facts)
    background = background_of(image)
    if not background.is_usual:
        notes.append(f"background {background.level:.2f} normalised")
    if (share := float((image >= 1).mean())) > OVEREXPOSED:
        notes.append(f"overexposed: {share:.0%} of the pixels are white, pale objects may be lost")
    if (share := _edge_of_one_grey(image)) > ONE_GREY:
        notes.append(
            f"{share:.0%} of the image at its edge has one grey: a frame, or pixels that were "
            "not written"
        )
    if background.is_flattened:
        share = f"{background.darkest:.0%}"
        notes.append(f"contrast stretched: darkest pixels at {share} of the background")
    levels = grey_levels(
        image,
        pixel_size_um=pixel_size,
        target_pixel_size_um=settings.scorer.pixel_size_um,
        background=background,
    )
    return Prepared(
        "",
        "",
        SCORED,
        notes=tuple(notes),
        resampled_shape=levels.shape,
        picture=hashlib.sha256(levels.tobytes()).hexdigest(),
        padded=pad_to_stride(levels).astype(np.float32) / 255,
        **facts,
    )


def _edge_of_one_grey(image):
    """Share of the image in whole rows and columns of one value, from its edges inwards."""
    kept = 1.0
    for lines in (image, image.T):
        varied = np.flatnonzero((lines != lines[:, :1]).any(axis=1))
        kept *= (varied[-1] + 1 - varied[0]) / len(lines) if len(varied) else 0
    return 1 - kept


def check_pixel_size(value):
    """Refuse a scale that no light microscope has."""
    low, high = PIXEL_SIZES_UM
    if not low <= value <= high:
        raise InputError(f"pixel_size_um {value:g}; allowed: {low:g} to {high:g}")


def _verdict(image, pixel_size, image_filter):
    """Why the filter rejects an image; "" if it does not."""
    from dicentlib.filtering.classify import judge, prepare_image

    size = image_filter.settings.image_size
    judged = prepare_image(image, pixel_size_um=pixel_size, image_size=size)
    return judge([("", judged)], image_filter)["reason"].iloc[0]
