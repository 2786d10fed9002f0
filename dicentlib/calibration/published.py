"""Published dose-effect curves of dicentrics, by name.

For comparison and for exercises: a laboratory's dose rests on its own curve, made by its own
scorers (ISO 19238). Where the covariances were not published the curve has standard errors only,
or none, and says so. The table is ``published.csv``; covariances are refitted from the published
counts (Barquinero) or printed (IAEA).
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.calibration.curve import NAMES, CalibrationCurve
from dicentlib.errors import InputError

TABLE = Path(__file__).with_name("published.csv")
MATRIX = ("var_C", "cov_C_alpha", "cov_C_beta", "var_alpha", "cov_alpha_beta", "var_beta")


@lru_cache(maxsize=1)
def _curves():
    table = pd.read_csv(TABLE)
    return {row["name"]: _curve(row) for row in table.to_dict("records")}


def _curve(row):
    """The curve of a row; covariances are Poisson, times the dispersion of its counts if given."""
    notes, known = [], {name: value for name, value in row.items() if value == value}
    coefficients, errors, covariance = [row[name] for name in NAMES], None, None
    if "var_C" in known:
        covariance = np.zeros((3, 3))
        covariance[np.triu_indices(3)] = [row[name] for name in MATRIX]
        covariance = np.triu(covariance, 1).T + covariance
        if "dispersion" in known:
            notes.append(
                f"Its counts scatter more than by chance (dispersion {row['dispersion']:.3g}, "
                "p < 0.05): its covariance is multiplied by this dispersion."
            )
            covariance *= row["dispersion"]
    elif not row["C"]:
        notes.append("Its background was not published and is taken as 0.")
    if "se_C" in known:
        errors = [row[f"se_{name}"] for name in NAMES]
    return CalibrationCurve(
        coefficients,
        covariance,
        standard_errors=errors,
        dose_range_gy=(row["lowest_gy"], row["highest_gy"]) if "highest_gy" in known else None,
        name=row["name"],
        reference=row["reference"],
        radiation=row["radiation"],
        conditions={"dose_rate": row["dose_rate"]} if "dose_rate" in known else {},
        warnings=notes,
    )


def published_curve(name):
    """The published curve `name`; the names are in :func:`published_curves`.

    Examples
    --------
    >>> published_curve("iaea-2011-table5-co60").coefficients.tolist()
    [0.00128, 0.02103, 0.06307]
    """
    if name not in _curves():
        raise InputError(f"no published curve {name!r}: expected one of {', '.join(_curves())}")
    return _curves()[name]


def published_curves():
    """Table of all published curves: name, radiation, range, coefficients, errors, reference."""
    rows = []
    for curve in _curves().values():
        errors = (None,) * 3 if curve.standard_errors is None else curve.standard_errors
        row = {"name": curve.name, "radiation": curve.radiation}
        row["dose_rate"] = curve.conditions.get("dose_rate", "")
        row |= zip(("lowest_gy", "highest_gy"), curve.dose_range_gy or (None, None), strict=True)
        row |= zip(NAMES, curve.coefficients, strict=True)
        row |= zip((f"se_{name}" for name in NAMES), errors, strict=True)
        known = curve.covariance is not None and np.count_nonzero(curve.covariance) > 3
        rows.append(row | {"has_covariances": bool(known), "reference": curve.reference})
    return pd.DataFrame(rows)
