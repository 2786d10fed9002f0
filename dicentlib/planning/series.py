"""A calibration series planned for a stated uncertainty: which doses, how many cells."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from dicentlib.calibration.design import design_warnings
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detector import DetectedCurve, Detector
from dicentlib.dose.low_dose import USUAL_BACKGROUND
from dicentlib.dose.whole_body import normal_quantile
from dicentlib.errors import InputError

USUAL_DOSES_GY = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5)  # ISO 19238, IAEA 2011
MOST_CELLS = 1_000_000  # of a series


@dataclass(frozen=True)
class SeriesPlan:
    """``table`` has ``dose_gy``, ``n_cells``, ``expected`` (dicentrics) by dose; ``half_widths``
    the curve's own part of the interval, +- Gy, by the dose asked for; ``warnings`` what ISO 19238
    and IAEA would miss in the design."""

    table: pd.DataFrame
    half_widths: dict
    warnings: tuple

    @property
    def n_cells(self):
        """Cells of all doses together."""
        return int(self.table["n_cells"].sum())


def curve_half_width(curve, at_gy, dose_gy, n_cells):
    """Half width (Gy, 95 %) that the uncertainty of a planned curve alone adds at the dose `at_gy`.

    With the Fisher information of Poisson sums, detected yield m and x = (1, D, D^2),

    .. math:: I = \\sum_i \\frac{N_i}{m(D_i)} x_i x_i^T, \\qquad
              w = z\\,\\frac{\\sqrt{x^T I^{-1} x}}{m'(D)}

    Parameters
    ----------
    curve : CalibrationCurve
        What is expected of the series; only its coefficients are used.
    at_gy : float, > 0
    dose_gy, n_cells : array_like (n,)
        The design.

    Returns
    -------
    float
        Infinite where the doses do not determine the curve.
    """
    design = _Design(curve, dose_gy, {at_gy: 1.0})
    cells = np.asarray(n_cells, dtype=float)
    if cells.shape != design.doses.shape or not np.all(np.isfinite(cells) & (cells >= 0)):
        raise InputError(f"n_cells is {n_cells}: expected a number of 0 or more for each dose")
    return float(np.exp(design.log_excess(cells)[0] / 2))


def plan_series(curve, half_widths, *, dose_gy=USUAL_DOSES_GY, least_cells=None, detector=None):
    """Cells per dose, as few as possible, so that the curve adds no more than is stated.

    Minimises the sum of N_i, each at least `least_cells`, subject to :func:`curve_half_width` at
    every dose of `half_widths` being at most the one stated: a convex problem, solved by SLSQP.
    The optimum alone would put all cells at three or four doses; with the least numbers that
    IAEA asks for, the series also shows whether the curve fits.

    Parameters
    ----------
    curve : CalibrationCurve
        What is expected of the series, as a published curve of the same radiation.
    half_widths : dict
        Dose (Gy, > 0) to the half width (Gy, > 0) that the curve alone may add there.
    dose_gy : sequence of float
        Doses to irradiate at.
    least_cells : int, optional
        At every dose. None: 100 real dicentrics expected to be found, but no more than 3000
        cells below 1 Gy and 500 from 1 Gy on (IAEA 2011, section 8).
    detector : Detector, optional

    Returns
    -------
    SeriesPlan

    Raises
    ------
    InputError
        Too few doses for the curve, or more than a million cells needed.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> plan = plan_series(curve, {0.5: 0.1, 2.0: 0.1})
    >>> max(plan.half_widths.values()) <= 0.1, plan.warnings
    (True, ())
    """
    if not isinstance(half_widths, dict) or not half_widths:
        raise InputError(f"half_widths is {half_widths!r}: expected {{dose_gy: half_width_gy}}")
    if least_cells is not None and not (math.isfinite(least_cells) and least_cells >= 1):
        raise InputError(f"least_cells is {least_cells}: expected 1 or more")
    design = _Design(curve, dose_gy, half_widths, detector)
    least = np.full(len(design.doses), least_cells, dtype=float)
    if least_cells is None:
        most_asked = np.where(design.doses < 1, 3000, 500)
        least = np.minimum(np.ceil(100 / design.real), most_asked)
    # Equally many dicentrics everywhere, as many as the target needs, is a feasible start.
    start = np.maximum(least, 100 / design.means)
    while np.any(design.log_excess(start) > 0) and start.sum() < 100 * MOST_CELLS:
        start = start * 1.5
    scale = start.sum()
    found = minimize(
        lambda x: (x.sum(), np.ones_like(x)),
        start / scale,
        jac=True,
        method="SLSQP",
        bounds=[(one / scale, None) for one in least],
        constraints={
            "type": "ineq",
            "fun": lambda x: -design.log_excess(x * scale),
            "jac": lambda x: -design.gradient(x * scale) * scale,
        },
        options={"ftol": 1e-10, "maxiter": 500},
    )
    cells = np.ceil(found.x * scale - 1e-6)
    while np.any(design.log_excess(cells) > 1e-9):  # the solver stops within its tolerance
        cells = np.ceil(cells * 1.002)
    if cells.sum() > MOST_CELLS:
        raise InputError(
            f"half_widths {half_widths} would take {cells.sum():.3g} calibration cells, more than "
            f"{MOST_CELLS:,}: allow wider ones"
        )
    widths = design.targets * np.exp(design.log_excess(cells) / 2)
    expected = cells * design.means
    table = pd.DataFrame(
        {"dose_gy": design.doses, "n_cells": cells.astype(int), "expected": expected.round(1)}
    )
    notes = design_warnings(
        design.doses, cells, expected, model="linear-quadratic" if design.terms == 3 else "linear"
    )
    by_dose = dict(zip(half_widths, widths.tolist(), strict=True))
    return SeriesPlan(table, by_dose, tuple(notes))


class _Design:
    """The doses of a series, and how far the variance at the targets is from what is allowed."""

    def __init__(self, curve, dose_gy, half_widths, detector=None):
        detected = DetectedCurve(checked_curve(curve), detector or Detector())
        self.terms = 3 if curve.coefficients[2] else 2
        self.doses = np.array(dose_gy, dtype=float).ravel()
        if not np.all(np.isfinite(self.doses)) or np.any(self.doses < 0):
            raise InputError(f"dose_gy is {dose_gy}: expected doses of 0 Gy or more")
        if len(np.unique(self.doses)) < self.terms:
            raise InputError(
                f"dose_gy has {len(np.unique(self.doses))} different doses: a curve with "
                f"{self.terms} coefficients needs at least {self.terms}"
            )
        at, self.targets = np.array(list(half_widths.items()), dtype=float).T
        for label, values in (("dose", at), ("half width", self.targets)):
            if not np.all(np.isfinite(values) & (values > 0)):
                raise InputError(f"half_widths is {half_widths}: expected each {label} above 0 Gy")
        z = normal_quantile(0.95)
        # A background of 0 would make unexposed cells infinitely informative.
        self.means = np.maximum(detected.mean_at(self.doses), USUAL_BACKGROUND)
        efficiency = detected.detector.efficiency
        self.real = efficiency * np.maximum(curve.yield_at(self.doses), USUAL_BACKGROUND)
        slopes = efficiency * np.asarray(detected.curve.slope_at(at))
        if np.any(slopes <= 0):
            raise InputError(f"The curve {curve.describe()} does not rise at {at[slopes <= 0]} Gy")
        powers = np.arange(self.terms)
        self.rows = self.doses[:, None] ** powers / np.sqrt(self.means)[:, None]
        self.goals = (at[:, None] ** powers) * (z / slopes / self.targets)[:, None]

    def log_excess(self, cells):
        """Log of (half width / the one allowed) squared, by target; above 0: too wide."""
        solved = self._solved(cells)
        if solved is None:
            return np.full(len(self.goals), np.inf)
        return np.log(np.einsum("jp,pj->j", self.goals, solved))

    def gradient(self, cells):
        """Derivative of :meth:`log_excess` by the cells, shape (targets, doses)."""
        solved = self._solved(cells)
        variance = np.einsum("jp,pj->j", self.goals, solved)
        return -((self.rows @ solved).T ** 2) / variance[:, None]

    def _solved(self, cells):
        information = (self.rows.T * cells) @ self.rows
        if np.linalg.cond(information) > 1e12:
            return None
        return np.linalg.solve(information, self.goals.T)
