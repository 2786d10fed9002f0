"""The table of samples: which image belongs to which sample, donor, slide, dose and scale."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from dicentlib.conventions import HIGHEST_DOSE_GY
from dicentlib.data.paths import check_relative
from dicentlib.data.scale import PIXEL_SIZES_UM
from dicentlib.errors import InputError, notice
from dicentlib.tables import (
    as_text,
    check_names,
    notice_unusual_doses,
    number_style,
    numbers,
    plain_name,
    read_table,
    with_plain_headings,
)

COLUMNS = ("image", "sample", "donor", "slide", "dose_gy", "pixel_size_um")
NEARLY = {name.replace("_", " "): name for name in COLUMNS} | {
    **dict.fromkeys(("file", "filename", "file name", "bild", "imagen", "fichier"), "image"),
    **dict.fromkeys(("dose", "gy", "dosis", "dosis gy"), "dose_gy"),
    **dict.fromkeys(("probe", "fall", "echantillon", "échantillon", "muestra"), "sample"),
    **dict.fromkeys(("spender", "donneur", "donante"), "donor"),
    **dict.fromkeys(("objektträger", "präparat", "lame", "portaobjetos"), "slide"),
    **dict.fromkeys(
        (
            *("pixel size", "pixelsize", "pixelsize um", "pixel size μm", "pixelsize μm"),
            *("um per pixel", "um px", "μm px", "scale", "pixelgröße", "pixelgröße um"),
            *("mpp", "mpp x", "pixel width", "pixel width um", "pixelwidth", "physicalsizex"),
        ),
        "pixel_size_um",
    ),
}
PERSON = "sample|case|patient|person|subject|individual|casualty|probe|fall|muestra|caso|paciente"
MEANT = {  # headings in other words, where the column itself is not there
    "sample": re.compile(rf"(?:{PERSON})s?(?: ?(?:id|no|nr|number|name|code|nummer))?"),
    "dose_gy": re.compile(r"(?!.*\brate\b).*\b(?:dose|dosis)\b.*|gray"),
    "pixel_size_um": re.compile(
        r"(?=.*\b(?:um|μm|microns?|micromet\w+)\b)"
        r".*\b(?:pixels?|px|size|scale|resolution|calibration)\b.*"
    ),
}
OTHER_UNIT = re.compile(
    r"(?:.*\b(?:dose|dosis) )?(?:[mcuμ]gy|rad|rem|[mcuμ]?sv|(?:centi|milli)gray)|"
    r"pixel ?(?:size|größe) (?:nm|mm|m|px)|(?:px|pixels?)(?: per)? (?:um|μm|mm|inch)|dpi"
)
TEXT_COLUMNS = ("image", "sample", "donor", "slide")


NUMBERS = {  # lowest, highest, and both in words
    "dose_gy": (0.0, HIGHEST_DOSE_GY, f"0 to {HIGHEST_DOSE_GY:g} Gy"),
    "pixel_size_um": (
        *PIXEL_SIZES_UM,
        "{:g} to {:g} um, of a light microscope".format(*PIXEL_SIZES_UM),
    ),
}
ABSENT = ("", "nan", "na")


def read_samples(samples):
    """Table of samples from a file or a DataFrame, checked and completed.

    Files are those of :func:`dicentlib.tables.read_table`. Names of images may have backslashes.

    Raises
    ------
    InputError
        Naming file and row: no column ``image``, an image twice, a path that leaves the folder,
        a dose or pixel size that is not a possible number.
    """
    if isinstance(samples, pd.DataFrame):
        name, table = "table of samples", samples.reset_index(drop=True)
        rows = table.index + 2
    else:
        name, (table, rows) = str(samples), _from_file(samples)
    for column in table.columns:
        plain = plain_name(str(column))
        words = (name for name, pattern in MEANT.items() if pattern.fullmatch(plain))
        meant = NEARLY.get(plain) or next(words, None)
        if OTHER_UNIT.fullmatch(plain):
            raise InputError(
                f"{name}: column {column!r}; expected dose_gy in Gy, pixel_size_um in um"
            )
        if meant and column not in COLUMNS and meant not in table:
            raise InputError(
                f"{name}: column {column!r}; {meant} is probably meant; rename the column"
            )
        same = column in COLUMNS or (meant not in NUMBERS and str(column).casefold() != meant)
        if plain in NEARLY and meant in table and not same:
            _notice_unused(name, table, column, meant)
    if "image" not in table:
        raise InputError(
            f"{name}: columns {', '.join(map(str, table.columns))}; "
            f"required: image; known: {', '.join(COLUMNS)}"
        )
    for column in TEXT_COLUMNS:
        if column in table:
            table = table.assign(**{column: as_text(table[column])})
            if column != "image":  # that names a file, which is there or not
                check_names(name, table[column].set_axis(rows))
    table = table.assign(image=[image.replace("\\", "/") for image in table["image"]])
    for row, image in zip(rows, table["image"], strict=True):
        try:
            check_relative(image)
        except InputError as error:
            raise InputError(f"{name}, row {row}: {error}") from error
    table = table.assign(image=[PurePosixPath(image).as_posix() for image in table["image"]])
    for column, (lowest, highest, allowed) in NUMBERS.items():
        if column not in table:
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        absent = as_text(table[column]).str.strip().str.lower().isin(ABSENT)
        wrong = ~absent & ~((numbers >= lowest) & (numbers <= highest))
        if wrong.any():
            row = int(wrong.idxmax())
            raise InputError(
                f"{name}, row {rows[row]}: {column} {table[column].iloc[row]}; allowed: {allowed}"
            )
        table = table.assign(**{column: numbers.astype(float)})
    if "dose_gy" in table:
        notice_unusual_doses(name, "dose_gy", table["dose_gy"])
    twice = table["image"].duplicated()
    if twice.any():
        row = int(twice.idxmax())
        raise InputError(
            f"{name}, row {rows[row]}: image {table['image'].iloc[row]} is listed a second time"
        )
    return complete_samples(table)


def _notice_unused(name, table, column, used):
    """Say that a column means what another says, and says something else."""
    if not as_text(table[column]).equals(as_text(table[used])):
        notice(f"{name}: column {column!r} is not used, {used!r} is; they differ")


def _notice_gaps(name, column):
    """Say which rows have no text in a column where others have, as below merged cells."""
    empty = column.index[column == ""]
    if 0 < len(empty) < len(column):
        notice(
            f"{name}: {len(empty)} of {len(column)} rows have no {column.name}, the first is row "
            f"{empty[0]}; merged cells hold a value in their first row only"
        )


def _from_file(path):
    """Cells of a file with their types, and the rows' numbers in the file."""
    table = read_table(path, is_header=lambda cells: "image" in map(str.casefold, cells))
    table = with_plain_headings(table, COLUMNS)
    cells = table.cells
    for column in (column for column in TEXT_COLUMNS[1:] if column in cells):
        _notice_gaps(table.source, cells[column])
    known = [column for column in NUMBERS if column in cells]
    texts = cells[known].map(lambda text: "" if text.lower() in ABSENT else text)
    table = replace(table, cells=cells.assign(**texts))
    style = number_style(table, known)
    typed = {column: numbers(table, column, style) for column in known}
    others = [column for column in cells if column not in (*known, *TEXT_COLUMNS)]
    typed |= {column: _typed(cells[column]) for column in others}
    return cells.assign(**typed).reset_index(drop=True), cells.index


def _typed(column):
    """A column of text as numbers or truth values where every cell that is not empty is one."""
    filled = column[column != ""]
    if not len(filled):
        return column.where(column != "", np.nan).astype(float)
    if filled.isin(("True", "False")).all() and len(filled) == len(column):
        return column == "True"
    found = pd.to_numeric(filled, errors="coerce")
    return column.where(column != "", None) if found.isna().any() else found.reindex(column.index)


def complete_samples(table):
    """The agreed columns first, "" or NaN where they are unknown, then any others."""
    table = table.copy()
    for column in COLUMNS[1:]:
        if column not in table:
            table[column] = "" if column in TEXT_COLUMNS else np.nan
        text = column in TEXT_COLUMNS
        table[column] = as_text(table[column]) if text else table[column].astype(float)
    return table[[*COLUMNS, *(c for c in table.columns if c not in COLUMNS)]]
