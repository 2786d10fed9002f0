"""CVAT for images 1.1: XML with points and boxes, counted from the image's top left corner."""

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, indent

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from dicentlib.data.annotations import check_annotations, check_listed_images, check_rows
from dicentlib.errors import InputError, notice
from dicentlib.files import atomic_path, refuse_pointer


def write_cvat(path, annotations, index):
    """Write the annotations of all images of an index as CVAT points.

    Raises
    ------
    InputError
        A table that is not valid, or an image name that XML cannot hold.
    """
    table = check_annotations(annotations, index)
    points_of = dict(list(table.groupby("image", sort=False)))
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    sizes = index.table[["image", "height_px", "width_px"]].itertuples(index=False, name=None)
    for number, (name, height, width) in enumerate(sizes):
        if not name.isprintable():
            raise InputError(f"{name!r}: image name that XML cannot hold")
        size = {"width": str(int(width)), "height": str(int(height))}
        element = SubElement(root, "image", {"id": str(number), "name": name} | size)
        for row in points_of.get(name, table.iloc[:0]).to_dict("records"):
            text = f"{row['col'] + 0.5!r},{row['row'] + 0.5!r}"
            SubElement(
                element,
                "points",
                {"label": row["class"], "points": text, "occluded": "0", "z_order": "0"},
            )
    indent(root)
    with atomic_path(path) as temporary:
        ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)


def read_cvat(path, index=None):
    """Read the points and boxes of a "CVAT for images" file; other shapes are errors.

    A box is read as its centre, about which CVAT turns it where it is rotated.

    Tags of whole images are passed over, and images that the index does not have, with an
    :class:`~dicentlib.errors.InputWarning`; points in such an image are an error.

    Entities, document types and external references, with which an XML file could read other
    files or fill the memory, are refused.

    Returns
    -------
    DataFrame
        ``image, class, row, col``, in the order of the file.
    """
    try:
        refuse_pointer(path)
        root = fromstring(Path(path).read_bytes(), forbid_dtd=True)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        raise InputError(f"{path}: not safe XML ({type(error).__name__}: {error})") from error
    if root.tag != "annotations":
        raise InputError(f"{path}: root {root.tag[:40]!r}; expected 'annotations' (CVAT 1.1)")
    strange = sorted({child.tag for child in root} - {"version", "meta", "image"})
    if strange:
        raise InputError(
            f"{path}: {', '.join(strange)[:80]}; expected images with points (CVAT for images 1.1)"
        )
    rows, places, tags, sizes, attributes = [], [], [], [], []
    for image in root.iterfind("image"):
        name = image.get("name", "")
        sizes.append((name, _stated_size(image)))
        for shape in image:
            place = f"image {name[:80]!r}"
            if shape.tag == "tag":
                tags.append(shape.get("label", ""))
                continue
            attributes += [one.get("name", "") for one in shape.iterfind("attribute") if one.text]
            for x, y in _positions(shape, f"{path}: {place}"):
                rows.append((name, shape.get("label", ""), y - 0.5, x - 0.5))
                places.append(place)
    for kind, names in (("tags of whole images", tags), ("attributes of objects", attributes)):
        if names:
            notice(f"{path}: {len(names)} {kind} skipped: {', '.join(dict.fromkeys(names))[:80]}")
    check_listed_images(path, sizes, index)
    return check_rows(rows, places, index, source=path)


def _positions(shape, place):
    """x and y of a shape, from the corner of the image."""
    if shape.tag == "box":
        corners = [shape.get(name, "") for name in ("xtl", "xbr", "ytl", "ybr")]
        try:
            left, right, top, bottom = map(float, corners)
        except ValueError as error:
            raise InputError(f"{place}: box {corners}; expected xtl, xbr, ytl, ybr") from error
        return [((left + right) / 2, (top + bottom) / 2)]
    if shape.tag != "points":
        raise InputError(f"{place}: {shape.tag[:40]}; allowed: points and boxes")
    found = []
    for pair in shape.get("points", "").split(";"):
        try:
            x, y = (float(text) for text in pair.split(","))
        except ValueError as error:
            raise InputError(f"{place}: points {pair[:60]!r}; expected x,y") from error
        found.append((x, y))
    return found


def _stated_size(image):
    size = image.get("height", ""), image.get("width", "")
    return tuple(map(int, size)) if all(text.isdecimal() for text in size) else None
