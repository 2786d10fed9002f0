"""Folders of simulated metaphases: images, tables and truth, made by several processes."""

import multiprocessing
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from dicentlib.conventions import REASONS
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, write_json
from dicentlib.simulation.metaphase import draw_metaphase, generator
from dicentlib.simulation.radiation import Exposure
from dicentlib.threads import available_processors

IMAGE_NAME = re.compile(r"\d{6}\.png")


def simulate_set(
    folder,
    *,
    n_images,
    dose_gy,
    seed,
    pixel_size_um=0.1,
    fraction_irradiated=1.0,
    other_dose_gy=0.0,
    at_least_one_aberration=False,
    negative_fraction=0.0,
    reasons=None,
    images_per_slide=8,
    sample="simulated",
    blind=False,
    n_workers=None,
    progress=True,
    **options,
):
    """Write an image set: ``images/NNNNNN.png``, ``samples.csv``, ``annotations.csv``.

    Parameters
    ----------
    folder : path-like
        Made if absent. Images of an earlier set in it are replaced.
    n_images : int
        Images per dose.
    dose_gy : float, sequence of float, or None
        A dose series makes `n_images` for each dose, in that order, and each dose is a
        sample of its own. None: see `at_least_one_aberration`.
    seed : int
        Image i of the set depends on (seed, i) and the options alone, not on `n_images` or
        the number of processes.
    pixel_size_um, fraction_irradiated, other_dose_gy
        As in :func:`~dicentlib.simulation.draw_metaphase`.
    at_least_one_aberration : bool
        For training sets: every image has an aberration; with ``dose_gy=None`` there are on
        average `labels_per_image` (dicentrics, fragments) in an image.
    negative_fraction : float
        Share of the images, 0 to 1, that are unirradiated cells instead.
    reasons : dict, optional
        Shares of images that are not scorable, by reason: ``{"covered": 0.1}``.
    images_per_slide : int
        Neighbouring images that share a slide's look (column ``slide``).
    sample : str
        Name in the column ``sample``; a dose series appends the dose.
    blind : bool
        Keep the truth out of ``samples.csv``: dose and counts go to ``truth.json``, and there
        are no ``annotations.csv`` and ``objects.parquet``.
    n_workers : int, optional
        Processes; by default one per core.
    progress : bool
    **options
        ``height, width, d0_gy, labels_per_image, yields, variety`` of
        :func:`~dicentlib.simulation.draw_metaphase`.

    Returns
    -------
    pandas.DataFrame
        What ``samples.csv`` holds: ``image, sample, donor, slide, dose_gy, pixel_size_um,
        quality, reason`` and, unless blind, ``cell_dose_gy, n_dicentrics, n_fragments, n_rings,
        n_bodies`` (chromosomes and fragments that are to be seen).

    Raises
    ------
    InputError
        Before anything is drawn, if an argument is not allowed.
    """
    doses = _dose_series(dose_gy)
    if blind and len(doses) > 1:
        raise InputError(f"blind=True with dose_gy={dose_gy!r}: a blind set has one dose")
    reasons = _checked_shares(reasons, negative_fraction, n_images, images_per_slide)
    exposure = {"fraction_irradiated": fraction_irradiated, "other_dose_gy": other_dose_gy}
    options |= exposure | {"pixel_size_um": pixel_size_um}
    for dose in doses:
        if dose is not None:
            Exposure(dose, fraction_irradiated, other_dose_gy)
    folder = Path(folder)
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    total = n_images * len(doses)
    task = partial(
        _make_image,
        folder=folder,
        seed=seed,
        doses=doses,
        n_images=n_images,
        reasons=reasons,
        negative_fraction=negative_fraction,
        at_least_one=at_least_one_aberration,
        images_per_slide=images_per_slide,
        options=options,
    )
    task(0)  # bad options fail here, before any process starts and any image goes
    (folder / "samples.csv").unlink(missing_ok=True)  # a set is what has one
    _remove_images(images, total)
    names = [sample if len(doses) == 1 else f"{sample}_{dose:g}_gy" for dose in doses]
    n_workers = min(
        n_workers or available_processors(), max(total // 10, 1)
    )  # starting one takes seconds
    with ExitStack() as stack:
        writer = None if blind else stack.enter_context(_TableWriter(folder))
        results = _run(stack, task, total, n_workers)
        bar = tqdm(
            results, total=total, unit="image", desc=f"simulate {folder.name}", disable=not progress
        )
        rows = []
        for i, (row, annotations, objects) in enumerate(bar):
            rows.append({"image": row["image"], "sample": names[i // n_images], "donor": "", **row})
            if writer:
                writer.add(annotations, objects)
    samples = pd.DataFrame(rows)
    if blind:
        facts = {"dose_gy": doses[0], "negative_fraction": negative_fraction, **exposure}
        _write_truth(folder, samples, facts)
        hidden = ["cell_dose_gy", "n_dicentrics", "n_fragments", "n_rings", "n_bodies"]
        samples = samples.drop(columns=hidden).assign(dose_gy=np.nan)
    else:
        (folder / "truth.json").unlink(missing_ok=True)
    with atomic_path(folder / "samples.csv") as temporary:
        samples.to_csv(temporary, index=False)
    return samples


def _dose_series(dose_gy):
    if isinstance(dose_gy, (Sequence, np.ndarray)):
        if not len(dose_gy) or any(dose is None for dose in dose_gy):
            raise InputError(f"dose_gy={dose_gy!r}: allowed are a dose, doses, or None")
        return [float(dose) for dose in dose_gy]
    return [None if dose_gy is None else float(dose_gy)]


def _checked_shares(reasons, negative_fraction, n_images, images_per_slide):
    for name, value in (("n_images", n_images), ("images_per_slide", images_per_slide)):
        if int(value) != value or value < 1:
            raise InputError(f"{name}={value}: allowed are whole numbers from 1")
    reasons = dict(reasons or {})
    unknown = sorted(set(reasons) - set(REASONS))
    if unknown:
        raise InputError(f"reasons: unknown {', '.join(unknown)}; allowed: {', '.join(REASONS)}")
    shares = [*reasons.values(), negative_fraction, sum(reasons.values())]
    if not all(0 <= share <= 1 for share in shares):
        raise InputError(
            f"reasons={reasons}, negative_fraction={negative_fraction}: allowed are shares "
            "from 0 to 1, all reasons together at most 1"
        )
    return reasons


def _remove_images(images, total):
    """Remove the images of an earlier, larger set; they would join this one."""
    for path in images.glob("*.png"):
        if IMAGE_NAME.fullmatch(path.name) and int(path.stem) >= total:
            path.unlink()


def _run(stack, task, total, n_workers):
    if n_workers == 1:
        return map(task, range(total))
    context = multiprocessing.get_context("spawn")
    pool = stack.enter_context(
        ProcessPoolExecutor(
            n_workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)
        )
    )
    return pool.map(task, range(total), chunksize=max(1, min(8, total // (4 * n_workers))))


def _make_image(
    i, *, folder, seed, doses, n_images, reasons, negative_fraction, at_least_one,
    images_per_slide, options,
):  # fmt: skip
    """Draw and write image i; its row of samples.csv, its annotations and its objects."""
    rng = generator((seed, i), "kind")
    reason, position = "", rng.random()
    for name, share in reasons.items():
        if 0 <= position < share:
            reason = name
        position -= share
    dose = doses[i // n_images]
    negative = rng.random() < negative_fraction
    if negative:
        options = options | {"fraction_irradiated": 1.0, "other_dose_gy": 0.0}
    metaphase = draw_metaphase(
        (seed, i),
        dose_gy=0.0 if negative else dose,
        reason=reason,
        at_least_one_aberration=at_least_one and not negative,
        slide_seed=(seed, i // images_per_slide),
        **options,
    )
    name = f"images/{i:06d}.png"
    pixels = np.round(metaphase.image * 255).astype(np.uint8)
    # samples.csv is written last and makes the set; waiting for the disk at every image is slow
    if not cv2.imwrite(str(folder / name), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise InputError(f"{folder / name}: cannot be written")
    classes = metaphase.annotations["class"].value_counts()
    row = {
        "image": name,
        "slide": f"slide_{i // images_per_slide:05d}",
        "dose_gy": 0.0 if negative else np.nan if dose is None else dose,
        "pixel_size_um": options["pixel_size_um"],
        "quality": metaphase.quality,
        "reason": metaphase.reason,
        "cell_dose_gy": metaphase.dose_gy,
        "n_dicentrics": int(classes.get("dicentric", 0)),
        "n_fragments": int(classes.get("fragment", 0)),
        "n_rings": int((metaphase.objects["class"] == "ring").sum()),
        "n_bodies": int(metaphase.objects["visible"].sum()),
    }
    annotations, objects = metaphase.annotations.copy(), metaphase.objects
    annotations.insert(0, "image", name)
    objects.insert(0, "image", name)
    return row, annotations, objects


class _TableWriter:
    """Write annotations.csv and objects.parquet image by image, so that memory stays flat."""

    def __init__(self, folder):
        self.folder, self.stack, self.parquet = folder, ExitStack(), None

    def __enter__(self):
        self.objects_path = self.stack.enter_context(atomic_path(self.folder / "objects.parquet"))
        path = self.stack.enter_context(atomic_path(self.folder / "annotations.csv"))
        self.annotations = self.stack.enter_context(open(path, "w", newline=""))
        self.annotations.write("image,class,row,col\n")
        return self

    def add(self, annotations, objects):
        annotations.round(2).to_csv(self.annotations, header=False, index=False)
        table = pa.Table.from_pandas(objects, preserve_index=False)
        if self.parquet is None:
            self.parquet = self.stack.enter_context(
                pq.ParquetWriter(self.objects_path, table.schema)
            )
        self.parquet.write_table(table.cast(self.parquet.schema))

    def __exit__(self, *error):
        return self.stack.__exit__(*error)


def _write_truth(folder, samples, facts):
    """Dose and counts of a blind sample, apart from what a scorer reads."""
    write_json(
        folder / "truth.json",
        {
            **facts,
            "n_cells": len(samples),
            "n_dicentrics": samples["n_dicentrics"].sum(),
            "n_fragments": samples["n_fragments"].sum(),
            "cells_with_n_dicentrics": np.bincount(samples["n_dicentrics"]),
            "origin": "simulated",
        },
    )
    for name in ("annotations.csv", "objects.parquet"):
        (folder / name).unlink(missing_ok=True)
