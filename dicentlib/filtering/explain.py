"""What plain image analysis sees in an image: chromosomes, overlaps, a second cell, focus.

No training is involved. The measures are shown next to the network's answer, and
:func:`failures` turns them into reasons that a person can check by eye.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.errors import InputError
from dicentlib.filtering.spread import analyse, bodies, components, is_chromosomes, spread_hull
from dicentlib.segmentation import SegmentationParameters, core

COMPLEMENT = 46  # chromosomes of a human cell
SMALLEST_AREA = 0.3  # of the typical chromosome; chromosome 21 is 0.37 of the mean
LARGEST_SINGLE_AREA = 1.9  # of the typical chromosome; chromosome 1 is 1.9 times the mean
CLUSTER = 3  # touching chromosomes, from which on single ones cannot be distinguished
CORES = tuple(SegmentationParameters(core_fraction=share) for share in (0.55, 0.7))
AGREEMENT = 1.3  # two counts whose ratio is larger contradict each other


@dataclass(frozen=True)
class FilterRules:
    """Limits of the measures beyond which an image is not scored.

    `min_chromosomes` is the paper's; the others: simulated images first, then moved so that
    the named good real spreads stay inside (``docs/filtering.md``). A network whose probability
    is at least `overruled_from` keeps an image whatever rule it breaks; None: never.
    """

    min_chromosomes: int = 40
    max_chromosomes: int = 72  # 46 and room for fragments and for the count's error
    max_overlap: float = 0.5
    max_particles: float = 0.015
    max_edge_width: float = 0.46
    overruled_from: float | None = None

    def __post_init__(self):
        if not 0 < self.min_chromosomes < self.max_chromosomes:
            raise InputError(
                f"min_chromosomes is {self.min_chromosomes}; it must be between 1 and "
                f"max_chromosomes, {self.max_chromosomes}"
            )
        if self.overruled_from is not None and not 0 < self.overruled_from <= 1:
            raise InputError(
                f"overruled_from is {self.overruled_from}; allowed: above 0, at most 1, or None"
            )


@dataclass(frozen=True)
class ImageMeasures:
    """Measures of one image.

    Attributes
    ----------
    n_objects : int
        Estimated number of chromosome-like objects: connected components, those larger than
        a single chromosome counted by their area.
    overlap : float
        Share (0 to 1) of the chromosome area in groups of three or more that come apart at no
        threshold: chromosomes that lie side by side do at a high one, crossed ones do not.
    second_cell : float
        Objects in excess of 46, as a share of 46: 0 for one cell, near 1 for two.
    particles : float
        Share (0 to 1) of the spread's convex hull that nuclei and stain clumps cover, of those
        that lie in it by more than half: those beside the spread hide nothing.
    edge_width : float
        Focus: rise of the contrast at chromosome edges, 10 to 90 %, in chromosome widths.
    """

    n_objects: int
    overlap: float
    second_cell: float
    particles: float
    edge_width: float


def measure(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM):
    """Count chromosomes and measure what makes an image unfit for scoring.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        Bright field.
    pixel_size_um : float
        Micrometres per pixel; the image is analysed at 0.2.

    Returns
    -------
    ImageMeasures
        All zero but `edge_width` (NaN) where there are no objects.
    """
    return measure_analysis(analyse(image, pixel_size_um=pixel_size_um))


def measure_analysis(analysis):
    """The same for an image that was analysed already."""
    contrast, chromosomes = analysis.contrast, analysis.chromosomes
    width_px = analysis.width_px
    areas, centres = components(chromosomes)
    large = areas >= 0.4 * width_px**2
    areas, centres = areas[large], centres[large]
    if not len(areas):
        return ImageMeasures(0, 0.0, 0.0, 0.0, float("nan"))
    core_areas, _ = components(core(contrast, chromosomes, width_px=width_px))
    core_areas = core_areas[core_areas >= 0.3 * width_px**2]
    per_core = count(core_areas, typical_area(core_areas))
    n_objects = _reconcile(count(areas, typical_area(areas)).sum(), per_core.sum())
    return ImageMeasures(
        n_objects=n_objects,
        overlap=min(
            _clustered(core(contrast, chromosomes, width_px=width_px, parameters=one), width_px)
            for one in CORES
        ),
        second_cell=max(0.0, n_objects / COMPLEMENT - 1),
        particles=_covered(analysis),
        edge_width=_edge_width(contrast, chromosomes) / width_px,
    )


def _reconcile(n_whole, n_core):
    """One count from those of whole objects and of their dark cores.

    Dense spreads merge into few whole objects, whose typical area is then wrong; separated
    sister chromatids have two cores each. Either makes one count too large: where the two
    disagree, the smaller is taken, else their mean.
    """
    smaller, larger = sorted((n_whole, n_core))
    return int(smaller if larger > AGREEMENT * smaller else np.rint((smaller + larger) / 2))


def typical_area(areas):
    """Mean area of the objects that may be single chromosomes, starting from the median."""
    if not len(areas):
        return 1.0
    typical = np.median(areas)
    for _ in range(3):
        single = (areas >= SMALLEST_AREA * typical) & (areas < LARGEST_SINGLE_AREA * typical)
        typical = areas[single].mean() if single.any() else typical
    return float(typical)


def count(areas, typical):
    """Chromosomes in objects of these areas: 0 for dirt, 1, or the rounded ratio of areas."""
    ratio = areas / typical
    several = np.maximum(2, np.rint(ratio))
    number = np.where(ratio < LARGEST_SINGLE_AREA, 1, several)
    return np.where(ratio < SMALLEST_AREA, 0, number).astype(int)


def _clustered(cores, width_px):
    """Share of the area of dark cores in groups of three or more."""
    areas, _ = components(cores)
    areas = areas[areas >= 0.3 * width_px**2]
    clustered = areas[count(areas, typical_area(areas)) >= CLUSTER].sum()
    return float(clustered / max(areas.sum(), 1))


def _covered(analysis):
    """Share of the spread's hull under nuclei and clumps that lie in it by more than half."""
    hull = spread_hull(analysis)
    if not hull.any():
        return 0.0
    inside = [
        (body & hull).sum()
        for body, share in bodies(analysis, hull)
        if share > 0.5 and not is_chromosomes(analysis, body)
    ]
    return float(sum(inside) / hull.sum())


def _edge_width(contrast, chromosomes):
    """Depth of the objects divided by the steepest slope at their edges, times 0.8."""
    dx = cv2.Sobel(contrast, cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(contrast, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.magnitude(dx, dy)
    mask = chromosomes.astype(np.uint8)
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    depth = np.quantile(contrast[chromosomes], 0.75)
    return float(0.8 * depth / max(np.quantile(slope[edge], 0.75), 1e-6))


def failures(measures, rules=None):
    """Rules that the measures break, as ``{reason: sentence}``; empty when all hold.

    Reasons are ``"few chromosomes"``, ``"two cells"``, ``"overlaps"``, ``"particles"`` and
    ``"out of focus"``. A measure equal to its limit holds.

    Examples
    --------
    >>> failures(ImageMeasures(12, 0.1, 0.0, 0.0, 0.4))
    {'few chromosomes': 'few chromosomes: about 12, at least 40 needed'}
    """
    rules = rules or FilterRules()
    found = {}
    if measures.n_objects < rules.min_chromosomes:
        found["few chromosomes"] = (
            f"about {measures.n_objects:.0f}, at least {rules.min_chromosomes} needed"
        )
    if measures.n_objects > rules.max_chromosomes:
        found["two cells"] = (
            f"about {measures.n_objects:.0f} chromosomes, one cell has at most "
            f"{rules.max_chromosomes}"
        )
    if measures.overlap > rules.max_overlap:
        found["overlaps"] = (
            f"{measures.overlap:.0%} of the chromosome area in groups that no threshold separates"
        )
    if measures.particles > rules.max_particles:
        found["particles"] = (
            f"nuclei or clumps within the spread cover {measures.particles:.1%} of it"
        )
    if measures.edge_width > rules.max_edge_width:
        found["out of focus"] = f"edges {measures.edge_width:.2f} chromosome widths wide"
    return {reason: f"{reason}: {text}" for reason, text in found.items()}
