"""Annotated positions: the table ``image, class, row, col`` and its checks.

Positions are floats in pixels of the original image: the centre of the top left pixel is
(0, 0), rows go down, columns to the right. Other programs' files are read and written by
:mod:`dicentlib.data.formats`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.inspection import inspect_image
from dicentlib.data.paths import contained_path, matched_names, printable
from dicentlib.errors import InputError, notice
from dicentlib.files import atomic_path
from dicentlib.tables import as_text, number_style, numbers, read_table, with_plain_headings

ANNOTATION_COLUMNS = ("image", "class", "row", "col")
REVIEWED = {"decision", "reviewed_class"}  # columns of review.csv
OF_DETECTIONS = {"score", "confidence", "votes", "peak_mean"}
OF_BOXES = {"width", "height", "w", "h"}
NEAR_PX = 1.0  # between two objects; chromosomes that overlap have their centres further apart


def read_annotations(path, index=None):
    """Read ``annotations.csv``.

    Parameters
    ----------
    path : path-like
        Table (:func:`dicentlib.tables.read_table`) with the columns ``image, class, row, col``;
        further columns are left out.
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
    table = read_table(
        path, is_header=lambda cells: {*ANNOTATION_COLUMNS} <= {cell.casefold() for cell in cells}
    )
    table = with_plain_headings(table, ANNOTATION_COLUMNS)
    missing = [column for column in ANNOTATION_COLUMNS if column not in table.cells]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; found: {', '.join(table.cells.columns)}; "
            f"required: {', '.join(ANNOTATION_COLUMNS)}"
        )
    _check_other_columns(table)
    return check_table(table, index)


def _check_other_columns(table):
    """Refuse a table of review, and say which columns give the rows another meaning."""
    others = {
        column.casefold(): column for column in table.cells if column not in ANNOTATION_COLUMNS
    }
    if set(others) >= REVIEWED:
        raise InputError(
            f"{table.source}: a table of review, with rejected objects; expected annotations, with "
            f"the columns {', '.join(ANNOTATION_COLUMNS)}"
        )
    for names, remark in (
        (OF_DETECTIONS, "typical of a program's predictions; read as annotations"),
        (OF_BOXES, "typical of boxes; row and col are read as the centre of the object"),
    ):
        if found := [others[name] for name in sorted(names & set(others))]:
            notice(f"{table.source}: column {', '.join(found)}, {remark}")


def check_table(table, index=None):
    """Annotations of a text table with the four columns, see :func:`check_annotations`.

    Parameters
    ----------
    table : dicentlib.tables.TextTable
    index : ImageIndex, optional
    """
    style = number_style(table, ("row", "col"))
    found = {axis: numbers(table, axis, style) for axis in ("row", "col")}
    places = [f"row {number}" for number in table.cells.index]
    cells = table.cells.assign(**found)
    return check_annotations(cells, index, source=table.source, places=places)


def check_rows(rows, places, index, *, source):
    """Annotations of another program, rows ``image, class, row, col``: :func:`check_annotations`.

    Images that are turned by a note in their file are said in an
    :class:`~dicentlib.errors.InputWarning`, since programs differ in following it.
    """
    table = pd.DataFrame(rows, columns=list(ANNOTATION_COLUMNS), dtype=object)
    table = check_annotations(table, index, source=str(source), places=places)
    names = [] if index is None else table["image"].unique()
    turned = [name for name in names if inspect_image(index.path(name)).turned]
    if turned:
        notice(
            f"{source}: {len(turned)} of the annotated images have a rotation in their file, "
            f"for example {printable(turned[0])}; positions are read in the rotated image, as "
            "viewers show it. Did the annotating program rotate it too?"
        )
    return table


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


def check_annotations(annotations, index=None, *, source="annotations", places=None):
    """Check a table of annotations and return its four columns with their types.

    Parameters
    ----------
    annotations : DataFrame
    index : ImageIndex, optional
        See :func:`read_annotations`.
    source : str
        Where the table comes from; messages begin with it.
    places : sequence of str, optional
        Where in it each row was found, for messages; default "row 2", "row 3" ... as in a file
        with a header.

    Raises
    ------
    InputError
        A class other than dicentric and fragment, in any letter case; a position that is not a
        number or lies outside its image (within half a pixel before the first it is taken as
        0); positions of a file that all lie between 0 and 1; both classes at one position of a
        file; an image that the index does not have, see
        :func:`dicentlib.data.paths.matched_names`.
    """
    table = annotations.loc[:, list(ANNOTATION_COLUMNS)].reset_index(drop=True)
    where = [
        f"{source}, {place}" for place in places or (f"row {i + 2}" for i in range(len(table)))
    ]
    table["image"] = as_text(table["image"])
    table["class"] = as_text(table["class"]).str.strip().str.lower()
    _refuse(
        ~table["class"].isin(CLASSES),
        table["class"],
        where,
        f"class {{!r}}; allowed: {', '.join(CLASSES)}",
    )
    _refuse(table["image"] == "", table["image"], where, "image {!r}; allowed: an image's path")
    for axis in ("row", "col"):
        numbers = table[axis].map(_number).astype(float)
        wrong = ~(np.isfinite(numbers) & (numbers >= -0.5))
        _refuse(wrong, table[axis], where, f"{axis} {{!r}}; allowed: a position in pixels, from 0")
        table[axis] = numbers.clip(lower=0.0)
    if places is not None:
        _refuse_shares(table, source)
    if index is not None:
        found = matched_names(table["image"].unique(), _all_names(index), source=source)
        table["image"] = table["image"].replace(found)
    if places is not None:  # read from a file
        table, where = _without_repeats(table, where)
    return table if index is None else _check_against_index(table, index, where)


def _refuse_shares(table, source):
    """Refuse positions that all lie within the first pixel, with fractions."""
    positions = table[["row", "col"]].to_numpy()
    if len(table) and (positions <= 1).all() and (positions % 1 > 0).any(axis=1).all():
        raise InputError(
            f"{source}: all positions lie between 0 and 1; are they shares of the image's sides? "
            "allowed: pixels"
        )


def _without_repeats(table, where):
    """The table without objects that it names twice; one place with two classes is an error."""
    again = table.duplicated()
    if again.any():
        notice(
            f"{where[int(again.argmax())]}: a duplicate object; {int(again.sum())} duplicates "
            "left out"
        )
    kept = table[~again]
    both = kept.duplicated(["image", "row", "col"])
    if both.any():
        raise InputError(
            f"{where[both.idxmax()]}: dicentric and fragment at one position; allowed: one of them"
        )
    _say_near(kept, where)
    return kept.reset_index(drop=True), [where[row] for row in kept.index]


def _say_near(table, where):
    """Say which objects lie closer than two chromosomes do, as after a double click."""
    near = []
    for _, rows in table.groupby("image", sort=False):
        apart = rows[["row", "col"]].to_numpy()[:, None] - rows[["row", "col"]].to_numpy()
        pairs = np.argwhere(np.triu((apart**2).sum(axis=2) < NEAR_PX**2, k=1))
        near += [rows.index[second] for _, second in pairs]
    if near:
        notice(
            f"{where[min(near)]}: an object within {NEAR_PX:g} px of another, {len(near)} in "
            "all; is it the same object, marked twice? each counts"
        )


def _number(value):
    """Exact float of a number or text; NaN where it is neither."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _refuse(wrong, values, where, message):
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise InputError(f"{where[row]}: {message.format(values.tolist()[row])}")


def _all_names(index):
    return [*index.table["image"], *index.quarantined["image"]]


def _check_against_index(table, index, where):
    known = index.table["image"]
    _refuse(
        ~table["image"].isin(_all_names(index)),
        table["image"],
        where,
        f"image {{!r}} is not in {index.folder}; allowed: its {len(known)} images, for example "
        f"{', '.join(known[:3])}",
    )
    kept = table[~table["image"].isin(index.quarantined["image"])]
    sizes = _sizes(index, kept["image"].unique())
    height = kept["image"].map({name: size[0] for name, size in sizes.items()}).astype(float)
    width = kept["image"].map({name: size[1] for name, size in sizes.items()}).astype(float)
    outside = (kept["row"] >= height) | (kept["col"] >= width)
    if outside.any():
        row = outside.idxmax()
        raise InputError(
            f"{where[row]}: position ({kept['row'][row]:g}, {kept['col'][row]:g}) is "
            f"outside {kept['image'][row]}; allowed: row below {height[row]:g}, "
            f"col below {width[row]:g}"
        )
    return kept.reset_index(drop=True)


def check_listed_images(source, sizes, index):
    """Check the images that a file of annotations lists against those of an index.

    Parameters
    ----------
    source : str
        Where the list comes from; messages begin with it.
    sizes : list of (name, size)
        Of every record: (height, width) in pixels as the file states them, None where it does
        not.
    index : ImageIndex or None

    Raises
    ------
    InputError
        An image has another size than the file of annotations states: its positions would be
        wrong. Images that the index does not have are said in an
        :class:`~dicentlib.errors.InputWarning`.
    """
    if index is None:
        return
    known = _all_names(index)
    names = dict.fromkeys(name for name, _ in sizes)
    found = matched_names(names, known, source=str(source))
    absent = [name for name in names if name not in known and name not in found]
    if absent:
        notice(
            f"{source}: {len(absent)} of its images are not in {index.folder}: "
            f"{', '.join(map(printable, absent[:3]))}"
        )
    named = {(found.get(name, name), size) for name, size in sizes if size is not None}
    usable = set(index.table["image"])
    actual = _sizes(index, {name for name, _ in named if name in usable})
    for name, (height, width) in sorted(named):
        if name in actual and (height, width) != tuple(actual[name]):
            raise InputError(
                f"{source}: image {printable(name)} was annotated at {height} x {width} px (height "
                f"x width), but the file has {actual[name][0]:g} x {actual[name][1]:g}; allowed: "
                "annotations of the image as it is in the folder"
            )


def _sizes(index, images):
    """Height and width of images by name, from the index or else from the files' headers."""
    if {"height_px", "width_px"} <= set(index.table.columns):
        table = index.table
        sizes = zip(table["height_px"], table["width_px"], strict=True)
        return dict(zip(table["image"], sizes, strict=True))
    facts = {image: inspect_image(contained_path(Path(index.folder), image)) for image in images}
    return {image: (fact.height, fact.width) for image, fact in facts.items()}
