"""What a report leaves in files: ``dose.json``, ``doses.csv``, and the doses of each sample."""

from pathlib import Path

import numpy as np

from dicentlib.files import read_json, write_json
from dicentlib.scoring.samples import safe_name
from dicentlib.tables import write_table


def dose_records(triage, routes, *, images, true_dose_gy=None):
    """One plain record per sample for ``dose.json``, in the order of the table of routes.

    Parameters
    ----------
    triage : DataFrame
        Of :func:`dicentlib.dose.route_table`.
    routes : dict
        Sample to Route.
    images : DataFrame
        Of :func:`dicentlib.scoring.samples.image_summary`.
    true_dose_gy : float, optional
        Of simulated samples; recorded where it is known.

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
        if true_dose_gy is not None:
            record["true_dose_gy"] = true_dose_gy
        records.append(record)
    return records


def write_doses(out, records, triage, *, scorer):
    """Write ``dose.json``, ``doses.csv`` and ``samples/<name>/dose.json``.

    Parameters
    ----------
    out : path-like
        Folder of the results.
    records : list of dict
        Of :func:`dose_records`.
    triage : DataFrame
        Of :func:`dicentlib.dose.route_table`.
    scorer : str
        Digest of the scorer.
    """
    out = Path(out)
    for record in records:
        write_json(out / "samples" / safe_name(record["sample"]) / "dose.json", record)
    write_json(out / "dose.json", {"samples": records, "scorer": scorer})
    write_table(triage, out / "doses.csv")


def read_truth(folder):
    """True dose (Gy) of a simulated sample from ``truth.json`` in its folder, or None."""
    path = Path(folder) / "truth.json"
    return read_json(path)["dose_gy"] if path.is_file() else None
