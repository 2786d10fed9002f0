"""YOLO: a text file per image, a line per object, lengths as shares of the image's sides.

YOLO knows boxes: a point is written as a small box round it, and a box is read as its centre.
"""

from pathlib import Path, PurePosixPath

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import ANNOTATION_COLUMNS, check_annotations
from dicentlib.data.formats.exact import from_corner_origin, to_corner_origin
from dicentlib.errors import InputError
from dicentlib.files import atomic_path

BOX_PX = 40


def write_yolo(folder, annotations, index, *, box_px=BOX_PX):
    """Write ``<image without suffix>.txt`` for every image of an index, and ``classes.txt``.

    Boxes are `box_px` wide and high; near the border smaller, so that they lie inside.

    Raises
    ------
    InputError
        Two images differ in their suffix only: YOLO cannot tell them apart.
    """
    table = check_annotations(annotations, index)
    points_of = dict(list(table.groupby("image", sort=False)))
    labels = _label_names(index)
    sizes = index.table[["image", "height_px", "width_px"]].itertuples(index=False, name=None)
    for name, height, width in sizes:
        lines = []
        for row in points_of.get(name, table.iloc[:0]).to_dict("records"):
            box_width = _inside(row["col"], width, box_px) / width
            box_height = _inside(row["row"], height, box_px) / height
            x, y = to_corner_origin(row["col"], width), to_corner_origin(row["row"], height)
            number = CLASSES.index(row["class"])
            lines.append(f"{number} {x} {y} {box_width:.6f} {box_height:.6f}\n")
        with atomic_path(Path(folder) / labels[name]) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")
    with atomic_path(Path(folder) / "classes.txt") as temporary:
        temporary.write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


def _inside(position, side, box_px):
    """Width of a box centred on a position that stays within the image."""
    return min(box_px, 2 * (position + 0.5), max(1, 2 * (side - position - 0.5)))


def _label_names(index):
    """Name of the label file of each image."""
    labels = {}
    for name in index.table["image"]:
        label = PurePosixPath(name).with_suffix(".txt").as_posix()
        if label in labels.values() or label == "classes.txt":
            raise InputError(f"{name}: another image has the label file {label} too")
        labels[name] = label
    return labels


def read_yolo(folder, index):
    """Read the label files of the images of an index; an image without one has no objects.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, in the order of the images and lines.

    Raises
    ------
    InputError
        No label file at all; a line that is not ``class x y width height``; a class number
        that ``classes.txt`` (default: dicentric, fragment) does not have.
    """
    folder = Path(folder)
    labels = _label_names(index)
    found = [name for name in labels if (folder / labels[name]).is_file()]
    if not found:
        raise InputError(f"{folder}: no label files of the images; expected <image>.txt")
    classes = CLASSES
    if (folder / "classes.txt").is_file():
        classes = _text(folder / "classes.txt").split()
    sizes = index.table.set_index("image")[["height_px", "width_px"]]
    rows = []
    for name in found:
        path = folder / labels[name]
        height, width = (int(side) for side in sizes.loc[name])
        for number, line in enumerate(_text(path).splitlines(), start=1):
            fields = line.split()
            if not fields:
                continue
            place = f"{path}, line {number}"
            if len(fields) != 5 or not fields[0].isascii() or not fields[0].isdigit():
                raise InputError(f"{place}: {line[:60]!r}; expected class x y width height")
            if len(fields[0]) > 3 or int(fields[0]) >= len(classes):
                raise InputError(f"{place}: class {fields[0][:20]}; allowed: 0 to 1")
            try:
                col = from_corner_origin(fields[1], width)
                row = from_corner_origin(fields[2], height)
            except InputError as error:
                raise InputError(f"{place}: {error}") from error
            rows.append((name, classes[int(fields[0])], row, col))
    table = pd.DataFrame(rows, columns=list(ANNOTATION_COLUMNS), dtype=object)
    return check_annotations(table, index, source=str(folder))


def _text(path):
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not text in UTF-8 ({error})") from error
