"""Figures of the image filter: what it sees, how sure it is, what it keeps."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from dicentlib.plotting.style import epoch_axis
from dicentlib.plotting.thresholds import draw_observed
from dicentlib.plotting.tiles import plot_tiles

KEPT_COLOUR = "#009E73"
REJECTED_COLOUR = "#D55E00"
# The simulator's reasons in the words of the filter's own.
REASON_NAMES = {
    "several_cells": "two cells",
    "covered": "particles",
    "few_chromosomes": "few chromosomes",
    "out_of_focus": "out of focus",
}


def reason_labels(reasons):
    """The filter's own words for the simulator's reasons; "available" where there is none."""
    return reasons.replace({"": "available"} | REASON_NAMES)


def plot_measures(table, rules, *, axs):
    """What plain image analysis measures on each image, by its true reason.

    Parameters
    ----------
    table : DataFrame
        ``n_objects, overlap, particles, edge_width, true_reason``, as of ``FilterSet.table``.
    rules : FilterRules
        Their limits are dashed lines.
    axs : sequence of 4 Axes
    """
    columns = {
        "n_objects": ("Chromosome-like objects", (rules.min_chromosomes, rules.max_chromosomes)),
        "overlap": ("Unresolved share of area", (rules.max_overlap,)),
        "particles": ("Share of spread covered", (rules.max_particles,)),
        "edge_width": ("Edge width (chromosome widths)", (rules.max_edge_width,)),
    }
    labels = reason_labels(table["true_reason"])
    for ax, (column, (label, limits)) in zip(axs, columns.items(), strict=True):
        sns.stripplot(x=table[column], y=labels, ax=ax, size=3, alpha=0.6, color="k", jitter=0.25)
        ax.set(xlabel=label, ylabel="")
        for limit in limits:
            ax.axvline(limit, linestyle="--", color=REJECTED_COLOUR)
    return axs


def plot_gallery(images, titles, available, *, axs):
    """Images in a grid, framed green where kept and orange where rejected.

    Parameters
    ----------
    images : sequence of ndarray (H, W), values in [0, 1]
    titles : sequence of str
    available : sequence of bool
    axs : array of Axes
        Axes beyond the images are left empty.
    """
    colours = [KEPT_COLOUR if kept else REJECTED_COLOUR for kept in available]
    return plot_tiles(images, titles, colours, axs=axs)


def plot_history(history, *, axs):
    """Loss and accuracy by epoch, training and validation, on two axes."""
    for ax, what in zip(axs, ("loss", "accuracy"), strict=True):
        for part, style in (("training", "--"), ("validation", "-")):
            ax.plot(history["epoch"], history[f"{part}_{what}"], style, marker="o", label=part)
        epoch_axis(ax, history["epoch"])
    axs[0].set_ylabel("Cross-entropy (nats)")
    axs[1].set_ylabel("Accuracy of the network alone")
    axs[0].legend()
    return axs


def plot_confusion(confusion, *, ax=None):
    """Images by true reason (rows) and first reason given (columns), as numbers.

    The simulator's names of reasons are shown as the filter's.
    """
    ax = plt.gca() if ax is None else ax
    named = confusion.rename(index=REASON_NAMES, columns=REASON_NAMES)
    sns.heatmap(named, annot=True, fmt="d", cmap="Blues", cbar=False, ax=ax, square=False)
    ax.grid(False)
    ax.set_xlabel("Verdict: first reason")
    ax.set_ylabel("Truth (simulated)")
    ax.tick_params(axis="x", rotation=30)
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_filter_reliability(table, *, ax=None):
    """Share of truly available images against the network's probability, with intervals.

    `table` is that of ``assessment.reliability_by_probability``.
    """
    ax = plt.gca() if ax is None else ax
    ax.plot([0, 1], [0, 1], color="0.6", lw=1, label="perfect")
    draw_observed(table["predicted"], table["observed"], table, ax=ax, color="#0072B2")
    ax.set(xlabel="Probability of the network", ylabel="Share truly available")
    ax.legend(loc="upper left")
    return ax


def plot_saliency(image, heat, *, ax=None):
    """An image and, over it, where covering it changes the probability.

    `heat` is that of ``saliency.occlusion_map``: green is evidence for "available", pink against.
    """
    ax = plt.gca() if ax is None else ax
    limit = max(float(np.abs(heat).max()), 1e-3)
    extent = ax.imshow(image, cmap="gray", vmin=0, vmax=1).get_extent()
    look = {"cmap": "PiYG", "vmin": -limit, "vmax": limit, "alpha": 0.45}
    drawn = ax.imshow(heat, interpolation="bilinear", extent=extent, **look)
    ax.set_axis_off()
    ax.figure.colorbar(drawn, ax=ax, shrink=0.7, label="Change of probability")
    return ax


def plot_filter_effect(effect, *, axs):
    """Dicentric yield and dispersion of all, kept and rejected cells, with intervals.

    `effect` is that of ``assessment.filter_effect``.
    """
    position = np.arange(len(effect))
    yield_ax, dispersion_ax = axs
    below, above = effect["yield"] - effect["lower"], effect["upper"] - effect["yield"]
    yield_ax.errorbar(position, effect["yield"], [below, above], fmt="o", color="k", capsize=4)
    yield_ax.set_ylabel("True dicentrics per cell (simulated)")
    dispersion_ax.axhline(1, color="0.6", lw=1)
    dispersion_ax.plot(position, effect["dispersion_index"], "o", color="k")
    dispersion_ax.set_ylabel("Dispersion index, variance / mean")
    labels = [f"{name}\n({n} cells)" for name, n in effect["n_cells"].items()]
    for ax in axs:
        ax.set_xticks(position, labels)
        ax.set_xlim(-0.5, len(effect) - 0.5)
    return axs
