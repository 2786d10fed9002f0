"""Annotated positions: the table ``image, class, row, col`` and its checks.

Positions are floats in pixels of the original image: the centre of the top left pixel is
(0, 0), rows go down, columns to the right. Other programs' files are read and written by
:mod:`dicentlib.data.formats`.
"""

from pathlib import Path

import numpy as np

from dicentlib.conventions import CLASSES
from dicentlib.data.inspection import inspect_image
from dicentlib.data.paths import contained_path
from dicentlib.data.samples import as_text, read_csv
from dicentlib.errors import InputError
from dicentlib.files import atomic_path

ANNOTATION_COLUMNS = ("image", "class", "row", "col")


def read_annotations(path, index=None):
    """Read ``annotations.csv``.

    Parameters
    ----------
    path : path-like
        CSV file with the columns ``image, class, row, col``; further columns are left out.
    index : ImageIndex, optional
        With it, every image must be in the index and every position inside its image.
        Annotations of quarantined images are left out, because their images are.

    Returns
    -------
    DataFrame
        Columns ``image, class`` (str), ``row, col`` (float), in the order of the file.

    Raises
    ------
    InputError
        Naming file and row, what was found and what is allowed.
    """
    table = read_csv(path, text=ANNOTATION_COLUMNS)
    missing = [column for column in ANNOTATION_COLUMNS if column not in table]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found: {', '.join(map(str, table.columns))}; "
            f"required: {', '.join(ANNOTATION_COLUMNS)}"
        )
    return check_annotations(table, index, source=str(path))


def write_annotations(path, annotations):
    """Write annotations as CSV, atomically; reading it gives the same table, digit for digit.

    Raises
    ------
    InputError
        The table is not valid, see :func:`check_annotations`.
    """
    table = check_annotations(annotations, source="annotations")
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def check_annotations(annotations, index=None, *, source="annotations"):
    """Check a table of annotations and return its four columns with their types.

    Parameters
    ----------
    annotations : DataFrame
    index : ImageIndex, optional
        See :func:`read_annotations`.
    source : str
        Where the table comes from; messages begin with it. Rows are counted as in a CSV file
        with a header: the first is row 2.

    Raises
    ------
    InputError
        A class other than dicentric and fragment; a position that is not a number, is negative
        or lies outside its image; an image that the index does not have.
    """
    table = annotations.loc[:, list(ANNOTATION_COLUMNS)].reset_index(drop=True)
    table["image"] = as_text(table["image"])
    table["class"] = as_text(table["class"])
    _refuse(
        ~table["class"].isin(CLASSES),
        table["class"],
        source,
        f"class {{!r}}; allowed: {', '.join(CLASSES)}",
    )
    _refuse(table["image"] == "", table["image"], source, "image {!r}; allowed: an image's path")
    for axis in ("row", "col"):
        numbers = table[axis].map(_number).astype(float)
        wrong = ~(np.isfinite(numbers) & (numbers >= 0))
        _refuse(wrong, table[axis], source, f"{axis} {{!r}}; allowed: a position in pixels, from 0")
        table[axis] = numbers
    return table if index is None else _check_against_index(table, index, source)


def _number(value):
    """Exact float of a number or text; NaN where it is neither."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _refuse(wrong, values, source, message):
    if wrong.any():
        position = int(np.argmax(wrong.to_numpy()))
        raise InputError(f"{source}, row {position + 2}: {message.format(values.iloc[position])}")


def _check_against_index(table, index, source):
    quarantined = table["image"].isin(index.quarantined["image"])
    known = index.table["image"]
    _refuse(
        ~(table["image"].isin(known) | quarantined),
        table["image"],
        source,
        f"image {{!r}} is not in {index.folder}; allowed: its {len(known)} images, for example "
        f"{', '.join(known[:3])}",
    )
    kept = table[~quarantined]
    sizes = _sizes(index, kept["image"].unique())
    height = kept["image"].map({name: size[0] for name, size in sizes.items()}).astype(float)
    width = kept["image"].map({name: size[1] for name, size in sizes.items()}).astype(float)
    outside = (kept["row"] >= height) | (kept["col"] >= width)
    if outside.any():
        row = outside.idxmax()
        raise InputError(
            f"{source}, row {row + 2}: position ({kept['row'][row]:g}, {kept['col'][row]:g}) is "
            f"outside {kept['image'][row]}; allowed: row below {height[row]:g}, "
            f"col below {width[row]:g}"
        )
    return kept.reset_index(drop=True)


def _sizes(index, images):
    """Height and width of images by name, from the index or else from the files' headers."""
    if {"height_px", "width_px"} <= set(index.table.columns):
        table = index.table
        sizes = zip(table["height_px"], table["width_px"], strict=True)
        return dict(zip(table["image"], sizes, strict=True))
    facts = {image: inspect_image(contained_path(Path(index.folder), image)) for image in images}
    return {image: (fact.height, fact.width) for image, fact in facts.items()}
