"""Dose and exposed fraction together, as the counts leave them."""

import numpy as np

from dicentlib.plotting.dose import CURVE_COLOUR, SAMPLE_COLOUR

SHARES = (0.95, 0.5)  # of the probability, within the contours


def plot_joint_density(posterior, *, ax, estimate=None):
    """Density of dose and exposed fraction, with the contours that hold 95 % and 50 % of it.

    The bar at a fraction of 1 is the interval of the whole-body equivalent dose.

    Parameters
    ----------
    posterior : ExposurePosterior
    ax : Axes
    estimate : PartialBodyEstimate, optional
        The classical dose and fraction, with their limits.
    """
    dose, fraction, density = posterior.joint_dose_gy, posterior.joint_fraction, posterior.joint
    mass = density * np.gradient(dose)[:, None] * np.gradient(fraction)
    order = np.sort(mass.ravel())[::-1]
    held = np.cumsum(order) / order.sum()
    levels = [order[np.searchsorted(held, share)] for share in SHARES]
    ax.set_facecolor("#f7fbff")  # of the colour map at 0
    ax.pcolormesh(dose, fraction, mass.T, cmap="Blues", shading="gouraud", rasterized=True)
    if levels[0] < levels[1]:
        ax.contour(dose, fraction, mass.T, levels=levels, colors=SAMPLE_COLOUR, linewidths=1)
    same = posterior.equivalent_gy
    look = {"color": SAMPLE_COLOUR, "linewidth": 4, "label": "whole-body equivalent"}
    ax.plot([same.lower, same.upper], [1, 1], clip_on=False, **look)
    if estimate is not None and estimate.estimable:
        at, upper = (estimate.dose_gy, estimate.fraction), min(estimate.upper_gy, dose[-1])
        below = at[0] - max(estimate.lower_gy, 0.0), at[1] - estimate.fraction_lower
        above = upper - at[0], estimate.fraction_upper - at[1]
        dose_bars, part_bars = np.maximum([below, above], 0.0).T[..., None]
        look = {"fmt": "o", "color": CURVE_COLOUR, "markersize": 5, "capsize": 2}
        ax.errorbar(*at, part_bars, dose_bars, label="classical (dolphin)", **look)
    shown = dose[mass.sum(axis=1) > 1e-3 * mass.sum(axis=1).max()]
    ax.set_xlim(min(shown[0], same.lower), max(shown[-1], same.upper))
    ax.legend(loc="best", fontsize=8)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="Dose to the exposed part (Gy)", ylabel="Exposed fraction of the body")
    ax.set_title(f"P(only a part was exposed): {posterior.p_in_words}")
    return ax
