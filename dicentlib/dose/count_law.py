"""The law of a count whose mean is uncertain: negative binomial, Poisson without uncertainty."""

import math
from bisect import bisect_left, bisect_right

import numpy as np
from scipy.special import betainc, gammaincc, gammaln, xlogy
from scipy.stats import nbinom, poisson

TIES = 1e-7  # relative; the tolerance of R, whose two-sided convention this is


def log_count_probability(count, n_cells, mean, variance):
    """log P(X = count) for a yield of the given mean and variance: negative binomial.

    Without variance it is Poisson; `mean` zero gives 0 for no dicentric, else -infinity.
    """
    mean = np.asarray(mean, dtype=float)
    expected = n_cells * mean
    poisson = xlogy(count, expected) - expected - gammaln(count + 1)
    ratio = np.divide(variance, mean, out=np.zeros_like(mean), where=mean > 0)
    # Below this the gamma's variance is lost in the digits of its size.
    spread = ratio * n_cells > 1e-7
    size = np.divide(mean, ratio, out=np.ones_like(mean), where=spread)
    q = n_cells * ratio / (1 + n_cells * ratio)
    negative_binomial = (
        gammaln(count + size)
        - gammaln(size)
        - gammaln(count + 1)
        + xlogy(count, q)
        - size * np.log1p(n_cells * ratio)
    )
    return np.where(spread, negative_binomial, poisson)


def tail_probabilities(count, n_cells, mean, variance):
    """Mid-p tails of a count: P(X < x) + P(X = x)/2 and P(X > x) + P(X = x)/2; arrays allowed.

    Given a yield of `mean` and `variance` (a gamma law) the count of `n_cells` cells is negative
    binomial; without variance, Poisson.
    """
    count, mean = np.asarray(count, dtype=float), np.asarray(mean, dtype=float)
    mean = np.maximum(mean, 1e-12)
    variance = np.broadcast_to(np.asarray(variance, dtype=float), mean.shape)
    spread = variance * n_cells > 1e-7 * mean
    size = mean**2 / np.where(spread, variance, 1.0)
    probability = 1 / (1 + n_cells * np.where(spread, variance, 1.0) / mean)
    at_most = np.where(
        spread,
        betainc(size, count + 1, probability),
        gammaincc(count + 1, n_cells * mean),
    )
    half = np.exp(log_count_probability(count, n_cells, mean, variance)) / 2
    return at_most - half, 1 - at_most + half


def two_sided_p(count, n_cells, mean, variance=0.0):
    """Exact two-sided p-value of a count: all outcomes that are not more probable than it.

    Parameters
    ----------
    count, n_cells : int
    mean, variance : float
        Of the yield; without variance the count is Poisson.
    """
    expected = n_cells * mean
    if expected == 0:
        return 1.0 if count == 0 else 0.0
    law, mode = poisson(expected), math.floor(expected)
    ratio = n_cells * variance / mean
    if ratio > 1e-7:
        size = mean**2 / variance
        law, mode = nbinom(size, 1 / (1 + ratio)), max(math.floor((size - 1) * ratio), 0)
    height = float(law.logpmf(count)) + TIES
    if not math.isfinite(height):
        return 0.0
    if count >= mode:
        below = bisect_right(range(mode + 1), height, key=lambda k: float(law.logpmf(k)))
        return float(min(law.sf(count - 1) + (law.cdf(below - 1) if below else 0.0), 1.0))
    step = 1
    while law.logpmf(mode + step) > height:
        step *= 2
    above = mode + bisect_left(range(step + 1), -height, key=lambda k: -float(law.logpmf(mode + k)))
    return float(min(law.cdf(count) + law.sf(above - 1), 1.0))
