"""Latent numerics at the paper's size: 543 test images x 50 epochs of 128 channels.

Prints time and the process's peak memory after alignment, projection, regions (of a few
epochs) and clustering. The features are random clouds that turn from epoch to epoch.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import ortho_group
from tables import write_timings

from dicentlib.latent import align_epochs, cluster_trajectories, fit_regions, project

# 543 images with 0.925 dicentrics, 1.389 fragments and 10 background places each.
CLASS_SIZES = (502, 754, 5430)


def main():
    """Run the stages and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--region-epochs", type=int, default=3)
    arguments = parser.parse_args()
    codes = np.repeat([0, 1, 2], CLASS_SIZES)
    shape = (arguments.epochs, len(codes), arguments.channels)
    with tempfile.TemporaryDirectory() as folder:
        features = write_features(Path(folder) / "features.npy", codes, shape)
        size_mb, rows = features.nbytes / 1e6, {}
        (aligned, disparity), rows["align"] = timed(lambda: align_epochs(features))
        projection, rows["project"] = timed(lambda: project(aligned))
        chosen = projection.coordinates[-arguments.region_epochs :]
        _, rows[f"regions, {len(chosen)} epochs"] = timed(
            lambda: fit_regions(chosen, codes, progress=False)
        )
        _, rows["cluster"] = timed(lambda: cluster_trajectories(projection.coordinates, codes))
    table = [{"stage": name, **times} for name, times in rows.items()]
    caption = (
        f"Random clouds, {shape[1]} places x {shape[0]} epochs x {shape[2]} channels, "
        f"{size_mb:.0f} MB on disk; largest disparity {disparity.max():.3f}."
    )
    write_timings("bench_latent", table, caption=caption)


def write_features(path, codes, shape):
    """Three overlapping clouds, turned anew at every epoch, in a memory-mapped file."""
    rng = np.random.default_rng(0)
    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    centres = 1.5 * rng.normal(size=(3, shape[2])) / np.sqrt(shape[2]) ** 0.5
    cloud = centres[codes] + rng.normal(size=shape[1:])
    for epoch in range(shape[0]):
        turn = ortho_group.rvs(shape[2], random_state=epoch)
        features[epoch] = (cloud + 0.3 * rng.normal(size=cloud.shape)) @ turn
    return features


def timed(stage):
    """Run a stage; its result, and its time and the peak memory so far as columns."""
    start, start_cpu = time.perf_counter(), time.process_time()
    result = stage()
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    times = {"wall, s": round(wall, 1), "processor, s": round(cpu, 1)}
    return result, times | {"peak memory, GB": round(peak_gb(), 2)}


def peak_gb():
    """Largest resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
