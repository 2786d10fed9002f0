"""How chromosomes of one cell touch, and how many specks lie between them.

A simulator that lays two chromosomes end to end more often than slides show teaches a detector
to doubt dicentrics, and one without specks of dye teaches it to call them fragments. Both are
measured alike on real fields with a box for each chromosome and on simulated unexposed cells.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from defusedxml import ElementTree
from scipy import ndimage, spatial
from skimage.filters import threshold_otsu

from dicentlib.data import normalise_background, read_image
from dicentlib.simulation import draw_metaphase

KINDS = ("end to end", "ends at an angle", "end to side", "side by side", "across")
END_SHARE = 0.6  # of the half length: contacts farther out lie at an end
STRAIGHT_DEGREES = 40.0  # axes that continue one another, or run alike, to within this
SPECK_SHARES = (0.02, 0.06, 0.15, 0.3)  # of the median chromosome's area
SPREAD_MARGIN = 1.2  # specks are counted within so many radii of the spread


@dataclass(frozen=True)
class BoxedField:
    """A field and its chromosomes' boxes: float (n, 4) of top, left, bottom, right."""

    name: str
    image: np.ndarray
    boxes: np.ndarray


def boxed_fields(folder):
    """Fields of a real set: boxes of YOLO (``labels``) or Pascal VOC (``annotations``)."""
    folder = Path(folder)
    for path in sorted((folder / "images").iterdir()):
        image = normalise_background(read_image(path))
        yolo = folder / "labels" / f"{path.stem}.txt"
        if yolo.is_file():
            table = np.loadtxt(yolo, ndmin=2)
            centre, size = table[:, 2:0:-1], table[:, 4:2:-1]
            corners = np.hstack([centre - size / 2, centre + size / 2])
            boxes = corners * np.tile(image.shape, 2)
        else:
            root = ElementTree.parse(folder / "annotations" / f"{path.stem}.xml").getroot()
            names = ("ymin", "xmin", "ymax", "xmax")
            boxes = [[float(box.findtext(name)) for name in names] for box in root.iter("bndbox")]
        yield BoxedField(path.name, image, np.asarray(boxes, float))


def simulated_fields(n_cells, *, seed, **options):
    """Simulated unexposed cells at 0.1 um per pixel, a box round each body's visible pixels."""
    for i in range(n_cells):
        metaphase = draw_metaphase((seed, i), dose_gy=0.0, **options)
        found = [place for place in ndimage.find_objects(metaphase.labels) if place]
        boxes = [[rows.start, cols.start, rows.stop, cols.stop] for rows, cols in found]
        image = normalise_background(metaphase.image)
        yield BoxedField(str(i), image, np.asarray(boxes, float))


def field_contacts(field):
    """Pairs of touching chromosomes of a field.

    Two touch when their pixels darker than Otsu's threshold are connected inside the two boxes.

    Returns
    -------
    list of dict
        ``kind`` (one of ``KINDS``), ``angle`` between the axes at the contact in degrees (0:
        they continue one another), ``width_ratio`` of the thinner to the thicker, ``neck``
        (darkness at the contact relative to the two chromosomes').
    """
    dark = field.image < threshold_otsu(field.image)
    edges = np.clip(np.rint(field.boxes).astype(int), 0, np.tile(field.image.shape, 2))
    cover = np.zeros(field.image.shape, np.uint8)
    for top, left, bottom, right in edges:
        cover[top:bottom, left:right] += 1
    bodies = [_body(dark & (cover == 1), *box) for box in edges]
    found = []
    for i, j in _neighbours(edges):
        if bodies[i] is None or bodies[j] is None:
            continue
        low = np.minimum(edges[i][:2], edges[j][:2])
        high = np.maximum(edges[i][2:], edges[j][2:])
        inside = np.zeros(high - low, bool)
        for top, left, bottom, right in (edges[i], edges[j]):
            inside[top - low[0] : bottom - low[0], left - low[1] : right - low[1]] = True
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        labels, _ = ndimage.label(dark[window] & inside, np.ones((3, 3)))
        of_i, of_j = (_commonest(labels, bodies[k]["pixels"] - low) for k in (i, j))
        if of_i == of_j:
            found.append(_contact(field.image, bodies[i], bodies[j]))
    return found


def _neighbours(edges):
    """Pairs of boxes that overlap or lie within 3 px."""
    for i in range(len(edges)):
        near = (edges[i, :2] <= edges[i + 1 :, 2:] + 3) & (edges[i + 1 :, :2] <= edges[i, 2:] + 3)
        yield from ((i, i + 1 + k) for k in np.flatnonzero(near.all(axis=1)))


def _commonest(labels, pixels):
    return np.bincount(labels[pixels[:, 0], pixels[:, 1]]).argmax()


def _body(own, top, left, bottom, right):
    """Axis, half length and width of the largest piece in a box; None where there is none."""
    labels, n = ndimage.label(own[top:bottom, left:right], np.ones((3, 3)))
    if n == 0:
        return None
    pixels = np.argwhere(labels == 1 + np.bincount(labels[labels > 0] - 1).argmax())
    if len(pixels) < 30:
        return None
    pixels += [top, left]
    middle = pixels.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((pixels - middle).T))
    along = (pixels - middle) @ vectors[:, 1]
    half = max(np.percentile(np.abs(along), 97), 1.0)
    return {"pixels": pixels, "middle": middle, "axis": vectors[:, 1], "half": half,
            "width": len(pixels) / (2 * half)}  # fmt: skip


def _contact(image, one, other):
    tree = spatial.cKDTree(other["pixels"])
    distance, nearest = tree.query(one["pixels"])
    touching = distance <= distance.min() + 3
    point = one["pixels"][touching].mean(axis=0) / 2
    point += other["pixels"][nearest[touching]].mean(axis=0) / 2
    ends, outward = [], []
    for body in (one, other):
        along = (point - body["middle"]) @ body["axis"]
        ends.append(abs(along) > END_SHARE * body["half"])
        outward.append(np.sign(along) * body["axis"])
    angle = np.degrees(np.arccos(np.clip(-outward[0] @ outward[1], -1, 1)))
    crossing = np.degrees(np.arccos(min(abs(one["axis"] @ other["axis"]), 1)))
    if all(ends):
        kind = "end to end" if angle < STRAIGHT_DEGREES else "ends at an angle"
    elif any(ends):
        kind = "end to side"
    else:
        kind = "side by side" if crossing < STRAIGHT_DEGREES else "across"
    widths = sorted((one["width"], other["width"]))
    row, col = point.astype(int)
    there = 1 - image[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2].mean()
    bodies = 1 - image[tuple(np.vstack([one["pixels"], other["pixels"]]).T)].mean()
    return {"kind": kind, "angle": angle, "width_ratio": widths[0] / widths[1],
            "neck": there / bodies}  # fmt: skip


def field_specks(field):
    """Areas of dark specks between the chromosomes, as shares of the median chromosome's."""
    dark = field.image < threshold_otsu(field.image)
    labels, n = ndimage.label(dark, np.ones((3, 3)))
    boxed = np.zeros(field.image.shape, bool)
    edges = np.clip(np.rint(field.boxes).astype(int), 0, np.tile(field.image.shape, 2))
    for top, left, bottom, right in edges:
        boxed[max(top - 3, 0) : bottom + 3, max(left - 3, 0) : right + 3] = True
    areas = np.bincount(labels.ravel(), minlength=n + 1)
    free = np.setdiff1d(np.arange(1, n + 1), np.unique(labels[boxed]))
    if not len(free):
        return np.empty(0)
    bodies = [_body(dark, *box) for box in edges]
    typical = np.median([len(body["pixels"]) for body in bodies if body])
    centres = (field.boxes[:, :2] + field.boxes[:, 2:]) / 2
    middle = np.median(centres, axis=0)
    radius = SPREAD_MARGIN * np.percentile(np.hypot(*(centres - middle).T), 95)
    places = np.array(ndimage.center_of_mass(dark, labels, free)).reshape(-1, 2)
    return areas[free][np.hypot(*(places - middle).T) < radius] / typical


def measure_contacts(fields):
    """Contacts by kind and specks by size, per cell.

    Returns
    -------
    dict
        ``cells, chromosomes``; per kind its number per 1000 chromosomes; of the contacts end
        to end the medians of ``angle, width_ratio, neck``; ``specks`` per cell by size.
    """
    contacts, n_cells, n_chromosomes, specks = [], 0, 0, []
    for field in fields:
        contacts += field_contacts(field)
        specks += field_specks(field).tolist()
        n_cells += 1
        n_chromosomes += len(field.boxes)
    table = pd.DataFrame(contacts, columns=["kind", "angle", "width_ratio", "neck"])
    result = {"cells": n_cells, "chromosomes": n_chromosomes}
    counts = table["kind"].value_counts()
    result |= {kind: 1000 * counts.get(kind, 0) / max(n_chromosomes, 1) for kind in KINDS}
    straight = table[table["kind"] == "end to end"]
    result |= {f"{name} (median)": straight[name].median() for name in table.columns[1:]}
    sizes = np.histogram(specks, bins=[*SPECK_SHARES, np.inf])[0] / max(n_cells, 1)
    names = [f"specks of {100 * low:.0f} % and more" for low in SPECK_SHARES]
    return result | dict(zip(names, sizes, strict=True))
