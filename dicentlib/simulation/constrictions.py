"""Which constrictions of a body can be seen, by its width along the axis and the image's blur."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

# Depths relative to the width of an arm. Between the two no scorer could tell a centromere from a
# thin place that is none.
SEEN_DEPTH = 0.25
FALSE_DEPTH = 0.15
TERMINAL_PX = 12.0  # an arm shorter than this ends in a knob at most
TIP_PX = 7  # where the centromere of an acrocentric lies, from its tip
TIP_WIDTH = 0.87  # of the narrowest ordinary tip, relative to a blunt one


def constriction_depths(half_width, centromeres, blur_px):
    """How deep each centromere of a body is, and how deep the deepest place that is none.

    A place is as deep as the blurred width there lies below the widest place on either side of
    it, up to the next centromere. So of two centromeres without a wider place between them one
    shows at most, and of two that are nearer than the body is wide none. Near an end only the
    longer arm counts: the centromere of an acrocentric shows as an end that is narrower than
    round tips are, and so does the tip of an arm whose sisters come together.

    Parameters
    ----------
    half_width : array-like of float, shape (n,)
        Half width at every pixel (0.1 um) of the axis from end to end, tips included.
    centromeres : array-like of float, shape (k,)
        Positions in pixels from the first end, ascending.
    blur_px : float
        Standard deviation of the image's blur, > 0.

    Returns
    -------
    depths : ndarray of float, shape (k,)
        0 (not to be seen) to 1 for each centromere.
    elsewhere : float
        Depth of the deepest place that is no centromere, 0 to 1.

    Examples
    --------
    >>> arm = [8.0] * 20
    >>> depths, elsewhere = constriction_depths(arm + [3.0] * 5 + arm, [22], 1.5)
    >>> depths.round(2).tolist(), elsewhere < 0.05
    ([0.57], True)
    >>> depths, elsewhere = constriction_depths(arm + [3.0] * 5 + arm, [14], 1.5)
    >>> depths.round(2).tolist(), round(elsewhere, 2)
    ([0.0], 0.57)
    """
    width = gaussian_filter1d(np.asarray(half_width, float), blur_px, mode="constant")
    last = len(width) - 1
    places = np.clip(np.round(centromeres), 0, last).astype(int)
    bounds = [0, *places.tolist(), last]
    arms = [width[first : end + 1] for first, end in pairwise(bounds)]
    widest = np.maximum([arm.max() for arm in arms], 1e-6)
    before, after = widest[:-1].copy(), widest[1:].copy()
    tip = TIP_WIDTH * _blunt(len(width), 0.5 * np.max(half_width), blur_px)
    if len(places) and places[0] < TERMINAL_PX:
        before[0] = tip[places[0]] * after[0]
    if len(places) and last - places[-1] < TERMINAL_PX:
        after[-1] = tip[places[-1]] * before[-1]
    depths = np.maximum(1 - width[places] / np.minimum(before, after), 0)
    merged = np.diff(centromeres) < 2 * np.median(half_width)
    depths[1:][merged] = depths[:-1][merged] = 0
    tips = [
        1 - arm[TIP_PX] / arm.max() for arm in (arms[0], arms[-1][::-1]) if len(arm) > 3 * TIP_PX
    ]
    return depths, float(max([_deepest_waist(arm) for arm in arms] + tips))


def _blunt(length, radius, blur_px):
    """Blurred width of a body as wide as 1 with round ends."""
    along = np.arange(length)
    inside = np.clip(np.minimum(along, along[::-1]) / radius, 0, 1)
    return gaussian_filter1d(np.sqrt(1 - (1 - inside) ** 2), blur_px, mode="constant")


def _deepest_waist(width):
    """The deepest place of an arm relative to the widest places on both sides of it."""
    before = np.maximum.accumulate(width)
    after = np.maximum.accumulate(width[::-1])[::-1]
    return np.max(1 - width / np.maximum(np.minimum(before, after), 1e-6))
