"""Do the limits of the exposed part of the body cover it? Profile likelihood and delta method.

    python benchmarks/bench_fraction.py [--samples 400]

Simulated counts scored by eye, a curve fitted to its own draw of the series of Barquinero 1995 for
every sample in turn. The part F of the body has its share of the scored cells reduced by
e^(-D/2.7) where exposed. Figures are of the samples in which a dose can be estimated; "claimed" are
those of them with five or more cells with two or more dicentrics, the rule of the warnings.
"""

import argparse

import numpy as np
import pandas as pd
from bench_coverage import TRUE, draw_curves
from tables import exposure_text, share_text, write_table
from tqdm import tqdm

from dicentlib.dose import estimate_dose
from dicentlib.dose.joint import scored_fraction

CASES = [(d, f, n) for d in (1, 2, 3, 4) for f in (0.2, 0.5, 0.8) for n in (200, 500, 1000)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=400, help="a row")
    parser.add_argument("--curves", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    curves = draw_curves(rng, options.curves, 1.0, 0.0)[2]
    rows = []
    for dose, part, n in tqdm(CASES):
        scored = float(scored_fraction(part, dose, 2.7))
        hits = []
        for i in range(options.samples):
            exposed = rng.random(n) < scored
            cells = rng.poisson(np.where(exposed, TRUE.yield_at(dose), TRUE.coefficients[0]))
            counts = np.bincount(cells, minlength=3)
            if not counts[2:].any():
                continue
            curve = curves[i % len(curves)]
            found = [
                estimate_dose(counts, curve, method="dolphin", limits=kind)
                for kind in ("profile", "delta")
            ]
            if not found[0].estimable:
                continue
            inside = [one.fraction_lower <= part <= one.fraction_upper for one in found]
            at_dose = found[0].lower_gy <= dose <= found[0].upper_gy
            hits.append((*inside, at_dose, counts[2:].sum() >= 5))
        names = ["profile", "delta", "dose", "claimed"]
        table = pd.DataFrame(hits, columns=names).astype(float)
        claimed = table[table["claimed"] == 1]
        rows.append(
            {
                "dose_gy": dose,
                "part": part,
                "cells": n,
                "estimable": len(table) / options.samples,
                "F profile": table["profile"].mean(),
                "F delta": table["delta"].mean(),
                "claimed": len(claimed) / options.samples,
                "F profile claimed": claimed["profile"].mean(),
                "F delta claimed": claimed["delta"].mean(),
                "dose claimed": claimed["dose"].mean(),
            }
        )
    found = pd.DataFrame(rows)
    print(found.round(3).to_string(index=False))
    often = found[found["claimed"] >= 0.5]
    ends = [
        f"{often[name].min():.3f} to {often[name].max():.3f}"
        for name in ("F profile claimed", "F delta claimed", "dose claimed")
    ]
    shown = []
    for (dose, part), group in found.groupby(["dose_gy", "part"]):
        row = {"dose, part of the body": exposure_text(dose, part)}
        for name, label in (("F profile", "profile likelihood"), ("F delta", "delta method")):
            sizes = ", ".join(str(n) for n in group["cells"])
            row[f"{label}: {sizes} cells"] = ", ".join(map(share_text, group[name]))
        shown.append(row)
    write_table(
        "bench_fraction",
        shown,
        caption=f"Simulated counts scored by eye, {options.samples} samples a row; standard error "
        f"of a figure near 0.95: {np.sqrt(0.95 * 0.05 / options.samples):.3f}. In rows where half "
        "of the samples have five or more cells with two or more dicentrics, and of these "
        f"samples: the fraction by profile {ends[0]}, by delta {ends[1]}, the dose {ends[2]}.",
    )


if __name__ == "__main__":
    main()
