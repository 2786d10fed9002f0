"""COCO: every object an annotation with one keypoint, its centre, or with a box.

COCO counts keypoints from the centre of the first pixel, x to the right and y down, and boxes
from its corner.
"""

from dicentlib.conventions import CLASSES
from dicentlib.data.annotations import check_annotations, check_listed_images, check_rows
from dicentlib.data.formats.corners import refuse_corners
from dicentlib.errors import InputError, notice
from dicentlib.files import read_json, write_json

BOX_PX = 40  # side of the box that is written round an object: about a chromosome


def write_coco(path, annotations, index):
    """Write a COCO keypoint file with all images of the index.

    Parameters
    ----------
    path : path-like
    annotations : DataFrame
    index : ImageIndex
        Has the sizes of the images.
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
            "bbox": [row.col + 0.5 - BOX_PX / 2, row.row + 0.5 - BOX_PX / 2, BOX_PX, BOX_PX],
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
    """Read a COCO file of keypoints or boxes.

    An object's position is its first keypoint, or where it has none the centre of its box; that
    others are left out is said in an :class:`~dicentlib.errors.InputWarning`.
    Images that the index does not have are said in an
    :class:`~dicentlib.errors.InputWarning`; objects in them are errors.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, in the order of the file.

    Raises
    ------
    InputError
        The file is absent or of another form; two images or two categories have one id; an
        image has another size than the file says; an object of another category than dicentric
        and fragment, without position, or a group of objects.
    """
    content = read_json(path)
    images = _by_id(path, content, "images", "file_name")
    categories = _by_id(path, content, "categories", "name")
    size_of = {
        _id(record["id"]): _stated_size(record) for record in _records(path, content, "images")
    }
    rows, places, boxes = [], [], []
    for number, found in enumerate(_records(path, content, "annotations"), start=1):
        place = f"annotation {number}"
        image = images.get(_id(found.get("image_id")))
        category = categories.get(_id(found.get("category_id")))
        if image is None or category is None:
            raise InputError(
                f"{path}: {place}: image {found.get('image_id')!r:.40}, category "
                f"{found.get('category_id')!r:.40}; allowed: those that the file lists"
            )
        if found.get("iscrowd"):
            raise InputError(f"{path}: {place}: iscrowd, a group; allowed: single objects")
        rows.append((image, category, *_position(f"{path}: {place}", found)))
        places.append(place)
        if not _n_keypoints(found):
            height, width = size_of[found["image_id"]] or (0, 0)
            boxes.append((place, found["bbox"], 1, (width, height) if width else None))
    refuse_corners(path, boxes, expected="[x, y, width, height]")
    sizes = [
        (record["file_name"], _stated_size(record)) for record in _records(path, content, "images")
    ]
    check_listed_images(path, sizes, index)
    annotated = content["annotations"]
    _refuse_corners(path, annotated)
    n_scored = sum("score" in found for found in annotated)
    n_several = sum(_n_keypoints(found) > 1 for found in annotated)
    n_ignored = sum(bool(found.get("ignore")) for found in annotated)
    for number, remark in (
        (n_ignored, "the mark 'ignore'; read as annotations"),
        (sum(map(_leaves_its_box, annotated)), "a keypoint outside their bbox; which is right?"),
        (n_scored, "a score, typical of a program's predictions; read as annotations"),
        (n_several, "several keypoints; the first is taken, the others are left out"),
    ):
        if number:
            notice(f"{path}: {number} objects have {remark}")
    return check_rows(rows, places, index, source=path)


def _position(place, found):
    """Row and column of an object."""
    keypoints, box = found.get("keypoints"), found.get("bbox")
    in_threes = not isinstance(keypoints, list) or len(keypoints) % 3 == 0
    if not _n_keypoints(found) and box is not None and in_threes:
        if not isinstance(box, list) or len(box) != 4 or not _are_numbers(box):
            raise InputError(f"{place}: bbox {box!r:.60}; expected [x, y, width, height]")
        if min(box[2:]) < 1:
            raise InputError(
                f"{place}: bbox {box!r:.60}; expected a width and height of 1 px or more (are they "
                "shares of the image, or is the object a segmentation alone?)"
            )
        return box[1] + box[3] / 2 - 0.5, box[0] + box[2] / 2 - 0.5
    if not isinstance(keypoints, list) or len(keypoints) < 3 or len(keypoints) % 3:
        raise InputError(
            f"{place}: keypoints {keypoints!r:.60}; expected [x, y, visibility], or a bbox"
            + (" (segmentations are not read)" if found.get("segmentation") else "")
        )
    if not _are_numbers(keypoints[:2]):
        raise InputError(f"{place}: keypoints {keypoints!r:.60}; expected numbers")
    if keypoints[2] == 0:
        raise InputError(f"{place}: keypoints {keypoints!r:.60}; visibility 0 is no position")
    return keypoints[1], keypoints[0]


def _n_keypoints(found):
    """Keypoints of an object that are not absent (visibility 0)."""
    keypoints = found.get("keypoints")
    return sum(map(bool, keypoints[2::3])) if isinstance(keypoints, list) else int(bool(keypoints))


def _leaves_its_box(found):
    """Whether the keypoint of an object lies more than its box's size outside that box."""
    box = found.get("bbox")
    if not _n_keypoints(found) or not isinstance(box, list) or len(box) != 4:
        return False
    if not _are_numbers(box) or min(box[2:]) <= 0:
        return False
    offsets = [found["keypoints"][axis] - box[axis] - box[axis + 2] / 2 for axis in (0, 1)]
    return any(abs(offset) > 1.5 * side for offset, side in zip(offsets, box[2:], strict=True))


def _refuse_corners(path, annotated):
    """Refuse boxes whose stated areas are those of [left, top, right, bottom]."""
    for number, found in enumerate(annotated, start=1):
        box, area = found.get("bbox"), found.get("area")
        if _n_keypoints(found) or found.get("segmentation") or not _are_numbers([area]):
            continue
        left, top, width, height = box
        of_corners = (width - left) * (height - top)
        if abs(area - of_corners) <= 0.01 * area < abs(area - width * height):
            raise InputError(
                f"{path}: annotation {number}: bbox {box!r:.60} with an area of {area:g}, that of "
                "two corners; expected [x, y, width, height]"
            )


def _stated_size(image):
    try:
        size = float(image["height"]), float(image["width"])
    except (KeyError, TypeError, ValueError):
        return None
    return tuple(map(int, size)) if all(0 < side < 1e9 for side in size) else None


def _are_numbers(values):
    return all(type(value) in (int, float) and abs(value) < 1e9 for value in values)


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
        if named.setdefault(number, text) != text:
            raise InputError(
                f"{path}: {name} {named[number]!r} and {text!r} have the same id, {number}; it "
                "is unclear which of them an annotation means"
            )
    return named


def _id(value):
    return value if type(value) is int else None
