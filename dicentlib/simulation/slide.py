"""What lies on a slide besides chromosomes: nuclei, cytoplasm, clumps, dust, bubbles, hairs.

Every function adds absorbance to an image in place; positions and sizes are in pixels of
that image, `unit` is the number of them per reference pixel (0.1 um).
"""

import cv2
import numpy as np

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
CLUMP_REACH_PX = 26.0  # of a stain clump, in reference pixels
BESIDE_SHARE = 0.45  # of the nuclei lie right beside the spread
SPECKS = 2.0  # mean number of dark specks in an image
LOBED_SHARE = 0.15  # of the nuclei are a granulocyte's
COVERED_BODIES = 4  # that a nucleus over the spread touches, where there are as many
TRIES = 20
HALO_TILE = 256  # image pixels; the halo is seen in patches smaller than this
HALO_GRAIN_PX = 1.8  # reference pixels


def _outline(rng, centre, radius, *, wobble, elongation=1.0, points=72):
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
    low = np.floor(outline.min(axis=0) - 3 * soft_px - 2).astype(int)
    high = np.ceil(outline.max(axis=0) + 3 * soft_px + 3).astype(int)
    width, height = (high - low).tolist()
    mask = np.zeros((height, width), np.uint8)
    shifted = np.round((outline - low) * 2**SHIFT).astype(np.int32)
    cv2.fillPoly(mask, [shifted], 255, cv2.LINE_AA, SHIFT)
    patch = mask.astype(np.float32) * np.float32(strength / 255)
    if soft_px > 0.3:
        patch = cv2.GaussianBlur(patch, (0, 0), soft_px)
    for size, share in ((grain_px, 1.0), (6 * grain_px, 0.7)):
        cells = (max(int(height / size), 2), max(int(width / size), 2))
        noise = rng.standard_normal(cells).astype(np.float32)
        patch *= 1 + share * texture * cv2.resize(
            noise, (width, height), interpolation=cv2.INTER_CUBIC
        )
    _add(absorbance, np.maximum(patch, 0), low[1], low[0])


def _add(absorbance, patch, top, left):
    """Add a patch that may hang over the border."""
    height, width = absorbance.shape
    bottom, right = min(top + patch.shape[0], height), min(left + patch.shape[1], width)
    first, begin = max(top, 0), max(left, 0)
    if bottom > first and right > begin:
        absorbance[first:bottom, begin:right] += patch[
            first - top : bottom - top, begin - left : right - left
        ]


def _touched(bodies, position, radius):
    """Labels of the bodies that a disc touches, from their label image."""
    rows, cols = (slice(max(int(p - radius), 0), max(int(p + radius) + 1, 0)) for p in position)
    near = bodies[rows, cols]
    row, col = np.ogrid[
        rows.start : rows.start + near.shape[0], cols.start : cols.start + near.shape[1]
    ]
    inside = np.hypot(row - position[0], col - position[1]) < radius
    return np.setdiff1d(near[inside], [0])


def add_nuclei(rng, absorbance, style, unit, bodies, positions, *, n_over=0):
    """Add interphase nuclei: round, 100 to 190 reference pixels across, a few in lobes.

    Many lie right beside the spread, as on real slides.

    Parameters
    ----------
    bodies : ndarray of int, shape (H, W)
        Label image of the chromosomes; nuclei keep clear of them.
    positions : ndarray, shape (n, 2)
        Middles of the chromosomes.
    n_over : int
        Further nuclei that lie over chromosomes.

    Returns
    -------
    list of (row, col, radius)
    """
    made = []
    for number in range(min(rng.poisson(style.nuclei), 9) + n_over):
        radius = (
            0.5 * unit * style.scale * np.clip(131 * np.exp(0.2 * rng.standard_normal()), 85, 215)
        )
        if number < n_over:
            position = _covering_position(rng, bodies, positions, radius)
        else:
            position = _clear_position(rng, bodies, positions, made, radius, unit)
        if position is None:
            continue
        strength = np.clip(style.nucleus_stain * np.exp(0.25 * rng.standard_normal()), 0.35, 2.6)
        # What lies under a nucleus counts as hidden, so one over chromosomes has no gaps.
        lobed = number >= n_over and rng.random() < LOBED_SHARE
        if lobed:
            strength = max(strength, 1.9)  # dense: where lobes overlap shows no darker
        texture = {
            "soft_px": unit * rng.uniform(0.5, 3.0),
            "texture": rng.uniform(0.03, 0.16),
            "grain_px": max(unit * rng.uniform(3, 7), 2.0),
        }
        for middle, size in _lobes(rng, position, radius) if lobed else [(position, radius)]:
            outline = _outline(
                rng,
                middle,
                size,
                wobble=rng.uniform(0.0, 0.05),
                elongation=np.exp(0.08 * rng.standard_normal()),
            )
            add_blob(rng, absorbance, outline, strength, **texture)
        made.append((float(position[0]), float(position[1]), float(radius)))
    return made


def _covering_position(rng, bodies, positions, radius):
    """A place for a nucleus over several chromosomes; else the best of those tried.

    A nucleus over one chromosome at the rim of a spread looks like one that lies beside it.
    """
    best, most = None, -1
    for _ in range(TRIES):
        position = positions[rng.integers(len(positions))] + rng.normal(0, 0.5 * radius, 2)
        n_bodies = len(_touched(bodies, position, 0.9 * radius))
        if n_bodies > most:
            best, most = position, n_bodies
        if most >= COVERED_BODIES:
            break
    return best


def _clear_position(rng, bodies, positions, made, radius, unit):
    """A place for a nucleus clear of chromosomes and other nuclei; None if none is found."""
    height, width = bodies.shape
    beside = rng.random() < BESIDE_SHARE
    for attempt in range(2 * TRIES):
        if beside and attempt < TRIES:
            angle = rng.uniform(0, 2 * np.pi)
            distance = 1.08 * radius + unit * rng.uniform(15, 70)
            step = distance * np.array([np.sin(angle), np.cos(angle)])
            position = positions[rng.integers(len(positions))] + step
        else:
            rim = 0.4 * radius
            position = rng.uniform((-rim, -rim), (height + rim, width + rim))
        apart = all(np.hypot(*(position - m[:2])) > 0.85 * (radius + m[2]) for m in made)
        if apart and not len(_touched(bodies, position, 1.04 * radius + unit)):
            return position
    return None


def _lobes(rng, position, radius):
    """Middles and radii of the three to five lobes of a granulocyte's nucleus."""
    n = rng.integers(3, 6)
    angles = 2 * np.pi * (np.arange(n) + rng.uniform(-0.2, 0.2, n)) / n + rng.uniform(0, 6.3)
    away = radius * rng.uniform(0.4, 0.55, n)
    middles = position + np.column_stack([away * np.sin(angles), away * np.cos(angles)])
    return list(zip(middles, radius * rng.uniform(0.36, 0.48, n), strict=True))


def add_haze(rng, absorbance, style, unit, centre, radius):
    """Add the cytoplasm round a spread: a pale, ragged, grainy disc."""
    if style.haze < 0.01:
        return
    # Drawn at a quarter of the size: it has no fine detail, and its blur is wide.
    small = np.zeros((absorbance.shape[0] // 4 + 1, absorbance.shape[1] // 4 + 1), np.float32)
    outline = _outline(rng, centre / 4, radius / 4 * rng.uniform(0.7, 1.15), wobble=0.18)
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
    for _ in range(rng.poisson(SPECKS)):  # dark specks, smaller than any chromosome
        radius = unit * rng.uniform(3.3, 6.0)
        position = rng.uniform((0, 0), (height, width))
        _dot(absorbance, position, radius, rng.uniform(0.8, 1.8), elongation=rng.uniform(1, 1.5))
    for _ in range(rng.poisson(2.0 * min(amount, 4))):  # bubbles: a bright ring, dark rim
        position, radius = rng.uniform((0, 0), (height, width)), unit * rng.uniform(3, 11)
        strength = rng.uniform(0.04, 0.16)
        _dot(absorbance, position, radius, strength, thickness=max(int(unit * 2), 1))
        _dot(absorbance, position, 0.75 * radius, -1.3 * strength)
    for _ in range(rng.poisson(1.2 * min(amount, 3))):  # pale remains of cells
        outline = _outline(
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
        if not len(_touched(bodies, position, CLUMP_REACH_PX * unit)):
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
    _add(absorbance, mask.astype(np.float32) * np.float32(strength / 255), top, left)


def _clump(rng, absorbance, position, unit):
    for _ in range(rng.integers(3, 9)):
        outline = _outline(
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
