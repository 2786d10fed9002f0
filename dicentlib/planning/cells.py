"""How many cells to score: for a detection limit, and for the width of an interval."""

import math

from dicentlib.counts.checked import number
from dicentlib.counts.sample import Sample
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import dose_limits
from dicentlib.dose.detector import DetectedCurve, Detector
from dicentlib.dose.low_dose import characteristic_limits
from dicentlib.dose.whole_body import FARTHEST_GY
from dicentlib.errors import InputError

MOST_CELLS = 100_000  # beyond, no laboratory scores; more is refused with the reason


def detectable_dose(curve, n_cells, *, detector=None):
    """Dose (Gy) that `n_cells` cells show with a probability of 90 %: the detection limit.

    See :func:`dicentlib.dose.characteristic_limits`, whose ``detectable_gy`` this is.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> round(detectable_dose(published_curve("barquinero-1995-co60"), 500), 2)
    0.25
    """
    return _limits(curve, n_cells, None, detector).detectable_gy


def cells_for_detection(curve, dose_gy, *, control=None, detector=None):
    """Fewest cells whose detection limit is `dose_gy` or less.

    An unexposed sample is called exposed with a probability of 5 %, and `dose_gy` is missed with
    one of 10 %, as in :func:`dicentlib.dose.characteristic_limits`. With the decision threshold
    y_d(N) of N cells and the detected yield m(D) the number sought is the least N with

    .. math:: N\\,m(D) \\ge \\tfrac12 \\chi^2_{1-\\beta}\\left(2 (y_d(N) + 1)\\right)

    (ISO 19238, annex F). Both sides rise with N, so repeating N <- right side / m(D) from below
    ends at the least solution.

    Parameters
    ----------
    curve : CalibrationCurve
    dose_gy : float, > 0
    control : (n_dicentrics, n_cells), optional
        Unexposed cells scored like the sample; else the curve's background.
    detector : Detector, optional
        For a curve of real dicentrics, scored by eye.

    Raises
    ------
    InputError
        More than 100 000 would be needed, or the background is not known well enough for any
        number of cells.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> cells_for_detection(published_curve("barquinero-1995-co60"), 0.5)
    142
    """
    detected = DetectedCurve(checked_curve(curve), detector or Detector())
    dose = checked_dose(dose_gy)
    per_cell = float(detected.mean_at(dose))
    if not float(detected.mean_at(0.0)) < per_cell:
        raise InputError(f"The curve {curve.describe()} does not rise up to {dose:g} Gy")
    n = math.ceil(_limits(curve, 1, control, detector).detection_limit / per_cell)
    while n <= MOST_CELLS:
        limit = _limits(curve, n, control, detector).detection_limit
        if limit <= n * per_cell:
            return n
        n = max(math.ceil(limit / per_cell), n + 1)
    reached = _limits(curve, MOST_CELLS, control, detector).detectable_gy
    raise InputError(
        f"{MOST_CELLS} cells do not detect {dose:g} Gy with probability 0.9: their limit is "
        f"{reached:.2g} Gy. More unexposed cells (control) or fewer false dicentrics lower it"
    )


def expected_interval(curve, dose_gy, n_cells, *, detector=None):
    """95 % interval (Gy) of a sample of `n_cells` cells at `dose_gy` whose count is as expected.

    That of :func:`dicentlib.dose.detected_dose.detector_dose` (mid-p, curve and detector
    uncertainty included) for the expected count N m(D), which need not be whole.

    Returns
    -------
    lower_gy, upper_gy : float
        0 and infinity where the counts set no limit.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> [round(end, 2) for end in expected_interval(curve, 2, 500)]
    [1.82, 2.2]
    """
    sample, dose = Sample.of(n_cells=n_cells, n_dicentrics=0), checked_dose(dose_gy)
    detected, n = DetectedCurve.of(sample, checked_curve(curve), detector=detector), sample.n_cells
    return dose_limits(n * float(detected.mean_at(dose)), n, detected, dose)


def cells_for_width(curve, dose_gy, half_width_gy, *, detector=None):
    """Fewest cells with which the expected interval at `dose_gy` is within +- `half_width_gy`.

    Half the length of :func:`expected_interval`. Where counts are many it is that of the delta
    method,

    .. math:: N \\approx \\frac{m(D)}{(w\\,m'(D)/z)^2 - \\mathrm{var}\\,m(D)}

    which shows that no number of cells suffices where curve and detector alone take up w.

    Parameters
    ----------
    curve : CalibrationCurve
    dose_gy : float, > 0
    half_width_gy : float, > 0
    detector : Detector, optional

    Raises
    ------
    InputError
        100 000 do not suffice; the message says what they reach.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> cells_for_width(published_curve("barquinero-1995-co60"), 2, 0.25)
    273
    """
    number("half_width_gy", half_width_gy, least=0, open_ends=True, unit=" Gy")

    def half(n):
        lower, upper = expected_interval(curve, dose_gy, n, detector=detector)
        return (upper - lower) / 2

    found = fewest_cells(lambda n: half(n) <= half_width_gy)
    if found is None:
        raise InputError(
            f"{MOST_CELLS} cells give +-{half(MOST_CELLS):.2g} Gy at {dose_gy:g} Gy, not "
            f"+-{half_width_gy:g} Gy: the uncertainty of curve and detector remains. Score more "
            "calibration cells"
        )
    return found


def fewest_cells(suffice, *, start=1, precision=0.0):
    """Fewest cells that `suffice`, by doubling and bisection; None where 100 000 do not.

    Parameters
    ----------
    suffice : callable
        Whether a number of cells is enough; true of all larger ones if of one.
    start : int
        First number tried.
    precision : float
        Of the result, as a share of it, where more would be chance.
    """
    above = start
    while not suffice(above):
        if above >= MOST_CELLS:
            return None
        above = min(2 * above, MOST_CELLS)
    below = above // 2
    while above - below > max(precision * above, 1):
        middle = (above + below) // 2
        below, above = (below, middle) if suffice(middle) else (middle, above)
    return above


def _limits(curve, n_cells, control, detector):
    sample = Sample.of(n_cells=n_cells, n_dicentrics=0)
    return characteristic_limits(sample, checked_curve(curve), control=control, detector=detector)


def checked_dose(dose_gy):
    """`dose_gy` as a number above 0 Gy and below 100 Gy; anything else is an error."""
    return number("dose_gy", dose_gy, least=0, most=FARTHEST_GY, open_ends=True, unit=" Gy")
