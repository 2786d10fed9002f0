"""Power of the dispersion test to see a partial exposure, by simulated samples.

It has no closed form with few cells.
"""

import numpy as np
from scipy.stats import poisson

from dicentlib.counts.dispersion import POISSON

TRIALS = 4000  # standard error of a power: at most 0.008


def dispersion_power(n_cells, scored, means, expected=POISSON, *, trials=TRIALS, seed=1):
    """Probability that the dispersion test calls a partial exposure.

    Parameters
    ----------
    n_cells : int
    scored : float
        Fraction of the scored cells that were exposed.
    means : (float, float)
        Dicentrics per unexposed and per exposed cell.
    expected : ExpectedDispersion
        What the test compares with.
    trials, seed : int
        Simulated samples; the same seed gives the same result.

    Returns
    -------
    float
        0 where the scorer's own dispersion is not known.
    """
    if not np.isfinite(expected.error):
        return 0.0
    k = np.arange(int(poisson.ppf(1 - 1e-12, max(means))) + 2)
    unexposed, exposed = (poisson.pmf(k, mean) for mean in means)
    law = scored * exposed + (1 - scored) * unexposed
    counts = np.random.default_rng(seed).multinomial(n_cells, law / law.sum(), size=trials)
    return float(np.mean(overdispersed(counts, expected)))


def overdispersed(counts, expected):
    """Which rows of `counts` (cells with 0, 1, 2 ...) ``Dispersion.overdispersed`` would name."""
    k = np.arange(counts.shape[1])
    n, x, squares = counts[0].sum(), counts @ k, counts @ k**2
    judged = x > 1
    total = np.where(judged, x, 2)
    index = (squares - total**2 / n) / (n - 1) * n / total if n > 1 else np.zeros(len(counts))
    chance = 2 * (1 - 1 / total) / max(n - 1, 1)
    error = np.sqrt(max(expected.index, 1.0) ** 2 * chance + expected.error**2)
    return judged & (n > 1) & (index - expected.index > expected.u_limit * error)
