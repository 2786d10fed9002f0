"""Boxes round what could be a chromosome."""

import numpy as np
import pytest

from dicentlib.ensemble.regions import cover, object_cells


def covered(cells, boxes):
    """How many boxes want each cell."""
    count = np.zeros(cells.shape, int)
    for box in boxes:
        count[box.rows, box.cols] += 1
    return count


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("context", [0, 2])
def test_boxes_hold_every_marked_cell_once(seed, context):
    rng = np.random.default_rng(seed)
    cells = rng.random(rng.integers(1, 30, 2)) < rng.choice([0.01, 0.1, 0.6])
    boxes = cover(cells, context=context)
    count = covered(cells, boxes)
    assert (count[cells] == 1).all()
    assert count.max(initial=0) <= 1
    for box in boxes:
        for wanted, seen, n in (
            (box.rows, box.seen_rows, cells.shape[0]),
            (box.cols, box.seen_cols, cells.shape[1]),
        ):
            assert seen.start == max(0, wanted.start - context)
            assert seen.stop == min(n, wanted.stop + context)


def test_distant_objects_get_boxes_of_their_own():
    cells = np.zeros((20, 40), bool)
    cells[1:3, 1:3] = cells[16:18, 35:38] = True
    boxes = cover(cells, context=2)
    # 2 x 2 and 2 x 3 cells, two more on each side where the field goes on
    assert sorted(covered(cells, boxes).sum(axis=1)[[1, 16]]) == [2, 3]
    assert len(boxes) == 2


def test_networks_that_average_over_the_field_see_all_of_it_or_nothing():
    cells = np.zeros((5, 7), bool)
    assert cover(cells, context=None) == []
    cells[2, 3] = True
    (box,) = cover(cells, context=None)
    assert covered(cells, [box]).all()
    assert np.zeros((80, 112))[box.pixels].shape == (80, 112)


def test_a_box_in_pixels_and_in_heatmap_pixels():
    cells = np.zeros((10, 10), bool)
    cells[4:6, 8] = True
    (box,) = cover(cells, context=2)
    image, heatmap = np.zeros((3, 160, 160)), np.zeros((3, 40, 40))
    assert image[box.pixels].shape == (3, 96, 64)  # rows 2 to 7, columns 6 to 9
    assert heatmap[box.in_map].shape == (3, 8, 4)
    seen = np.zeros((3, 24, 16))
    assert seen[box.in_seen].shape == heatmap[box.in_map].shape


@pytest.mark.parametrize("pixel_size_um", [0.1, 0.2])
def test_dark_objects_are_found_and_dust_and_background_are_not(pixel_size_um):
    rng = np.random.default_rng(0)
    width = round(1.8 / pixel_size_um)
    image = rng.normal(0.88, 0.01, (320, 480)).astype(np.float32)
    image[100 : 100 + 3 * width, 200 : 200 + width] = 0.4
    image[300:302, 400:402] = 0.2  # dust
    cells = object_cells(image, pixel_size_um=pixel_size_um)
    assert cells.shape == (20, 30)
    assert cells[100 // 16 : (100 + 3 * width) // 16 + 1, 200 // 16].all()
    assert not cells[:, 18:].any()
    assert not object_cells(np.full((64, 64), 0.88, np.float32), pixel_size_um=0.1).any()
