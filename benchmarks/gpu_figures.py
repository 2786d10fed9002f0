"""All figures that need a GPU, measured in one run and written as tables.

    OUT=results python benchmarks/gpu_figures.py            # on a machine with a GPU
    python benchmarks/gpu_figures.py --small --out results  # anywhere, to see that it works

Training at the paper's preset: images per second, share of the rate of a large bfloat16 matrix
product, hours for the paper's 100 epochs of 4,344 images. Scoring with ten members: images per
second, time for the paper's 21,215 images, GPUs for 40,000 samples of 500 cells in a day. The
images are noise and the members untrained: what is measured is speed. Without a GPU the same
runs on the processor, and the tables say so.
"""

import argparse
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch
from bench_scoring import EVENT_IMAGES, PAPER_IMAGES, prepare, score, timed
from bench_training import PAPER_EPOCHS, make_step, seconds, training_flops
from bench_training import PAPER_IMAGES as TRAINING_IMAGES
from tables import write_timings

from dicentlib.model import HeatmapUnet

FULL = {"shape": (896, 1008), "batch": 12, "images": 160, "repeats": 10, "product": 16384}
SMALL = {"shape": (64, 96), "batch": 2, "images": 6, "repeats": 1, "product": 256}
PRESET = {"encoder": "resnet34", "decoder": (256, 128)}  # the paper's
MEMBERS = 10


def training_figures(size, device):
    """Rows of the training step at the paper's preset, in bfloat16 on a GPU."""
    shape, batch = size["shape"], size["batch"]
    model = HeatmapUnet(PRESET["encoder"], None, PRESET["decoder"]).to(device)
    images = torch.rand(batch, 1, *shape, device=device)
    targets = torch.rand(batch, 2, shape[0] // 4, shape[1] // 4, device=device)
    step = make_step(
        model, images, targets, channels_last=True, bfloat16=True, fused=True, compiled=False
    )
    rate = batch / seconds(step, device, repeats=size["repeats"])
    n = size["product"]
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = 2 * n**3 / seconds(lambda: a @ b, device, repeats=size["repeats"])
    share = rate * training_flops(PRESET["encoder"], PRESET["decoder"], shape) / product
    hours = PAPER_EPOCHS * TRAINING_IMAGES / rate / 3600
    return [
        {"figure": "training, images per second", "value": round(rate, 2)},
        {"figure": "share of a bfloat16 product's rate", "value": round(share, 4)},
        {
            "figure": f"hours for {PAPER_EPOCHS} epochs of {TRAINING_IMAGES:,} images",
            "value": round(hours, 2),
        },
    ]


def scoring_figures(size, device):
    """Rows of scoring with ten members; decoding and preparation count."""
    options = SimpleNamespace(
        images=size["images"],
        members=MEMBERS,
        height=size["shape"][0],
        width=size["shape"][1],
        firing=0.3,
        precision="bfloat16" if device == "cuda" else "float32",
        batch_size=None,
        **PRESET,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        point = prepare(folder, options)
        score(folder, point, options)  # members are loaded, kernels chosen
        rate = options.images / timed(score, folder, point, options)[1]
    return [
        {"figure": "scoring, images per second", "value": round(rate, 2)},
        {
            "figure": f"hours for {PAPER_IMAGES:,} images",
            "value": round(PAPER_IMAGES / rate / 3600, 2),
        },
        {
            "figure": "machines for 40,000 samples of 500 cells in a day",
            "value": round(EVENT_IMAGES / rate / 86400, 1),
        },
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.environ.get("OUT", "docs/tables"), help="folder")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try it out")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = SMALL if options.small else FULL
    place = torch.cuda.get_device_name() if device == "cuda" else "no GPU: the processor"
    height, width = size["shape"]
    rows = training_figures(size, device)
    rows += scoring_figures(size, device)
    write_timings(
        "gpu_figures",
        rows,
        caption=f"{place}; {PRESET['encoder']}, fields of {height} x {width} pixels, batches of "
        f"{size['batch']} in training, {MEMBERS} members and {size['images']} fields in scoring.",
        folder=options.out,
    )


if __name__ == "__main__":
    main()
