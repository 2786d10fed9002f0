"""Posterior density of the dose, with the curve's uncertainty integrated out.

The curve's yield at D is uncertain with mean u(D) and variance v(D) = grad' Sigma grad. A gamma
law of that mean and variance makes the count negative binomial (Higueras et al. 2015, the model
of the R package radir):

.. math:: X \\mid D \\sim \\mathrm{NegBin}\\left(\\text{size} = u^2/v,\\;
          \\text{mean} = N u\\right)
"""

import math
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import gamma as gamma_law

from dicentlib.counts.checked import number
from dicentlib.dose.checks import estimate_of
from dicentlib.dose.count_law import log_count_probability, tail_probabilities
from dicentlib.dose.detector import detected_count
from dicentlib.dose.result import BayesianEstimate, cumulative_of
from dicentlib.errors import InputError

N_GRID = 4001
LARGEST_GY = 1000.0
CONFLICT = 1e-4  # probability of so few dicentrics: below, curve and counts do not fit
ANOTHER_SCORER = "the curve is probably of another scorer"
HIGHEST_GY = 10.0  # of the density where nothing bounds the dose: beyond, few survive


def bayesian(
    sample,
    curve,
    *,
    level=0.95,
    prior="uniform",
    detector=None,
    ensemble_yields=None,
    overdispersion="auto",
):
    """Density, mode, mean, shortest interval and P(dose in a range).

    Parameters
    ----------
    sample : Sample
    curve : CalibrationCurve
    level : float in (0, 1)
        Probability in [lower_gy, upper_gy], the shortest such interval.
    prior : "uniform", ("uniform", low_gy, high_gy) or ("gamma", mean_gy, sd_gy)
        "uniform" is flat over all doses from 0.
    detector, ensemble_yields, overdispersion
        As in :func:`dicentlib.dose.detected_dose.detector_dose`.

    Returns
    -------
    BayesianEstimate
        ``estimate.probability(1, 2)`` is P(1 <= dose < 2 Gy).
    """
    number("level", level, least=0, most=1, open_ends=True)
    detected, index = detected_count(sample, curve, detector, ensemble_yields, overdispersion)
    grid, density = dose_density(sample, detected, prior=prior, index=index)
    cumulative = cumulative_of(grid, density)
    lower, upper = shortest_interval(grid, cumulative, level=level)
    mean = float(np.trapezoid(grid * density, grid))
    sd = math.sqrt(max(float(np.trapezoid((grid - mean) ** 2 * density, grid)), 0.0))
    mode = _mode(sample, detected, prior, index, grid, density)
    ends = np.interp([(1 - level) / 2, (1 + level) / 2], cumulative, grid)
    notes = []
    conflict = probability_of_fewer(sample, detected) < CONFLICT
    if conflict:
        upper, note = below_background(sample, detected, level=level)
        notes.append(note)
    summit = detected.summit_gy()
    if math.isfinite(summit) and sample.yield_ > detected.mean_at(summit):
        notes.append(f"The curve never reaches the yield: its maximum is at {summit:.3g} Gy.")
    return estimate_of(
        sample,
        curve,
        BayesianEstimate,
        method="bayesian",
        dose=(mode, lower, upper),
        yields=(sample.yield_, *detected.means_at(lower, upper)),
        level=level,
        notes=notes,
        assumptions=[
            f"Whole-body exposure; prior of the dose: {prior}; shortest interval of the density."
        ],
        details={
            "prior": prior,
            "conflict": conflict,
            "central_interval_gy": [float(end) for end in ends],
        },
        mean_gy=mean,
        median_gy=float(np.interp(0.5, cumulative, grid)),
        sd_gy=sd,
        grid_gy=grid,
        density=density,
    )


def bounded_bayesian(sample, curve, **options):
    """:func:`bayesian` with a flat prior, ended at 10 Gy where nothing else bounds the dose.

    The estimate then says so. `options` are those of :func:`bayesian` but `prior`.
    """
    try:
        return bayesian(sample, curve, **options)
    except InputError:
        bounded = bayesian(sample, curve, prior=("uniform", 0.0, HIGHEST_GY), **options)
        note = (
            "Counts and curve are too uncertain to bound the dose: its density is computed up "
            f"to {HIGHEST_GY:g} Gy only."
        )
        return replace(bounded, warnings=(*bounded.warnings, note))


def dose_density(sample, detected, *, prior="uniform", index=1.0):
    """Grid of doses in Gy and the posterior density on it (per Gy, integral 1).

    `detected` is a :class:`dicentlib.dose.detector.DetectedCurve`; `index` multiplies the Poisson
    variance of the count. Doses from which a curve with negative beta falls are left out.
    """
    low, high = _support(prior)
    if low >= detected.summit_gy():
        raise InputError(
            f"prior is {prior!r}: the curve does not rise from {detected.summit_gy():.3g} Gy on"
        )
    high = min(high, detected.summit_gy())
    top = min(high, LARGEST_GY)
    coarse = low + (top - low) * np.linspace(0, 1, 20001) ** 2
    log = _log_posterior(coarse, sample, detected, prior, index)
    kept = np.flatnonzero(log > log.max() - 35)
    if kept[-1] == len(coarse) - 1 and math.isinf(high):
        raise InputError(
            "The density of the dose does not fall off: the curve is too uncertain for a flat "
            "prior. Give one, as prior=('uniform', 0, 10)"
        )
    start, end = coarse[max(kept[0] - 1, 0)], coarse[min(kept[-1] + 1, len(coarse) - 1)]
    grid = np.linspace(start, end, N_GRID)
    log = _log_posterior(grid, sample, detected, prior, index)
    density = np.exp(log - log.max())
    return grid, density / np.trapezoid(density, grid)


def shortest_interval(grid, cumulative, *, level):
    """Ends of the shortest interval that holds `level` of the probability."""
    starts = np.append(cumulative[cumulative <= 1 - level], 1 - level)
    lows = np.append(grid[: len(starts) - 1], np.interp(1 - level, cumulative, grid))
    highs = np.interp(starts + level, cumulative, grid)
    best = int(np.argmin(highs - lows))
    return float(lows[best]), float(highs[best])


def below_background(sample, detected, *, level=0.95):
    """Upper limit of a yield that lies below what any dose leads to expect, and a sentence.

    The limit is Bayesian: the dose that is not exceeded with probability `level` under a flat
    prior, which ends at 10 Gy where counts and curve do not bound the dose. There is none where the
    background alone has so few dicentrics with a probability below 1 in 10,000: then curve and
    counts are not of the same scorer.
    """
    chance = probability_of_fewer(sample, detected)
    if chance < CONFLICT:
        return math.inf, (
            f"{sample.n_dicentrics} dicentrics or fewer in {sample.n_cells} cells have the "
            f"probability {chance:.1g} even without a dose: {ANOTHER_SCORER}. There is no upper "
            "limit."
        )
    try:
        grid, density = dose_density(sample, detected)
    except InputError:
        grid, density = dose_density(sample, detected, prior=("uniform", 0.0, HIGHEST_GY))
    limit = float(np.interp(level, cumulative_of(grid, density), grid))
    return limit, (
        "The yield is so far below the curve's background that no dose agrees with it: check that "
        f"the curve is of the same scorer. The upper limit {limit:.3g} Gy is Bayesian."
    )


def above_zero(upper, sample, detected, notes, *, level=0.95):
    """`upper`, or where it is 0 that of :func:`below_background`; whether the counts conflict.

    The sentence is added to `notes`.
    """
    if upper > 0:
        return upper, False
    upper, note = below_background(sample, detected, level=level)
    notes.append(note)
    return upper, math.isinf(upper)


def probability_of_fewer(sample, detected):
    """P(at most the sample's dicentrics) without a dose (half of those alike counted)."""
    mean, variance = detected.law_at(0.0)
    below, _ = tail_probabilities(sample.n_dicentrics, sample.n_cells, mean, variance)
    return float(below)


def _log_posterior(dose, sample, detected, prior, index):
    mean, variance = detected.law_at(dose)
    variance = variance + (index - 1) * mean / sample.n_cells
    log = log_count_probability(sample.n_dicentrics, sample.n_cells, mean, variance)
    if prior[0] == "gamma":
        _, prior_mean, prior_sd = prior
        shape = (prior_mean / prior_sd) ** 2
        with np.errstate(divide="ignore"):
            log = log + gamma_law.logpdf(dose, shape, scale=prior_mean / shape)
    return np.where(np.isnan(log), -np.inf, log)


def _support(prior):
    if prior == "uniform":
        return 0.0, math.inf
    kind = prior[0] if isinstance(prior, (tuple, list)) and len(prior) == 3 else None
    if kind == "uniform" and 0 <= prior[1] < prior[2]:
        return float(prior[1]), float(prior[2])
    if kind == "gamma" and prior[1] > 0 and prior[2] > 0:
        return 0.0, math.inf
    raise InputError(
        f"prior is {prior!r}: expected 'uniform', ('uniform', low_gy, high_gy) with "
        "0 <= low < high, or ('gamma', mean_gy, sd_gy) with both above 0"
    )


def _mode(sample, detected, prior, index, grid, density):
    best = int(np.argmax(density))
    if best in (0, len(grid) - 1):
        return float(grid[best])
    found = minimize_scalar(
        lambda dose: -float(_log_posterior(np.array(dose), sample, detected, prior, index)),
        bounds=(grid[best - 1], grid[best + 1]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x)
