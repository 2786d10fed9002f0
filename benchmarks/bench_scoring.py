"""Images per second of scoring against the plain loop, and of Dask workers against each other.

The plain loop takes one image and one member at a time, float32, eager, as PyTorch comes:
contiguous tensors and all cores on one image. All figures are of one run on one machine.

    python benchmarks/bench_scoring.py [--images 48] [--members 10] [--encoder resnet18] ...
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from dicentlib.data import normalise_background, read_image
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members, save_member
from dicentlib.model import HeatmapUnet
from dicentlib.operating_point import OperatingPoint
from dicentlib.scoring import score_folder
from dicentlib.voting import detect

PAPER_IMAGES = 21_215  # images of the paper's calibration curve
EVENT_IMAGES = 40_000 * 500  # samples times cells of a mass-casualty event


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--encoder", default="tu-mobilenetv3_small_100")
    parser.add_argument("--decoder", type=int, nargs=2, default=(64, 32))
    parser.add_argument("--height", type=int, default=448)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--firing", type=float, default=0.3, help="share of images that fire")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--batch-size", type=int, default=None)
    parser.add_argument("--no-dask", action="store_true")
    return parser.parse_args()


def prepare(folder, options):
    """Noise images and untrained members; the share of images that fire is set by thresholds."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(options.images):
        shape = (options.height, options.width)
        noise = rng.normal(215, 3 + 9 * (number < options.firing * options.images), shape)
        values = np.clip(noise, 0, 255).astype(np.uint8)
        Image.fromarray(values).save(folder / "images" / f"{number:05d}.png")
    for epoch in range(options.members):
        torch.manual_seed(0)  # all alike, so that they agree on a pixel
        model = HeatmapUnet(options.encoder, decoder_channels=tuple(options.decoder)).eval()
        metadata = {"pixel_size_um": 0.1, "sigma": 2.0, "stride": 4, "epoch": epoch}
        save_member(folder / "members" / f"epoch_{epoch:03d}.safetensors", model, metadata)
    members = load_members(folder / "members")
    noisy, quiet = (
        highest_values(folder / "images" / f"{number:05d}.png", members)
        for number in (0, options.images - 1)
    )
    # a member that sees no more in noise than in a quiet image never votes
    limits = np.where(noisy > quiet, (quiet + noisy) / 2, 1.002 * quiet)
    thresholds = dict(zip(("dicentric", "fragment"), limits.T.tolist(), strict=True))
    return OperatingPoint(thresholds, min(4, options.members - 1), n_members=options.members)


def highest_values(path, members):
    """Largest value of each member's heatmaps, shape (M, 2)."""
    tensor = torch.from_numpy(pad_to_stride(normalise_background(read_image(path)))[None, None])
    with torch.inference_mode():
        return np.array([member.model(tensor).amax((0, 2, 3)).tolist() for member in members])


def plain_loop(folder, point):
    """Every image, every member, nothing else."""
    members = load_members(folder / "members")
    models = [member.model.to(memory_format=torch.contiguous_format) for member in members]
    tables = []
    for path in sorted((folder / "images").iterdir()):
        image = normalise_background(read_image(path))
        tensor = torch.from_numpy(pad_to_stride(image)[None, None])
        with torch.no_grad():
            heatmaps = np.concatenate([model(tensor).numpy() for model in models])
        table = detect(heatmaps, operating_point=point, image_shape=image.shape)
        tables.append(table.assign(image=path.name))
    return pd.concat(tables, ignore_index=True)


def timed(function, *arguments, **keywords):
    start = time.perf_counter()
    result = function(*arguments, **keywords)
    return result, time.perf_counter() - start


def score(folder, point, options, **how):
    """Score into a fresh folder."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    return score_folder(
        folder / "images",
        folder / "members",
        out=folder / "out",
        confidence_threshold=point.confidence_threshold,
        agreement_threshold=point.agreement_threshold,
        shard_size=8,
        precision=options.precision,
        batch_size=options.batch_size,
        progress=False,
        **how,
    )


def on_cluster(folder, point, options, n_workers):
    """Seconds on workers of one core that have loaded the members before."""
    from distributed import Client, LocalCluster

    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", env=environment
        ) as cluster,
        Client(cluster) as client,
    ):
        score(folder, point, options, client=client)
        return timed(score, folder, point, options, client=client)[1]


def main():
    options = parse()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        point = prepare(folder, options)
        expected, plain_s = timed(plain_loop, folder, point)
        rows.append(("plain loop", plain_s))
        table, scoring_s = timed(score, folder, point, options)
        rows.append(("scoring", scoring_s))
        if not options.no_dask:
            for n_workers in (1, 2):
                rows.append(
                    (f"Dask, {n_workers} x 1 core", on_cluster(folder, point, options, n_workers))
                )
    table_of = pd.DataFrame(rows, columns=["how", "seconds"])
    table_of["images per s"] = options.images / table_of["seconds"]
    print(f"{options.images} images {options.height} x {options.width}, {options.members} members")
    print(f"{options.encoder}, {options.precision}, {len(os.sched_getaffinity(0))} cores", end="")
    print(f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU")
    print(table_of.to_string(index=False, float_format="%.2f"))
    fires = table["image"].nunique() / options.images
    print(f"detections: {len(expected)} in the plain loop, {len(table)} in scoring; ", end="")
    print(f"{fires:.0%} of the images fire")
    print(f"scoring / plain loop: {plain_s / scoring_s:.2f} (target 2.0)")
    if not options.no_dask:
        print(f"two Dask workers / one: {rows[2][1] / rows[3][1]:.2f} (target 1.7)")
    rate = options.images / scoring_s
    print(f"at this rate {PAPER_IMAGES:,} images take {PAPER_IMAGES / rate / 60:.1f} min,")
    print(f"and {EVENT_IMAGES:,} images in a day need {EVENT_IMAGES / rate / 86400:.1f} machines")


if __name__ == "__main__":
    main()
