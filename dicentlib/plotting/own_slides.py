"""Figures about a laboratory's own slides: fields, scale, looks, blind read, learning curve."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from dicentlib.own_slides.appearance import QUANTITIES
from dicentlib.plotting.style import CLASS_COLOURS
from dicentlib.plotting.tiles import plot_tiles, tile_grid

LIGHTS = {"green": "#009E73", "amber": "#E69F00", "red": "#D55E00"}
MARKERS = "os^vDPX<>p*h"  # a slide with a marker of its own is named
MOST_FIELDS = 12
MOST_OBJECTS = 80  # of a blind read: a sheet of ten rows fits on a printed page
LONGEST_NAME = 26  # characters of a slide or an image in a figure


def plot_fields(images, titles, *, n_columns=4, most=MOST_FIELDS):
    """A contact sheet of whole fields, all with pixels of one size.

    Parameters
    ----------
    images : sequence of ndarray, shape (H, W), values in [0, 1]
    titles : sequence of str
    n_columns, most : int
        The first `most` are drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = list(zip(images, titles, strict=True))[:most]
    n_columns = min(n_columns, max(len(shown), 1))
    fig, axs = tile_grid(len(shown), n_columns=n_columns, tile_size=(2.6, 2.5))
    names = [_shortened(title) for _, title in shown]
    plot_tiles([image for image, _ in shown], names, ["0.6"] * len(shown), axs=axs)
    height, width = np.max([image.shape for image, _ in shown], axis=0, initial=1)
    for ax in axs.flat:
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return fig


def _shortened(name):
    """The end of a long name, where images and slides of one folder differ."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def plot_scale(estimate, *, used_um, used_is):
    """Estimated pixel sizes of single fields, their interval, and the pixel size that is used.

    Parameters
    ----------
    estimate : ScaleEstimate
    used_um : float or sequence of float
        Several where images state different ones.
    used_is : str
        Where it comes from: "stated", "assumed" or "estimated".

    Returns
    -------
    matplotlib.axes.Axes
    """
    _, ax = plt.subplots(figsize=(6, 2.2))
    values = estimate.fields.dropna().to_numpy()
    heights = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else np.zeros(len(values))
    ax.plot(values, heights, "o", color="#0072B2", alpha=0.6, label="field")
    if estimate.n_fields:
        ax.axvspan(
            estimate.lower_um, estimate.upper_um, color="#56B4E9", alpha=0.3, lw=0,
            label="95 % interval of the estimate",
        )  # fmt: skip
        ax.axvline(estimate.pixel_size_um, color="#0072B2", label="estimate")
    for number, used in enumerate(np.atleast_1d(used_um)):
        label = None if number else f"used ({used_is})"
        ax.axvline(used, color="black", linestyle="--", label=label)
    ax.set(xlabel="Pixel size (um)", yticks=[], ylim=(-0.6, 0.6))
    _small_labels(ax)
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


def _small_labels(ax):
    """Numbers and label of the horizontal axis in the size of the page's text."""
    ax.tick_params(axis="x", labelsize=8)
    ax.xaxis.label.set_size(9)


def plot_looks(measures, reference, looks):
    """Each slide's appearance as its rank among simulated slides, quantity by quantity.

    Parameters
    ----------
    measures : DataFrame
        Index slide, columns ``QUANTITIES``.
    reference : DataFrame
        Of the simulated slides.
    looks : dict of slide to Look

    Returns
    -------
    matplotlib.axes.Axes
        The legend names up to 12 slides, each with a marker of its own, red and amber lights
        first; further slides are counted by light.
    """
    names = list(QUANTITIES)
    _, ax = plt.subplots(figsize=(7, 0.27 * len(names) + 1.2))
    ax.axvspan(0.025, 0.975, color="#dddddd", lw=0, label="middle 95 % of simulated slides")
    rows = np.arange(len(names))[::-1]
    known = [reference[name].dropna().to_numpy() for name in names]
    order = sorted(measures.index, key=lambda slide: -list(LIGHTS).index(looks[slide].light))
    lights = pd.Series([looks[slide].light for slide in order])
    others = lights[len(MARKERS) :].value_counts()
    shifts = np.linspace(0.25, -0.25, len(order)) if len(order) > 1 else [0.0]
    for number, slide in enumerate(order):
        values, light = measures.loc[slide], looks[slide].light
        ranks = [
            np.nan if np.isnan(value) else (sample < value).mean() + 0.5 * (sample == value).mean()
            for sample, value in zip(known, values[names], strict=True)
        ]
        marker, label = ".", None
        if number < len(MARKERS):
            marker, label = MARKERS[number], f"{_shortened(str(slide))}: {light}"
        elif light in others:
            label = f"{others.pop(light)} more: {light}"
        ax.plot(ranks, rows + shifts[number], marker, color=LIGHTS[light], alpha=0.7, ms=5,
                label=label)  # fmt: skip
    ax.set(
        yticks=rows, xlim=(-0.04, 1.04), xlabel="Rank among simulated slides (0 lowest, 1 highest)"
    )
    ax.set_yticklabels([QUANTITIES[name] for name in names], fontsize=8)
    _small_labels(ax)
    ax.legend(
        fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="Slide: light",
        title_fontsize=7, alignment="left",
    )  # fmt: skip
    return ax


def plot_blind_read(estimates):
    """Precision, recall and false detections per 1000 cells with their intervals.

    Parameters
    ----------
    estimates : dict of str to BlindEstimate
        By slide, and "all slides". Those of which nothing was read are left out.

    Returns
    -------
    matplotlib.figure.Figure
    """
    estimates = {name: found for name, found in estimates.items() if found.n_read}
    fig, axs = plt.subplots(1, 2, figsize=(9, 0.45 * len(estimates) + 1.5), sharey=True)
    rows = np.arange(len(estimates))[::-1]
    series = (("precision", -0.12, "#0072B2"), ("recall", 0.12, "#D55E00"))
    for name, shift, colour in series:
        _intervals(axs[0], rows + shift, [getattr(e, name) for e in estimates.values()],
                   colour, name)  # fmt: skip
    _intervals(axs[1], rows, [e.false_per_thousand for e in estimates.values()], "#333333", None)
    names = [_shortened(name) for name in estimates]
    axs[0].set(yticks=rows, yticklabels=names, xlim=(-0.02, 1.02), xlabel="Share",
               ylim=(-0.6, len(estimates) - 0.4))  # fmt: skip
    axs[1].set(xlabel="False detections per 1000 cells", xlim=(0, None))
    axs[0].legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return fig


def _intervals(ax, rows, triples, colour, label):
    middle, lower, upper = np.reshape(np.array(triples, dtype=float), (-1, 3)).T
    ax.hlines(rows, lower, upper, color=colour, lw=2)
    ax.plot(middle, rows, "o", color=colour, label=label)


def plot_learning_curve(curve, *, ax=None):
    """Average precision on cells that were not trained on, by the number of annotated cells.

    Parameters
    ----------
    curve : DataFrame
        Of :func:`dicentlib.own_slides.learning.learning_curve`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A line through the means and a point per fold, by class.
    """
    ax = ax or plt.subplots(figsize=(5.5, 3.4))[1]
    for name, part in curve.groupby("class"):
        colour = CLASS_COLOURS[name]
        mean = part.groupby("n_cells")["average_precision"].mean()
        ax.plot(mean.index, mean.to_numpy(), "-", color=colour, label=name)
        ax.plot(part["n_cells"], part["average_precision"], "o", color=colour, alpha=0.5, ms=4)
    ax.set(xlabel="Annotated cells used for fine-tuning", ylim=(0, 1.02),
           ylabel="Average precision, cells not trained on")  # fmt: skip
    ax.set_xscale("symlog", linthresh=10)
    sizes = sorted(curve["n_cells"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.legend(frameon=False)
    return ax
