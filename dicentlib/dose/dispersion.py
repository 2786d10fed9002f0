"""Are the dicentrics spread over the cells as chance alone would spread them?"""

import math
from dataclasses import dataclass

from dicentlib.dose.sample import Sample, as_distribution
from dicentlib.errors import InputError

U_LIMIT = 1.96  # |u| beyond it: not Poisson at the 5 % level


@dataclass(frozen=True)
class Dispersion:
    """Dispersion of a sample.

    ``index`` is variance over mean (1 expected), ``u`` its standardised distance from the
    expected index. Either is None where it is undefined (one cell; no dicentric, or u with one).
    """

    n_cells: int
    n_dicentrics: int
    yield_: float
    variance: float | None
    standard_error: float | None
    index: float | None
    u: float | None

    @property
    def overdispersed(self):
        """u > 1.96: part of the cells may be unexposed, or the radiation is of high LET."""
        return self.u is not None and self.u > U_LIMIT

    @property
    def underdispersed(self):
        """u < -1.96: a fault of sampling or scoring, typical of cells selected by a program."""
        return self.u is not None and self.u < -U_LIMIT

    def explain(self):
        """One sentence for a report."""
        if self.u is None:
            return (
                f"{self.n_dicentrics} dicentrics in {self.n_cells} cells are too few to judge "
                "their dispersion."
            )
        found = f"Dispersion index {self.index:.2f}, u = {self.u:.2f}: "
        if self.overdispersed:
            return found + "overdispersed, as after partial-body or inhomogeneous exposure."
        if self.underdispersed:
            return found + "underdispersed, a sign of selected cells or of a scoring fault."
        return found + "as expected of whole-body exposure (Poisson)."


def variance_factor(sample, overdispersion):
    """What multiplies the Poisson variance of the count: the dispersion index, or 1.

    `overdispersion` is "auto" (the index where u > 1.96), True (always, if above 1) or False.
    Sums without a distribution give 1 under "auto" and are an error under True.
    """
    if overdispersion not in ("auto", True, False):
        raise InputError(f"overdispersion is {overdispersion!r}: expected 'auto', True or False")
    if overdispersion is False or (sample.distribution is None and overdispersion == "auto"):
        return 1.0
    if sample.distribution is None:
        raise InputError("overdispersion=True needs the cells with 0, 1, 2 ... dicentrics")
    found = dispersion(sample.distribution)
    if found.index is None or (overdispersion == "auto" and not found.overdispersed):
        return 1.0
    return max(found.index, 1.0)


def dispersion(cells_with, *, expected_index=1.0):
    """Dispersion index and u of a sample (IAEA EPR-Biodosimetry 2011, eq. 5).

    .. math:: s^2 = \\frac{\\sum k^2 C_k - X^2/N}{N-1}, \\quad DI = s^2/y, \\quad
              u = (DI - DI_0)\\sqrt{\\frac{N-1}{2(1-1/X)}}

    Parameters
    ----------
    cells_with : sequence of int
        Cells with 0, 1, 2 ... dicentrics.
    expected_index : float, keyword
        DI_0: 1 for dicentrics after low-LET whole-body exposure.

    Examples
    --------
    >>> found = dispersion([302, 28, 22, 8, 1])
    >>> round(found.index, 2), round(found.u, 2)
    (1.77, 10.35)
    """
    sample = Sample.of(as_distribution(cells_with))
    n, x = sample.n_cells, sample.n_dicentrics
    variance = None
    if n > 1:
        squares = sum(k * k * cells for k, cells in enumerate(sample.distribution))
        variance = (squares - x * x / n) / (n - 1)
    index = variance / (x / n) if variance is not None and x > 0 else None
    u = None
    if index is not None and x > 1:
        u = (index - expected_index) * math.sqrt((n - 1) / (2 * (1 - 1 / x)))
    error = None if variance is None else math.sqrt(variance / n)
    return Dispersion(n, x, x / n, variance, error, index, u)
