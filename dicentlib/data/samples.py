"""The table of samples: which image belongs to which sample, donor, slide, dose and scale."""

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from dicentlib.data.paths import check_relative
from dicentlib.errors import InputError

COLUMNS = ("image", "sample", "donor", "slide", "dose_gy", "pixel_size_um")
NEARLY = {name: name for name in COLUMNS} | {
    **dict.fromkeys(("dose", "dose_(gy)", "dose_[gy]", "gy"), "dose_gy"),
    **dict.fromkeys(
        (
            "pixel_size",
            "pixelsize",
            "pixel_size_(um)",
            "pixel_size_(µm)",
            "pixelsize_um",
            "um_per_pixel",
        ),
        "pixel_size_um",
    ),
}
TEXT_COLUMNS = ("image", "sample", "donor", "slide")


def read_samples(samples):
    """Table of samples from a CSV file or a DataFrame, checked and completed.

    Raises
    ------
    InputError
        Naming file and row: no column ``image``, an image twice, a path that leaves the folder,
        a dose or pixel size that is not a possible number.
    """
    if isinstance(samples, pd.DataFrame):
        name, table = "table of samples", samples.reset_index(drop=True)
    else:
        name, table = str(samples), read_csv(samples, text=TEXT_COLUMNS)
    if "image" not in table:
        raise InputError(
            f"{name}: columns {', '.join(map(str, table.columns))}; "
            f"required: image; known: {', '.join(COLUMNS)}"
        )
    for column in table.columns:
        meant = NEARLY.get(str(column).strip().lower().replace(" ", "_"))
        if meant and column not in COLUMNS and meant not in table:
            raise InputError(f"{name}: column {column!r}; {meant} is probably meant, write it so")
    for column in TEXT_COLUMNS:
        if column in table:
            table = table.assign(**{column: as_text(table[column])})
    for row, image in enumerate(table["image"], start=2):
        try:
            check_relative(image)
        except InputError as error:
            raise InputError(f"{name}, row {row}: {error}") from error
    table = table.assign(image=[PurePosixPath(image).as_posix() for image in table["image"]])
    for column, lowest in (("dose_gy", 0.0), ("pixel_size_um", np.nextafter(0, 1))):
        if column not in table:
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        text = as_text(table[column]).str.strip().str.lower()
        absent = text.isin(["", "nan", "na"])
        wrong = ~absent & ~((numbers >= lowest) & np.isfinite(numbers))
        if wrong.any():
            row = int(wrong.idxmax())
            allowed = "0 or above" if column == "dose_gy" else "above 0"
            raise InputError(
                f"{name}, row {row + 2}: {column} {table[column].iloc[row]!r}; allowed: {allowed}"
            )
        table = table.assign(**{column: numbers.astype(float)})
    twice = table["image"].duplicated()
    if twice.any():
        row = int(twice.idxmax())
        raise InputError(
            f"{name}, row {row + 2}: image {table['image'].iloc[row]} is listed a second time"
        )
    return complete_samples(table)


def complete_samples(table):
    """The agreed columns first, "" or NaN where they are unknown, then any others."""
    table = table.copy()
    for column in COLUMNS[1:]:
        if column not in table:
            table[column] = "" if column in TEXT_COLUMNS else np.nan
        text = column in TEXT_COLUMNS
        table[column] = as_text(table[column]) if text else table[column].astype(float)
    return table[[*COLUMNS, *(c for c in table.columns if c not in COLUMNS)]]


def as_text(column):
    """A column as text, "" where a value is missing."""
    return column.astype(object).where(column.notna(), "").astype(str)


def read_csv(path, *, text=()):
    """A CSV file in UTF-8 as a DataFrame; `text` columns stay text.

    Raises
    ------
    InputError
        The file is absent, empty or not a CSV table in UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, str),
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
        )
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: not a CSV table in UTF-8 ({error})") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: rows have more fields than the header has columns")
    return table
