"""What the detector finds and invents at each dose, where the truth is known."""

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from dicentlib.dose.poisson_limits import poisson_limits


def detector_by_dose(cells, *, level=0.95):
    """Efficiency and false detections per cell, by dose, with exact limits.

    Parameters
    ----------
    cells : DataFrame
        One row per cell: ``dose_gy``; ``n_true``, dicentrics annotated; ``n_found``, of those,
        the ones detected; ``n_false``, detections that are none of them.
    level : float
        Of the limits: binomial (Clopper and Pearson) and Poisson (Garwood).

    Returns
    -------
    DataFrame
        By dose: ``n_cells``, the three sums, ``efficiency`` = found / true (NaN where there was
        nothing to find) and ``false_per_cell``, each also with ``_lower`` and ``_upper``.

    Examples
    --------
    >>> cells = pd.DataFrame({"dose_gy": [0, 0], "n_true": [2, 2], "n_found": [2, 1],
    ...                       "n_false": [1, 0]})
    >>> detector_by_dose(cells)[["efficiency", "false_per_cell"]].to_numpy().tolist()
    [[0.75, 0.5]]
    """
    sums = cells.groupby("dose_gy")[["n_true", "n_found", "n_false"]].sum()
    sums.insert(0, "n_cells", cells.groupby("dose_gy").size())
    rows = [_rates(*row, level=level) for row in sums.itertuples(index=False)]
    return pd.concat([sums.reset_index(), pd.DataFrame(rows)], axis=1)


def _rates(n_cells, n_true, n_found, n_false, *, level):
    efficiency, low, high = np.nan, np.nan, np.nan
    if n_true:
        efficiency = n_found / n_true
        low, high = proportion_confint(n_found, n_true, alpha=1 - level, method="beta")
    few, many = poisson_limits(int(n_false), level=level)
    return {
        "efficiency": efficiency,
        "efficiency_lower": low,
        "efficiency_upper": high,
        "false_per_cell": n_false / n_cells,
        "false_per_cell_lower": few / n_cells,
        "false_per_cell_upper": many / n_cells,
    }


def count_matched(cells, marked_detections, marked_annotations):
    """Add true, found and false dicentrics to a table of cells.

    Parameters
    ----------
    cells : DataFrame
        Column ``image``; one row per scored cell.
    marked_detections, marked_annotations : DataFrame
        Output of :func:`dicentlib.evaluation.matching.mark_detections`. Only dicentrics in
        `cells` are counted.

    Returns
    -------
    DataFrame
        A copy of `cells` with ``n_true``, ``n_found`` and ``n_false``.
    """
    false = marked_detections[~marked_detections["true"]]
    found = marked_annotations[marked_annotations["found"]]
    tables = {"n_true": marked_annotations, "n_found": found, "n_false": false}
    counted = {name: _dicentrics(table, cells["image"]) for name, table in tables.items()}
    return cells.assign(**counted)


def _dicentrics(table, images):
    counts = table.loc[table["class"] == "dicentric", "image"].value_counts()
    return counts.reindex(images).fillna(0).astype(int).to_numpy()
