"""Which calibration series this detector needs, from what was measured on a laboratory's slides."""

from dataclasses import dataclass

import numpy as np

from dicentlib.dose import Detector
from dicentlib.errors import InputError
from dicentlib.planning import plan_detection_series, plan_series


def measured_detector(found):
    """Efficiency and false rate of a blind read, to plan with.

    Their errors are left out: a calibration series that the same detector counts holds them.

    Parameters
    ----------
    found : BlindEstimate

    Returns
    -------
    Detector

    Raises
    ------
    InputError
        Nothing has been read, or recall is not known.
    """
    if not found.n_read or np.isnan(found.recall[0]):
        raise InputError("no answers: efficiency and false rate of the detector are not known")
    return Detector(efficiency=found.recall[0], false_rate=found.false_per_thousand[0] / 1000)


@dataclass(frozen=True)
class PlannedSeries:
    """A calibration series for one question: what it is for, in words, and its plan."""

    purpose: str
    plan: object


def planned_series(curve, *, detect_gy, width_at_gy, half_width_gy, detector):
    """The series for the detection limit and for the width of the interval.

    Parameters
    ----------
    curve : CalibrationCurve
    detect_gy, width_at_gy, half_width_gy : float
        As of :func:`dicentlib.planning.planning_table`.
    detector : Detector

    Returns
    -------
    planned : list of PlannedSeries
    refused : list of str
        Why a question has no series.
    """

    def for_limit():
        found = plan_detection_series(curve, detect_gy, detector=detector)
        purpose = (
            f"For the detection limit of {detect_gy:g} Gy, with samples of at most "
            f"{found.sample_cells:,} cells"
        )
        return PlannedSeries(purpose, found.plan)

    def for_width():
        plan = plan_series(curve, {width_at_gy: half_width_gy / 2}, detector=detector)
        purpose = f"For ±{half_width_gy:g} Gy at {width_at_gy:g} Gy, half of it from the curve"
        return PlannedSeries(purpose, plan)

    planned, refused = [], []
    for question in (for_limit, for_width):
        try:
            planned.append(question())
        except InputError as error:
            refused.append(f"{error}.")
    return planned, refused
