"""Shapes of single bodies: waists that are no centromere, and tips."""

from dataclasses import replace

import numpy as np
import pytest

from dicentlib.simulation.karyotype import LENGTH_PERCENT
from dicentlib.simulation.radiation import Piece, reverse
from dicentlib.simulation.shape import chromosome_shape
from dicentlib.simulation.styles import draw_cell_style, draw_slide_style

LENGTH = 80.0


@pytest.fixture
def plain():
    """A regular cell style: straight, smooth chromatids without chance waists."""
    rng = np.random.default_rng(0)
    style = draw_cell_style(rng, draw_slide_style(rng, variety=0.0))
    return replace(
        style, irregular=0.0, roughness_px=0.0, coil=0.0, knobs=0.0, beads=0.0, bend=0.0,
        kink=0.0, fuzz=0.0, waists=0.0, twist=0.0, cohesion=1.0,
        constriction_radius=0.5, constriction_px=3.0, tip_closing=0.0, separation=1.1,
    )  # fmt: skip


def profiles(style, seed, **options):
    """Radius of the chromatids and distance between them along a straight body."""
    shape = chromosome_shape(np.random.default_rng(seed), style, length=LENGTH, **options)
    half = len(shape.discs) // 2
    left, right = shape.discs[:half], shape.discs[half:]
    return left[:, 2], np.hypot(*(left[:, :2] - right[:, :2]).T)


def near(values, position):
    """The least value within 8 pixels of a position along the body."""
    at = np.linspace(0, LENGTH, len(values))
    return values[np.abs(at - position) < 8].min()


def test_secondary_constrictions_lie_beyond_the_centromere_on_the_long_arm():
    whole = Piece((("9", 0.0, LENGTH_PERCENT["9"]),))
    (centromere,), (waist,) = whole.centromeres, whole.secondary_constrictions
    assert 0 < waist - centromere < 0.1 * LENGTH_PERCENT["9"]
    turned = Piece(reverse(whole.stretches))
    assert turned.secondary_constrictions[0] == pytest.approx(LENGTH_PERCENT["9"] - waist)
    assert Piece((("2", 0.0, LENGTH_PERCENT["2"]),)).secondary_constrictions == ()
    short_arm, _ = whole.cut(centromere)
    assert Piece(short_arm).secondary_constrictions == ()


def test_waists_thin_the_sisters_but_do_not_join_them(plain):
    radii, gaps = [], []
    for seed in range(60):
        radius, gap = profiles(plain, seed, centromeres=[20.0], secondary_constrictions=[50.0])
        radii.append(near(radius, 52.5) / np.median(radius))
        gaps.append(near(gap, 52.5) / np.median(gap))
        assert near(gap, 20) < 0.5 * np.median(gap)  # at the centromere they meet
    assert min(gaps) > 0.9
    assert max(radii) > 0.97  # hardly to be seen on some
    assert 0.5 < min(radii) < 0.7  # nearly as thin as a centromere on others
    without, _ = profiles(plain, 0, centromeres=[20.0])
    assert near(without, 52.5) > 0.99 * np.median(without)


def test_secondary_constrictions_lie_alike_in_turned_bodies(plain):
    def mean_place(centromere, position):
        places = []
        for seed in range(60):
            radius, _ = profiles(
                plain, seed, centromeres=[centromere], secondary_constrictions=[position]
            )
            at = np.linspace(0, LENGTH, len(radius))
            radius[np.abs(at - position) > 12] = np.inf  # the waist, not the centromere
            if radius.min() < 0.85 * np.median(radius[np.isfinite(radius)]):
                places.append(at[radius.argmin()])
        assert len(places) > 20
        return np.mean(places)

    assert mean_place(20.0, 50.0) + mean_place(60.0, 30.0) == pytest.approx(LENGTH, abs=1)


def test_chance_waists_follow_their_rate(plain):
    rare, frequent = (
        np.mean([
            near(profiles(replace(plain, waists=rate), seed, centromeres=[20.0])[0], 50)
            for seed in range(80)
        ])
        for rate in (0.0, 0.05)
    )  # fmt: skip
    assert frequent < 0.93 * rare


def test_each_tip_closes_by_itself(plain):
    ends = np.array([profiles(plain, seed, centromeres=[40.0])[1][[0, -1]] for seed in range(300)])
    widest = ends.max()
    closed = ends < 0.75 * widest
    assert 0.02 < closed.mean() < 0.12  # one in sixteen, some of them hardly
    assert closed.any(axis=1).sum() > closed.all(axis=1).sum()
