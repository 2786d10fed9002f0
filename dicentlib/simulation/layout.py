"""Where the chromosomes of a spread lie: apart, touching, crossing."""

import cv2
import numpy as np

GRID_PX = 4.0  # reference pixels per cell of the occupancy grid
TRIES = 40
# Contacts laid on purpose, so that they and those by chance are as frequent as in boxed real fields
# (studies.contacts). Two chromosomes that continue one another keep a gap that shows, by chance
# too: without it they are a dicentric to any scorer, and scorers find one dicentric in a thousand
# unexposed cells.
CONTACTS = 0.06  # share of the bodies that are laid against another one
END_CONTACTS = 0.2
STRAIGHT_SHARE = 0.4  # of these continue one another
STRAIGHT_TURN = 0.9  # up to this angle, in radians
SIDE_CONTACTS = 0.5  # the rest cross
STRAIGHT_GAP_PX = (4.0, 10.0)  # between the tips
STRAIGHT_OVERLAP_PX = 25.0  # deeper, one lies on the other
BENT_GAP_PX = (-7.0, 7.0)
OUTLINE_POINTS = 72


def rotated(points, angle):
    """Points (row, col) turned by `angle`: a vector along the columns then has that heading."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return points @ np.array([[cosine, -sine], [sine, cosine]])


def _spread_outline(rng, spread_px, ragged):
    """Distance of the spread's rim from its middle at `OUTLINE_POINTS` angles: a dented oval."""
    angle = 2 * np.pi * np.arange(OUTLINE_POINTS) / OUTLINE_POINTS
    squeeze = rng.uniform(0.75, 1.0)
    tilt, *phases = rng.uniform(0, 2 * np.pi, 4)
    oval = np.hypot(squeeze * np.cos(angle - tilt), np.sin(angle - tilt) / squeeze)
    dents = sum(np.cos(order * angle + phases[order - 2]) / order for order in (2, 3, 4))
    outline = oval * np.clip(1 + ragged * dents, 0.25, 1.4)
    return spread_px * outline / np.sqrt(np.mean(outline**2))


def _spread_position(rng, centre, outline, strays):
    """A point of the spread: a little denser in the middle, a few bodies far outside."""
    radius = rng.uniform(1.1, 1.6) if rng.random() < strays else rng.random() ** 0.55
    turn = rng.random()
    radius *= outline[int(turn * OUTLINE_POINTS)]
    return centre + radius * np.array([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)])


def _beside_another(rng, shape, placed):
    """Touch a body that is already there: end to end, side by side, or crossing."""
    other_shape, other_points = placed[rng.integers(len(placed))]
    tangent = other_points[-1] - other_points[0]
    other_angle = np.arctan2(tangent[0], tangent[1])
    kind = rng.random()
    if kind < END_CONTACTS:  # as satellites associate and as false dicentrics arise
        end, before = (0, min(4, len(other_points) - 1)) if rng.random() < 0.5 else (-1, -5)
        outward = other_points[end] - other_points[max(before, -len(other_points))]
        straight = rng.random() < STRAIGHT_SHARE
        turn = rng.normal(0, 0.4) if straight else rng.uniform(-2.3, 2.3)
        angle = np.arctan2(outward[0], outward[1]) + turn
        own = rotated(shape.axis, angle)
        step = np.array([np.sin(angle), np.cos(angle)])
        gap = rng.uniform(*(STRAIGHT_GAP_PX if abs(turn) < STRAIGHT_TURN else BENT_GAP_PX))
        gap += shape.along[0] + other_shape.along[0]
        return own - own[0] + other_points[end] + gap * step
    if kind < END_CONTACTS + SIDE_CONTACTS:
        angle = other_angle + rng.normal(0, 0.2)
        own = rotated(shape.axis, angle)
        side = rng.choice([-1.0, 1.0]) * 0.5 * (shape.width_px + other_shape.width_px)
        across = np.array([np.cos(other_angle), -np.sin(other_angle)])
        along = rng.uniform(-0.4, 0.4) * tangent
        middle = other_points[len(other_points) // 2]
        return own + middle + along + across * side * rng.uniform(0.8, 1.15)
    own = rotated(shape.axis, other_angle + rng.uniform(0.5, 2.6))
    return own + other_points[rng.integers(len(other_points))]


def _tips(shape, points):
    """Both tips of a body: points (2, 2), unit vectors outward (2, 2)."""
    reach = min(9, len(points)) - 1
    outward = np.array([points[0] - points[reach], points[-1] - points[-1 - reach]])
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    return points[[0, -1]] + shape.along[0] * outward, outward


def _continues(shape, points, placed_tips):
    """Whether a body lies in line with one that is there, without a gap that shows."""
    other_tips, other_outward, other_width = placed_tips
    tips, outward = _tips(shape, points)
    away = tips[:, None] - other_tips
    gap = np.sum(away * other_outward, axis=2)
    aside = np.abs(away[..., 0] * other_outward[:, 1] - away[..., 1] * other_outward[:, 0])
    chain = outward @ other_outward.T < -np.cos(STRAIGHT_TURN)
    chain &= aside < 0.3 * (shape.width_px + other_width)
    return bool(np.any(chain & (gap > -STRAIGHT_OVERLAP_PX) & (gap < STRAIGHT_GAP_PX[0])))


def place_bodies(rng, shapes, style, *, centre, spread_px, size_px, solitary):
    """Choose a position and an angle for every body of a spread.

    Parameters
    ----------
    rng : numpy.random.Generator
    shapes : sequence of Shape
    style : CellStyle
        ``ragged``: how deep the dents of the spread's outline are, relative to the radius (0: an
        oval). ``strays``: probability that a body lies outside the outline. ``crowding``: clear
        margin around each body, reference pixels (negative: they touch).
    centre : (row, col)
        Middle of the spread, reference pixels.
    spread_px : float
        Mean radius of the spread.
    size_px : (height, width)
        Field of view in reference pixels; bodies lie wholly inside.
    solitary : sequence of bool
        Bodies that are laid clear of others whenever there is room.

    Returns
    -------
    offsets : ndarray, shape (n, 2)
    angles : ndarray, shape (n,)
        Body k is drawn at ``rotate(points, angles[k]) + offsets[k]``.
    """
    height, width = size_px
    grid = np.zeros((int(height / GRID_PX) + 2, int(width / GRID_PX) + 2), np.uint8)
    outline = _spread_outline(rng, spread_px, style.ragged)
    offsets, angles = np.zeros((len(shapes), 2)), np.zeros(len(shapes))
    placed = []
    placed_tips = np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    for k in rng.permutation(len(shapes)):
        shape = shapes[k]
        half = 0.5 * shape.width_px
        border = half + 5.0
        best, fewest = None, np.inf
        contact = bool(placed) and not solitary[k] and rng.random() < CONTACTS
        for attempt in range(TRIES * (3 if solitary[k] else 1)):
            if contact and attempt < 3:
                points = _beside_another(rng, shape, placed)
            else:
                angle = rng.uniform(0, 2 * np.pi)
                points = rotated(shape.axis, angle)
                points = points + _spread_position(rng, centre, outline, style.strays)
            low = np.array([border, border]) - points.min(axis=0)
            high = np.array([height, width]) - border - points.max(axis=0)
            outside = np.any(low > 0) or np.any(high < 0)
            if outside and contact and attempt < 3:
                continue
            points = points + np.maximum(low, 0) + np.minimum(high, 0)
            cells = (points[::2] / GRID_PX).astype(int)
            cells[:, 0] = np.clip(cells[:, 0], 0, grid.shape[0] - 1)
            cells[:, 1] = np.clip(cells[:, 1], 0, grid.shape[1] - 1)
            hit = np.count_nonzero(grid[cells[:, 0], cells[:, 1]]) / len(cells)
            if contact and attempt < 3:
                hit = 0.0 if hit < 0.5 else 2.0
            if hit < fewest:
                hit += _continues(shape, points, placed_tips)
            if hit < fewest:
                best, fewest = points, hit
            if hit == 0:
                break
        margin = style.crowding if not solitary[k] else max(style.crowding, 3.0)
        thickness = max(round((shape.width_px + 2 * half + 2 * margin) / GRID_PX), 1)
        line = np.round(best[:, ::-1] / GRID_PX).astype(np.int32)
        cv2.polylines(grid, [line[:, None]], False, 255, thickness)
        offsets[k], angles[k] = _pose(shape.axis, best)
        placed.append((shape, best))
        own = (*_tips(shape, best), np.full(2, shape.width_px))
        placed_tips = tuple(np.concatenate(pair) for pair in zip(placed_tips, own, strict=True))
    return offsets, angles


def _pose(axis, points):
    """Offset and angle that carry `axis` to `points` (a rotation and a shift)."""
    middle, target = axis.mean(axis=0), points.mean(axis=0)
    own, moved = axis - middle, points - target
    sine = np.sum(own[:, 1] * moved[:, 0] - own[:, 0] * moved[:, 1])
    cosine = np.sum(own * moved)
    angle = np.arctan2(sine, cosine)
    return target - rotated(middle[None], angle)[0], angle
