"""Figures of metaphases: images with their truth, crops, counts, appearance."""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from dicentlib.plotting.style import CLASS_COLOURS

SIMULATED_COLOUR, REAL_COLOUR = "#0072B2", "#E69F00"


def plot_marked_metaphase(image, marks, *, ax=None, radius_px=26.0, title=""):
    """An image with a circle in the class colour round every mark.

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


def class_handles(classes=("dicentric", "fragment")):
    """Legend entries of the circles drawn by :func:`plot_marked_metaphase`."""
    return [
        plt.Line2D([], [], marker="o", mfc="none", color=CLASS_COLOURS[name], ls="", label=name)
        for name in classes
    ]


def plot_crop_rows(rows, *, axs):
    """Rows of crops, one row of axes per named stack of crops.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (n, h, w)
    axs : ndarray of Axes, shape (len(rows), n)
    """
    for (name, crops), line in zip(rows.items(), np.atleast_2d(axs), strict=True):
        for ax in line:
            ax.axis("off")
        for ax, crop in zip(line, crops, strict=False):
            ax.imshow(crop, cmap="gray", vmin=0, vmax=1)
        line[0].set_title(name, loc="left", fontsize=10)
    return axs


def plot_appearance(table, *, ax=None, labels=None):
    """Each quantity as a multiple of the real median: real range and simulated 5-95 %.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`dicentlib.data.appearance.compare_appearance`.
    labels : dict, optional
        Quantity to the text on the axis.
    """
    ax = ax or plt.gca()
    y = np.arange(len(table))[::-1]
    scale = table["real_median"]
    ax.axvspan(0.85, 1.15, color="0.9", lw=0, label="real median ± 15 %")
    ax.hlines(y + 0.16, table["real_low"] / scale, table["real_high"] / scale,
              color=REAL_COLOUR, lw=5, alpha=0.8, label="real, lowest to highest")  # fmt: skip
    ax.hlines(y - 0.16, table["simulated_p5"] / scale, table["simulated_p95"] / scale,
              color=SIMULATED_COLOUR, lw=5, alpha=0.8, label="simulated, 5 to 95 %")  # fmt: skip
    ax.plot(table["simulated_median"] / scale, y - 0.16, "o", color="white",
            mec=SIMULATED_COLOUR, mew=1.5, ms=6, label="simulated median")  # fmt: skip
    ax.axvline(1, color="0.3", lw=1)
    names = [(labels or {}).get(name, name) for name in table.index]
    ax.set(yticks=y, yticklabels=names, xlabel="Multiple of the real median",
           xlim=(0, 4), ylim=(-0.7, len(table) - 0.3))  # fmt: skip
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=2, fontsize=9)
    return ax


def plot_count_distribution(counts, mean, *, ax=None, label="simulated cells"):
    """Cells with 0, 1, 2... dicentrics beside the Poisson distribution of the stated mean."""
    ax = ax or plt.gca()
    counts = np.asarray(counts, dtype=int)
    k = np.arange(max(counts.max(), 3) + 1)
    seen = np.bincount(counts, minlength=len(k))
    expected = len(counts) * stats.poisson.pmf(k, mean)
    ax.bar(k, seen, width=0.6, color=SIMULATED_COLOUR, alpha=0.7, label=label)
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
    cells, counts = table["n_cells"], table["n_dicentrics"]
    # Exact 95 % Poisson limits (Garwood 1936); the lower one of a count of 0 is 0.
    low = np.where(counts > 0, stats.gamma.ppf(0.025, np.maximum(counts, 1)), 0.0)
    high = stats.gamma.ppf(0.975, counts + 1)
    errors = [(counts - low) / cells, (high - counts) / cells]
    ax.errorbar(
        table["dose_gy"],
        counts / cells,
        yerr=errors,
        fmt="o",
        color=SIMULATED_COLOUR,
        capsize=3,
        label="annotated, 95 % limits",
    )
    ax.set(xlabel="Dose (Gy)", ylabel="Dicentrics per cell (simulated)")
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def plot_score_histogram(scores, *, ax=None, auc=None):
    """Scores of the real-or-simulated classifier for both kinds of crops.

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns ``real`` (bool) and ``score``.
    """
    ax = ax or plt.gca()
    bins = np.linspace(0, 1, 26)
    for kind, colour, name in ((True, REAL_COLOUR, "real"), (False, SIMULATED_COLOUR, "simulated")):
        values = scores.loc[scores["real"] == kind, "score"]
        ax.hist(values, bins=bins, density=True, color=colour, alpha=0.6,
                label=f"{name} (n = {len(values)})")  # fmt: skip
    ax.set(xlabel="Classifier's probability of being real", ylabel="Density",
           title="" if auc is None else f"AUC {auc:.2f} (0.5: cannot be told apart)")  # fmt: skip
    ax.legend()
    return ax
