"""Doses of many samples at once, from a plain file of counts."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

import pandas as pd

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.curve_files import is_curve_file
from dicentlib.calibration.fit import fit_curve
from dicentlib.calibration.plausibility import check_curve
from dicentlib.calibration.published import published_curve
from dicentlib.counts.sample import Sample
from dicentlib.counts.tables import read_counts
from dicentlib.dose.bayesian import bounded_bayesian
from dicentlib.dose.estimate import check_method, estimate_dose
from dicentlib.dose.triage import triage_table
from dicentlib.errors import InputError, notice
from dicentlib.tables import SUFFIXES, as_text, check_names

# of every table, also where no sample has a dose
COLUMNS = "sample n_cells n_dicentrics yield u method dose_gy lower_gy upper_gy category"
KNOWN = ("sample", "dose_gy", "n_cells", "n_dicentrics", "distribution", "slides")
SCORER_NOTE = (
    "It was made by an automatic scorer and is valid only for counts of that scorer; these "
    "counts name no scorer."
)


def dose_table(counts, curve, *, method="merkle", protraction=1.0):
    """Estimate every sample of a CSV file of counts.

    Parameters
    ----------
    counts : path-like
        As for :func:`dicentlib.counts.tables.read_counts`; a row without a name is
        called by its number.
    curve : CalibrationCurve, path-like or str
        A curve, a saved one (JSON, or a table ``name, value``), calibration counts to fit one to (a
        table with a dose for each row), or the name of a published curve.
    method : str
        Of :func:`dicentlib.dose.estimate_dose`.
    protraction : float in [0, 1]

    Returns
    -------
    DataFrame
        Of :func:`dicentlib.dose.triage_table`: highest dose first. A sample that the method
        cannot estimate has no dose, and the reason among its warnings.

    Raises
    ------
    InputError
        Counts or curve cannot be read, or the method is unknown.
    """
    known = curve if isinstance(curve, CalibrationCurve) else read_curve(curve)
    known = known.protracted(protraction)
    check_method(method)
    estimates, failed, notes = {}, {}, {}
    for name, given, note in named_samples(counts):
        notes[name] = note
        try:
            if method == "bayesian":  # ends the density where counts and curve do not
                estimates[name] = bounded_bayesian(Sample.of(**given), known)
            else:
                estimates[name] = estimate_dose(curve=known, method=method, **given)
        except InputError as error:
            sums = {key: given.get(key) for key in ("n_cells", "n_dicentrics")}
            failed[name] = sums | {"sample": name, "method": method, "warnings": f"{error}."}
    table = triage_table(estimates)
    if failed:
        rows = pd.DataFrame(failed.values())
        table = pd.concat([table, rows], ignore_index=True) if estimates else rows
        table = table.reindex(columns=list(dict.fromkeys([*COLUMNS.split(), *table.columns])))
    if len(table):
        table["warnings"] += [" ".join(["", *notes[name]]) for name in table["sample"]]
    return table


def named_samples(counts):
    """Name, counts as arguments of a dose, and notes of every sample of a table.

    `counts` is a file, a table that was read from one, or a dict of names and distributions. A row
    without a name is called by its number; a name that occurs again gets an apostrophe, and a note.
    """
    if isinstance(counts, dict):
        yield from ((str(name), {"cells_with": one}, []) for name, one in counts.items())
        return
    if not isinstance(counts, (pd.DataFrame, str, PathLike)):
        raise InputError(f"counts are {counts!r:.100}: expected a file, a table or a dict")
    table = counts if isinstance(counts, pd.DataFrame) else read_counts(counts)
    if isinstance(counts, pd.DataFrame) and "sample" in table:
        table = table.assign(sample=as_text(table["sample"]))
        check_names("table of counts", table["sample"])
    missing = {"n_cells", "n_dicentrics"} - set(table)
    if missing:
        raise InputError(f"the table has no column {', '.join(sorted(missing))}")
    if "dose_gy" in table:
        notice(
            "the table of counts states doses, which are not used: every row is a sample whose "
            "dose is estimated from its counts"
        )
    others = [name for name in table if name not in KNOWN]
    if "sample" not in table and others:
        notice(
            "no column of the table of counts names the samples (ID); they are named by the "
            f"number of their row; not used: {', '.join(map(str, others[:5]))}"
        )
    seen = set()
    for number, row in enumerate(table.to_dict("records"), start=1):
        name, note = str(row.get("sample") or number), []
        if row.get("sample") == "":
            note.append("The row has no name: it is named by its number.")
        if name in seen:
            note.append("An earlier row of the file has the same name.")
        while name in seen:
            name += "'"
        seen.add(name)
        given = {key: row[key] for key in ("n_cells", "n_dicentrics")}
        yield name, given | {"cells_with": row.get("distribution")}, note


def read_curve(source):
    """The curve of a file of any kind that holds one or counts to fit one to, or published.

    A curve that an automatic scorer made says so: a table of counts does not say who counted.
    """
    known = _curve(source)
    if known.scorer is None:
        return known
    return replace(known, warnings=(*known.warnings, SCORER_NOTE), standard_errors=None)


def _curve(source):
    if not isinstance(source, (str, PathLike)):
        raise InputError(f"curve is {source!r}: expected a curve, a file or a published name")
    path = Path(source)
    if not path.is_file() and path.suffix.casefold() not in (".json", *SUFFIXES):
        return published_curve(str(source))
    if not path.is_file() or is_curve_file(path):
        known = CalibrationCurve.load(path)
        check_curve(known, path)
        return known
    counts = read_counts(path)
    if "dose_gy" not in counts:
        raise InputError(
            f"{path}: neither a saved curve (name,value) nor calibration counts: "
            "expected a column with the dose in Gy"
        )
    _notice_series(path, counts)
    known = fit_curve(
        counts["dose_gy"],
        counts["n_cells"],
        counts["n_dicentrics"],
        distributions=counts["distribution"],
        name=path.name,
    )
    check_curve(known, path, counted=True)
    return known


def _notice_series(path, counts):
    """Say that doses occur in several rows, and which columns tell these rows apart."""
    again = counts["dose_gy"].duplicated(keep=False)
    if not again.any():
        return
    others = counts.loc[again].drop(columns=["n_cells", "n_dicentrics", "distribution", "dose_gy"])
    differ = [str(name) for name in others if len(set(others[name])) > 1]
    apart = f" (they differ in {', '.join(differ)})" if differ else ""
    notice(
        f"{path}: {again.sum()} rows share their dose with another{apart}: one curve is fitted "
        "to all of them; write several series into separate files"
    )
