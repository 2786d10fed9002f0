"""Sliders for planning: dose, exposed part, cells, efficiency and false dicentrics."""

import ipywidgets as widgets

from dicentlib.planning import PlanningChoice, planning_by_cells
from dicentlib.plotting.planning import plot_planning
from dicentlib.widgets.explorer import FigureExplorer

# by the name of what is chosen: label, kind, format, lowest, highest, step
SLIDERS = {
    "dose_gy": ("dose (Gy)", widgets.FloatSlider, ".2f", 0.25, 6, 0.25),
    "fraction": ("part", widgets.FloatSlider, ".2f", 0.05, 0.95, 0.05),
    "n_cells": ("cells", widgets.IntSlider, "d", 20, 5000, 10),
    "efficiency": ("efficiency", widgets.FloatSlider, ".2f", 0.1, 1, 0.05),
    "false_rate": ("false/cell", widgets.FloatSlider, ".3f", 0, 0.2, 0.005),
}


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

    Each slider is an attribute, by the name that it has in ``SLIDERS``.

    Parameters
    ----------
    curve : CalibrationCurve
    choice : PlanningChoice
        Where the sliders start.
    """

    def __init__(self, curve, choice=None):
        self.curve, choice = curve, choice or PlanningChoice()
        for name, (label, kind, readout, low, high, step) in SLIDERS.items():
            limits = {"min": low, "max": high, "step": step, "readout_format": readout}
            start = getattr(choice, name)
            slider = kind(start, description=label, continuous_update=False, **limits)
            setattr(self, name, slider)
        super().__init__(*(getattr(self, name) for name in SLIDERS), figsize=(12, 3.8))

    @property
    def choice(self):
        """Where the sliders stand, as a plain value."""
        return PlanningChoice(**{name: getattr(self, name).value for name in SLIDERS})

    def _draw(self, figure):
        self.table = draw_planning_view(figure.subplots(1, 3), self.curve, self.choice)
