"""What a route found, in the words, tables and numbers of a report."""

import math

import numpy as np
import pandas as pd
from scipy.stats import poisson

from dicentlib.report import page as report
from dicentlib.report.tables import gray, interval

SIMULATED = (
    "The ensemble was trained and the curve made with simulated images. The figures show how the "
    "method works; they are not the dose of a person."
)
OTHER_IMAGES = (
    "The images do not belong to this run. If another laboratory, stain, microscope or culture "
    "made them than made the calibration series, the detector has another efficiency and false "
    "rate with them, and the curve does not hold."
)
PARTS = {
    "counts": "number of dicentrics counted",
    "curve": "calibration curve",
    "efficiency": "efficiency of the detector",
    "false positives": "false detections",
    "ensemble": "choice of ensemble members",
}


def headline(code, route):
    """The answer in large type, with the sentence that a laboratory signs.

    Parameters
    ----------
    code : str
        The sample.
    route : Route
    """
    estimate = route.estimate
    if route.above_background:
        value = f"{gray(estimate.dose_gy)} Gy"
        limits = (
            f"{estimate.level:.0%} interval {interval(estimate.lower_gy, estimate.upper_gy)} Gy"
        )
    else:
        value = f"below {gray(estimate.upper_gy)} Gy"
        if math.isinf(estimate.upper_gy):
            value = "no upper limit"
        limits = "not above the background"
    if estimate is route.partial_body:
        limits += (
            f", to {estimate.fraction:.0%} ({estimate.fraction_lower:.0%} to "
            f"{estimate.fraction_upper:.0%}) of the body"
        )
    if route.steps[0].consequence.startswith("Too few"):
        value = f"Indication only: {value}"
    kind = "dose to the exposed part" if estimate is route.partial_body else "whole-body dose"
    categories = route.triage["multibiodose"].ranking()
    return report.headline(
        f"Sample {code}: estimated {kind}", value, f"{limits}. Triage category: {categories}."
    )


def reservations(curve, route, *, own_sample, noted=(), unscored=()):
    """What has to be known before a result is relied on.

    Parameters
    ----------
    curve : CalibrationCurve
    route : Route
    own_sample : bool
        The images are the run's own sample, made like the calibration series.
    noted : sequence of str
        Of the images that were scored, see ``scoring.summary.noted``.
    unscored : sequence of str
        Samples of which no cell could be scored.
    """
    found = [SIMULATED] if curve.conditions.get("images") == "simulated" else []
    found += [] if own_sample else [OTHER_IMAGES]
    found += noted
    size = route.steps[0]
    if not size.consequence.startswith("Enough for a reference"):
        found.append(f"{size.finding} {size.consequence}")
    found += route.estimate.warnings
    if unscored:
        found.append("No cell could be scored of: " + ", ".join(unscored))
    return found


def image_sentence(counts):
    """Images of a sample by what became of them.

    Parameters
    ----------
    counts : mapping
        ``found``, ``scored``, ``rejected``, ``quarantined``.
    """
    return (
        f"{counts['found']} found: {counts['scored']} scored, {counts['rejected']} rejected by the "
        f"image filter, {counts['quarantined']} unusable"
    )


def left_out_list(images, *, most=20):
    """Table of the images that were not scored, with the reasons; "" where there are none.

    Parameters
    ----------
    images : DataFrame
        ``image, status, reason``.
    most : int
        Rows shown; the caption counts all.
    """
    if images.empty:
        return ""
    shown = images.head(most).rename(columns=str.capitalize)[["Image", "Status", "Reason"]]
    caption = f"Images left out: {len(images)}"
    caption += f" (the first {most})" if len(images) > most else ""
    return report.table(shown, caption=caption)


def expected_cells(route, n_classes):
    """Cells with 0, 1, ... dicentrics that the estimates expect.

    Returns
    -------
    dict
        Label to ndarray, shape (n_classes,).
    """
    k, n = np.arange(n_classes), route.estimate.n_cells
    yield_ = route.estimate.n_dicentrics / n
    expected = {"Poisson with the same yield": n * poisson.pmf(k, yield_)}
    partial = route.partial_body
    if partial is not None and partial.estimable:
        f, background = partial.scored_fraction, partial.details["background_yield"]
        mixed = (1 - f) * poisson.pmf(k, background) + f * poisson.pmf(k, partial.yield_)
        expected["exposed and unexposed cells"] = n * mixed
    return expected


def drawable(estimate, *, cap_gy=10.0):
    """Dose and limits for a figure; without an upper limit the bar ends at `cap_gy`."""
    dose, lower, upper = estimate.dose_gy, estimate.lower_gy, estimate.upper_gy
    return {"dose_gy": min(dose, cap_gy), "lower_gy": lower, "upper_gy": min(upper, cap_gy)}


def interval_parts(estimate):
    """Shares of the variance by source, in words; empty for an estimate without them."""
    shares = getattr(estimate, "shares", {})
    return {PARTS[name]: share for name, share in shares.items() if share > 0}


def steps_table(route):
    """The turns of the route."""
    rows = [(step.question, step.finding, step.consequence) for step in route.steps]
    return pd.DataFrame(rows, columns=["Question", "Finding", "What follows"])


def category_table(route):
    """Categories of both schemes with their probabilities."""
    rows = [
        (scheme.upper(), name, _percent(p))
        for scheme, triage in route.triage.items()
        for name, p in triage.probabilities.items()
    ]
    return pd.DataFrame(rows, columns=["Scheme", "Category", "Probability"])


def limit_facts(limits, control):
    """Decision threshold and detection limit for this number of cells."""
    of = f"{limits.background:.4f} per cell" + (
        f" ({control[0]} in {control[1]})" if control else ""
    )
    return {
        "Background": of,
        f"Decision threshold (α = {limits.alpha:g})": (
            f"{limits.threshold} dicentrics; exceeded by {limits.threshold + 1}, that is "
            f"{gray(limits.resolvable_gy)} Gy"
        ),
        f"Detection limit (β = {limits.beta:g})": (
            f"{limits.detection_limit:.1f} dicentrics, that is {gray(limits.detectable_gy)} Gy"
        ),
    }


def triple(estimate, *, cap_gy=10.0):
    """Dose and limits as three numbers for a figure, see :func:`drawable`."""
    return tuple(drawable(estimate, cap_gy=cap_gy).values())


def plottable(triage, *, cap_gy=10.0):
    """Rows of a triage table with a dose; without an upper limit the bar ends at `cap_gy`."""
    known = triage[triage["dose_gy"].notna()]
    return known.assign(upper_gy=known["upper_gy"].clip(upper=cap_gy))


def truth_sentence(true_dose_gy, estimate):
    """How a simulated sample's true dose compares with its estimate."""
    inside = estimate.lower_gy <= true_dose_gy <= estimate.upper_gy
    return (
        f"This sample is simulated. Its true dose, opened after the estimate was made, is "
        f"{gray(true_dose_gy)} Gy; the estimate is {gray(estimate.dose_gy)} Gy, and its "
        f"{estimate.level:.0%} interval, {interval(estimate.lower_gy, estimate.upper_gy)} Gy, "
        f"{'holds' if inside else 'does not hold'} the truth."
    )


def dose_records(triage, routes, *, images):
    """One plain record per sample for ``dose.json``, in the order of the triage table.

    Parameters
    ----------
    triage : DataFrame
        Of :func:`dicentlib.dose.triage_table`.
    routes : dict
        Sample to Route.
    images : DataFrame
        Of :func:`dicentlib.scoring.samples.image_summary`.

    Returns
    -------
    list of dict
        ``sample, dose_gy, lower_gy, upper_gy, level, method`` and what lies behind them; a number
        that does not exist (no estimate, no upper limit) is None.
    """
    records = []
    for sample in triage["sample"]:
        route, estimate = routes[sample], routes[sample].estimate
        record = {"sample": sample, "method": estimate.method, "level": estimate.level}
        for name in ("dose_gy", "lower_gy", "upper_gy"):
            value = getattr(estimate, name)
            record[name] = value if np.isfinite(value) else None
        content = route.to_dict()
        for name in ("estimate", "whole_body", "partial_body"):
            if content[name] is not None:
                content[name].pop("curve")  # it is in curve.json
        record |= {
            "n_cells": estimate.n_cells,
            "n_dicentrics": estimate.n_dicentrics,
            "distribution": list(estimate.distribution),
            "category": route.triage["multibiodose"].category,
            "images": images.loc[sample].to_dict(),
            **content,
        }
        records.append(record)
    return records


def triage_text(triage, routes):
    """The triage table as text, one row per sample, the highest dose first.

    A sample that is not above the background has an upper limit instead of a dose.
    """
    rows = []
    for row in triage.to_dict("records"):
        route = routes[row["sample"]]
        below = f"< {gray(row['upper_gy'])}" if math.isfinite(row["upper_gy"]) else "no limit"
        rows.append(
            {
                "Sample": row["sample"],
                "Cells": str(row["n_cells"]),
                "Dicentrics": str(row["n_dicentrics"]),
                "Dose (Gy)": gray(row["dose_gy"]) if route.above_background else below,
                "95 % interval (Gy)": interval(row["lower_gy"], row["upper_gy"]),
                "Method": row["method"],
                "Most probable category": row["most_probable"],
            }
        )
    return pd.DataFrame(rows)


def _percent(value):
    if 0 < value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if 0.999 < value < 1 else f"{100 * value:.1f} %"
