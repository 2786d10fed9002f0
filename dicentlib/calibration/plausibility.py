"""Can the numbers of a curve's file be those of dicentrics per cell and Gy?

What is impossible is refused. What no usual calibration gives is said and read as it is.
"""

import numpy as np

from dicentlib.calibration.curve import NAMES
from dicentlib.conventions import HIGHEST_DOSE_GY
from dicentlib.counts.sample import MOST_IN_A_CELL
from dicentlib.errors import InputError, notice

MOST_AT_1_GY = 3.0  # dicentrics per cell; fission neutrons give about 1
LEAST_AT_5_GY = 0.005  # gamma rays give about 1.7; a detector finds a part of them
USUAL_BACKGROUND = 0.01  # dicentrics per cell by eye: 0.0005 to 0.002 in unexposed persons
LEAST_RELATIVE_ERROR = 0.005  # a coefficient known so well takes 40,000 dicentrics
MOST_RELATIVE_ERROR = 5.0


def check_curve(curve, source, *, counted=False):
    """Refuse a curve in other units, and say what is unusual about its numbers.

    Parameters
    ----------
    curve : CalibrationCurve
    source : str or path-like
        The message begins with it.
    counted : bool
        The curve was fitted to counts, which have no stated coefficients, errors and range.

    Raises
    ------
    InputError
        Yields or doses that can only be in other units: more than 3 dicentrics per cell at
        1 Gy, fewer than 0.005 above the background at 5 Gy, a calibrated dose above 100 Gy or
        one that gives more than 23 dicentrics per cell.
    """
    at_1_gy, at_5_gy = (float(curve.yield_at(dose)) for dose in (1.0, 5.0))
    highest_gy = (curve.dose_range_gy or (0.0, 0.0))[1]
    at_highest = float(curve.yield_at(highest_gy))
    expected, of_yields, of_doses = (
        ("doses in Gy", "are cells and doses right?", "are the doses in cGy or mGy?")
        if counted
        else (
            "coefficients per cell and Gy",
            "are they per 100 or 1000 cells?",
            "are they per cGy or mGy?",
        )
    )
    if at_1_gy > MOST_AT_1_GY:
        found = f"{at_1_gy:.3g} dicentrics per cell at 1 Gy; {of_yields}"
    elif at_5_gy - curve.coefficients[0] < LEAST_AT_5_GY:
        found = f"only {at_5_gy:.3g} dicentrics per cell at 5 Gy; {of_doses}"
    elif highest_gy > HIGHEST_DOSE_GY:
        found = f"dose_range_gy up to {highest_gy:g} Gy; is it in cGy or mGy?"
    elif at_highest > MOST_IN_A_CELL and not counted:
        found = (
            f"{at_highest:.3g} dicentrics per cell at the end of dose_range_gy, {highest_gy:g} Gy, "
            f"and a cell has at most {MOST_IN_A_CELL}; is it in cGy or mGy?"
        )
    else:
        for remark in () if counted else _unusual(curve):
            notice(f"{source}: {remark}")
        return
    raise InputError(f"{source}: expected {expected}; the curve has {found}")


def _unusual(curve):
    """Sentences on numbers that a curve hardly has, unless it says which scorer made it."""
    background, _, beta = curve.coefficients
    if beta == 0 and not curve.fit and curve.protraction == 1:
        yield (
            "no beta, or a beta of 0: a linear curve, as for neutrons; is the row of beta missing?"
        )
    if background > USUAL_BACKGROUND and curve.scorer is None:
        yield (
            f"the background C is {background:.3g} dicentrics per cell; unexposed persons have "
            "about 0.001. Is it per 100 cells, or are the coefficients in another order?"
        )
    if curve.covariance is None:
        return
    known = (curve.standard_errors > 0) & (curve.coefficients > 0)
    relative = curve.standard_errors[known] / curve.coefficients[known]
    if len(relative) and (relative < LEAST_RELATIVE_ERROR).all():
        yield (
            f"every standard error is below {LEAST_RELATIVE_ERROR:.1%} of its coefficient; are "
            "they variances?"
        )
    if len(relative) and (relative > MOST_RELATIVE_ERROR).all():
        yield (
            f"every standard error is above {MOST_RELATIVE_ERROR:g} times its coefficient; are "
            "they percentages, or is the covariance a matrix of correlations?"
        )
    # Doses are not negative, so the inverse of the information matrix of a polynomial in the
    # dose has signs that alternate like the squares of a chessboard.
    signs = np.sign(curve.covariance) * np.array([[1, -1, 1], [-1, 1, -1], [1, -1, 1]])
    errors = curve.standard_errors
    in_reverse = errors[0] > max(errors[2], background) and errors[2] > 0
    if not curve.fit and ((signs < 0).any() or (in_reverse and curve.covariance[0, 1])):
        yield (
            "no fit of a curve gives such covariances; are rows and columns in the order "
            f"{', '.join(NAMES)}, and are all signs right?"
        )
