"""Neutrons and gamma rays together, as in a criticality accident: one dose for each.

Where the share of neutrons in the dose is known (from physics), both curves become one curve of
the total dose, which every method and the route take:

.. math:: Y(D) = C + (s\\,\\alpha_n + (1-s)\\,\\alpha_\\gamma) D
          + (s^2 \\beta_n + (1-s)^2 \\beta_\\gamma) D^2

the yields of both kinds being added (IAEA EPR-Biodosimetry 2011, section 9.7.4.1).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.counts.checked import number
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.estimate import estimate_dose
from dicentlib.dose.result import DoseEstimate


@dataclass(frozen=True)
class MixedFieldDose:
    """``total`` dose, and its parts by neutrons and gamma rays with limits (Gy)."""

    total: DoseEstimate
    neutron_share: float
    neutron_gy: tuple
    gamma_gy: tuple

    def explain(self):
        """One sentence for a report; each part has (dose, lower, upper)."""
        kinds = {"neutrons": self.neutron_gy, "gamma rays": self.gamma_gy}
        parts = " and ".join(
            f"{dose:.2f} Gy ({lower:.2f} to {upper:.2f}) of {kind}"
            for kind, (dose, lower, upper) in kinds.items()
        )
        return (
            f"{parts}, with {self.neutron_share:.0%} of the dose by neutrons, taken as known; "
            f"{self.total.level:.0%} limits."
        )


def mixed_field_curve(neutron_curve, gamma_curve, neutron_share):
    """Curve of the total dose of a mixed field, with its covariance.

    Parameters
    ----------
    neutron_curve, gamma_curve : CalibrationCurve
        By the same scorer. The background is the mean of both.
    neutron_share : float in [0, 1]
        Dose by neutrons over the total dose.

    Returns
    -------
    CalibrationCurve
        In Gy of total dose. Without a covariance where one of the curves has none.

    Raises
    ------
    InputError
        A share outside 0 to 1. :class:`ScorerMismatchError` for curves of different scorers.

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curves = [published_curve(f"iaea-2011-{name}") for name in ("eq22-neutrons", "eq23-co60")]
    >>> round(float(mixed_field_curve(*curves, 0.5).yield_at(2.0)), 4)
    0.8981
    """
    share = number("neutron_share", neutron_share, least=0, most=1)
    curves = [checked_curve(curve) for curve in (neutron_curve, gamma_curve)]
    curves[1].require_scorer(curves[0].scorer)
    turns = [np.diag([0.5, part, part**2]) for part in (share, 1 - share)]
    coefficients = sum(turn @ curve.coefficients for turn, curve in zip(turns, curves, strict=True))
    covariance = None
    if all(curve.covariance is not None for curve in curves):
        both = np.hstack(turns)
        covariance = both @ block_diag(*(curve.covariance for curve in curves)) @ both.T
    ends = [
        curve.dose_range_gy[1] / part
        for curve, part in zip(curves, (share, 1 - share), strict=True)
        if curve.dose_range_gy is not None and part > 0
    ]
    notes = [
        f"{curve.radiation or curve.name}: {text}" for curve in curves for text in curve.warnings
    ]
    return CalibrationCurve(
        coefficients,
        covariance,
        dose_range_gy=(0.0, min(ends)) if ends else None,
        name=f"{share:.0%} {curves[0].name} + {1 - share:.0%} {curves[1].name}",
        radiation="neutrons and gamma rays",
        scorer=curves[0].scorer or curves[1].scorer,
        warnings=(*notes, f"{share:.0%} of the dose by neutrons, taken as known."),
    )


def criticality(cells_with, neutron_curve, gamma_curve, neutron_share, **options):
    """Doses by neutrons and by gamma rays, given the share of neutrons.

    Parameters
    ----------
    cells_with, neutron_curve, gamma_curve, neutron_share
        As for :func:`dicentlib.dose.estimate_dose` and :func:`mixed_field_curve`.
    **options
        Of :func:`dicentlib.dose.estimate_dose`: ``method``, ``n_cells``, ``n_dicentrics`` ...

    Returns
    -------
    MixedFieldDose

    Examples
    --------
    >>> from dicentlib.calibration import published_curve
    >>> curves = [published_curve(f"iaea-2011-{name}") for name in ("eq22-neutrons", "eq23-co60")]
    >>> found = criticality(None, *curves, 2 / 3, n_cells=100, n_dicentrics=120)
    >>> round(found.neutron_gy[0], 2), round(found.gamma_gy[0], 2)
    (1.4, 0.7)
    """
    share = number("neutron_share", neutron_share, least=0, most=1)
    curve = mixed_field_curve(neutron_curve, gamma_curve, share)
    total = estimate_dose(cells_with, curve, **options)
    ends = (total.dose_gy, total.lower_gy, total.upper_gy)
    parts = [tuple(part * end if part else 0.0 for end in ends) for part in (share, 1 - share)]
    return MixedFieldDose(total, share, *parts)
