"""The dose of the detections that a reviewer has left."""

from dicentlib.calibration.efficiency import partly_reviewed_curve, reviewed_curve
from dicentlib.counts.cells import cell_distribution, count_cells
from dicentlib.dose import estimate_dose


def reviewed_dose(curve, by_dose, images, *, require_fragment, protraction=1.0):
    """A function from the detections left by a reviewer to the dose.

    A detector's curve holds its false detections, so counts without them are read on a curve of
    the true detections of the calibration series. While only a share of the detections is
    reviewed, the curve lies between both and the dose is provisional.

    Parameters
    ----------
    curve : CalibrationCurve
        Of the detector's own counts.
    by_dose : DataFrame or None
        ``calibration_detector.csv``, see :func:`dicentlib.calibration.efficiency.detector_by_dose`;
        None, or without truth: then there is no dose once anything is reviewed.
    images : sequence of str
        The scored cells of the sample, those without a detection among them.
    require_fragment : bool
        The co-occurrence rule.
    protraction : float
        G(x), 0 to 1.

    Returns
    -------
    callable
        ``(detections, share reviewed, 0 to 1)`` to a DoseEstimate, or None where no curve holds.
    """
    reviewed = None if by_dose is None else reviewed_curve(curve, by_dose)

    def estimate(detections, share):
        if share and reviewed is None:
            return None
        cells = count_cells(detections, images, require_fragment=require_fragment)
        fitting = partly_reviewed_curve(curve, reviewed, share) if share else curve
        return estimate_dose(
            cell_distribution(cells["n_dicentrics"]), fitting, protraction=protraction
        )

    return estimate
