"""The exact test of dispersion: how probable are that many dicentrics in cells with others?

Given X dicentrics in N cells, whole-body exposure throws each into a cell at random. The index of
dispersion rises with the number of pairs that share a cell,

.. math:: T = \\sum_i k_i (k_i - 1) / 2

so the one-sided p-value is P(T >= t | X, N), which u only approximates: one cell with two
dicentrics among ten in 500 cells gives u = 3 and p = 0.09.

N cells are independent Poisson counts given their sum. With g(a, b) the generating function of
(k, k (k-1)/2) of one cell, g^N is that of (X, T); discrete Fourier transforms pick the wanted X
and turn b into the probabilities of T, without error but rounding.
"""

import math

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import norm

from dicentlib.counts.dispersion import dispersion

LARGEST_PAIRS = 1000.0  # expected; above, the normal law of u takes over,
MANY, MANY_PAIRS = 5000, 100.0  # and with that many dicentrics already above these


def exact_dispersion_p(distribution):
    """P(T >= t) given the sum of the dicentrics; None with fewer than two.

    Parameters
    ----------
    distribution : sequence of int
        Cells with 0, 1, 2 ... dicentrics.

    Returns
    -------
    float or None
        Exact to about 1e-10. Above 1000 expected pairs (100 with more than 5000 dicentrics) the
        normal law of u is used, which is within 0.01 of it there.

    Examples
    --------
    Two dicentrics share one of 500 cells with probability 1/500:

    >>> round(exact_dispersion_p([499, 0, 1]), 6)
    0.002
    """
    k = np.arange(len(distribution))
    cells = np.asarray(distribution, dtype=float)
    n, x = int(cells.sum()), int(cells @ k)
    pairs = int(cells @ (k * (k - 1) // 2))
    if x < 2 or n < 2:
        return None if x < 2 else 1.0
    expected = x * (x - 1) / (2 * n)
    if expected > (MANY_PAIRS if x > MANY else LARGEST_PAIRS):
        return float(norm.sf(dispersion(distribution).u))
    probabilities = _pairs_law(n, x, expected)
    if pairs >= len(probabilities):
        return 0.0
    return float(min(max(probabilities[pairs:].sum(), 0.0), 1.0))


def _pairs_law(n, x, expected):
    """P(T = t) for t = 0, 1, ... far enough that what is left out is below 1e-12."""
    mean = x / n
    longest = math.ceil(expected + 10 * math.sqrt(expected * (1 + 4 * mean)) + 50)
    longest = min(longest, x * (x - 1) // 2 + 1)
    turns = int(18 * math.sqrt(x)) + 40  # X is within 9 standard deviations of its mean
    k = np.arange(int(mean + 12 * math.sqrt(mean + 1) + 12))
    law = np.exp(xlogy(k, mean) - mean - gammaln(k + 1))
    a = np.exp(-2j * np.pi * np.outer(np.arange(turns), k) / turns)
    b_exponent = k * (k - 1) // 2
    transform = np.empty(longest, dtype=complex)
    back = np.exp(2j * np.pi * np.arange(turns) * x / turns)
    for j in range(longest):
        b = np.exp(-2j * np.pi * ((j * b_exponent) % longest) / longest)
        transform[j] = np.mean((a @ (law * b)) ** n * back)
    probabilities = np.fft.ifft(transform).real
    return probabilities / probabilities.sum()
