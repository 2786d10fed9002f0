"""Threshold sweep against labelling, the paper's whole evaluation, and a move of a slider.

``python benchmarks/bench_evaluation.py [--images 543]``. Synthetic heatmaps: 224 x 252 px, about
two objects and four spurious spots per image and class, seen by each member with its own height
and shift.
"""

import argparse
import resource
import time

import numpy as np
from scipy import ndimage
from tables import write_timings

from dicentlib.data import CLASSES
from dicentlib.evaluation import random_ensembles, threshold_surface
from dicentlib.evaluation.exploration import Exploration, ThresholdPosition
from dicentlib.widgets.thresholds import ThresholdExplorer

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


class SyntheticSet:
    """Image set of full-resolution images for the explorer; both classes show the same."""

    def __init__(self, n_images):
        pairs = [synthetic_image((2, i), n_members=10) for i in range(n_images)]
        self.stacks = [stack for stack, _ in pairs]
        self.truth = [np.stack([truth, truth]) for _, truth in pairs]

    def __len__(self):
        return len(self.truth)

    def image(self, i):
        return np.random.default_rng(i).random((888, 1008), dtype=np.float32)

    def unpadded(self, i):
        return np.repeat(self.stacks[i][:, None, : 888 // 4], 2, axis=1)

    def points(self, i):
        centres = ndimage.center_of_mass(self.truth[i][0])
        return dict.fromkeys(CLASSES, 4 * np.array([centres]))

    def class_heatmaps(self, class_name):
        return iter(self.stacks)

    def class_truth(self, class_name):
        return (truth[0] for truth in self.truth)


def time_slider(n_images, n_moves=60):
    """Wall and processor milliseconds of moves to random positions, without the browser."""
    images = SyntheticSet(n_images)
    exploration = Exploration(
        images, member_counts=[10], confidence_thresholds=CONFIDENCE, n_members=10
    )
    rng = np.random.default_rng(0)
    positions = [
        ThresholdPosition(float(t_c), int(t_a), CLASSES[number % 2], 10, number // 20)
        for number, (t_c, t_a) in enumerate(
            zip(rng.choice(CONFIDENCE, n_moves), rng.integers(10, size=n_moves), strict=True)
        )
    ]
    explorer = ThresholdExplorer(exploration, positions[0])
    wall, processor = [], []
    for position in positions:
        start, start_processor = time.perf_counter(), time.process_time()
        explorer.show(position)
        wall.append(1000 * (time.perf_counter() - start))
        processor.append(1000 * (time.process_time() - start_processor))
    return np.array(wall), np.array(processor)


def main():
    """Print the comparisons."""
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
    one = "one image and class, 100 ensembles of 10 of 50, 19 T_C x 10 T_A"
    rows = {
        f"{one}: sweep": f"{sweep:.3f} s",
        f"the same by scipy.ndimage.label, scaled from {len(few)} ensembles": f"{scipy:.1f} s",
        "ratio": f"{scipy / sweep:.0f}",
    }

    seconds, processor = 0.0, 0.0
    for class_number in range(2):
        images = (synthetic_image((class_number, i)) for i in range(options.images))
        while batch := [pair for _, pair in zip(range(25), images, strict=False)]:
            start, start_processor = time.perf_counter(), time.process_time()
            threshold_surface(*zip(*batch, strict=True), ensembles=ensembles, **grid)
            seconds += time.perf_counter() - start
            processor += time.process_time() - start_processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    scale = 543 / options.images
    all_images = f"{options.images} images, 2 classes, 50 members, 100 ensembles of 10"
    rows |= {
        f"{all_images}: sweep, wall": f"{seconds:.1f} s",
        "the same, processor time": f"{processor:.1f} s",
        "scaled to the paper's 543 images: wall": f"{seconds * scale:.1f} s",
        "peak memory of the process": f"{memory:.2f} GB",
    }

    wall, processor = time_slider(20)
    for name, values in (("wall", wall), ("processor", processor)):
        median, high = np.percentile(values, (50, 95))
        what = f"a slider's move to the finished picture, 888 x 1008, {name}: median, p95"
        rows[what] = f"{median:.0f} ms, {high:.0f} ms"
    write_timings(
        "bench_evaluation",
        [{"what": what, "measured": value} for what, value in rows.items()],
        caption="Synthetic heatmaps, 224 x 252, two objects and about four spurious spots per "
        "image and class.",
    )


if __name__ == "__main__":
    main()
