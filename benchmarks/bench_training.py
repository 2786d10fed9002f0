"""Training step, whole-image inference and loading of crops: images per second, as ratios.

    python benchmarks/bench_training.py [--encoders tu-resnet10t resnet18] [--threads 2] [--paper]

The encoders are by default ResNet-10-T and EfficientNet-Lite0. On a GPU, compiled
means recorded as CUDA graphs.

The baseline is the plain loop: eager, float32, contiguous memory, Adam without fusion.
``--paper`` takes the paper's preset (resnet34, whole images of 896 x 1008, batches of 12).
``gpu_figures.py`` measures what a GPU makes of it.
"""

import argparse
import shutil
import tempfile
import time

import numpy as np
import pandas as pd
import torch
from tables import write_timings
from torch.utils.flop_counter import FlopCounterMode

from dicentlib.data.augmentation import Augmentation
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.loss import HeatmapLoss
from dicentlib.model import LITE0, HeatmapUnet
from dicentlib.simulation import simulate_set
from dicentlib.training import read_image_set
from dicentlib.training.cuda_graph import as_cuda_graph
from dicentlib.training.fit import computes_bfloat16

PAPER_IMAGES, PAPER_EPOCHS = 4344, 100
TABLES = {  # by device, and whether with the paper's preset
    ("cpu", False): "bench_training",
    ("cpu", True): "bench_training_paper",
    ("cuda", False): "bench_training_gpu",
    ("cuda", True): "bench_training_paper_gpu",
}


def seconds(function, device, *, repeats):
    """Median time of a call after one to warm up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def make_step(model, images, targets, *, channels_last, bfloat16, fused, compiled):
    """A training step as a function without arguments."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)
    images = images.to(memory_format=layout)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)
    logits = model.logits
    if compiled and images.device.type == "cuda":
        with torch.autocast("cuda", torch.bfloat16, enabled=bfloat16):
            logits = as_cuda_graph(model, images.shape)
    elif compiled:
        logits = torch.compile(logits)
    loss = HeatmapLoss()

    def step():
        with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
            output = logits(images)
        optimiser.zero_grad()
        loss(torch.sigmoid(output.float()), targets).backward()
        optimiser.step()

    return step


def compare_steps(encoder, arguments, device, shape, batch):
    """Table of training variants; the last is what dicentlib does on this machine."""
    plain = {"channels_last": False, "bfloat16": False, "fused": False, "compiled": False}
    variants = {
        "plain eager float32": plain,
        "+ channels last": plain | {"channels_last": True},
        "+ fused optimiser": plain | {"channels_last": True, "fused": True},
    }
    best = variants["+ fused optimiser"]
    if computes_bfloat16():
        best = variants["+ bfloat16"] = best | {"bfloat16": True}
    if device == "cuda" or shutil.which("g++"):
        variants["+ compiled"] = best | {"compiled": True}
    images = torch.rand(batch, 1, *shape, device=device)
    targets = torch.rand(batch, 2, shape[0] // 4, shape[1] // 4, device=device)
    rows = []
    for name, variant in variants.items():
        torch.manual_seed(0)
        model = HeatmapUnet(encoder, None, arguments.decoder_channels).to(device)
        step = make_step(model, images, targets, **variant)
        rows.append((name, batch / seconds(step, device, repeats=arguments.repeats)))
    table = pd.DataFrame(rows, columns=["training step", "images per second"])
    table["ratio"] = table["images per second"] / table["images per second"].iloc[0]
    table.insert(0, "encoder", encoder)
    return table


def training_flops(encoder, decoder_channels, shape):
    """Operations of a forward and a backward pass over one image."""
    model = HeatmapUnet(encoder, None, decoder_channels)
    with FlopCounterMode(display=False) as counter:
        model.logits(torch.rand(1, 1, *shape)).sum().backward()
    return counter.get_total_flops()


def loading_rate(side, crop_px, *, n_samples=300):
    """Samples per second that one process makes from images in memory."""
    with tempfile.TemporaryDirectory() as folder:
        simulate_set(folder, n_images=4, dose_gy=3.0, seed=0, progress=False)
        dataset = MetaphaseDataset(
            *read_image_set(folder),
            crop_px=crop_px,
            pixel_size_um=0.1 if side > 500 else 0.2,
            augmentation=Augmentation(flips=True),
        )
    start = time.perf_counter()
    for i in range(n_samples):
        dataset[(0, i % len(dataset))]
    return n_samples / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoders", nargs="+", default=["tu-resnet10t", LITE0])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--paper", action="store_true")
    arguments = parser.parse_args()
    arguments.decoder_channels = (256, 128) if arguments.paper else (64, 32)
    shape, batch = ((896, 1008), 12) if arguments.paper else ((128, 128), 24)
    if arguments.paper:
        arguments.encoders = ["resnet34"]
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table = pd.concat(
        [compare_steps(encoder, arguments, device, shape, batch) for encoder in arguments.encoders]
    )
    best = table["images per second"].max()
    loading = loading_rate(shape[0], None if arguments.paper else shape[0])
    place = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    write_timings(
        TABLES[device, arguments.paper],
        table.round(2),
        caption=f"Batches of {batch} x {shape[0]} x {shape[1]}, {place}, "
        f"{torch.get_num_threads()} threads. One process loads {loading:.0f} samples per second, "
        f"{loading / best:.1f} times what the fastest training takes.",
    )


if __name__ == "__main__":
    main()
