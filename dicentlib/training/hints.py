"""Hints: what a simulated image knows beyond its annotations, for training alone.

A dicentric is a body with two centromeres. One heatmap says so once per cell; the truth of a
simulated cell knows the centromere of every body. A second head learns to mark them all from the
same features, which it thereby teaches what a centromere is. The head belongs to the training:
members and everything computed with them have no part of it.
"""

from pathlib import Path

import pandas as pd
import torch
from torch import nn

from dicentlib.errors import InputError

HINT_WEIGHT = 0.1  # of the hints' cross entropy beside the loss
HINT_BIAS = -4.0  # starts with a nearly empty heatmap


def simulated_centromeres(folder, index):
    """Centromeres of the visible bodies of a simulated image set.

    Parameters
    ----------
    folder : path-like
        Of ``simulation.simulate_set``; holds ``objects.parquet``.
    index : ImageIndex
        Of its images; centromeres beyond an image's rim are left out.

    Returns
    -------
    DataFrame
        Columns ``image, row, col``, pixels of the original images. Of bodies with more than
        two centromeres the first two.

    Raises
    ------
    InputError
        No ``objects.parquet`` in the folder.
    """
    path = Path(folder) / "objects.parquet"
    if not path.is_file():
        raise InputError(f"{path}: no such file; only simulated image sets know their centromeres")
    bodies = pd.read_parquet(path)
    bodies = bodies[bodies["visible"]]
    parts = [
        bodies[["image", f"centromere_{k}_row", f"centromere_{k}_col"]].set_axis(
            ["image", "row", "col"], axis=1
        )
        for k in (1, 2)
    ]
    points = pd.concat(parts, ignore_index=True).dropna()
    sizes = index.table.set_index("image")[["height_px", "width_px"]]
    limits = sizes.reindex(points["image"]).to_numpy()
    positions = points[["row", "col"]].to_numpy()
    inside = ((positions >= 0) & (positions < limits)).all(axis=1)
    return points[inside].reset_index(drop=True)


def hint_head(parameters):
    """A head for one heatmap beside that of the network, the same for the same ``init_seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parameters.init_seed)
        head = nn.Conv2d(parameters.decoder_channels[1], 1, kernel_size=3, padding=1)
    nn.init.constant_(head.bias, HINT_BIAS)
    return head
