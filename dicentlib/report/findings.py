"""What a route found, in the words, tables and numbers of a report."""

import math
from pathlib import Path

import pandas as pd

from dicentlib.dose.checklist import CASE, labelled_facts
from dicentlib.dose.route_table import reservations as reservations_of
from dicentlib.dose.steps import exposed_part
from dicentlib.files import read_json
from dicentlib.report import page as report
from dicentlib.report.tables import evaluation_table, gray, interval

SIMULATED = (
    "The ensemble was trained and the curve was fitted on simulated images. The figures show how "
    "the method works; they are not the dose of a person."
)
OTHER_IMAGES = (
    "The images do not belong to this run. If their laboratory, stain, microscope or culture "
    "differs from that of the calibration series, the detector's efficiency and false rate "
    "differ too, and the curve is not valid."
)


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
        limits += f", {exposed_part(estimate)}"
    if route.other is not None:
        limits += f"; if the whole body was exposed: {route.other.summary()}"
    if route.size == "too few":
        value = f"Indication only: {value}"
    kind = "dose to the exposed part" if estimate is route.partial_body else "whole-body dose"
    categories = route.triage["multibiodose"].ranking()
    return report.headline(
        f"Sample {code}: estimated {kind}", value, f"{limits}. Triage category: {categories}."
    )


def case_facts(case, **others):
    """The facts of a case, for :func:`dicentlib.report.page.facts`.

    Parameters
    ----------
    case : dict
        Any of the names in ``CASE`` of :mod:`dicentlib.dose.checklist`; what is not given is
        reported as not stated.
    **others
        Facts that are always there, shown first; their names get a capital and blanks.

    Raises
    ------
    InputError
        `case` holds another name.
    """
    labels = {name: CASE.get(name, name.replace("_", " ").capitalize()) for name in others}
    first = {labels[name]: value for name, value in others.items()}
    return first | labelled_facts(case) | first  # first in order, and in what they say


def reservations(curve, route, *, own_sample, noted=(), unscored=()):
    """What has to be known before a result is used.

    Parameters
    ----------
    curve : CalibrationCurve
    route : Route
    own_sample : bool
        The images are the run's own sample, made like the calibration series.
    noted : sequence of str
        Notes on the scored images, see ``scoring.summary.noted``.
    unscored : sequence of str
        Samples of which no cell could be scored.
    """
    found = [SIMULATED] if curve.conditions.get("images") == "simulated" else []
    found += [] if own_sample else [OTHER_IMAGES]
    found += noted
    found += reservations_of(route)
    if unscored:
        found.append("Samples without a scored cell: " + ", ".join(unscored))
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


def estimates(route, merkle):
    """The estimates of a sample by their names, the reported ones first.

    Parameters
    ----------
    route : Route
    merkle : DoseEstimate
        Merkle's limits, without the detector's own uncertainty.
    """
    found = {
        "whole body, with the detector's uncertainty": route.whole_body,
        "whole body, Merkle 83-83": merkle,
        "whole body, Bayesian (mode)": route.bayesian,
    }
    if route.partial_body is not None:
        found["exposed part, contaminated Poisson"] = route.partial_body
    return found


def detector_quality(run):
    """Blocks that say how good the detector is, from the run's ``evaluation.json``."""
    path = Path(run) / "evaluation.json"
    if not path.is_file():
        return [report.text("This run has no evaluation.")]
    evaluation = read_json(path)
    measured = (
        f"Measured on {evaluation['n_images']} images ({evaluation['images']}) at the operating "
        "point chosen on validation images; in brackets 90 % intervals."
    )
    return [report.text(measured), report.table(evaluation_table(evaluation))]


def steps_table(route):
    """The steps of the route."""
    rows = [(step.question, step.finding, step.consequence) for step in route.steps]
    return pd.DataFrame(rows, columns=["Question", "Finding", "What follows"])


def category_table(route):
    """Categories of both schemes with their probabilities, or why there is none."""
    rows = []
    for scheme, triage in route.triage.items():
        known = {name: _percent(p) for name, p in triage.probabilities.items()}
        known = known or {triage.category: "–"}
        rows += [(scheme.upper(), name, p) for name, p in known.items()]
    return pd.DataFrame(rows, columns=["Scheme", "Category", "Probability"])


def limit_facts(limits, control):
    """Decision threshold and detection limit for this number of cells."""
    counted = f" ({control[0]} in {control[1]})" if control else ""
    return {
        "Background": f"{limits.background:.4f} per cell{counted}",
        f"Decision threshold (α = {limits.alpha:g})": (
            f"{limits.threshold} dicentrics; exceeded by {limits.threshold + 1}, that is "
            f"{gray(limits.resolvable_gy)} Gy"
        ),
        f"Detection limit (β = {limits.beta:g})": (
            f"{limits.detection_limit:.1f} dicentrics, that is {gray(limits.detectable_gy)} Gy"
        ),
    }


def truth_sentence(true_dose_gy, estimate):
    """How a simulated sample's true dose compares with its estimate."""
    inside = estimate.lower_gy <= true_dose_gy <= estimate.upper_gy
    return (
        f"This sample is simulated. Its true dose, opened after the estimate was made, is "
        f"{gray(true_dose_gy)} Gy; the estimate is {gray(estimate.dose_gy)} Gy, and its "
        f"{estimate.level:.0%} interval, {interval(estimate.lower_gy, estimate.upper_gy)} Gy, "
        f"{'covers' if inside else 'does not cover'} the true dose."
    )


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
