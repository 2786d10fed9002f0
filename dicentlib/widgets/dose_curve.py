"""Sliders for quantile, agreement threshold and co-occurrence; curve and doses follow."""

from dataclasses import dataclass

import ipywidgets as widgets

from dicentlib.calibration.trial import try_counts
from dicentlib.plotting.dose import plot_curve, plot_left_out_doses, plot_yields
from dicentlib.plotting.style import SYSTEM_COLOURS, distinct_labels
from dicentlib.widgets.explorer import FigureExplorer


@dataclass(frozen=True)
class CurveChoice:
    """Where the sliders stand."""

    quantile: float
    agreement_threshold: int
    co_occurrence: bool


def draw_curve_view(axs, grid, dose_gy, choice, *, truth=None, model="linear-quadratic"):
    """Draw the view for plain values; what the sliders call, and what a headless run shows.

    Parameters
    ----------
    axs : two Axes
        Curve with its points; doses estimated without their own point.
    grid : CountGrid
        Its rules are the quantiles.
    dose_gy : array of float, shape (N,)
        Dose of each cell of `grid` (Gy).
    choice : CurveChoice
    truth : CalibrationCurve, optional
        A curve to compare with, drawn in black.

    Returns
    -------
    Trial
        What is drawn; without a curve only its points are.
    """
    trial = try_choice(grid, dose_gy, choice, model=model)
    highest, top = trial.counts["dose_gy"].max(), trial.counts["yield_upper"].max()
    if truth is not None:
        colour = SYSTEM_COLOURS["truth"]
        plot_curve(truth, ax=axs[0], level=None, label="annotated", colour=colour)
        top = max(top, float(truth.yield_at(highest)))
    if trial.curve is not None:
        plot_curve(trial.curve, ax=axs[0], label="curve, 95 % band")
    plot_yields(trial.counts, ax=axs[0])
    plot_left_out_doses(trial.left_out, ax=axs[1])
    axs[0].set(xlim=(-0.1, highest + 0.1), ylim=(0, 1.05 * top))
    axs[0].set_title(trial.curve.describe().replace("^2", "²") if trial.curve else "no curve")
    if axs[0].get_legend_handles_labels()[0]:
        axs[0].legend(loc="upper left")
    axs[1].set_title(f"error of doses left out: {trial.error_gy:.2f} Gy")
    return trial


def try_choice(grid, dose_gy, choice, *, model="linear-quadratic"):
    """Counts, curve and doses left out for one position of the sliders."""
    counted = grid.dicentrics(
        choice.quantile, choice.agreement_threshold, require_fragment=choice.co_occurrence
    )
    return try_counts(dose_gy, counted, model=model)


class DoseCurveExplorer(FigureExplorer):
    """Three sliders over the view; ``.choice`` reads them back, ``.trial`` is what is shown.

    Parameters
    ----------
    grid, dose_gy, truth, model
        As for :func:`draw_curve_view`.
    choice : CurveChoice
        Where the sliders start.
    quantiles : sequence of float, optional
        The rules of `grid` that are quantiles; default all of them.
    """

    def __init__(
        self, grid, dose_gy, choice, *, truth=None, quantiles=None, model="linear-quadratic"
    ):
        self.grid, self.dose_gy, self.truth, self.model = grid, dose_gy, truth, model
        quantiles = quantiles or grid.rules
        self.quantile = widgets.SelectionSlider(
            options=list(zip(distinct_labels(quantiles), quantiles, strict=True)),
            value=choice.quantile,
            description="quantile",
            continuous_update=False,
        )
        self.agreement_threshold = widgets.SelectionSlider(
            options=grid.agreement_thresholds,
            value=choice.agreement_threshold,
            description="T_A (votes)",
            continuous_update=False,
        )
        self.co_occurrence = widgets.Checkbox(
            value=choice.co_occurrence, description="count only with a fragment"
        )
        controls = (self.quantile, self.agreement_threshold, self.co_occurrence)
        super().__init__(*controls, figsize=(10, 4))

    @property
    def choice(self):
        """Where the sliders stand, as a plain value."""
        return CurveChoice(
            self.quantile.value, self.agreement_threshold.value, self.co_occurrence.value
        )

    def _draw(self, figure):
        axs, options = figure.subplots(1, 2), {"truth": self.truth, "model": self.model}
        self.trial = draw_curve_view(axs, self.grid, self.dose_gy, self.choice, **options)
