"""What calibration doses are worth when their cells share slides that are not scored alike."""

import pandas as pd

from dicentlib.counts.dispersion import MIN_SLIDES
from dicentlib.errors import InputError


def slide_weights(dose_gy, slides, n_dicentrics):
    r"""Weights of the doses of a series: one over the variance factor of their sums.

    With N_g cells and X_g dicentrics on slide g, y dicentrics per cell at the slide's dose, and
    slides whose efficiency varies with the relative standard deviation c,

    .. math:: \mathrm{var}(X_g) = N_g y + c^2 (N_g y)^2

    c is one for all doses, by the method of moments over all slides (at least 0), so that doses
    with few slides or dicentrics lean on the others. The weight of a dose is

    .. math:: w = 1 / (1 + c^2 y \sum_g N_g^2 / \sum_g N_g)

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
    ndarray or None
        A weight in (0, 1] for each dose, rising, as :func:`dicentlib.calibration.fit_curve` takes
        them. None where a cell has no slide, or five slides cannot be compared at their doses.

    Raises
    ------
    InputError
        The three do not have equally many values.

    Examples
    --------
    >>> import numpy as np
    >>> doses = np.repeat([0.0, 2.0], 60)
    >>> slides = np.tile(np.repeat(list("abcdef"), 10), 2)
    >>> counts = np.concatenate([np.zeros(60, int), np.repeat([0, 1, 2, 0, 1, 2], 10)])
    >>> slide_weights(doses, slides, counts).round(3)
    array([1.   , 0.125])
    """
    if not len(dose_gy) == len(slides) == len(n_dicentrics):
        raise InputError(
            f"{len(dose_gy)} doses, {len(slides)} slides and {len(n_dicentrics)} counts: expected "
            "one of each for every cell"
        )
    cells = pd.DataFrame({"dose": dose_gy, "slide": slides, "x": n_dicentrics})
    if cells["slide"].isna().any() or (cells["slide"] == "").any():
        return None
    by_slide = cells.groupby(["dose", "slide"])["x"].agg(cells="size", found="sum")
    of_dose = by_slide.groupby("dose")
    n_slides = of_dose.size()
    total = of_dose.sum()
    yields = total["found"] / total["cells"]
    expected = by_slide["cells"] * yields  # aligned on the dose
    told = n_slides > 1
    if (n_slides[told] - 1).sum() < MIN_SLIDES - 1:
        return None
    apart = ((by_slide["found"] - expected) ** 2).groupby("dose").sum() * n_slides / (n_slides - 1)
    squares = (expected**2).groupby("dose").sum()
    beyond_chance = (apart - total["found"])[told].sum()
    c_squared = max(beyond_chance / squares[told].sum(), 0.0) if squares[told].any() else 0.0
    shared = (by_slide["cells"] ** 2).groupby("dose").sum() / total["cells"]
    return (1 / (1 + c_squared * yields * shared)).to_numpy()
