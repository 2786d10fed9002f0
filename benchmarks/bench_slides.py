"""A detector on few slides: does the 95 % dose interval cover, are unexposed samples called above?

    python benchmarks/bench_slides.py [--series 300] [--samples 4]

Simulated counts. The efficiency (mean 0.7) and the false dicentrics (mean 0.03 per cell, relative
standard deviation 0.5) have a gamma law and are drawn anew for every slide. A calibration series
of 8 doses and 3,400 cells lies on slides of the same size; its curve has the weights of
`slide_weights` and, in the column "carried", the variance of `slide_variance`. An interval covers
when the true dose passes the test whose ends the interval is.
"""

import argparse

import numpy as np
import pandas as pd
from tables import write_table
from tqdm import tqdm

from dicentlib.calibration import fit_curve, slide_variance, slide_weights
from dicentlib.counts.sample import Sample
from dicentlib.dose import characteristic_limits
from dicentlib.dose.detected_dose import tail_probabilities
from dicentlib.dose.detector import DetectedCurve, count_variance
from dicentlib.errors import InputError

DOSES = np.array([0, 0.25, 0.5, 1, 2, 3, 4, 5.0])
CELLS = np.array([1000, 600, 600, 400, 300, 200, 200, 100])
SAMPLES = (50, 200, 500)  # cells
SAMPLE_DOSES = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
EFFICIENCY, FALSE_RATE, FALSE_CV = 0.7, 0.03, 0.5


def draw(rng, dose, n_cells, size, variation):
    """(n_dicentrics, n_cells) of each slide."""
    cells = np.full(-(-n_cells // size), size)
    cells[-1] = n_cells - size * (len(cells) - 1)
    efficiency = EFFICIENCY * rng.gamma(1 / variation**2, variation**2, len(cells))
    false = FALSE_RATE * rng.gamma(1 / FALSE_CV**2, FALSE_CV**2, len(cells))
    true = 0.00128 + 0.02104 * dose + 0.06303 * dose**2
    return np.column_stack([rng.poisson(cells * (efficiency * true + false)), cells])


def curves_of(rng, size, variation):
    """One series, fitted with and without what its slides say of later samples."""
    series = [draw(rng, *one, size, variation) for one in zip(DOSES, CELLS, strict=True)]
    names = [f"{i}-{g}" for i, one in enumerate(series) for g in range(len(one))]
    found, cells = np.concatenate(series).T
    # per cell, as the functions take them: all of a slide's dicentrics in its first cell
    first = np.concatenate([[0], np.cumsum(cells)[:-1]])
    per_cell = np.zeros(cells.sum(), int)
    per_cell[first] = found
    facts = (np.repeat(DOSES, CELLS), np.repeat(names, cells), per_cell)
    sums = [one[:, 0].sum() for one in series]
    weights, known = slide_weights(*facts), slide_variance(*facts)
    plain = fit_curve(DOSES, CELLS, sums, weights=weights, scorer={"simulated": True})
    return plain, fit_curve(
        DOSES, CELLS, sums, weights=weights, slide_variance=known, scorer={"simulated": True}
    )


def covers(slides, dose, curve, *, judge):
    """Whether the mid-p test at the true dose accepts the sample; with `judge`, if it is above."""
    x, n = (int(total) for total in slides.sum(axis=0))
    sample = Sample.of(n_cells=n, n_dicentrics=x, slides=slides)
    detected = DetectedCurve.of(sample, curve)
    index = count_variance(sample, detected, "auto")
    mean, variance = map(float, detected.law_at(dose))
    variance += (index - 1) * mean / n
    below, above = tail_probabilities(x, n, mean, variance)
    called = characteristic_limits(sample, curve).above if judge else np.nan
    return below >= 0.025 and above >= 0.025, called


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=300, help="calibration series a row")
    parser.add_argument("--samples", type=int, default=4, help="of each kind for each series")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    for size in (25, 100, 200):
        for variation in (0.2, 0.4):
            rng = np.random.default_rng(options.seed)
            hits = []
            for _ in tqdm(range(options.series), desc=f"slides of {size}, CV {variation}"):
                try:
                    curves = curves_of(rng, size, variation)
                except InputError:
                    continue
                for dose in SAMPLE_DOSES:
                    for n in SAMPLES:
                        for i in range(options.samples):
                            slides = draw(rng, dose, n, size, variation)
                            for carried, curve in zip(("no", "yes"), curves, strict=True):
                                hit, above = covers(slides, dose, curve, judge=dose == 0 and i == 0)
                                hits.append((dose, n, carried, hit, above))
            table = pd.DataFrame(hits, columns=["dose_gy", "cells", "carried", "covers", "above"])
            rows.append(table.assign(slide=size, cv=variation))
    every = pd.concat(rows)
    shown = every.pivot_table(
        index=["slide", "cv", "dose_gy"], columns=["carried", "cells"], values="covers"
    )
    print("\nCoverage of nominal 95 % whole-body intervals, variance between slides carried or not")
    print(shown.round(3).to_string())
    share = every.groupby(["slide", "cv", "carried", "cells", "dose_gy"])["covers"].mean()
    ranges = []
    for carried, word in (("no", "not carried"), ("yes", "carried")):
        for variation in (0.2, 0.4):
            part = share.xs((variation, carried), level=("cv", "carried"))
            ranges.append(f"{word}, CV {variation}: {part.min():.3f} to {part.max():.3f}")
    unexposed = every[every["dose_gy"] == 0].pivot_table(
        index=["slide", "cv"], columns=["carried", "cells"], values="above"
    )
    print("\nUnexposed samples called above the background (nominal 2.5 %)")
    print(unexposed.astype(float).round(3).to_string())
    rows = []
    for (size, variation), group in share.groupby(["slide", "cv"]):
        row = {"cells on a slide": size, "CV of the efficiency": variation}
        for (carried, cells), part in group.groupby(["carried", "cells"]):
            word = "carried" if carried == "yes" else "not carried"
            row[f"{cells}, {word}"] = f"{part.min():.2f}-{part.max():.2f}"
        rows.append(row)
    n = options.series * options.samples
    write_table(
        "bench_slides",
        rows,
        caption=f"Simulated counts, {n} samples a dose; standard error of a figure near 0.95: "
        f"{np.sqrt(0.95 * 0.05 / n):.3f}. Over slides of all sizes: {'; '.join(ranges)}.",
    )


if __name__ == "__main__":
    main()
