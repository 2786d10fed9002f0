"""One posterior over whole-body and partial exposure, instead of a switch between two methods.

The dispersion test of the classical route decides for one method, and the interval that follows
holds for those samples alone that the test called rightly. Here both hypotheses keep their
probability:

.. math:: p(D, F \\mid C) \\propto \\left[(1 - \\pi)\\, \\delta(F - 1) + \\pi\\, p(F)\\right]
          p(D) \\prod_k \\left[(1-f)\\, \\mathrm{P}(k; p_0)
          + f\\, \\mathrm{P}(k; m(D))\\right]^{C_k}, \\quad
          f = \\frac{F e^{-D/D_0}}{1 - F + F e^{-D/D_0}}

with pi = P(partial) before the counts, F the exposed fraction of the body, f that of the scored
cells, p_0 = m(0), and m(D) uncertain as the curve, the detector, the ensemble and the slides make
it (:class:`dicentlib.dose.detector.DetectedCurve`). P is the Poisson law, or, for a scorer whose
counts spread by themselves (:func:`dicentlib.counts.dispersion.expected_dispersion`), a negative
binomial law of that dispersion. Higueras et al. (2016, doi 10.1667/RR14145.1) treat the partial
exposure alone in this way.
"""

import math

import numpy as np
from scipy.stats import beta as beta_law
from scipy.stats import norm

from dicentlib.counts.checked import number
from dicentlib.counts.dispersion import expected_dispersion
from dicentlib.counts.sample import Sample
from dicentlib.dose.bayesian import CONFLICT, probability_of_fewer, shortest_interval
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detector import DetectedCurve
from dicentlib.dose.exposure_grid import ExposureGrid, hat_masses
from dicentlib.dose.exposure_result import DEFAULT_PRIOR, ExposurePosterior, ExposurePrior, Quantity
from dicentlib.errors import InputError

N_INDICES = 5  # values of a scorer's own dispersion
N_SHOWN = 121  # fractions of the joint density


def exposure_posterior(
    cells_with,
    curve,
    *,
    prior=DEFAULT_PRIOR,
    level=0.95,
    d0_gy=2.7,
    detector=None,
    ensemble_yields=None,
    slides=None,
    scorer=None,
):
    """Posterior of dose and exposed fraction, whole and partial exposure weighed together.

    Parameters
    ----------
    cells_with : sequence of int, or Sample
        Cells with 0, 1, 2 ... dicentrics.
    curve : CalibrationCurve
        Also one of :meth:`CalibrationCurve.protracted`.
    prior : ExposurePrior
        :data:`DEFAULT_PRIOR`, :data:`LOCAL_PRIOR` where the history speaks for local exposure, or
        your own. It is part of the answer, and stated in it.
    level : float in (0, 1)
    d0_gy : float
        As for :func:`dicentlib.dose.partial_body.dolphin`.
    detector, ensemble_yields, slides, scorer
        As for :func:`dicentlib.dose.laboratory_route`.

    Returns
    -------
    ExposurePosterior

    Raises
    ------
    InputError
        Only sums are given; the curve's scorer has no known dispersion; the counts are above all
        doses of the prior.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> found = exposure_posterior([302, 28, 22, 8, 1], published_curve("barquinero-1995-co60"))
    >>> found.p_partial > 0.999, round(found.exposed_gy.median, 1)
    (True, 4.1)
    """
    sample = cells_with if isinstance(cells_with, Sample) else Sample.of(cells_with, slides=slides)
    if sample.distribution is None:
        raise InputError(
            "the posterior of a partial exposure needs the cells with 0, 1, 2 ... dicentrics, not "
            "only the sums"
        )
    if not isinstance(prior, ExposurePrior):
        raise InputError(f"prior is {prior!r}: expected an ExposurePrior")
    number("level", level, least=0, most=1, open_ends=True)
    number("d0_gy", d0_gy, least=0, open_ends=True, unit=" Gy")
    curve = checked_curve(curve, scorer)
    detected = DetectedCurve.of(sample, curve, detector=detector, ensemble_yields=ensemble_yields)
    highest = min(prior.highest_gy, detected.summit_gy())
    top = float(detected.mean_at(highest)) + 6 * math.sqrt(float(detected.variance_at(highest)))
    if sample.yield_ > top:
        raise InputError(
            f"{sample.yield_:.3g} dicentrics per cell are more than the curve has at {highest:g} "
            "Gy, the highest dose of the prior: curve and counts do not belong together, or the "
            "prior ends too early"
        )
    law, indices = beta_law(prior.a, prior.b), _indices(curve, detector)
    grid = ExposureGrid(sample.distribution, detected, highest, law, d0_gy, indices)
    whole, part = grid.components()
    return _posterior(whole, part, sample, detected, prior, level, highest)


def _posterior(whole, part, sample, detected, prior, level, highest):
    evidence = [
        0.0 if whole is None else (1 - prior.p_partial) * whole.evidence,
        prior.p_partial * part.evidence,
    ]
    if sum(evidence) == 0:
        raise InputError(
            "The counts have no probability under any dose of the prior: curve and counts do not "
            "belong together, or P(partial) excludes what they show"
        )
    p_partial = evidence[1] / sum(evidence)
    shares = [(1 - p_partial, whole), (p_partial, part)]
    exposed = [(share, one.dose_gy, one.mass.sum(axis=1)) for share, one in shares if share > 0]
    equivalent = [(1 - p_partial, whole.dose_gy, whole.mass.sum(axis=1))] if p_partial < 1 else []
    if p_partial > 0:
        equivalent.append((p_partial, *_equivalent(part, detected, highest)))
    order = np.argsort(part.fraction, axis=None)
    fractions = np.concatenate([[0.0], part.fraction.ravel()[order], [1.0]])
    cumulative = np.concatenate([[0.0], np.cumsum(part.fraction_mass.ravel()[order])])
    cumulative = np.append(cumulative, cumulative[-1]) / cumulative[-1]
    dose_grid, dose_cumulative = _mixture(exposed)
    shown_dose, shown_fraction, joint = _joint(part)
    return ExposurePosterior(
        p_partial=float(p_partial),
        exposed_gy=_quantity(dose_grid, dose_cumulative, level),
        equivalent_gy=_quantity(*_mixture(equivalent), level),
        fraction=_quantity(fractions, cumulative, level),
        level=level,
        prior=prior,
        warnings=_warnings(sample, detected, p_partial, dose_grid, dose_cumulative, highest),
        joint_dose_gy=shown_dose,
        joint_fraction=shown_fraction,
        joint=joint * p_partial,
    )


def _mixture(parts):
    """Cumulative of a mixture of masses on grids of their own, on the union of the grids."""
    grid = np.unique(np.concatenate([dose for _, dose, _ in parts]))
    total = np.zeros_like(grid)
    for share, dose, mass in parts:
        # Half of a point's mass lies below it.
        cumulative = (np.cumsum(mass) - mass / 2) / mass.sum()
        total += share * np.interp(grid, dose, cumulative, left=0.0, right=1.0)
    return grid, (total - total[0]) / (total[-1] - total[0])


def _quantity(grid, cumulative, level):
    lower, upper = shortest_interval(grid, cumulative, level=level)
    return Quantity(float(np.interp(0.5, cumulative, grid)), lower, upper)


def _equivalent(part, detected, highest):
    """Masses of the whole-body equivalent dose: the mean yield, read on the uncertain curve."""
    total = part.excess.max() * 1.0001 + 1e-9
    edges = total * np.linspace(0, 1, 200) ** 2
    mass, _ = np.histogram(part.excess, edges, weights=part.fraction_mass)
    middle = (edges[1:] + edges[:-1]) / 2
    m0, v0 = float(detected.mean_at(0.0)), float(detected.variance_at(0.0))
    doses = np.linspace(0, highest, 2001)
    doses = doses[detected.mean_at(doses) - m0 <= 1.5 * total + 6 * math.sqrt(v0) + 1e-6]
    doses = np.linspace(0, max(doses[-1], highest / 2000), 500)
    mean = detected.mean_at(doses)
    sd = np.sqrt(np.maximum(detected.variance_at(doses) - v0, 0.0))
    slope = np.gradient(mean, doses)
    columns = slope[:, None] * hat_masses(middle, mean - m0, sd)
    total = columns.sum(axis=0)
    return doses, (columns / np.where(total > 0, total, 1.0)) @ mass


def _joint(part):
    """Density of dose and fraction on regular grids, given a partial exposure."""
    fractions = np.linspace(0, 1, N_SHOWN)
    width = np.gradient(part.fraction, axis=1)
    density = np.divide(part.fraction_mass, width, out=np.zeros_like(width), where=width > 0)
    by_eta = part.fraction_mass.sum(axis=1)
    pairs = zip(part.fraction, density, strict=True)
    rows = np.stack([np.interp(fractions, own, held, left=0.0, right=0.0) for own, held in pairs])
    given = np.divide(rows, by_eta[:, None], out=np.zeros_like(rows), where=by_eta[:, None] > 0)
    joint = part.mass @ given / np.gradient(part.dose_gy)[:, None]
    return part.dose_gy, fractions, joint / part.evidence


def _indices(curve, detector):
    """Equally probable dispersion indices of single cells: 1 of Poisson counts, or a scorer's."""
    expected = expected_dispersion(curve)
    if detector is not None or expected.n_doses is None:
        return np.ones(1)
    if math.isinf(expected.error):
        raise InputError(
            "The curve's scorer has too few calibration doses with a known dispersion: whole and "
            "partial exposure cannot be distinguished"
        )
    quantiles = norm.ppf((np.arange(N_INDICES) + 0.5) / N_INDICES)
    return np.maximum(expected.index + expected.error * quantiles, 1.0)


def _warnings(sample, detected, p_partial, grid, cumulative, highest):
    found = []
    if probability_of_fewer(sample, detected) < CONFLICT:
        found.append(
            f"{sample.n_dicentrics} dicentrics in {sample.n_cells} cells are far below the curve's "
            f"background of {float(detected.mean_at(0.0)):.3g} per cell: check that curve and "
            "counts are of the same scorer."
        )
    beyond = 1 - float(np.interp(0.9 * highest, grid, cumulative))
    if beyond > 0.05:
        found.append(
            f"The dose of a small part reaches the prior's end ({beyond:.0%} of the "
            f"probability lies above {0.9 * highest:g} Gy): the counts alone do not limit it."
        )
    curve = detected.curve
    if curve.dose_range_gy is not None and p_partial > 0:
        outside = 1 - float(np.interp(curve.dose_range_gy[1], grid, cumulative))
        if outside > 0.025:
            found.append(
                f"Probability {outside:.2g} that the dose is above the highest calibrated one, "
                f"{curve.dose_range_gy[1]:g} Gy: extrapolated there."
            )
    return tuple(found)
