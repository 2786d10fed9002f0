"""Doses and parts of the body: what a partial exposure could hide."""

import matplotlib.pyplot as plt
import numpy as np

from dicentlib.plotting.dose import CUT_COLOUR, SAMPLE_COLOUR


def plot_hidden_part(hidden, *, ax=None, cuts=(1, 2)):
    """Region of dose and exposed part of the body that agrees with the counts.

    Parameters
    ----------
    hidden : HiddenPart
    cuts : sequence of float
        Limits of the triage categories (Gy), as vertical lines.
    """
    ax = ax or plt.gca()
    shown, ends = np.isfinite(hidden.largest), (hidden.smallest, hidden.largest)
    label = f"agrees with the counts ({hidden.level:.0%})"
    shade = {"color": SAMPLE_COLOUR, "alpha": 0.25, "linewidth": 0, "label": label}
    ax.fill_between(hidden.doses_gy, *ends, where=shown, **shade)
    for end in ends:
        ax.plot(hidden.doses_gy, end, color=SAMPLE_COLOUR, linewidth=1)
    if np.isfinite(hidden.dose_gy) and np.isfinite(hidden.fraction):
        label = f"highest dose: {hidden.dose_gy:.1f} Gy to {hidden.fraction:.0%}"
        ax.plot(hidden.dose_gy, hidden.fraction, "D", color="black", markersize=5, label=label)
    for cut in cuts:
        ax.axvline(cut, color=CUT_COLOUR, linewidth=0.8, linestyle=":")
    highest = hidden.doses_gy[shown].max() if shown.any() else hidden.doses_gy.max()
    ax.set(xlim=(0, 1.05 * highest), ylim=(0, 1.02))
    ax.set(xlabel="Dose to the exposed part (Gy)", ylabel="Exposed part of the body")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(loc="best", fontsize=9)
    return ax
