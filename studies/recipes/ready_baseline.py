"""Make the ready baseline: measure simulated objects, tune on validation cells, save.

    python -m studies.recipes.ready_baseline

Writes ``studies/baseline/baseline.parquet``. The segmentation's two most sensitive numbers are
chosen on tuning cells, the two probability thresholds (largest F1) on validation cells, which hold
aberrations as often as cells of 0 to 4 Gy do; each of these sets, and the training and test cells,
has a seed of its own. Prints segmentation recall on the test cells.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from tqdm import tqdm

from dicentlib.simulation import draw_metaphase
from studies.baseline import (
    BaselineParameters,
    SegmentationParameters,
    best_thresholds,
    labelled_objects,
    save_baseline,
    segmentation_recall,
    train_baseline,
)

SEEDS = {"training": 401, "validation": 402, "test": 403, "tuning": 404}
DOSES = (0.0, 1.0, 2.0, 3.0, 4.0)  # of the validation cells
DEPTHS = (0.12, 0.2, 0.28)  # split_depth
CORES = (0.5, 0.6)  # core_fraction
OTHERS_KEPT = 25  # objects that are neither class, per training cell
READY = Path(__file__).parents[1] / "baseline" / "baseline.parquet"


def draw(number, *, seed):
    """A simulated cell: half of them at full, half at half resolution."""
    factor = 1 + number % 2
    size = {"height": 888 // factor, "width": 1008 // factor, "pixel_size_um": 0.1 * factor}
    dose = {"dose_gy": None, "labels_per_image": (2.5, 3.75), "at_least_one_aberration": True}
    if seed == SEEDS["validation"]:
        dose = {"dose_gy": DOSES[number // 2 % len(DOSES)]}
    return draw_metaphase((seed, number), **dose, **size), size["pixel_size_um"]


def measure_cell(number, *, seed, parameters):
    """Objects and bodies of one cell, with its number."""
    metaphase, pixel_size_um = draw(number, seed=seed)
    objects, bodies = labelled_objects(
        metaphase, pixel_size_um=pixel_size_um, parameters=parameters
    )
    return objects.assign(cell=number), bodies.assign(cell=number)


def measure(n_cells, *, seed, parameters, pool):
    """Objects and bodies of many cells."""
    task = partial(measure_cell, seed=seed, parameters=parameters)
    results = list(tqdm(pool.map(task, range(n_cells)), total=n_cells, unit="cell"))
    return (pd.concat(tables, ignore_index=True) for tables in zip(*results, strict=True))


def thin_out(objects):
    """Keep all objects of the two classes and a few of the others, drawn by a fixed seed."""
    rng = np.random.default_rng(0)
    other = objects[objects["class"] == "other"].index
    n_kept = min(len(other), OTHERS_KEPT * objects["cell"].nunique())
    kept = objects.index.difference(other).union(rng.choice(other, n_kept, replace=False))
    return objects.loc[kept]


def main(n_training: int = 800, n_validation: int = 120, n_test: int = 80, n_tuning: int = 16,
         out: Path = READY):  # fmt: skip
    """Tune, train and save."""
    with ProcessPoolExecutor() as pool:
        best, segmentation = -1.0, SegmentationParameters()
        for depth in DEPTHS:
            for core in CORES:
                tried = SegmentationParameters(split_depth=depth, core_fraction=core)
                parameters = BaselineParameters(segmentation=tried)
                _, bodies = measure(
                    n_tuning, seed=SEEDS["tuning"], parameters=parameters, pool=pool
                )
                recall = segmentation_recall(bodies)["recall"]
                both = recall[["dicentric", "all"]].mean()
                typer.echo(
                    f"split_depth {depth}, core_fraction {core}: {recall.round(3).to_dict()}"
                )
                if both > best:
                    best, segmentation = both, tried
        parameters = BaselineParameters(segmentation=segmentation)
        objects, _ = measure(n_training, seed=SEEDS["training"], parameters=parameters, pool=pool)
        baseline = train_baseline(thin_out(objects), parameters=parameters)
        held_out, bodies = measure(
            n_validation, seed=SEEDS["validation"], parameters=parameters, pool=pool
        )
        thresholds = best_thresholds(held_out, bodies, baseline)
        parameters = replace(parameters, **thresholds)
        save_baseline(out, replace(baseline, parameters=parameters))
        _, bodies = measure(n_test, seed=SEEDS["test"], parameters=parameters, pool=pool)
    typer.echo(f"chosen: {parameters}")
    typer.echo(f"segmentation recall on {n_test} simulated test cells:")
    typer.echo(segmentation_recall(bodies).round(3).to_string())


if __name__ == "__main__":
    typer.run(main)
