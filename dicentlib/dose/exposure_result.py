"""Prior and result of :func:`dicentlib.dose.exposure.exposure_posterior`."""

import math
from dataclasses import dataclass, field, fields

import numpy as np

from dicentlib.counts.checked import number
from dicentlib.dose.bayesian import HIGHEST_GY
from dicentlib.dose.result import plain


@dataclass(frozen=True)
class ExposurePrior:
    """What is thought of an exposure before the counts.

    ``p_partial`` is the probability that only a part of the body was exposed; the exposed fraction
    then has a beta law with ``a`` and ``b`` (1 and 1: all fractions alike). The dose, to the body
    or to its part, is uniform from 0 to ``highest_gy``.
    """

    p_partial: float = 0.5
    a: float = 1.0
    b: float = 1.0
    highest_gy: float = HIGHEST_GY

    def __post_init__(self):
        number("p_partial", self.p_partial, least=0, most=1)
        for name in ("a", "b"):
            number(f"{name} of the fraction's beta law", getattr(self, name), least=1, most=1000)
        number("highest_gy", self.highest_gy, least=0.01, most=100, unit=" Gy")

    def __str__(self):
        law = "uniform" if self.a == self.b == 1 else f"beta({self.a:g}, {self.b:g})"
        return (
            f"P(partial) {self.p_partial:g}, exposed fraction of the body {law}, dose uniform from "
            f"0 to {self.highest_gy:g} Gy"
        )


DEFAULT_PRIOR = ExposurePrior()
LOCAL_PRIOR = ExposurePrior(p_partial=0.9)  # the history speaks for local exposure


@dataclass(frozen=True)
class Quantity:
    """Posterior ``median`` with the shortest interval that holds the level."""

    median: float
    lower: float
    upper: float

    def __str__(self):
        return f"{self.median:.2f} ({self.lower:.2f} to {self.upper:.2f})"


@dataclass(frozen=True)
class ExposurePosterior:
    """What the counts leave of both hypotheses.

    ``p_partial`` is the probability of a partial exposure. ``exposed_gy`` is the dose to the
    exposed part (the whole body where that was exposed), ``equivalent_gy`` the whole-body
    equivalent: the dose of a whole-body exposure with the same mean yield. ``fraction`` is of the
    body, given that a part was exposed. The intervals of the two doses are over both hypotheses.
    ``joint`` (dose, fraction) is the density of the partial exposures at ``joint_dose_gy`` and
    ``joint_fraction``.
    """

    p_partial: float
    exposed_gy: Quantity
    equivalent_gy: Quantity
    fraction: Quantity
    level: float
    prior: ExposurePrior
    warnings: tuple
    joint_dose_gy: np.ndarray = field(repr=False)
    joint_fraction: np.ndarray = field(repr=False)
    joint: np.ndarray = field(repr=False)

    @property
    def p_in_words(self):
        """P(partial) with two digits; "< 0.001" and "> 0.999" at the ends."""
        if self.p_partial < 0.001:
            return "< 0.001"
        return "> 0.999" if self.p_partial > 0.999 else f"{self.p_partial:.2g}"

    def explain(self):
        """Three sentences for a report."""
        part = self.fraction
        return (
            f"If there was an exposure, it was partial with probability {self.p_in_words} "
            f"({self.prior.p_partial:g} before the counts). Dose to the exposed part "
            f"{self.exposed_gy} Gy, whole-body equivalent {self.equivalent_gy} Gy "
            f"({self.level:.0%} intervals over both possibilities). If a part was exposed, it is "
            f"{part.median:.0%} ({part.lower:.0%} to {part.upper:.0%}) of the body."
        )

    def compare(self, estimate):
        """One sentence: whether the classical `estimate` agrees with this posterior."""
        if not estimate.estimable:
            return "The classical route has no dose to compare with."
        own = self.exposed_gy
        dose, low, high = estimate.dose_gy, estimate.lower_gy, estimate.upper_gy
        limits = f"{low:.2f} to {high:.2f}" if math.isfinite(high) else f"{low:.2f} and more"
        text = (
            f"Classical ({estimate.method}): {dose:.2f} Gy ({limits}); posterior of the exposed "
            f"part's dose: {own} Gy. "
        )
        if not own.lower <= dose <= own.upper:
            return text + "They contradict each other."
        if own.upper > high + 0.25 * (high - low) or own.lower < low - 0.25 * (high - low):
            return text + "The posterior is wider: it keeps the possibility that was not chosen."
        return text + "They agree."

    def to_dict(self):
        """Plain numbers for JSON, without the densities."""
        return plain({one.name: getattr(self, one.name) for one in fields(self) if one.repr})
