"""How interphase nuclei are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from dicentlib.simulation.nuclei import add_nuclei
from dicentlib.simulation.slide import fill, irregular_outline
from dicentlib.simulation.styles import draw_slide_style

FAR_AWAY = np.array([[300.0, 300.0]])


def nuclei_of_absorbance(stain, n_slides=120):
    """Radii, and absorbance at the rim relative to the middle, of round nuclei on many slides."""
    bodies = np.zeros((600, 600), np.uint16)
    radii, rims = [], []
    rows, cols = np.ogrid[:600, :600]
    for seed in range(n_slides):
        rng = np.random.default_rng(seed)
        style = replace(draw_slide_style(rng), scale=1.0, nuclei=2.0, nucleus_stain=stain)
        absorbance = np.zeros(bodies.shape, np.float32)
        made = add_nuclei(rng, absorbance, style, 1.0, bodies, FAR_AWAY)
        if len(made) != 1:
            continue
        (row, col, radius), *_ = made
        away = np.hypot(rows - row, cols - col) / radius
        middle = absorbance[away < 0.5]
        if middle.size > 1000 and middle.min() > 0:  # a lobed one is open in its middle
            radii.append(radius)
            rims.append(np.median(absorbance[(away > 0.7) & (away < 0.85)]) / np.median(middle))
    assert len(radii) >= 15
    return np.median(radii), np.median(rims)


def test_pale_nuclei_are_larger_and_thinner_towards_the_rim():
    pale_radius, pale_rim = nuclei_of_absorbance(0.6)
    dense_radius, dense_rim = nuclei_of_absorbance(2.2)
    assert 2 * dense_radius == pytest.approx(120, rel=0.15)  # reference pixels, as on real fields
    assert 1.2 < pale_radius / dense_radius < 1.8  # (2.2 / 0.6) ** 0.31 = 1.5
    assert pale_rim < 0.97
    assert dense_rim == pytest.approx(1.0, abs=0.03)


def test_overlapping_parts_are_as_dense_as_one():
    rng = np.random.default_rng(0)
    outlines = [irregular_outline(rng, (30.0, col), 12.0, wobble=0.0) for col in (30.0, 40.0)]
    patch, left, top = fill(outlines, soft_px=0.0)
    assert patch[30 - top, 35 - left] == 1.0  # in both
    assert patch[30 - top, 20 - left] == 1.0  # in the first
    assert patch.max() == 1.0
    assert patch[0].max() == 0.0
