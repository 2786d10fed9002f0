"""How often do 95 % dose intervals cover the true dose? Simulated, curve and sample drawn anew.

    python benchmarks/bench_coverage.py [--samples 1500] [--curves 200] [--only whole|partial]

Every sample meets a curve fitted to its own draw of the calibration counts (doses and cells of
Barquinero 1995). An interval covers when the true dose passes the method's own test at that dose:
the same test that the interval's ends solve, so no root is searched 100,000 times. Whole-body
methods take vectors; the partial-body intervals are tested sample by sample, on a fifth of them,
that with a measured detector on a tenth, through estimate_dose itself.
"""

import argparse
import math
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import norm
from tables import exposure_text, share_text, write_table
from tqdm import tqdm

from dicentlib.calibration import CalibrationCurve, fit_curve
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.dose.contaminated_poisson import Background
from dicentlib.dose.count_law import cut_at_zero, tail_probabilities
from dicentlib.dose.detector import Detector
from dicentlib.dose.estimate import estimate_dose
from dicentlib.dose.profile import support

DOSES = np.array([0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5.0])
CELLS = np.array([5000, 5002, 2008, 2002, 1832, 1168, 562, 333, 193, 103, 59])
TRUE = CalibrationCurve((0.00128, 0.02104, 0.06303))
EFFICIENCY, FALSE_RATE = 0.75, 0.03  # of the imperfect detector
TEST_DICENTRICS, TEST_CELLS = 300, 500  # that its efficiency and false rate are known from
ENSEMBLE_CV = 0.08  # relative spread of yields over ensembles
N_ENSEMBLES = 30
LOWEST_EXPECTED = 3  # dicentrics of dose; below, whole counts decide the coverage
LOWEST_PAIRS = 5  # expected cells with two or more dicentrics, for the partial-body interval


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1500, help="per row")
    parser.add_argument("--curves", type=int, default=200, help="redrawn and fitted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["whole", "partial"], help="one of the two tables")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    curves = {
        "real": draw_curves(rng, options.curves, 1.0, 0.0),
        "detected": draw_curves(rng, options.curves, EFFICIENCY, FALSE_RATE),
    }
    if options.only != "partial":
        write_whole(whole_body(rng, curves, options.samples), options)
    if options.only != "whole":
        write_partial(partial_body(rng, curves, max(options.samples // 5, 50)), options)


def write_whole(table, options):
    """Table of the documentation, one row per dose and number of cells."""
    shown = {
        "83-83": "merkle_83_83",
        "95-95": "merkle_95_95",
        "delta": "delta",
        "perfect": "detector_perfect",
        "measured": "detector_measured",
        "own curve": "same_detector_curve",
        "spread": "spread_counted",
        "ignored": "ignored_errors",
    }
    rows = [
        {"dose, cells (dicentrics)": f"{row.dose_gy:g} Gy, {row.cells} ({row.expected:g})"}
        | {name: share_text(getattr(row, column), 3) for name, column in shown.items()}
        for row in table.itertuples()
    ]
    write_table("bench_coverage_whole", rows, caption=about(table, options.samples))


def write_partial(table, options):
    """Table of the documentation, rows with one expected cell with two dicentrics or more."""
    print(table.to_string(index=False))
    rows = [
        {
            "dose, part, cells": f"{exposure_text(row.dose_gy, row.part)}, {row.cells}",
            "p0": f"{row.false_rate:g}",
            "2 or more": f"{row.cells_with_2:g}",
            "claimed": "yes" if row.claimed else "no",
            "estimable": share_text(row.estimable),
            "delta": share_text(row.delta, 3),
            "profile": share_text(row.profile, 3),
            "measured": share_text(row.detector, 3),
        }
        for row in table[table["cells_with_2"] >= 1].itertuples()
    ]
    write_table("bench_coverage_partial", rows, caption=about(table, options.samples // 5))


def about(table, n_samples):
    """The caption: what was drawn, and the range of the figures that claim their level."""
    columns = [c for c in table if c.startswith(("detector", "same", "spread", "profile"))]
    claimed = table[table["claimed"]][columns].to_numpy()
    claimed = claimed[~np.isnan(claimed)]
    return (
        f"Coverage of nominal 95 % intervals, simulated counts, {n_samples} samples a row. "
        f"Detector and profile, where the level is claimed: {len(claimed)} figures from "
        f"{claimed.min():.3f} to {claimed.max():.3f}, "
        f"{np.mean((claimed >= 0.93) & (claimed <= 0.98)):.0%} within 0.93 to 0.98."
    )


def draw_curves(rng, n, efficiency, false_rate):
    """Fitted curves: coefficients (n, 3) and covariances (n, 3, 3), and the curves themselves."""
    found = []
    for _ in tqdm(range(n), desc="curves"):
        expected = CELLS * (efficiency * TRUE.yield_at(DOSES) + false_rate)
        found.append(fit_curve(DOSES, CELLS, rng.poisson(expected)))
    coefficients = np.array([curve.coefficients for curve in found])
    return coefficients, np.array([curve.covariance for curve in found]), found


def whole_body(rng, curves, n):
    """One row per dose and number of cells; columns are methods."""
    rows = []
    cases = [(d, c) for d in (0, 0.1, 0.25, 0.5, 1, 2, 3, 5) for c in (50, 200, 500, 1000)]
    for dose, cells in tqdm(cases, desc="whole body"):
        real = float(TRUE.yield_at(dose))
        shown = EFFICIENCY * real + FALSE_RATE
        perfect = rng.poisson(cells * real, n)
        imperfect = rng.poisson(cells * shown, n)
        shifted = rng.poisson(cells * shown * np.exp(ENSEMBLE_CV * rng.standard_normal(n)))
        mean, variance = predicted(curves["real"], dose, n)
        e, e_error, p, p_error = measured_detector(rng, n)
        through = e * mean + p
        through_added = e**2 * variance + p_error**2
        same, same_variance = predicted(curves["detected"], dose, n)
        cv = ENSEMBLE_CV * np.sqrt(rng.chisquare(N_ENSEMBLES - 1, n) / (N_ENSEMBLES - 1))
        rows.append(
            {
                "dose_gy": dose,
                "cells": cells,
                "expected": round(cells * real, 1),
                "claimed": cells * (real - TRUE.coefficients[0]) * EFFICIENCY >= LOWEST_EXPECTED,
                "merkle_83_83": merkle(perfect, cells, mean, variance, 0.83),
                "merkle_95_95": merkle(perfect, cells, mean, variance, 0.95),
                "delta": delta(perfect, cells, curves["real"], dose),
                "detector_perfect": inside(perfect, cells, mean, variance),
                "detector_measured": inside(
                    imperfect, cells, through, through_added, (mean * e_error) ** 2
                ),
                "same_detector_curve": inside(imperfect, cells, same, same_variance),
                "spread_counted": inside(shifted, cells, same, same_variance, (same * cv) ** 2),
                "ignored_errors": merkle(shifted, cells, same, same_variance, 0.83),
            }
        )
    return pd.DataFrame(rows).round(3)


def partial_body(rng, curves, n):
    """Exposed parts, with and without false positives; columns are methods."""
    rows = []
    cases = [
        (dose, f, cells, p0)
        for p0 in (0.0, 0.05)
        for dose in (1, 2, 3, 5)
        for f in (0.2, 0.5)
        for cells in (50, 200, 1000)
    ]
    for dose, f, cells, p0 in tqdm(cases, desc="partial body"):
        y = float(TRUE.yield_at(dose))
        pairs = cells * f * (1 - math.exp(-y) * (1 + y))
        hits = {"delta": [], "profile": [], "detector": []}
        for i in range(n):
            exposed = rng.binomial(cells, f)
            found = rng.poisson(p0, cells)
            found[:exposed] += rng.poisson(y, exposed)
            distribution = np.bincount(found, minlength=3)
            if not distribution[2:].any():
                continue
            curve = curves["real"][2][i % len(curves["real"][2])]
            unexposed = None
            if p0:
                unexposed = Background(rng.poisson(p0 * 2000) / 2000, 2000)
                shift = np.array([p0, 0, 0])
                curve = CalibrationCurve(curve.coefficients + shift, curve.covariance)
            test, _ = support(
                distribution, unexposed, curve.yield_at, curve.variance_at, level=0.95
            )
            hits["profile"].append(test(dose) >= 0)
            # The delta interval as it is used without knowledge of the false positives.
            estimate = estimate_dose(distribution, curve, method="dolphin")
            hits["delta"].append(estimate.lower_gy <= dose <= estimate.upper_gy)
        if p0:
            hits["detector"] = detector_measured(rng, curves["real"][2], dose, f, cells, n // 2)
        rows.append(
            {
                "dose_gy": dose,
                "part": f,
                "cells": cells,
                "false_rate": p0,
                "cells_with_2": round(pairs, 1),
                "claimed": pairs >= LOWEST_PAIRS,
                "estimable": len(hits["profile"]) / n,
                **{name: np.mean(hit) if hit else np.nan for name, hit in hits.items()},
            }
        )
    return pd.DataFrame(rows).round(3)


def detector_measured(rng, curves, dose, f, cells, n):
    """Whether the partial-body interval with a measured detector covers, sample by sample."""
    e, e_error, p, p_error = measured_detector(rng, n)
    shown = EFFICIENCY * float(TRUE.yield_at(dose)) + FALSE_RATE
    unexposed = EFFICIENCY * TRUE.coefficients[0] + FALSE_RATE
    hits = []
    for i in range(n):
        exposed = rng.binomial(cells, f)
        found = rng.poisson(np.where(np.arange(cells) < exposed, shown, unexposed))
        distribution = np.bincount(found, minlength=3)
        if not distribution[2:].any():
            continue
        estimate = estimate_dose(
            distribution,
            curves[i % len(curves)],
            method="dolphin",
            detector=Detector(e[i], e_error[i], p[i], p_error[i]),
        )
        hits.append(estimate.lower_gy <= dose <= estimate.upper_gy)
    return hits


def predicted(curves, dose, n):
    """Yield at `dose` and its variance by `n` curves, the fitted ones in turn."""
    coefficients, covariances, _ = curves
    turn = np.arange(n) % len(coefficients)
    v = np.array([1.0, dose, dose**2])
    return (coefficients @ v)[turn], np.einsum("i,nij,j->n", v, covariances, v)[turn]


def measured_detector(rng, n):
    """Efficiency and false rate, each with its error, as `n` test sets would show them."""
    found = rng.binomial(TEST_DICENTRICS, EFFICIENCY, n)
    false = rng.poisson(TEST_CELLS * FALSE_RATE, n)
    smoothed = (found + 0.5) / (TEST_DICENTRICS + 1)
    return (
        found / TEST_DICENTRICS,
        np.sqrt(smoothed * (1 - smoothed) / TEST_DICENTRICS),
        false / TEST_CELLS,
        np.sqrt(false + 0.5) / TEST_CELLS,
    )


def inside(counts, cells, mean, added, multiplied=0.0):
    """Coverage of the detector-aware interval; variances of what is added and what multiplies."""
    mean, variance = cut_at_zero(mean, added)
    below, above = tail_probabilities(counts, cells, mean, variance + multiplied)
    return np.mean((below >= 0.025) & (above >= 0.025))


def merkle(counts, cells, mean, variance, level):
    """Coverage of Merkle's interval: the band at the true dose meets the limits of the yield."""
    limits = np.array([cached_limits(int(x), level) for x in counts]) / cells
    half = math.sqrt(BAND[level]) * np.sqrt(variance)
    return np.mean((limits[:, 0] <= mean + half) & (limits[:, 1] >= mean - half))


@lru_cache(maxsize=100_000)
def cached_limits(count, level):
    return poisson_limits(count, level=level)


BAND = {0.83: 5.0247, 0.95: 7.8147}  # chi-squared quantiles, 3 degrees of freedom


def delta(counts, cells, curves, dose):
    """Coverage of the delta interval; at or below the background it has none."""
    coefficients, covariances, _ = curves
    turn = np.arange(len(counts)) % len(coefficients)
    background, alpha, beta = coefficients[turn].T
    yields = counts / cells
    excess = np.maximum(yields - background, 0)
    slope = np.sqrt(alpha**2 + 4 * beta * excess)
    found = 2 * excess / (alpha + slope)
    v = np.stack([np.ones_like(found), found, found**2], axis=1)
    variance = np.einsum("ni,nij,nj->n", v, covariances[turn], v) + yields / cells
    half = norm.ppf(0.975) * np.sqrt(variance) / slope
    return np.mean((found > 0) & (np.abs(found - dose) <= half))


if __name__ == "__main__":
    main()
