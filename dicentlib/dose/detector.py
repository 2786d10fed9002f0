"""A detector's own uncertainty, carried into the dose.

A detector finds a dicentric with efficiency e and adds p false ones per cell. Detected dicentrics
are then Poisson again, with the curve

.. math:: m(D) = e\\,Y(D) + p, \\qquad
          \\mathrm{var}\\,m = e^2 v(D) + Y^2 \\sigma_e^2 + \\sigma_p^2 + m^2 c^2
          + \\tau^2(m) \\sum_g N_g^2 / N^2

where v(D) is the variance of the curve, c the relative spread over random ensembles and tau^2 the
variance between slides, N_g cells of the sample being on slide g (:mod:`dicentlib.counts.slides`).
"""

import math
from dataclasses import dataclass

import numpy as np

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.counts.checked import number, numbers
from dicentlib.counts.dispersion import expected_dispersion, variance_factor
from dicentlib.counts.slides import slide_share, slides_of
from dicentlib.dose.count_law import cut_at_zero
from dicentlib.errors import InputError


@dataclass(frozen=True)
class Detector:
    """Efficiency e (0 to 1) and false dicentrics p per cell, with their standard errors.

    For a curve whose counts the same detector made, e = 1 and p = 0: both are in the curve. Give
    errors alone to allow for a sample that is harder (or easier) to score than the calibration.
    """

    efficiency: float = 1.0
    efficiency_error: float = 0.0
    false_rate: float = 0.0
    false_rate_error: float = 0.0

    def __post_init__(self):
        number("efficiency", self.efficiency, least=0)
        if not 0 < self.efficiency <= 1:
            raise InputError(f"efficiency is {self.efficiency}: expected above 0, up to 1")
        for name in ("efficiency_error", "false_rate", "false_rate_error"):
            number(name, getattr(self, name), least=0)

    @classmethod
    def from_counts(cls, *, n_true, n_found, n_false, n_cells):
        """From a scored test set: `n_found` of `n_true` real dicentrics, `n_false` in `n_cells`.

        Errors are binomial for the efficiency and Poisson for the false rate, each with a
        half count added so that none found, or all, is not taken for certainty.

        Examples
        --------
        >>> Detector.from_counts(n_true=400, n_found=320, n_false=9, n_cells=900).efficiency
        0.8
        """
        for label, value in (("n_true", n_true), ("n_found", n_found), ("n_false", n_false)):
            if number(label, value, least=0) != round(value):
                raise InputError(f"{label} is {value}: expected a whole number of 0 or more")
        if n_found > n_true or n_found == 0:
            raise InputError(
                f"{n_found} of {n_true} real dicentrics found: expected at least one, at most all"
            )
        number("n_cells", n_cells, least=1)
        smoothed = (n_found + 0.5) / (n_true + 1)
        return cls(
            efficiency=n_found / n_true,
            efficiency_error=math.sqrt(smoothed * (1 - smoothed) / n_true),
            false_rate=n_false / n_cells,
            false_rate_error=math.sqrt(n_false + 0.5) / n_cells,
        )

    def correct(self, yield_):
        """Yield of real dicentrics, (y - p)/e, not below 0."""
        return max((yield_ - self.false_rate) / self.efficiency, 0.0)


FARTHEST_SUMMIT_GY = 1000.0  # a curve that bends down beyond does so at no dose


@dataclass(frozen=True)
class DetectedCurve:
    """The calibration curve as a detector shows it: mean and variance of the detected yield."""

    curve: CalibrationCurve
    detector: Detector = Detector()
    ensemble_cv: float = 0.0
    slide_share: float = 0.0

    @classmethod
    def of(cls, sample, curve, *, detector=None, ensemble_yields=None, slides=True):
        """Of one sample; `slides` False leaves the variance between slides out."""
        if detector is not None and not isinstance(detector, Detector):
            raise InputError(f"detector is {detector!r:.100}: expected a Detector")
        spread = 0.0 if ensemble_yields is None else ensemble_spread(ensemble_yields)
        share = slide_share(sample) if slides else 0.0
        return cls(curve, detector or Detector(), spread, share)

    def mean_at(self, dose_gy):
        """Detected dicentrics per cell, m(D) = e Y(D) + p."""
        real = self.curve.yield_at(dose_gy)
        return self.detector.efficiency * real + self.detector.false_rate

    def means_at(self, lower_gy, upper_gy):
        """Yields at the limits of a dose; infinite where the upper one is."""
        upper = float(self.mean_at(upper_gy)) if math.isfinite(upper_gy) else math.inf
        return float(self.mean_at(lower_gy)), upper

    def parts_at(self, dose_gy):
        """Variance of m(D) by its cause: curve, efficiency, false positives, ensemble, slides."""
        real = self.curve.yield_at(dose_gy)
        curve = self.curve.variance_at(dose_gy)
        flat, mean = np.ones_like(real), self.mean_at(dose_gy)
        parts = {
            "curve": self.detector.efficiency**2 * curve,
            "efficiency": (real * self.detector.efficiency_error) ** 2,
            "false positives": flat * self.detector.false_rate_error**2,
            "ensemble": (mean * self.ensemble_cv) ** 2,
        }
        if slides_of(self.curve) is not None:
            parts["slides"] = self.slide_variance(mean)
        return parts

    def variance_at(self, dose_gy):
        """Variance of m(D), all causes together."""
        return sum(self.parts_at(dose_gy).values())

    def law_at(self, dose_gy):
        """Mean and variance of m(D) as a yield, which is not below 0.

        The errors of curve and false positives are normal laws that do not know of 0. Where they
        reach it, as at the background of a small calibration, the law is cut off there; at
        two standard errors that raises the mean by 3 %, at four by nothing.
        """
        parts, mean = self.parts_at(dose_gy), self.mean_at(dose_gy)
        added = parts.pop("curve") + parts.pop("false positives")
        cut_mean, cut_variance = cut_at_zero(mean, added)
        return cut_mean, cut_variance + sum(parts.values())

    def curve_variance_at(self, dose_gy):
        """Variance of m(D) but for that between the slides of the sample."""
        parts = self.parts_at(dose_gy)
        return sum(value for name, value in parts.items() if name != "slides")

    def shared_variance(self, first_gy, second_gy):
        """Covariance of m(D) at two doses, or arrays of them, but for that between slides.

        What raises the yield at one dose (curve, detector, ensemble) raises it at the other too.
        """
        first, second = np.asarray(first_gy, dtype=float), np.asarray(second_gy, dtype=float)
        real = self.curve.yield_at(first) * self.curve.yield_at(second)
        shared = real * self.detector.efficiency_error**2 + self.detector.false_rate_error**2
        shared = shared + self.mean_at(first) * self.mean_at(second) * self.ensemble_cv**2
        if self.curve.covariance is None:
            return shared
        powers = [np.stack([np.ones_like(dose), dose, dose**2]) for dose in (first, second)]
        along = np.einsum("i...,ij,j...->...", powers[0], self.curve.covariance, powers[1])
        return shared + self.detector.efficiency**2 * along

    def slide_variance(self, yield_):
        """Variance of the sample's yield between slides; 0 where the curve does not know it."""
        between = slides_of(self.curve) if self.slide_share else None
        if between is None:
            return np.zeros_like(yield_, dtype=float)
        return between.at(yield_) * self.slide_share

    def slide_excess(self, sample):
        """Variance between slides of the sample's count, in Poisson variances of it."""
        if sample.n_dicentrics == 0:
            return 0.0
        return self.slide_variance(sample.yield_) * sample.n_cells / sample.yield_

    def unexposed_cells(self):
        """Cells of unexposed people that know the background as well as it is known; maybe inf.

        As a Poisson rate: rate / variance. Where that is not one dicentric, as many cells as have
        the standard error 1/N without any, see ``fit_curve``.
        """
        rate, variance = float(self.mean_at(0.0)), float(self.curve_variance_at(0.0))
        if variance <= 0:
            return math.inf
        return rate / variance if round(rate**2 / variance) else 1 / math.sqrt(variance)

    def summit_gy(self):
        """Dose from which the curve falls: finite where alpha is above 0 and beta below."""
        _, alpha, beta = self.curve.coefficients
        if not alpha > 0 > beta or alpha > 2 * FARTHEST_SUMMIT_GY * -beta:
            return math.inf
        return -alpha / (2 * beta)

    def dose_at(self, detected_yield):
        """Dose at which m(D) is `detected_yield`; 0 at or below the background."""
        return float(self.curve.dose_at(self.detector.correct(detected_yield)))


def detected_count(sample, curve, detector, ensemble_yields, overdispersion):
    """The detected curve of a sample, and the factor that widens the variance of its count."""
    detected = DetectedCurve.of(
        sample,
        curve,
        detector=detector,
        ensemble_yields=ensemble_yields,
        slides=overdispersion is not False,
    )
    return detected, count_variance(sample, detected, overdispersion)


def count_variance(sample, detected, overdispersion):
    """What multiplies the Poisson variance of the sample's count, slides apart."""
    return variance_factor(
        sample,
        overdispersion,
        expected_dispersion(detected.curve),
        carried=detected.slide_excess(sample),
    )


def ensemble_spread(ensemble_yields):
    """Relative standard deviation of one sample's yield over random ensembles.

    Ensembles drawn from one set of members overlap, so the spread is a lower bound on that of
    ensembles trained again. Where each ensemble has a curve of its own, give
    ``curve.yield_at(doses)`` of the doses that each finds: what shifts curve and sample alike then
    cancels, as it does in the dose.
    """
    yields = numbers(
        ensemble_yields, f"ensemble_yields: expected numbers, found {ensemble_yields!r}"
    )
    if yields.ndim != 1 or len(yields) < 2 or not np.all(np.isfinite(yields)) or yields.min() < 0:
        raise InputError(
            f"ensemble_yields: expected two or more yields of 0 or more, found {ensemble_yields!r}"
        )
    return float(yields.std(ddof=1) / yields.mean()) if yields.mean() > 0 else 0.0
