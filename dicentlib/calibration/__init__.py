"""Calibration: from counts at known doses to a curve that can be inverted."""

from dicentlib.calibration.comparison import compare_curves
from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.fit import fit_curve
from dicentlib.calibration.grid import count_ensembles, count_grid
from dicentlib.calibration.leave_out import choose_quantile
from dicentlib.calibration.published import published_curve, published_curves
from dicentlib.calibration.quantiles import firing_fraction, quantile_thresholds
from dicentlib.calibration.scorer import Scorer
from dicentlib.calibration.trial import try_counts
from dicentlib.counts.cells import co_occurrence, count_cells, with_yields
from dicentlib.counts.slides import slide_variance, slide_weights
from dicentlib.counts.tables import read_counts
