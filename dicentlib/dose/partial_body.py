"""Partial-body dose: some cells were exposed, the others were not."""

import math

import numpy as np
from scipy.optimize import brentq

from dicentlib.calibration.curve import check_protraction
from dicentlib.dose.checks import (
    common_assumptions,
    common_fields,
    range_warnings,
    sample_warnings,
)
from dicentlib.dose.contaminated_poisson import Background, fit_contaminated
from dicentlib.dose.result import DoseEstimate, PartialBodyEstimate
from dicentlib.dose.whole_body import normal_quantile
from dicentlib.errors import InputError


def dolphin(sample, curve, *, level=0.95, d0_gy=2.7, background=None, protraction=1.0):
    """Contaminated Poisson (Dolphin 1969): dose and size of the exposed part.

    Of the scored cells a fraction f has the yield lam of the exposed part, the others none (or a
    detector's false positives). Dose by the inverse curve, interval by the delta method;
    fraction of the body corrected for exposed cells that did not reach metaphase:

    .. math:: F = \\frac{f e^{D/D_0}}{1 - f + f e^{D/D_0}}

    Parameters
    ----------
    sample : Sample
        With its distribution.
    curve : CalibrationCurve
        Whole-body curve.
    level : float in (0, 1)
    d0_gy : float
        Dose D_0 that lets 37 % of cells reach metaphase, 2.7 to 3.5 Gy.
    background : None, "curve" or (n_dicentrics, n_cells)
        What is found in unexposed cells. None: nothing (Dolphin's method). Counts of unexposed
        cells scored like the sample: their yield p0, with its uncertainty, is found in exposed
        and unexposed cells alike. "curve": p0 is the curve's C, for a curve whose counts were
        made by the same detector.
    protraction : float in [0, 1]

    Returns
    -------
    PartialBodyEstimate
        ``dose_gy`` is NaN, with the reason in ``warnings``, where no cell has two dicentrics.
    """
    protraction = check_protraction(protraction)
    z = normal_quantile(level)
    if not np.isfinite(d0_gy) or d0_gy <= 0:
        raise InputError(f"d0_gy is {d0_gy}: expected more than 0 Gy")
    if sample.distribution is None:
        raise InputError("dolphin needs the cells with 0, 1, 2 ... dicentrics, not only the sums")
    false_positives = _background(background, curve)
    notes = sample_warnings(sample, curve, whole_body=False)
    assumptions = (
        *common_assumptions(curve, protraction),
        f"Part of the body exposed to one dose, D0 = {d0_gy:g} Gy.",
        "No dicentrics in unexposed cells."
        if false_positives is None
        else f"{false_positives.rate:.4g} false dicentrics per cell, exposed or not.",
    )
    fitted = fit_contaminated(sample.distribution, false_positives)
    if isinstance(fitted, str):
        dose = lower = upper = math.nan
        numbers = dict.fromkeys(("yield_", "yield_lower", "yield_upper"), math.nan)
        part = dict.fromkeys(_PART_FIELDS, math.nan)
        notes.append(f"Not estimable: {fitted}")
        details = {}
    else:
        dose, lower, upper, numbers, part, details = _numbers(
            fitted, false_positives, curve, protraction, z, d0_gy
        )
        notes += _part_warnings(sample, fitted, dose)
        notes += range_warnings(curve, dose, lower, upper)
    return PartialBodyEstimate(
        method="dolphin",
        dose_gy=dose,
        lower_gy=lower,
        upper_gy=upper,
        level=level,
        d0_gy=d0_gy,
        warnings=tuple(notes),
        assumptions=assumptions,
        details=details,
        **numbers,
        **part,
        **common_fields(sample, curve, protraction),
    )


_PART_FIELDS = (
    "scored_fraction",
    "scored_fraction_error",
    "fraction",
    "fraction_lower",
    "fraction_upper",
)


def _numbers(fitted, false_positives, curve, protraction, z, d0_gy):
    """Dose, fraction and their limits by the delta method."""
    p0 = 0.0 if false_positives is None else false_positives.rate_at(fitted)
    yield_ = fitted.yield_ + p0
    dose = float(curve.dose_at(yield_, protraction=protraction))
    sd_yield, curve_gradient = _yield_error(fitted, false_positives)
    numbers = {
        "yield_": yield_,
        "yield_lower": max(yield_ - z * sd_yield, 0.0),
        "yield_upper": yield_ + z * sd_yield,
    }
    slope = float(curve.slope_at(dose, protraction=protraction))
    if slope <= 0:
        raise InputError(f"The curve {curve.describe()} does not rise at {dose:.3g} Gy")
    covariance = np.zeros((3, 3)) if curve.covariance is None else curve.covariance
    gradient = np.array([curve_gradient, -dose, -protraction * dose**2]) / slope
    from_curve = float(gradient @ covariance @ gradient)
    sd_dose = math.sqrt(from_curve + (sd_yield / slope) ** 2)

    f = fitted.fraction
    growth = math.exp(dose / d0_gy)
    total = 1 - f + f * growth
    body = f * growth / total
    by_fraction = growth / total**2
    by_dose = body * (1 - body) / d0_gy
    with_yield = np.array([1.0, by_dose / slope, by_dose / slope])  # (f, lam, p0)
    with_yield[0] = by_fraction
    variance = with_yield @ fitted.covariance @ with_yield + by_dose**2 * from_curve
    sd_body = math.sqrt(max(variance, 0.0))
    part = {
        "scored_fraction": f,
        "scored_fraction_error": math.sqrt(fitted.covariance[0, 0]),
        "fraction": min(body, 1.0),
        "fraction_lower": min(max(body - z * sd_body, 0.0), 1.0),
        "fraction_upper": min(body + z * sd_body, 1.0),
    }
    details = {
        "standard_error_gy": sd_dose,
        "fraction_standard_error": sd_body,
        "exposed_yield_standard_error": sd_yield,
        "background_yield": p0,
    }
    return dose, max(dose - z * sd_dose, 0.0), dose + z * sd_dose, numbers, part, details


def _yield_error(fitted, false_positives):
    """Standard error of lam + p0, and the gradient of s D with respect to the curve's C.

    With p0 = C, an error of C shifts curve and yield alike; only lam still depends on it.
    """
    if false_positives is not None and false_positives.is_curve:
        return math.sqrt(fitted.covariance[1, 1]), fitted.yield_by_background
    return math.sqrt(float(fitted.covariance[1:, 1:].sum())), -1.0


def _background(background, curve):
    if background is None:
        return None
    if isinstance(background, str):
        if background != "curve":
            raise InputError(f"background is {background!r}: expected None, 'curve' or counts")
        return Background(rate=float(curve.coefficients[0]), n_cells=math.inf, is_curve=True)
    try:
        count, cells = (float(value) for value in background)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"background is {background!r}: expected (n_dicentrics, n_cells)"
        ) from error
    if count < 0 or count != round(count) or cells <= 0 or not np.isfinite(cells):
        raise InputError(
            f"background is {background!r}: expected whole dicentrics >= 0 in cells > 0"
        )
    return Background(rate=count / cells, n_cells=cells)


def _part_warnings(sample, fitted, dose):
    several = sum(sample.distribution[2:])
    notes = []
    if fitted.fraction >= 1 - 1e-9:
        notes.append(
            "The cells without dicentrics are no more than whole-body exposure leaves: there is no "
            "sign of unexposed cells; use the whole-body dose."
        )
    if several < 5:
        notes.append(
            f"Only {several} cells have two or more dicentrics: the partial-body dose rests on "
            "them."
        )
    if dose == 0:
        notes.append("The yield of the exposed part is not above the background: dose 0 Gy.")
    return notes


def qdr(n_dicentrics, n_damaged, curve, acentric_curve, *, level=0.95, protraction=1.0):
    """Yield per damaged cell (Qdr): the dose of an exposed part from damaged cells alone.

    Damaged cells have a dicentric or an excess acentric; unexposed cells do not matter, nor how
    many there are (Sasaki 1968; IAEA 2011, eq. 16):

    .. math:: X / N_U = \\frac{Y_1(D)}{1 - e^{-Y_1(D) - Y_2(D)}}

    Parameters
    ----------
    n_dicentrics, n_damaged : int
        Dicentrics X, and cells N_U with any of the two aberrations.
    curve, acentric_curve : CalibrationCurve
        Y_1 of dicentrics and Y_2 of excess acentrics. Both backgrounds are taken as exposed-cell
        yields; the interval is the delta method's, with both covariances.
    """
    protraction = check_protraction(protraction)
    z = normal_quantile(level)
    for label, value in (("n_dicentrics", n_dicentrics), ("n_damaged", n_damaged)):
        if value < 0 or value != round(value):
            raise InputError(f"{label} is {value}: expected a whole number of 0 or more")
    if n_damaged == 0:
        raise InputError("no damaged cells: Qdr cannot estimate a dose")
    observed = n_dicentrics / n_damaged

    def expected(dose):
        y1 = float(curve.yield_at(dose, protraction=protraction))
        total = y1 + float(acentric_curve.yield_at(dose, protraction=protraction))
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
        curve.variance_at(dose, protraction=protraction)
    ) + by_total**2 * float(acentric_curve.variance_at(dose, protraction=protraction))
    error = math.sqrt(counting + from_curves) / slope
    lower, upper = max(dose - z * error, 0.0), dose + z * error
    return DoseEstimate(
        method="qdr",
        dose_gy=dose,
        lower_gy=lower,
        upper_gy=upper,
        level=level,
        yield_=y1,
        yield_lower=float(curve.yield_at(lower, protraction=protraction)),
        yield_upper=float(curve.yield_at(upper, protraction=protraction)),
        n_cells=int(n_damaged),
        n_dicentrics=int(n_dicentrics),
        distribution=None,
        dispersion_index=None,
        u=None,
        protraction=protraction,
        curve=curve,
        warnings=tuple(range_warnings(curve, dose, lower, upper)),
        assumptions=(
            *common_assumptions(curve, protraction),
            "Only damaged cells are used; n_cells counts them.",
        ),
        details={"standard_error_gy": error, "per_damaged_cell": observed},
    )
