"""A trained detector on real metaphases that nobody trained it on.

The public reference images are not part of the project. They lie in a folder that the
environment variable ``DICENTLIB_REAL_DATA`` names, one set in each sub-folder; where there is
none, everything here gives empty tables.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from defusedxml import ElementTree

from dicentlib.data import CLASSES
from dicentlib.data.index import index_images
from dicentlib.errors import InputError

VARIABLE = "DICENTLIB_REAL_DATA"
# Sub-folders with the images, and whether a set can hold dicentrics at all.
REAL_SETS = {
    "adci_demo": ("adci_demo", True),
    "cohesion_giemsa": ("cohesion_giemsa/images", False),
    "cil54816_sample": ("cil54816_sample/images", False),
}
DETECTION_COLUMNS = ["set", "image", "class", "row", "col", "votes", "vote_fraction"]


@dataclass(frozen=True)
class Transfer:
    """Detections on the real sets, and what they amount to."""

    detections: pd.DataFrame  # set, image, class, row, col, votes, vote_fraction, ...
    summary: pd.DataFrame  # one row per set
    folders: dict  # set -> folder of its images


def real_image_sets(folder=""):
    """Folders of real images by set name, those that are there.

    Parameters
    ----------
    folder : path-like
        Holds ``adci_demo``, ``cohesion_giemsa``, ``cil54816_sample``. Empty: the environment
        variable ``DICENTLIB_REAL_DATA``; without that there are none.

    Returns
    -------
    dict of str to pathlib.Path

    Raises
    ------
    InputError
        A named folder is absent.
    """
    folder = folder or os.environ.get(VARIABLE, "")
    if not folder:
        return {}
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; {VARIABLE} or the argument must name one")
    places = {name: Path(folder) / place for name, (place, _) in REAL_SETS.items()}
    return {name: place for name, place in places.items() if place.is_dir()}


def count_chromosomes(name, folder):
    """Chromosomes in a set, from the boxes that come with it.

    YOLO text files lie in ``labels`` beside the images, Pascal-VOC files in ``annotations``;
    of the ADCI images the objects that the program counted as chromosomes.
    """
    folder = Path(folder)
    if name == "adci_demo":
        objects = pd.read_csv(folder / "adci_objects.csv")
        return int((objects["n_sigma_DC"] + objects["n_sigma_MC"] > 0).sum())
    if name == "cohesion_giemsa":
        files = sorted((folder.parent / "labels").glob("*.txt"))
        return sum(len(file.read_text().splitlines()) for file in files)
    files = sorted((folder.parent / "annotations").glob("*.xml"))
    return sum(len(ElementTree.parse(file).getroot().findall("object")) for file in files)


def score_real_sets(folders, members, *, out, progress=True, **options):
    """Run an ensemble over real sets at its operating point.

    Parameters
    ----------
    folders : dict of str to path-like
        From :func:`real_image_sets`; may be empty.
    members : path-like
        As for :func:`dicentlib.scoring.score_folder`.
    out : path-like
        A sub-folder per set is written.
    **options
        Of :func:`dicentlib.scoring.score_folder`, for instance thresholds.

    Returns
    -------
    Transfer
    """
    from dicentlib.scoring import score_folder

    tables, rows = [], []
    for name, folder in folders.items():
        found = score_folder(folder, members, out=Path(out) / name, progress=progress, **options)
        tables.append(found.assign(set=name))
        counts = found["class"].value_counts()
        n_chromosomes = count_chromosomes(name, folder)
        n_dicentrics = int(counts.get("dicentric", 0))
        false = np.nan if REAL_SETS[name][1] else 1000 * n_dicentrics / max(n_chromosomes, 1)
        rows.append({
            "set": name, "images": len(index_images(folder).table), "chromosomes": n_chromosomes,
            **{f"{kind}s": int(counts.get(kind, 0)) for kind in CLASSES},
            "false dicentrics per 1000 chromosomes": false,
        })  # fmt: skip
    detections = pd.concat(tables) if tables else pd.DataFrame(columns=DETECTION_COLUMNS)
    return Transfer(detections.reset_index(drop=True), pd.DataFrame(rows), dict(folders))


def adci_agreement(detections, objects, *, minimum_sigmas=1, margin_px=0.0):
    """Agreement of detected dicentrics with the calls of the ADCI program.

    Agreement between two programs, not truth: ADCI took separated sister chromatids for
    dicentrics in one of the images.

    Parameters
    ----------
    detections : pandas.DataFrame
        Columns ``image, class, row, col``.
    objects : pandas.DataFrame
        ``adci_objects.csv``: ``image, x, y, w, h, n_sigma_DC`` (settings of 11 that called
        the object dicentric).
    minimum_sigmas : int
        Calls by at least so many settings count.
    margin_px : float
        Boxes are enlarged by this on every side.

    Returns
    -------
    pandas.DataFrame
        One row per image: ``adci`` calls, ``detected`` dicentrics, ``both`` (calls with a
        detection inside their box).
    """
    calls = objects[objects["n_sigma_DC"] >= minimum_sigmas]
    points = detections[detections["class"] == "dicentric"]
    rows = []
    for image in sorted(set(objects["image"])):
        here = points[points["image"].map(lambda name: Path(name).name) == image]
        boxes = calls[calls["image"] == image]
        hit = [
            (
                here["col"].between(box.x - margin_px, box.x + box.w + margin_px)
                & here["row"].between(box.y - margin_px, box.y + box.h + margin_px)
            ).any()
            for box in boxes.itertuples()
        ]
        rows.append({"image": image, "adci": len(boxes), "detected": len(here), "both": sum(hit)})
    return pd.DataFrame(rows, columns=["image", "adci", "detected", "both"])
