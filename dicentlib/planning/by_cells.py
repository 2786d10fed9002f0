"""What each number of cells would reach: the numbers behind the planning figure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.dose.detector import Detector
from dicentlib.errors import InputError
from dicentlib.planning.cells import MOST_CELLS, detectable_dose, expected_interval
from dicentlib.planning.power import partial_body_power

CELLS = np.unique(np.round(np.geomspace(20, 5000, 18)).astype(int))


@dataclass(frozen=True)
class PlanningChoice:
    """``dose_gy`` of the interval and of the exposed part; ``fraction`` of the body exposed;
    ``n_cells`` to be scored; ``efficiency`` and ``false_rate`` of the detector (1 and 0: by eye).
    """

    dose_gy: float = 2.0
    fraction: float = 0.5
    n_cells: int = 500
    efficiency: float = 1.0
    false_rate: float = 0.0

    @property
    def detector(self):
        """The detector, or None for scoring by eye."""
        perfect = self.efficiency == 1 and self.false_rate == 0
        return None if perfect else Detector(self.efficiency, 0.0, self.false_rate, 0.0)


def planning_by_cells(curve, choice, *, n_cells=CELLS):
    """Detection limit, expected interval and power, by the number of cells.

    Parameters
    ----------
    curve : CalibrationCurve
        Of real dicentrics.
    choice : PlanningChoice
    n_cells : sequence of int

    Returns
    -------
    DataFrame
        ``scoring`` ("by eye", and "detector" unless that is perfect), ``n_cells``,
        ``detectable_gy``, ``lower_gy``, ``upper_gy`` (of the interval at ``choice.dose_gy``) and
        ``power``, one row for each number of cells and way of scoring.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> planning_by_cells(curve, PlanningChoice(), n_cells=[100, 500])["power"].round(1).to_list()
    [0.3, 0.7]
    """
    cells = np.asarray(n_cells)
    if cells.ndim != 1 or not cells.size or np.any(cells < 1) or np.any(cells > MOST_CELLS):
        raise InputError(f"n_cells is {n_cells}: expected numbers from 1 to {MOST_CELLS}")
    ways = {"by eye": None} | ({"detector": choice.detector} if choice.detector else {})
    rows = []
    for scoring, detector in ways.items():
        for n in cells:
            lower, upper = expected_interval(curve, choice.dose_gy, n, detector=detector)
            found = partial_body_power(curve, choice.dose_gy, choice.fraction, n, detector=detector)
            limit = detectable_dose(curve, n, detector=detector)
            rows.append((scoring, n, limit, lower, upper, found.power))
    names = ["scoring", "n_cells", "detectable_gy", "lower_gy", "upper_gy", "power"]
    return pd.DataFrame(rows, columns=names)
