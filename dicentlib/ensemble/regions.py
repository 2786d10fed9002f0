"""Where in a field members need to look: boxes round what could be a chromosome.

Boxes lie on the grid of the network's coarsest map, so that a member computes for a box what
it would compute there for the whole field, apart from what comes from beyond its context.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from dicentlib.conventions import STRIDE
from dicentlib.segmentation import flatten, width_in_pixels

CELL_PX = 16  # side of a cell of the grid: the network halves an image four times
CELL_IN_MAP = CELL_PX // STRIDE  # side of a cell in heatmap pixels
WORK_WIDTH_PX = 6.0  # chromosome width at which dark objects are looked for
DARKNESS = 0.1  # contrast of what could be a chromosome; those of pale stains reach 0.3
SMALLEST = 0.3  # area of an object in squared chromosome widths; dust is smaller
BOX_COST = 6  # cells that cost as much time as one more box


@dataclass(frozen=True)
class Box:
    """A rectangle of cells that is wanted, and the larger one that members see.

    Attributes
    ----------
    rows, cols : slice
        Wanted, in cells.
    seen_rows, seen_cols : slice
        With context, in cells; it ends where the image does.
    """

    rows: slice
    cols: slice
    seen_rows: slice
    seen_cols: slice

    @property
    def pixels(self):
        """What members see of an image (..., H, W), as an index."""
        return (..., _times(self.seen_rows, CELL_PX), _times(self.seen_cols, CELL_PX))

    @property
    def in_map(self):
        """What is wanted of a heatmap (..., H/4, W/4), as an index."""
        return (..., _times(self.rows, CELL_IN_MAP), _times(self.cols, CELL_IN_MAP))

    @property
    def in_seen(self):
        """What is wanted of the heatmap that members give for the box, as an index."""
        rows, cols = self.seen_rows.start, self.seen_cols.start
        return (
            ...,
            _times(slice(self.rows.start - rows, self.rows.stop - rows), CELL_IN_MAP),
            _times(slice(self.cols.start - cols, self.cols.stop - cols), CELL_IN_MAP),
        )


def object_cells(image, *, pixel_size_um):
    """Cells of an image in or beside which something is darker than the background.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        Sides are multiples of 16.
    pixel_size_um : float

    Returns
    -------
    ndarray of bool, shape (H / 16, W / 16)
        Cells with a part of an object, and the eight neighbours of each. An object is at least
        10 % darker than its background and 0.3 squared chromosome widths large.
    """
    shape = tuple(side // CELL_PX for side in image.shape)
    width_px = width_in_pixels(pixel_size_um)
    factor = min(1.0, WORK_WIDTH_PX / width_px)
    size = tuple(max(1, round(side * factor)) for side in image.shape[::-1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    dark = flatten(small, width_px=factor * width_px) > DARKNESS
    _, labels, facts, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    large = facts[:, cv2.CC_STAT_AREA] >= SMALLEST * (factor * width_px) ** 2
    large[0] = False
    share = cv2.resize(large[labels].astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return cv2.dilate((share > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def cover(cells, *, context):
    """Boxes that hold all marked cells, at about the least cost of what members see.

    A box is cut in two, along the line that saves most, as long as that saves anything.

    Parameters
    ----------
    cells : ndarray of bool, shape (h, w)
    context : int or None
        Cells of context; None: one box, the whole field, if any cell is marked.

    Returns
    -------
    list of Box
        They do not overlap; empty where no cell is marked.
    """
    if not cells.any():
        return []
    shape = np.array(cells.shape)
    if context is None:
        return [_box((0, 0), shape, shape, 0)]
    pieces, boxes = [((0, 0), shape)], []
    while pieces:
        start, stop = _tight(cells, *pieces.pop())
        cut = _best_cut(cells[start[0] : stop[0], start[1] : stop[1]], start, shape, context)
        if cut is None:
            boxes.append(_box(start, stop, shape, context))
            continue
        axis, place = cut
        middle_stop, middle_start = stop.copy(), start.copy()
        middle_stop[axis] = middle_start[axis] = place
        pieces += [(start, middle_stop), (middle_start, stop)]
    return boxes


def _tight(cells, start, stop):
    """The smallest rectangle with the marked cells of a rectangle that has some."""
    marked = cells[start[0] : stop[0], start[1] : stop[1]]
    ends = [np.flatnonzero(marked.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    first, last = np.transpose(ends)
    return np.add(start, first), np.add(start, last + 1)


def _best_cut(marked, start, shape, context):
    """Axis and cell of the cut that saves most, or None; `marked` is a tight rectangle."""
    best, least = None, _cost(start, np.add(start, marked.shape), shape, context)
    for axis in (0, 1):
        if marked.shape[axis] < 2:
            continue
        turned, order = (marked, [0, 1]) if axis == 0 else (marked.T, [1, 0])
        size = np.array(turned.shape)
        before = _prefixes(turned)[:-1]
        after = size - _prefixes(turned[::-1, ::-1])[-2::-1, ::-1]
        costs = sum(
            _cost(start + half[:, 0][:, order], start + half[:, 1][:, order], shape, context)
            for half in (before, after)
        )
        place = int(costs.argmin())
        if costs[place] < least:
            best, least = (axis, int(start[axis]) + place + 1), costs[place]
    return best


def _prefixes(marked):
    """For each number of first rows the tight rectangle in them, int (rows, 2, 2): start, stop."""
    n_rows, n_cols = marked.shape
    so_far = np.logical_or.accumulate(marked, axis=0)
    stop_row = np.maximum.accumulate(np.where(marked.any(axis=1), np.arange(n_rows) + 1, 0))
    start = np.stack([np.zeros(n_rows, int), so_far.argmax(axis=1)], axis=1)
    stop = np.stack([stop_row, n_cols - so_far[:, ::-1].argmax(axis=1)], axis=1)
    return np.stack([start, stop], axis=1)


def _cost(start, stop, shape, context):
    """Cells that members see for rectangles (..., 2), and the price of one more box."""
    sides = np.minimum(np.add(stop, context), shape) - np.maximum(np.subtract(start, context), 0)
    return sides.prod(axis=-1) + BOX_COST


def _box(start, stop, shape, context):
    seen = [
        slice(max(0, int(low) - context), min(int(n), int(high) + context))
        for low, high, n in zip(start, stop, shape, strict=True)
    ]
    return Box(*(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True)), *seen)


def _times(part, factor):
    return slice(part.start * factor, part.stop * factor)
