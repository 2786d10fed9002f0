"""Sliders for planning: dose, exposed part, cells, efficiency and false dicentrics."""

import ipywidgets as widgets

from dicentlib.planning import PlanningChoice, planning_by_cells
from dicentlib.plotting.planning import plot_planning
from dicentlib.widgets.explorer import FigureExplorer


def draw_planning_view(axs, curve, choice):
    """Draw the view for plain values; what the sliders call, and what a headless run shows.

    Parameters
    ----------
    axs : three Axes
    curve : CalibrationCurve
        Of real dicentrics.
    choice : PlanningChoice

    Returns
    -------
    DataFrame
        What is drawn, see :func:`dicentlib.planning.planning_by_cells`.
    """
    table = planning_by_cells(curve, choice)
    plot_planning(table, choice, axs=axs)
    return table


class PlanningExplorer(FigureExplorer):
    """Five sliders over the view; ``.choice`` reads them back, ``.table`` is what is shown.

    Parameters
    ----------
    curve : CalibrationCurve
    choice : PlanningChoice
        Where the sliders start.
    """

    def __init__(self, curve, choice=None):
        self.curve, choice = curve, choice or PlanningChoice()
        slow = {"continuous_update": False}
        self.dose_gy = widgets.FloatSlider(
            choice.dose_gy, min=0.25, max=6, step=0.25, description="dose (Gy)", **slow
        )
        self.fraction = widgets.FloatSlider(
            choice.fraction, min=0.05, max=0.95, step=0.05, description="part", **slow
        )
        self.n_cells = widgets.IntSlider(
            choice.n_cells, min=20, max=5000, step=10, description="cells", **slow
        )
        self.efficiency = widgets.FloatSlider(
            choice.efficiency, min=0.1, max=1, step=0.05, description="efficiency", **slow
        )
        self.false_rate = widgets.FloatSlider(
            choice.false_rate,
            min=0,
            max=0.2,
            step=0.005,
            description="false/cell",
            readout_format=".3f",
            **slow,
        )
        self._sliders = (self.dose_gy, self.fraction, self.n_cells)
        self._sliders += (self.efficiency, self.false_rate)
        super().__init__(*self._sliders, figsize=(12, 3.8))

    @property
    def choice(self):
        """Where the sliders stand, as a plain value."""
        return PlanningChoice(*(slider.value for slider in self._sliders))

    def _draw(self, figure):
        self.table = draw_planning_view(figure.subplots(1, 3), self.curve, self.choice)
