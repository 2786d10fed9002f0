"""What the detector finds and invents at each dose, where the truth is known."""

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.calibration.fit import fit_curve
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.evaluation.matching import mark_detections


def detector_by_dose(cells):
    """Efficiency and false detections per cell, by dose, with exact 95 % limits.

    Binomial (Clopper and Pearson) and Poisson (Garwood).

    Parameters
    ----------
    cells : DataFrame
        One row per cell: ``dose_gy``; ``n_true``, dicentrics annotated; ``n_found``, of those,
        the ones detected; ``n_false``, detections that are none of them.

    Returns
    -------
    DataFrame
        By dose: ``n_cells``, the three sums, ``efficiency`` = found / true (NaN where there was
        nothing to find) and ``false_per_cell``, each also with ``_lower`` and ``_upper``.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"dose_gy": [0, 0], "n_true": [2, 2], "n_found": [2, 1],
    ...                       "n_false": [1, 0]})
    >>> detector_by_dose(cells)[["efficiency", "false_per_cell"]].to_numpy().tolist()
    [[0.75, 0.5]]
    """
    sums = cells.groupby("dose_gy")[["n_true", "n_found", "n_false"]].sum()
    sums.insert(0, "n_cells", cells.groupby("dose_gy").size())
    table = sums.reset_index()
    found, true = table["n_found"], table["n_true"].where(table["n_true"] > 0)
    few, many = np.array([poisson_limits(int(n)) for n in table["n_false"]]).reshape(-1, 2).T
    with np.errstate(invalid="ignore"):
        low, high = proportion_confint(found, true, method="beta")
    return table.assign(
        efficiency=found / true,
        efficiency_lower=low.where(true.notna()),
        efficiency_upper=high.where(true.notna()),
        false_per_cell=table["n_false"] / table["n_cells"],
        false_per_cell_lower=few / table["n_cells"],
        false_per_cell_upper=many / table["n_cells"],
    )


def detector_of_series(cells, detections, annotations, *, require_fragment):
    """:func:`detector_by_dose` of a scored calibration series.

    Parameters
    ----------
    cells : DataFrame
        ``image, dose_gy, n_fragments``, one row per scored cell.
    detections, annotations : DataFrame
        ``image, class, row, col``.
    require_fragment : bool
        The co-occurrence rule: dicentrics of a cell without a fragment are not counted.

    Returns
    -------
    DataFrame
        Without annotations only ``dose_gy`` and ``n_cells`` are known.
    """
    if require_fragment:
        with_fragment = cells["image"][cells["n_fragments"] > 0]
        detections = detections[detections["image"].isin(with_fragment)]
    marked, annotated = mark_detections(detections, annotations)
    tables = {
        "n_true": annotated,
        "n_found": annotated[annotated["found"]],
        "n_false": marked[~marked["true"]],
    }
    counted = {}
    for name, table in tables.items():
        found = table.loc[table["class"] == "dicentric", "image"].value_counts()
        counted[name] = found.reindex(cells["image"], fill_value=0).to_numpy()
    by_dose = detector_by_dose(cells.assign(**counted))
    if annotations.empty:
        return by_dose.assign(**dict.fromkeys(by_dose.columns[2:], np.nan))
    return by_dose


def reviewed_curve(curve, by_dose):
    """The curve of counts from which a reviewer has rejected every false detection.

    A detector's curve holds its false detections: counts without them would give too low a dose
    on it. This one is fitted to the true detections of the calibration series.

    Parameters
    ----------
    curve : CalibrationCurve
        Of the detector's own counts, from :func:`dicentlib.calibration.fit_curve`.
    by_dose : DataFrame
        Output of :func:`detector_by_dose`.

    Returns
    -------
    CalibrationCurve or None
        None where the truth of the series is not known, or nothing true was found.
    """
    n_found = by_dose["n_found"]
    if n_found.isna().any() or not n_found.sum():
        return None
    return fit_curve(
        by_dose["dose_gy"],
        by_dose["n_cells"],
        n_found,
        model=curve.fit["model"],
        weights=curve.fit["weights"],
        name=f"{curve.name}, false detections rejected",
        radiation=curve.radiation,
        conditions=curve.conditions,
    )


def partly_reviewed_curve(curve, reviewed, share):
    """Curve for counts of which a `share` (0 to 1) is reviewed: between both, exact at the ends.

    Coefficients and covariance are weighted means; in between the result is provisional.
    """
    mixed = [
        (1 - share) * getattr(curve, name) + share * getattr(reviewed, name)
        for name in ("coefficients", "covariance")
    ]
    return CalibrationCurve(*mixed, dose_range_gy=curve.dose_range_gy, name=curve.name)
