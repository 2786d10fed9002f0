"""Images per second of scoring and of heatmaps against the plain loop, and of Dask workers.

The plain loop takes one image and one member at a time, float32, eager, as PyTorch comes:
contiguous tensors and all cores on one image. All figures are of one run on one machine: simulated
fields of 0 to 4 Gy and a ready ensemble. With ``--encoder`` noise and untrained members instead.

    python benchmarks/bench_scoring.py [--images 50] [--ready models/giemsa-small]
    python benchmarks/bench_scoring.py --encoder resnet18 --members 10 --height 448 --width 512
"""

import argparse
import multiprocessing
import re
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from tables import write_timings

from dicentlib.data import normalise_background, read_image, resample
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members, save_member, stored_heatmaps
from dicentlib.ensemble.engine import networks_of
from dicentlib.model import HeatmapUnet
from dicentlib.operating_point import OperatingPoint
from dicentlib.scoring import score_folder
from dicentlib.simulation import simulate_set
from dicentlib.training import read_image_set
from dicentlib.voting import detect

PAPER_IMAGES = 21_215  # images of the paper's calibration curve
DASK_SHARD = 5  # images, so that workers share them evenly
MANY = 4  # times as many images: for workers, and whose memory must be no larger
EVENT_IMAGES = 40_000 * 500  # samples times cells of a mass-casualty event


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--ready", default="models/giemsa-small", help="ensemble")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--encoder", help="untrained members of it, on noise")
    parser.add_argument("--decoder", type=int, nargs=2, default=(64, 32))
    parser.add_argument("--height", type=int, default=448)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--firing", type=float, default=0.3, help="share of images that fire")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--batch-size", type=int, default=None)
    parser.add_argument("--no-dask", action="store_true")
    return parser.parse_args()


def prepare_ready(folder, options):
    """Simulated fields of five doses and the members of a ready ensemble."""
    simulate_set(
        folder / "images",
        n_images=-(-options.images // 5),
        dose_gy=[0.0, 1.0, 2.0, 3.0, 4.0],
        seed=77,
        images_per_slide=1,
        height=888,
        width=1008,
        progress=False,
    )
    shutil.copytree(Path(options.ready) / "members", folder / "members")
    return OperatingPoint.read(Path(options.ready) / "operating_point.json")


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
    for path in sorted((folder / "images").rglob("*.png")):
        image = resample(
            normalise_background(read_image(path)),
            pixel_size_um=0.1,
            target_pixel_size_um=members[0].metadata["pixel_size_um"],
        )
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


def score(folder, point, options, *, members=None, **how):
    """Score into a fresh folder."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    return score_folder(
        folder / "images",
        members or folder / "members",
        out=folder / "out",
        confidence_threshold=point.confidence_threshold,
        agreement_threshold=point.agreement_threshold,
        precision=options.precision,
        batch_size=options.batch_size,
        progress=False,
        **how,
    )


def copies_of(folder, number):
    """A folder with each image `number` times, and the members."""
    many = folder / f"times_{number}"
    if not many.is_dir():
        for copy in range(number):
            shutil.copytree(folder / "images", many / "images" / str(copy))
        shutil.copytree(folder / "members", many / "members")
    return many


def on_cluster(folder, point, options, n_workers):
    """Seconds for many images on workers of one core that have loaded the members before."""
    from distributed import Client, LocalCluster

    many = copies_of(folder, MANY)
    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", env=environment
        ) as cluster,
        Client(cluster) as client,
    ):
        how = {"members": folder / "members", "client": client, "shard_size": DASK_SHARD}
        score(folder, point, options, **how)
        return timed(score, many, point, options, **how)[1]


def peak_gb(folder, point, options, copies):
    """Most memory of a new process that scores the images, each `copies` times, in GB."""
    many = copies_of(folder, copies)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(score, many, point, options).result()
        return pool.submit(peak_of_this_process).result()


def peak_of_this_process():
    """In GB. The peak of ``resource.getrusage`` would be that of the parent if it was larger."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e6


def passes(folder, seconds):
    """Fields that one member sees in one thread in a time: scoring without all that is around."""
    torch.set_num_threads(1)
    (network,) = networks_of(load_members(folder / "members")[:1])
    field = np.ones((1, 448, 512), np.float32)
    network(field)
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        network(field)
        done += 1
    return done


def two_processes_to_one(folder, seconds=5.0):
    """What members do in two processes, relative to one: threads of one core share its units."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = partial(passes, folder)
        list(pool.map(work, [0.5] * 2))  # both have started
        (one,) = pool.map(work, [seconds])
        return sum(pool.map(work, [seconds] * 2)) / one


def heatmaps(folder):
    """Heatmaps for an evaluation, written and none read back; the members are ready."""
    members = load_members(folder / "members")
    dataset = MetaphaseDataset(
        *read_image_set(folder / "images"), pixel_size_um=members[0].metadata["pixel_size_um"]
    )
    stored_heatmaps(folder / "first.parquet", dataset, members)
    return timed(stored_heatmaps, folder / "second.parquet", dataset, members)[1]


def main():
    options = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        point = (prepare if options.encoder else prepare_ready)(folder, options)
        plain_loop(folder, point)
        expected, plain_s = timed(plain_loop, folder, point)
        score(folder, point, options)
        table, scoring_s = timed(score, folder, point, options)
        rows = [("plain loop", plain_s), ("scoring", scoring_s)]
        if not options.encoder:
            rows.append(("heatmaps of an evaluation", heatmaps(folder)))
        if not options.no_dask:
            many = [(n, on_cluster(folder, point, options, n)) for n in (1, 2)]
            rows += [(f"Dask, {n} x 1 core", seconds / MANY) for n, seconds in many]
        n_images = len(list((folder / "images").rglob("*.png")))
        both = two_processes_to_one(folder)
        peaks = [peak_gb(folder, point, options, copies) for copies in (1, MANY)]
    times = dict(rows)
    written = [
        {
            "what": what,
            "images per second": round(n_images / taken, 2),
            "to the plain loop": round(plain_s / taken, 2),
        }
        for what, taken in rows
    ]
    about = f"{options.encoder}, noise" if options.encoder else f"{Path(options.ready).name}, "
    about += "" if options.encoder else "simulated fields of 888 x 1008 pixels"
    rate = n_images / scoring_s
    caption = (
        f"{about}; {n_images} images, {point.n_members} members. Detections: {len(expected)} in "
        f"the plain loop, {len(table)} in scoring. {PAPER_IMAGES:,} images would take "
        f"{PAPER_IMAGES / rate / 3600:.1f} h, {EVENT_IMAGES:,} in a day need "
        f"{EVENT_IMAGES / rate / 86400:.0f} such machines."
    )
    caption += (
        f" Peak memory of a process that scores {n_images} images: {peaks[0]:.2f} GB; "
        f"{MANY * n_images} images: {peaks[1]:.2f} GB."
    )
    if not options.no_dask:
        ratio = times["Dask, 1 x 1 core"] / times["Dask, 2 x 1 core"]
        caption += (
            f" Two Dask workers to one, on {MANY * n_images} images: {ratio:.2f}; members in two "
            f"processes that share nothing to one: {both:.2f}."
        )
    write_timings(
        "bench_scoring_untrained" if options.encoder else "bench_scoring", written, caption=caption
    )


if __name__ == "__main__":
    main()
