"""COCO: every object an annotation with one keypoint, its centre.

COCO counts keypoints from the centre of the first pixel, x to the right and y down.
"""

import json
from pathlib import Path

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import ANNOTATION_COLUMNS, check_annotations
from dicentlib.errors import InputError
from dicentlib.files import write_json

BOX_PX = 40  # side of the box that COCO wants round an object: about a chromosome


def write_coco(path, annotations, index):
    """Write a COCO keypoint file with all images of the index.

    Parameters
    ----------
    path : path-like
    annotations : DataFrame
    index : ImageIndex
        Tells the sizes of the images.
    """
    table = check_annotations(annotations, index)
    images = [
        {"id": number, "file_name": name, "height": int(height), "width": int(width)}
        for number, (name, height, width) in enumerate(
            index.table[["image", "height_px", "width_px"]].itertuples(index=False), start=1
        )
    ]
    number_of = {image["file_name"]: image["id"] for image in images}
    objects = [
        {
            "id": number,
            "image_id": number_of[row.image],
            "category_id": CLASSES.index(row.class_name) + 1,
            "keypoints": [row.col, row.row, 2],
            "num_keypoints": 1,
            "bbox": [row.col - BOX_PX / 2, row.row - BOX_PX / 2, BOX_PX, BOX_PX],
            "area": BOX_PX**2,
            "iscrowd": 0,
        }
        for number, row in enumerate(
            table.rename(columns={"class": "class_name"}).itertuples(index=False), start=1
        )
    ]
    categories = [
        {"id": number, "name": name, "keypoints": ["centre"], "skeleton": []}
        for number, name in enumerate(CLASSES, start=1)
    ]
    write_json(path, {"images": images, "annotations": objects, "categories": categories})


def read_coco(path, index=None):
    """Read a COCO keypoint file.

    An object's position is its first keypoint. Objects of other categories than dicentric and
    fragment, and objects without keypoints, are errors.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, in the order of the file.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    images = _by_id(path, content, "images", "file_name")
    categories = _by_id(path, content, "categories", "name")
    rows = []
    for number, found in enumerate(_records(path, content, "annotations"), start=1):
        place = f"{path}: annotation {number}"
        image = images.get(_id(found.get("image_id")))
        category = categories.get(_id(found.get("category_id")))
        if image is None or category is None:
            raise InputError(
                f"{place}: image {found.get('image_id')!r:.40}, category "
                f"{found.get('category_id')!r:.40}; allowed: those that the file lists"
            )
        keypoints = found.get("keypoints")
        if not isinstance(keypoints, list) or len(keypoints) < 3:
            raise InputError(f"{place}: keypoints {keypoints!r:.60}; expected [x, y, visibility]")
        if not all(type(number) in (int, float) for number in keypoints[:2]):
            raise InputError(f"{place}: keypoints {keypoints!r:.60}; expected numbers")
        if keypoints[2] == 0:
            raise InputError(f"{place}: keypoints {keypoints!r:.60}; visibility 0 is no position")
        rows.append((image, category, keypoints[1], keypoints[0]))
    table = pd.DataFrame(rows, columns=list(ANNOTATION_COLUMNS), dtype=object)
    return check_annotations(table, index, source=str(path))


def _records(path, content, name):
    records = content.get(name) if isinstance(content, dict) else None
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise InputError(f"{path}: no list {name!r} of objects; expected a COCO keypoint file")
    return records


def _by_id(path, content, name, key):
    """Names of images or categories by their id."""
    named = {}
    for record in _records(path, content, name):
        number, text = _id(record.get("id")), record.get(key)
        if number is None or not isinstance(text, str):
            raise InputError(f"{path}: {name} need a whole-number id and a {key}")
        named[number] = text
    return named


def _id(value):
    return value if type(value) is int else None
