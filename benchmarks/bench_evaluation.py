"""Threshold sweep against labelling each threshold, and the time of the paper's whole evaluation.

``python benchmarks/bench_evaluation.py [--images 543]``. Synthetic heatmaps: 224 x 252 px, about
two objects and four spurious spots per image and class, seen by each member with its own height
and shift.
"""

import argparse
import resource
import time

import numpy as np
from scipy import ndimage

from dicentlib.evaluation import random_ensembles, threshold_surface

SHAPE = (224, 252)
CONFIDENCE = np.linspace(0.05, 0.95, 19)
AGREEMENT = np.arange(10)
EIGHT_CONNECTED = np.ones((3, 3))


def synthetic_image(seed, n_members=50):
    """Heatmaps (M, H, W) and truth (H, W) of one image and class."""
    rng = np.random.default_rng(seed)
    heatmaps = np.zeros((n_members, *SHAPE), dtype=np.float32)
    truth = np.zeros(SHAPE, dtype=bool)
    near = np.arange(-8, 9)
    for number in range(2 + rng.poisson(4)):
        row, col = rng.integers(12, SHAPE[0] - 12), rng.integers(12, SHAPE[1] - 12)
        window = (slice(row - 8, row + 9), slice(col - 8, col + 9))
        if number < 2:
            truth[window] |= near[:, None] ** 2 + near**2 < 2.35**2
        height = rng.beta(*((4, 2) if number < 2 else (1, 5)), n_members)
        shift = rng.normal(0, 0.7, (n_members, 2))
        rows = np.exp(-((near - shift[:, :1]) ** 2) / 8)
        cols = np.exp(-((near - shift[:, 1:]) ** 2) / 8)
        spot = (height[:, None] * rows)[:, :, None] * cols[:, None]
        patch = heatmaps[(slice(None), *window)]
        np.maximum(patch, spot, out=patch)
    return heatmaps, truth


def label_each_threshold(heatmaps, truth, ensembles):
    """The same counts with two ``scipy.ndimage.label`` calls per ensemble and threshold."""
    counts = np.zeros((2, len(ensembles), len(CONFIDENCE), len(AGREEMENT)), dtype=int)
    for e, members in enumerate(ensembles):
        for c, confidence in enumerate(CONFIDENCE.astype(np.float32)):
            votes = (heatmaps[members] > confidence).sum(axis=0)
            for a, agreement in enumerate(AGREEMENT):
                fired = votes > agreement
                counts[0, e, c, a] = ndimage.label(fired & truth, EIGHT_CONNECTED)[1]
                counts[1, e, c, a] = ndimage.label(fired, EIGHT_CONNECTED)[1]
    return counts


def main():
    """Print the two comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100, help="the paper's test set: 543")
    parser.add_argument("--labelled-ensembles", type=int, default=5, help="timed with scipy")
    options = parser.parse_args()
    ensembles = random_ensembles(50, size=10, seed=0)
    grid = {"confidence_thresholds": CONFIDENCE, "agreement_thresholds": AGREEMENT}

    heatmaps, truth = synthetic_image(0)
    threshold_surface(heatmaps[None], truth[None], ensembles=ensembles[:1], **grid)  # compile
    start = time.perf_counter()
    surface = threshold_surface(heatmaps[None], truth[None], ensembles=ensembles, **grid)
    sweep = time.perf_counter() - start
    few = ensembles[: options.labelled_ensembles]
    start = time.perf_counter()
    labelled = label_each_threshold(heatmaps, truth, few)
    scipy = (time.perf_counter() - start) * len(ensembles) / len(few)
    assert (labelled[0] == surface.tp[: len(few)]).all()
    assert (np.maximum(0, labelled[1] - labelled[0]) == surface.fp[: len(few)]).all()
    print("one image and class, 100 ensembles of 10 of 50, 19 T_C x 10 T_A")
    print(f"  one sweep                       {sweep:8.3f} s")
    print(f"  scipy labels, from {len(few):3d} ensembles {scipy:8.1f} s")
    print(f"  ratio                           {scipy / sweep:8.0f}")

    seconds = 0.0
    for class_number in range(2):
        images = (synthetic_image((class_number, i)) for i in range(options.images))
        while batch := [pair for _, pair in zip(range(25), images, strict=False)]:
            start = time.perf_counter()
            threshold_surface(*zip(*batch, strict=True), ensembles=ensembles, **grid)
            seconds += time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{options.images} images x 2 classes x 50 members, 100 ensembles of 10")
    print(f"  sweep                           {seconds:8.1f} s")
    print(f"  scaled to the paper's 543       {seconds * 543 / options.images:8.1f} s")
    print(f"  peak memory of the process      {memory:8.2f} GB")


if __name__ == "__main__":
    main()
