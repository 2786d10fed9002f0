"""Intervals of precision and recall: over checkpoints, over test images, over both."""

import numpy as np
import pandas as pd

from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.errors import InputError
from dicentlib.evaluation.counts import MEASURES, rate
from dicentlib.evaluation.ensembles import INTERVAL, summarise


def bootstrap_intervals(counts, *, n_draws=2000, seed, interval=INTERVAL):
    """Intervals of precision and recall by where the variation comes from.

    The paper's interval is the spread over random ensembles on one fixed set of test images
    (``ensembles``). Another set of images would give other numbers even with the same members:
    ``images`` resamples the test images with replacement and averages over the ensembles;
    ``both`` (nested bootstrap) resamples the images and draws one ensemble for each resample.

    Parameters
    ----------
    counts : ndarray of int, shape (N, 3, E)
        tp, fp, fn of every image and ensemble at one operating point, see
        :func:`dicentlib.evaluation.surface.image_counts`.
    n_draws : int
        Resamples.
    seed : int
    interval : (float, float)
        Quantiles.

    Returns
    -------
    DataFrame
        One row per measure and source: ``measure, source, mean, median, lower, upper,
        n_undefined``. ``mean`` and ``median`` are those of the resamples.

    Raises
    ------
    InputError
        `counts` has another shape, or there are no images.
    """
    counts = np.asarray(counts)
    if counts.ndim != 3 or counts.shape[1] != 3 or 0 in counts.shape:
        raise InputError(f"counts: shape {counts.shape} found; expected (N, 3, E), none of them 0")
    n_images, _, n_ensembles = counts.shape
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=n_draws)
    resampled = np.tensordot(weights, counts, axes=1)  # (n_draws, 3, E)
    chosen = rng.integers(n_ensembles, size=n_draws)
    samples = {
        "ensembles": counts.sum(axis=0),
        "images": resampled.mean(axis=2).T,
        "both": resampled[np.arange(n_draws), :, chosen].T,
    }
    rows = []
    for measure in MEASURES:
        for source, sample in samples.items():
            summary = summarise(rate(measure, sample), interval=interval)
            plain = {name: value.item() for name, value in summary.items()}
            rows.append({"measure": measure, "source": source, **plain})
    return pd.DataFrame(rows)


def false_per_thousand(n_false, n_cells, *, level=0.90):
    """False detections per 1000 cells with the exact Poisson interval.

    Unexposed cells hold about one aberration in a thousand, so a rate above that swamps low
    doses: the rate at 0 Gy matters as much as precision on cells full of aberrations.

    Parameters
    ----------
    n_false : int
        Detections that match no annotation.
    n_cells : int
        Cells looked at.
    level : float
        Coverage of the (Garwood) interval.

    Returns
    -------
    dict
        ``per_thousand, lower, upper, n_false, n_cells``; NaN rates when there are no cells.

    Examples
    --------
    >>> round(false_per_thousand(0, 1000)["upper"], 3)
    2.996
    """
    if n_false < 0 or n_cells < 0:
        raise InputError(f"n_false, n_cells: {n_false}, {n_cells} found; allowed: from 0")
    lower, upper = poisson_limits(n_false, level=level)
    scale = 1000 / n_cells if n_cells else np.nan
    return {
        "per_thousand": n_false * scale,
        "lower": lower * scale,
        "upper": upper * scale,
        "n_false": int(n_false),
        "n_cells": int(n_cells),
    }
