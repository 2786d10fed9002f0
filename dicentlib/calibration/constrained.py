"""Poisson maximum likelihood with an identity link and coefficients that may not be negative.

The plain fit (iteratively reweighted least squares) fails where a step makes an expected count
zero or negative. The likelihood is concave in the coefficients, so the constrained optimum is
unique up to collinear columns.
"""

import numpy as np
from scipy.optimize import minimize

from dicentlib.errors import InputError


def fit_nonnegative(design, counts, offset, weights):
    """Maximise the Poisson likelihood of ``counts ~ offset + design @ b`` subject to b >= 0.

    Parameters
    ----------
    design : ndarray (n, p), not negative
    counts, offset, weights : ndarray (n,), not negative

    Returns
    -------
    coefficients : ndarray (p,)
    information_inverse : ndarray (p, p)
        Inverse Fisher information of the coefficients inside the bounds; rows and columns of
        coefficients on the bound are zero.
    """
    scale = np.maximum(design.max(axis=0), 1e-300)
    columns = design / scale

    def negative(b):
        mu = offset + columns @ b
        bad = (mu <= 0) & (counts > 0)
        if np.any(bad):
            return np.inf, np.zeros_like(b)
        ratio = np.divide(counts, mu, out=np.zeros_like(mu), where=counts > 0)
        log_mu = np.log(mu, out=np.zeros_like(mu), where=counts > 0)
        value = np.sum(weights * (mu - counts * log_mu))
        return value, columns.T @ (weights * (1 - ratio))

    # Multiplicative (EM) steps stay inside the bounds from any positive start.
    b = np.full(columns.shape[1], max(counts.sum(), 1.0) / columns.sum())
    for _ in range(200):
        mu = offset + columns @ b
        b = b * (columns.T @ (weights * counts / mu)) / (columns.T @ weights)
        b = np.maximum(b, 1e-12)
    found = minimize(
        negative,
        b,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(b),
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
    )
    b = _newton(columns, counts, offset, weights, found.x, negative)
    mu = offset + columns @ b
    _, gradient = negative(b)
    free = b > 0
    if np.any(np.abs(gradient[free]) > 1e-4 * max(counts.sum(), 1)):
        raise InputError(
            "The constrained fit did not converge; its best estimate is "
            f"{(b / scale).tolist()} per unit of the design's columns"
        )
    inverse = np.zeros((len(b), len(b)))
    used = mu > 0
    rows = columns[used][:, free] * np.sqrt(weights[used] / mu[used])[:, None]
    inverse[np.ix_(free, free)] = np.linalg.inv(rows.T @ rows)
    return b / scale, inverse / np.outer(scale, scale)


def _newton(columns, counts, offset, weights, b, negative):
    """Polish the coefficients off the bound; those whose gradient points out of it stay on it."""
    b = np.where(b < 1e-7 * max(b.max(), 1e-12), 0.0, b)
    if not np.isfinite(negative(b)[0]):
        return np.maximum(b, 1e-12)
    for _ in range(20):
        value, gradient = negative(b)
        free = (b > 0) | (gradient < 0)
        mu = offset + columns @ b
        curvature = np.divide(weights * counts, mu**2, out=np.zeros_like(mu), where=counts > 0)
        hessian = (columns[:, free].T * curvature) @ columns[:, free]
        step = np.zeros_like(b)
        step[free] = np.linalg.lstsq(hessian, -gradient[free], rcond=None)[0]
        trial = np.maximum(b + step, 0.0)
        if negative(trial)[0] > value:
            break
        moved = np.max(np.abs(trial - b))
        b = trial
        if moved <= 1e-14 * max(b.max(), 1e-300):
            break
    return b
