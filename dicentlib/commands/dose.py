"""Commands on counts: ``dose`` and ``plan``."""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dicentlib.commands.app import app, argument, option
from dicentlib.errors import InputError


@app.command()
def dose(
    counts: Annotated[
        Path,
        argument(
            "Table (CSV or Excel) with a row per sample: ID, C0, C1, C2 ... (cells with 0, 1, "
            "2 ... dicentrics), or ID, N, X (cells, dicentrics)."
        ),
    ],
    curve: Annotated[
        str,
        argument(
            "A saved curve (curve.json); or the name of a published curve, for example "
            "barquinero-1995-co60; or a table of calibration counts, to which a curve is "
            "fitted, with a row per dose in Gy: D, C0, C1 ... or D, N, X."
        ),
    ],
    out: Annotated[Path | None, option("Also write the table: .csv or .xlsx.")] = None,
    method: Annotated[
        str,
        option(
            "route: the steps of a laboratory, which look for partial-body exposure. Or one "
            "method for all samples: merkle, delta, dolphin, mixture, bayesian or detector."
        ),
    ] = "route",
    protraction: Annotated[
        float, option("Factor G(x) of the quadratic term, 0 to 1; 1: acute exposure (minutes).")
    ] = 1.0,
    local_exposure: Annotated[
        bool,
        option("The history suggests partial-body exposure (route only).", "--local-exposure"),
    ] = False,
):
    """Estimate the doses of counted samples; the highest comes first, with its triage category.

    Below the table: warnings about the curve, then about each sample. The exit code is 1 if no
    sample has a dose.
    """
    from dicentlib.dose.checks import band_warnings, curve_warnings
    from dicentlib.dose.route_table import route_table, shown_columns
    from dicentlib.dose.table import dose_table, read_curve
    from dicentlib.tables import check_table_name, write_table

    if out is not None:
        check_table_name(out)
    known = read_curve(curve)
    if method == "route":
        table = route_table(
            counts, known, protraction=protraction, local_exposure=local_exposure
        ).rename(columns={"reservations": "warnings"})
        texts = table["conclusion"] + " " + table["warnings"]
    elif local_exposure:
        raise InputError(f"--local-exposure is an option of the route, not of the method {method}")
    else:
        table = dose_table(counts, known, method=method, protraction=protraction)
        texts = table["warnings"]
    typer.echo(_as_text(table[shown_columns(table)], decimals=3))
    of_curve = [*curve_warnings(known), *band_warnings(known.protracted(protraction))]
    for remark in of_curve:
        if texts.str.contains(remark, regex=False).any():
            typer.echo(remark)
            texts = texts.str.replace(remark, "", regex=False).str.split().str.join(" ")
    _echo_notes(table["sample"], texts)
    if out is not None:
        write_table(table, out)
    if table["dose_gy"].isna().all():
        raise typer.Exit(1)


@app.command()
def plan(
    curve: Annotated[
        str, argument("Curve, given as for `dose`; it must be a curve of true dicentrics.")
    ],
    detect_gy: Annotated[float, option("Dose that should be detected (Gy).")] = 0.5,
    width_at_gy: Annotated[
        float, option("Dose for which the width of the interval is planned (Gy).")
    ] = 2.0,
    half_width_gy: Annotated[
        float, option("Half width that the 95 % interval should have at that dose (Gy).")
    ] = 0.25,
    part_gy: Annotated[float, option("Dose to the exposed part of the body (Gy).")] = 3.0,
    fraction: Annotated[float, option("Exposed part of the body, 0 to 1.")] = 0.5,
    power: Annotated[float, option("Probability of detecting that partial exposure.")] = 0.9,
    d0_gy: Annotated[
        float, option("Dose after which 37 % of the cells reach metaphase (Gy).")
    ] = 2.7,
    efficiency: Annotated[
        float | None, option("Share of dicentrics that a detector finds. Default: scoring by eye.")
    ] = None,
    false_rate: Annotated[float, option("False dicentrics per cell of that detector.")] = 0.0,
    out: Annotated[Path | None, option("Also write the table: .csv or .xlsx.")] = None,
):
    """Plan the cells for a detection limit, an interval, a partial exposure and a calibration."""
    questions = dict(locals())  # a copy: the options as given
    for name in ("curve", "efficiency", "false_rate", "out"):
        del questions[name]
    from dicentlib.dose import Detector
    from dicentlib.dose.table import read_curve
    from dicentlib.planning import plan_detection_series, plan_series, planning_table
    from dicentlib.tables import check_table_name, write_table

    if out is not None:
        check_table_name(out)
    detector = None
    if efficiency is not None or false_rate:
        detector = Detector(1.0 if efficiency is None else efficiency, 0.0, false_rate, 0.0)
    known = read_curve(curve)
    table = planning_table(known, detector=detector, **questions)
    typer.echo(_as_text(table.drop(columns="note"), decimals=2))
    _echo_notes(table["question"], table["note"])
    scoring = "by eye" if detector is None else "with the detector"
    answered = table.drop(columns=["question", "note"]).notna().all(axis="columns")
    if answered.iloc[0]:
        limit = plan_detection_series(known, detect_gy, detector=detector)
        typer.echo(
            f"\nThe calibration series for the detection limit, {scoring} (samples of at most "
            f"{limit.sample_cells} cells):\n{limit.plan.table.to_string(index=False)}"
        )
    if answered.iloc[-1]:
        series = plan_series(known, {width_at_gy: half_width_gy / 2}, detector=detector)
        typer.echo(f"\nThe calibration series, {scoring}:\n{series.table.to_string(index=False)}")
    if out is not None:
        write_table(table, out)


def _as_text(table, *, decimals):
    """A table for the screen: a dash where there is no value, no column without any value."""
    shown = table.dropna(axis="columns", how="all").copy()
    for name in shown.select_dtypes("number"):
        finite = shown.loc[np.isfinite(shown[name]), name]
        whole = (finite % 1 == 0).all()
        shown[name] = [
            "no limit" if number == math.inf else f"{number:.{0 if whole else decimals}f}"
            for number in shown[name].astype(float)
        ]
    return shown.mask(table.isna(), "-").to_string(index=False)


def _echo_notes(rows, notes):
    for row, note in zip(rows, notes, strict=True):
        if note:
            typer.echo(f"{row}: {note}")
