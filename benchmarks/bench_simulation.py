"""Images per second of the simulator: one process and several, full and half resolution.

python benchmarks/bench_simulation.py [--images 40]
"""

import argparse
import resource
import sys
import tempfile
import time

import cv2
import numpy as np
from tables import write_timings

from dicentlib.simulation import draw_metaphase, simulate_set

FULL = {"height": 888, "width": 1008, "pixel_size_um": 0.1}
HALF = {"height": 444, "width": 504, "pixel_size_um": 0.2}


def draw_rate(options, n):
    """Images per second of processor time, drawn one after the other and not written."""
    draw_metaphase(0, dose_gy=2.0, **options)
    start = time.process_time()
    for i in range(n):
        draw_metaphase((1, i), dose_gy=2.0, **options)
    return n / (time.process_time() - start)


def set_rate(options, n, n_workers):
    """Images per second of wall time, written as an image set."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        simulate_set(folder, n_images=n, dose_gy=2.0, seed=1, n_workers=n_workers,
                     progress=False, **options)  # fmt: skip
        return n / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40)
    n = parser.parse_args().images
    cv2.setNumThreads(1)
    full, half = draw_rate(FULL, n), draw_rate(HALF, n)
    one = set_rate(FULL, n, 1)
    two = np.median([set_rate(FULL, 2 * n, 2)])
    rates = {
        "draw 888 x 1008, one core": full,
        "draw 444 x 504, one core": half,
        "write 888 x 1008, one process": one,
        "write 888 x 1008, two processes and their start": two,
    }
    scale = 1024 if sys.platform.startswith("linux") else 1024**2
    memory = resource.getrusage(0).ru_maxrss / scale
    write_timings(
        "bench_simulation",
        [{"what": name, "images per second": round(rate, 1)} for name, rate in rates.items()],
        caption=f"{n} images of 2 Gy; peak memory {memory:.0f} MiB.",
    )


if __name__ == "__main__":
    main()
