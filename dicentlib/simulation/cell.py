"""One cell on the slide: its bodies shaped, placed, drawn, and what a scorer sees of them."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd

from dicentlib.conventions import SMALLEST_FRAGMENT_UM2
from dicentlib.simulation.constrictions import FALSE_DEPTH, SEEN_DEPTH, constriction_depths
from dicentlib.simulation.drawing import add_body
from dicentlib.simulation.layout import place_bodies, rotated
from dicentlib.simulation.shape import chromosome_shape

CALM_CONSTRICTION = 0.45  # the widest of a calm chromosome, in radii
LEAST_COHESION = 0.5  # below, sisters lie side by side and show no centromere
SHAPES = 8  # are drawn of a body until it shows what it is, the later half of them calm


def shape_of(rng, piece, style, slide):
    """Draw the shape of a piece, and which of its centromeres show.

    Shapes are drawn again, up to `SHAPES` in all, until every centromere shows and nothing else
    looks like one; then the best of them is taken. Where the sisters lie apart nothing shows.

    Parameters
    ----------
    rng : numpy.random.Generator
    piece : Piece
    style : CellStyle
    slide : SlideStyle

    Returns
    -------
    shape : Shape
    seen : ndarray of bool, shape (number of centromeres,)
    """
    px = style.px_per_percent
    calm = replace(
        style, coil=0.0, knobs=0.0, waists=0.0, irregular=0.4,
        constriction_radius=min(style.constriction_radius, CALM_CONSTRICTION),
    )  # fmt: skip
    best, fewest = None, np.inf
    for k in range(SHAPES):
        shape = chromosome_shape(
            rng,
            style if k < SHAPES // 2 else calm,
            length=max(piece.length * px, 2.5),
            centromeres=[px * position for position in piece.centromeres],
            secondary_constrictions=[px * position for position in piece.secondary_constrictions],
            satellite_ends=piece.satellite_ends,
            ring=piece.ring,
            banded=slide.banded,
        )
        if piece.ring or style.cohesion < LEAST_COHESION:
            return shape, np.full(len(shape.centromeres), piece.ring)
        depths, elsewhere = constriction_depths(shape.half_width, shape.centromeres, slide.blur_px)
        seen = depths >= SEEN_DEPTH
        # Crossing sisters look constricted, but are dark where they cross.
        ambiguous = np.count_nonzero(~seen) + (elsewhere > FALSE_DEPTH and not shape.crossed)
        if ambiguous < fewest:
            best, fewest = (shape, seen), ambiguous
        # G-bands hide centromeres and look like them: those chromosomes are as they come.
        if not ambiguous or (slide.banded and len(piece.centromeres) < 2):
            break
    return best


def centromeres_show(rng, style, slide, piece):
    """Whether every centromere of a piece shows in this cell on this slide."""
    return bool(shape_of(rng, piece, style, slide)[1].all())


def add_cell(
    rng, absorbance, labels, pieces, style, centre, *, slide, unit, spread_px, cell, first
):
    """Shape, place and draw the bodies of one cell.

    Parameters
    ----------
    rng : numpy.random.Generator
    absorbance, labels : ndarray, shape (H, W)
        Drawn on in place.
    pieces : sequence of Piece
    style : CellStyle
    centre : ndarray, shape (2,)
        Middle of the spread, in reference pixels.
    slide : SlideStyle
    unit : float
        Image pixels per reference pixel.
    spread_px : float
        Radius of the spread, in reference pixels.
    cell, first : int
        Number of the cell, and of its first body.

    Returns
    -------
    list of dict
        Rows of the objects table, and ``junctions``: the points between neighbouring
        centromeres.
    """
    shapes, seen = zip(*(shape_of(rng, piece, style, slide) for piece in pieces), strict=True)
    aberrant = [piece.class_name != "monocentric" for piece in pieces]
    height, width = labels.shape
    field = {"centre": centre, "spread_px": spread_px, "size_px": (height / unit, width / unit)}
    offsets, angles = place_bodies(rng, shapes, style, solitary=aberrant, **field)
    rows, painted, clear = [], [], []
    grain = chromatin_grain(rng, style, unit)
    for k, (piece, shape) in enumerate(zip(pieces, shapes, strict=True)):

        def placed(points, k=k):
            return (rotated(points, angles[k]) + offsets[k]) * unit

        discs = shape.discs.copy()
        discs[:, :2] = placed(discs[:, :2])
        discs[:, 2] *= unit
        strength = slide.stain * np.exp(0.05 * rng.standard_normal())
        n_painted, n_clear = add_body(
            absorbance, labels, discs, strength, style.profile, first + k, grain
        )
        painted.append(n_painted)
        clear.append(n_clear)
        centromeres = placed(shape.at(shape.centromeres))
        shown = shape.centromeres[seen[k]]
        junctions = placed(shape.at((shown[:-1] + shown[1:]) / 2))
        axis = placed(shape.axis)
        middle = axis.mean(axis=0) if piece.ring else axis[len(axis) // 2]
        if len(centromeres) == 2 and not piece.ring:
            middle = placed(shape.at([shape.centromeres.mean()]))[0]
        corners = np.full((2, 2), np.nan)
        corners[: min(len(centromeres), 2)] = centromeres[:2]
        rows.append({
            "object": first + k, "class": piece.class_name, "row": middle[0], "col": middle[1],
            "centromere_1_row": corners[0, 0], "centromere_1_col": corners[0, 1],
            "centromere_2_row": corners[1, 0], "centromere_2_col": corners[1, 1],
            "length_px": shape.length_px * unit, "width_px": shape.width_px * unit,
            "area_px": n_painted, "chromosomes": piece.chromosomes,
            "length_percent": piece.length, "cell": cell, "junctions": junctions,
        })  # fmt: skip
    remaining = np.bincount(labels.ravel(), minlength=first + len(rows))
    for row, n_painted, n_clear in zip(rows, painted, clear, strict=True):
        # A body on top hides what lies below as much as the other way round.
        shown = min(n_clear, remaining[row["object"]]) / max(n_painted, 1)
        inside = 0 <= row["row"] < height and 0 <= row["col"] < width
        row["visible"] = bool(n_painted and inside and shown > 0.5)
        if row["class"] not in ("fragment", "monocentric", "ring"):
            row["visible"] &= len(row["junctions"]) > 0
        if row["class"] == "fragment":
            row["visible"] &= bool(0.01 * n_painted / unit**2 >= SMALLEST_FRAGMENT_UM2)
    return rows


def chromatin_grain(rng, style, unit, *, side=192):
    """Texture of the chromatin: noise of a few reference pixels, in two sizes."""
    noise = rng.standard_normal((side, side), dtype=np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), 0.9 * unit)
    coarse = cv2.GaussianBlur(noise[::-1], (0, 0), 2.4 * unit)
    texture = fine / fine.std() + 0.7 * coarse / coarse.std()
    return np.float32(style.grain / 1.22) * texture


def annotations_of(objects):
    """What a scorer marks: each pair of neighbouring centromeres, each acentric fragment.

    A tricentric counts as two dicentrics (IAEA 2011) and has two marks.
    """
    marks = []
    for body in objects[objects["visible"]].to_dict("records"):
        if body["class"] == "fragment":
            marks.append(("fragment", body["row"], body["col"]))
        elif body["class"] != "ring":
            marks += [("dicentric", *junction) for junction in body["junctions"]]
    return pd.DataFrame(marks, columns=["class", "row", "col"]).astype({"row": float, "col": float})
