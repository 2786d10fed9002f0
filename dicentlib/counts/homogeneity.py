"""May the counts of several scorers or slides be pooled?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from dicentlib.counts.sample import Sample
from dicentlib.errors import InputError

TRIALS = 20_000
LEVEL = 0.05
TOO_MANY = 10_000_000  # dicentrics; beyond, the chi-squared law is used


@dataclass(frozen=True)
class Homogeneity:
    """Test that all parts have one yield.

    ``chi2`` with ``df`` degrees of freedom and the exact ``p_value`` (simulated given the sum,
    standard error at most 0.004); ``table`` has, by part, ``part``, ``n_dicentrics``, ``n_cells``,
    ``yield`` and ``residual``, its distance from the common yield in standard deviations.
    """

    chi2: float
    df: int
    p_value: float
    table: pd.DataFrame

    @property
    def alike(self):
        """Whether nothing speaks against pooling, at the 5 % level."""
        return self.p_value >= LEVEL

    def explain(self):
        """One sentence for a report."""
        found = f"chi-squared {self.chi2:.3g}, df = {self.df}, p = {self.p_value:.2g}"
        if self.alike:
            return f"No evidence against pooling the {self.df + 1} parts ({found})."
        worst = self.table.loc[self.table["residual"].abs().idxmax()]
        return (
            f"The parts differ more than by chance ({found}): check before you pool them. The "
            f"most different part is {worst['part']}, {worst['yield']:.3g} per cell "
            f"({worst['residual']:+.1f} standard deviations)."
        )


def homogeneity(counts, *, trials=TRIALS, seed=1):
    """Poisson heterogeneity of scorers, slides, laboratories: are their yields the same?

    .. math:: \\chi^2 = \\sum_i \\frac{(X_i - N_i y)^2}{N_i y}, \\quad y = \\sum X_i / \\sum N_i

    Given the sum, the X_i of equal yields are multinomial with probabilities N_i / N, from which
    the p-value is drawn: with few dicentrics the chi-squared law is wrong.

    Parameters
    ----------
    counts : dict, or sequence
        Name to (n_dicentrics, n_cells); without names the parts are numbered from 1.
    trials, seed : int
        Of the simulation of p; its smallest value is 1 / (trials + 1).

    Returns
    -------
    Homogeneity

    Examples
    --------
    >>> found = homogeneity({"A": (20, 200), "B": (22, 200), "C": (45, 200)})
    >>> round(found.chi2, 2), found.alike
    (13.31, False)
    """
    named = counts if isinstance(counts, dict) else dict(enumerate(counts, start=1))
    parts = []
    for name, pair in named.items():
        try:
            count, cells = pair
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: {pair!r}: expected (n_dicentrics, n_cells)") from error
        parts.append(Sample.of(n_cells=cells, n_dicentrics=count))
    if len(parts) < 2:
        raise InputError(f"{len(parts)} part: expected two scorers, slides or more to compare")
    x = np.array([part.n_dicentrics for part in parts])
    n = np.array([part.n_cells for part in parts], dtype=float)
    expected = n * x.sum() / n.sum()
    if x.sum() == 0:
        statistic, p, residual = 0.0, 1.0, np.zeros(len(x))
    else:
        statistic = float(np.sum((x - expected) ** 2 / expected))
        # A part is itself in the common yield, hence 1 - N_i / N.
        residual = (x - expected) / np.sqrt(expected * (1 - n / n.sum()))
        if x.sum() > TOO_MANY:
            p = float(chi2.sf(statistic, len(x) - 1))
        else:
            drawn = np.random.default_rng(seed).multinomial(x.sum(), n / n.sum(), size=trials)
            simulated = np.sum((drawn - expected) ** 2 / expected, axis=1)
            p = (1 + np.sum(simulated >= statistic * (1 - 1e-9))) / (trials + 1)
    table = pd.DataFrame(
        {
            "part": list(named),
            "n_dicentrics": x,
            "n_cells": n.astype(int),
            "yield": x / n,
            "residual": residual,
        }
    )
    return Homogeneity(statistic, len(x) - 1, float(p), table)
