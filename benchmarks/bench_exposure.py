"""Does one posterior over whole and partial exposure cover where the switch does not?

    python benchmarks/bench_exposure.py [--trials 100] [--draws 1000] [--jobs 2]

Simulated counts; true curve 0.00128 + 0.02104 D + 0.06303 D^2; every trial fits a curve to its own
draw of a calibration series (doses and cells of Barquinero 1995). Grid: whole-body exposures of
0 to 5 Gy and parts of 0.2 to 0.8 of the scored cells with 1 to 5 Gy, in 50, 200 and 500 cells.
"switch" is the classical rule: the partial-body dose (profile limits) where the sample is
overdispersed, estimable and above the background or its lower limit is, else Merkle's. A sample
that is not above the background has the interval from 0 to the upper limit. "posterior" is
`exposure_posterior` with its default prior; both intervals are judged by the dose to the exposed
part. Then dose and fraction are drawn from the prior itself. Last, a detector of efficiency 0.7
with 0.03 false dicentrics per cell, whose efficiency varies from slide to slide of 100 cells
(CV 0.2), scores calibration (8 doses, 400 cells each) and samples of 200 cells; `--slides`
trials a row.
"""

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from tables import exposure_text, share_text, write_table
from tqdm import tqdm

from dicentlib.calibration import CalibrationCurve, fit_curve, slide_variance
from dicentlib.counts.sample import Sample
from dicentlib.dose import characteristic_limits, dispersion, estimate_dose
from dicentlib.dose.exposure import DEFAULT_PRIOR, exposure_posterior
from dicentlib.errors import InputError
from dicentlib.planning import scored_fraction

DOSES = np.array([0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5.0])
CELLS = np.array([5000, 5002, 2008, 2002, 1832, 1168, 562, 333, 193, 103, 59])
TRUE = CalibrationCurve((0.00128, 0.02104, 0.06303))
SIZES = (50, 200, 500)
WHOLE = [(dose, 1.0) for dose in (0, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5)]
SLIDE_DOSES = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 4.0])
SLIDE_CASES = [(1, 1.0), (2, 1.0), (3, 1.0), (3, 0.5), (4, 0.3)]
PARTS = [(dose, f) for dose in (1, 2, 3, 4, 5) for f in (0.2, 0.4, 0.6, 0.8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100, help="per cell of the grid")
    parser.add_argument("--draws", type=int, default=1000, help="of dose and fraction by the prior")
    parser.add_argument("--slides", type=int, default=100, help="samples by a detector, a row")
    parser.add_argument("--curves", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes for the grid")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    curves = [
        fit_curve(DOSES, CELLS, rng.poisson(CELLS * TRUE.yield_at(DOSES)))
        for _ in range(options.curves)
    ]
    cases = [(dose, f, n) for dose, f in WHOLE + PARTS for n in SIZES]
    work = partial(grid_cell, curves, options.trials, options.seed)
    rows = []
    if options.trials:
        with ProcessPoolExecutor(options.jobs) as pool:
            rows = list(tqdm(pool.map(work, enumerate(cases)), total=len(cases), unit="cell"))
    table = pd.DataFrame(rows)
    if rows:
        report_grid(table, options.trials)
    if options.draws:
        report_draws([prior_trial(rng, curves) for _ in tqdm(range(options.draws), desc="prior")])
    if options.slides:
        print("\nA detector on slides of 100 cells:")
        print(by_detector(options).round(3).to_string(index=False))


def grid_cell(curves, n_trials, seed, numbered):
    """Means over the trials of one cell of the grid."""
    number, (dose, f, n) = numbered
    rng = np.random.default_rng([seed, number])
    trials = [trial(rng, curves, dose, f, n) for _ in range(n_trials)]
    means = pd.DataFrame(trials).astype(float).mean().to_dict()
    return {"dose_gy": dose, "part": f, "cells": n} | means


def report_grid(table, n_trials):
    """Coverage per exposure and number of cells, and averaged: table of the documentation."""
    print(table.round(3).to_string(index=False))
    half = {"whole": table[table["part"] == 1], "part": table[table["part"] < 1]}
    averages = []
    for method in ("switch", "posterior", "equivalent"):
        means = [rows[method].mean() for rows in half.values()]
        spread = sum((rows[method] * (1 - rows[method])).sum() / len(rows) ** 2
                     for rows in half.values()) / n_trials / 4  # fmt: skip
        averages.append(
            f"{method} {means[0]:.3f} of whole-body and {means[1]:.3f} of partial exposures, "
            f"averaged over the prior {sum(means) / 2:.3f} ± {math.sqrt(spread):.3f}"
        )
    shown = []
    for (dose, part), rows in table.groupby(["dose_gy", "part"]):
        row = {"dose, part": exposure_text(dose, part)}
        for cells, switch_share, posterior in zip(
            rows["cells"], rows["switch"], rows["posterior"], strict=True
        ):
            row |= {f"{cells}, switch": share_text(switch_share)}
            row |= {f"{cells}, posterior": share_text(posterior)}
        shown.append(row | {"equivalent": " / ".join(map(share_text, rows["equivalent"]))})
    write_table(
        "bench_exposure",
        sorted(shown, key=lambda row: not row["dose, part"].endswith("whole")),
        caption=f"Simulated counts, {n_trials} trials a figure; standard error of a figure near "
        f"0.95: {math.sqrt(0.05 * 0.95 / n_trials):.3f}. Covered: {'; '.join(averages)}.",
    )


def report_draws(draws):
    """Coverage over the prior, and whether P(partial) is as often right as it says."""
    drawn = pd.DataFrame(draws)
    shares = []
    for name in ("switch", "posterior", "equivalent", "fraction"):
        share, known = float(drawn[name].mean()), drawn[name].count()
        shares.append(f"{name} {share:.3f} ± {math.sqrt(share * (1 - share) / known):.3f}")
    write_table(
        "bench_exposure_prior",
        calibration(drawn),
        caption=f"{len(drawn)} samples, dose, fraction and number of cells drawn from the prior. "
        f"Covered: {', '.join(shares)}.",
    )


def trial(rng, curves, dose, f, n):
    """One sample: whether each interval covers, the widths, and what was called."""
    curve = curves[rng.integers(len(curves))]
    exposed = rng.binomial(n, f)
    means = np.where(np.arange(n) < exposed, TRUE.yield_at(dose), TRUE.yield_at(0.0))
    cells = np.bincount(rng.poisson(means), minlength=3)
    low, high, called = switch(cells, curve)
    row = {"switch": low <= dose <= high, "called": called}
    try:
        found = exposure_posterior(cells, curve)
    except InputError:  # more dicentrics than the prior allows
        return row | {"posterior": False, "equivalent": False}
    mean = float(f * TRUE.yield_at(dose) + (1 - f) * TRUE.yield_at(0.0))
    own, same = found.exposed_gy, found.equivalent_gy
    return row | {
        "posterior": own.lower <= dose <= own.upper,
        "equivalent": same.lower <= float(TRUE.dose_at(mean)) <= same.upper,
        "p_partial": found.p_partial,
        "switch_width": min(high, 10.0) - low,
        "posterior_width": own.upper - own.lower,
        "fraction": np.nan if f == 1 else _covers_part(found.fraction, f, dose),
    }


def _covers_part(limits, f, dose):
    growth = f * math.exp(dose / 2.7)
    return limits.lower <= growth / (1 - f + growth) <= limits.upper


def switch(cells, curve):
    """Interval of the classical rule, and whether it called the exposure partial."""
    sample = Sample.of(cells)
    above = characteristic_limits(sample, curve).above
    if dispersion(cells).overdispersed:
        part = estimate_dose(cells, curve, method="dolphin", limits="profile")
        if part.estimable and (above or part.lower_gy > 0):
            return part.lower_gy, part.upper_gy, True
    whole = estimate_dose(cells, curve)
    return whole.lower_gy if above else 0.0, whole.upper_gy, False


def prior_trial(rng, curves):
    """One sample of a dose and a fraction drawn from the default prior."""
    prior = DEFAULT_PRIOR
    dose = rng.uniform(0, prior.highest_gy)
    only_part = rng.random() < prior.p_partial
    f = float(scored_fraction(rng.beta(prior.a, prior.b), dose)) if only_part else 1.0
    row = trial(rng, curves, dose, f, int(rng.choice(SIZES)))
    return row | {"partial": only_part}


def calibration(drawn):
    """Share of partial exposures among samples of like P(partial): it should be as stated."""
    drawn = drawn.dropna(subset="p_partial")
    ends = [0, 0.1, 0.3, 0.7, 0.9, 1]
    names = [f"{low:g} to {high:g}" for low, high in pairwise(ends)]
    groups = pd.cut(drawn["p_partial"], ends, include_lowest=True, labels=names)
    stated, partial_share = drawn["p_partial"].groupby(groups), drawn["partial"].groupby(groups)
    table = pd.DataFrame(
        {
            "samples": stated.size(),
            "mean stated": stated.mean().map("{:.3f}".format),
            "were partial": partial_share.mean().map("{:.3f}".format),
        }
    )
    return table.reset_index(names="P(partial) stated")


def by_detector(options):
    """Coverage where the scorer's efficiency varies between slides, and the curve knows it."""
    rng = np.random.default_rng([options.seed, 2])
    rows = []
    for dose, f in tqdm(SLIDE_CASES, desc="detector"):
        hits = []
        for _ in range(options.slides):
            cells = [scored(rng, one, 1.0, 400) for one in SLIDE_DOSES]
            named = np.tile(np.repeat(list("abcd"), 100), len(SLIDE_DOSES))
            between = slide_variance(np.repeat(SLIDE_DOSES, 400), named, np.concatenate(cells))
            curve = fit_curve(
                SLIDE_DOSES,
                np.full(len(cells), 400),
                [one.sum() for one in cells],
                distributions=[np.bincount(one) for one in cells],
                slide_variance=between,
                scorer={"name": "detector"},
            )
            sample = scored(rng, dose, f, 200)
            slides = [(int(one.sum()), 100) for one in sample.reshape(2, 100)]
            found = exposure_posterior(np.bincount(sample), curve, slides=slides)
            own = found.exposed_gy
            hits.append((own.lower <= dose <= own.upper, found.p_partial))
        covered, p_partial = np.mean(hits, axis=0)
        rows.append({"dose_gy": dose, "part": f, "posterior": covered, "p_partial": p_partial})
    return pd.DataFrame(rows)


def scored(rng, dose, f, n):
    """Dicentrics per cell as the detector counts them, a hundred cells a slide."""
    exposed = rng.random(n) < f
    real = np.where(exposed, TRUE.yield_at(dose), TRUE.yield_at(0.0))
    efficiency = np.repeat(rng.gamma(25, 0.7 / 25, -(-n // 100)), 100)[:n]
    return rng.poisson(np.minimum(efficiency, 1.0) * real + 0.03)


if __name__ == "__main__":
    main()
