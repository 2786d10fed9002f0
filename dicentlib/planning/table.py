"""Every planning question at once, and what a detector costs in cells."""

import math

import pandas as pd

from dicentlib.errors import InputError
from dicentlib.planning.cells import cells_for_detection, cells_for_width
from dicentlib.planning.power import cells_for_power
from dicentlib.planning.series import plan_series


def planning_table(
    curve,
    *,
    detect_gy=0.5,
    width_at_gy=2.0,
    half_width_gy=0.25,
    part_gy=3.0,
    fraction=0.5,
    power=0.9,
    series=None,
    d0_gy=2.7,
    control=None,
    detector=None,
):
    """Cells for each question, by eye and with a detector.

    Parameters
    ----------
    curve : CalibrationCurve
        Of real dicentrics where `detector` is given.
    detect_gy : float
        Dose to be seen with probability 0.9 (:func:`cells_for_detection`).
    width_at_gy, half_width_gy : float
        Dose, and half width of the 95 % interval there (:func:`cells_for_width`).
    part_gy, fraction, power : float
        A `fraction` of the body exposed to `part_gy`, to be seen with probability `power`
        (:func:`cells_for_power`).
    series : dict, optional
        Half widths of a calibration series (:func:`plan_series`); default: `half_width_gy` / 2 at
        `width_at_gy`, so that the curve takes a quarter of the variance.
    d0_gy : float
    control : (n_dicentrics, n_cells), optional
        For scoring by eye; a detector's own background is e C + p.
    detector : Detector, optional
        Adds a column and the ratio: what its efficiency and false rate cost in cells.

    Returns
    -------
    DataFrame
        ``question``, ``cells`` (missing where no number suffices), with a detector also
        ``cells_detector`` and ``ratio``, and ``note`` with the reason for what is missing.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> from dicentlib.dose import Detector
    >>> curve = published_curve("barquinero-1995-co60")
    >>> table = planning_table(curve, detector=Detector(0.7, 0, 0.03, 0))
    >>> table["ratio"].round(1).to_list()
    [8.3, 1.6, 2.8, 1.1]
    """
    series = series or {width_at_gy: half_width_gy / 2}
    stated = " and ".join(f"±{w:g} Gy at {dose:g} Gy" for dose, w in series.items())
    questions = {
        f"detect {detect_gy:g} Gy (detection limit)": lambda d: cells_for_detection(
            curve, detect_gy, control=None if d else control, detector=d
        ),
        f"±{half_width_gy:g} Gy at {width_at_gy:g} Gy": lambda d: cells_for_width(
            curve, width_at_gy, half_width_gy, detector=d
        ),
        f"detect {part_gy:g} Gy to {fraction:.0%} of the body (power {power:g})": lambda d: (
            cells_for_power(curve, part_gy, fraction, power=power, d0_gy=d0_gy, detector=d)
        ),
        f"calibration series: {stated} from the curve": lambda d: (
            plan_series(curve, series, detector=d).n_cells
        ),
    }
    rows = []
    for question, cells_with in questions.items():
        cells, note = _cells(cells_with, None)
        row = {"question": question, "cells": cells}
        if detector is not None:
            row["cells_detector"], own = _cells(cells_with, detector)
            row["ratio"] = row["cells_detector"] / cells
            note = "; ".join(dict.fromkeys(text for text in (note, own) if text))
        rows.append(row | {"note": note})
    table = pd.DataFrame(rows)
    numbers = [name for name in ("cells", "cells_detector") if name in table]
    return table.astype(dict.fromkeys(numbers, "Int64"))


def _cells(cells_with, detector):
    """Number of cells and "", or not a number and the reason."""
    try:
        return cells_with(detector), ""
    except InputError as error:
        return math.nan, str(error)
