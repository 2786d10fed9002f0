"""Baseline, single models and ensemble side by side: one table, one rule of counting."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.data import CLASSES, REFERENCE_PIXEL_SIZE_UM, index_images
from dicentlib.data.image_set import read_image_set
from dicentlib.ensemble import last_member_paths
from dicentlib.errors import InputError
from dicentlib.evaluation.bootstrap import bootstrap_intervals
from dicentlib.evaluation.matching import CUTOFF_PX, mark_detections
from dicentlib.scoring import score_folder
from dicentlib.tables import find_table
from studies.baseline.detector import detect_images, load_baseline

SINGLE_MODEL_THRESHOLD = 0.6  # T_C of the paper's Models A and B
COLUMNS = (
    "images", "system", "class", "n_images", "n_annotated", "detections_per_image",
    "precision", "precision_lower", "precision_upper", "recall", "recall_lower", "recall_upper",
    "images_per_s", "note",
)  # fmt: skip


def find_systems(*, baseline=None, model_a=None, model_b=None, ensemble=None):
    """The functions that turn an ``ImageIndex`` into detections; None for an absent system.

    Parameters
    ----------
    baseline, model_a, model_b, ensemble : path-like or None
        A baseline's file or folder; folders of members. Of Models A and B the last member
        scores, at the paper's threshold 0.6; the ensemble scores at its operating point.

    Returns
    -------
    dict
        System name -> function or None.
    """
    systems = {
        "baseline": _system(baseline, _detect_by_baseline),
        "model A": _system(model_a, _detect_by_last_member),
        "model B": _system(model_b, _detect_by_last_member),
        "ensemble": _system(ensemble, _detect_by_ensemble),
    }
    if not any(systems.values()):
        raise InputError("no system to compare: give a baseline, a model or an ensemble")
    return systems


def _system(path, function):
    return partial(function, Path(path)) if path is not None and Path(path).exists() else None


def _detect_by_baseline(path, index):
    return detect_images(index, load_baseline(path))


def _detect_by_last_member(path, index):
    return _score(last_member_paths(path, 1), index, SINGLE_MODEL_THRESHOLD, 0)


def _detect_by_ensemble(path, index):
    return _score(path, index, None, None)


def _score(members, index, confidence_threshold, agreement_threshold):
    with tempfile.TemporaryDirectory() as out:
        return score_folder(
            index.folder,
            members,
            out=out,
            samples=index.table,
            confidence_threshold=confidence_threshold,
            agreement_threshold=agreement_threshold,
        )


def compare(folders, systems, *, cutoff_um=CUTOFF_PX * REFERENCE_PIXEL_SIZE_UM, seed=0):
    """Run every system on every folder.

    Counts are one to one within `cutoff_um` (``evaluation.match_points``), summed over the
    images. Intervals are 90 %, over resampled images.

    Parameters
    ----------
    folders : dict
        Name shown -> image set. One without ``annotations.csv`` gets detections per image
        alone; where no cell can have a dicentric, these are the false ones.
    systems : dict
        As of :func:`find_systems`; a row of an absent one says so.
    cutoff_um : float
        Largest distance of a detection from its annotation.
    seed : int
        Of the resampling.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`, one row per folder, system and class.
    """
    rows = []
    for shown, folder in folders.items():
        known = find_table(folder, "annotations.csv")
        index, annotations = read_image_set(folder) if known else (index_images(folder), None)
        for name, function in systems.items():
            head = {"images": shown, "system": name, "n_images": len(index.table)}
            if function is None:
                rows += [head | {"class": c, "note": "absent"} for c in CLASSES]
                continue
            start = time.perf_counter()
            detections = function(index)
            head["images_per_s"] = len(index.table) / (time.perf_counter() - start)
            for c in CLASSES:
                row = _row(c, detections, annotations, index, cutoff_um, seed)
                rows.append(head | {"class": c, "note": ""} | row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def documented(table):
    """The rows with figures of :func:`compare` as the documentation shows them, all text."""
    table = table[table["precision"].notna() | table["recall"].notna()]
    return pd.DataFrame(
        {
            "system": table["system"],
            "class": table["class"],
            **{
                f"{name} [90 %]": interval_texts(table, name, f"{name}_lower", f"{name}_upper")
                for name in ("precision", "recall")
            },
            "images per second": table["images_per_s"].map("{:.2g}".format),
        }
    )


def interval_texts(table, *columns):
    """Texts such as ``0.32 [0.22, 0.42]`` of three columns: value, lower, upper."""
    return table[list(columns)].apply(lambda row: "{:.2f} [{:.2f}, {:.2f}]".format(*row), axis=1)


def _row(class_name, detections, annotations, index, cutoff_um, seed):
    """Figures of one system, folder and class."""
    found = detections[detections["class"] == class_name]
    row = {"detections_per_image": len(found) / len(index.table)}
    if annotations is None:
        return row | {"note": "no annotations"}
    true = annotations[annotations["class"] == class_name]
    counts = image_counts(found, true, index, cutoff_um=cutoff_um)
    table = bootstrap_intervals(counts, seed=seed, interval=(0.05, 0.95))
    table = table[table["source"] == "images"].set_index("measure")
    tp, fp, fn = counts.sum(axis=(0, 2))
    row |= {"n_annotated": int(tp + fn)}
    row["precision"] = tp / (tp + fp) if tp + fp else float("nan")
    row["recall"] = tp / (tp + fn) if tp + fn else float("nan")
    for measure in ("precision", "recall"):
        for end in ("lower", "upper"):
            row[f"{measure}_{end}"] = table.loc[measure, end]
    return row


def image_counts(detections, annotations, index, *, cutoff_um):
    """tp, fp, fn of every image for one class, shape (N, 3, 1), positions compared in um."""
    sizes = index.table.set_index("image")["pixel_size_um"].fillna(REFERENCE_PIXEL_SIZE_UM)
    scaled = []
    for table in (detections, annotations):
        um = table["image"].map(sizes).to_numpy(float)
        scaled.append(table.assign(row=table["row"] * um, col=table["col"] * um))
    found, truth = mark_detections(*scaled, cutoff_px=cutoff_um)
    counts = np.zeros((len(index.table), 3, 1), dtype=int)
    place = {image: row for row, image in enumerate(index.table["image"])}
    for image, true in zip(found["image"], found["true"], strict=True):
        counts[place[image], 0 if true else 1] += 1
    for image, hit in zip(truth["image"], truth["found"], strict=True):
        counts[place[image], 2] += not hit
    return counts
