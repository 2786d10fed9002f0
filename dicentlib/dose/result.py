"""What an estimate of a dose holds."""

import dataclasses
import math
from dataclasses import dataclass
from html import escape
from typing import ClassVar

import numpy as np
from scipy.integrate import cumulative_trapezoid

from dicentlib.calibration.curve import CalibrationCurve


@dataclass(frozen=True, kw_only=True)
class DoseEstimate:
    """Dose with its interval, and what a report needs to say where it came from.

    ``dose_gy`` is NaN where the method cannot estimate one (``estimable`` is False and
    ``warnings`` says why). ``upper_gy`` is infinite where the curve sets no upper limit.
    ``level`` is the nominal coverage of [``lower_gy``, ``upper_gy``]. ``whole_body`` says whether
    the method takes the whole body to be exposed.
    """

    whole_body: ClassVar[bool] = True

    method: str
    dose_gy: float
    lower_gy: float
    upper_gy: float
    level: float
    yield_: float
    yield_lower: float
    yield_upper: float
    n_cells: int
    n_dicentrics: int
    distribution: tuple | None
    dispersion_index: float | None
    u: float | None
    protraction: float
    curve: CalibrationCurve = dataclasses.field(repr=False)
    warnings: tuple = ()
    assumptions: tuple = ()
    details: dict = dataclasses.field(default_factory=dict, repr=False)

    @property
    def estimable(self):
        """Whether the method gave a dose."""
        return math.isfinite(self.dose_gy)

    def summary(self):
        """One line: ``1.93 Gy (95 %: 1.54 to 2.42), merkle``."""
        if not self.estimable:
            return f"not estimable by {self.method}: {self.warnings[-1]}"
        return (
            f"{self.dose_gy:.2f} Gy ({self.level:.0%}: {self.lower_gy:.2f} to "
            f"{self.upper_gy:.2f}), {self.method}"
        )

    def _repr_html_(self):
        return f"<p><b>{escape(self.summary())}</b></p>" + warnings_html(self.warnings)

    def to_dict(self):
        """Plain content for JSON: the curve in full, numbers that are not finite as None or text.

        NaN becomes None; infinity becomes ``"infinity"``.
        """
        return {name: plain(value) for name, value in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class PartialBodyEstimate(DoseEstimate):
    """Dose to the exposed part, with its size.

    ``scored_fraction`` (f): of the scored cells, those exposed. ``fraction`` (F): of the body
    (of its lymphocytes), corrected for cells that did not reach metaphase; with limits. ``shares``
    gives, per cause, its share of the variance of the exposed part's yield. Without an estimate
    all of these are NaN.
    """

    whole_body: ClassVar[bool] = False

    scored_fraction: float = math.nan
    scored_fraction_error: float = math.nan
    fraction: float = math.nan
    fraction_lower: float = math.nan
    fraction_upper: float = math.nan
    d0_gy: float
    shares: dict = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MixtureEstimate(DoseEstimate):
    """Two doses. ``dose_gy`` and its limits are the higher one's; ``resolved`` says if there are
    two at all. ``fraction`` and ``second_fraction`` are of the body and add up to 1."""

    whole_body: ClassVar[bool] = False

    second_dose_gy: float
    second_lower_gy: float
    second_upper_gy: float
    second_yield: float
    second_yield_lower: float
    second_yield_upper: float
    scored_fraction: float
    fraction: float
    second_fraction: float
    fraction_error: float
    fraction_lower: float
    fraction_upper: float
    d0_gy: float
    resolved: bool


@dataclass(frozen=True, kw_only=True)
class BayesianEstimate(DoseEstimate):
    """Posterior density of the dose. ``dose_gy`` is its mode, the limits the shortest interval."""

    mean_gy: float
    median_gy: float
    sd_gy: float
    grid_gy: np.ndarray = dataclasses.field(repr=False)
    density: np.ndarray = dataclasses.field(repr=False)

    def probability(self, low_gy=0.0, high_gy=math.inf):
        """P(low <= dose < high), from the density."""
        cumulative = cumulative_of(self.grid_gy, self.density)
        low, high = np.interp([low_gy, min(high_gy, 1e9)], self.grid_gy, cumulative)
        return float(min(max(high - low, 0.0), 1.0))


@dataclass(frozen=True, kw_only=True)
class DetectorEstimate(DoseEstimate):
    """Dose with a detector's own uncertainty in the interval.

    ``shares`` gives, per part, its share of the variance of the detected yield (adds up to 1).
    ``corrected_yield`` is the yield of real dicentrics, (y - p) / e.
    """

    shares: dict
    corrected_yield: float


def warnings_html(warnings):
    """Warnings as a short list that opens on demand."""
    if not warnings:
        return ""
    listed = "".join(f"<li>{escape(text)}</li>" for text in warnings)
    return f"<details><summary>{len(warnings)} reservations</summary><ul>{listed}</ul></details>"


def cumulative_of(grid, density):
    """Integral of `density` from the start of `grid` (trapezia), scaled to end at 1."""
    cumulative = cumulative_trapezoid(density, grid, initial=0.0)
    return cumulative / cumulative[-1]


def plain(value):
    """`value` as JSON knows it: lists, text, finite numbers, None, ``"infinity"``.

    An object is what its ``to_dict`` says, or else the fields of a dataclass.
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return plain(dataclasses.asdict(value))
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "infinity"
    return value
