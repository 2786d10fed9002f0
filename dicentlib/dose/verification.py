"""Samples of known dose checked against a laboratory's curve, and how often it has held so far."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2
from statsmodels.stats.proportion import proportion_confint

from dicentlib.counts.sample import Sample
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.detector import DetectedCurve
from dicentlib.errors import InputError


@dataclass(frozen=True)
class Verification:
    """``table`` by sample: ``sample, dose_gy`` (known), ``estimate_gy, lower_gy, upper_gy, z,
    covered``. ``coverage`` so far with its 95 % limits; ``chi2``, ``df`` and ``p_value`` of all
    samples together, the curve's error shared between them."""

    table: pd.DataFrame
    coverage: float
    coverage_lower: float
    coverage_upper: float
    chi2: float
    df: int
    p_value: float

    def explain(self):
        """Two sentences for a report."""
        held = int(self.table["covered"].sum())
        verdict = "agree with" if self.p_value >= 0.05 else "contradict"
        return (
            f"{held} of {self.df} known doses lie in their 95 % intervals (coverage "
            f"{self.coverage:.0%}, 95 % limits {self.coverage_lower:.0%} to "
            f"{self.coverage_upper:.0%}). Together the samples {verdict} the curve (chi-squared "
            f"{self.chi2:.3g} on {self.df}, p = {self.p_value:.2g})."
        )


def check_known_doses(samples, curve, *, detector=None):
    """Check samples that were irradiated to known doses against `curve`.

    With the detected yield m and its variance v of the curve (and detector) at the known dose,

    .. math:: z_i = \\frac{X_i/N_i - m(D_i)}{\\sqrt{m(D_i)/N_i + v(D_i)}}, \\qquad
              \\chi^2 = r^T V^{-1} r, \\quad V = \\mathrm{diag}(m/N) + J \\Sigma J^T

    r being all differences of yields together: an error of the curve moves all of them alike, so
    the z are not independent, which the chi-squared counts in.

    Parameters
    ----------
    samples : DataFrame, or sequence of dict
        ``dose_gy``, ``n_cells``, ``n_dicentrics``, optionally ``sample`` (its name).
    curve : CalibrationCurve
    detector : Detector, optional
        For a curve of real dicentrics.

    Returns
    -------
    Verification

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> known = [{"dose_gy": 2, "n_cells": 500, "n_dicentrics": 140},
    ...          {"dose_gy": 3, "n_cells": 300, "n_dicentrics": 240}]
    >>> found = check_known_doses(known, published_curve("barquinero-1995-co60"))
    >>> found.table["covered"].to_list()
    [True, False]
    """
    rows = samples.to_dict("records") if isinstance(samples, pd.DataFrame) else list(samples)
    if not rows:
        raise InputError("no sample of known dose")
    curve = checked_curve(curve)
    names, doses, known = zip(*map(_checked, rows, range(1, len(rows) + 1)), strict=True)
    doses = np.array(doses)
    estimates = [detector_dose(sample, curve, detector=detector) for sample in known]
    seen = [DetectedCurve.of(sample, curve, detector=detector) for sample in known]
    cells = np.array([sample.n_cells for sample in known], dtype=float)
    means = seen[0].mean_at(doses)
    apart = np.array([sample.yield_ for sample in known]) - means
    slides = np.array([one.slide_variance(mean) for one, mean in zip(seen, means, strict=True)])
    variance = means / cells + seen[0].curve_variance_at(doses) + slides
    table = pd.DataFrame({"sample": names, "dose_gy": doses})
    table["estimate_gy"] = [one.dose_gy for one in estimates]
    table["lower_gy"] = [one.lower_gy for one in estimates]
    table["upper_gy"] = [one.upper_gy for one in estimates]
    table["z"] = np.divide(apart, np.sqrt(variance), out=np.zeros_like(apart), where=variance > 0)
    table["covered"] = table["dose_gy"].between(table["lower_gy"], table["upper_gy"])
    held, n = int(table["covered"].sum()), len(table)
    own = np.maximum(means, 0.5 / cells) / cells + slides
    together = np.diag(own) + seen[0].shared_variance(doses[:, None], doses)
    statistic = float(apart @ np.linalg.solve(together, apart))
    limits = map(float, proportion_confint(held, n, method="beta"))
    return Verification(table, held / n, *limits, statistic, n, float(chi2.sf(statistic, n)))


def _checked(row, number):
    """Name, known dose and counts of a sample; without a name it is called by its number."""
    name = row.get("sample") or number
    try:
        dose = float(row["dose_gy"])
        sample = Sample.of(n_cells=row["n_cells"], n_dicentrics=row["n_dicentrics"])
    except KeyError as error:
        raise InputError(f"sample {name}: expected a value of {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"sample {name}: {error}") from error
    if not np.isfinite(dose) or dose < 0:
        raise InputError(f"sample {name}: dose_gy is {dose}: expected 0 Gy or more")
    return name, dose, sample
