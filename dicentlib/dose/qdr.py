"""Qdr: the dose of an exposed part from its damaged cells alone."""

import math

from scipy.optimize import brentq

from dicentlib.counts.sample import Sample
from dicentlib.dose.checks import checked_curve, estimate_of
from dicentlib.dose.whole_body import DELTA_FLOOR, normal_quantile
from dicentlib.errors import InputError


def qdr(n_dicentrics, n_damaged, curve, acentric_curve, *, level=0.95):
    """Yield per damaged cell (Qdr): the dose of an exposed part from damaged cells alone.

    Damaged cells have a dicentric or an excess acentric; unexposed cells do not matter, nor how
    many there are (Sasaki 1968; IAEA 2011, eq. 16):

    .. math:: X / N_U = \\frac{Y_1(D)}{1 - e^{-Y_1(D) - Y_2(D)}}

    Parameters
    ----------
    n_dicentrics, n_damaged : int
        Dicentrics X, and cells N_U with any of the two aberrations.
    curve, acentric_curve : CalibrationCurve
        Y_1 of dicentrics and Y_2 of excess acentrics, protracted alike. Both
        backgrounds are taken as exposed-cell yields; the interval is the delta method's, with
        both covariances.
    """
    z = normal_quantile(level)
    sample, notes = Sample.of(n_cells=n_damaged, n_dicentrics=n_dicentrics), []
    for one in (curve, acentric_curve):
        checked_curve(one)
    if acentric_curve.covariance is None:
        notes.append("The curve of acentrics has no covariance: its error is not in the interval.")
    if sample.n_dicentrics < DELTA_FLOOR:
        notes.append(
            f"{sample.n_dicentrics} dicentrics: below {DELTA_FLOOR} the delta interval covers "
            "less than its level."
        )
    observed = sample.yield_

    def expected(dose):
        y1 = float(curve.yield_at(dose))
        total = y1 + float(acentric_curve.yield_at(dose))
        return y1 / -math.expm1(-total), y1, total

    lowest, highest = 1e-6, 50.0
    if not expected(lowest)[0] < observed < expected(highest)[0]:
        raise InputError(
            f"{observed:.3g} dicentrics per damaged cell: expected between "
            f"{expected(lowest)[0]:.3g} (0 Gy) and {expected(highest)[0]:.3g} ({highest:g} Gy)"
        )
    dose = brentq(lambda d: expected(d)[0] - observed, lowest, highest, xtol=1e-10)
    mean, y1, total = expected(dose)
    damaged = -math.expm1(-total)
    step = 1e-5 * max(dose, 1e-2)
    slope = (expected(dose + step)[0] - expected(max(dose - step, 0))[0]) / (2 * step)
    counting = ((y1 + y1**2) / damaged - mean**2) / sample.n_cells
    by_total = -y1 * math.exp(-total) / damaged**2
    from_curves = (1 / damaged + by_total) ** 2 * float(
        curve.variance_at(dose)
    ) + by_total**2 * float(acentric_curve.variance_at(dose))
    error = math.sqrt(counting + from_curves) / slope
    lower, upper = max(dose - z * error, 0.0), dose + z * error
    return estimate_of(
        sample,
        curve,
        method="qdr",
        dose=(dose, lower, upper),
        yields=(y1, float(curve.yield_at(lower)), float(curve.yield_at(upper))),
        level=level,
        notes=notes,
        assumptions=("Only damaged cells are used; n_cells counts them.",),
        details={"standard_error_gy": error, "per_damaged_cell": observed},
    )
