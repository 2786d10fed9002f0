"""Spreads: their outline, and where nuclei lie over them."""

from dataclasses import replace

import numpy as np
import pytest

from dicentlib.simulation import layout
from dicentlib.simulation.layout import (
    OUTLINE_POINTS,
    _spread_outline,
    _spread_position,
    place_bodies,
    rotated,
)
from dicentlib.simulation.nuclei import COVERED_BODIES, _covering_position
from dicentlib.simulation.shape import chromosome_shape
from dicentlib.simulation.slide import touched_bodies
from dicentlib.simulation.styles import draw_cell_style, draw_slide_style


@pytest.mark.parametrize("ragged", [0.0, 0.6])
def test_outlines_have_the_radius_asked_for(ragged):
    outline = _spread_outline(np.random.default_rng(1), 250.0, ragged)
    assert len(outline) == OUTLINE_POINTS
    assert np.sqrt(np.mean(outline**2)) == pytest.approx(250)


def test_ragged_outlines_are_dented():
    def opposite(ragged):
        outline = _spread_outline(np.random.default_rng(1), 250.0, ragged)
        return np.abs(outline - np.roll(outline, OUTLINE_POINTS // 2)).max()

    assert opposite(0.0) == pytest.approx(0, abs=1e-9)  # an oval looks alike from both sides
    assert opposite(0.6) > 25


def test_only_strays_lie_outside():
    rng, outline = np.random.default_rng(2), np.full(OUTLINE_POINTS, 100.0)
    away = {
        share: np.array(
            [np.hypot(*_spread_position(rng, (0, 0), outline, share)) for _ in range(400)]
        )
        for share in (0.0, 1.0)
    }
    assert away[0.0].max() <= 100
    assert away[1.0].min() >= 110


def _pairs_in_line(shapes, offsets, angles):
    """Pairs of straight bodies in line, within 45 degrees, that meet or overlap by up to 2 um."""
    tips, outward = [], []
    for shape, offset, angle in zip(shapes, offsets, angles, strict=True):
        points = rotated(shape.axis, angle) + offset
        heading = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
        half = shape.length_px / 2 * heading
        tips.append((points.mean(axis=0) - half, points.mean(axis=0) + half))
        outward.append((-heading, heading))
    pairs = 0
    for k in range(len(shapes)):
        for other in range(k):
            for a in (0, 1):
                for b in (0, 1):
                    straight = outward[k][a] @ outward[other][b] < -np.sqrt(0.5)
                    away = tips[k][a] - tips[other][b]
                    gap = away @ outward[other][b]
                    aside = np.sqrt(max(away @ away - gap**2, 0.0))
                    pairs += bool(straight and -20 < gap < 3 and aside < 6)
    return pairs


def test_chromosomes_in_line_keep_a_gap(monkeypatch):
    def pairs():
        found = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            slide = draw_slide_style(rng, variety=0.0)
            style = replace(draw_cell_style(rng, slide), bend=0.0, kink=0.0, crowding=-2.0)
            shapes = [
                chromosome_shape(rng, style, length=60.0, centromeres=[25.0]) for _ in range(46)
            ]
            place = {"centre": np.array([300.0, 300.0]), "spread_px": 160.0, "size_px": (600, 600)}
            found += _pairs_in_line(
                shapes, *place_bodies(rng, shapes, style, solitary=[False] * 46, **place)
            )
        return found

    kept = pairs()
    monkeypatch.setattr(layout, "_continues", lambda *_: False)
    assert kept <= 1
    assert pairs() >= 5


def test_touched_bodies_are_named():
    bodies = np.zeros((60, 60), np.uint16)
    bodies[10:14, 10:14], bodies[40:44, 40:44] = 3, 7
    assert touched_bodies(bodies, (12, 12), 5).tolist() == [3]
    assert touched_bodies(bodies, (27, 27), 30).tolist() == [3, 7]
    assert touched_bodies(bodies, (27, 27), 5).tolist() == []


def test_covering_nuclei_touch_several_bodies():
    bodies, positions = np.zeros((400, 400), np.uint16), []
    for row in range(100, 301, 40):
        for col in range(100, 301, 40):
            positions.append((row, col))
            bodies[row - 4 : row + 5, col - 10 : col + 11] = len(positions)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        position = _covering_position(rng, bodies, np.array(positions, float), 60.0)
        assert len(touched_bodies(bodies, position, 54.0)) >= COVERED_BODIES
