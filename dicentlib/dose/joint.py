"""Joint likelihood of the dose and of the part of the body that received it.

A fraction F of the body, of lymphocytes that reach metaphase with probability e^(-D/D_0) where
exposed, is the fraction f of the scored cells:

.. math:: f = \\frac{F}{F + (1 - F) e^{D/D_0}}

The exposed yield is only known up to the curve's variance v(D); of its values m(D) + z sqrt(v(D))
the likeliest is taken, at a price of z^2/2.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from dicentlib.counts.sample import trimmed
from dicentlib.dose.count_law import poisson_pmf
from dicentlib.errors import InputError

N_DOSES = 80
DEVIATIONS = np.linspace(-3, 3, 25)  # standard errors of the curve


@dataclass(frozen=True)
class JointLikelihood:
    """Log-likelihood of (F, D), the exposed yield taken at its best.

    ``doses_gy`` (n,) are its doses; ``background`` p_0 of unexposed cells is held.
    """

    counts: np.ndarray
    doses_gy: np.ndarray
    unexposed: np.ndarray
    exposed: np.ndarray
    price: np.ndarray
    d0_gy: float

    @classmethod
    def of(cls, distribution, *, doses_gy, mean_at, variance_at, background, d0_gy):
        """`mean_at`, `variance_at`: yield of exposed cells and its variance at each dose."""
        counts = np.asarray(trimmed(distribution), dtype=float)
        doses = np.asarray(doses_gy, dtype=float)
        mean, error = mean_at(doses), np.sqrt(variance_at(doses))
        yields = mean[:, None] + DEVIATIONS * error[:, None]
        price = np.where(yields > background, DEVIATIONS**2 / 2, np.inf)
        price[:, len(DEVIATIONS) // 2] = 0.0  # the curve itself is always allowed
        return cls(
            counts,
            doses,
            poisson_pmf(len(counts), background),
            poisson_pmf(len(counts), np.maximum(yields, background)),
            price,
            d0_gy,
        )

    def at(self, fraction):
        """Log-likelihood (n,) at each dose, with a part F (one, or one per dose) exposed."""
        scored = scored_fraction(fraction, self.doses_gy, self.d0_gy)[:, None, None]
        mixed = np.maximum((1 - scored) * self.unexposed + scored * self.exposed, 1e-300)
        return (np.log(mixed) @ self.counts - self.price).max(axis=1)


def scored_fraction(fraction, dose_gy, d0_gy=2.7):
    """Share of exposed cells among scored ones, of a `fraction` of the body exposed to `dose_gy`.

    .. math:: f = \\frac{F e^{-D/D_0}}{1 - F + F e^{-D/D_0}}

    (IAEA 2011 eq. 14, solved for f). `d0_gy` infinite: all exposed cells reach metaphase.

    Examples
    --------
    >>> round(float(scored_fraction(0.5, 2.7)), 3)
    0.269
    """
    fraction = np.asarray(fraction, dtype=float)
    if not np.all((fraction >= 0) & (fraction <= 1)):
        raise InputError(f"fraction is {fraction}: expected a part of the body from 0 to 1")
    if not d0_gy > 0:
        raise InputError(f"d0_gy is {d0_gy}: expected more than 0 Gy")
    growth = np.exp(np.minimum(np.asarray(dose_gy, dtype=float) / d0_gy, 500.0))
    return fraction / (fraction + (1 - fraction) * growth)


def body_fraction(scored, dose_gy, d0_gy):
    """Inverse of :func:`scored_fraction`, and its derivatives by the scored share and the dose.

    .. math:: F = \\frac{f e^{D/D_0}}{1 - f + f e^{D/D_0}}
    """
    growth = np.exp(np.minimum(dose_gy / d0_gy, 300.0))  # its square is still a number
    total = 1 - scored + scored * growth
    body = scored * growth / total
    return body, growth / total**2, body * (1 - body) / d0_gy


def fraction_limits(joint, fraction, *, level):
    """Limits of the part F by profile likelihood; 0 and 1 where the likelihood sets none."""
    parts = np.concatenate([[1e-6], np.linspace(0.01, 1, 60)])
    best = max(joint.at(part).max() for part in (fraction, *parts))

    def inside(part):
        return joint.at(part).max() - best + chi2.ppf(level, 1) / 2

    lower, upper = 0.0, 1.0
    if inside(fraction) <= 0:  # the grid of doses misses the optimum by rounding
        return fraction, fraction
    if inside(1e-6) < 0:
        lower = float(brentq(inside, 1e-6, fraction, xtol=1e-5))
    if fraction < 1 and inside(1.0) < 0:
        upper = float(brentq(inside, fraction, 1.0, xtol=1e-5))
    return lower, upper
