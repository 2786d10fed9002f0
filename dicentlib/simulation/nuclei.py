"""Interphase nuclei: where they lie on a slide, and how they are drawn."""

import cv2
import numpy as np

from dicentlib.simulation.slide import add_patch, fill, grain, irregular_outline, touched_bodies

BESIDE_SHARE = 0.45  # of the nuclei lie right beside the spread
LOBED_SHARE = 0.15  # of the nuclei are a granulocyte's
COVERED_BODIES = 4  # that a nucleus over the spread touches, where there are as many
TRIES = 20
DIAMETER_PX = 121.0  # reference pixels, at the absorbance below
DENSE = 2.1
FLATTENING = 0.31  # a paler nucleus is a flatter and larger one: diameter ~ absorbance^-0.31
PALE = 1.4  # absorbance below which chromatin shows through
CHROMOCENTRES = 6.0  # mean number of dark spots


def add_nuclei(rng, absorbance, style, unit, bodies, positions, *, n_over=0):
    """Add interphase nuclei: round, 100 to 220 reference pixels across, a few in lobes.

    Many lie right beside the spread, as on real slides. Pale ones are flat and large, thinner
    towards their rim, and show their chromatin.

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
        strength = np.clip(style.nucleus_stain * np.exp(0.25 * rng.standard_normal()), 0.35, 2.6)
        diameter = DIAMETER_PX * (DENSE / strength) ** FLATTENING
        diameter = np.clip(diameter * np.exp(0.18 * rng.standard_normal()), 85, 235)
        radius = 0.5 * unit * style.scale * diameter
        if number < n_over:
            position = _covering_position(rng, bodies, positions, radius)
        else:
            position = _clear_position(rng, bodies, positions, made, radius, unit)
        if position is None:
            continue
        # What lies under a nucleus counts as hidden, so one over chromosomes has no gaps.
        lobed = number >= n_over and rng.random() < LOBED_SHARE
        parts = _lobes(rng, position, radius) if lobed else [(position, radius)]
        _draw_nucleus(rng, absorbance, parts, strength, unit)
        made.append((float(position[0]), float(position[1]), float(radius)))
    return made


def _draw_nucleus(rng, absorbance, parts, strength, unit):
    """Add one nucleus of round parts, each ``(middle, radius)``."""
    outlines = [
        irregular_outline(
            rng,
            middle,
            radius,
            wobble=rng.uniform(0.0, 0.05),
            elongation=np.exp(0.08 * rng.standard_normal()),
        )
        for middle, radius in parts
    ]
    pale = strength < PALE
    patch, left, top = fill(outlines, soft_px=unit * rng.uniform(0.5, 3.0))
    texture = rng.uniform(0.06, 0.18) if pale else rng.uniform(0.03, 0.16)
    grain(rng, patch, texture=texture, grain_px=max(unit * rng.uniform(3, 7), 2.0))
    if pale and len(parts) == 1:
        middle, radius = parts[0]
        _flatten(rng, patch, middle - np.array([top, left]), radius, unit)
    add_patch(absorbance, np.maximum(strength * patch, 0), top, left)


def _flatten(rng, patch, middle, radius, unit):
    """Thin a patch towards the rim, and add chromocentres, in place."""
    height, width = patch.shape
    rows, cols = np.ogrid[:height, :width]
    from_middle = np.hypot(rows - middle[0], cols - middle[1]) / radius
    patch *= 1.1 - rng.uniform(0.1, 0.5) * np.minimum(from_middle, 1.0).astype(np.float32) ** 3
    spots = np.zeros_like(patch)
    for _ in range(rng.poisson(CHROMOCENTRES)):
        away, angle = 0.8 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        row, col = middle + away * radius * np.array([np.sin(angle), np.cos(angle)])
        size = max(unit * rng.uniform(3, 10), 1.0)
        cv2.circle(spots, (round(col), round(row)), round(size), rng.uniform(0.1, 0.5), -1)
    patch *= 1 + cv2.GaussianBlur(spots, (0, 0), max(2 * unit, 0.8))


def _covering_position(rng, bodies, positions, radius):
    """A place for a nucleus over several chromosomes; else the best of those tried.

    A nucleus over one chromosome at the rim of a spread looks like one that lies beside it.
    """
    best, most = None, -1
    for _ in range(TRIES):
        position = positions[rng.integers(len(positions))] + rng.normal(0, 0.5 * radius, 2)
        n_bodies = len(touched_bodies(bodies, position, 0.9 * radius))
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
        if apart and not len(touched_bodies(bodies, position, 1.04 * radius + unit)):
            return position
    return None


def _lobes(rng, position, radius):
    """Middles and radii of the three to five lobes of a granulocyte's nucleus."""
    n = rng.integers(3, 6)
    angles = 2 * np.pi * (np.arange(n) + rng.uniform(-0.2, 0.2, n)) / n + rng.uniform(0, 6.3)
    away = radius * rng.uniform(0.4, 0.55, n)
    middles = position + np.column_stack([away * np.sin(angles), away * np.cos(angles)])
    return list(zip(middles, radius * rng.uniform(0.36, 0.48, n), strict=True))
