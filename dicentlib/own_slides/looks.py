"""Do slides look like what the members know? Appearance against simulated training looks.

The members of the ready ensemble were trained on simulated slides of many looks. The appearance
measures of a slide (:mod:`dicentlib.own_slides.appearance`) are compared with those of such slides,
stored in ``models/looks/looks.parquet`` (``python -m studies.recipes.ready_looks``).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.errors import InputError
from dicentlib.own_slides.appearance import QUANTITIES, measure_appearance

GREEN, AMBER, RED = "green", "amber", "red"
USUAL = (0.025, 0.975)  # of the simulated slides
MANY_UNUSUAL = 3  # by chance one slide in twenty has so many quantities out of 18
NEIGHBOURS = 10
MOST_SHOWN, FEW_SHOWN = 10, 3  # slides with a picture; where none is outside
ADVICE = {
    "stain": "The stain is lighter or darker than in training: check staining time and lamp.",
    "background": "Exposure or illumination is unusual: set the background near 0.88, evenly lit.",
    "noise": "The camera's noise is unusual: lower its gain, or average frames.",
    "focus": "Outlines are sharper or softer than in training: check focus and sharpening.",
    "scale": "Chromosomes are larger or smaller than in training: check the pixel size.",
    "cell": "Fields contain unusually many or few objects, or an unusual spread: check that a "
    "field shows one whole cell.",
    "nuclei": "Nuclei are unusual in number, size or stain: no action follows from this alone.",
    "banding": "The slides look banded: the members were trained mainly on solid Giemsa.",
}
KIND = {
    **dict.fromkeys(("chromosome_grey", "chromosome_core"), "stain"),
    **dict.fromkeys(("background", "background_sd", "slow_background"), "background"),
    "noise": "noise",
    "edge_px": "focus",
    **dict.fromkeys(("area_px", "area_p95_px", "length_px", "longest_px", "width_px"), "scale"),
    **dict.fromkeys(("n_components", "area_p5_px", "spread_px"), "cell"),
    **dict.fromkeys(("n_nuclei", "nucleus_px", "nucleus_grey"), "nuclei"),
}


@dataclass(frozen=True)
class Look:
    """The traffic light of one slide.

    Attributes
    ----------
    light : {"green", "amber", "red"}
        Red: two quantities or more outside everything simulated. Amber: one, or at least three
        outside the middle 95 %. Green: else.
    unusual : pandas.DataFrame
        Quantities outside the middle 95 %: index quantity; ``value, lower, upper``
        (of the simulated slides), ``extreme`` (outside all of them).
    advice : tuple of str
    nearest : int
        Row of the reference whose look is nearest.
    """

    light: str
    unusual: pd.DataFrame
    advice: tuple
    nearest: int


def read_reference(path):
    """Appearance of simulated slides: columns ``QUANTITIES``, ``seed``, ``number``, ``banded``.

    Raises
    ------
    InputError
        The file is absent or is not such a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the table of known looks")
    table = pd.read_parquet(path)
    missing = {*QUANTITIES, "seed", "number", "banded"} - set(table.columns)
    if missing:
        raise InputError(f"{path}: not a table of known looks; it lacks {sorted(missing)[0]}")
    return table


@dataclass(frozen=True)
class LookSeeds:
    """Seeds that draw a simulated slide of the reference."""

    cell: tuple
    slide: tuple


def seeds_of(reference, row):
    """Seeds of a row of the reference, for ``draw_metaphase(cell, slide_seed=slide)``."""
    known = reference.iloc[row]
    slide = (int(known["seed"]), int(known["number"]))
    return LookSeeds((*slide, 0), slide)


def measure_slides(images, slides):
    """Appearance of slides: the median over their fields.

    Parameters
    ----------
    images : iterable of ndarray, shape (H, W), values in [0, 1]
        At 0.1 um, with a usual background (:func:`dicentlib.data.normalise_background`).
    slides : sequence of str
        The slide of each image.

    Returns
    -------
    DataFrame
        Index slide, columns ``QUANTITIES``; NaN where nothing can be measured.
    """
    fields = pd.DataFrame([measure_appearance(image) for image in images])
    return fields.groupby(np.asarray(slides)).median()


def judge(measures, reference):
    """Traffic light of one slide.

    Parameters
    ----------
    measures : pandas.Series
        A row of :func:`measure_slides`.
    reference : DataFrame
        Of :func:`read_reference`.

    Returns
    -------
    Look
    """
    known = reference[list(QUANTITIES)]
    values = measures[list(QUANTITIES)].astype(float)
    lower, upper = known.quantile(USUAL[0]), known.quantile(USUAL[1])
    outside = (values < lower) | (values > upper)
    extreme = (values < known.min()) | (values > known.max())
    unusual = pd.DataFrame({"value": values, "lower": lower, "upper": upper, "extreme": extreme})
    unusual = unusual[outside]
    if extreme.sum() >= 2:
        light = RED
    elif extreme.any() or len(unusual) >= MANY_UNUSUAL:
        light = AMBER
    else:
        light = GREEN
    order = nearest_looks(values, known)
    kinds = [KIND[name] for name in unusual.index] if light != GREEN else []
    if reference["banded"].to_numpy()[order[:NEIGHBOURS]].mean() > 0.5:
        kinds.append("banding")
        light = AMBER if light == GREEN else light
    advice = tuple(ADVICE[kind] for kind in ADVICE if kind in kinds)
    return Look(light, unusual, advice, int(order[0]))


def least_usual_first(looks):
    """Slides by their lights, red before amber before green, then by what is unusual.

    Parameters
    ----------
    looks : dict of slide to Look

    Returns
    -------
    list of slides
    """
    lights = (RED, AMBER, GREEN)
    return sorted(looks, key=lambda one: (lights.index(looks[one].light), -len(looks[one].unusual)))


def slides_to_show(looks):
    """Slides to be shown with their nearest simulated ones, the least usual first.

    All that are amber or red, ten at most; where none is, the three least usual of the green ones.

    Parameters
    ----------
    looks : dict of slide to Look

    Returns
    -------
    shown : list of slides
    n_left : int
        Amber or red slides that are not shown.
    """
    ordered = least_usual_first(looks)
    outside = [slide for slide in ordered if looks[slide].light != GREEN]
    if not outside:
        return ordered[:FEW_SHOWN], 0
    return outside[:MOST_SHOWN], max(len(outside) - MOST_SHOWN, 0)


def nearest_looks(values, known):
    """Rows of `known` by their distance from `values`, each quantity in units of its spread.

    Quantities that are NaN on either side do not count.
    """
    spread = (known.quantile(0.84) - known.quantile(0.16)) / 2
    difference = ((known - values) / spread.where(spread > 0, 1.0)) ** 2
    return np.argsort(difference.mean(axis=1).fillna(np.inf).to_numpy(), kind="stable")
