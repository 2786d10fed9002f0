"""Dose: from the counts of one sample to a dose that can be trusted."""

from dicentlib.counts.dispersion import dispersion
from dicentlib.counts.sample import Sample
from dicentlib.dose.checklist import report_checklist
from dicentlib.dose.criticality import criticality, mixed_field_curve
from dicentlib.dose.detector import Detector
from dicentlib.dose.estimate import estimate_dose
from dicentlib.dose.exposure import exposure_posterior
from dicentlib.dose.exposure_result import LOCAL_PRIOR, ExposurePrior
from dicentlib.dose.interlaboratory import z_scores
from dicentlib.dose.low_dose import characteristic_limits, decision_threshold, detection_limit, odds
from dicentlib.dose.protraction import fractionation_factor, protraction_factor
from dicentlib.dose.qdr import qdr
from dicentlib.dose.route import laboratory_route
from dicentlib.dose.route_table import route_table
from dicentlib.dose.triage import triage, triage_table
from dicentlib.dose.verification import check_known_doses
