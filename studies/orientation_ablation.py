"""Does it help that every member looks at the image from a side of its own?

    python -m studies.orientation_ablation MEMBERS SET

The same members, all from one side and each from its own (``HeatmapUnet.orientation``), on an
annotated image set: average precision, and recall at three precisions, of detections ranked by
their mean heatmap.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.data import CLASSES
from dicentlib.ensemble import load_members
from dicentlib.evaluation.image_set import open_evaluation_set
from dicentlib.evaluation.matching import mark_detections
from dicentlib.evaluation.vote_reliability import average_precision
from dicentlib.model import ORIENTATIONS
from dicentlib.operating_point import OperatingPoint

LOWEST_THRESHOLD = 0.2
PRECISIONS = (0.5, 0.7, 0.85)


def marked_detections(members, folder):
    """Detections of one vote or more, true or not; and the annotations."""
    anything = OperatingPoint(LOWEST_THRESHOLD, 0, n_members=len(members))
    with tempfile.TemporaryDirectory() as run:
        images = open_evaluation_set(Path(run), "images", members, folder=folder)
        return mark_detections(images.detections(anything), images.annotations())


def ranking(marked, n_truth):
    """Average precision, and the recall that each of `PRECISIONS` leaves."""
    marked = marked.sort_values("peak_mean", ascending=False)
    found = marked["true"].cumsum().to_numpy()
    precision = found / np.arange(1, len(marked) + 1)
    area = average_precision(
        marked["peak_mean"].to_numpy(), marked["true"].to_numpy(), n_truth=n_truth
    )
    recall = {
        f"recall at precision {p}": found[precision >= p].max(initial=0) / n_truth
        for p in PRECISIONS
    }
    return {"average precision": area} | recall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("members")
    parser.add_argument("images")
    arguments = parser.parse_args()
    members = load_members(arguments.members)
    rows = []
    for label, orientations in (
        ("all from one side", itertools.repeat(0)),
        ("each from its own", itertools.cycle(range(ORIENTATIONS))),
    ):
        for member, orientation in zip(members, orientations, strict=False):
            member.model.orientation = orientation
        marked, truth = marked_detections(members, arguments.images)
        for name in CLASSES:
            n_truth = int((truth["class"] == name).sum())
            head = {"members look": label, "class": name, "objects": n_truth}
            rows.append(head | ranking(marked[marked["class"] == name], n_truth))
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
