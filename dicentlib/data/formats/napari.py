"""napari: one points layer per image and class, saved as ``<image>.<class>.csv``."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import check_annotations, check_table
from dicentlib.data.paths import check_relative, files_below, printable
from dicentlib.errors import InputError, notice
from dicentlib.files import atomic_path
from dicentlib.tables import SUFFIXES, read_table

COLUMNS = ["index", "axis-0", "axis-1"]
LAYER = re.compile(rf"(.+)\.({'|'.join(CLASSES)})\.csv", re.IGNORECASE)
N_SHOWN = 5


def write_napari(folder, annotations):
    """Write a points file for every image and class; napari opens them by drag and drop."""
    table = check_annotations(annotations)
    for (image, class_name), points in table.groupby(["image", "class"], sort=False):
        check_relative(image)
        layer = pd.DataFrame(
            {"axis-0": points["row"].to_numpy(), "axis-1": points["col"].to_numpy()}
        )
        with atomic_path(Path(folder) / f"{image}.{class_name}.csv") as temporary:
            layer.to_csv(temporary, index_label="index", lineterminator="\n")


def read_napari(folder, index=None):
    """Read the points files below a folder.

    Parameters
    ----------
    folder : path-like
        Holds ``<image>.dicentric.csv`` and ``<image>.fragment.csv`` with the columns
        ``index, axis-0, axis-1``, as napari saves a points layer.
    index : ImageIndex, optional
        See :func:`dicentlib.data.read_annotations`.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, sorted by image and class.

    Raises
    ------
    InputError
        No points file; a file of napari whose name has no class, or that holds something else
        than two-dimensional points.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected points files of napari")
    layers, passed_over = [], []
    for path in sorted(files_below(folder, SUFFIXES)):
        if path.suffix.casefold() != ".csv":
            if LAYER.fullmatch(f"{path.with_suffix('').name}.csv"):
                raise InputError(
                    f"{path}: named as points of napari; expected <image>.<class>.csv, "
                    "comma-separated text"
                )
            passed_over.append(path.name)
            continue
        match = LAYER.fullmatch(path.relative_to(folder).as_posix())
        table = read_table(path, is_header=lambda cells: "axis-0" in cells)
        columns = list(table.cells.columns)
        if match is None:
            if "axis-0" in columns:
                raise InputError(
                    f"{path}: a file of napari without a class; expected a name "
                    f"<image>.<class>.csv, class {' or '.join(CLASSES)}"
                )
            passed_over.append(path.name)  # a table of another kind
            continue
        if not {"axis-0", "axis-1"} <= set(columns) <= set(COLUMNS):
            raise InputError(
                f"{path}: columns {', '.join(columns)}; "
                f"expected {', '.join(COLUMNS)} (two-dimensional points)"
            )
        cells = table.cells.rename(columns={"axis-0": "row", "axis-1": "col"})
        cells = cells.assign(**{"image": match[1], "class": match[2]})
        layers.append(check_table(replace(table, cells=cells), index))
    if not layers:
        raise InputError(f"{folder}: no files <image>.<class>.csv, class {' or '.join(CLASSES)}")
    if passed_over:
        notice(
            f"{folder}: {len(passed_over)} tables are not points of napari and are not read: "
            f"{', '.join(map(printable, passed_over[:N_SHOWN]))}"
        )
    table = pd.concat(layers).sort_values(["image", "class"], kind="stable", ignore_index=True)
    places = [f"points of {image}" for image in table["image"]]
    return check_annotations(table, source=str(folder), places=places)  # across its files
