"""Cells that share a slide are scored alike: how much slides differ, and what that costs.

A detector that finds more on one slide than on another ties the cells of a slide together. With
N_g cells and X_g dicentrics on slide g, m dicentrics per cell,

.. math:: \\mathrm{var}(X_g) = N_g m + \\tau^2(m) N_g^2, \\qquad \\tau^2(m) = s^2 + c^2 m^2

c is the relative standard deviation of the slides' efficiency, s that of their false dicentrics
per cell. Both are learned from the calibration series (:func:`slide_variance`) and widen the
interval of every sample that the same detector counts, on however few slides it lies.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from dicentlib.counts.checked import numbers
from dicentlib.errors import InputError

MIN_SLIDES = 5  # to estimate how their counts spread


@dataclass(frozen=True)
class SlideVariance:
    """Variance of the yield between slides: ``constant`` s^2, ``relative`` c^2.

    ``covariance`` (2, 2) is of the two; ``n_slides`` were compared at their doses.
    """

    constant: float
    relative: float
    covariance: tuple
    n_slides: int

    def at(self, yield_, *, errors=1.0):
        """tau^2 of a yield (any shape), `errors` standard errors above its estimate.

        One standard error by default: few slides give a poor estimate, and a variance
        that is taken too small makes every interval too narrow.
        """
        terms = np.stack([np.ones_like(yield_, dtype=float), np.square(yield_)])
        error = np.einsum("i...,ij,j...->...", terms, np.asarray(self.covariance), terms)
        mean = self.constant + self.relative * terms[1]
        return mean + errors * np.sqrt(np.maximum(error, 0.0))


def slide_variance(dose_gy, slides, n_dicentrics):
    r"""How much the slides of a calibration series differ beyond chance.

    At each dose with two slides or more the method of moments gives tau^2 without bias; s^2 and
    c^2 (at least 0) are fitted to these by least squares, weighted by their standard errors.

    Parameters
    ----------
    dose_gy : array of float, shape (N,)
        Dose of each cell (Gy).
    slides : sequence of str, shape (N,)
        Slide of each cell, "" where it is not known.
    n_dicentrics : array of int, shape (N,)
        Dicentrics of each cell.

    Returns
    -------
    SlideVariance or None
        None where a cell has no slide, or five slides cannot be compared at their doses. Give it
        to :func:`dicentlib.calibration.fit_curve`.

    Raises
    ------
    InputError
        The three do not have equally many values.
    """
    by_slide = _by_slide(dose_gy, slides, n_dicentrics)
    return None if by_slide is None else _variance(by_slide)


def slide_weights(dose_gy, slides, n_dicentrics):
    r"""Weights of the doses of a series: one over the variance factor of their sums.

    .. math:: w = 1 / \left(1 + \tau^2(y) \sum_g N_g^2 / (N y)\right)

    with y = X/N of the dose, half a dicentric where there was none.

    Parameters
    ----------
    dose_gy, slides, n_dicentrics
        As for :func:`slide_variance`.

    Returns
    -------
    ndarray or None
        A weight in (0, 1] for each dose, rising, as :func:`dicentlib.calibration.fit_curve` takes
        them. None where :func:`slide_variance` is None.

    Examples
    --------
    >>> import numpy as np
    >>> doses = np.repeat([0.0, 2.0], 60)
    >>> slides = np.tile(np.repeat(list("abcdef"), 10), 2)
    >>> counts = np.concatenate([np.zeros(60, int), np.repeat([0, 1, 2, 0, 1, 2], 10)])
    >>> slide_weights(doses, slides, counts).round(3)
    array([0.945, 0.125])
    """
    by_slide = _by_slide(dose_gy, slides, n_dicentrics)
    known = None if by_slide is None else _variance(by_slide)
    if known is None:
        return None
    of_dose = by_slide.groupby("dose")
    cells, found = of_dose["cells"].sum(), of_dose["found"].sum()
    yields = found.clip(lower=0.5) / cells
    shared = by_slide["cells"].pow(2).groupby("dose").sum() / cells
    return (1 / (1 + known.at(yields, errors=0.0) * shared / yields)).to_numpy()


def _by_slide(dose_gy, slides, n_dicentrics):
    """Cells and dicentrics by dose and slide; None where a cell has no slide."""
    for label, given in (("dose_gy", dose_gy), ("slides", slides), ("n_dicentrics", n_dicentrics)):
        if not hasattr(given, "__len__") or isinstance(given, (str, dict)):
            raise InputError(
                f"{label} is {given!r:.100}: expected a list with one entry for each cell"
            )
    if not len(dose_gy) == len(slides) == len(n_dicentrics):
        raise InputError(
            f"{len(dose_gy)} doses, {len(slides)} slides and {len(n_dicentrics)} counts: expected "
            "one of each for every cell"
        )
    cells = pd.DataFrame({"dose": dose_gy, "slide": slides, "x": n_dicentrics})
    if cells.empty or cells["slide"].isna().any() or (cells["slide"] == "").any():
        return None
    return cells.groupby(["dose", "slide"])["x"].agg(cells="size", found="sum")


def _variance(by_slide):
    compared = []
    for _, of_dose in by_slide.groupby("dose"):
        n, x = of_dose["cells"].to_numpy(float), of_dose["found"].to_numpy(float)
        if len(n) < 2:
            continue
        total, y = n.sum(), x.sum() / n.sum()
        squares = (n**2).sum()
        apart = ((x - n * y) ** 2).sum() - y * (total - squares / total)
        scale = squares - 2 * (n**3).sum() / total + (squares / total) ** 2
        compared.append((y, apart / scale, len(n), total / len(n)))
    if sum(row[2] - 1 for row in compared) < MIN_SLIDES - 1:
        return None
    y, tau2, n_slides, cells = np.array(compared).T
    fitted, covariance = np.zeros(2), np.zeros((2, 2))
    for _ in range(10):  # the weights depend on what is fitted
        within = np.maximum(y, 0.5 / (n_slides * cells)) / cells
        error = (within + fitted[0] + fitted[1] * y**2) * np.sqrt(2 / (n_slides - 1))
        terms = np.column_stack([np.ones_like(y), y**2]) / error[:, None]
        fitted, _ = nnls(terms, tau2 / error)
        covariance = np.linalg.pinv(terms.T @ terms)
    rows = tuple(tuple(float(value) for value in row) for row in covariance)
    return SlideVariance(float(fitted[0]), float(fitted[1]), rows, int(n_slides.sum()))


def checked_slides(slides, n_cells, n_dicentrics):
    """Slides of one sample as a tuple of (n_dicentrics, n_cells), whose sums are the sample's."""
    pairs = numbers(
        slides, f"slides are {slides!r:.200}: expected (n_dicentrics, n_cells) of each slide"
    )
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise InputError(
            f"slides have the shape {pairs.shape}: expected (n_dicentrics, n_cells) of each slide"
        )
    wrong = ~np.isfinite(pairs) | (pairs < 0) | (pairs != np.round(pairs))
    if wrong.any():
        raise InputError(
            f"slides have the value {pairs[wrong][0]:g}: expected whole numbers of 0 or more"
        )
    found, cells = (int(total) for total in pairs.sum(axis=0))
    if (found, cells) != (n_dicentrics, n_cells):
        turned = " (the order is n_dicentrics, n_cells)" if cells == n_dicentrics else ""
        raise InputError(
            f"the slides have {found} dicentrics in {cells} cells, but the sample has "
            f"{n_dicentrics} in {n_cells}{turned}"
        )
    if np.any((pairs[:, 1] == 0) & (pairs[:, 0] > 0)):
        raise InputError("a slide has dicentrics, but no cells")
    return tuple((int(x), int(n)) for x, n in pairs)


def slide_dispersion(slides):
    """Dispersion of the counts of whole slides, where cells of one slide are found alike.

    .. math:: \\frac{G}{G-1} \\frac{\\sum_g (X_g - N_g y)^2}{X}

    over G slides with N_g cells and X_g dicentrics, y = X/N: the variance of the sample's count
    over that of a Poisson count, whatever ties the cells of a slide together.

    Parameters
    ----------
    slides : sequence of (n_dicentrics, n_cells)

    Returns
    -------
    float or None
        None with fewer than five slides, or without a dicentric.

    Examples
    --------
    >>> slide_dispersion([(0, 10), (4, 10), (2, 10), (0, 10), (4, 10)])
    2.0
    """
    counts = np.asarray(slides, dtype=float).reshape(-1, 2)
    n_dicentrics, n_cells = counts.T
    total = n_dicentrics.sum()
    if len(counts) < MIN_SLIDES or total == 0:
        return None
    apart = n_dicentrics - n_cells * total / n_cells.sum()
    return float(len(counts) / (len(counts) - 1) * np.sum(apart**2) / total)


def slides_of(curve):
    """The :class:`SlideVariance` that a curve's fit keeps, or None."""
    kept = curve.fit.get("slide_variance")
    if kept is None:
        return None
    return SlideVariance(**{**kept, "covariance": tuple(map(tuple, kept["covariance"]))})


def slide_share(sample):
    """Sum of N_g^2 over N^2: 1 on one slide, 1/G on G slides alike.

    A sample without named slides is taken to lie on one, the worst case.
    """
    if sample.slides is None:
        return 1.0
    cells = [n for _, n in sample.slides]
    return math.fsum(n * n for n in cells) / sum(cells) ** 2
