"""The scale that an image file states, and the one that is used."""

import json
import math
import re
import unicodedata
from dataclasses import dataclass

from defusedxml import ElementTree

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.errors import InputError

PIXEL_SIZES_UM = (0.02, 2.0)  # of a light microscope, in the plane of the slide
SQUARE = 0.01  # largest relative difference between the sides of a pixel
FILLER_UM = 1.0  # what programs write where they know no size; no metaphase is legible at it
CONFLICT = 0.02  # relative difference from which table and file contradict each other
ASSUMED, FROM_FILE = "pixel size assumed", "from the file"
INCH_UM, CENTIMETRE_UM = 25400.0, 10000.0
UNITS_OF_TAG = {2: INCH_UM, 3: CENTIMETRE_UM}  # TIFF ResolutionUnit
MICRO_MANAGER = 51123  # tag of its metadata of an image, JSON
APERIO = re.compile(r"\|\s*MPP\s*=\s*([0-9.]+)")  # um per pixel
UNITS_OF_TAG |= {4: 1e3, 5: 1.0}  # beyond the standard: mm, um

# Micrometres in a unit, by the words and signs that programs write, in lower case and singular.
MICROMETRES = {
    1e-4: ("å", "a", "angstrom", "ångström", "ångstrom"),
    1e-3: ("nm", "nanometer", "nanometre"),
    1.0: ("um", "μm", "μ", "micron", "micrometer", "micrometre", "micro meter", "mikrometer"),
    1e3: ("mm", "millimeter", "millimetre"),
    CENTIMETRE_UM: ("cm", "centimeter", "centimetre"),
    1e6: ("m", "meter", "metre"),
    INCH_UM: ("in", "inch", "inche", '"'),
}
IN_MICROMETRES = {word: size for size, words in MICROMETRES.items() for word in words}


@dataclass(frozen=True)
class StatedScale:
    """What a file says of the size of its pixels: micrometres, NaN where it says nothing usable.

    ``note`` names a statement that cannot be used.
    """

    pixel_size_um: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """The side of a pixel in micrometres, where it comes from, and notes on it.

    ``origin``: "table", "file", "given" or "assumed".
    """

    pixel_size_um: float
    origin: str
    notes: tuple = ()


def micrometres(unit):
    """Micrometres in a unit of length as programs write it; NaN of a word that is none.

    Examples
    --------
    >>> micrometres("Micrometers"), micrometres("\\\\u00B5m"), micrometres("pixel")
    (1.0, 1.0, nan)
    """
    word = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), str(unit))
    word = unicodedata.normalize("NFKC", word).strip().lower()
    for form in (word, word.removesuffix("s"), word.removesuffix(".")):
        if form in IN_MICROMETRES:
            return IN_MICROMETRES[form]
    return math.nan


def stated(width, height=None, *, deliberate=True):
    """A file's statement of the two sides of a pixel in micrometres.

    Parameters
    ----------
    width, height : float
        NaN or None where the file does not say. One side alone is taken for both.
    deliberate : bool
        A size that no microscope has is noted. False for the resolution with which programs
        fill their files, such as 72 per inch: it is passed over.

    Raises
    ------
    InputError
        The sides differ: positions and lengths would be wrong.
    """
    sides = [side for side in (width, height) if side is not None and side > 0]
    sides = [side for side in sides if math.isfinite(side)]
    if not sides:
        return StatedScale()
    if max(sides) > (1 + SQUARE) * min(sides):
        raise InputError(
            f"pixels are not square: {sides[0]:.4g} um wide, {sides[1]:.4g} um high; "
            "allowed: square pixels (resample the image, or correct its metadata)"
        )
    low, high = PIXEL_SIZES_UM
    if not low <= sides[0] <= high or sides[0] == FILLER_UM:
        allowed = f"allowed {low:g} to {high:g}"
        if sides[0] == FILLER_UM:
            allowed = "programs write it where they know none"
        note = f"pixel size {sides[0]:.4g} um in the file left out: {allowed}"
        return StatedScale(note=note if deliberate else "")
    return StatedScale(sides[0])


def tiff_scale(file, page):
    """Scale of an open ``TiffFile``: OME, ImageJ, other programs, the page's resolution tag."""
    notes = []
    x, y = _resolution(page)
    unit = int(page.tags.valueof(296, 2))
    for statement in (_ome_scale(file, page), _imagej_scale(file, page), _maker_scale(page)):
        if statement.pixel_size_um > 0:
            side = UNITS_OF_TAG.get(unit, math.nan) / x
            kind = "OME metadata" if file.is_ome else "metadata"
            return statement if file.is_imagej else _with_conflict(statement, side, kind)
        notes.append(statement.note)
    if unit in UNITS_OF_TAG:
        from_tag = stated(UNITS_OF_TAG[unit] / x, UNITS_OF_TAG[unit] / y, deliberate=False)
        if from_tag.pixel_size_um > 0:
            return from_tag
    elif not file.is_imagej:  # without a unit the tag still states the ratio of the sides
        stated(1 / x, 1 / y, deliberate=False)
    return StatedScale(note="; ".join(filter(None, notes)))


def _with_conflict(statement, side, kind):
    """The statement of metadata, noting that the resolution tag says another side."""
    low, high = PIXEL_SIZES_UM
    if low <= side <= high and abs(side / statement.pixel_size_um - 1) > CONFLICT:
        note = f"its resolution tag says {side:.4g} um, its {kind} another pixel size"
        return StatedScale(statement.pixel_size_um, note)
    return statement


def _resolution(page):
    """Pixels per unit along X and Y, NaN where the tags are absent or 0."""
    numbers = []
    for tag in (282, 283):
        value = page.tags.valueof(tag, (0, 0))
        pixels, units = value if isinstance(value, tuple) else (0, 0)
        numbers.append(pixels / units if pixels and units else math.nan)
    return numbers


def _ome_scale(file, page):
    if not file.is_ome:
        return StatedScale()
    try:
        root = ElementTree.fromstring(file.ome_metadata)
        described = [element for element in root.iter() if element.tag.endswith("}Pixels")]
        sizes = [(pixels.get("SizeY"), pixels.get("SizeX")) for pixels in described]
        size = (str(page.imagelength), str(page.imagewidth))
        if described and size not in sizes:  # saved by a program that resized the image
            note = f"OME metadata left out: of an image of {sizes[0][0]} x {sizes[0][1]} px"
            return StatedScale(note=note)
        pixels = described[sizes.index(size)]
        units = [pixels.get(f"PhysicalSize{side}Unit", "µm") for side in "XY"]
        sides = [float(pixels.get(f"PhysicalSize{side}", "nan")) for side in "XY"]
    except Exception:  # odd metadata do not make the image unusable
        return StatedScale(note="OME metadata cannot be read")
    return _in_words(sides, units)


def _imagej_scale(file, page):
    metadata = file.imagej_metadata or {} if file.is_imagej else {}
    unit = metadata.get("unit")
    if not unit or str(unit).strip().lower() in ("pixel", "pixels"):
        return StatedScale()
    x, y = _resolution(page)
    return _in_words([1 / x, 1 / y], [unit, metadata.get("yunit", unit)])


def _maker_scale(page):
    """What Micro-Manager, MetaMorph or Aperio wrote in a form of its own."""
    description = str(page.description)
    try:
        if said := page.tags.valueof(MICRO_MANAGER):
            said = said if isinstance(said, dict) else json.loads(said)
            return stated(float(said.get("PixelSizeUm", "nan")))
        if description.lstrip().startswith("<MetaData>"):
            props = {
                prop.get("id"): prop.get("value")
                for prop in ElementTree.fromstring(description).iter()
            }
            if props.get("spatial-calibration-state", "on") != "on":
                return StatedScale()
            sides = [float(props.get(f"spatial-calibration-{side}", "nan")) for side in "xy"]
            return _in_words(sides, [props.get("spatial-calibration-units", "")] * 2)
        if description.startswith("Aperio") and (found := APERIO.search(description)):
            return stated(float(found[1]))
    except InputError:
        raise
    except Exception:  # odd metadata do not make the image unusable
        return StatedScale(note="metadata of the microscope's program cannot be read")
    return StatedScale()


def _in_words(sizes, units):
    known = [size * micrometres(unit) for size, unit in zip(sizes, units, strict=True)]
    for size, side, unit in zip(sizes, known, units, strict=True):
        if size > 0 and math.isnan(side):
            return StatedScale(note=f"pixel size in the unit {str(unit)[:20]!r} not understood")
    return stated(*known)


def resolve_scale(in_table, in_file, *, otherwise_um=None):
    """The scale of an image: its table's, else its file's, else one that is assumed.

    Parameters
    ----------
    in_table : float
        Of ``samples.csv``, in micrometres; NaN where unknown.
    in_file : StatedScale
    otherwise_um : float, optional
        Given for images that state none; by default 0.1 is assumed.

    Returns
    -------
    Scale
    """
    notes = [in_file.note] if in_file.note else []
    from_file = in_file.pixel_size_um
    if in_table > 0:
        if from_file > 0 and abs(in_table / from_file - 1) > CONFLICT:
            notes.append(
                f"pixel size {in_table:.4g} um of the table; the file says {from_file:.4g}"
            )
        return Scale(float(in_table), "table", tuple(notes))
    if from_file > 0:
        return Scale(from_file, "file", (*notes, f"pixel size {from_file:.4g} um {FROM_FILE}"))
    if otherwise_um is not None:
        return Scale(float(otherwise_um), "given", tuple(notes))
    notes.append(f"{ASSUMED} {REFERENCE_PIXEL_SIZE_UM:g} um")
    return Scale(REFERENCE_PIXEL_SIZE_UM, "assumed", tuple(notes))
