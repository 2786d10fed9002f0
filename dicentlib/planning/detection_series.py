"""A calibration series planned for a detection limit: its unexposed cells are the background."""

import math
from dataclasses import dataclass, replace

from dicentlib.dose.detector import DetectedCurve, Detector
from dicentlib.dose.low_dose import USUAL_BACKGROUND
from dicentlib.planning.cells import cells_for_detection
from dicentlib.planning.series import SeriesPlan, plan_series

UNEXPOSED = 3  # cells of the background for each cell of a sample: 1/N + 1/(3 N) = (4/3) / N


@dataclass(frozen=True)
class DetectionSeries:
    """``plan``, a :class:`SeriesPlan`, and ``sample_cells``, the most that a sample then needs."""

    plan: SeriesPlan
    sample_cells: int


def plan_detection_series(curve, detect_gy, *, detector=None):
    """Cells per dose with which samples show `detect_gy`.

    The curve may add +- `detect_gy` / 2 there (:func:`plan_series`): a quarter of the variance of
    an interval that just reaches down to 0. The detection limit itself depends on how well the
    background is known, which for a detector means its false dicentrics. So there are at
    least three unexposed cells for each of the N cells that a sample needs with a background known
    exactly (:func:`cells_for_detection`). The background then takes a quarter of the variance of
    the difference, and 4/3 N cells of a sample suffice.

    Parameters
    ----------
    curve : CalibrationCurve
        What is expected of the series, as a published curve of the same radiation.
    detect_gy : float, > 0
        Seen with probability 0.9.
    detector : Detector, optional

    Returns
    -------
    DetectionSeries

    Raises
    ------
    InputError
        No 100 000 cells of a sample show the dose, or the series takes more than a million.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> from dicentlib.dose import Detector
    >>> curve, detector = published_curve("barquinero-1995-co60"), Detector(0.7, 0, 0.03, 0)
    >>> found = plan_detection_series(curve, 0.5, detector=detector)
    >>> int(found.plan.table["n_cells"][0]), found.sample_cells  # 1180 cells, background exact
    (3540, 1574)
    """
    exact = cells_for_detection(curve, detect_gy, detector=detector)
    plan = plan_series(curve, {detect_gy: detect_gy / 2}, detector=detector)
    background = float(DetectedCurve(curve, detector or Detector()).mean_at(0.0))
    table = plan.table.copy()
    unexposed = table["dose_gy"] == 0
    n = max(int(table.loc[unexposed, "n_cells"].item()), UNEXPOSED * exact)
    table.loc[unexposed, "n_cells"] = n
    table.loc[unexposed, "expected"] = round(n * max(background, USUAL_BACKGROUND), 1)
    sample_cells = math.ceil(exact * (1 + 1 / UNEXPOSED))
    return DetectionSeries(replace(plan, table=table), sample_cells)
