"""Profile likelihood of the exposed part's dose: an interval that need not be symmetric.

For a dose D the exposed yield y is only known up to the curve's variance v(D). With the sample's
log-likelihood l(f, y, p_0), profiled over the fraction f and the background p_0,

.. math:: \\ell(D) = \\max_y \\left[ \\ell_p(y) - \\frac{(y - m(D))^2}{2 v(D)} \\right]

and D belongs to the interval while l(D) is within half the chi-squared quantile of its maximum.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.special import xlogy
from scipy.stats import chi2

from dicentlib.counts.sample import trimmed
from dicentlib.dose.count_law import poisson_pmf

N_YIELDS = 160  # nodes of each round
CUT = 12.0  # of log-likelihood below its maximum: beyond, no interval reaches
N_ROUNDS = 8


def profile_limits(distribution, background, mean_at, variance_at, *, dose, level, farthest_gy):
    """Lower and upper dose limit; 0 and infinity where the likelihood sets none.

    Parameters
    ----------
    distribution : sequence of int
        Cells with 0, 1, 2 ... dicentrics; trailing zeros do not matter.
    background : Background or None
        Of unexposed cells.
    mean_at, variance_at : callable
        Yield of exposed cells and its variance at a dose.
    dose : float
        The estimate.
    level : float
    farthest_gy : float
        Where the search for an upper limit ends.
    """
    inside, top = support(distribution, background, mean_at, variance_at, level=level)
    lower, upper = 0.0, np.inf
    if inside(0.0) < 0 < inside(dose):
        lower = float(brentq(inside, 0.0, dose, xtol=1e-9))
    # Search no farther than the yields reach: above, the likelihood is not known.
    reach = farthest_gy
    while reach > dose and float(mean_at(reach)) > top:
        reach = dose + (reach - dose) / 1.2
    previous = dose
    for at in dose + (reach - dose) * np.linspace(0, 1, 60)[1:] ** 3:
        if inside(at) < 0:
            upper = float(brentq(inside, previous, at, xtol=1e-9)) if inside(dose) > 0 else dose
            break
        previous = at
    return lower, upper


def support(distribution, background, mean_at, variance_at, *, level):
    """Function of a dose, above 0 where the dose belongs to the interval; and its largest yield."""
    distribution = trimmed(distribution)
    floor = 0.0 if background is None else background.rate
    top = floor + 3 * (len(distribution) + 2.0)
    yields, values = _grid(distribution, floor, top, background)
    highest = values.max()
    least = highest - chi2.ppf(level, 1) / 2

    def inside(dose):
        mean, variance = float(mean_at(dose)), float(variance_at(dose))
        # Beyond the nodes the likelihood is too low for any interval, or flat (their ends).
        plain = np.interp(mean, yields, values) - least
        outside = mean < yields[0] and values[0] < highest - CUT / 2
        if outside or (mean > yields[-1] and values[-1] < highest - CUT / 2):
            plain = -CUT
        if variance <= 0:
            return float(plain)
        penalised = float(np.max(values - (yields - mean) ** 2 / (2 * variance))) - least
        return max(penalised, float(plain))

    return inside, top


def _grid(distribution, floor, top, background):
    """Yields and their profile likelihood, refined around its maximum until that is smooth."""
    low, high = 1e-4, 1.0
    for _ in range(N_ROUNDS):
        steps = np.linspace(low, high, N_YIELDS) ** 2
        yields = floor + (top - floor) * steps
        values, _, _ = profile_log_likelihood(distribution, yields, background)
        near = np.flatnonzero(values > values.max() - CUT)
        first, last = max(near[0] - 1, 0), min(near[-1] + 1, N_YIELDS - 1)
        if last - first > N_YIELDS / 2:
            break
        low, high = np.sqrt(steps[first]), np.sqrt(steps[last])
    fine = np.linspace(low, high, 20 * N_YIELDS) ** 2
    return floor + (top - floor) * fine, PchipInterpolator(steps, values)(fine)


def profile_log_likelihood(distribution, yields, background):
    """Log-likelihood of the exposed yields `yields` (n,), with the fraction and background of each.

    Both are those of greatest likelihood, given the exposed yield: Newton steps for the fraction,
    which the likelihood is concave in, and expectation-maximisation for the background.
    """
    counts = np.asarray(distribution, dtype=float)
    n = len(counts)
    exposed = poisson_pmf(n, yields)
    fraction = np.full(len(yields), 0.5)
    known = background is None or background.rate == 0 or np.isinf(background.n_cells)
    rate = np.full(len(yields), 0.0 if background is None else background.rate)
    unexposed = poisson_pmf(n, rate)
    found = 0.0 if known else background.rate * background.n_cells
    for _ in range(12):
        for _ in range(4):
            mixed = np.maximum(
                fraction[:, None] * exposed + (1 - fraction[:, None]) * unexposed, 1e-300
            )
            slope = (exposed - unexposed) / mixed
            score, curvature = slope @ counts, slope**2 @ counts
            step = np.divide(score, curvature, out=np.zeros_like(score), where=curvature > 0)
            before = fraction
            fraction = np.clip(before + step, before / 4, 1 - (1 - before) / 4)
            fraction = np.clip(fraction, 1e-7, 1.0)
        settled = np.abs(fraction - before).max() < 1e-6
        if known:
            if settled:
                break
            continue
        share = (1 - fraction[:, None]) * unexposed / mixed
        outside = share * counts
        before = rate
        rate = (found + outside @ np.arange(n)) / (background.n_cells + outside.sum(axis=1))
        unexposed = poisson_pmf(n, rate)
        if settled and np.abs(rate - before).max() < 1e-6 * background.rate:
            break
    mixed = np.maximum(fraction[:, None] * exposed + (1 - fraction[:, None]) * unexposed, 1e-300)
    log = np.log(mixed) @ counts
    if not known:
        log = log + xlogy(found, rate) - background.n_cells * rate
    return log, fraction, rate
