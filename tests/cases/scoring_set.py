"""A tiny ensemble and drawn cells, for the tests of scoring."""

import numpy as np
import torch
from PIL import Image

from dicentlib.ensemble import load_members, predict_heatmaps, save_member
from dicentlib.model import HeatmapUnet
from dicentlib.operating_point import OperatingPoint

N_MEMBERS = 4
TABLES = ("detections.parquet", "scored_images.parquet")


def draw_cell(seed, shape=(96, 112)):
    """Dark discs on a light field, with some noise: fewer than 20 grey levels are refused."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 224.0)
    for row, col in rng.uniform(8, 88, (6, 2)):
        image[(rows - row) ** 2 + (cols - col) ** 2 < 30] = 80
    return (image + rng.integers(-16, 17, shape)).astype(np.uint8)


def write_images(folder, n_images):
    """`n_images` cells of two sizes."""
    folder.mkdir()
    for number in range(n_images):
        shape = (96, 112) if number % 3 else (80, 100)
        Image.fromarray(draw_cell(number, shape)).save(folder / f"cell {number}.png")
    return folder


def save_untrained(folder, *, n_members=N_MEMBERS, pixel_size_um=0.1):
    """Members with random weights."""
    for seed in range(n_members):
        torch.manual_seed(seed)
        model = HeatmapUnet("tu-mobilenetv3_small_050", decoder_channels=(8, 8)).eval()
        metadata = {"pixel_size_um": pixel_size_um, "sigma": 2.0, "stride": 4, "epoch": seed}
        save_member(folder / f"epoch_{seed:03d}.safetensors", model, metadata)


def write_run(folder):
    """Four members and thresholds at which some pixels fire."""
    save_untrained(folder / "members")
    heatmaps = predict_heatmaps(load_members(folder), draw_cell(0) / np.float32(255))
    thresholds = {
        name: np.quantile(heatmaps[:, index], 0.85, axis=(1, 2)).tolist()
        for index, name in enumerate(("dicentric", "fragment"))
    }
    point = OperatingPoint(thresholds, 1, n_members=N_MEMBERS)
    point.write(folder / "operating_point.json")
    return folder


def table_bytes(out):
    """The merged tables as they lie on the disk."""
    return [(out / name).read_bytes() for name in TABLES]
