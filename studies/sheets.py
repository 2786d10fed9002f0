"""Sheets of crops to look at: an ensemble's most confident false detections, and what it missed.

    python -m studies.sheets DIR SET MEMBERS OPERATING_POINT OUT [--suffix _giemsa-small]

DIR holds ``data/SET`` and the heatmaps that were measured there (``studies.recipes``). Writes
``OUT/<SET>_<class>_false.png`` and ``..._missed.png``; each crop is centred on its object.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.ensemble import load_members
from dicentlib.evaluation import mark_detections
from dicentlib.evaluation.image_set import open_evaluation_set
from dicentlib.operating_point import OperatingPoint

SIDE, ZOOM, COLUMNS, ROWS = 64, 3, 6, 3


def sheet(images, places):
    """One image of crops; `places` are (image, row, col, caption), at most COLUMNS x ROWS."""
    tiles = [
        crop(images[image], row, col, caption)
        for image, row, col, caption in places[: COLUMNS * ROWS]
    ]
    tiles += [np.full((SIDE * ZOOM, SIDE * ZOOM), 255, np.uint8)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows) if rows else np.full((SIDE, SIDE), 255, np.uint8)


def crop(image, row, col, caption):
    """A square round a position, enlarged, uint8; beyond the border the edge goes on."""
    half = SIDE // 2
    padded = np.pad(np.round(255 * image).astype(np.uint8), half, mode="edge")
    top, left = round(row), round(col)
    tile = padded[top : top + SIDE, left : left + SIDE]
    tile = cv2.resize(tile, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    cv2.putText(tile, caption, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 0, 1, cv2.LINE_AA)
    return tile


class Images:
    """Images of a set by name."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.numbers = {name: i for i, name in enumerate(dataset.names)}

    def __getitem__(self, name):
        return self.dataset.image(self.numbers[name])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("set")
    parser.add_argument("members")
    parser.add_argument("operating_point")
    parser.add_argument("out", type=Path)
    parser.add_argument("--suffix", default="")
    arguments = parser.parse_args()
    members = load_members(arguments.members)
    point = OperatingPoint.read(arguments.operating_point)
    opened = open_evaluation_set(arguments.folder, arguments.set, members, suffix=arguments.suffix)
    found, truth = mark_detections(opened.detections(point), opened.annotations())
    images = Images(opened.dataset)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in CLASSES:
        false = found[(found["class"] == name) & ~found["true"]]
        false = false.sort_values("peak_mean", ascending=False)
        missed = truth[(truth["class"] == name) & ~truth["found"]]
        kinds = {"false": false, "missed": missed.assign(peak_mean=np.nan)}
        for kind, table in kinds.items():
            places = [
                (body.image, body.row, body.col, caption(body.peak_mean))
                for body in table.itertuples()
            ]
            path = arguments.out / f"{arguments.set}_{name}_{kind}.png"
            cv2.imwrite(str(path), sheet(images, places))
            print(f"{path}: {len(places)}, the first {COLUMNS * ROWS} drawn")


def caption(peak):
    return "" if pd.isna(peak) else f"{peak:.2f}"


if __name__ == "__main__":
    main()
