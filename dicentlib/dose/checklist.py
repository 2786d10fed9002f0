"""What a report of a dose must hold (ISO 19238, IAEA EPR-Biodosimetry 2011), item by item.

Each item is present, with what is there, or named as missing: nothing is left out in silence.
"""

import numpy as np
import pandas as pd

from dicentlib.errors import InputError

# facts of a case that only the laboratory knows, and what they are called in a report
CASE = {
    "requested_by": "Who asked for the estimate",
    "exposure": "Circumstances and date of the exposure",
    "radiation_quality": "Radiation quality",
    "sampling_date": "Date of blood sampling",
    "culture": "Culture: medium, time, temperature",
    "other_findings": "Rings and excess acentrics",
    "comments": "Comments",
    "reviewer": "Who reviewed and signed",
}
CONDITIONS = ("dose_rate", "dose_quantity", "temperature", "incubation")


def report_checklist(route, case=None, *, sample_code="", scorer="", software=""):
    """The items of a report and whether this one has them.

    Parameters
    ----------
    route : Route
    case : dict, optional
        Facts of the case, by the names in ``CASE``; empty ones count as missing.
    sample_code, scorer, software : str
        Code of the sample, who or what scored it, and the version of the software.

    Returns
    -------
    DataFrame
        ``item``, ``present`` (bool) and ``content`` (text, "missing" where it is not there), in the
        order of a report.

    Raises
    ------
    InputError
        `case` holds another name.
    """
    facts = labelled_facts(case or {})
    reviewer = facts.popitem()
    rows = [
        ("Sample code", sample_code),
        *facts.items(),
        ("Scoring method and scorer", scorer),
        *_counts(route),
        *_curve(route.estimate.curve),
        *_dose(route),
        reviewer,
        ("Software version", software),
    ]
    content = [str(text).strip() if text not in (None, "") else "" for _, text in rows]
    return pd.DataFrame(
        {
            "item": [item for item, _ in rows],
            "present": [bool(text) for text in content],
            "content": [text or "missing" for text in content],
        }
    )


def labelled_facts(case):
    """The facts of a case by their labels in a report, "" where one is not given.

    Raises
    ------
    InputError
        `case` holds a name that is not in ``CASE``.
    """
    unknown = sorted(set(case) - set(CASE))
    if unknown:
        raise InputError(f"case: unknown {', '.join(unknown)}; allowed: {', '.join(CASE)}")
    return {label: case.get(name, "") for name, label in CASE.items()}


def _counts(route):
    estimate, spread = route.estimate, route.dispersion
    counted = spread is not None and spread.standard_error is not None
    yield_ = estimate.n_dicentrics / estimate.n_cells
    return [
        ("Cells and dicentrics", f"{estimate.n_dicentrics} dicentrics in {estimate.n_cells} cells"),
        (
            "Cells by number of dicentrics",
            estimate.distribution and ", ".join(map(str, estimate.distribution)),
        ),
        (
            "Yield with standard error",
            f"{yield_:.4g} +- {spread.standard_error:.2g}" if counted else None,
        ),
        (
            "Dispersion index and u",
            None if estimate.u is None else f"{estimate.dispersion_index:.2f}, u {estimate.u:.2f}",
        ),
        ("Background", f"{route.limits.background:.4g} per cell ({route.limits.source})"),
    ]


def _curve(curve):
    fit, conditions = curve.fit, curve.conditions
    phi, p = fit.get("dispersion"), fit.get("p_value")
    low_high = curve.dose_range_gy
    rows = [
        ("Calibration curve", curve.describe()),
        ("Standard errors of the curve", _numbers(curve.standard_errors)),
        ("Covariance of the curve", _numbers(curve.covariance)),
        (
            "Goodness of fit",
            None if phi is None or p is None else f"dispersion {phi:.3g}, p = {p:.2g}",
        ),
        (
            "Calibrated doses",
            None if low_high is None else f"{low_high[0]:g} to {low_high[1]:g} Gy",
        ),
        ("Source of the curve", curve.reference or curve.name),
        ("Radiation of the curve", curve.radiation),
    ]
    return rows + [
        (f"Curve: {name.replace('_', ' ')}", conditions.get(name)) for name in CONDITIONS
    ]


def _numbers(values):
    return None if values is None else ", ".join(f"{value:.3g}" for value in np.ravel(values))


def _dose(route):
    limits, other = route.limits, route.other
    category = route.triage["multibiodose"]
    return [
        ("Dose with its interval and method", route.conclusion),
        ("Second dose", "none needed" if other is None else other.summary()),
        ("What a partial exposure could hide", route.hidden and route.hidden.explain())
        if route.partial_by is None
        else ("Exposed part of the body", f"{route.estimate.fraction:.0%}"),
        ("Assumptions", " ".join(route.estimate.assumptions)),
        ("Triage category", category.explain()),
        ("Decision threshold", f"{limits.threshold} dicentrics"),
        ("Detection limit", f"{limits.detectable_gy:.2g} Gy"),
        ("Reservations", " ".join(route.warnings) or "none"),
    ]
