"""The one look of all figures: colours, markers, a style context."""

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator

# Okabe-Ito colours: distinguishable with any common colour vision.
CLASS_COLOURS = {"dicentric": "#D55E00", "fragment": "#009E73", "background": "#7F7F7F"}
SYSTEM_COLOURS = {
    "model A": "#56B4E9",
    "model B": "#0072B2",
    "ensemble": "#D55E00",
    "baseline": "#CC79A7",
    "truth": "#000000",
}
MARKERS = {"annotation": "o", "detection": "s", "missed": "^", "false": "x"}
HEATMAP_LOOK = {"cmap": "viridis", "vmin": 0, "vmax": 1}

STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "image.cmap": "gray",
}


def style():
    """Context manager with the project's figure style: ``with style(): ...``."""
    return mpl.rc_context(STYLE)


def use_style():
    """Set the project's figure style for the whole notebook."""
    mpl.rcParams.update(STYLE)


def epoch_axis(ax, epochs):
    """Label the x axis with whole epochs, all of them, even where every value is a gap."""
    ax.set(xlabel="Epoch", xlim=(min(epochs) - 0.5, max(epochs) + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def distinct_labels(values):
    """Labels of shares with as many decimals as tell neighbours apart, at least two.

    0 and 1 count as neighbours, so that 0.999 does not read 1.00.

    Parameters
    ----------
    values : sequence of float, from 0 to 1

    Returns
    -------
    list of str
        In the order of `values`, all with the same number of decimals.

    Examples
    --------
    >>> distinct_labels([0.985, 0.99]), distinct_labels([0.5, 1 / 3])
    (['0.985', '0.990'], ['0.50', '0.33'])
    """
    values = np.asarray(values, dtype=float)
    gap = np.diff(np.unique([0.0, 1.0, *values])).min()
    decimals = 2
    while decimals < 15 and np.abs(values.round(decimals) - values).max(initial=0) > gap / 10:
        decimals += 1
    return [f"{value:.{decimals}f}" for value in values]
