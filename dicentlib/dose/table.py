"""Doses of many samples at once, from a plain file of counts."""

from pathlib import Path

from dicentlib.calibration.counts_table import read_counts
from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.published import published_curve
from dicentlib.dose.estimate import estimate_dose
from dicentlib.dose.triage import triage_table


def dose_table(counts, curve, *, method="merkle", protraction=1.0):
    """Estimate every sample of a CSV file of counts.

    Parameters
    ----------
    counts : path-like
        As for :func:`dicentlib.calibration.counts_table.read_counts`; a row without a name is
        called by its number.
    curve : path-like or str
        A curve's ``.json`` or ``.csv``, or the name of a published curve.
    method : str
        Of :func:`dicentlib.dose.estimate_dose`.
    protraction : float in [0, 1]

    Returns
    -------
    DataFrame
        Of :func:`dicentlib.dose.triage_table`: highest dose first.
    """
    is_file = str(curve).endswith((".json", ".csv")) or Path(curve).is_file()
    known = CalibrationCurve.load(curve) if is_file else published_curve(str(curve))
    estimates = {}
    for number, row in enumerate(read_counts(counts).to_dict("records"), start=1):
        name = str(row.get("sample") or number)
        while name in estimates:
            name += "'"
        given = {"n_cells": row["n_cells"], "n_dicentrics": row["n_dicentrics"]}
        estimates[name] = estimate_dose(
            row["distribution"], known, method=method, protraction=protraction, **given
        )
    return triage_table(estimates)
