"""Looks of slides: colour, dim light, pale stain, specks of dye, and what is too small to count."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dicentlib.conventions import SMALLEST_FRAGMENT_UM2
from dicentlib.data.channels import GREY_WEIGHTS
from dicentlib.simulation import draw_metaphase
from dicentlib.simulation.layout import BENT_GAP_PX, STRAIGHT_GAP_PX, _beside_another
from dicentlib.simulation.optics import transmitted
from dicentlib.simulation.shape import chromosome_shape
from dicentlib.simulation.slide import add_debris
from dicentlib.simulation.styles import GREY, draw_cell_style, draw_slide_style

HALF = {"height": 444, "width": 504, "pixel_size_um": 0.2}


def styles(n, **options):
    return [draw_slide_style(np.random.default_rng(seed), **options) for seed in range(n)]


def test_colour_is_the_luminance_of_what_passes():
    absorbance = np.full((1, 1), 0.7, np.float32)
    assert transmitted(absorbance, GREY, GREY)[0, 0] == pytest.approx(np.exp(-0.7))
    red, green, blue = GREY_WEIGHTS
    passed = red * 0.9 * np.exp(-0.35) + green * np.exp(-0.7) + blue * 1.1 * np.exp(-0.14)
    found = transmitted(absorbance, (0.5, 1.0, 0.2), (0.9, 1.0, 1.1))[0, 0]
    assert found == pytest.approx(passed / (red * 0.9 + green + blue * 1.1))
    # no stain: the empty slide, whatever its hue
    assert transmitted(0 * absorbance, (0.5, 1, 0.2), (0.9, 1, 1.1))[0, 0] == pytest.approx(1)


def test_some_slides_are_dim_pale_or_coloured():
    many = styles(400)
    assert 0.13 < np.mean([style.background < 0.79 for style in many]) < 0.27
    assert min(style.background for style in many) < 0.55
    assert 0.4 < np.mean([style.stain_rgb != GREY for style in many]) < 0.6
    assert 0.03 < np.mean([style.stain < 0.8 for style in many]) < 0.2


def test_without_variety_no_slide_is():
    for style in styles(20, variety=0.0):
        assert style.background == pytest.approx(0.88)
        assert style.stain_rgb == GREY


def test_specks_are_dark_small_and_no_objects():
    plain = replace(styles(1)[0], debris=0.0, specks=0.0)
    shape = (888, 1008)

    def components(style):
        areas = []
        for seed in range(20):
            absorbance = np.zeros(shape, np.float32)
            bodies = np.zeros(shape, np.uint16)
            add_debris(np.random.default_rng(seed), absorbance, style, 1.0, bodies)
            stats = cv2.connectedComponentsWithStats((absorbance > 0.3).astype(np.uint8))[2]
            areas += stats[1:, cv2.CC_STAT_AREA].tolist()
        return areas

    assert components(plain) == []
    areas = components(replace(plain, specks=6.0))
    assert 60 < len(areas) < 180  # 120 expected, some pale or beyond the border
    assert 20 < np.median(areas) < 90
    assert max(areas) < 600


def test_a_fragment_too_small_to_tell_from_dust_is_drawn_and_not_annotated():
    small, counted = [], []
    for seed in range(25):
        metaphase = draw_metaphase(
            (3, seed), dose_gy=None, at_least_one_aberration=True,
            labels_per_image=(2.5, 3.75), variety=0.0, **HALF,
        )  # fmt: skip
        fragments = metaphase.objects.query("`class` == 'fragment'")
        area_um2 = 0.04 * fragments["area_px"]  # variety 0: the scale is that of the image
        small += fragments["visible"][area_um2 < SMALLEST_FRAGMENT_UM2].tolist()
        counted += area_um2[fragments["visible"]].tolist()
        assert (metaphase.annotations["class"] == "fragment").sum() == fragments["visible"].sum()
    assert len(small) > 3
    assert not any(small)
    assert min(counted) >= SMALLEST_FRAGMENT_UM2


def test_contacts_on_purpose_leave_the_gap_that_real_ones_show():
    rng = np.random.default_rng(0)
    style = draw_cell_style(rng, draw_slide_style(rng, variety=0.0))
    shape = chromosome_shape(rng, style, length=60.0, centromeres=[25.0])
    gaps = []
    for _ in range(400):
        points = _beside_another(rng, shape, [(shape, shape.axis)])
        gaps.append(np.hypot(*(points[:, None] - shape.axis[None]).transpose(2, 0, 1)).min())
    beside = 1.15 * shape.width_px  # laid side by side
    tips = 2 * shape.along[0]
    assert max(gaps) <= max(tips + STRAIGHT_GAP_PX[1], beside) + 2
    assert np.mean(np.array(gaps) > 10) > 0.2  # pale necks


def test_two_chromosomes_in_line_keep_a_gap_that_shows():
    rng = np.random.default_rng(0)
    style = draw_cell_style(rng, draw_slide_style(rng, variety=0.0))
    shape = chromosome_shape(rng, replace(style, bend=0.0, kink=0.0), length=60, centromeres=[25])
    in_line = bent = 0
    for _ in range(600):
        points = _beside_another(rng, shape, [(shape, shape.axis)])
        ends = shape.axis[[0, -1]]
        gap = np.hypot(*(points[0] - ends).T).min() - 2 * shape.along[0]
        ahead, own = ends[-1] - ends[0], points[-1] - points[0]
        angle = np.arccos(abs(ahead @ own) / np.linalg.norm(ahead) / np.linalg.norm(own))
        inner = np.hypot(*(points[:, None] - shape.axis[None]).transpose(2, 0, 1))
        if inner.min() < np.hypot(*(points[0] - ends).T).min() - 1e-6:
            continue  # laid beside the body or across it
        if angle < 0.6:
            in_line += 1
            assert gap > STRAIGHT_GAP_PX[0] - 1e-6
        else:
            bent += gap < 0 and gap > BENT_GAP_PX[0] - 1e-6
    assert in_line > 20
    assert bent > 3
