"""One simulated metaphase image with its truth."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from dicentlib.conventions import REASONS
from dicentlib.errors import InputError
from dicentlib.simulation.cell import add_cell, annotations_of, centromeres_show
from dicentlib.simulation.nuclei import add_nuclei
from dicentlib.simulation.optics import burn_in_number, compress, expose
from dicentlib.simulation.radiation import (
    PAPER_LABELS_PER_IMAGE,
    Exposure,
    Yields,
    draw_counts,
    irradiate,
)
from dicentlib.simulation.slide import add_debris, add_halo, add_haze
from dicentlib.simulation.styles import draw_cell_style, draw_slide_style

SMALLEST_FIELD_UM = 40.0
MINIMUM_CHROMOSOMES = 40
DEFOCUS_PX = (4.0, 7.5)  # beyond the blur of slides in focus (styles), 0.1 um
OBJECT_COLUMNS = (
    "object", "class", "row", "col", "centromere_1_row", "centromere_1_col", "centromere_2_row",
    "centromere_2_col", "length_px", "width_px", "area_px", "chromosomes", "length_percent",
    "cell", "visible",
)  # fmt: skip


@dataclass(frozen=True)
class Metaphase:
    """A simulated image and everything that is known about it."""

    image: np.ndarray  # float32 (H, W) in [0, 1]
    objects: pd.DataFrame  # one row per body, see simulate_metaphase
    labels: np.ndarray  # uint16 (H, W): 0 background, k the body with object == k
    annotations: pd.DataFrame  # class, row, col: what a scorer would mark
    dose_gy: float  # of this cell
    reason: str  # "" for a scorable image, else one of REASONS

    @property
    def quality(self):
        """``"available"`` or ``"rejected"``."""
        return "rejected" if self.reason else "available"


def generator(seed, stream="metaphase"):
    """Random generator of an image: `seed` is an int or a tuple of ints such as (seed, i)."""
    numbers = seed if isinstance(seed, (tuple, list)) else (seed,)
    if not all(isinstance(number, (int, np.integer)) and number >= 0 for number in numbers):
        raise InputError(f"seed={seed!r}: allowed are an integer from 0, or several as (seed, i)")
    return np.random.default_rng([*(int(number) for number in numbers), *stream.encode()])


def simulate_metaphase(seed, *, dose_gy, height=888, width=1008, pixel_size_um=0.1, **options):
    """A metaphase image and its truth.

    Parameters
    ----------
    seed : int or tuple of int
        The same seed and options give the same image. Image i of a set has seed (seed, i).
    dose_gy : float or None
        Absorbed dose, 0 to 15 Gy. None only with ``at_least_one_aberration``: the numbers of
        aberrations then follow ``labels_per_image`` instead of a dose.
    height, width : int
        Image size in pixels; at least 40 um each.
    pixel_size_um : float
        Micrometres per pixel: 0.1 for 888 x 1008, 0.2 for the same field at half resolution.
    **options
        Of :func:`draw_metaphase`.

    Returns
    -------
    image : ndarray of float32, shape (height, width), values in [0, 1]
        Bright field: background near 0.9, chromosomes dark.
    objects : pandas.DataFrame
        One row per body: ``object`` (its number in the label image), ``class`` (monocentric,
        dicentric, tricentric, quadricentric, multicentric, fragment, ring), ``row, col``
        (centre in pixels; for a dicentric the point of its axis midway between the centromeres),
        ``centromere_1_row`` ... ``centromere_2_col`` (NaN where there is none), ``length_px,
        width_px, area_px``, ``chromosomes`` ("3;11"), ``length_percent`` (of the haploid
        autosome length), ``cell`` (1, 2) and ``visible`` (False: hidden by another body, a
        nucleus or the border, too small for a fragment, or with fewer than two centromeres
        that show, so no scorer would mark it).

    Raises
    ------
    InputError
        A negative dose, a fraction outside 0 to 1, a field too small for a spread, an
        unknown reason.

    See Also
    --------
    draw_metaphase : the same with the label image, the annotations and the reason.

    Examples
    --------
    >>> image, objects = simulate_metaphase(7, dose_gy=0.0, height=444, width=504,
    ...                                     pixel_size_um=0.2)
    >>> image.shape, len(objects), set(objects["class"])
    ((444, 504), 46, {'monocentric'})
    """
    metaphase = draw_metaphase(
        seed, dose_gy=dose_gy, height=height, width=width, pixel_size_um=pixel_size_um, **options
    )
    return metaphase.image, metaphase.objects


def draw_metaphase(
    seed,
    *,
    dose_gy,
    height=888,
    width=1008,
    pixel_size_um=0.1,
    fraction_irradiated=1.0,
    other_dose_gy=0.0,
    d0_gy=2.7,
    reason="",
    at_least_one_aberration=False,
    labels_per_image=PAPER_LABELS_PER_IMAGE,
    yields=None,
    slide_seed=None,
    variety=1.0,
):
    """A metaphase with its label image, annotations and quality.

    Parameters
    ----------
    seed, dose_gy, height, width, pixel_size_um
        As in :func:`simulate_metaphase`.
    fraction_irradiated, other_dose_gy, d0_gy : float
        Partial-body or two-dose exposure, see :class:`~dicentlib.simulation.Exposure`.
    reason : str
        "" for a scorable image, or why it is not: one of ``REASONS``.
    at_least_one_aberration : bool
        Zero-truncated: every image has a dicentric, ring or acentric fragment to be seen.
    labels_per_image : (float, float)
        Mean dicentrics and fragments per image when `dose_gy` is None (the paper's: 0.925
        and 1.389).
    yields : Yields, optional
        Coefficients of the aberrations; the defaults of :class:`~dicentlib.simulation.Yields`.
    slide_seed : int or tuple of int, optional
        Images with the same slide seed share the look of a slide; by default each image has
        its own.

    Returns
    -------
    Metaphase
    """
    yields = yields or Yields()
    if not (np.isfinite(pixel_size_um) and 0.02 <= pixel_size_um <= 0.5):
        raise InputError(f"pixel_size_um={pixel_size_um}: allowed are 0.02 to 0.5")
    if min(height, width) * pixel_size_um < SMALLEST_FIELD_UM:
        raise InputError(
            f"image of {height} x {width} pixels of {pixel_size_um} um: too small for a spread; "
            f"allowed are fields of at least {SMALLEST_FIELD_UM:g} x {SMALLEST_FIELD_UM:g} um"
        )
    if reason and reason not in REASONS:
        raise InputError(f"reason={reason!r}: allowed are '' and {', '.join(REASONS)}")
    if not 0 <= variety <= 1:
        raise InputError(f"variety={variety}: allowed are 0 to 1")
    rng = generator(seed)
    slide_rng = rng if slide_seed is None else generator(slide_seed, "slide")
    slide = draw_slide_style(slide_rng, variety=variety)
    if dose_gy is None:
        if not at_least_one_aberration:
            raise InputError("dose_gy=None: only with at_least_one_aberration=True")
        cell_dose, means = np.nan, yields.means_for_labels(*_checked_labels(labels_per_image))
    else:
        exposure = Exposure(dose_gy, fraction_irradiated, other_dose_gy, d0_gy)
        cell_dose = exposure.draw_dose(rng)
        means = yields.means(cell_dose)
    for _ in range(30):
        counts = draw_counts(rng, means, at_least_one=at_least_one_aberration)
        metaphase = _draw(
            rng, counts, yields, slide, cell_dose, reason, height, width, pixel_size_um
        )
        if len(metaphase.annotations) or not at_least_one_aberration:
            break
    return metaphase


def _checked_labels(labels_per_image):
    dicentrics, fragments = labels_per_image
    if not 0 <= dicentrics <= fragments or not fragments > 1:
        raise InputError(
            f"labels_per_image={labels_per_image}: allowed are at least as many fragments as "
            "dicentrics, and more than 1 fragment, since every image has one"
        )
    return dicentrics, fragments


def _draw(rng, counts, yields, slide, cell_dose, reason, height, width, pixel_size_um):
    reference = 0.1 / pixel_size_um  # image pixels per reference pixel
    unit = reference * slide.scale
    absorbance = np.zeros((height, width), np.float32)
    labels = np.zeros((height, width), np.uint16)
    size_px = (height / unit, width / unit)
    half_field = 0.5 * min(size_px)

    style = draw_cell_style(rng, slide)
    pieces = irradiate(
        rng,
        counts,
        interstitial_share=yields.interstitial_share,
        shows=partial(centromeres_show, rng, style, slide),
    )
    spread = min(style.spread_px / slide.scale**0.5, 0.9 * half_field)
    centre = np.array(size_px) / 2
    if reason == "several_cells":
        spread = min(spread, 0.62 * half_field)
        away = rng.uniform(0, 2 * np.pi)
        centre = centre + 0.6 * spread * np.array([np.sin(away), np.cos(away)])
    else:
        centre = centre + rng.uniform(-0.6, 0.6, 2) * np.maximum(np.array(size_px) / 2 - spread, 0)
    if reason == "few_chromosomes":
        kept = rng.choice(len(pieces), rng.integers(14, MINIMUM_CHROMOSOMES), replace=False)
        pieces = tuple(pieces[k] for k in sorted(kept))
    add = partial(add_cell, rng, absorbance, labels, slide=slide, unit=unit, spread_px=spread)
    rows = add(pieces, style, centre, cell=1, first=1)
    if reason == "several_cells":
        other = draw_cell_style(rng, slide)
        second = irradiate(
            rng,
            draw_counts(rng, yields.means(np.nan_to_num(cell_dose))),
            shows=partial(centromeres_show, rng, other, slide),
        )
        beside = centre - rng.uniform(1.1, 1.9) * spread * np.array([np.sin(away), np.cos(away)])
        rows += add(second, other, beside, cell=2, first=len(rows) + 1)
    objects = pd.DataFrame(rows)
    add_halo(rng, absorbance, slide, unit)

    # Drawn after the cell: its random numbers depend on the pixel size, the cell's do not.
    add_haze(rng, absorbance, slide, unit, centre * unit, 1.15 * spread * unit)

    positions = objects[["row", "col"]].to_numpy()
    covered = rng.random() < 0.6
    n_over = int(rng.integers(1, 4)) if reason == "covered" and covered else 0
    clumps = None
    if reason == "covered" and not n_over:
        clumps = positions[rng.choice(len(positions), rng.integers(4, 9), replace=False)]
    nuclei = add_nuclei(rng, absorbance, slide, reference, labels, positions, n_over=n_over)
    add_debris(rng, absorbance, slide, unit, labels, over=clumps)
    hidden = [
        any(np.hypot(row - r, col - c) < 1.05 * radius for r, c, radius in nuclei)
        for row, col in positions
    ]
    if clumps is not None:
        gaps = np.hypot(*(positions[:, None] - clumps[None]).transpose(2, 0, 1))
        hidden = np.asarray(hidden) | (gaps.min(axis=1) < 18 * unit)
    objects["visible"] &= ~np.asarray(hidden, dtype=bool)

    defocus = rng.uniform(*DEFOCUS_PX) if reason == "out_of_focus" else 0.0
    image = expose(rng, absorbance, slide, pixel_size_um=pixel_size_um, defocus_px=defocus)
    if slide.burnt_in_number:
        burn_in_number(rng, image, pixel_size_um)
    if slide.jpeg_quality:
        image = compress(image, slide.jpeg_quality)
    annotations = annotations_of(objects)
    objects = objects.drop(columns="junctions")[list(OBJECT_COLUMNS)]
    return Metaphase(image, objects, labels, annotations, float(cell_dose), reason)
