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


@dataclass(frozen=True)
class Background:
    """False dicentrics per cell, from `n_cells` unexposed cells; or the curve's own C."""

    rate: float
    n_cells: float
    is_curve: bool = False

    def rate_at(self, fitted):
        """p_0 as fitted together with the sample (as given when it is the curve's C)."""
        return self.rate if self.is_curve else fitted.background


@dataclass(frozen=True)
class ContaminatedFit:
    """``fraction`` f of exposed cells, their ``yield_`` lambda above the ``background`` p_0.

    ``covariance`` (3, 3) is of (f, lambda, p_0), from the expected information.
    ``yield_by_background`` is the derivative of lambda with respect to p_0.
    """

    fraction: float
    yield_: float
    background: float
    covariance: np.ndarray
    yield_by_background: float = 0.0


def fit_contaminated(distribution, background=None):
    """Maximum likelihood; a text with the reason where it does not exist.

    Without background the fraction is not bound to 1 or less: a value above 1 says that there are
    fewer cells without dicentrics than whole-body exposure leaves.
    """
    if sum(distribution) == distribution[0]:
        return "no dicentrics were found"
    if not any(distribution[2:]):
        return "no cell has two or more dicentrics, so nothing tells a high dose to a small part"
    if background is None or background.rate == 0:
        return _fit_without_background(distribution)
    return _fit_with_background(distribution, background)


def _fit_without_background(distribution):
    """IAEA 2011 eq. 12: lambda / (1 - exp(-lambda)) = X / (N - C0)."""
    n = sum(distribution)
    x = sum(k * cells for k, cells in enumerate(distribution))
    mean = x / (n - distribution[0])
    lam = brentq(lambda v: v / -math.expm1(-v) - mean, 1e-9, mean + 1e-9, xtol=1e-14, rtol=1e-14)
    f = x / (n * lam)
    q = f + (1 - f) * math.exp(lam)
    information = n * np.array(
        [[math.expm1(lam) / (f * q), 1 / q], [1 / q, f * ((f - 1) / q + 1 / lam)]]
    )
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = np.linalg.inv(information)
    return ContaminatedFit(f, lam, 0.0, covariance)


def _fit_with_background(distribution, background):
    counts = np.asarray(distribution, dtype=float)
    k = np.arange(len(counts))
    free = not background.is_curve
    n0, x0 = background.n_cells, background.rate * background.n_cells if free else 0.0

    def negative(theta):
        f, lam = theta[:2]
        p0 = theta[2] if free else background.rate
        mixed = (1 - f) * poisson.pmf(k, p0) + f * poisson.pmf(k, lam + p0)
        value = -np.sum(counts * np.log(np.maximum(mixed, 1e-300)))
        return value + (n0 * p0 - x0 * math.log(p0) if free else 0.0)

    plain = _fit_without_background(distribution)
    starts = [
        (min(plain.fraction, 0.95), plain.yield_),
        (0.5, max(2 * float(counts @ k) / counts.sum(), 0.05)),
        (0.1, max(float(k[counts > 0].max()) / 2, 0.5)),
    ]
    bounds = [(1e-6, 1.0), (1e-6, 60.0)] + ([(1e-9, None)] if free else [])
    fits = [
        minimize(
            negative,
            [*start, background.rate] if free else start,
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
        )
        for start in starts
    ]
    best = min(fits, key=lambda one: one.fun).x
    f, lam = float(best[0]), float(best[1])
    p0 = float(best[2]) if free else background.rate
    information = counts.sum() * expected_information(f, lam, p0)
    inner = np.linalg.pinv(information[:2, :2])
    by_background = float(-(inner @ information[:2, 2])[1])
    covariance = np.zeros((3, 3))
    if free:
        information[2, 2] += n0 / p0
        covariance = np.linalg.pinv(information)
    else:
        covariance[:2, :2] = inner
    return ContaminatedFit(f, lam, p0, covariance, by_background)


def expected_information(f, lam, p0):
    """Fisher information of one cell on (f, lambda, p_0)."""
    k = np.arange(int(poisson.ppf(1 - 1e-12, lam + p0)) + 3)
    exposed, unexposed = poisson.pmf(k, lam + p0), poisson.pmf(k, p0)
    mixed = (1 - f) * unexposed + f * exposed
    by_exposed = np.concatenate([[0], exposed[:-1]]) - exposed
    by_unexposed = np.concatenate([[0], unexposed[:-1]]) - unexposed
    gradient = np.stack(
        [exposed - unexposed, f * by_exposed, f * by_exposed + (1 - f) * by_unexposed]
    )
    return (gradient / mixed) @ gradient.T
