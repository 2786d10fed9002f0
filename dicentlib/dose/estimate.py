"""One way in to every method that turns a sample's counts into a dose."""

import inspect

from dicentlib.counts.sample import Sample
from dicentlib.dose.bayesian import bayesian
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.mixture import mixture
from dicentlib.dose.partial_body import dolphin
from dicentlib.dose.whole_body import delta, merkle
from dicentlib.errors import InputError

METHODS = {
    "merkle": merkle,
    "delta": delta,
    "dolphin": dolphin,
    "mixture": mixture,
    "bayesian": bayesian,
    "detector": detector_dose,
}


def check_method(method):
    """Refuse a method that is not one of :data:`METHODS`."""
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"method is {method!r}: expected one of {', '.join(METHODS)}")


def estimate_dose(
    cells_with=None,
    curve=None,
    *,
    method="merkle",
    n_cells=None,
    n_dicentrics=None,
    n_damaged=None,
    slides=None,
    protraction=1.0,
    scorer=None,
    **options,
):
    """Dose of one sample, with its interval.

    Parameters
    ----------
    cells_with : sequence of int, optional
        Cells with 0, 1, 2 ... dicentrics. Without it, `n_cells` and `n_dicentrics`.
    curve : CalibrationCurve
        Made with the same scorer as the sample.
    method : {"merkle", "delta", "dolphin", "mixture", "bayesian", "detector"}
        Whole body with Merkle's limits (default) or the delta method, partial body, two doses,
        a posterior density, or whole body with a detector's own uncertainty.
    n_cells, n_dicentrics, n_damaged : int, optional
        Cells scored, dicentrics found, cells with a dicentric; checked against `cells_with` if
        both are given. `n_damaged` is only checked.
    slides : sequence of (n_dicentrics, n_cells), optional
        The sample by slides, with its sums. A curve that knows how much its detector's slides
        differ takes a sample without them to lie on one slide. With five or more, the variance
        of the count is at least what they show.
    protraction : float in [0, 1]
        G(x) of :func:`dicentlib.dose.protraction_factor`; 1 is an acute exposure.
    scorer : dict or Scorer, optional
        What made the sample's counts: refused when it is not the curve's scorer.
    **options
        Of the method; an unknown one is an error. merkle: ``yield_level``, ``curve_level``,
        ``overdispersion``, ``limits``; delta: ``level``; dolphin: ``level``, ``d0_gy``,
        ``background``, ``limits``, ``detector``, ``ensemble_yields``; mixture: ``level``,
        ``d0_gy``; bayesian: ``level``, ``prior``,
        ``detector``, ``ensemble_yields``, ``overdispersion``; detector: ``level``,
        ``detector``, ``ensemble_yields``, ``overdispersion``.

    Returns
    -------
    DoseEstimate
        Or the method's own kind of it. ``warnings`` says all that is wrong: a dose outside the
        calibrated range, a yield not above the background, no upper limit ...

    Raises
    ------
    InputError
        Counts that are negative, fractional or contradict each other, no cells, no curve.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curve = published_curve("barquinero-1995-co60")
    >>> found = estimate_dose([302, 28, 22, 8, 1], curve, method="dolphin")
    >>> round(found.dose_gy, 2), round(found.fraction, 2)
    (4.14, 0.59)
    """
    check_method(method)
    curve = checked_curve(curve, scorer).protracted(protraction)
    estimator = METHODS[method]
    allowed = [
        name
        for name, parameter in inspect.signature(estimator).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InputError(
            f"the method {method!r} has no option {', '.join(unknown)}: it has {', '.join(allowed)}"
        )
    sample = Sample.of(
        cells_with, n_cells=n_cells, n_dicentrics=n_dicentrics, n_damaged=n_damaged, slides=slides
    )
    return estimator(sample, curve, **options)
