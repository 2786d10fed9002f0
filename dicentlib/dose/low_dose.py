"""Low doses: is there anything above the background, and what could have been seen?

Decision threshold and detection limit of a count (ISO 19238, annex F; ISO 11929), the doses that
they stand for, and the odds of a suspected dose (IAEA EPR-Biodosimetry 2011, section 9.7.4.2).
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, chi2, poisson

from dicentlib.counts.checked import number
from dicentlib.counts.sample import Sample
from dicentlib.dose.count_law import at_most, two_sided_p
from dicentlib.dose.detector import DetectedCurve, Detector
from dicentlib.errors import InputError

LARGEST_LOG = 700.0  # its exponential is still a number
USUAL_BACKGROUND = 0.001  # dicentrics per unexposed cell (IAEA 2011: 0.5 to 1 in 1000 cells)


def poisson_two_sample_p(count, n_cells, control_count, control_cells):
    """Two-sided exact p-value that two samples have the same yield.

    Given the sum of both counts, the first is binomial with probability N1/(N1 + N0); p adds up
    all outcomes that are not more probable than the one observed.

    Examples
    --------
    >>> round(poisson_two_sample_p(13, 1000, 1, 1000), 6)
    0.001831
    """
    sample = Sample.of(n_cells=n_cells, n_dicentrics=count)
    control = Sample.of(n_cells=control_cells, n_dicentrics=control_count)
    total = sample.n_dicentrics + control.n_dicentrics
    share = sample.n_cells / (sample.n_cells + control.n_cells)
    if total == 0:
        return 1.0
    return float(binomtest(sample.n_dicentrics, total, share).pvalue)


def decision_threshold(n_cells, *, control=None, background=None, alpha=0.05):
    """Largest count in `n_cells` cells that chance alone still explains.

    A sample exceeds it from one more dicentric on: the smallest count with p < `alpha` and a
    yield above the background.

    Parameters
    ----------
    n_cells : int
    control : (n_dicentrics, n_cells), optional
        Counts of unexposed cells; compared by :func:`poisson_two_sample_p`.
    background : float, optional
        A known background per cell instead; compared by the exact two-sided p-value of a Poisson
        count.
    alpha : float in (0, 1)
        Probability of a false decision.

    Examples
    --------
    >>> decision_threshold(500, control=(4, 1000))
    7
    """
    n = Sample.of(n_cells=n_cells, n_dicentrics=0).n_cells
    number("alpha", alpha, least=0, most=1, open_ends=True)
    if (control is None) == (background is None):
        raise InputError("expected either control=(n_dicentrics, n_cells) or background")
    if control is not None:
        known = checked_control(control)
        return _largest_by_chance(*_chance(n, known.n_dicentrics, known.n_cells), alpha)
    rate = number("background", background, least=0, unit=" per cell")
    return _largest_by_chance(*_chance(n, rate, None), alpha)


def _chance(n_cells, background, control_cells):
    """p-value of a count without a dose, as a function, and the count expected.

    `background` is a known rate, or with `control_cells` the dicentrics counted in these.
    """
    if control_cells is None:
        expected = n_cells * background
        return partial(two_sided_p, n_cells=1, mean=expected), expected
    known = {"control_count": background, "control_cells": control_cells}
    p_value = partial(poisson_two_sample_p, n_cells=n_cells, **known)
    return p_value, n_cells * background / control_cells


def _largest_by_chance(p_value, expected, alpha):
    """Largest count above `expected` with p of `alpha` or more; p falls with the count."""
    first = math.floor(expected) + 1
    step = 1
    while p_value(first + step) >= alpha:
        step *= 2
    return bisect_left(range(first, first + step), True, key=lambda x: p_value(x) < alpha) + (
        first - 1
    )


def detection_limit(threshold, *, beta=0.1):
    """Expected count that exceeds the decision `threshold` with probability 1 - `beta`.

    .. math:: \\tfrac12 \\chi^2_{1-\\beta}\\left(2 (y_d + 1)\\right)
    """
    number("threshold", threshold, least=-1)
    number("beta", beta, least=0, most=1, open_ends=True)
    return float(chi2.ppf(1 - beta, 2 * (threshold + 1)) / 2)


def odds(*, n_cells, n_dicentrics, curve, suspected_gy, detector=None):
    """Odds of no dose against `suspected_gy`: Pois(X; N C) / Pois(X; N Y(D)).

    Above 1 the counts speak for no exposure, below 1 for the suspected one (as of a badge); 0
    where the curve has no background to explain the dicentrics.
    """
    sample = Sample.of(n_cells=n_cells, n_dicentrics=n_dicentrics)
    number("suspected_gy", suspected_gy, least=0, unit=" Gy")
    detected = DetectedCurve(curve, detector or Detector())
    expected, none = (sample.n_cells * float(detected.mean_at(dose)) for dose in (suspected_gy, 0))
    if sample.n_dicentrics and none == expected == 0:  # neither dose can have the dicentrics
        return 1.0
    log = poisson.logpmf(sample.n_dicentrics, none) - poisson.logpmf(sample.n_dicentrics, expected)
    return float(np.exp(min(log, LARGEST_LOG)))


@dataclass(frozen=True)
class CharacteristicLimits:
    """What `n_cells` cells can distinguish from the background.

    Counts: ``threshold`` (the largest that is still background) and ``detection_limit``. Doses:
    ``resolvable_gy``, of the smallest count above the threshold, and ``detectable_gy``, of the
    detection limit. ``p_value`` and ``above`` are of the sample itself. ``source`` says where the
    ``background`` comes from: "control", "curve" or "assumed".
    """

    n_cells: int
    n_dicentrics: int
    background: float
    alpha: float
    beta: float
    p_value: float
    above: bool
    threshold: int
    detection_limit: float
    resolvable_gy: float
    detectable_gy: float
    source: str = "curve"

    def explain(self):
        """One sentence for a report."""
        verdict = "exceeds" if self.above else "does not exceed"
        assumed = ""
        if self.source == "assumed":
            assumed = (
                " The curve does not state a background, and the usual one of 1 in 1000 cells "
                "was assumed: give counts of unexposed cells (control)."
            )
        return (
            f"{self.n_dicentrics} dicentrics in {self.n_cells} cells {verdict} the decision "
            f"threshold of {self.threshold} (background {self.background:.4g} per cell, alpha "
            f"{self.alpha:g}). The smallest dose that this number of cells can show is "
            f"{self.resolvable_gy:.2g} Gy; {self.detectable_gy:.2g} Gy is detected with "
            f"probability {1 - self.beta:g}.{assumed}"
        )


def characteristic_limits(sample, curve, *, control=None, detector=None, alpha=0.05, beta=0.1):
    """Decision threshold, detection limit and their doses for one sample.

    `sample` is a :class:`Sample`; `control` is (n_dicentrics, n_cells) of unexposed cells, scored
    like the sample. Without it the
    background is the curve's C, or e C + p with a `detector`, as well known as by the Poisson
    count that has its variance; without a variance it is taken as known. A background of 0
    without a variance is none: the usual one (:data:`USUAL_BACKGROUND`) is then assumed, since
    unexposed people have dicentrics. Where the curve knows how much slides differ, that variance
    counts too.
    """
    number("alpha", alpha, least=0, most=1, open_ends=True)
    detected = DetectedCurve.of(sample, curve, detector=detector)
    n, count = sample.n_cells, sample.n_dicentrics
    if control is not None:
        known, source = checked_control(control), "control"
        pair, variance = (known.n_dicentrics, known.n_cells), known.yield_ / known.n_cells
    else:
        pair, variance = _equivalent_control(detected), float(detected.curve_variance_at(0.0))
        source = "curve" if pair[0] or pair[1] else "assumed"
    if source == "assumed":
        pair = USUAL_BACKGROUND, None
    p_value, expected = _chance(n, *pair)
    background = pair[0] / (pair[1] or 1)
    threshold, p = _largest_by_chance(p_value, expected, alpha), p_value(count)
    between = float(detected.slide_variance(background))
    if between > 0 and background > 0:  # slides can only raise what chance explains
        law = partial(two_sided_p, n_cells=n, mean=background, variance=variance + between)
        threshold = max(threshold, _largest_by_chance(law, expected, alpha))
        p = max(p, law(count))
    limit = _detected_count(threshold, beta, n, detected)
    resolvable, detectable = (_dose_or_infinity(detected, x / n) for x in (threshold + 1, limit))
    return CharacteristicLimits(
        n,
        count,
        background,
        alpha=alpha,
        beta=beta,
        p_value=p,
        above=count > threshold,
        threshold=threshold,
        detection_limit=limit,
        resolvable_gy=resolvable,
        detectable_gy=detectable,
        source=source,
    )


def checked_control(control, *, label="control"):
    """Counts of unexposed cells as a :class:`Sample`; swapped ones are refused."""
    expected = f"{label} is {control!r:.100}: expected (n_dicentrics, n_cells)"
    try:
        count, cells = control
        known = Sample.of(n_cells=cells, n_dicentrics=count)
    except InputError as error:
        raise InputError(f"{expected}; {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(expected) from error
    if known.yield_ > 1:
        raise InputError(f"{expected}; {known.yield_:.3g} dicentrics per unexposed cell")
    return known


def _detected_count(threshold, beta, n_cells, detected):
    """Expected count that exceeds the threshold with probability 1 - beta, slides counted."""
    limit = detection_limit(threshold, beta=beta)

    def missed(count):
        mean = count / n_cells
        return float(at_most(threshold, n_cells, mean, detected.slide_variance(mean))) - beta

    if detected.slide_variance(limit / n_cells) == 0:
        return limit
    high = 2 * limit
    while missed(high) > 0 and high < 1e3 * n_cells:
        high *= 2
    return float(brentq(missed, limit / 2, high)) if missed(high) < 0 else math.inf


def _dose_or_infinity(detected, yield_):
    """Dose of a yield; infinite where the curve never reaches it."""
    try:
        return detected.dose_at(yield_)
    except InputError:
        return math.inf


def _equivalent_control(detected):
    """Whole counts of unexposed cells that give the background about the variance it has.

    Without a variance the background itself, and None.
    """
    rate, variance = float(detected.mean_at(0.0)), float(detected.curve_variance_at(0.0))
    if variance <= 0:
        return rate, None
    count = round(rate**2 / variance)
    return count, max(round(count / rate if count else detected.unexposed_cells()), 1)
