"""Poisson maximum likelihood with an identity link and coefficients that may not be negative.

Iteratively reweighted least squares, as of a generalised linear model, fail where a step makes an
expected count zero or negative, and stop short of a maximum on the bound. The likelihood is concave
in the coefficients, so the constrained optimum is unique up to collinear columns.
"""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

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
    b = _newton(columns, counts, offset, weights, b, negative)
    mu = offset + columns @ b
    _, gradient = negative(b)
    free = b > 0
    tolerance = 1e-4 * max(counts.sum(), 1)
    if np.any(np.abs(gradient[free]) > tolerance) or np.any(gradient[~free] < -tolerance):
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
    """Newton's method, each parabola minimised within the bounds, a step too long halved."""
    for _ in range(100):
        value, gradient = negative(b)
        b = np.where((b < 1e-7 * b.max()) & (gradient > 0), 0.0, b)
        value, gradient = negative(b)
        mu = offset + columns @ b
        curvature = np.divide(weights * counts, mu**2, out=np.zeros_like(mu), where=counts > 0)
        hessian = (columns.T * curvature) @ columns
        try:
            root = np.linalg.cholesky(hessian + 1e-10 * np.trace(hessian) * np.eye(len(b)))
        except np.linalg.LinAlgError:  # no curvature left: all expected counts are 0 or infinite
            return b
        lowest, _ = nnls(root.T, solve_triangular(root, root @ (root.T @ b) - gradient, lower=True))
        step, share = lowest - b, 1.0
        while share > 1e-9 and not negative(b + share * step)[0] < value:
            share /= 2
        if share <= 1e-9:
            return b
        b = b + share * step
        if np.max(np.abs(share * step)) <= 1e-14 * b.max():
            return b
    return b
