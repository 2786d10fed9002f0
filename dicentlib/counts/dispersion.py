"""Are the dicentrics spread over the cells as whole-body exposure would spread them?

Scored by eye, after low-LET radiation, that is by chance alone: Poisson, index 1. A detector's
counts spread wider even then, because how much it finds differs between slides and cells. What to
expect of it is read from the calibration cells that it counted (:func:`expected_dispersion`).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t
from statsmodels.stats.meta_analysis import combine_effects

from dicentlib.counts.sample import Sample, as_distribution
from dicentlib.counts.slides import slide_dispersion
from dicentlib.errors import InputError

U_LIMIT = 1.96  # |u| beyond it: not Poisson at the 5 % level
MIN_DOSES = 3  # of a calibration series, to know what dispersion its scorer's counts have


@dataclass(frozen=True)
class ExpectedDispersion:
    """Dispersion index of a whole-body sample: 1 of Poisson counts, or a scorer's own.

    ``index`` is the mean over the doses of a calibration series, ``error`` the standard deviation
    of a further sample around it beyond chance: infinite where fewer than three of the
    ``n_doses`` tell (then nothing can be called unexpected). ``n_doses`` is None for Poisson.
    """

    index: float = 1.0
    error: float = 0.0
    n_doses: int | None = None

    @property
    def u_limit(self):
        """``|u|`` beyond which a sample is not as expected, at the 5 % level.

        The prediction interval of a random-effects mean: Student's t with n_doses - 2 degrees of
        freedom (Higgins, Thompson and Spiegelhalter 2009).
        """
        if self.n_doses is None or self.n_doses < MIN_DOSES:
            return U_LIMIT
        return float(student_t.ppf(0.975, self.n_doses - 2))


POISSON = ExpectedDispersion()


def expected_dispersion(curve):
    """What dispersion to expect of a whole-body sample counted by the curve's scorer.

    The indices of the calibration doses, as ``fit_curve`` keeps them, are combined as the studies
    of a meta-analysis are (random effects, Paule and Mandel's variance between doses, statsmodels'
    ``combine_effects``); within a dose the variance is that of :func:`dispersion`'s u, times the
    squared mean index.

    Parameters
    ----------
    curve : CalibrationCurve

    Returns
    -------
    ExpectedDispersion
        ``POISSON`` for a curve without a scorer. Doses with fewer than two dicentrics say nothing.
    """
    if curve.scorer is None:
        return POISSON
    rows = zip(
        *(curve.fit.get(key) or () for key in ("dispersion_index", "n_cells", "n_dicentrics")),
        strict=False,
    )
    usual = np.array([row for row in rows if row[0] is not None and row[2] > 1], dtype=float)
    if len(usual) < MIN_DOSES:
        return ExpectedDispersion(error=math.inf, n_doses=len(usual))
    index, cells, counts = usual.T
    variance = _index_variance(cells, counts)
    mean = np.average(index, weights=1 / variance)
    with np.errstate(divide="ignore"):  # indices that agree exactly
        combined = combine_effects(index, variance * max(mean, 1.0) ** 2, method_re="iterated")
    error = math.sqrt(max(combined.tau2, 0.0) + combined.sd_eff_w_re**2)
    return ExpectedDispersion(float(combined.mean_effect_re), error, len(usual))


@dataclass(frozen=True)
class Dispersion:
    """Dispersion of a sample.

    ``index`` is variance over mean, ``u`` its standardised distance from 1 (Poisson). Either is
    None where it is undefined (one cell; no dicentric, or u with one). ``u_expected`` is the
    distance from ``expected``, whose error counts too; equal to ``u`` where Poisson is expected.
    """

    n_cells: int
    n_dicentrics: int
    yield_: float
    variance: float | None
    standard_error: float | None
    index: float | None
    u: float | None
    expected: ExpectedDispersion = POISSON

    @property
    def u_expected(self):
        """Standardised distance of the index from the expected one."""
        if self.u is None or self.expected == POISSON:
            return self.u
        if math.isinf(self.expected.error):
            return 0.0
        chance = _index_variance(self.n_cells, self.n_dicentrics)
        error = math.hypot(max(self.expected.index, 1.0) * math.sqrt(chance), self.expected.error)
        return (self.index - self.expected.index) / error

    @property
    def overdispersed(self):
        """Above what is expected: some cells may be unexposed, or the radiation is of high LET."""
        return self.u is not None and self.u_expected > self.expected.u_limit

    @property
    def underdispersed(self):
        """Below it: a fault of sampling or scoring, typical of cells selected by a program."""
        return self.u is not None and self.u_expected < -self.expected.u_limit

    def explain(self):
        """One sentence for a report."""
        if self.u is None:
            return (
                f"{self.n_dicentrics} dicentrics in {self.n_cells} cells are too few to judge "
                "their dispersion."
            )
        found = f"Dispersion index {self.index:.2f}, u = {self.u:.2f}"
        if self.expected.n_doses is not None and math.isinf(self.expected.error):
            return (
                f"{found} against Poisson. Overdispersion cannot be assessed: only "
                f"{self.expected.n_doses} calibration doses show this scorer's usual dispersion "
                f"({MIN_DOSES} needed)."
            )
        if self.expected.n_doses is not None:
            found += (
                f" against Poisson; {self.u_expected:.2f} standard errors (limit "
                f"{self.expected.u_limit:.2f}) from {self.expected.index:.2f} +- "
                f"{self.expected.error:.2f}, this scorer's own index after whole-body exposure "
                f"({self.expected.n_doses} calibration doses)"
            )
        if self.overdispersed:
            return found + ": overdispersed, as after partial-body or inhomogeneous exposure."
        if self.underdispersed:
            return found + ": underdispersed, a sign of selected cells or of a scoring fault."
        law = " (Poisson)" if self.expected.n_doses is None else ""
        return found + f": as expected for whole-body exposure{law}."


def variance_factor(sample, overdispersion, expected=POISSON, *, carried=0.0):
    """What multiplies the Poisson variance of the count, beyond what slides are known to add.

    Parameters
    ----------
    sample : Sample
        Under "auto" the factor is at least the dispersion of its slides, less `carried`.
    overdispersion : {"auto", True, False}
        "auto": the expected index, or the sample's own where that is overdispersed; True: the
        sample's own always; False: never, 1. The factor is at least 1.
    expected : ExpectedDispersion
        Where it is unknown, an index with u > 1.96 against Poisson counts.
    carried : float
        Variance between slides that is counted elsewhere, in Poisson variances.
    """
    if overdispersion not in ("auto", True, False):
        raise InputError(f"overdispersion is {overdispersion!r}: expected 'auto', True or False")
    if overdispersion is True and sample.distribution is None:
        raise InputError("overdispersion=True needs the cells with 0, 1, 2 ... dicentrics")
    if overdispersion is False:
        return 1.0
    usual = max(expected.index, 1.0) if overdispersion == "auto" else 1.0
    if overdispersion == "auto" and sample.slides is not None:
        usual = max(usual, (slide_dispersion(sample.slides) or 1.0) - carried)
    if sample.distribution is None:
        return usual
    found = dispersion(sample.distribution, expected=expected)
    unknown = math.isinf(expected.error) and found.u is not None and found.u > U_LIMIT
    if found.index is None or not (overdispersion is True or found.overdispersed or unknown):
        return usual
    return max(found.index, usual)


def dispersion(cells_with, *, expected=POISSON):
    """Dispersion index and u of a sample (IAEA EPR-Biodosimetry 2011, eq. 5).

    .. math:: s^2 = \\frac{\\sum k^2 C_k - X^2/N}{N-1}, \\quad DI = s^2/y, \\quad
              u = (DI - 1)\\sqrt{\\frac{N-1}{2(1-1/X)}}

    Parameters
    ----------
    cells_with : sequence of int
        Cells with 0, 1, 2 ... dicentrics.
    expected : ExpectedDispersion, keyword
        What the result is judged against: Poisson, or :func:`expected_dispersion` of a curve.

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
        u = (index - 1) / math.sqrt(_index_variance(n, x))
    error = None if variance is None else math.sqrt(variance / n)
    return Dispersion(n, x, x / n, variance, error, index, u, expected)


def _index_variance(n_cells, n_dicentrics):
    """Variance of the index of Poisson counts, given their sum (two or more)."""
    return 2 * (1 - 1 / n_dicentrics) / (n_cells - 1)
