"""How good is a filter, and what does it do to the dose?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from dicentlib.errors import InputError


@dataclass(frozen=True)
class Proportion:
    """A share with its Wilson interval."""

    successes: int
    n: int
    lower: float
    upper: float

    @property
    def value(self):
        """The share; NaN of nothing."""
        return self.successes / self.n if self.n else float("nan")

    def __str__(self):
        return (
            f"{self.value:.4f} [{self.lower:.4f}, {self.upper:.4f}] ({self.successes} of {self.n})"
        )


def proportion(successes, n, *, level=0.95):
    """Share and Wilson interval; the interval of nothing is NaN.

    Examples
    --------
    >>> print(proportion(2030, 2040))
    0.9951 [0.9910, 0.9973] (2030 of 2040)
    """
    if not 0 <= successes <= n:
        raise InputError(f"{successes} successes of {n}; allowed: from 0 to {n}")
    if n == 0:
        return Proportion(0, 0, float("nan"), float("nan"))
    lower, upper = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return Proportion(int(successes), int(n), float(lower), float(upper))


def assess(judged, truth):
    """Accuracy, and precision and recall of rejection.

    Parameters
    ----------
    judged, truth : array of bool, shape (N,)
        Available according to the filter and in truth.

    Returns
    -------
    DataFrame
        Rows ``accuracy``, ``precision of reject`` (share of the rejected that had to be),
        ``recall of reject``, ``kept of available``; columns ``value, lower, upper,
        successes, n`` with 95 % Wilson intervals.
    """
    judged, truth = np.asarray(judged, dtype=bool), np.asarray(truth, dtype=bool)
    if judged.shape != truth.shape:
        raise InputError(f"{judged.size} verdicts for {truth.size} images")
    both = int((~judged & ~truth).sum())
    shares = {
        "accuracy": proportion(int((judged == truth).sum()), truth.size),
        "precision of reject": proportion(both, int((~judged).sum())),
        "recall of reject": proportion(both, int((~truth).sum())),
        "kept of available": proportion(int((judged & truth).sum()), int(truth.sum())),
    }
    columns = ("value", "lower", "upper", "successes", "n")
    rows = {name: [getattr(share, c) for c in columns] for name, share in shares.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def confusion_by_reason(table, true_reason):
    """Images by true reason (rows; "available" for none) and first reason given (columns)."""
    given = table["reason"].str.split(":").str[0].replace("", "available").to_numpy()
    true = pd.Series(np.asarray(true_reason)).replace("", "available").to_numpy()
    return pd.crosstab(pd.Series(true, name="truth"), pd.Series(given, name="verdict"))
