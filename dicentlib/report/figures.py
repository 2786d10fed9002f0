"""What the figures of a report show: numbers, and captions."""

import numpy as np
import pandas as pd
from scipy.stats import poisson

from dicentlib.counts.cells import with_yields

LAST_DRAWN_GY = 10.0  # where bars without an upper limit end
PARTS = {
    "counts": "number of dicentrics counted",
    "curve": "calibration curve",
    "efficiency": "efficiency of the detector",
    "false positives": "false detections",
    "ensemble": "choice of ensemble members",
    "slides": "differences between slides",
}
CAPTIONS = {
    "cells": "Cells by number of dicentrics: observed (bars) and expected (marks).",
    "curve": "The sample (diamond) on the calibration curve. Bars on the axes: 95 % limits of its "
    "yield and interval of its whole-body dose. Points: calibration series with 95 % limits.",
    "density": "Probability density of a whole-body dose (flat prior). Shaded: shortest 95 % "
    "interval; dotted: limits of the triage categories; below: the estimates with their intervals.",
    "exposure": "Dose and exposed fraction, if only a part was exposed. Contours contain 95 % and "
    "50 % of the probability; the bar at 100 % is the dose of a whole-body exposure.",
    "parts": "Sources of the uncertainty of the dose.",
    "triage": "Reported doses with their intervals.",
}


def expected_cells(route, n_classes):
    """Cells with 0, 1, ... dicentrics that the estimates expect.

    Returns
    -------
    dict
        Label to ndarray, shape (n_classes,).
    """
    k, n = np.arange(n_classes), route.estimate.n_cells
    yield_ = route.estimate.n_dicentrics / n
    expected = {"Poisson with the same yield": n * poisson.pmf(k, yield_)}
    partial = route.partial_body
    if partial is not None and partial.estimable:
        f, background = partial.scored_fraction, partial.details["background_yield"]
        mixed = (1 - f) * poisson.pmf(k, background) + f * poisson.pmf(k, partial.yield_)
        expected["exposed and unexposed cells"] = n * mixed
    return expected


def point_on_curve(route, code):
    """A sample as :func:`dicentlib.plotting.dose.plot_sample_on_curve` draws it."""
    estimate = route.whole_body
    counted = {"n_cells": [estimate.n_cells], "n_dicentrics": [estimate.n_dicentrics]}
    yields = with_yields(pd.DataFrame(counted)).iloc[0].to_dict()
    ends = zip(("dose_gy", "lower_gy", "upper_gy"), triple(estimate), strict=True)
    return yields | dict(ends) | {"sample": code}


def interval_parts(estimate):
    """Shares of the variance by source, in words; empty for an estimate without them."""
    shares = getattr(estimate, "shares", {})
    return {PARTS[name]: share for name, share in shares.items() if share > 0}


def triple(estimate):
    """Dose and limits as three numbers for a figure; without an upper limit its bar ends."""
    dose, upper = (min(value, LAST_DRAWN_GY) for value in (estimate.dose_gy, estimate.upper_gy))
    return dose, estimate.lower_gy, upper


def plottable(triage):
    """Rows of a triage table with a dose; without an upper limit its bar ends."""
    known = triage[triage["dose_gy"].notna()]
    return known.assign(upper_gy=known["upper_gy"].clip(upper=LAST_DRAWN_GY))
