"""The law of a count whose mean is uncertain: negative binomial, Poisson without uncertainty."""

import math
from bisect import bisect_left, bisect_right

import numpy as np
from scipy.special import betainc, betaincc, gammaincc, gammaln, ndtr, pdtr, pdtrc, xlogy

FARTHEST = 38.0  # standard errors; the normal density beyond is 0
TIES = 1e-7  # relative; the tolerance of R, whose two-sided convention this is


def poisson_pmf(n, mean):
    """P(0), P(1) ... P(n - 1) of Poisson counts; `mean` of any shape gets a last axis for them."""
    k = np.arange(n)
    mean = np.asarray(mean, dtype=float)[..., None]
    return np.exp(xlogy(k, mean) - mean - gammaln(k + 1))


def log_count_probability(count, n_cells, mean, variance):
    """log P(X = count) for a yield of the given mean and variance: negative binomial.

    Without variance it is Poisson; `mean` zero gives 0 for no dicentric, else -infinity.
    """
    mean = np.asarray(mean, dtype=float)
    variance = np.maximum(variance, 0.0)  # it follows a falling curve's yield below 0
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


def cut_at_zero(mean, variance):
    """Mean and variance of a normal law of these that is cut off below 0; arrays allowed.

    As ``scipy.stats.truncnorm`` gives them, which is too slow for the search of an interval's ends.

    Examples
    --------
    >>> [round(float(value), 4) for value in cut_at_zero(0.0, 1.0)]
    [0.7979, 0.3634]
    """
    mean, error = np.asarray(mean, dtype=float), np.sqrt(np.asarray(variance, dtype=float))
    z = np.full(np.broadcast(mean, error).shape, FARTHEST)
    z = np.minimum(np.divide(mean, error, out=z, where=error > 0), FARTHEST)
    hazard = np.exp(-(z**2) / 2) / (math.sqrt(2 * math.pi) * ndtr(z))
    return mean + error * hazard, variance * (1 - hazard * (hazard + z))


def at_most(count, n_cells, mean, variance):
    """P(X <= count) for a yield of the given mean and variance; arrays allowed."""
    count, mean = np.asarray(count, dtype=float), np.asarray(mean, dtype=float)
    mean = np.maximum(mean, 1e-12)
    variance = np.broadcast_to(np.asarray(variance, dtype=float), mean.shape)
    spread = variance * n_cells > 1e-7 * mean
    size = mean**2 / np.where(spread, variance, 1.0)
    probability = 1 / (1 + n_cells * np.where(spread, variance, 1.0) / mean)
    return np.where(
        spread, betainc(size, count + 1, probability), gammaincc(count + 1, n_cells * mean)
    )


def tail_probabilities(count, n_cells, mean, variance):
    """Mid-p tails of a count: P(X < x) + P(X = x)/2 and P(X > x) + P(X = x)/2; arrays allowed.

    Given a yield of `mean` and `variance` (a gamma law) the count of `n_cells` cells is negative
    binomial; without variance, Poisson.
    """
    below = at_most(count, n_cells, mean, variance)
    mean = np.maximum(np.asarray(mean, dtype=float), 1e-12)
    half = np.exp(log_count_probability(count, n_cells, mean, variance)) / 2
    return below - half, 1 - below + half


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
    mode, up_to, above, log_pmf = _law(n_cells, mean, variance)
    height = log_pmf(count) + TIES
    if not math.isfinite(height):
        return 0.0
    if count >= mode:
        below = bisect_right(range(mode + 1), height, key=log_pmf)
        return min(float(above(count - 1) + (up_to(below - 1) if below else 0.0)), 1.0)
    step = 1
    while log_pmf(mode + step) > height:
        step *= 2
    first = mode + bisect_left(range(step + 1), -height, key=lambda k: -log_pmf(mode + k))
    return min(float(up_to(count) + above(first - 1)), 1.0)


def _law(n_cells, mean, variance):
    """Mode, P(X <= k), P(X > k) and log P(X = k) of a count, as plain functions (fast)."""
    expected, ratio = n_cells * mean, n_cells * variance / mean
    if ratio <= 1e-7:
        return (
            math.floor(expected),
            lambda k: pdtr(k, expected),
            lambda k: pdtrc(k, expected) if k >= 0 else 1.0,
            lambda k: k * math.log(expected) - expected - math.lgamma(k + 1),
        )
    size = mean**2 / variance
    p = 1 / (1 + ratio)
    log_q, log_p = math.log(ratio / (1 + ratio)), math.log(p)

    def log_pmf(k):
        ways = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
        return ways + size * log_p + k * log_q

    return (
        max(math.floor((size - 1) * ratio), 0),
        lambda k: betainc(size, k + 1, p),
        lambda k: betaincc(size, k + 1, p) if k >= 0 else 1.0,
        log_pmf,
    )
