"""Partial-body dose: some cells were exposed, the others were not."""

import dataclasses
import math
from functools import partial

import numpy as np

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.counts.checked import number
from dicentlib.dose.checks import estimate_of
from dicentlib.dose.contaminated_poisson import Background, fit_contaminated
from dicentlib.dose.detected_dose import shares_of
from dicentlib.dose.detector import DetectedCurve
from dicentlib.dose.joint import N_DOSES, JointLikelihood, body_fraction, fraction_limits
from dicentlib.dose.low_dose import checked_control
from dicentlib.dose.profile import profile_limits
from dicentlib.dose.result import PartialBodyEstimate
from dicentlib.dose.whole_body import FARTHEST_GY, normal_quantile
from dicentlib.errors import InputError

LIMITS = ("delta", "profile")


def dolphin(
    sample,
    curve,
    *,
    level=0.95,
    d0_gy=2.7,
    background=None,
    limits=None,
    detector=None,
    ensemble_yields=None,
):
    """Contaminated Poisson (Dolphin 1969): dose and size of the exposed part.

    Of the scored cells a fraction f has the yield lam of the exposed part, the others none (or a
    detector's false positives). Dose by the inverse curve; fraction of the body corrected for
    exposed cells that did not reach metaphase, its interval by the same kind of limits:

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
        What is found in unexposed cells. None: nothing (Dolphin's method); with `detector`, its
        false positives and the curve's background, e C + p. Counts of unexposed cells scored like
        the sample: their yield p0, with its uncertainty, is found in exposed and unexposed cells
        alike. "curve": p0 is the curve's C, for a curve that the same detector's counts made.
    limits : {"delta", "profile"}, optional
        Symmetric limits of the delta method, or those of the profile likelihood
        (:mod:`dicentlib.dose.profile`), of dose and fraction alike. None: "delta" for Dolphin's
        method, "profile" with `background` or `detector`.
    detector : Detector, optional
        Efficiency and false rate with their errors, for a curve of real dicentrics.
    ensemble_yields : sequence of float, optional
        Yields of this sample by random ensembles.

    Returns
    -------
    PartialBodyEstimate
        ``dose_gy`` is NaN, with the reason in ``warnings``, where no cell has two dicentrics.
    """
    z = normal_quantile(level)
    number("d0_gy", d0_gy, least=0, open_ends=True, unit=" Gy")
    if sample.distribution is None:
        raise InputError("dolphin needs the cells with 0, 1, 2 ... dicentrics, not only the sums")
    if limits is None:
        limits = "delta" if background is None and detector is None else "profile"
    if limits not in LIMITS:
        raise InputError(f"limits are {limits!r}: expected one of {LIMITS}")
    detected = DetectedCurve.of(sample, curve, detector=detector, ensemble_yields=ensemble_yields)
    unexposed, net = _background(background, detected, detector)
    if net:
        detected = _without_background(detected)
    estimate = partial(
        estimate_of,
        sample,
        curve,
        PartialBodyEstimate,
        method="dolphin",
        level=level,
        d0_gy=d0_gy,
        assumptions=(
            f"Part of the body exposed to one dose, D0 = {d0_gy:g} Gy; {limits} limits.",
            "No dicentrics in unexposed cells."
            if unexposed is None
            else f"{unexposed.rate:.4g} dicentrics per unexposed cell (false or spontaneous).",
        ),
    )
    try:
        fitted = fit_contaminated(sample.distribution, unexposed, bounded=limits == "profile")
        dose = _dose(fitted, detected, net=net)
    except InputError as error:
        unknown, notes = (math.nan,) * 3, [f"Not estimable: {error}"]
        return estimate(dose=unknown, yields=unknown, notes=notes, details={"limits": limits})
    ends, yields, fields, details = _by_delta(fitted, detected, dose, z, d0_gy, net=net)
    if limits == "profile":
        shift = fitted.background if net else 0.0
        law = {
            "mean_at": lambda at: shift + detected.mean_at(at),
            "variance_at": detected.variance_at,
        }
        ends = profile_limits(
            sample.distribution, unexposed, **law, dose=dose, level=level, farthest_gy=FARTHEST_GY
        )
        doses = np.linspace(ends[0], min(ends[1], FARTHEST_GY), N_DOSES)
        joint = JointLikelihood.of(
            sample.distribution,
            doses_gy=np.union1d(doses, [dose]),
            **law,
            background=fitted.background,
            d0_gy=d0_gy,
        )
        parts = fraction_limits(joint, fields["fraction"], level=level)
        fields |= dict(zip(("fraction_lower", "fraction_upper"), parts, strict=True))
    return estimate(
        dose=(dose, *ends),
        yields=yields,
        shares=shares_of(detected, dose, details["exposed_yield_standard_error"] ** 2),
        notes=_part_warnings(sample, fitted, dose, ends[1]),
        details=details | {"limits": limits},
        **fields,
    )


def _dose(fitted, detected, *, net):
    """Dose of the exposed part; InputError where its yield is no dose of the curve."""
    dose = detected.dose_at(fitted.yield_ + (0.0 if net else fitted.background))
    if dose > FARTHEST_GY:
        raise InputError(
            f"the yield of the exposed part corresponds to {dose:.0f} Gy, above any dose"
        )
    if detected.curve.slope_at(dose) <= 0:
        raise InputError(f"the curve {detected.curve.describe()} does not rise at {dose:.3g} Gy")
    return dose


def _by_delta(fitted, detected, dose, z, d0_gy, *, net):
    """Limits of the dose, yield with its limits, fraction with its own, and standard errors."""
    p0, f, covariance = fitted.background, fitted.fraction, fitted.covariance.copy()
    if net:  # the curve is above the background: an error of that does not move the dose
        covariance[2, :] = covariance[:, 2] = 0.0
    sd_yield = math.sqrt(covariance[1:, 1:].sum())
    slope = detected.detector.efficiency * float(detected.curve.slope_at(dose))
    from_curve = float(detected.variance_at(dose)) / slope**2
    sd_dose = math.sqrt(from_curve + (sd_yield / slope) ** 2)

    body, by_f, by_dose = map(float, body_fraction(f, dose, d0_gy))
    gradient = np.array([by_f, by_dose / slope, by_dose / slope])
    variance = gradient @ covariance @ gradient + by_dose**2 * from_curve
    sd_body = math.sqrt(max(variance, 0.0))
    exposed = fitted.yield_ + p0
    yields = (exposed, max(exposed - z * sd_yield, 0.0), exposed + z * sd_yield)
    fields = {
        "scored_fraction": f,
        "scored_fraction_error": math.sqrt(covariance[0, 0]),
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
    return (max(dose - z * sd_dose, 0.0), dose + z * sd_dose), yields, fields, details


def _background(background, detected, detector):
    """What unexposed cells show, and whether the curve shows it too (then only the rest is dose).

    The curve's C, or e C + p, has some variance; it is taken as a Poisson count of as many cells
    as give that variance.
    """
    if background is None and detector is None:
        return None, False
    if background is None or isinstance(background, str):
        if background not in (None, "curve"):
            raise InputError(f"background is {background!r}: expected None, 'curve' or counts")
        if background == "curve" and detector is not None and detector.false_rate > 0:
            raise InputError("background='curve' and a detector's false rate exclude each other")
        return Background(float(detected.mean_at(0.0)), detected.unexposed_cells()), True
    known = checked_control(background, label="background")
    return Background(known.yield_, known.n_cells), False


def _without_background(detected):
    """The detected curve less what it shows at 0 Gy: e (alpha D + beta D^2)."""
    curve, covariance = detected.curve, None
    if curve.covariance is not None:
        covariance = curve.covariance.copy()
        covariance[0, :] = covariance[:, 0] = 0.0
    net = CalibrationCurve((0.0, *curve.coefficients[1:]), covariance, fit=curve.fit)
    detector = dataclasses.replace(detected.detector, false_rate=0.0, false_rate_error=0.0)
    return dataclasses.replace(detected, curve=net, detector=detector)


def _part_warnings(sample, fitted, dose, upper):
    several = sum(sample.distribution[2:])
    notes = []
    if fitted.fraction >= 1 - 1e-6:
        notes.append(
            "There are no more cells without dicentrics than after a whole-body exposure, so "
            "no sign of unexposed cells: use the whole-body dose."
        )
    if several < 5:
        notes.append(
            f"Only {several} {'cell has' if several == 1 else 'cells have'} two or more "
            "dicentrics: the partial-body dose rests on "
            f"{'it' if several == 1 else 'them'}, and no level is claimed for the limits of dose "
            "and fraction."
        )
    if dose == 0:
        notes.append("The yield of the exposed part is not above the background: dose 0 Gy.")
    if math.isinf(upper):
        notes.append(
            "The likelihood sets no upper limit: a higher dose to a smaller part fits too."
        )
    return notes
