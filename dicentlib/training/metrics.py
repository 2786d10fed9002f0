"""Rates by epoch from the counts in ``metrics.csv``."""

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES


def epoch_rates(metrics):
    """Precision and recall per class, and false detections per 1000 unexposed cells, by epoch.

    Parameters
    ----------
    metrics : DataFrame
        What :func:`train` returns, with validation.

    Returns
    -------
    DataFrame
        ``epoch``; per class ``<class>_precision`` and ``<class>_recall`` in [0, 1] and
        ``false_<class>s_per_1000``. NaN where nothing was detected, annotated or unexposed.

    Examples
    --------
    >>> counts = {"tp": 6, "fp": 2, "fn": 4}
    >>> row = {f"{name}_{kind}": n for name in CLASSES for kind, n in counts.items()}
    >>> row |= {"epoch": 1, "zero_dose_images": 50}
    >>> row |= {f"zero_dose_false_{name}s": 1 for name in CLASSES}
    >>> rates = epoch_rates(pd.DataFrame([row]))
    >>> rates[["dicentric_precision", "dicentric_recall", "false_dicentrics_per_1000"]].values
    array([[ 0.75,  0.6 , 20.  ]])
    """
    rates = {"epoch": metrics["epoch"]}
    unexposed = metrics["zero_dose_images"].replace(0, np.nan)
    for name in CLASSES:
        tp, fp, fn = (metrics[f"{name}_{kind}"] for kind in ("tp", "fp", "fn"))
        rates[f"{name}_precision"] = tp / (tp + fp).replace(0, np.nan)
        rates[f"{name}_recall"] = tp / (tp + fn).replace(0, np.nan)
        rates[f"false_{name}s_per_1000"] = 1000 * metrics[f"zero_dose_false_{name}s"] / unexposed
    return pd.DataFrame(rates)
