"""The notebook of the latent trajectories on a run that lacks nearly everything."""

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dicentlib.ensemble import save_member
from dicentlib.files import read_json
from dicentlib.model import HeatmapUnet
from dicentlib.runs.pipeline import notebook_paths, run_notebook

pytestmark = [pytest.mark.notebooks, pytest.mark.xdist_group("latent-notebook")]
TINY = {"n_background": 4, "n_clusters": 2, "grid_size": 12, "n_resamples": 50}


def make_run(run, *, classes, widths):
    """A run folder with 8 images and one member per entry of `widths`, epochs 1, 2..."""
    rng = np.random.default_rng(0)
    folder = run / "data" / "test"
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(8):
        name = f"images/{number:06d}.png"
        grey = rng.normal(0.88, 0.04, size=(96, 96)).clip(0, 1)
        for label in classes:
            row, col = rng.integers(16, 80, size=2)
            reach = 6 if label == "dicentric" else 3
            grey[row - reach : row + reach, col - 2 : col + 3] = 0.2
            rows.append((name, label, float(row), float(col)))
        Image.fromarray((grey * 255).astype(np.uint8)).save(folder / name)
    table = pd.DataFrame(rows, columns=["image", "class", "row", "col"])
    table.to_csv(folder / "annotations.csv", index=False)
    names = [f"images/{number:06d}.png" for number in range(8)]
    samples = pd.DataFrame({"image": names, "pixel_size_um": 0.2})
    samples.to_csv(folder / "samples.csv", index=False)
    for epoch, width in enumerate(widths, start=1):
        torch.manual_seed(epoch)
        model = HeatmapUnet("resnet18", decoder_channels=(16, width))
        metadata = {"pixel_size_um": 0.2, "sigma": 2.0, "stride": 4, "epoch": epoch}
        save_member(run / "members" / f"epoch_{epoch:03d}.safetensors", model, metadata)


def execute(run):
    notebook = notebook_paths()["05_latent_trajectories"]
    return nbformat.read(run_notebook(notebook, run, TINY), as_version=4)


def test_one_epoch_no_dicentric_and_another_width_are_said_and_the_rest_runs(tmp_path):
    make_run(tmp_path, classes=("fragment",), widths=(12, 8))
    notebook = execute(tmp_path)
    notes = "\n".join(read_json(tmp_path / "latent" / "latent.json")["notes"])
    assert "epoch_001.safetensors" in notes
    assert "left out" in notes
    assert "1 epoch: trajectories need at least 2" in notes
    assert "no annotated dicentric" in notes
    shown = "\n".join(
        output["data"].get("text/markdown", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert "no annotated dicentric" in shown
    assert len(list((tmp_path / "figures").glob("05_*.png"))) == 9
