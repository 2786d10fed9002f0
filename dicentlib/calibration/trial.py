"""One combination of thresholds tried out: its counts, its curve and the doses left out."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.fit import curve_or_reason
from dicentlib.calibration.leave_out import leave_one_dose_out, root_mean_square
from dicentlib.counts.cells import counts_by_dose, distributions, with_yields


@dataclass(frozen=True)
class Trial:
    """What one combination of thresholds gives.

    Attributes
    ----------
    counts : DataFrame
        Counts by dose with yields and their limits.
    curve : CalibrationCurve or None
        None where the counts give no curve.
    reason : str
        Why there is no curve; "" where there is one.
    model : str
        Linear-quadratic or linear.
    """

    counts: pd.DataFrame
    curve: CalibrationCurve | None
    reason: str
    model: str

    @cached_property
    def left_out(self):
        """Each dose estimated with the curve of the others, see ``leave_one_dose_out``."""
        return leave_one_dose_out(self.counts, model=self.model)

    @property
    def error_gy(self):
        """Root mean square error of the doses left out (Gy)."""
        return root_mean_square(self.left_out["error_gy"])


def try_counts(dose_gy, n_dicentrics, *, model="linear-quadratic"):
    """Count and fit one combination.

    Parameters
    ----------
    dose_gy : array of float, shape (N,)
        Dose of each cell (Gy).
    n_dicentrics : array of int, shape (N,)
        Dicentrics of each cell, for example from :meth:`CountGrid.dicentrics`.
    model : {"linear-quadratic", "linear"}

    Returns
    -------
    Trial
    """
    counts = with_yields(counts_by_dose(dose_gy, n_dicentrics))
    curve, reason = curve_or_reason(counts, model=model, distributions=distributions(counts))
    return Trial(counts, curve, reason, model)
