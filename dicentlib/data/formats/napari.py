"""napari: one points layer per image and class, saved as ``<image>.<class>.csv``."""

from pathlib import Path

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import ANNOTATION_COLUMNS, check_annotations
from dicentlib.data.paths import check_relative
from dicentlib.data.samples import read_csv
from dicentlib.errors import InputError
from dicentlib.files import atomic_path

COLUMNS = ["index", "axis-0", "axis-1"]


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
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected points files of napari")
    layers = []
    for class_name in CLASSES:
        for path in sorted(folder.rglob(f"*.{class_name}.csv")):
            image = path.relative_to(folder).as_posix().removesuffix(f".{class_name}.csv")
            points = read_csv(path, text=COLUMNS)
            if list(points.columns) != COLUMNS:
                raise InputError(
                    f"{path}: columns {', '.join(map(str, points.columns))}; "
                    f"expected {', '.join(COLUMNS)} (two-dimensional points)"
                )
            points = points.rename(columns={"axis-0": "row", "axis-1": "col"})
            layer = points.assign(**{"image": image, "class": class_name})
            layers.append(check_annotations(layer, source=str(path)))
    if not layers:
        raise InputError(f"{folder}: no files <image>.<class>.csv, class {' or '.join(CLASSES)}")
    table = pd.concat(layers).sort_values(["image", "class"], kind="stable", ignore_index=True)
    return check_annotations(table[list(ANNOTATION_COLUMNS)], index, source=str(folder))
