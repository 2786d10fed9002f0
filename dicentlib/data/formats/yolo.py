"""YOLO: a text file per image, a line per object, lengths as shares of the image's sides.

YOLO knows boxes: a point is written as a small box round it, and a box is read as its centre.
Classes are numbers; a file of names says which is which.
"""

import re
from pathlib import Path, PurePosixPath

import yaml

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import check_annotations, check_rows
from dicentlib.data.formats.coco import BOX_PX
from dicentlib.data.formats.corners import refuse_corners
from dicentlib.data.paths import files_below
from dicentlib.errors import InputError, notice
from dicentlib.files import atomic_path, read_json, read_text

NAME_FILES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml", "data.yml", "notes.json")


def write_yolo(folder, annotations, index):
    """Write ``<image without suffix>.txt`` for every image of an index, and ``classes.txt``.

    Boxes are 40 px wide and high; near the border smaller, so that they lie inside.

    Raises
    ------
    InputError
        Two images differ in their suffix only: YOLO cannot distinguish them.
    """
    table = check_annotations(annotations, index)
    points_of = dict(list(table.groupby("image", sort=False)))
    labels = _label_names(index.table["image"])
    sizes = index.table[["image", "height_px", "width_px"]].itertuples(index=False, name=None)
    for name, height, width in sizes:
        lines = []
        for row in points_of.get(name, table.iloc[:0]).to_dict("records"):
            box_width = _inside(row["col"], width) / width
            box_height = _inside(row["row"], height) / height
            x, y = (row["col"] + 0.5) / width, (row["row"] + 0.5) / height
            number = CLASSES.index(row["class"])
            lines.append(f"{number} {x!r} {y!r} {box_width:.6f} {box_height:.6f}\n")
        with atomic_path(Path(folder) / labels[name]) as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")
    with atomic_path(Path(folder) / "classes.txt") as temporary:
        temporary.write_text("\n".join(CLASSES) + "\n", encoding="utf-8")


def _inside(position, side):
    """Width of a box centred on a position that stays within the image."""
    return min(BOX_PX, 2 * (position + 0.5), max(1, 2 * (side - position - 0.5)))


def _label_names(images):
    """Name of the label file of each image."""
    labels = {}
    for name in images:
        label = _label_name(name)
        if label in labels.values() or label in NAME_FILES:
            raise InputError(f"{name}: another image has the label file {label} too")
        labels[name] = label
    return labels


def _label_name(image):
    return PurePosixPath(image).with_suffix(".txt").as_posix()


def read_yolo(folder, index):
    """Read the label files of the images of an index; an image without one has no objects.

    The label file of ``images/1.png`` is ``images/1.txt``, ``labels/1.txt`` or ``1.txt``. The
    names of the classes are read from ``classes.txt`` (a line each), ``obj.names`` (CVAT),
    ``data.yaml`` (Ultralytics, Roboflow) or ``notes.json`` (Label Studio), in the folder or the
    one above.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, in the order of the images and lines.

    Raises
    ------
    InputError
        No label file at all; one with objects that belongs to no image; no file of names, or
        several that contradict each other; a line that is not ``class x y width height``, such
        as an outline (a class and three points or more); a class number without name.
    """
    folder = Path(folder)
    found = _found_labels(folder, index)
    if not found:
        raise InputError(f"{folder}: no label files of the images; expected <image>.txt")
    classes = _class_names(folder)
    sizes = index.table.set_index("image")[["height_px", "width_px"]]
    rows, places, boxes = [], [], []
    for name, path in found.items():
        if name not in sizes.index:
            continue  # the objects of a quarantined image are left out with it
        height, width = (int(side) for side in sizes.loc[name])
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            if line.strip():
                place = f"{path.relative_to(folder)}, line {number}"
                try:
                    class_name, row, col, box = _object(line, classes, height, width)
                except InputError as error:
                    raise InputError(f"{folder}, {place}: {error}") from error
                rows.append((name, class_name, row, col))
                places.append(place)
                boxes.append((place, box, 0.5, (1, 1)))
    refuse_corners(folder, boxes, expected="class x y width height, x and y of the centre")
    return check_rows(rows, places, index, source=folder)


def _object(line, classes, height, width):
    """Class, position and box of a line; pixel (0, 0) has its centre half a pixel from the edge."""
    fields = line.split()
    if len(fields) != 5 or not re.fullmatch("[0-9]{1,4}", fields[0]):
        points, odd = divmod(len(fields) - 1, 2)
        found = f", an outline of {points} points" if points >= 3 and not odd else ""
        raise InputError(
            f"{line[:60]!r}{found}; expected class x y width height (boxes; no outlines, poses or "
            "confidences)"
        )
    if int(fields[0]) not in classes:
        raise InputError(f"class {fields[0]}; allowed: {', '.join(map(str, sorted(classes)))}")
    try:
        box = [float(field) for field in fields[1:]]
    except ValueError as error:
        raise InputError(f"position {line[:60]!r}; allowed: numbers") from error
    if not all(0 < side <= 1 for side in box[2:]):
        raise InputError(
            f"{line[:60]!r}; expected a width and height above 0 and at most 1, as shares of the "
            "image's"
        )
    return classes[int(fields[0])], box[1] * height - 0.5, box[0] * width - 0.5, box


def _found_labels(folder, index):
    """Label file of each image that has one; refuses label files of no image."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected label files of YOLO")
    usable = _label_names(index.table["image"])
    quarantined = {name: _label_name(name) for name in index.quarantined["image"]}
    wanted = {}
    for name, label in (usable | quarantined).items():
        below = re.sub("^images/", "", label)
        for place in dict.fromkeys(
            (label, f"labels/{below}", below, label.replace("/images/", "/labels/"))
        ):
            wanted.setdefault(place.casefold(), []).append(name)
    found, others = {}, []
    for path in sorted(files_below(folder, (".txt",))):
        place = path.relative_to(folder).as_posix()
        names = wanted.get(place.casefold(), [])
        if place in NAME_FILES:
            continue
        if len(names) > 1 or (names and names[0] in found):
            raise InputError(f"{path}: may belong to {', '.join(names)}, which has another")
        if names:
            found[names[0]] = path
        elif _holds_objects(path):
            raise InputError(
                f"{path}: label file without an image; expected one of "
                f"{', '.join([*usable][:3])} ... with the suffix .txt"
            )
        else:
            others.append(place)
    if others:
        notice(f"{folder}: {', '.join(others[:5])} not read: no label files")
    return dict(sorted(found.items()))


def _holds_objects(path):
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    return any(
        len(fields) >= 5 and re.fullmatch(r"[0-9.eE +-]+", " ".join(fields)) for fields in lines
    )


def _class_names(folder):
    """Names of the classes by number."""
    for place in (folder, folder.absolute().parent):
        paths = [place / name for name in NAME_FILES if (place / name).is_file()]
        if paths:
            break
    else:
        raise InputError(
            f"{folder}: no file with the names of the classes, so their numbers have no "
            "meaning; expected classes.txt with a name on each line, or "
            f"{', '.join(NAME_FILES[1:])}"
        )
    names = {path: _names_in(path) for path in paths}
    if any(found != names[paths[0]] for found in names.values()):
        raise InputError(
            f"{folder}: {', '.join(path.name for path in paths)} name the classes differently: "
            f"{', '.join(str(list(found.values())) for found in names.values())}"
        )
    return names[paths[0]]


class _OnceLoader(yaml.SafeLoader):
    """Refuses a name that is twice in one mapping, of which YAML would take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.YAMLError(f"{twice[0]!r} occurs twice; expected it once")
        return super().construct_mapping(node, deep)


def _names_in(path):
    if path.suffix in (".txt", ".names"):
        lines = [line.strip() for line in read_text(path).splitlines()]
        return {number: name for number, name in enumerate(lines) if name}
    try:
        if path.suffix == ".json":
            pairs = [(item["id"], item["name"]) for item in read_json(path)["categories"]]
        else:
            content = yaml.load(read_text(path), Loader=_OnceLoader)  # a SafeLoader
            names = content["names"]
            pairs = list(names.items() if isinstance(names, dict) else enumerate(names))
            if content.get("nc", len(pairs)) != len(pairs):
                raise InputError(f"{path}: nc is {content['nc']}, but {len(pairs)} names are there")
    except (KeyError, TypeError, AttributeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no list of class names ({reason:.200})") from error
    if not all(type(number) is int and isinstance(name, str) for number, name in pairs):
        raise InputError(f"{path}: classes {pairs!r:.80}; expected whole numbers with names")
    numbers = [number for number, _ in pairs]
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{path}: two classes of one number: {pairs!r:.80}")
    return dict(pairs)
