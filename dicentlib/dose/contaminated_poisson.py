"""A Poisson law contaminated with unexposed cells: fit of fraction and yield.

.. math:: P(k) = (1-f)\\,\\mathrm{Pois}(k; p_0) + f\\,\\mathrm{Pois}(k; \\lambda + p_0)

p_0 = 0 is Dolphin's method: unexposed cells have no dicentric. A detector's false positives fall
on exposed and unexposed cells alike, p_0 per cell.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.stats import poisson

from dicentlib.counts.sample import trimmed
from dicentlib.dose.count_law import poisson_pmf
from dicentlib.dose.profile import profile_log_likelihood
from dicentlib.errors import InputError


@dataclass(frozen=True)
class Background:
    """False dicentrics per cell, as known from `n_cells` unexposed cells (infinite: exactly)."""

    rate: float
    n_cells: float


@dataclass(frozen=True)
class ContaminatedFit:
    """``fraction`` f of exposed cells, their ``yield_`` lambda above the ``background`` p_0.

    ``covariance`` (3, 3) is of (f, lambda, p_0), from the expected information.
    """

    fraction: float
    yield_: float
    background: float
    covariance: np.ndarray


def fit_contaminated(distribution, background=None, *, bounded=False):
    """Maximum likelihood.

    Without background the fraction may come out above 1, which says that there are fewer cells
    without dicentrics than whole-body exposure leaves; `bounded` makes it 1 then.

    Raises
    ------
    InputError
        The maximum does not exist; the reason may stand in a report.
    """
    distribution = trimmed(distribution)
    if sum(distribution) == distribution[0]:
        raise InputError("no dicentrics were found")
    if not any(distribution[2:]):
        raise InputError(
            "no cell has two or more dicentrics: a high dose to a small part cannot be detected"
        )
    if background is not None and background.rate > 0:
        return _fit_with_background(distribution, background)
    if distribution[0] == 0 and not bounded:
        raise InputError("every cell has a dicentric, so there is no evidence of an unexposed part")
    return _fit_without_background(distribution, bounded)


def _fit_without_background(distribution, bounded):
    """IAEA 2011 eq. 12: lambda / (1 - exp(-lambda)) = X / (N - C0); or all cells, f = 1."""
    n = sum(distribution)
    x = sum(k * cells for k, cells in enumerate(distribution))
    f, lam = 1.0, x / n
    if distribution[0] > 0:
        mean = x / (n - distribution[0])
        lam = brentq(
            lambda v: v / -math.expm1(-v) - mean, 1e-9, mean + 1e-9, xtol=1e-14, rtol=1e-14
        )
        f = x / (n * lam)
        if bounded and f > 1:
            f, lam = 1.0, x / n
    covariance = np.linalg.inv(n * expected_information(f, lam, 0.0)[:2, :2])
    return ContaminatedFit(f, lam, 0.0, np.pad(covariance, (0, 1)))


def _fit_with_background(distribution, background):
    counts = np.asarray(distribution, dtype=float)
    n = len(counts)
    known = math.isinf(background.n_cells)
    n0, x0 = (0.0, 0.0) if known else (background.n_cells, background.rate * background.n_cells)

    def negative(theta):
        p0 = theta[2]
        mixed, gradient = _law(n, *theta)
        value = -counts @ np.log(mixed) + n0 * p0 - x0 * math.log(p0)
        return value, -gradient @ (counts / mixed) + np.array([0.0, 0.0, n0 - x0 / p0])

    yields = background.rate + n * np.linspace(1e-3, 1.2, 120) ** 2
    log, fractions, rates = profile_log_likelihood(distribution, yields, background)
    best = int(np.argmax(log))
    p0 = float(rates[best])
    bounds = [(1e-9, 1.0), (1e-9, None), (p0, p0) if known else (p0 / 10, p0 * 10)]
    start = [fractions[best], max(yields[best] - p0, 1e-3), p0]
    options = {"ftol": 1e-14, "gtol": 1e-7, "maxiter": 300}
    found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    f, lam, p0 = (float(value) for value in found.x)
    information = counts.sum() * expected_information(f, lam, p0)
    if known:
        covariance = np.pad(np.linalg.pinv(information[:2, :2]), (0, 1))
    else:
        information[2, 2] += n0 / p0
        covariance = np.linalg.pinv(information)
    return ContaminatedFit(f, lam, p0, covariance)


def expected_information(f, lam, p0):
    """Fisher information of one cell on (f, lambda, p_0)."""
    mixed, gradient = _law(int(poisson.ppf(1 - 1e-12, lam + p0)) + 3, f, lam, p0)
    return (gradient / mixed) @ gradient.T


def _law(n, f, lam, p0):
    """P(0) ... P(n - 1) dicentrics in a cell, and their derivatives by (f, lambda, p_0), (3, n)."""
    exposed, unexposed = poisson_pmf(n, lam + p0), poisson_pmf(n, p0)
    by_exposed = f * (np.append(0.0, exposed[:-1]) - exposed)
    by_unexposed = (1 - f) * (np.append(0.0, unexposed[:-1]) - unexposed)
    mixed = np.maximum((1 - f) * unexposed + f * exposed, 1e-300)
    return mixed, np.stack([exposed - unexposed, by_exposed, by_exposed + by_unexposed])
