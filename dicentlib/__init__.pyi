__all__ = [
    "CalibrationCurve",
    "Ensemble",
    "estimate_dose",
    "fit_curve",
    "laboratory_route",
    "read_counts",
    "score_folder",
    "simulate_metaphase",
]

from .calibration import CalibrationCurve, fit_curve
from .counts.tables import read_counts
from .dose import estimate_dose, laboratory_route
from .scoring import Ensemble, score_folder
from .simulation import simulate_metaphase
