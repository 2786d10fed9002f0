"""A run for the dose notebooks without training: heatmaps drawn from known positions."""

import json

import imageio.v3 as iio
import numpy as np
import pandas as pd
import torch
from threshold_run import open_set

from dicentlib.data import CLASSES, write_annotations
from dicentlib.data.targets import target_heatmaps
from dicentlib.ensemble import HeatmapStore, load_members, save_member
from dicentlib.model import HeatmapUnet
from dicentlib.operating_point import OperatingPoint

SIDE = 96
DOSES = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)
CELLS_PER_DOSE = 15
N_MEMBERS = 4
EVALUATION = {
    "images": "test, simulated",
    "n_images": 1,
    "classes": {
        name: {
            "precision": 0.9,
            "recall": 0.8,
            "false_per_thousand_unexposed": {
                "per_thousand": 2.0,
                "lower": 0.5,
                "upper": 5.0,
                "n_cells": 500,
            },
            "intervals": [{"measure": "recall", "source": "both", "lower": 0.7, "upper": 0.9}],
        }
        for name in CLASSES
    },
}


def make_dose_run(run, *, sample="blind"):
    """Members of random weights; heatmaps of the calibration series as a good detector's.

    A dicentric and its fragment lie at places of a grid; every member shows both with a height
    of its own, some not at all.
    """
    for epoch in range(N_MEMBERS):
        torch.manual_seed(epoch)
        model = HeatmapUnet("tu-mobilenetv3_small_050", decoder_channels=(8, 8), head_bias=-6.0)
        metadata = {"pixel_size_um": 0.2, "sigma": 1.0, "stride": 4, "epoch": epoch + 1}
        save_member(run / "members" / f"epoch_{epoch + 1:03d}.safetensors", model, metadata)
    digests = tuple(member.digest for member in load_members(run))
    point = OperatingPoint(0.5, 1, n_members=N_MEMBERS, members=digests)
    point.write(run / "operating_point.json")
    (run / "evaluation.json").write_text(json.dumps(EVALUATION))
    _write_calibration(run, digests)
    folder = run / "data" / "sample"
    names = _write_images(folder, 20)
    pd.DataFrame({"image": names, "sample": sample, "pixel_size_um": 0.2}).to_csv(
        folder / "samples.csv", index=False
    )
    (folder / "truth.json").write_text(json.dumps({"dose_gy": 0.0}))


def _write_images(folder, n):
    rng = np.random.default_rng(n)
    names = [f"images/{i:06d}.png" for i in range(n)]
    (folder / "images").mkdir(parents=True)
    for name in names:
        grey = rng.normal(220, 3, (SIDE, SIDE))
        for row in (8, 38, 68):
            for col in (12, 44, 76):
                grey[row : row + 20, col : col + 8] *= 0.35  # bodies as dark as chromosomes
        iio.imwrite(folder / name, grey.astype(np.uint8))
    return names


def _write_calibration(run, digests):
    folder = run / "data" / "calibration"
    doses = np.repeat(DOSES, CELLS_PER_DOSE)
    names = _write_images(folder, len(doses))
    samples = {"image": names, "sample": "c", "dose_gy": doses, "pixel_size_um": 0.2}
    pd.DataFrame(samples).to_csv(folder / "samples.csv", index=False)
    rng = np.random.default_rng(7)
    rows, stacks = [], []
    for name, dose in zip(names, doses, strict=True):
        places = rng.permutation([(r, c) for r in (16, 48, 80) for c in (16, 48, 80)])
        n = min(rng.poisson(0.02 + 0.05 * dose + 0.06 * dose**2), 4)
        points = {"dicentric": places[:n], "fragment": places[4 : 4 + n]}
        rows += [(name, kind, *place) for kind, at in points.items() for place in at]
        target = target_heatmaps(points, (SIDE, SIDE), sigma=1.0)
        heights = rng.uniform(0.3, 1.0, (N_MEMBERS, 2, 1, 1))
        stacks.append((target * heights).astype(np.float32))
    table = pd.DataFrame(rows, columns=["image", "class", "row", "col"])
    write_annotations(folder / "annotations.csv", table)
    content = open_set(folder).content_digest()
    path = run / "heatmaps" / "calibration.parquet"
    HeatmapStore.write(path, stacks, names, digests=digests, content=content)
