"""Fit the calibration curve to counts per dose.

The model is Poisson with an identity link on the sums per dose (IAEA EPR-Biodosimetry 2011,
section 8.3):

.. math:: X_i \\sim \\mathrm{Poisson}\\left(N_i (C + \\alpha D_i + \\beta D_i^2)\\right)

with coefficients of 0 or more (:mod:`dicentlib.calibration.constrained`).
"""

from dataclasses import asdict

import numpy as np
from scipy.special import kl_div
from scipy.stats import chi2, norm, poisson
from scipy.stats import t as student_t

from dicentlib.calibration.constrained import fit_nonnegative
from dicentlib.calibration.curve import NAMES, CalibrationCurve
from dicentlib.calibration.design import design_warnings
from dicentlib.counts.checked import number, numbers
from dicentlib.counts.dispersion import U_LIMIT, dispersion
from dicentlib.counts.sample import refuse_impossible
from dicentlib.counts.slides import SlideVariance
from dicentlib.errors import InputError

NEAREST_GY = 1e-6  # doses nearer to another, or to 0, are the same
ROUNDING = 1e-9  # of the largest yield; a background below it is 0
FLAT = 1e-6  # of the largest yield; a smaller rise is that of rounding
MODELS = {"linear-quadratic": 3, "linear": 2}  # coefficients
FAMILIES = ("auto", "poisson", "quasi-poisson")


def fit_curve(
    dose_gy,
    n_cells,
    n_dicentrics,
    *,
    model="linear-quadratic",
    family="auto",
    fixed_background=None,
    weights=None,
    distributions=None,
    slide_variance=None,
    name="",
    radiation="",
    reference="",
    conditions=None,
    scorer=None,
):
    """Fit a linear-quadratic or linear curve to counts per dose.

    Parameters
    ----------
    dose_gy, n_cells, n_dicentrics : array_like (n,)
        Dose in Gy (>= 0), cells scored (> 0) and dicentrics found (whole numbers >= 0) per dose.
        Cells may be fractional (cell equivalents). A dose may occur more than once.
    model : {"linear-quadratic", "linear"}
    family : {"auto", "poisson", "quasi-poisson"}
        "auto": quasi-Poisson where the Pearson dispersion phi of the sums per dose exceeds 1,
        else Poisson. Quasi-Poisson multiplies the covariance by phi (even below 1).
    fixed_background : float, optional
        C held at this value (0: a curve through the origin).
    weights : array_like (n,), optional
        Weights of the doses, as 1 / dispersion index (IAEA 2011): one over the variance of the
        sums in Poisson variances. Their scale counts: with all at 0.1 the standard errors are 3.2
        times as large. A weight above 1 claims less than Poisson variance, which the curve then
        says. None: all 1.
    distributions : sequence of sequences, optional
        Cells with 0, 1, 2 ... dicentrics per dose, None where only the sums are known: dispersion
        index and u per dose are then kept.
    slide_variance : SlideVariance, optional
        How much the slides of the series differ (:func:`dicentlib.calibration.slide_variance`):
        kept in ``curve.fit`` and carried into every sample that is read with the curve.
    name, radiation, reference, conditions, scorer
        Stored in the curve.

    Returns
    -------
    CalibrationCurve
        ``curve.fit`` holds family, dispersion (phi), Pearson chi-squared with its degrees of
        freedom and p-value, log-likelihood, deviance, AIC, BIC, z (or t) and p per coefficient,
        the counts, and whether the coefficients were constrained. ``curve.warnings`` holds what
        is wrong with the design or the fit.

    Notes
    -----
    The likelihood is maximised subject to C, alpha, beta >= 0; the curve says where one of them is
    on the bound. An alpha or beta on the bound gets no variance. Where N cells at 0 Gy had no
    dicentric, C is 0 or nearly so, but not known to be: its standard error is at least 1/N (of a
    Poisson rate after no event, under a flat prior).

    Examples
    --------
    >>> curve = fit_curve([0, 1, 2, 4], [2000, 1000, 500, 100], [2, 80, 150, 110])
    >>> curve.fit["family"]
    'poisson'
    """
    dose, cells, counts = _checked_counts(dose_gy, n_cells, n_dicentrics)
    for label, given, allowed in (("model", model, MODELS), ("family", family, FAMILIES)):
        if given not in tuple(allowed):
            raise InputError(f"{label} is {given!r}: expected one of {', '.join(allowed)}")
    n_terms = MODELS[model]
    weight = _checked_weights(weights, len(dose))
    free = np.arange(n_terms) if fixed_background is None else np.arange(1, n_terms)
    background = _checked_background(fixed_background, dose, counts)
    apart = np.round(dose if fixed_background is None else dose[dose > 0], 6)
    if len(np.unique(apart)) < len(free):
        n_doses = len(np.unique(dose))
        raise InputError(
            f"{n_doses} {'dose' if n_doses == 1 else 'different doses'}: a {model} curve with "
            f"{len(free)} free coefficients needs at least {len(free)}"
        )
    per_dose = _dispersions(distributions, cells, counts)
    if slide_variance is not None and not isinstance(slide_variance, SlideVariance):
        raise InputError(f"slide_variance is {slide_variance!r:.100}: expected a SlideVariance")

    design = cells[:, None] * dose[:, None] ** np.arange(n_terms)
    coefficients, covariance = _coefficients(design, counts, weight, free, background)
    constrained = not np.all(coefficients[free])
    report = _report(design @ coefficients[:n_terms], counts, weight, len(free))
    chosen, factor = _family(family, report["dispersion"])
    covariance = covariance * factor
    unseen_in = 0.0  # cells at 0 Gy, if none had a dicentric
    if 0 in free and not counts[dose == 0].any():
        unseen_in = float(np.sum(cells[dose == 0]))
    if 0 in free and coefficients[0] == 0:
        covariance[0, :] = covariance[:, 0] = 0.0
    if unseen_in:
        covariance[0, 0] = max(covariance[0, 0], 1 / unseen_in**2)
    notes = design_warnings(dose, cells, counts, model=model)
    if np.any(weight > 1):
        notes.append(
            f"Weights up to {weight.max():.3g}: weights above 1 claim less than Poisson "
            "variance, and make the standard errors too small."
        )
    notes += _fit_warnings(constrained, report, coefficients, free, per_dose, dose, unseen_in)
    report = {
        "model": model,
        "family": chosen,
        "level": "sums per dose",
        "constrained": constrained,
        "fixed_background": None if fixed_background is None else background,
        **report,
        **_significance(coefficients, covariance, chosen, report["df"]),
        "dose_gy": dose.tolist(),
        "n_cells": cells.tolist(),
        "n_dicentrics": counts.tolist(),
        "weights": None if weights is None else weight.tolist(),
        "dispersion_index": None if per_dose is None else [d and d.index for d in per_dose],
        "u": None if per_dose is None else [d and d.u for d in per_dose],
        "slide_variance": None if slide_variance is None else asdict(slide_variance),
    }
    return CalibrationCurve(
        coefficients,
        covariance,
        dose_range_gy=(dose.min(), dose.max()),
        name=name,
        radiation=radiation,
        reference=reference,
        conditions=conditions or {},
        fit=report,
        scorer=scorer,
        warnings=notes,
    )


def curve_or_reason(counts, **options):
    """The curve of a table of counts and "", or None and why there is none.

    The table has ``dose_gy, n_cells, n_dicentrics``; `options` as of :func:`fit_curve`.
    """
    columns = (counts[name] for name in ("dose_gy", "n_cells", "n_dicentrics"))
    try:
        return fit_curve(*columns, **options), ""
    except InputError as error:
        return None, str(error)


def _coefficients(design, counts, weight, free, background):
    """C, alpha, beta and their Poisson covariance; those not `free` are held, beta at 0."""
    cells = design[:, 0]
    offset = cells * background
    seen = design[:, free].any(axis=1)  # with a fixed background, 0 Gy says nothing
    coefficients, covariance = np.array([background, 0.0, 0.0]), np.zeros((3, 3))
    coefficients[free], covariance[np.ix_(free, free)] = fit_nonnegative(
        design[np.ix_(seen, free)], counts[seen], offset[seen], weight[seen]
    )
    if 0 in free and coefficients[0] < ROUNDING * np.max(counts / cells):
        coefficients[0] = 0.0
    rise = design[:, 1:] @ coefficients[1 : design.shape[1]] / cells
    if np.max(rise) <= FLAT * np.max(counts / cells):
        raise InputError("dicentrics per cell do not rise with the dose: there is no curve to fit")
    return coefficients, covariance


def _family(family, phi):
    """The family that is used, and what it multiplies a Poisson covariance by."""
    if family == "auto":
        family = "quasi-poisson" if phi is not None and phi > 1 else "poisson"
    if family == "poisson":
        return family, 1.0
    if phi is None:
        raise InputError("quasi-Poisson needs more doses than coefficients")
    return family, phi


def _report(mu, counts, weights, n_free):
    """Pearson dispersion, goodness of fit and information criteria (JSON-able)."""
    mu = np.maximum(mu, 0.0)
    used = mu > 0  # an expected count of exactly 0 with none found fits perfectly
    pearson = float(np.sum(weights[used] * (counts[used] - mu[used]) ** 2 / mu[used]))
    df = len(counts) - n_free
    log_likelihood = float(np.sum(poisson.logpmf(counts, mu)))
    return {
        "dispersion": pearson / df if df else None,
        "chi2": pearson,
        "df": df,
        "p_value": float(chi2.sf(pearson, df)) if df else None,
        "log_likelihood": log_likelihood,
        "deviance": 2 * float(np.sum(weights * kl_div(counts, mu))),
        "aic": 2 * n_free - 2 * log_likelihood,
        "bic": float(n_free * np.log(len(counts)) - 2 * log_likelihood),
    }


def _significance(coefficients, covariance, family, df):
    errors = np.sqrt(np.diag(covariance))
    known = errors > 0
    z = np.divide(coefficients, errors, out=np.full(3, np.nan), where=known)
    law = norm() if family == "poisson" else student_t(df)
    p = 2 * law.sf(np.abs(z))
    listed = {}
    for label, values in (("standard_errors", errors), ("statistic", z), ("p", p)):
        listed[label] = [float(v) if k else None for v, k in zip(values, known, strict=True)]
    return {"statistic_name": "z" if family == "poisson" else "t", **listed}


def _fit_warnings(constrained, report, coefficients, free, per_dose, dose, unseen_in):
    notes = []
    if constrained:
        on_bound = [NAMES[i] for i in free if i and coefficients[i] == 0]
        notes.append(
            "A coefficient would not be positive; the likelihood was maximised with "
            "C, alpha, beta >= 0"
            + (f" ({', '.join(on_bound)} on the bound, without a variance)." if on_bound else ".")
        )
    if unseen_in:
        notes.append(
            f"No dicentric in {unseen_in:g} cells at 0 Gy: C is {coefficients[0]:.2g}, its "
            f"standard error at least 1/{unseen_in:g}."
        )
    elif 0 in free and coefficients[0] == 0:
        notes.append("C is 0 without a standard error: no cells were scored at 0 Gy.")
    if report["df"] == 0:
        notes.append("As many coefficients as doses: the goodness of fit cannot be judged.")
    elif report["p_value"] < 0.05:
        notes.append(
            f"The curve fits badly: Pearson chi-squared {report['chi2']:.4g}, df = {report['df']}, "
            f"p = {report['p_value']:.2g}, dispersion {report['dispersion']:.3g}."
        )
    for one, at in zip(per_dose or (), dose, strict=False):
        if one is not None and one.u is not None and abs(one.u) > U_LIMIT:
            kind = "over" if one.u > 0 else "under"
            notes.append(f"Counts at {at:g} Gy are {kind}dispersed: u = {one.u:.2f}.")
    return notes


def _checked_counts(dose_gy, n_cells, n_dicentrics):
    arrays = []
    given = {"dose_gy": dose_gy, "n_cells": n_cells, "n_dicentrics": n_dicentrics}
    for label, values in given.items():
        array = numbers(values, f"{label} is not a list of numbers: {values!r:.100}")
        if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
            raise InputError(f"{label}: expected a list of finite numbers, found {values!r}")
        if np.any(array < 0):
            raise InputError(f"{label} has the negative value {array.min():g}: expected 0 or more")
        arrays.append(array)
    dose, cells, counts = arrays
    if not len(dose) == len(cells) == len(counts):
        raise InputError(
            f"dose_gy, n_cells and n_dicentrics have {len(dose)}, {len(cells)} and {len(counts)} "
            "values: expected equally many"
        )
    tiny = (dose > 0) & (dose < NEAREST_GY)
    if np.any(tiny):
        raise InputError(f"dose_gy has the value {dose[tiny][0]:.3g}: expected 0 or real doses")
    if np.any(cells == 0):
        raise InputError(f"n_cells is 0 at {dose[cells == 0][0]:g} Gy: expected cells at each dose")
    if np.any(counts != np.round(counts)):
        raise InputError(
            f"n_dicentrics has the value {counts[counts != np.round(counts)][0]:g}: expected whole "
            "numbers (counts, not yields)"
        )
    for n, x in zip(cells, counts, strict=True):
        refuse_impossible(n, x)
    if not counts.any():
        raise InputError("n_dicentrics is 0 at every dose: there is no curve to fit")
    return arrays


def _checked_weights(weights, n):
    if weights is None:
        return np.ones(n)
    weights = numbers(weights, f"weights: expected {n} positive numbers, found {weights!r:.100}")
    if weights.shape != (n,) or not np.all(np.isfinite(weights)) or np.any(weights <= 0):
        raise InputError(f"weights: expected {n} positive numbers, found {weights.tolist()}")
    return weights


def _checked_background(fixed, dose, counts):
    if fixed is None:
        return 0.0
    number("fixed_background", fixed, least=0, unit=" dicentrics per cell")
    if fixed == 0 and counts[dose == 0].sum() > 0:
        raise InputError(
            f"fixed_background is 0, but {counts[dose == 0].sum():g} dicentrics were found at 0 Gy"
        )
    return float(fixed)


def _absent(distribution):
    return distribution is None or (np.isscalar(distribution) and distribution != distribution)


def _dispersions(distributions, cells, counts):
    if distributions is None:
        return None
    if not hasattr(distributions, "__len__") or isinstance(distributions, (str, dict)):
        raise InputError(f"distributions: expected one for each dose, found {distributions!r:.100}")
    if len(distributions) != len(cells):
        raise InputError(f"distributions: expected {len(cells)}, found {len(distributions)}")
    per_dose = [None if _absent(one) else dispersion(one) for one in distributions]
    if not any(per_dose):
        return None
    for one, n, x in zip(per_dose, cells, counts, strict=True):
        if one is not None and (one.n_cells, one.n_dicentrics) != (n, x):
            raise InputError(
                f"a distribution has {one.n_dicentrics} dicentrics in {one.n_cells} cells, but "
                f"n_dicentrics and n_cells say {x:g} in {n:g}"
            )
    return per_dose
