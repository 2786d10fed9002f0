"""A laboratory's first day in one call: from a folder of slides to "How this detector does"."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data import normalise_background, read_annotations, read_image, resample
from dicentlib.data.index import reason
from dicentlib.data.scale import CONFLICT
from dicentlib.errors import InputError
from dicentlib.own_slides import page_sentences
from dicentlib.own_slides.inventory import is_stated
from dicentlib.own_slides.learning import sizes_that_fit
from dicentlib.own_slides.scale import combine_fields
from dicentlib.report import page as report
from dicentlib.tables import find_table

SMALLEST_PX = 64  # side of a field that can be measured


@dataclass(frozen=True)
class PixelSize:
    """A pixel size that is used, in um, and where it comes from."""

    um: float
    source: str  # "stated", "assumed" or "estimated"

    def __str__(self):
        return f"{self.um:g} um ({self.source})"


def choose_fields(table, *, per_slide, most):
    """Images spread evenly over the slides, and over each slide.

    Parameters
    ----------
    table : DataFrame
        Columns ``image, slide``.
    per_slide, most : int
        Images of one slide at the most; of all slides at the most.

    Returns
    -------
    DataFrame
        Rows of `table`.
    """
    parts = []
    for _, part in table.groupby("slide", sort=True):
        rows = np.linspace(0, len(part) - 1, min(per_slide, len(part))).round().astype(int)
        parts.append(part.iloc[rows].assign(turn=range(len(rows))))
    chosen = pd.concat(parts).sort_values(["turn", "slide"], kind="stable")[:most]
    return chosen.drop(columns="turn").reset_index(drop=True)


def read_fields(index, fields):
    """Images with a usual background, and why others cannot be used.

    Returns
    -------
    images : dict of str to ndarray
    refused : dict of str to str

    Raises
    ------
    InputError
        None of them can be used.
    """
    images, refused = {}, {}
    for name in fields["image"]:
        try:
            image = normalise_background(read_image(index.path(name)))
            if min(image.shape) < SMALLEST_PX:
                raise InputError(f"{image.shape[0]} x {image.shape[1]} px; too small for a cell")
            images[name] = image
        except InputError as error:
            refused[name] = reason(error, index.folder / name)
    if not images:
        name, why = next(iter(refused.items()))
        raise InputError(f"none of {len(refused)} images can be read; the first, {name}: {why}")
    return images, refused


def reader(index):
    """Function from an image's name to its pixels."""
    return lambda name: read_image(index.path(name))


def attempt(page, folder, step, /, *arguments, **options):
    """Result of a step without which nothing else can follow.

    Where it is refused, the page is written with what is known so far and the reason as its
    verdict, and the error is raised.

    Parameters
    ----------
    page : dicentlib.report.page.Page
    folder : path-like
        Where the page is written.
    step : callable
        Called with the other arguments.

    Raises
    ------
    InputError
        Of the step.
    """
    try:
        return step(*arguments, **options)
    except InputError as error:
        page.replace(
            "Verdict", report.headline("On these slides", page_sentences.STOPPED, f"{error}.")
        )
        write_page(page, folder)
        raise


def refusal_of(step, /, *arguments, **options):
    """Do a step that others do not need; why it was refused, in a list, empty where it was not."""
    try:
        step(*arguments, **options)
    except InputError as error:
        return [f"{error}."]
    return []


def annotations_of(index):
    """Annotations in the image folder, where they are there and belong to it.

    Returns
    -------
    annotations : DataFrame or None
    notes : list of str
        Why they cannot be used, or how many images have none.
    """
    path = find_table(index.folder, "annotations.csv")
    if path is None:
        return None, []
    try:
        annotations = read_annotations(path, index)
    except InputError as error:
        return None, [f"The annotations are not used: {error}."]
    n, n_without = len(index.table), len(set(index.table["image"]) - set(annotations["image"]))
    if not n_without:
        return annotations, []
    return annotations, [
        f"{n_without} of {n} images {'has' if n_without == 1 else 'have'} no row in "
        f"{path.name}: an image without a row counts as an image without dicentrics and "
        "fragments, and every call in it counts as false. If only some of the images are "
        "annotated, put these into a separate folder."
    ]


def cells_to_learn_on(table, annotations, sizes, *, n_folds, seed):
    """Numbers of annotated cells that can be fine-tuned on, and why others cannot.

    Parameters
    ----------
    table : DataFrame
        Column ``slide``, one row per image.
    annotations : DataFrame or None
    sizes : sequence of int
        Those asked for; none: no fine-tuning is wanted.
    n_folds, seed : int
        As of :func:`dicentlib.own_slides.learning.learning_curve`.

    Returns
    -------
    sizes : list of int
        Empty where nothing can be learnt.
    notes : list of str
    """
    if not sizes:
        return [], []
    if annotations is None:
        return [], ["No learning curve: it needs an annotations.csv in the folder of the images."]
    try:
        fit = sizes_that_fit(table, sizes, n_folds=n_folds, seed=seed)
    except InputError as error:
        return [], [f"No learning curve: {error}."]
    left = ", ".join(str(size) for size in sizes if size not in fit)
    return fit, [
        f"Not in the learning curve, because there are too few annotated cells: {left}."
    ] if left else []


def pixel_size_to_use(table, estimate, *, use_estimate):
    """The pixel size of images that state none.

    Parameters
    ----------
    table : DataFrame
        ``pixel_size_um, pixel_size_from`` of an index.
    estimate : ScaleEstimate
    use_estimate : bool
        Take the estimate instead of the assumption of 0.1 um.

    Returns
    -------
    PixelSize

    Raises
    ------
    InputError
        The estimate is asked for and there is none.
    """
    stated = table.loc[is_stated(table), "pixel_size_um"]
    if len(stated) == len(table):
        return PixelSize(float(stated.median()), "stated")
    if not use_estimate:
        return PixelSize(REFERENCE_PIXEL_SIZE_UM, "assumed")
    if not estimate.n_fields:
        raise InputError("no field has enough separate chromosomes for an estimate of the scale")
    return PixelSize(round(estimate.pixel_size_um, 4), "estimated")


def estimates_by_stated(estimate, table, model):
    """The estimate for the images of each stated pixel size, and of those that state none.

    Parameters
    ----------
    estimate : ScaleEstimate
        Of all fields.
    table : DataFrame
        ``image, pixel_size_um, pixel_size_from`` of an index.
    model : ScaleModel

    Returns
    -------
    dict of float or None to ScaleEstimate
        By the stated size in um, where sizes differ by more than the rounding of files; None:
        nothing is stated.
    """
    known = table.set_index("image")["pixel_size_um"].where(is_stated(table).to_numpy())
    sizes = sorted(set(known.dropna()))
    steps = [size for k, size in enumerate(sizes) if not k or size > (1 + CONFLICT) * sizes[k - 1]]
    group = known.map(lambda size: max(step for step in steps if step <= size), na_action="ignore")
    names = {step: group.index[group == step] for step in steps}
    if known.isna().any():
        names[None] = group.index[group.isna()]
    return {
        size: combine_fields(estimate.fields[estimate.fields.index.isin(images)], model)
        for size, images in names.items()
    }


def at_reference_scale(images, table, size):
    """Images at 0.1 um per pixel, by each image's own pixel size or else `size`."""
    sizes = table["pixel_size_um"].where(is_stated(table), size.um)
    own = dict(zip(table["image"], sizes, strict=True))
    return {
        name: resample(image, pixel_size_um=own[name], target_pixel_size_um=REFERENCE_PIXEL_SIZE_UM)
        for name, image in images.items()
    }


def write_page(page, out):
    """Write the page as HTML and, where Chromium is installed, PDF; returns the paths."""
    html_path, pdf_path = Path(out) / "own_slides.html", Path(out) / "own_slides.pdf"
    page.write(html_path)
    return [html_path] + ([pdf_path] if report.write_pdf(html_path, pdf_path) else [])
