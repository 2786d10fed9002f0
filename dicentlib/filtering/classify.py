"""From a folder of images to a table of verdicts with reasons."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import chain, islice

import numpy as np
import pandas as pd
from tqdm import tqdm

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data import ImageIndex, index_images, read_image
from dicentlib.errors import InputError
from dicentlib.filtering.explain import (
    ImageMeasures,
    analyse,
    failures,
    measure_analysis,
)
from dicentlib.filtering.network import ImageFilter, load_filter, network_input
from dicentlib.filtering.objections import objection
from dicentlib.threads import available_processors

MEASURES = tuple(field.name for field in fields(ImageMeasures))
CHUNK = 64  # images prepared and judged at a time


@dataclass(frozen=True)
class PreparedImage:
    """One image ready to be judged: an objection, or the network's input and the measures."""

    objection: str
    measures: ImageMeasures | None = None
    network_input: np.ndarray | None = None


def prepare_image(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM, image_size=299):
    """Measure an image and make the network's input, unless it cannot hold a metaphase.

    Returns
    -------
    PreparedImage
    """
    objected = objection(image, pixel_size_um=pixel_size_um)
    if objected:
        return PreparedImage(objected)
    analysis = analyse(image, pixel_size_um=pixel_size_um)
    return PreparedImage(
        "", measure_analysis(analysis), network_input(analysis, image_size=image_size)
    )


def prepare_images(index, *, image_size=299):
    """Yield ``(image name, PreparedImage)`` for the images of an index, in its order.

    Reading and measuring run in one thread per core; an image that cannot be read has the reason
    as its objection.
    """
    jobs = list(zip(index.table["image"], index.table["pixel_size_um"], strict=True))

    def prepare(job):
        name, size = job
        try:
            image = read_image(index.path(name))
        except InputError as error:
            return name, PreparedImage(f"unreadable: {error}")
        return name, prepare_image(image, pixel_size_um=size, image_size=image_size)

    with ThreadPoolExecutor(available_processors()) as pool:
        for start in range(0, len(jobs), CHUNK):
            yield from pool.map(prepare, jobs[start : start + CHUNK])


def classify_folder(images, weights):
    """Which images of a folder may be scored, and why the others may not.

    An image is available if it can be a metaphase (``explain.objection``), the network's
    probability is at least the filter's threshold, and it breaks no rule (``explain.failures``) or
    the network is sure enough (``FilterRules.overruled_from``).

    Parameters
    ----------
    images : path-like or ImageIndex
        A folder of images, with or without ``samples.csv``; ``index_images`` takes the pixel size
        of images that state none.
    weights : path-like or ImageFilter
        See ``network.load_filter``.

    Returns
    -------
    DataFrame
        One row per file, unusable ones included: ``image``; ``p_available``, the network's
        probability (NaN where it was not asked); ``available``, bool; ``reason``, empty for
        available images, else every reason, separated by ``"; "``; and the measures
        ``n_objects, overlap, second_cell, particles, edge_width``.

    Raises
    ------
    InputError
        No such folder or weights.
    """
    image_filter = weights if isinstance(weights, ImageFilter) else load_filter(weights)
    index = images if isinstance(images, ImageIndex) else index_images(images)
    prepared = prepare_images(index, image_size=image_filter.settings.image_size)
    prepared = tqdm(prepared, total=len(index.table), desc="filter", unit="image")
    unusable = index.quarantined[["image", "reason"]].itertuples(index=False, name=None)
    refused = ((image, PreparedImage(reason)) for image, reason in unusable)
    return judge(chain(prepared, refused), image_filter)


def judge(prepared, image_filter):
    """The table of :func:`classify_folder` for pairs ``(image name, PreparedImage)``."""
    prepared, rows = iter(prepared), []
    while chunk := list(islice(prepared, CHUNK)):
        rows += _rows(chunk, image_filter)
    table = pd.DataFrame(rows, columns=["image", "objection", "p_available", *MEASURES])
    settings = image_filter.settings
    return verdicts(table, threshold=settings.threshold, rules=settings.rules)


def available_images(images, *, weights=None):
    """Which images of an annotated set may be scored.

    Parameters
    ----------
    images : EvaluationSet
    weights : path-like, optional
        A filter; without one, only images that cannot hold a metaphase are left out.

    Returns
    -------
    ndarray of bool, shape (N,)
        In the order of the set.

    Raises
    ------
    InputError
        None may be scored; the commonest reason is named.
    """
    if weights is None:
        scale = images.dataset.pixel_size_um
        reasons = [objection(images.image(i), pixel_size_um=scale) for i in range(len(images))]
        available = np.array([not reason for reason in reasons])
    else:
        table = classify_folder(images.dataset.index, weights).set_index("image")
        table = table.reindex(images.names)
        available, reasons = table["available"].to_numpy(bool), table["reason"].tolist()
    if not available.any():
        reason, n = Counter(reasons).most_common(1)[0]
        raise InputError(f"none of {len(images)} images may be scored; {n} of them: {reason}")
    return available


def _rows(chunk, image_filter):
    """Rows of the table for prepared images; the network sees them as one batch."""
    inputs = np.array([item.network_input for _, item in chunk if not item.objection])
    probabilities = iter(image_filter.probabilities(inputs))
    for name, item in chunk:
        if item.objection:
            yield {"image": name, "objection": item.objection}
        else:
            row = {"image": name, "objection": "", "p_available": float(next(probabilities))}
            yield row | asdict(item.measures)


def verdicts(table, *, threshold, rules):
    """Decide on measured images; moving a limit does not need the images again.

    Parameters
    ----------
    table : DataFrame
        ``image``, ``objection`` (text or empty), ``p_available`` and the measures.
    threshold : float
        Least ``p_available`` of an available image.
    rules : FilterRules

    Returns
    -------
    DataFrame
        As of :func:`classify_folder`.
    """
    reasons = [_reason(row, threshold, rules) for row in table.to_dict("records")]
    n_objects = table["n_objects"].fillna(0).astype(int)
    judged = table.assign(
        p_available=table["p_available"].astype(float),
        reason=reasons,
        available=[reason == "" for reason in reasons],
        n_objects=n_objects,
    )
    return judged[["image", "p_available", "available", "reason", *MEASURES]]


def _reason(row, threshold, rules):
    if row["objection"]:
        return row["objection"]
    measures = ImageMeasures(**{name: row[name] for name in MEASURES})
    sure = rules.overruled_from is not None and row["p_available"] >= rules.overruled_from
    reasons = [] if sure else list(failures(measures, rules).values())
    if row["p_available"] < threshold:
        reasons.append(
            f"network: probability {row['p_available']:.3f} of a scorable image, "
            f"below {threshold:.3g}"
        )
    return "; ".join(reasons)
