"""A detector whose efficiency varies: how often is a sample called partial, does its dose cover?

    python benchmarks/bench_dispersion.py [--trials 300]

Simulated counts. The efficiency has mean 0.7 and a gamma law, drawn anew for every slide of ten
cells or for every cell. Each trial fits its own curve (calibration and sample by
the same detector) and asks, against Poisson and against the detector's own calibration cells,
whether a sample of whole or of partial exposure is overdispersed, and whether the 95 % whole-body
interval of a whole-body sample holds the dose.
"""

import argparse

import numpy as np
from tables import exposure_text, share_text, write_table
from tqdm import tqdm

from dicentlib.calibration import fit_curve, slide_weights
from dicentlib.counts.dispersion import expected_dispersion
from dicentlib.dose import dispersion, estimate_dose

DOSES = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 4.0])
CELLS = 200  # per dose
SAMPLE_CELLS = 300
CELLS_PER_SLIDE = 10
EFFICIENCY = 0.7
# shape of the gamma law: one over the squared coefficient of variation
SHAPES = {"nothing": np.inf, "slide, CV 0.3": 11.0, "slide, CV 0.7": 2.0, "cell, CV 1": 1.0}
CASES = [(2.0, 1.0), (3.0, 1.0), (3.0, 0.5), (4.0, 0.2)]  # dose, exposed part


def draw(rng, dose, part, n_cells, varies):
    """Dicentrics that the detector counts in each cell."""
    exposed = rng.random(n_cells) < part
    true = 0.001 + np.where(exposed, 0.02 * dose + 0.06 * dose**2, 0.0)
    shape = SHAPES[varies]
    efficiency = np.full(n_cells, EFFICIENCY)
    if np.isfinite(shape):
        size = CELLS_PER_SLIDE if varies.startswith("slide") else 1
        drawn = rng.gamma(shape, EFFICIENCY / shape, -(-n_cells // size))
        efficiency = np.repeat(drawn, size)[:n_cells]
    return rng.poisson(true * efficiency)


def draw_curve(rng, varies):
    """Curve of one calibration series by the detector."""
    counts = [draw(rng, dose, 1.0, CELLS, varies) for dose in DOSES]
    slides = np.tile(np.arange(CELLS) // CELLS_PER_SLIDE, len(DOSES)).astype(str)
    weights = slide_weights(np.repeat(DOSES, CELLS), slides, np.concatenate(counts))
    return fit_curve(
        DOSES,
        np.full(len(DOSES), CELLS),
        [one.sum() for one in counts],
        weights=weights,
        distributions=[np.bincount(one) for one in counts],
        scorer={"efficiency": varies},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = []
    rounds = [(varies, dose, part) for varies in SHAPES for dose, part in CASES]
    for varies, dose, part in tqdm(rounds, unit="row"):
        by_poisson, by_scorer, widened, plain = [], [], [], []
        for _ in range(options.trials):
            curve = draw_curve(rng, varies)
            counts = draw(rng, dose, part, SAMPLE_CELLS, varies)
            sample = np.bincount(counts)
            by_slide = counts.reshape(-1, CELLS_PER_SLIDE)
            slides = [(one.sum(), CELLS_PER_SLIDE) for one in by_slide]
            expected = expected_dispersion(curve)
            by_poisson.append(dispersion(sample).overdispersed)
            by_scorer.append(dispersion(sample, expected=expected).overdispersed)
            if part == 1:
                for hits, choice in ((widened, "auto"), (plain, False)):
                    found = estimate_dose(
                        sample, curve, method="detector", overdispersion=choice, slides=slides
                    )
                    hits.append(found.lower_gy <= dose <= found.upper_gy)
        shares = {
            "overdispersed: Poisson": by_poisson,
            "own cells": by_scorer,
            "95 % interval covers": widened,
            "as Poisson": plain,
        }
        rows.append(
            {"efficiency varies by": varies, "dose, part": exposure_text(dose, part)}
            | {name: share_text(np.mean(hits)) if hits else "" for name, hits in shares.items()}
        )
    write_table(
        "bench_dispersion",
        rows,
        caption=f"Simulated counts, {options.trials} trials a row; standard error of a share near "
        f"0.95: {np.sqrt(0.95 * 0.05 / options.trials):.3f}.",
    )


if __name__ == "__main__":
    main()
