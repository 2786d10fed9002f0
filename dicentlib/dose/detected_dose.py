"""Whole-body dose from detected dicentrics, every known uncertainty in one interval."""

import numpy as np

from dicentlib.counts.checked import number
from dicentlib.dose.bayesian import above_zero
from dicentlib.dose.checks import estimate_of
from dicentlib.dose.count_law import tail_probabilities
from dicentlib.dose.detector import detected_count
from dicentlib.dose.result import DetectorEstimate
from dicentlib.dose.whole_body import FARTHEST_GY, first_crossing


def detector_dose(
    sample, curve, *, level=0.95, detector=None, ensemble_yields=None, overdispersion="auto"
):
    """Whole-body dose with counts, curve, efficiency, false positives and ensemble in one interval.

    A dose belongs to the interval unless the count would be too low or too high for it: given the
    dose, the count is negative binomial, a Poisson law whose mean m(D) is itself uncertain by a
    gamma law (see :mod:`dicentlib.dose.detector`), and each tail, with half the probability of the
    count itself (mid-p), must hold (1 - level)/2. Unlike Merkle's, the interval has one level, and
    the half weight keeps it from covering more than it says, as far as whole counts allow.

    Parameters
    ----------
    sample : Sample
        Detected dicentrics.
    curve : CalibrationCurve
        Of real dicentrics, with `detector`; or made by the same detector, without.
    level : float in (0, 1)
    detector : Detector, optional
        Efficiency and false rate with their errors. None: those of the curve, taken as the same.
    ensemble_yields : sequence of float, optional
        Yields of this sample by random ensembles (:func:`ensemble_spread`).
    overdispersion : {"auto", True, False}
        Multiply the variance of the count by a dispersion index: that expected of the curve's
        scorer, or the sample's own where it exceeds it; always the sample's own (if above 1);
        never, and no variance between slides either.

    Returns
    -------
    DetectorEstimate
        With ``shares``, the part of each cause in the variance.
    """
    number("level", level, least=0, most=1, open_ends=True)
    detected, index = detected_count(sample, curve, detector, ensemble_yields, overdispersion)
    spread = detected.ensemble_cv
    dose = detected.dose_at(sample.yield_)
    notes = []
    counted = sample.n_dicentrics, sample.n_cells
    lower, upper = dose_limits(*counted, detected, dose, level=level, index=index)
    if np.isinf(upper):
        notes.append(
            f"Up to {FARTHEST_GY:g} Gy all doses agree with the count: curve or detector are "
            "too uncertain for an upper limit."
        )
    upper, conflict = above_zero(upper, sample, detected, notes, level=level)
    if sample.yield_ > curve.coefficients[0] and dose == 0:
        notes.append("Without the false positives the yield is not above the background.")
    return estimate_of(
        sample,
        curve,
        DetectorEstimate,
        method="detector",
        dose=(dose, lower, upper),
        yields=(sample.yield_, *detected.means_at(lower, upper)),
        level=level,
        shares=shares_of(detected, dose, index * float(detected.mean_at(dose)) / sample.n_cells),
        corrected_yield=detected.detector.correct(sample.yield_),
        notes=notes,
        assumptions=(
            "Whole-body exposure; mid-p limits of the detected count, curve and detector "
            "uncertainty included.",
            "Efficiency and false rate of the sample are those of the curve."
            if detector is None
            else f"Efficiency {detector.efficiency:.3g} +- {detector.efficiency_error:.2g}, false "
            f"dicentrics per cell {detector.false_rate:.3g} +- {detector.false_rate_error:.2g}.",
            f"Relative spread over random ensembles {spread:.2g}."
            if ensemble_yields is not None
            else "Spread over random ensembles not given, assumed to be 0.",
        ),
        details={
            "dispersion_used": index,
            "conflict": conflict,
            "ensemble_cv": spread,
            "detector": detector,
            "ensemble_yields": ensemble_yields,
            "slides": sample.slides,
        },
    )


def shares_of(detected, dose, counting_variance):
    """Share of each cause in the variance of the detected yield at `dose`; they add up to 1."""
    parts = {"counts": counting_variance}
    parts |= {name: float(value) for name, value in detected.parts_at(dose).items()}
    total = sum(parts.values())
    return {name: value / total if total else 0.0 for name, value in parts.items()}


def dose_limits(count, n_cells, detected, dose, *, level=0.95, index=1.0):
    """Largest dose below which the count is too high, first above which it is too low.

    0 and infinity where there is none. `index` multiplies the Poisson variance of the count; each
    of its tails must hold (1 - level)/2.
    """

    def lacking(side):
        def gap(at):
            mean, variance = detected.law_at(at)
            variance = variance + (index - 1) * mean / n_cells
            return (1 - level) / 2 - tail_probabilities(count, n_cells, mean, variance)[side]

        return gap

    lower = first_crossing(lacking(1), np.array([dose, 0.0]))
    lower = 0.0 if np.isinf(lower) else lower
    if dose >= FARTHEST_GY:
        return lower, np.inf
    doses = dose + (FARTHEST_GY - dose) * np.linspace(0, 1, 150) ** 3
    return lower, first_crossing(lacking(0), doses)
