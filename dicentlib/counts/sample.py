"""The counts of one sample, checked."""

import numbers
from dataclasses import dataclass

import numpy as np

from dicentlib.counts.slides import checked_slides
from dicentlib.errors import InputError

MOST_IN_A_CELL = 23  # a dicentric is made of two of a cell's 46 chromosomes
MOST_CELLS = 100_000_000  # a thousand times the largest studies


@dataclass(frozen=True)
class Sample:
    """Cells scored and dicentrics found; ``distribution`` (cells with 0, 1, 2 ...) if known.

    ``slides``, if known, are (n_dicentrics, n_cells) of each slide. More than 23 dicentrics per
    cell are an error.
    """

    n_cells: int
    n_dicentrics: int
    distribution: tuple | None = None
    slides: tuple | None = None

    def __post_init__(self):
        refuse_impossible(self.n_cells, self.n_dicentrics)
        last = max((k for k, cells in enumerate(self.distribution or ()) if cells), default=0)
        if last > MOST_IN_A_CELL:
            raise InputError(
                f"a cell with {last} dicentrics; a cell has 46 chromosomes, which make at most "
                f"{MOST_IN_A_CELL}"
            )

    @property
    def yield_(self):
        """Dicentrics per cell."""
        return self.n_dicentrics / self.n_cells

    @classmethod
    def of(cls, cells_with=None, *, n_cells=None, n_dicentrics=None, n_damaged=None, slides=None):
        """Check counts given as a distribution or as sums, and that both agree if both are given.

        `n_damaged`, cells with one or more dicentrics, is only checked. `slides`, a sequence of
        (n_dicentrics, n_cells), must have the sums of the sample.
        """
        distribution = None
        if cells_with is not None:
            distribution = as_distribution(cells_with)
            n = sum(distribution)
            x = sum(k * cells for k, cells in enumerate(distribution))
            for label, given, found in (
                ("n_cells", n_cells, n),
                ("n_dicentrics", n_dicentrics, x),
                ("n_damaged", n_damaged, n - distribution[0]),
            ):
                if given is not None and _whole(given, label) != found:
                    raise InputError(
                        f"{label} is {_whole(given, label)}, but the distribution has {found}"
                    )
        else:
            if n_cells is None or n_dicentrics is None:
                raise InputError(
                    "expected the cells with 0, 1, 2 ... dicentrics, or n_cells and n_dicentrics"
                )
            n, x = _whole(n_cells, "n_cells"), _whole(n_dicentrics, "n_dicentrics")
            if n_damaged is not None:
                damaged = _whole(n_damaged, "n_damaged")
                if damaged > n:
                    raise InputError(f"{damaged} cells with dicentrics, but only {n} cells")
                if damaged > x or (x > 0 and damaged == 0):
                    raise InputError(f"{damaged} cells with dicentrics, but {x} dicentrics")
        if n == 0:
            raise InputError("no cells were scored (N = 0): a dose cannot be estimated")
        return cls(n, x, distribution, None if slides is None else checked_slides(slides, n, x))


def refuse_impossible(n_cells, n_dicentrics):
    """Refuse more cells than anybody scores, and more dicentrics than their chromosomes make."""
    if n_cells > MOST_CELLS:
        raise InputError(
            f"{n_cells:g} cells; expected at most {MOST_CELLS:,} (is it a code, or two numbers "
            "written together?)"
        )
    if n_dicentrics > MOST_IN_A_CELL * n_cells:
        raise InputError(
            f"{n_dicentrics:g} dicentrics in {n_cells:g} cells; a cell has 46 chromosomes, which "
            f"make at most {MOST_IN_A_CELL} (are cells and dicentrics exchanged, or is a thousands "
            "separator between commas?)"
        )


def as_distribution(cells_with):
    """Whole cells with 0, 1, 2 ... dicentrics, as a tuple; anything else is an error."""
    if isinstance(cells_with, Sample):
        if cells_with.distribution is None:
            raise InputError("only the sums are known: expected cells with 0, 1, 2 ... dicentrics")
        return cells_with.distribution
    if isinstance(cells_with, (str, bytes, dict, numbers.Number)):
        raise InputError(f"expected a list of cells with 0, 1, 2 ..., found {cells_with!r}")
    try:
        values = np.asarray(cells_with)
    except (TypeError, ValueError) as error:
        raise InputError(f"cells with 0, 1, 2 ... dicentrics: {error}") from error
    if values.ndim != 1 or not values.size:
        raise InputError(
            f"cells with 0, 1, 2 ... dicentrics: expected a list, found shape {values.shape}"
        )
    return tuple(_whole(value, f"cells with {k} dicentrics") for k, value in enumerate(values))


def trimmed(distribution):
    """The distribution as a tuple without the empty classes at its end.

    Examples
    --------
    >>> trimmed([90, 8, 2, 0, 0])
    (90, 8, 2)
    """
    last = max((k for k, cells in enumerate(distribution) if cells), default=0)
    return tuple(distribution[: last + 1])


def _whole(value, label):
    try:
        number = -1.0 if isinstance(value, (bool, np.bool_)) else float(value)
    except (TypeError, ValueError):
        number, value = -1.0, repr(value)
    if not np.isfinite(number) or number < 0 or number != round(number):
        raise InputError(f"{label} is {value}: expected a whole number of 0 or more")
    return round(number)
