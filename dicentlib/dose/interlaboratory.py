"""Interlaboratory exercises: robust mean and spread of the doses, and a z-score for each."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from dicentlib.counts.checked import number, numbers
from dicentlib.errors import InputError

HUBER = 1.5


@dataclass(frozen=True)
class Robust:
    """Robust ``mean`` and standard deviation ``sd`` of ``n`` values, by ``method``."""

    method: str
    mean: float
    sd: float
    n: int


def algorithm_a(values):
    """Robust mean and standard deviation: ISO 13528's algorithm A in Huber's form (proposal 2).

    From the median and 1.4826 MAD, until nothing changes,

    .. math:: x_i^* = \\mathrm{clip}(x_i, \\mu \\pm 1.5 s), \\quad \\mu = \\bar{x^*}, \\quad
              s^2 = \\frac{\\sum (x_i^* - \\mu)^2}{(n-1) B}, \\quad
              B = \\theta + k^2 (1 - \\theta) - 2 k \\varphi(k), \\quad \\theta = 2 \\Phi(k) - 1

    Examples
    --------
    >>> found = algorithm_a([3.65, 2.5, 4.85])
    >>> round(found.mean, 5), round(found.sd, 5)
    (3.66667, 1.33184)
    """
    x = _values(values)
    theta = 2 * norm.cdf(HUBER) - 1
    b = theta + HUBER**2 * (1 - theta) - 2 * HUBER * norm.pdf(HUBER)
    mean = float(np.median(x))
    sd = 1.4826 * float(np.median(np.abs(x - mean)))
    for _ in range(10_000):
        clipped = np.clip(x, mean - HUBER * sd, mean + HUBER * sd)
        before = mean, sd
        mean = float(clipped.mean())
        sd = math.sqrt(float(np.sum((clipped - mean) ** 2)) / (len(x) - 1) / b)
        if abs(mean - before[0]) + abs(sd - before[1]) < 1e-12 * (1 + abs(mean)):
            break
    return Robust("algorithm A", mean, sd, len(x))


def q_hampel(values):
    """Robust spread by the Q method and mean by Hampel's estimator (ISO 13528, annex C.5).

    With H(q) the share of differences ``|x_i - x_j|``, i < j, up to q, and G through the points
    (q, mean of H before and at q) at its jumps, linear between,

    .. math:: s = \\frac{G^{-1}(0.25 + 0.75 H(0))}{\\sqrt 2\\, \\Phi^{-1}(0.625 + 0.375 H(0))}

    The mean solves sum psi((x_i - m)/s) = 0 nearest to the median, psi rising to 1.5, flat to 3
    and falling to 0 at 4.5.

    Examples
    --------
    >>> found = q_hampel([3.65, 2.5, 4.85])
    >>> round(found.mean, 4), round(found.sd, 3)
    (3.6667, 2.58)
    """
    x = _values(values)
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[i] - x[j])
    jumps, counts = np.unique(apart[apart > 0], return_counts=True)
    at_zero = float(np.mean(apart == 0))
    if not len(jumps):
        return Robust("Q/Hampel", float(x[0]), 0.0, len(x))
    at = at_zero + np.append(0.0, np.cumsum(counts)) / len(apart)
    level = np.append(at_zero, (at[1:] + at[:-1]) / 2)
    inverse = np.interp(0.25 + 0.75 * at_zero, level, np.append(0.0, jumps))
    sd = float(inverse / (math.sqrt(2) * norm.ppf(0.625 + 0.375 * at_zero)))

    def total(mean):
        z = (x - mean) / sd
        size = np.abs(z)
        return float(np.sum(np.sign(z) * np.clip(np.minimum(size, 4.5 - size), 0.0, HUBER)))

    median = float(np.median(x))
    steps = np.unique(np.concatenate([[median], median + sd * np.linspace(-6, 6, 1201)]))
    sums = np.array([total(step) for step in steps])
    roots = [
        float(brentq(total, low, high)) if left * right < 0 else float(low)
        for low, high, left, right in zip(steps[:-1], steps[1:], sums[:-1], sums[1:], strict=True)
        if left * right < 0 or left == 0
    ]
    near = min(roots, key=lambda root: abs(root - median)) if roots else median
    return Robust("Q/Hampel", near, sd, len(x))


METHODS = {"algorithm A": algorithm_a, "Q/Hampel": q_hampel}


def z_scores(doses, *, reference_gy=None, sd_gy=None, method="algorithm A"):
    """z of each laboratory's dose in an exercise (ISO 13528; ISO 19238 names ``|z|`` <= 2 and 3).

    .. math:: z_i = \\frac{x_i - x_{ref}}{\\sqrt{s^2 + u_{ref}^2}}

    u_ref is 0 for a known reference dose, 1.25 s / sqrt(n) for the consensus of the laboratories.

    Parameters
    ----------
    doses : dict
        Laboratory (or scorer) to its dose in Gy; three or more.
    reference_gy : float, optional
        The dose given, if known; else the robust mean.
    sd_gy : float, optional
        The standard deviation to judge by; else the robust one.
    method : {"algorithm A", "Q/Hampel"}

    Returns
    -------
    DataFrame
        ``laboratory, dose_gy, z, verdict`` ("satisfactory" to 2, "questionable" below 3, else
        "unsatisfactory"); ``attrs`` hold ``reference_gy``, ``sd_gy``, ``reference_error_gy``.

    Examples
    --------
    >>> table = z_scores({"A": 1.9, "B": 2.1, "C": 2.0, "D": 2.05, "E": 3.4}, reference_gy=2.0)
    >>> table["verdict"].to_list()[-1]
    'unsatisfactory'
    """
    if not isinstance(doses, dict) or len(doses) < 3:
        raise InputError(f"doses: expected three laboratories or more, found {doses!r}")
    if method not in METHODS:
        raise InputError(f"method is {method!r}: expected one of {', '.join(METHODS)}")
    x = _values(list(doses.values()))
    if np.any(x < 0):
        raise InputError(f"doses has {x.min():g} Gy: expected doses of 0 Gy or more")
    robust = METHODS[method](x)
    sd = robust.sd if sd_gy is None else number("sd_gy", sd_gy, least=0, open_ends=True, unit=" Gy")
    if sd == 0:
        raise InputError("the doses do not differ: without a spread (sd_gy) there is no z")
    known = reference_gy is not None
    reference = number("reference_gy", reference_gy, least=0, unit=" Gy") if known else robust.mean
    error = 0.0 if known else 1.25 * sd / math.sqrt(len(x))
    z = (x - reference) / math.hypot(sd, error)
    size = np.abs(z)
    verdicts = np.select([size <= 2, size < 3], ["satisfactory", "questionable"], "unsatisfactory")
    table = pd.DataFrame({"laboratory": list(doses), "dose_gy": x, "z": z, "verdict": verdicts})
    table.attrs = {"reference_gy": reference, "sd_gy": sd, "reference_error_gy": error}
    return table


def _values(values):
    x = numbers(values, f"values are {values!r}: expected numbers")
    if x.ndim != 1 or len(x) < 3 or not np.all(np.isfinite(x)):
        raise InputError(f"expected three finite values or more, found {values!r}")
    return x
