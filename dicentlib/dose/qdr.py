"""Qdr: the dose of an exposed part from its damaged cells alone."""

import math
from numbers import Real

from scipy.optimize import brentq

from dicentlib.dose.checks import checked_curve, common_assumptions, range_warnings
from dicentlib.dose.result import DoseEstimate
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
    for label, value in (("n_dicentrics", n_dicentrics), ("n_damaged", n_damaged)):
        whole = isinstance(value, Real) and math.isfinite(value) and value == round(value)
        if not whole or value < 0:
            raise InputError(f"{label} is {value!r}: expected a whole number of 0 or more")
    notes = []
    for one in (curve, acentric_curve):
        checked_curve(one)
    if curve.covariance is None or acentric_curve.covariance is None:
        notes.append("A curve has no covariance: its own uncertainty is not in the interval.")
    if n_dicentrics < DELTA_FLOOR:
        notes.append(
            f"{n_dicentrics} dicentrics: below {DELTA_FLOOR} the delta interval covers less than "
            "its level."
        )
    if n_damaged == 0:
        raise InputError("no damaged cells: Qdr cannot estimate a dose")
    observed = n_dicentrics / n_damaged

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
    counting = ((y1 + y1**2) / damaged - mean**2) / n_damaged
    by_total = -y1 * math.exp(-total) / damaged**2
    from_curves = (1 / damaged + by_total) ** 2 * float(
        curve.variance_at(dose)
    ) + by_total**2 * float(acentric_curve.variance_at(dose))
    error = math.sqrt(counting + from_curves) / slope
    lower, upper = max(dose - z * error, 0.0), dose + z * error
    return DoseEstimate(
        method="qdr",
        dose_gy=dose,
        lower_gy=lower,
        upper_gy=upper,
        level=level,
        yield_=y1,
        yield_lower=float(curve.yield_at(lower)),
        yield_upper=float(curve.yield_at(upper)),
        n_cells=int(n_damaged),
        n_dicentrics=int(n_dicentrics),
        distribution=None,
        dispersion_index=None,
        u=None,
        protraction=curve.protraction,
        curve=curve.acute or curve,
        warnings=(*notes, *range_warnings(curve, dose, lower, upper)),
        assumptions=(
            *common_assumptions(curve),
            "Only damaged cells are used; n_cells counts them.",
        ),
        details={"standard_error_gy": error, "per_damaged_cell": observed},
    )
