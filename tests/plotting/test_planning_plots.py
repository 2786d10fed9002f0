"""The planning figure and its sliders."""

import numpy as np
from matplotlib.figure import Figure

from dicentlib.calibration import published_curve
from dicentlib.planning import PlanningChoice, planning_by_cells
from dicentlib.plotting.planning import plot_planning
from dicentlib.widgets.planning import PlanningExplorer

CURVE = published_curve("barquinero-1995-co60")


def test_both_ways_of_scoring_are_drawn_and_the_choice_is_marked():
    choice = PlanningChoice(efficiency=0.7, false_rate=0.03, n_cells=300)
    table = planning_by_cells(CURVE, choice, n_cells=[50, 300, 1000])
    axs = plot_planning(table, choice, axs=Figure().subplots(1, 3))
    shown = axs[0].get_legend_handles_labels()[1]
    assert shown == ["by eye", "detector"]
    by_eye, detector, mark = axs[0].lines
    assert np.all(detector.get_ydata() > by_eye.get_ydata())
    assert mark.get_xdata()[0] == 300
    assert "2 Gy to 50%" in axs[2].get_title()


def test_moving_a_slider_redraws():
    explorer = PlanningExplorer(CURVE, PlanningChoice(n_cells=200))
    before, picture = explorer.table, explorer.image.value
    explorer.false_rate.value = 0.05
    assert explorer.choice.false_rate == 0.05
    assert set(explorer.table["scoring"]) == {"by eye", "detector"} > set(before["scoring"])
    assert explorer.image.value != picture
