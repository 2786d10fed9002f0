"""A single cell with many dicentrics: a rogue cell, which no dose made?

Rogue cells, with many aberrations each, are found in unexposed people too (in 1 of some thousands
of cells). One such cell can carry a whole partial-body dose.
"""

from dataclasses import dataclass
from typing import Any

from scipy.stats import poisson

from dicentlib.dose.contaminated_poisson import fit_contaminated
from dicentlib.errors import InputError

FEWEST = 4  # dicentrics of a possible rogue cell
CHANCE = 0.05  # of such a cell by the dose of the others: above, it is none


@dataclass(frozen=True)
class RogueCell:
    """A cell with ``n_dicentrics``; ``chance`` is the probability of one like it, by the others.

    ``without`` is the route of the sample without it.
    """

    n_dicentrics: int
    chance: float
    without: Any = None


def find_rogue_cell(distribution):
    """A single cell with four dicentrics or more that the other cells do not explain, or None.

    The others are fitted by a Poisson law with unexposed cells (Dolphin), or by a plain one where
    they have no pairs; the cell is a rogue where that law has one like it in less than 5 % of
    samples.

    Examples
    --------
    >>> find_rogue_cell([499, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).n_dicentrics
    10
    >>> find_rogue_cell([302, 28, 22, 8, 1]) is None
    True
    """
    many = [k for k, cells in enumerate(distribution) for _ in range(cells) if k >= FEWEST][:2]
    if len(many) != 1 or sum(distribution) < 2:
        return None
    others = without_cell(distribution, many[0])
    n, x = sum(others), sum(k * cells for k, cells in enumerate(others))
    try:
        fitted = fit_contaminated(others, bounded=True)
        exposed, mean = n * fitted.fraction, fitted.yield_
    except InputError:  # no pairs
        exposed, mean = n, x / n
    chance = min(float(exposed * poisson.sf(many[0] - 1, mean)), 1.0)
    return RogueCell(many[0], chance) if chance < CHANCE else None


def without_cell(distribution, n_dicentrics):
    """The distribution without one cell of `n_dicentrics`."""
    return tuple(cells - (k == n_dicentrics) for k, cells in enumerate(distribution))
