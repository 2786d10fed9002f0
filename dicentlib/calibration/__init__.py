"""Calibration: from counts at known doses to a curve that can be inverted."""

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.fit import fit_curve
from dicentlib.calibration.published import published_curve, published_curves

__all__ = ["CalibrationCurve", "fit_curve", "published_curve", "published_curves"]
