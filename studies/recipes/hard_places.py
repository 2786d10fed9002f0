"""Crops of simulated cells round the places where an ensemble errs, to train on.

Hard examples are mined as in Felzenszwalb et al. 2010 (IEEE TPAMI 32:1627): what the members agree
on and is none, and what they overlook. Cells without an error teach them little more.
"""

import numpy as np
import pandas as pd
from PIL import Image

from dicentlib.data.image_set import read_image_set
from dicentlib.ensemble.members import member_paths
from dicentlib.evaluation import mark_detections
from dicentlib.evaluation.matching import CUTOFF_PX
from dicentlib.files import atomic_path
from dicentlib.scoring import score_folder

SIDE_PX = 192  # of the crops, so that smaller ones lie round the place in many ways
CONFIDENCE = 0.3  # T_C, lower than that of any operating point; half of the members are enough


def write_hard_crops(folder, cells, members):
    """Score simulated cells and write an image set of crops round the errors.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``images/``, ``samples.csv`` and ``annotations.csv``.
    cells : pathlib.Path
        An annotated image set at the members' scale.
    members : path-like

    Returns
    -------
    dict
        Numbers of crops round ``false`` and ``missed`` objects.
    """
    index, annotations = read_image_set(cells)
    found = score_folder(
        cells,
        members,
        out=folder / "scored",
        confidence_threshold=CONFIDENCE,
        agreement_threshold=max(0, len(member_paths(members)) // 2 - 1),
    )
    cutoff_px = CUTOFF_PX * 0.1 / index.table["pixel_size_um"].iloc[0]
    found, truth = mark_detections(found, annotations, cutoff_px=cutoff_px)
    errors = {"false": found[~found["true"]], "missed": truth[~truth["found"]]}
    places = pd.concat(errors.values())[["image", "row", "col"]]
    samples, marks = [], []
    sizes = index.table.set_index("image")["pixel_size_um"]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image, rows in places.groupby("image"):
        pixels = np.asarray(Image.open(index.path(image)))
        own = annotations[annotations["image"] == image]
        for row, col in rows[["row", "col"]].to_numpy():
            corner = np.round([row, col]).astype(int) - SIDE_PX // 2
            top, left = np.clip(corner, 0, np.maximum(0, np.array(pixels.shape) - SIDE_PX))
            piece = pixels[top : top + SIDE_PX, left : left + SIDE_PX]
            name = f"images/hard_{len(samples):06d}.png"
            Image.fromarray(piece).save(folder / name)
            samples.append({"image": name, "slide": image, "pixel_size_um": sizes[image]})
            shifted = own.assign(image=name, row=own["row"] - top, col=own["col"] - left)
            inside = shifted["row"].between(0, piece.shape[0] - 1)
            marks.append(shifted[inside & shifted["col"].between(0, piece.shape[1] - 1)])
    tables = {
        "annotations.csv": pd.concat([annotations[:0], *marks])[["image", "class", "row", "col"]],
        "samples.csv": pd.DataFrame(samples, columns=["image", "slide", "pixel_size_um"]),
    }
    for name, table in tables.items():
        with atomic_path(folder / name) as temporary:
            table.to_csv(temporary, index=False)
    return {name: len(table) for name, table in errors.items()}
