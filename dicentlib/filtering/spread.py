"""Where chromosomes and nuclei lie in an image, and which nuclei lie in the spread."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import ConvexHull, QhullError

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.images import resample
from dicentlib.segmentation import disk, flatten, foreground, width_in_pixels

ANALYSIS_PIXEL_SIZE_UM = 0.2
TOUCHES = 0.02  # share of a nucleus in the spread's hull, up to which it lies beside
COMPACT = 0.85  # solidity of one nucleus, or of two that touch
SURROUNDED = 0.2  # share of the rim round a group of chromosomes that others fill
FARTHEST = 2.0  # of a spread's chromosomes from its middle, in median distances


@dataclass(frozen=True)
class Analysis:
    """An image brought to the scale of the analysis, and what is dark in it.

    ``contrast`` (H, W) as of :func:`dicentlib.segmentation.flatten`; ``chromosomes`` and
    ``nuclei``, bool (H, W); ``width_px``, the width of a chromosome.
    """

    contrast: np.ndarray
    chromosomes: np.ndarray
    nuclei: np.ndarray
    width_px: float


def analyse(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM):
    """Flatten the background and find chromosomes and nuclei, at 0.2 micrometres per pixel."""
    image = resample(
        image, pixel_size_um=pixel_size_um, target_pixel_size_um=ANALYSIS_PIXEL_SIZE_UM
    )
    width_px = width_in_pixels(ANALYSIS_PIXEL_SIZE_UM)
    contrast = cv2.GaussianBlur(flatten(image, width_px=width_px), (0, 0), 0.7)
    return Analysis(contrast, *foreground(contrast, width_px=width_px), width_px)


def components(mask):
    """Areas (n,) and centres (n, 2), col before row, of the connected parts of a mask."""
    _, _, statistics, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return statistics[1:, cv2.CC_STAT_AREA], centres[1:]


def spread_hull(analysis):
    """Convex hull of the spread, bool (H, W); empty for fewer than three objects.

    Of the objects' central 90 %, as far as they lie within twice the median distance from the
    middle: dirt and burnt-in numbers lie farther out.
    """
    areas, centres = components(analysis.chromosomes)
    centres = centres[areas >= 0.4 * analysis.width_px**2]
    hull = np.zeros(analysis.nuclei.shape, np.uint8)
    if len(centres) < 3:
        return hull.astype(bool)
    distance = np.linalg.norm(centres - np.median(centres, axis=0), axis=1)
    inner = centres[distance <= min(np.quantile(distance, 0.9), FARTHEST * np.median(distance))]
    try:
        corners = inner[ConvexHull(inner).vertices]
    except (QhullError, ValueError):
        return hull.astype(bool)
    cv2.fillPoly(hull, [np.rint(corners).astype(np.int32)], 1)
    return hull.astype(bool)


def bodies(analysis, hull):
    """Each connected nucleus or clump as a mask, and its share that lies in the hull."""
    n_labels, labels = cv2.connectedComponents(analysis.nuclei.astype(np.uint8))
    for label in range(1, n_labels):
        body = labels == label
        yield body, float(hull[body].mean())


def is_chromosomes(analysis, body):
    """Whether a dark body is a group of chromosomes: not compact, and surrounded by others."""
    if _solidity(body) >= COMPACT:
        return False
    near, far = (
        cv2.dilate(body.astype(np.uint8), disk(size * analysis.width_px)) > 0 for size in (1.1, 2)
    )
    return float(analysis.chromosomes[far & ~near].mean()) > SURROUNDED


def without_bodies_beside(analysis):
    """The contrast (H, W) with round nuclei outside the spread's hull wiped out.

    What lies beside a spread hides none of its chromosomes, and slides differ in how much does.
    Bodies that are not compact stay: they may be the chromosomes of a second cell, lying densely.
    """
    hull, contrast = spread_hull(analysis), analysis.contrast.copy()
    if not hull.any():
        return contrast
    near = cv2.dilate(analysis.chromosomes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    halo = disk(1.4 * analysis.width_px)
    for body, share in bodies(analysis, hull):
        if share <= TOUCHES and _solidity(body) >= COMPACT:
            contrast[(cv2.dilate(body.astype(np.uint8), halo) > 0) & ~near] = 0
    return contrast


def _solidity(body):
    """Area of a body as a share of its convex hull's."""
    outline, _ = cv2.findContours(body.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    area = cv2.contourArea(cv2.convexHull(outline[0]))
    return float(body.sum() / max(area, 1))
