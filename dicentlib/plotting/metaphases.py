"""Figures of metaphases: images with their truth, counts and yields."""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from dicentlib.conventions import CLASSES
from dicentlib.counts.cells import with_yields
from dicentlib.plotting.dose import plot_yields
from dicentlib.plotting.style import CLASS_COLOURS

SIMULATED_COLOUR = "#0072B2"


def plot_marked_metaphase(image, marks, *, ax=None, radius_px=26.0, title=""):
    """An image with a circle in the class colour around every mark.

    Parameters
    ----------
    image : ndarray, shape (H, W), values in [0, 1]
    marks : pandas.DataFrame
        Columns ``class, row, col``.
    radius_px : float
    """
    ax = ax or plt.gca()
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    for mark in marks.to_dict("records"):
        colour = CLASS_COLOURS[mark["class"]]
        circle = plt.Circle((mark["col"], mark["row"]), radius_px, fill=False, color=colour, lw=1.4)
        ax.add_patch(circle)
    ax.set(title=title)
    ax.axis("off")
    return ax


def class_handles():
    """Legend entries of the circles drawn by :func:`plot_marked_metaphase`."""
    return [
        plt.Line2D([], [], marker="o", mfc="none", color=CLASS_COLOURS[name], ls="", label=name)
        for name in CLASSES
    ]


def plot_count_distribution(counts, mean, *, ax=None):
    """Cells with 0, 1, 2... dicentrics, and the Poisson distribution of the stated mean."""
    ax = ax or plt.gca()
    counts = np.asarray(counts, dtype=int)
    k = np.arange(max(counts.max(), 3) + 1)
    seen = np.bincount(counts, minlength=len(k))
    expected = len(counts) * stats.poisson.pmf(k, mean)
    ax.bar(k, seen, width=0.6, color=SIMULATED_COLOUR, alpha=0.7, label="simulated cells")
    ax.errorbar(k, expected, yerr=[np.minimum(expected, np.sqrt(expected)), np.sqrt(expected)],
                fmt="o", color="k", capsize=3,
                label=f"Poisson, mean {mean:.2f}")  # fmt: skip
    ax.set(xlabel="Dicentrics per cell", ylabel="Cells", xticks=k)
    ax.legend()
    return ax


def plot_yield_by_dose(table, curve, *, ax=None):
    """Dicentrics per cell at each dose with 95 % Poisson limits, and the stated curve.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``dose_gy, n_cells, n_dicentrics``.
    curve : callable
        Dicentrics per cell at doses in Gy.
    """
    ax = ax or plt.gca()
    doses = np.linspace(0, table["dose_gy"].max() * 1.02, 100)
    ax.plot(doses, curve(doses), color="0.4", label="stated yield")
    label = "annotated, 95 % limits"
    plot_yields(with_yields(table), ax=ax, label=label, colour=SIMULATED_COLOUR)
    ax.set_ylabel("Dicentrics per cell (simulated)")
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax
