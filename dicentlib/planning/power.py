"""Would the counts show that only a part of the body was exposed?

The dispersion test (u > 1.96, or a scorer's own limit) decides whether a laboratory looks for a
partial exposure. Its power is simulated (:mod:`dicentlib.counts.dispersion_power`).
"""

import math
from dataclasses import dataclass

from dicentlib.counts.dispersion import POISSON, expected_dispersion
from dicentlib.counts.dispersion_power import TRIALS, dispersion_power
from dicentlib.counts.sample import Sample
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detector import DetectedCurve, Detector
from dicentlib.dose.joint import scored_fraction
from dicentlib.errors import InputError
from dicentlib.planning.cells import MOST_CELLS, checked_dose, fewest_cells


@dataclass(frozen=True)
class Power:
    """Probability ``power`` that the test sees the part; ``error`` is that of the simulation.

    ``scored_fraction`` is the share of exposed cells among those scored.
    """

    power: float
    error: float
    scored_fraction: float


def partial_body_power(
    curve, dose_gy, fraction, n_cells, *, d0_gy=2.7, detector=None, trials=TRIALS
):
    """Power of the dispersion test to see that a `fraction` of the body had `dose_gy`.

    Cells are drawn from the contaminated Poisson law: a share f (:func:`scored_fraction`) with
    the yield m(D), the others with m(0). At `fraction` 1 this is the rate of false alarms.

    Parameters
    ----------
    curve : CalibrationCurve
        One with a scorer judges by that scorer's own dispersion
        (:func:`dicentlib.counts.dispersion.expected_dispersion`), as the route does.
    dose_gy : float, > 0
        To the exposed part.
    fraction : float in [0, 1]
    n_cells : int
    d0_gy : float
    detector : Detector, optional
        For a curve of real dicentrics.
    trials : int
        Simulated samples, the same at each call.

    Returns
    -------
    Power

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> found = partial_body_power(curve, 4, 0.5, 200)
    >>> found.power > 0.95, round(found.scored_fraction, 2)
    (True, 0.19)
    """
    n = Sample.of(n_cells=n_cells, n_dicentrics=0).n_cells
    dose = checked_dose(dose_gy)
    detected = DetectedCurve(checked_curve(curve), detector or Detector())
    expected = POISSON if detector is not None else expected_dispersion(curve)
    if math.isinf(expected.error):
        raise InputError(
            "The curve's scorer has too few calibration doses with a known dispersion: the "
            "test cannot detect any partial exposure"
        )
    share = float(scored_fraction(fraction, dose, d0_gy))
    means = [float(detected.mean_at(at)) for at in (0.0, dose)]
    power = dispersion_power(n, share, means, expected, trials=trials)
    error = math.sqrt(max(power * (1 - power), 1 / trials) / trials)
    return Power(power, error, share)


def cells_for_power(curve, dose_gy, fraction, *, power=0.9, d0_gy=2.7, detector=None):
    """Fewest cells with which the dispersion test sees the part with probability `power`.

    By bisection over :func:`partial_body_power`, to about 2 % of the number (the power is
    simulated).

    Raises
    ------
    InputError
        A `fraction` of 0 or 1, which leaves nothing to see; a `power` outside (0.05, 1), the
        test's level; or more than 100 000 cells needed.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> 60 < cells_for_power(curve, 4, 0.5) < 100
    True
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"fraction is {fraction}: expected a part of the body between 0 and 1; 0 and 1 are "
            "no partial exposure"
        )
    if not 0.05 < power < 1:
        raise InputError(f"power is {power}: expected above 0.05 (the test's level), below 1")

    def reached(n):
        options = {"d0_gy": d0_gy, "detector": detector}
        return partial_body_power(curve, dose_gy, fraction, n, **options).power

    found = fewest_cells(lambda n: reached(n) >= power, start=10, precision=0.02)
    if found is None:
        raise InputError(
            f"{MOST_CELLS} cells detect {dose_gy:g} Gy to {fraction:.0%} of the body with "
            f"probability {reached(MOST_CELLS):.2g}, not {power:g}"
        )
    return found
