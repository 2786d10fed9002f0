"""The shape of one chromosome: its axis, its two chromatids, its constrictions.

A chromatid is a chain of overlapping discs. Everything is in reference pixels (0.1 um),
centred on the body's axis, before rotation.
"""

from dataclasses import dataclass

import numpy as np

SAMPLE_PX = 1.0
COUNT = np.arange(4096.0)  # more samples than the longest body has


@dataclass(frozen=True)
class Shape:
    """Discs that draw a body, and the points that its truth needs (arrays of row, col)."""

    discs: np.ndarray  # (n, 4): row, col, radius, relative absorbance
    axis: np.ndarray  # (m, 2) along the middle of the body, at the arc lengths `along`
    along: np.ndarray  # (m,)
    centromeres: np.ndarray  # (k,) arc lengths
    length_px: float
    width_px: float
    half_width: np.ndarray  # (length_px,) at each pixel of the axis, tips included
    crossed: bool  # its sisters cross within an arm

    def at(self, positions):
        """Points (row, col) of the axis at given arc lengths, shape (n, 2)."""
        return np.column_stack([np.interp(positions, self.along, self.axis[:, k]) for k in (0, 1)])


def _smooth_noise(rng, n, correlation):
    """Noise of unit standard deviation along a line, correlated over `correlation` samples."""
    knots = max(int(n / correlation) + 3, 4)
    positions = COUNT[:n] * ((knots - 1.0) / max(n - 1, 1))
    return np.interp(positions, COUNT[:knots], rng.standard_normal(knots))


def _axis_points(rng, style, s, length, centromeres):
    """Points of a bent axis at arc lengths `s`."""
    u = s / max(length, 1.0) - 0.5
    reach = min(length / 80.0, 1.6)
    bend = style.bend * reach * rng.standard_normal(3)
    heading = bend[0] * 2 * u + 0.5 * bend[1] * np.cos(2 * np.pi * u + rng.uniform(0, 6.3))
    heading += 0.25 * bend[2] * np.cos(4 * np.pi * u + rng.uniform(0, 6.3))
    for centromere in centromeres:
        angle = style.kink * rng.standard_normal() * (2.2 if rng.random() < 0.1 else 1.0)
        heading += angle / (1 + np.exp(-np.clip((s - centromere) / 1.5, -30, 30)))
    step = np.diff(s, prepend=s[0])
    rows, cols = np.cumsum(step * np.sin(heading)), np.cumsum(step * np.cos(heading))
    points = np.column_stack([rows, cols])
    return points - points.mean(axis=0), heading


def _ring_points(s, length):
    """Points of a closed axis; its sides are a little flattened."""
    angle = 2 * np.pi * s / length
    radius = length / (2 * np.pi)
    points = np.column_stack([0.8 * radius * np.sin(angle), 1.2 * radius * np.cos(angle)])
    tangent = np.column_stack([0.8 * np.cos(angle), -1.2 * np.sin(angle)])
    return points, np.arctan2(tangent[:, 0], tangent[:, 1])


def chromosome_shape(
    rng,
    style,
    *,
    length,
    centromeres,
    secondary_constrictions=(),
    satellite_ends=(False, False),
    ring=False,
    banded=0.0,
):
    """Draw the shape of one body.

    Parameters
    ----------
    rng : numpy.random.Generator
    style : CellStyle
    length : float
        In reference pixels, tips included.
    centromeres : sequence of float
        Positions along the body, in reference pixels from its first end.
    secondary_constrictions : sequence of float
        Positions of heterochromatin that is sometimes thin and drawn out.
    satellite_ends : pair of bool
        Which ends are the short arm of an acrocentric: thinner, stalked.
    ring : bool
        Closed on itself.
    banded : float
        Contrast of G-bands, 0 for a solid stain.

    Returns
    -------
    Shape
    """
    own = style.irregular
    base = style.radius_px * np.exp(0.07 * own * rng.standard_normal())
    if length < 25:
        base *= 0.82 + 0.18 * length / 25  # short bodies are slimmer
    margin = 0.0 if ring else min(base, 0.45 * length)
    n = max(int((length - 2 * margin) / SAMPLE_PX) + 1, 2)
    s = np.linspace(margin, length - margin, n)
    if ring:
        axis, heading = _ring_points(s, length)
    else:
        axis, heading = _axis_points(rng, style, s, length, centromeres)

    tip = np.full(n, 1e3) if ring else np.minimum(s, length - s)
    closeness, distance = np.zeros(n), np.full(n, 1e3)
    cohesion = np.zeros(n)
    for centromere in centromeres:
        gap = np.abs(s - centromere)
        if ring:
            gap = np.minimum(gap, length - gap)
        width = style.constriction_px * np.exp(0.15 * own * rng.standard_normal())
        depth = np.clip(rng.normal(1.0, 0.16 * own), 0.6, 1.3)
        closeness = np.maximum(closeness, depth * np.exp(-0.5 * (gap / (0.75 * width)) ** 2))
        cohesion = np.maximum(cohesion, np.exp(-0.5 * (gap / (1.3 * width)) ** 2))
        distance = np.minimum(distance, gap)
    closeness = np.minimum(closeness, 1.0)

    radius = base * (1 - (1 - style.constriction_radius) * closeness)
    radius *= 1 - 0.12 * np.exp(-tip / 2.5) + 0.03 * own * _smooth_noise(rng, n, 9)
    radius *= 1 - (1 - style.constriction_radius) * _waists(
        rng, style, s, length, centromeres, secondary_constrictions
    )
    for satellite, from_end in zip(satellite_ends, (s, length - s), strict=True):
        if satellite and len(centromeres):
            arm = centromeres[0] if from_end is s else length - centromeres[-1]
            slimming = rng.uniform(0.12, 0.4)
            radius *= 1 - slimming / (1 + np.exp((from_end - arm) / 1.2))

    separation = base * style.separation * (1 + 0.1 * own * rng.standard_normal())
    if len(centromeres):
        separation = separation * (1 + style.splay * np.tanh(distance / 28.0))
    else:
        separation = np.full(n, separation * (1 + 0.3 * style.splay * rng.random()))
    if not ring:
        for from_end in (s, length - s):
            rarely = rng.uniform(0.4, 1.0) if rng.random() < 0.06 else 0.0
            closing = min(style.tip_closing + 0.08 * own * rng.exponential(), 0.9)
            separation = separation * (1 - max(closing, rarely) * np.exp(-from_end / 6.0))
    joined = base * style.separation * (0.95 * (1 - style.cohesion) + 0.22 * style.cohesion)
    separation = separation + (joined - separation) * cohesion
    darkness = np.ones(n)
    crossed = rng.random() < style.twist and length > 35
    if crossed:
        crossing = rng.uniform(0.15, 0.85) * length
        apart = np.tanh((s - crossing) / rng.uniform(3.0, 7.0))
        separation = separation * apart
        darkness += 1 - np.abs(apart)  # one sister lies on the other

    discs = [
        _chromatid(rng, style, axis, heading, s, side * separation, radius) for side in (-1.0, 1.0)
    ]
    for disc in discs:
        disc[:n, 3] *= darkness
    if banded:
        bands = np.clip(0.5 + 0.9 * _smooth_noise(rng, n, rng.uniform(3.5, 7.0)), 0, 1)
        for disc in discs:
            disc[:n, 3] *= 1 - banded * bands
    sisters = [np.hypot(*(disc[:n, :2] - axis).T) + disc[:n, 2] for disc in discs]
    return Shape(
        discs=np.vstack(discs),
        axis=axis,
        along=s,
        centromeres=np.asarray(centromeres, dtype=float),
        length_px=float(length),
        width_px=2 * float(np.median(np.abs(separation) + radius)),
        half_width=_with_tips(s, np.mean(sisters, axis=0), length),
        crossed=bool(crossed),
    )


def _with_tips(s, half_width, length):
    """Half width at every pixel of a body, of which `s` leaves out the round tips."""
    along = np.arange(0.5, max(length, 1.0))
    beyond = np.maximum(s[0] - along, along - s[-1]) / max(s[0], 1e-6)
    return np.interp(along, s, half_width) * np.sqrt(np.clip(1 - np.maximum(beyond, 0) ** 2, 0, 1))


def _waists(rng, style, s, length, centromeres, secondary_constrictions):
    """How much of a constriction's depth the body has at `s` where it has no centromere.

    The sisters grow thin there, but do not meet: such a waist is no centromere.
    A secondary constriction is drawn up to 5 px farther from the next centromere.
    """
    places = []
    for position in secondary_constrictions:
        next_one = min(centromeres, key=lambda c: abs(c - position), default=0.0)
        places.append(position + np.copysign(rng.uniform(0, 5), position - next_one))
    places += (length * rng.uniform(0.1, 0.9, rng.poisson(style.waists * length))).tolist()
    waist = np.zeros(len(s))
    for place in places:
        width = style.constriction_px * rng.uniform(0.5, 1.0)
        depth = rng.uniform(0.0, 0.8)
        waist = np.maximum(waist, depth * np.exp(-0.5 * ((s - place) / width) ** 2))
    return waist


def _chromatid(rng, style, axis, heading, s, offset, radius):
    """Discs of one chromatid beside the axis, its coil, its rough outline and hairs."""
    n, own = len(s), style.irregular
    offset = offset + 0.1 * own * radius * _smooth_noise(rng, n, 14)
    phase = 2 * np.pi * s / style.coil_period_px + rng.uniform(0, 6.3)
    phase = phase + 0.6 * _smooth_noise(rng, n, 10)
    offset = offset + style.coil * radius * np.sin(phase)
    radius = radius * (1 - 0.55 * style.coil)
    offset = offset + style.roughness_px * 0.6 * _smooth_noise(rng, n, 1.8)
    normal = np.column_stack([np.cos(heading), -np.sin(heading)])
    centres = axis + offset[:, None] * normal
    rough = radius * (1 + style.knobs * np.cos(2 * phase + 0.5))
    rough = np.clip(rough + style.roughness_px * 0.5 * _smooth_noise(rng, n, 1.8), 1.0, None)
    beads = 1 - style.beads * (0.5 - 0.5 * np.cos(2 * phase + 0.5))
    value = beads * (1 + 0.05 * own * _smooth_noise(rng, n, 6))
    discs = np.column_stack([centres, rough, value])
    hairs = rng.poisson(style.fuzz * n)
    if not hairs:
        return discs
    where = rng.integers(0, n, hairs)
    side = np.where(rng.random(hairs) < 0.5, -1.0, 1.0) * (radius[where] + rng.uniform(0, 2, hairs))
    loops = np.column_stack(
        [
            centres[where] + side[:, None] * normal[where],
            rng.uniform(0.8, 1.6, hairs),
            rng.uniform(0.2, 0.55, hairs),
        ]
    )
    return np.vstack([discs, loops])
