"""Dose: from the counts of one sample to a dose that can be trusted."""

from dicentlib.counts.dispersion import Dispersion, dispersion
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.counts.sample import Sample
from dicentlib.dose.detector import Detector
from dicentlib.dose.estimate import estimate_dose
from dicentlib.dose.low_dose import (
    characteristic_limits,
    decision_threshold,
    detection_limit,
    odds,
    poisson_two_sample_p,
)
from dicentlib.dose.protraction import protraction_factor, split_dose_factor
from dicentlib.dose.qdr import qdr
from dicentlib.dose.result import DoseEstimate
from dicentlib.dose.route import Route, laboratory_route
from dicentlib.dose.route_table import route_table
from dicentlib.dose.triage import Triage, triage, triage_table

__all__ = [
    "Detector",
    "Dispersion",
    "DoseEstimate",
    "Route",
    "Sample",
    "Triage",
    "characteristic_limits",
    "decision_threshold",
    "detection_limit",
    "dispersion",
    "estimate_dose",
    "laboratory_route",
    "odds",
    "poisson_limits",
    "poisson_two_sample_p",
    "protraction_factor",
    "qdr",
    "route_table",
    "split_dose_factor",
    "triage",
    "triage_table",
]
