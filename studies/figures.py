"""Figures of simulated images compared with real ones."""

import matplotlib.pyplot as plt
import numpy as np

from dicentlib.plotting.metaphases import SIMULATED_COLOUR

REAL_COLOUR = "#E69F00"


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
        From :func:`studies.against_real.compare_appearance`.
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
