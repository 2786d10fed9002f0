"""The one look of all figures: colours, markers, a style context."""

import matplotlib as mpl

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
HEATMAP_COLOURMAP = "viridis"

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
