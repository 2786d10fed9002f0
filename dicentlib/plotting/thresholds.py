"""Figures of votes, threshold curves, intervals and galleries, and what surfaces are made of."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.data.crops import crop
from dicentlib.evaluation.counts import MEASURES
from dicentlib.plotting.style import CLASS_COLOURS, HEATMAP_LOOK, MARKERS, SYSTEM_COLOURS

CROP_PX = 96  # side of an image of a gallery
OUTLINE = [withStroke(linewidth=2.5, foreground="white")]
MARKS = {
    "found": ("annotation, found", MARKERS["annotation"], "#0072B2", 15),
    "missed": ("annotation, missed", MARKERS["missed"], "#0072B2", 15),
    "true": ("detection, true", MARKERS["detection"], "#000000", 10),
    "false": ("detection, false", MARKERS["false"], "#000000", 10),
}
"""Label, marker, colour and size of annotated and detected objects, everywhere the same."""


def plot_metaphase(image, *, ax=None, corner=(0, 0)):
    """A metaphase in grey; `corner` is the (row, col) of its first pixel in the whole image."""
    ax = ax or plt.gca()
    top, left = corner
    height, width = image.shape
    extent = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    ax.imshow(image, cmap="gray", vmin=0, vmax=1, extent=extent)
    ax.set_axis_off()
    return ax


def zoom(axs, row, col, *, side_px=120):
    """Show only a square of the images round a position."""
    for ax in axs:
        ax.set(xlim=(col - side_px / 2, col + side_px / 2))
        ax.set(ylim=(row + side_px / 2, row - side_px / 2))


def vote_overlay(votes, n_members, class_name):
    """Votes as RGBA, shape (h, w, 4): clear without votes, darker with more.

    The colour runs from the class colour to a third of its brightness, the opacity from 0.35
    to 0.9.
    """
    share = np.arange(n_members + 1) / n_members
    table = np.empty((n_members + 1, 4), dtype=np.float32)
    table[:, :3] = np.array(to_rgb(CLASS_COLOURS[class_name])) * (1 - 0.66 * share[:, None])
    table[:, 3] = 0.35 + 0.55 * share
    table[0, 3] = 0
    return table[votes]


def heatmap_extent(shape):
    """Place of a heatmap (h, w) on its image: one of its pixels is four of the image's."""
    return (-0.5, STRIDE * shape[1] - 0.5, STRIDE * shape[0] - 0.5, -0.5)


def plot_votes(votes, n_members, class_name, *, ax=None):
    """Votes over an image: the class colour, darker with more votes."""
    ax = ax or plt.gca()
    limits = ax.axis()
    overlay = vote_overlay(votes, n_members, class_name)
    ax.imshow(overlay, interpolation="nearest", extent=heatmap_extent(votes.shape))
    ax.axis(limits)
    return ax


def plot_points(points, mark, *, ax=None, **kwargs):
    """Annotated or detected objects, (n, 2) of (row, col), with the mark of their kind.

    ``mark`` is one of ``found, missed, true, false``.
    """
    ax = ax or plt.gca()
    label, marker, colour, size = MARKS[mark]
    rows, cols = np.asarray(points, dtype=float).reshape(-1, 2).T
    look = {"marker": marker, "color": colour, "markerfacecolor": "none", "linestyle": "none"}
    look |= {"markersize": size, "markeredgewidth": 1.8, "path_effects": OUTLINE}
    ax.plot(cols, rows, label=label, **look | kwargs)
    return ax


def plot_member_heatmaps(image, heatmaps, names, *, axs, points=()):
    """Heatmaps of one class by several members, side by side on the image (the paper's Fig. 7).

    Parameters
    ----------
    image : ndarray, shape (H, W)
    heatmaps : ndarray, shape (m, h, w), values in [0, 1]
    names : sequence of str
        Of the members.
    axs : sequence of m Axes
    points : ndarray, shape (n, 2)
        Annotated objects of the class, circled.
    """
    for ax, heatmap, name in zip(axs, heatmaps, names, strict=True):
        plot_metaphase(image, ax=ax)
        limits = ax.axis()
        alpha, extent = np.clip(3 * heatmap, 0, 0.85), heatmap_extent(heatmap.shape)
        shown = ax.imshow(heatmap, alpha=alpha, extent=extent, **HEATMAP_LOOK)
        ax.axis(limits)
        plot_points(points, "found", ax=ax, markersize=17)
        ax.set_title(name)
    solid = plt.cm.ScalarMappable(norm=shown.norm, cmap=shown.cmap)
    axs[0].figure.colorbar(solid, ax=list(axs), label="heatmap", fraction=0.02)
    return axs


def plot_vote_stack(image, fired, class_name, names, *, axs):
    """Votes of several members one by one, and their sum (the paper's Fig. 8).

    Parameters
    ----------
    image : ndarray, shape (H, W)
    fired : ndarray of bool, shape (m, h, w)
        Heatmap above T_C.
    class_name : str
    names : sequence of m str
    axs : sequence of m + 1 Axes
        The last shows the sum, darker with more votes.
    """
    for ax, mask, name in zip(axs, fired, names, strict=False):
        plot_metaphase(image, ax=ax)
        plot_votes(mask.astype(int), 1, class_name, ax=ax)
        ax.set_title(name)
    plot_metaphase(image, ax=axs[len(fired)])
    plot_votes(fired.sum(axis=0), len(fired), class_name, ax=axs[len(fired)])
    axs[len(fired)].set_title("votes (darker: more)")
    return axs


def plot_threshold_curves(table, *, axs):
    """Precision and recall over T_C with their bands, one line per system (the paper's Fig. 3).

    Parameters
    ----------
    table : DataFrame
        Concatenated :func:`dicentlib.evaluation.curve_table`.
    axs : ndarray of Axes, shape (2, 2)
        Rows precision and recall, columns dicentric and fragment. Undefined values are gaps.
    """
    for (class_name, measure, system), part in table.groupby(
        ["class", "measure", "system"], sort=False
    ):
        ax = axs[MEASURES.index(measure), CLASSES.index(class_name)]
        colour = SYSTEM_COLOURS[system]
        threshold = part["confidence_threshold"]
        ax.plot(threshold, part["mean"], color=colour, label=system)
        band = {"color": colour, "alpha": 0.2, "linewidth": 0}
        ax.fill_between(threshold, part["lower"], part["upper"], **band)
    for ax in axs.flat:
        ax.set(ylim=(-0.02, 1.02), xlim=(0, 1))
    for (top, bottom), class_name in zip(axs.T, CLASSES, strict=True):
        top.set_title(class_name)
        bottom.set_xlabel("confidence threshold $T_C$")
    for ax, measure in zip(axs[:, 0], MEASURES, strict=True):
        ax.set_ylabel(measure)
    axs[0, 0].legend(loc="lower right")
    return axs


def confidence_edges(thresholds):
    """Lower edge of the first and upper edge of the last row of a surface."""
    half = np.diff(thresholds).mean() / 2 if thresholds.size > 1 else 0.05
    return thresholds[0] - half, thresholds[-1] + half


def draw_surface(values, extent, *, ax):
    """A measure as colours, NaN grey; returns the image, whose values can be changed."""
    place = {"aspect": "auto", "origin": "lower", "extent": extent, "interpolation": "nearest"}
    image = ax.imshow(values, **place, **HEATMAP_LOOK)
    ax.set_ylabel("confidence threshold $T_C$")
    ax.set_facecolor("#E8E8E8")
    ax.grid(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return image


def draw_ring(x, y, *, ax):
    """A ring that is seen on any colour; returns its two lines."""
    return [
        ax.plot(x, y, "o", ms=11, mfc="none", color=colour, markeredgewidth=width)[0]
        for colour, width in (("white", 4), ("black", 2))
    ]


def plot_intervals(table, *, ax=None):
    """Precision and recall with their intervals by source of variation.

    Parameters
    ----------
    table : DataFrame
        Output of :func:`dicentlib.evaluation.bootstrap.bootstrap_intervals`.
    """
    ax, colour = ax or plt.gca(), SYSTEM_COLOURS["ensemble"]
    labels = [f"{row.measure}, {row.source}" for row in table.itertuples()]
    positions = np.arange(len(table))[::-1]
    ax.hlines(positions, table["lower"], table["upper"], color=colour, linewidth=2)
    ax.plot(table["mean"], positions, "o", color=colour)
    ax.set(yticks=positions, yticklabels=labels, xlim=(-0.02, 1.02), xlabel="mean and [q05, q95]")
    return ax


def draw_observed(probability, observed, table, *, ax, **kwargs):
    """Observed shares with their intervals and, above these, how many cases they rest on.

    `table` has the columns ``lower``, ``upper`` and ``n``.
    """
    error = [observed - table["lower"], table["upper"] - observed]
    ax.errorbar(probability, observed, yerr=error, fmt="o", capsize=2, **kwargs)
    place = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    for n, x, top in zip(table["n"], probability, table["upper"], strict=True):
        ax.annotate(n, (x, top), (0, 3), **place)
    ax.set(xlim=(-0.03, 1.05), ylim=(-0.04, 1.12))


def plot_gallery(images, table, mark, *, axs):
    """Crops around the objects of a table, as many as there are axes; the rest stay empty.

    Parameters
    ----------
    images : EvaluationSet
        Offers ``names`` and ``image(i)``.
    table : DataFrame
        Columns ``image, class, row, col`` and, for detections, ``votes``; shown in its order.
    mark : str
        ``found, missed, true`` or ``false``.
    axs : sequence of Axes
    """
    for ax in axs:
        ax.set_axis_off()
    rows = table.head(len(axs)).to_dict("records")
    for ax, row in zip(axs, rows, strict=False):
        image = images.image(images.names.index(row["image"]))
        part = crop(image, row["row"], row["col"], side_px=CROP_PX)
        corner = [round(row[axis]) - CROP_PX // 2 for axis in ("row", "col")]
        plot_metaphase(part, ax=ax, corner=corner)
        plot_points([(row["row"], row["col"])], mark, ax=ax, markersize=22)
        votes = f", {row['votes']} votes" if "votes" in row else ""
        ax.set_title(f"{row['class']}{votes}", fontsize=9, color=CLASS_COLOURS[row["class"]])
    return axs
