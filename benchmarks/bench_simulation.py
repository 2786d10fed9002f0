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
    print("measured                          images/s")
    full, half = draw_rate(FULL, n), draw_rate(HALF, n)
    print(f"draw 888x1008, one core           {full:8.1f}")
    print(f"draw 444x504, one core            {half:8.1f}")
    one = set_rate(FULL, n, 1)
    two = np.median([set_rate(FULL, 2 * n, 2)])
    print(f"write 888x1008, one process       {one:8.1f}")
    print(f"write 888x1008, two processes     {two:8.1f}  (with their start; {two / one:.2f}x)")
    scale = 1024 if sys.platform.startswith("linux") else 1024**2
    print(f"peak memory (MiB)                 {resource.getrusage(0).ru_maxrss / scale:8.0f}")


if __name__ == "__main__":
    main()
