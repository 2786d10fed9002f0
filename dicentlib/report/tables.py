"""Results as the text of a report: formatted tables and facts, with units."""

import math

import numpy as np
import pandas as pd


def gray(dose_gy):
    """A dose as text: two decimals, or in words where there is no number.

    Examples
    --------
    >>> gray(1.934), gray(float("nan")), gray(float("inf"))
    ('1.93', 'not estimable', 'no limit')
    """
    if dose_gy is None or math.isnan(dose_gy):
        return "not estimable"
    return "no limit" if math.isinf(dose_gy) else f"{dose_gy:.2f}"


def interval(lower_gy, upper_gy):
    """Limits of a dose as text.

    Examples
    --------
    >>> interval(0.5, 1.25)
    '0.50 to 1.25'
    """
    if math.isnan(lower_gy) or math.isnan(upper_gy):
        return "–"
    return f"{gray(lower_gy)} to {gray(upper_gy)}"


def distribution_table(distribution):
    """Cells with 0, 1, 2, ... dicentrics as one row."""
    columns = {f"{k} dic.": [str(cells)] for k, cells in enumerate(distribution)}
    return pd.DataFrame({"Cells with": ["observed"], **columns})


def count_facts(found):
    """Counts, yield and dispersion of a sample.

    Parameters
    ----------
    found : Dispersion
    """
    error = "" if found.standard_error is None else f" ± {found.standard_error:.4f} (SE)"
    index = "undefined" if found.index is None else f"{found.index:.2f}"
    u = "undefined" if found.u is None else f"{found.u:.2f}"
    judged = {"u": u if found.u is None else f"{u} (expected within ±1.96)"}
    expected = found.expected
    if expected.n_doses is not None:
        own = f"{expected.index:.2f} ± {expected.error:.2f}, {expected.n_doses} doses"
        judged = {
            "u, against Poisson": u,
            "Index of this scorer's calibration cells": own
            if math.isfinite(expected.error)
            else f"unknown: too few calibration doses ({expected.n_doses})",
        }
        if found.u is not None and math.isfinite(expected.error):
            judged["u, against that index"] = (
                f"{found.u_expected:.2f} (expected within ±{expected.u_limit:.2f})"
            )
    return {
        "Cells scored, N": found.n_cells,
        "Dicentrics, X": found.n_dicentrics,
        "Dicentrics per cell, y": f"{found.yield_:.4f}{error}",
        "Dispersion index, s²/y": index,
        **judged,
    }


def estimates_table(estimates, *, reported):
    """One row per estimate; the reported one is marked.

    Parameters
    ----------
    estimates : dict
        Label to DoseEstimate.
    reported : DoseEstimate
    """
    rows = [
        {
            "Estimate": label + (" (reported)" if one is reported else ""),
            "Dose (Gy)": gray(one.dose_gy),
            "Interval (Gy)": interval(one.lower_gy, one.upper_gy),
            "Level": f"{one.level:.0%}",
        }
        for label, one in estimates.items()
    ]
    return pd.DataFrame(rows)


def curve_facts(curve):
    """How the calibration curve was made, and how well it fits."""
    fit = curve.fit
    facts = {
        "Curve": curve.name,
        "Y(D), dicentrics per cell": curve.describe().split("' ")[-1].replace("^2", "²"),
    }
    facts |= {"Radiation": curve.radiation}
    facts |= {name.replace("_", " ").capitalize(): text for name, text in curve.conditions.items()}
    if curve.dose_range_gy:
        low, high = curve.dose_range_gy
        facts["Calibrated doses (Gy)"] = f"{low:g} to {high:g}"
    if fit:
        doses, cells, counts = fit["dose_gy"], fit["n_cells"], fit["n_dicentrics"]
        facts["Calibration series"] = (
            f"{len(doses)} doses, {sum(cells):.0f} cells, {sum(counts):.0f} dicentrics"
        )
        facts["Fit"] = f"{fit['model']}, {fit['family']}, identity link"
        if fit["weights"] is not None and min(fit["weights"]) < 1:
            facts["Weights"] = f"{min(fit['weights']):.2f} to {max(fit['weights']):.2f} by dose"
    if fit and fit["p_value"] is not None:
        facts["Goodness of fit"] = (
            f"Pearson chi² {fit['chi2']:.2f}, df = {fit['df']}, "
            f"p = {fit['p_value']:.3f}, dispersion {fit['dispersion']:.2f}"
        )
    return facts | {"Reference": curve.reference}


def coefficient_table(curve):
    """Coefficients with standard errors and covariances; a dash where there is none."""
    names = ("C (per cell)", "α (per Gy)", "β (per Gy²)")
    unknown = np.full((3, 3), np.nan)
    covariance = unknown if curve.covariance is None else curve.covariance
    errors = np.sqrt(np.diag(covariance))
    known = errors > 0  # a coefficient that is fixed or on its bound has no error
    rows = []
    for i, name in enumerate(names):
        row = {"Coefficient": name, "Estimate": f"{curve.coefficients[i]:.5f}"}
        row["Standard error"] = f"{errors[i]:.5f}" if known[i] else "–"
        for j, other in enumerate(("C", "α", "β")):
            both = known[i] and known[j]
            row[f"Cov. with {other}"] = f"{covariance[i, j]:.3e}" if both else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def scorer_facts(scorer):
    """What scored the images, in words.

    Parameters
    ----------
    scorer : Scorer
    """
    point = scorer.operating_point
    shares = ", ".join(f"{name} {votes}" for name, votes in point.agreement_threshold.items())
    thresholds = "; ".join(
        f"{name} {np.min(value):.3f} to {np.max(value):.3f}"
        for name, value in point.confidence_threshold.items()
    )
    origin = "" if scorer.quantile is None else f" (quantile {scorer.quantile:g} of each member)"
    return {
        "Scorer": f"ensemble of {point.n_members} U-Nets, digest {scorer.digest[:16]}",
        "Confidence thresholds, T_C": thresholds + origin,
        "Votes to be exceeded, T_A": shares,
        "Co-occurrence rule": (
            "a dicentric counts only in a cell with a detected fragment"
            if scorer.co_occurrence
            else "not applied"
        ),
        "Image filter": f"digest {scorer.filter_digest[:16]}" if scorer.filter_digest else "none",
        "Pixel size of scoring (µm)": f"{scorer.pixel_size_um:g}",
    }


def evaluation_table(evaluation):
    """Precision and recall by class, of ``evaluation.json``.

    Parameters
    ----------
    evaluation : dict
    """
    rows = []
    for name, found in evaluation["classes"].items():
        spread = {
            one["measure"]: f" ({one['lower']:.2f} to {one['upper']:.2f})"
            for one in found["intervals"]
            if one["source"] == "both" and one["lower"] is not None
        }
        row = {"Class": name}
        for measure in ("precision", "recall"):
            share = "–" if found[measure] is None else f"{found[measure]:.2f}"
            row[measure.capitalize()] = share + spread.get(measure, "")
        false_rate = _false_rate(found["false_per_thousand_unexposed"])
        rows.append(row | {"False per 1000 unexposed cells": false_rate})
    return pd.DataFrame(rows)


def _false_rate(found):
    """Of ``evaluation.false_per_thousand``, with its limits."""
    if found["per_thousand"] is None:
        return "– (no unexposed cells)"
    limits = f"{found['lower']:.1f} to {found['upper']:.1f}"
    return f"{found['per_thousand']:.1f} ({limits}; {found['n_cells']} cells)"
