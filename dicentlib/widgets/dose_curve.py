"""Sliders for quantile, agreement threshold and co-occurrence; curve and doses follow."""

import io
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from dicentlib.calibration.trial import try_counts
from dicentlib.plotting.dose import CURVE_COLOUR
from dicentlib.plotting.style import SYSTEM_COLOURS, distinct_labels, style


@dataclass(frozen=True)
class CurveChoice:
    """Where the sliders stand."""

    quantile: float
    agreement_threshold: int
    co_occurrence: bool


class CurveView:
    """The two panels, drawn once; :meth:`update` moves their artists.

    Parameters
    ----------
    axs : two Axes
        Curve with its points; doses estimated without their own point.
    trial : Trial
        What to show first.
    truth : CalibrationCurve, optional
        A curve to compare with, drawn in black.
    truth_label : str
    """

    def __init__(self, axs, trial, *, truth=None, truth_label="annotated"):
        self.axs = axs
        highest = trial.counts["dose_gy"].max()
        self.dose = np.linspace(0, highest, 100)
        self.lowest_top = 1e-3 if truth is None else float(truth.yield_at(highest))
        if truth is not None:
            colour = SYSTEM_COLOURS["truth"]
            axs[0].plot(self.dose, truth.yield_at(self.dose), color=colour, label=truth_label)
        (self.curve,) = axs[0].plot([], [], color=CURVE_COLOUR, label="curve, 95 % band")
        self.band = axs[0].fill_between(
            self.dose, 0, 0, color=CURVE_COLOUR, alpha=0.18, linewidth=0
        )
        (self.points,) = axs[0].plot([], [], "o", color=CURVE_COLOUR, markersize=4.5)
        self.bars = axs[0].vlines([], [], [], color=CURVE_COLOUR, linewidth=1)
        axs[0].set(xlabel="Dose (Gy)", ylabel="Dicentrics per cell", xlim=(-0.1, highest + 0.1))
        axs[0].legend(loc="upper left")
        axs[1].plot([0, highest], [0, highest], color="black", linewidth=0.8)
        (self.left_out,) = axs[1].plot([], [], "o", color=CURVE_COLOUR, markersize=5)
        axs[1].set(xlabel="Dose given (Gy)", ylabel="Dose estimated without it (Gy)")
        axs[1].set(xlim=(-0.1, highest + 0.1))
        self.update(trial)

    def update(self, trial):
        """Show another trial; a trial without a curve shows its points and says why."""
        counts, left_out, curve = trial.counts, trial.left_out, trial.curve
        dose = self.dose if curve else self.dose[:0]
        lower, upper = curve.band_at(dose, level=0.95) if curve else (dose, dose)
        self.curve.set_data(dose, curve.yield_at(dose) if curve else dose)
        outline = np.column_stack([dose, np.maximum(lower, 0)])
        self.band.set_verts([np.vstack([outline, np.column_stack([dose, upper])[::-1]])])
        self.points.set_data(counts["dose_gy"], counts["yield"])
        limits = counts[["dose_gy", "yield_lower", "dose_gy", "yield_upper"]].to_numpy()
        self.bars.set_segments(limits.reshape(-1, 2, 2))
        self.left_out.set_data(left_out["dose_gy"], left_out["estimate_gy"])
        self.axs[0].set_ylim(0, 1.05 * max(counts["yield_upper"].max(), self.lowest_top))
        finite = left_out["estimate_gy"].dropna()
        self.axs[1].set_ylim(-0.1, 1.05 * max(self.dose[-1], finite.max() if len(finite) else 0))
        title = curve.describe().replace("^2", "²") if curve else "no curve"
        self.axs[0].set_title(title)
        self.axs[1].set_title(f"error of doses left out: {trial.error_gy:.2f} Gy")


def draw_curve_view(axs, grid, dose_gy, choice, *, truth=None, model="linear-quadratic"):
    """Draw the view for plain values; what the sliders call, and what a headless run shows.

    Parameters
    ----------
    axs : two Axes
    grid : CountGrid
        Its rules are the quantiles.
    dose_gy : array of float, shape (N,)
        Dose of each cell of `grid` (Gy).
    choice : CurveChoice
    truth : CalibrationCurve, optional

    Returns
    -------
    CurveView
    """
    return CurveView(axs, try_choice(grid, dose_gy, choice, model=model), truth=truth)


def try_choice(grid, dose_gy, choice, *, model="linear-quadratic"):
    """Counts, curve and doses left out for one position of the sliders."""
    counted = grid.dicentrics(
        choice.quantile, choice.agreement_threshold, require_fragment=choice.co_occurrence
    )
    return try_counts(dose_gy, counted, model=model)


class DoseCurveExplorer(widgets.VBox):
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
        self.grid, self.dose_gy, self.model = grid, dose_gy, model
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
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%"))
        self.errors = widgets.Output()
        with style():
            self.figure = Figure(figsize=(10, 4))
            axs = self.figure.subplots(1, 2)
            self.trial = try_choice(grid, dose_gy, choice, model=model)
            self.view = CurveView(axs, self.trial, truth=truth)
        self._render()
        controls = (self.quantile, self.agreement_threshold, self.co_occurrence)
        for control in controls:
            control.observe(self._follow, names="value")
        super().__init__([widgets.HBox(controls), self.image, self.errors])

    @property
    def choice(self):
        """Where the sliders stand, as a plain value."""
        return CurveChoice(
            self.quantile.value, self.agreement_threshold.value, self.co_occurrence.value
        )

    def _follow(self, _change):
        self.errors.clear_output()
        with self.errors:
            self.trial = try_choice(self.grid, self.dose_gy, self.choice, model=self.model)
            self.view.update(self.trial)
            self._render()

    def _render(self):
        buffer = io.BytesIO()
        with style():
            self.figure.savefig(buffer, format="png", dpi=100)
        self.image.value = buffer.getvalue()
