"""Planning: how many cells, and which calibration series, a stated aim takes."""

from dicentlib.dose.joint import scored_fraction
from dicentlib.planning.by_cells import PlanningChoice, planning_by_cells
from dicentlib.planning.cells import (
    cells_for_detection,
    cells_for_width,
    detectable_dose,
    expected_interval,
)
from dicentlib.planning.detection_series import plan_detection_series
from dicentlib.planning.power import cells_for_power, partial_body_power
from dicentlib.planning.series import curve_half_width, plan_series
from dicentlib.planning.table import planning_table
