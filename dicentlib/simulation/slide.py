"""What lies on a slide besides chromosomes and nuclei: cytoplasm, clumps, dust, bubbles, hairs.

Every function adds absorbance to an image in place; positions and sizes are in pixels of
that image, `unit` is the number of them per reference pixel (0.1 um).
"""

import cv2
import numpy as np

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
CLUMP_REACH_PX = 26.0  # of a stain clump, in reference pixels
SPECK_PX = (3.2, 0.4, 1.7, 8.0)  # half width of a grain of dye: median, spread, limits
LARGEST_SPECK_PX2 = 90.0  # its area; the smallest fragment that counts has 120
HALO_TILE = 256  # image pixels; the halo is seen in patches smaller than this
HALO_GRAIN_PX = 1.8  # reference pixels


def irregular_outline(rng, centre, radius, *, wobble, elongation=1.0, points=72):
    """A closed, slightly irregular outline as an array of (col, row)."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    r = np.full(points, radius)
    for order in range(2, 7):
        r += (
            radius
            * wobble
            / order
            * rng.standard_normal()
            * np.cos(order * angle + rng.uniform(0, 6.3))
        )
    stretch = np.sqrt(elongation)
    x, y = r * np.cos(angle) * stretch, r * np.sin(angle) / stretch
    tilt = rng.uniform(0, np.pi)
    x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
    return np.column_stack([centre[1] + x, centre[0] + y])


def add_blob(rng, absorbance, outline, strength, *, soft_px, texture, grain_px):
    """Add a textured filled outline; its edge is blurred over `soft_px`."""
    patch, left, top = fill([outline], soft_px=soft_px)
    grain(rng, patch, texture=texture, grain_px=grain_px)
    add_patch(absorbance, np.maximum(strength * patch, 0), top, left)


def fill(outlines, *, soft_px):
    """The union of closed outlines as a patch of values 0 to 1 with soft edges, its left, top."""
    points = np.concatenate(outlines)
    low = np.floor(points.min(axis=0) - 3 * soft_px - 2).astype(int)
    high = np.ceil(points.max(axis=0) + 3 * soft_px + 3).astype(int)
    width, height = (high - low).tolist()
    mask = np.zeros((height, width), np.uint8)
    for outline in outlines:  # one by one: together, overlaps would be holes
        shifted = np.round((outline - low) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(mask, [shifted], 255, cv2.LINE_AA, SHIFT)
    patch = mask.astype(np.float32) * np.float32(1 / 255)
    if soft_px > 0.3:
        patch = cv2.GaussianBlur(patch, (0, 0), soft_px)
    return patch, *low.tolist()


def grain(rng, patch, *, texture, grain_px):
    """Multiply a patch, in place, by an unevenness of two sizes."""
    height, width = patch.shape
    for size, share in ((grain_px, 1.0), (6 * grain_px, 0.7)):
        cells = (max(int(height / size), 2), max(int(width / size), 2))
        noise = rng.standard_normal(cells).astype(np.float32)
        patch *= 1 + share * texture * cv2.resize(
            noise, (width, height), interpolation=cv2.INTER_CUBIC
        )


def add_patch(absorbance, patch, top, left):
    """Add a patch that may hang over the border."""
    height, width = absorbance.shape
    bottom, right = min(top + patch.shape[0], height), min(left + patch.shape[1], width)
    first, begin = max(top, 0), max(left, 0)
    if bottom > first and right > begin:
        absorbance[first:bottom, begin:right] += patch[
            first - top : bottom - top, begin - left : right - left
        ]


def touched_bodies(bodies, position, radius):
    """Labels of the bodies that a disc touches, from their label image."""
    rows, cols = (slice(max(int(p - radius), 0), max(int(p + radius) + 1, 0)) for p in position)
    near = bodies[rows, cols]
    row, col = np.ogrid[
        rows.start : rows.start + near.shape[0], cols.start : cols.start + near.shape[1]
    ]
    inside = np.hypot(row - position[0], col - position[1]) < radius
    return np.setdiff1d(near[inside], [0])


def add_haze(rng, absorbance, style, unit, centre, radius):
    """Add the cytoplasm round a spread: a pale, ragged, grainy disc."""
    if style.haze < 0.01:
        return
    # Drawn at a quarter of the size: it has no fine detail, and its blur is wide.
    small = np.zeros((absorbance.shape[0] // 4 + 1, absorbance.shape[1] // 4 + 1), np.float32)
    outline = irregular_outline(rng, centre / 4, radius / 4 * rng.uniform(0.7, 1.15), wobble=0.18)
    add_blob(
        rng,
        small,
        outline,
        style.haze,
        soft_px=unit / 4 * rng.uniform(6, 35),
        texture=rng.uniform(0.05, 0.3),
        grain_px=max(unit / 4 * rng.uniform(6, 20), 1.0),
    )
    absorbance += cv2.resize(small, absorbance.shape[::-1], interpolation=cv2.INTER_LINEAR)


def add_halo(rng, absorbance, style, unit):
    """Add the pale, grainy rim of cytoplasm round chromosomes; before anything else is drawn."""
    small = cv2.resize(absorbance, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(style.halo_px * unit / 8, 0.3))
    rim = cv2.resize(small, absorbance.shape[::-1], interpolation=cv2.INTER_LINEAR)
    tile = rng.standard_normal((HALO_TILE, HALO_TILE), dtype=np.float32)
    tile = cv2.GaussianBlur(tile, (0, 0), HALO_GRAIN_PX * unit)
    tile *= np.float32(style.halo_grain) / tile.std()
    repeats = [size // HALO_TILE + 1 for size in absorbance.shape]
    grain = np.tile(tile, repeats)[: absorbance.shape[0], : absorbance.shape[1]]
    cv2.addWeighted(absorbance, 1.0, rim * (1 + grain), style.halo, 0.0, dst=absorbance)


def add_debris(rng, absorbance, style, unit, bodies, *, over=None):
    """Add dust, grains, bubbles, stain clumps, cell remains and hairlines.

    Stain clumps keep clear of the chromosomes (`bodies`, a label image): one that covers them
    makes an image unfit. With `over` (positions, shape (n, 2)) further clumps lie there.
    """
    height, width = absorbance.shape
    amount = style.debris
    for _ in range(min(rng.poisson(30 * amount), 300)):  # dust
        radius = unit * np.clip(1.8 * np.exp(0.65 * rng.standard_normal()), 0.7, 7)
        _dot(
            absorbance,
            rng.uniform((0, 0), (height, width)),
            radius,
            rng.uniform(0.1, 1.0),
            elongation=rng.uniform(1, 1.6),
            angle=rng.uniform(0, 180),
        )
    for _ in range(rng.poisson(style.specks)):
        _speck(rng, absorbance, rng.uniform((0, 0), (height, width)), unit)
    for _ in range(rng.poisson(2.0 * min(amount, 4))):  # bubbles: a bright ring, dark rim
        position, radius = rng.uniform((0, 0), (height, width)), unit * rng.uniform(3, 11)
        strength = rng.uniform(0.04, 0.16)
        _dot(absorbance, position, radius, strength, thickness=max(int(unit * 2), 1))
        _dot(absorbance, position, 0.75 * radius, -1.3 * strength)
    for _ in range(rng.poisson(1.2 * min(amount, 3))):  # pale remains of cells
        outline = irregular_outline(
            rng, rng.uniform((0, 0), (height, width)), unit * rng.uniform(6, 40), wobble=0.5
        )
        add_blob(
            rng,
            absorbance,
            outline,
            rng.uniform(0.05, 0.5),
            soft_px=unit * 2.0,
            texture=0.5,
            grain_px=max(unit * rng.uniform(3, 8), 2.0),
        )
    for _ in range(rng.poisson(0.8 * min(amount, 2))):  # black clumps of stain
        position = rng.uniform((0, 0), (height, width))
        if not len(touched_bodies(bodies, position, CLUMP_REACH_PX * unit)):
            _clump(rng, absorbance, position, unit)
    for position in () if over is None else over:
        _clump(rng, absorbance, position, unit * rng.uniform(1.0, 1.6))
    for _ in range(rng.poisson(0.25 * min(amount, 3))):  # hairlines and scratches
        start = rng.uniform((0, 0), (height, width))
        heading = rng.uniform(0, 6.3) + np.cumsum(rng.normal(0, 0.12, 60))
        steps = unit * rng.uniform(4, 14) * np.column_stack([np.sin(heading), np.cos(heading)])
        line = np.round((start + np.cumsum(steps, axis=0))[:, ::-1] * 2**SHIFT).astype(np.int32)
        layer = np.zeros(absorbance.shape, np.uint8)
        cv2.polylines(
            layer,
            [line[:, None]],
            False,
            255,
            max(int(unit * rng.uniform(1, 4)), 1),
            cv2.LINE_AA,
            SHIFT,
        )
        absorbance += layer * np.float32(rng.uniform(0.02, 0.12) * rng.choice([1, 1, -0.7]) / 255)


def _dot(absorbance, position, radius, strength, *, elongation=1.0, angle=0.0, thickness=-1):
    reach = int(np.ceil(radius * elongation + abs(thickness))) + 2
    top, left = (np.floor(position).astype(int) - reach).tolist()
    mask = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    middle = np.round((np.asarray(position) - (top, left)) * 2**SHIFT).astype(int)
    axes = (int(radius * elongation * 2**SHIFT), int(radius * 2**SHIFT))
    cv2.ellipse(
        mask,
        (int(middle[1]), int(middle[0])),
        axes,
        angle,
        0,
        360,
        255,
        thickness,
        cv2.LINE_AA,
        SHIFT,
    )
    add_patch(absorbance, mask.astype(np.float32) * np.float32(strength / 255), top, left)


def _speck(rng, absorbance, position, unit):
    """A grain of dye: round, a short rod, ragged, or two unequal grains side by side.

    Two equal ones would be a fragment to any scorer, and so would a larger one.
    """
    median, spread, low, high = SPECK_PX
    strength, elongation = rng.uniform(0.4, 2.2), rng.uniform(1, 2.6)
    high = min(high, np.sqrt(LARGEST_SPECK_PX2 / (np.pi * elongation)))
    radius = unit * np.clip(median * np.exp(spread * rng.standard_normal()), low, high)
    if rng.random() < 0.3:
        soft_px = unit * rng.uniform(0.5, 2.0)
        outline = irregular_outline(
            rng, position, 1.3 * radius, wobble=0.3, elongation=elongation, points=32
        )
        add_blob(rng, absorbance, outline, strength, soft_px=soft_px, texture=0.1, grain_px=2.0)
        return
    angle = rng.uniform(0, 180)
    _dot(absorbance, position, radius, strength, elongation=elongation, angle=angle)
    if rng.random() < 0.25:
        away, heading = radius * rng.uniform(2.0, 4.0), rng.uniform(0, 2 * np.pi)
        other = position + away * np.array([np.sin(heading), np.cos(heading)])
        radius *= rng.uniform(0.4, 0.7)
        strength, elongation = rng.uniform(0.4, 2.2), rng.uniform(1, 2.6)
        _dot(absorbance, other, radius, strength, elongation=elongation, angle=rng.uniform(0, 180))


def _clump(rng, absorbance, position, unit):
    for _ in range(rng.integers(3, 9)):
        outline = irregular_outline(
            rng,
            position + rng.normal(0, 9 * unit, 2),
            unit * rng.uniform(4, 14),
            wobble=0.25,
            points=32,
        )
        add_blob(
            rng,
            absorbance,
            outline,
            rng.uniform(1.2, 2.5),
            soft_px=unit,
            texture=0.1,
            grain_px=max(unit * 4, 2.0),
        )
