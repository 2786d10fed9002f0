"""What a scorer can see of a body's centromeres, and that simulated truth keeps to it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from dicentlib.simulation.cell import centromeres_show, shape_of
from dicentlib.simulation.constrictions import FALSE_DEPTH, SEEN_DEPTH, constriction_depths
from dicentlib.simulation.karyotype import CENTROMERE_PERCENT, LENGTH_PERCENT
from dicentlib.simulation.radiation import Piece, irradiate
from dicentlib.simulation.styles import draw_cell_style, draw_slide_style

ARM = [8.0] * 30
WAIST = [3.0] * 6


def test_a_waist_shows_where_there_is_a_wider_place_on_both_sides():
    (depth,), elsewhere = constriction_depths(ARM + WAIST + ARM, [33], 1.5)
    assert depth > 0.5
    assert elsewhere < 0.05
    (depth,), elsewhere = constriction_depths(ARM + ARM, [30], 1.5)
    assert abs(depth) < 1e-6
    assert elsewhere < 0.05


def test_a_waist_without_centromere_is_found_elsewhere():
    (depth,), elsewhere = constriction_depths(ARM + ARM + WAIST + ARM, [30], 1.5)
    assert depth < 0.05
    assert elsewhere > 0.5
    depths, elsewhere = constriction_depths(ARM + WAIST + ARM, [], 1.5)
    assert len(depths) == 0
    assert elsewhere > 0.5


def test_two_centromeres_need_a_wider_place_between_them():
    apart = constriction_depths(ARM + WAIST + ARM + WAIST + ARM, [33, 69], 1.5)[0]
    assert min(apart) > 0.5
    for second in (32, 33, 34, 35):
        merged = constriction_depths(ARM + WAIST + ARM, [31, second], 1.5)[0]
        assert np.sum(merged >= SEEN_DEPTH) <= 1


def test_two_centromeres_nearer_than_the_body_is_wide_do_not_show():
    def depths(arm):
        return constriction_depths(ARM + WAIST + [8.0] * arm + WAIST + ARM, [33, 39 + arm], 1.0)[0]

    assert depths(8).tolist() == [0, 0]  # 14 px apart, 16 px wide
    assert min(depths(14)) > SEEN_DEPTH


def test_round_tips_are_no_centromere():
    blunt = [8 * np.sqrt(1 - (1 - k / 8) ** 2) for k in range(1, 8)]
    narrow = [1.0, 2.5, 3.5, 3.5, 3.0, 3.0, 4.0]
    for place in range(1, 8):
        (depth,), _ = constriction_depths(blunt + ARM, [place], 1.5)
        assert depth < SEEN_DEPTH
        (mirrored,), _ = constriction_depths(ARM + blunt[::-1], [36 - place], 1.5)
        assert mirrored == pytest.approx(depth)
    (depth,), _ = constriction_depths(narrow + ARM, [5], 1.5)
    assert depth > SEEN_DEPTH


def test_blur_hides_a_short_waist():
    sharp, blurred = (
        constriction_depths(ARM + [3.0] * 3 + ARM, [31], blur)[0][0] for blur in (0.5, 4.0)
    )
    assert sharp > 0.5 > SEEN_DEPTH > blurred


def test_at_an_end_the_longer_arm_counts():
    narrow = [2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.5, 4.0]
    (depth,), _ = constriction_depths(narrow + ARM, [5], 1.0)
    assert depth > SEEN_DEPTH
    _, elsewhere = constriction_depths([*narrow, *ARM, *WAIST, *ARM], [41], 1.0)
    assert elsewhere > FALSE_DEPTH  # a tip as narrow as that could be a centromere


@pytest.fixture
def cell():
    rng = np.random.default_rng(4)
    slide = draw_slide_style(rng, variety=0.0)
    return rng, draw_cell_style(rng, slide), slide


def test_of_several_shapes_one_is_taken_whose_centromeres_alone_show(cell):
    rng, style, slide = cell
    style = replace(style, waists=0.01)
    whole = Piece((("2", 0.0, 8.44),))
    clear = 0
    for _ in range(60):
        shape, seen = shape_of(rng, whole, style, slide)
        _, elsewhere = constriction_depths(shape.half_width, shape.centromeres, slide.blur_px)
        clear += seen.all() and elsewhere <= FALSE_DEPTH
    assert clear >= 57


def test_irregular_chromosomes_are_drawn_calmly_at_last(cell):
    rng, style, slide = cell
    style = replace(style, coil=0.45, knobs=0.28, waists=0.05, irregular=1.3)
    fragment = Piece((("2", 0.0, 2.0),))
    clear = 0
    for _ in range(60):
        shape, _ = shape_of(rng, fragment, style, slide)
        clear += constriction_depths(shape.half_width, [], slide.blur_px)[1] <= FALSE_DEPTH
    assert clear >= 57


def test_of_g_banded_chromosomes_the_first_shape_is_taken(cell):
    rng, style, slide = cell
    style, whole = replace(style, waists=0.05), Piece((("2", 0.0, 8.44),))

    def looks_dicentric(slide):
        shapes = [shape_of(rng, whole, style, slide)[0] for _ in range(60)]
        depths = [constriction_depths(x.half_width, x.centromeres, slide.blur_px) for x in shapes]
        return np.mean([elsewhere > FALSE_DEPTH for _, elsewhere in depths])

    assert looks_dicentric(slide) < 0.05
    assert looks_dicentric(replace(slide, banded=0.5)) > 0.3


def test_where_sisters_lie_apart_no_centromere_shows(cell):
    rng, style, slide = cell
    dicentric = Piece((("1", 0.0, 8.0), ("2", 7.0, 0.0)))
    assert len(dicentric.centromeres) == 2
    assert centromeres_show(rng, style, slide, dicentric)
    assert not centromeres_show(rng, replace(style, cohesion=0.4), slide, dicentric)


def test_exchanges_that_do_not_show_are_drawn_again(cell):
    rng, style, slide = cell
    condensed = replace(style, px_per_percent=6.4, radius_px=7.2)
    shows = partial(centromeres_show, rng, condensed, slide)

    def shown(**options):
        pieces = [piece for _ in range(60) for piece in irradiate(rng, (1, 0, 0, 0), **options)]
        dicentrics = [piece for piece in pieces if piece.class_name == "dicentric"]
        assert len(dicentrics) == 60
        return np.mean([shows(piece) for piece in dicentrics])

    assert shown() < 0.7
    assert shown(shows=shows) > 0.8


def test_centromeres_nearer_than_the_body_is_wide_do_not_show(cell):
    rng, style, slide = cell
    places = {name: CENTROMERE_PERCENT[name] / 100 * LENGTH_PERCENT[name] for name in ("1", "2")}

    def joined(percent):
        short_arm = ("1", 0.0, places["1"] + percent / 2)
        return Piece((short_arm, ("2", places["2"] - percent / 2, LENGTH_PERCENT["2"])))

    assert np.diff(joined(1.6).centromeres) == pytest.approx(1.6)
    assert not centromeres_show(rng, style, slide, joined(1.6))  # 18 px, a body is 24 px wide
    assert centromeres_show(rng, style, slide, joined(3.2))
