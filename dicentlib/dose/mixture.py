"""Two doses in one sample: a mixture of two Poisson laws (Pujol et al. 2016).

.. math:: P(k) = w\\,\\mathrm{Pois}(k; \\lambda_1) + (1-w)\\,\\mathrm{Pois}(k; \\lambda_2),
          \\quad \\lambda_1 \\ge \\lambda_2
"""

import math

import numpy as np
from scipy.optimize import minimize
from scipy.stats import poisson

from dicentlib.counts.checked import number
from dicentlib.counts.sample import trimmed
from dicentlib.dose.checks import estimate_of
from dicentlib.dose.joint import body_fraction
from dicentlib.dose.result import MixtureEstimate
from dicentlib.dose.whole_body import dose_variance, normal_quantile
from dicentlib.errors import InputError

LOWEST_YIELD = 0.01
FRACTIONS = (0.01, 0.99)


def mixture(sample, curve, *, level=0.95, d0_gy=2.7):
    """Two doses, each with its interval, and the parts of the body that got them.

    The yields are kept at 0.01 or more and the fraction of cells within 0.01 to 0.99, as in the
    reference implementations; a fit on a bound, or one whose two yields are not distinct, has
    ``resolved`` False and says what to use instead.

    Parameters
    ----------
    sample : Sample
        With its distribution.
    curve : CalibrationCurve
    level : float in (0, 1)
    d0_gy : float
        Dose that lets 37 % of cells reach metaphase; turns fractions of cells into fractions of
        the body.

    Returns
    -------
    MixtureEstimate

    Raises
    ------
    InputError
        No distribution, no dicentrics, or both yields so far below the curve's background that
        no dose agrees with them.
    """
    z = normal_quantile(level)
    number("d0_gy", d0_gy, least=0, open_ends=True, unit=" Gy")
    if sample.distribution is None:
        raise InputError("mixture needs the cells with 0, 1, 2 ... dicentrics, not only the sums")
    if sample.n_dicentrics == 0:
        raise InputError("mixture needs dicentrics: none were found")
    distribution = trimmed(sample.distribution)
    w, first, second = fit_mixture(distribution)
    covariance, regular = _covariance(distribution, w, first, second)
    errors = np.sqrt(np.diag(covariance))
    dose, error, *limits = _dose(first, errors[1], curve, z)
    second_dose, second_error, *second_limits = _dose(second, errors[2], curve, z)
    if limits[1] <= 0:
        raise InputError(
            f"both yields, {first:.3g} and {second:.3g}, lie so far below the curve's background "
            f"{curve.coefficients[0]:.3g} that no dose agrees with them: check that the curve is "
            "of the same scorer"
        )

    # A lower yield on its bound is no dose: its cells count as unexposed.
    gap = dose - (0.0 if second <= LOWEST_YIELD else second_dose)
    body, by_w, by_dose = map(float, body_fraction(w, gap, d0_gy))
    body_error = math.sqrt(
        (by_w * errors[0]) ** 2 + (by_dose * error) ** 2 + (by_dose * second_error) ** 2
    )
    notes = []
    reason = _unresolved(w, first, second, errors, covariance, regular, z)
    if reason:
        notes.append(f"Two doses are not resolved: {reason}")
    if second_limits[1] <= 0:
        second_limits[1] = math.nan
        notes.append(
            f"The lower yield {second:.3g} lies so far below the curve's background that no dose "
            "agrees with it: its upper limit is not known."
        )
    return estimate_of(
        sample,
        curve,
        MixtureEstimate,
        method="mixture",
        dose=(dose, *limits),
        yields=(first, max(first - z * errors[1], 0.0), first + z * errors[1]),
        level=level,
        second_dose_gy=second_dose,
        second_lower_gy=second_limits[0],
        second_upper_gy=second_limits[1],
        second_yield=second,
        second_yield_lower=max(second - z * errors[2], 0.0),
        second_yield_upper=second + z * errors[2],
        scored_fraction=w,
        fraction=body,
        second_fraction=1 - body,
        fraction_error=body_error,
        fraction_lower=max(body - z * body_error, 0.0),
        fraction_upper=min(body + z * body_error, 1.0),
        d0_gy=d0_gy,
        resolved=not reason,
        notes=notes,
        assumptions=[f"Two parts of the body, each exposed to one dose; D0 = {d0_gy:g} Gy."],
    )


def fit_mixture(distribution):
    """(w, lambda_1, lambda_2) of greatest likelihood, lambda_1 >= lambda_2, within the bounds."""
    counts = np.asarray(distribution, dtype=float)
    k = np.arange(len(counts))
    mean = float(counts @ k) / counts.sum()
    damaged = float(counts @ k) / max(counts[1:].sum(), 1)
    starts = [
        (0.5, 1.5 * mean, 0.5 * mean),
        (min(max(counts[1:].sum() / counts.sum(), 0.02), 0.98), damaged, 0.02),
        (0.1, max(k[counts > 0].max() / 2, damaged), mean / 2),
    ]
    bounds = [FRACTIONS, (LOWEST_YIELD, None), (LOWEST_YIELD, None)]
    fits = [
        minimize(
            _negative,
            _expectation_maximisation(np.array(start), counts, k),
            args=(counts, k),
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
        )
        for start in starts
    ]
    w, first, second = (float(v) for v in min(fits, key=lambda one: one.fun).x)
    return (w, first, second) if first >= second else (1 - w, second, first)


def _expectation_maximisation(theta, counts, k):
    w, first, second = theta
    for _ in range(100):
        one = w * poisson.pmf(k, first)
        share = one / np.maximum(one + (1 - w) * poisson.pmf(k, second), 1e-300)
        inside = counts * share
        outside = counts - inside
        w = float(np.clip(inside.sum() / counts.sum(), *FRACTIONS))
        first = max(float(inside @ k) / max(inside.sum(), 1e-12), LOWEST_YIELD)
        second = max(float(outside @ k) / max(outside.sum(), 1e-12), LOWEST_YIELD)
    return np.array([w, first, second])


def _negative(theta, counts, k):
    w, first, second = theta
    mixed = w * poisson.pmf(k, first) + (1 - w) * poisson.pmf(k, second)
    return -float(np.sum(counts * np.log(np.maximum(mixed, 1e-300))))


def _covariance(distribution, w, first, second):
    """Inverse observed information of (w, lambda_1, lambda_2), and whether it is regular."""
    counts = np.asarray(distribution, dtype=float)
    k = np.arange(len(counts))
    p1, p2 = poisson.pmf(k, first), poisson.pmf(k, second)
    mixed = np.maximum(w * p1 + (1 - w) * p2, 1e-300)
    slope1, slope2 = (p * (k / v - 1) for p, v in ((p1, first), (p2, second)))
    bend1, bend2 = (p * ((k / v - 1) ** 2 - k / v**2) for p, v in ((p1, first), (p2, second)))
    gradient = np.stack([p1 - p2, w * slope1, (1 - w) * slope2])
    second_derivative = np.zeros((3, 3, len(k)))
    second_derivative[0, 1] = second_derivative[1, 0] = slope1
    second_derivative[0, 2] = second_derivative[2, 0] = -slope2
    second_derivative[1, 1], second_derivative[2, 2] = w * bend1, (1 - w) * bend2
    outer = gradient[:, None] * gradient[None]
    information = np.sum(counts * (outer / mixed**2 - second_derivative / mixed), axis=-1)
    if np.linalg.eigvalsh(information).min() > 1e-9 * np.abs(information).max():
        return np.linalg.inv(information), True
    return np.diag(1 / np.maximum(np.diag(information), 1e-12)), False


def _dose(yield_, error, curve, z):
    """Dose, its standard error and limits; a lowest yield is a dose of the curve like any other."""
    dose = float(curve.dose_at(yield_))
    if dose == 0:
        upper = float(curve.dose_at(yield_ + z * error))
        return 0.0, upper / z, 0.0, upper
    sd = math.sqrt(dose_variance(dose, curve, error**2))
    return dose, sd, max(dose - z * sd, 0.0), dose + z * sd


def _unresolved(w, first, second, errors, covariance, regular, z):
    if second <= LOWEST_YIELD * 1.001:
        return (
            f"the lower yield is on its bound of {LOWEST_YIELD}, so its error means nothing. Use "
            "the partial-body dose (dolphin)."
        )
    if not FRACTIONS[0] * 1.001 < w < FRACTIONS[1] * 0.999 or not regular:
        return "one part holds next to no cells. Use the whole-body dose."
    difference = math.sqrt(max(errors[1] ** 2 + errors[2] ** 2 - 2 * covariance[1, 2], 1e-300))
    if first - second < z * difference:
        return "the two yields agree within their errors. Use the whole-body dose."
    return ""
