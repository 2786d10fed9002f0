"""What could hide: the partial exposures that a sample called whole-body still allows.

A test that finds no partial exposure may have had no power to find one. The joint likelihood of
dose and part (:mod:`dicentlib.dose.joint`) says which of them agree with the counts, and the power
of the test says how often it would have called them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from dicentlib.counts.dispersion_power import dispersion_power
from dicentlib.dose.bayesian import HIGHEST_GY
from dicentlib.dose.joint import JointLikelihood, scored_fraction
from dicentlib.dose.result import plain

N_DOSES = 100
SMALLEST = 1e-4  # part of the body
SHOWN_GY = 3.0  # named where small parts may have any dose


@dataclass(frozen=True)
class HiddenPart:
    """Region of doses and parts of the body that agree with the counts.

    At each of ``doses_gy`` (n,) the parts from ``smallest`` to ``largest`` agree at ``level`` (two
    parameters jointly); both are NaN where none does. ``dose_gy`` is the highest dose of the
    region and ``fraction`` the largest part with it; where the region has no highest dose up to
    10 Gy, ``dose_gy`` is infinite and ``fraction`` the largest part with 3 Gy. ``power`` is the
    probability that the dispersion test calls a partial exposure in as many cells: of half of the
    body with ``half_gy``, which gives the yield of the sample, or, where that is not above the
    background, the one named first.
    """

    level: float
    n_cells: int
    doses_gy: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray
    dose_gy: float
    fraction: float
    half_gy: float
    power: float

    def to_dict(self):
        """Plain content for JSON."""
        return plain(vars(self)) | {"explanation": self.explain()}

    def explain(self):
        """One sentence for a report."""
        part = f"{self.fraction:.0%}" if self.fraction >= 0.005 else f"{self.fraction:.1%}"
        if np.isinf(self.dose_gy):
            found = (
                f"The counts set no limit to the dose of a small part: {SHOWN_GY:g} Gy to {part} "
                f"of the body still agrees with them ({self.level:.0%})"
            )
        else:
            found = (
                f"A partial exposure of up to {self.dose_gy:.1f} Gy, to {part} of the body, still "
                f"agrees with the counts ({self.level:.0%})"
            )
        called = "one like it"
        if np.isfinite(self.half_gy):
            called = f"half-body exposures of the same yield ({self.half_gy:.1f} Gy)"
        return (
            f"{found}; the dispersion test would detect {called} in {self.power:.0%} of samples of "
            f"{self.n_cells} cells."
        )


def hidden_part(sample, detected, expected, *, d0_gy=2.7, level=0.95):
    """The partial exposures that the counts still allow, and the power of the test to call them.

    Parameters
    ----------
    sample : Sample
        With its distribution.
    detected : DetectedCurve
        Unexposed cells have its yield at 0 Gy.
    expected : ExpectedDispersion
        What the test compares with.
    d0_gy, level : float

    Returns
    -------
    HiddenPart
    """
    background = float(detected.mean_at(0.0))
    highest = min(HIGHEST_GY, detected.summit_gy())
    doses = np.linspace(highest / N_DOSES, highest, N_DOSES)
    if background < sample.yield_ <= float(detected.mean_at(highest)):
        doses = np.union1d(doses, [detected.dose_at(sample.yield_)])
    law = {"mean_at": detected.mean_at, "variance_at": detected.variance_at}
    law |= {"background": background, "d0_gy": d0_gy}
    cut = chi2.ppf(level, 2) / 2
    joint = JointLikelihood.of(sample.distribution, doses_gy=doses, **law)
    best, log = _best_parts(joint)
    seen = np.flatnonzero(log >= log.max() - cut)
    endless = seen[-1] == len(doses) - 1 and highest == HIGHEST_GY
    if not endless:  # once more, on the doses that may agree alone
        ends = doses[max(seen[0] - 1, 0)], doses[min(seen[-1] + 1, len(doses) - 1)]
        doses = np.linspace(*ends, N_DOSES)
        joint = JointLikelihood.of(sample.distribution, doses_gy=doses, **law)
        best, log = _best_parts(joint)
    least = log.max() - cut
    allowed = log >= least
    ends = [
        np.where(allowed, _end(joint, best, np.full(len(doses), end), least), np.nan)
        for end in (SMALLEST, 1.0)
    ]
    last = int(np.argmin(np.abs(doses - SHOWN_GY)) if endless else np.flatnonzero(allowed)[-1])
    shown_gy, fraction = float(doses[last]), float(ends[1][last])
    dose = np.inf if endless else shown_gy
    half_gy = _half_body_dose(sample.yield_, detected, highest, d0_gy)
    called = (0.5, half_gy) if np.isfinite(half_gy) else (fraction, shown_gy)
    power = np.nan
    if np.isfinite(called[0]):
        means = (background, float(detected.mean_at(called[1])))
        scored = float(scored_fraction(*called, d0_gy))
        power = dispersion_power(sample.n_cells, scored, means, expected)
    return HiddenPart(level, sample.n_cells, doses, *ends, dose, fraction, half_gy, power)


def _half_body_dose(yield_, detected, highest, d0_gy):
    """Dose to half of the body that gives the yield; NaN without one up to `highest`."""
    doses = np.linspace(0.02, 1, 200) * highest
    background = float(detected.mean_at(0.0))
    excess = scored_fraction(0.5, doses, d0_gy) * (detected.mean_at(doses) - background)
    reached = excess >= yield_ - background
    if yield_ <= background or not reached.any():
        return np.nan
    return float(doses[np.argmax(reached)])


def _best_parts(joint):
    """The likeliest part at each dose, by golden sections, and its log-likelihood."""
    ratio = (np.sqrt(5) - 1) / 2
    n = len(joint.doses_gy)
    low, high = np.full(n, np.log(SMALLEST)), np.zeros(n)
    for _ in range(30):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        better = joint.at(np.exp(first)) >= joint.at(np.exp(second))
        low, high = np.where(better, low, first), np.where(better, second, high)
    best = np.exp((low + high) / 2)
    log = joint.at(best)
    for end in (SMALLEST, 1.0):
        at_end = joint.at(np.full(n, end))
        best, log = np.where(at_end > log, end, best), np.maximum(log, at_end)
    return best, log


def _end(joint, best, end, least):
    """The part between `best` and `end` at which the likelihood falls to `least`; else `end`."""
    inside, outside = np.log(best), np.log(end)
    reached = joint.at(end) >= least
    for _ in range(25):
        middle = (inside + outside) / 2
        holds = joint.at(np.exp(middle)) >= least
        inside, outside = np.where(holds, middle, inside), np.where(holds, outside, middle)
    return np.where(reached, end, np.exp(inside))
