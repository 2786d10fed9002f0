"""Figures of a training: samples with their targets, curves by epoch, heatmaps over time."""

import numpy as np

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.plotting.style import CLASS_COLOURS, HEATMAP_LOOK, MARKERS, epoch_axis
from dicentlib.plotting.thresholds import heatmap_extent


def plot_sample(sample, *, ax):
    """A training sample: the image, half-height contours of its targets, its points.

    Parameters
    ----------
    sample : dict
        Of ``MetaphaseDataset``.
    ax : Axes

    Returns
    -------
    Axes
    """
    image, target = sample["image"][0], sample["target"]
    height, width = image.shape
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    rows, cols = (STRIDE * np.arange(side) + (STRIDE - 1) / 2 for side in target.shape[1:])
    for name, heatmap in zip(CLASSES, target, strict=True):
        colour, points = CLASS_COLOURS[name], sample["points"][name]
        if heatmap.max() > 0.5:
            ax.contour(cols, rows, heatmap, levels=[0.5], colors=colour, linewidths=1.5)
        ax.plot(points[:, 1], points[:, 0], "+", color=colour, markersize=7)
    _frame(ax, width, height)
    return ax


def _frame(ax, width, height):
    """The image's own frame: no padding, ticks, grid or spines."""
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def plot_losses(metrics, *, ax):
    """Training and, where measured, validation loss by epoch, each on its own axis.

    A training sample and a whole validation image differ in size, hence in loss.
    """
    epochs = metrics["epoch"]
    lines = ax.plot(epochs, metrics["train_loss"], "o-", ms=3, color="#0072B2")
    ax.set_ylabel("Training loss per sample", color="#0072B2")
    epoch_axis(ax, epochs)
    if "validation_loss" in metrics:
        other = ax.twinx()
        lines += other.plot(epochs, metrics["validation_loss"], "s-", ms=3, color="#D55E00")
        other.set_ylabel("Validation loss per image", color="#D55E00")
        other.grid(False)
        other.spines["right"].set_visible(True)
        ax.legend(lines, ["training", "validation"], loc="upper right")
    return ax


def plot_rate_by_epoch(rates, quantity, *, ax):
    """Precision or recall of both classes by epoch; undefined values are gaps.

    Parameters
    ----------
    rates : DataFrame
        Of ``training.epoch_rates``.
    quantity : {"precision", "recall"}
    ax : Axes
    """
    for name in CLASSES:
        look = {"marker": MARKERS["annotation"], "ms": 3, "color": CLASS_COLOURS[name]}
        ax.plot(rates["epoch"], rates[f"{name}_{quantity}"], label=name, **look)
    ax.set(ylabel=quantity.capitalize(), ylim=(-0.03, 1.03))
    epoch_axis(ax, rates["epoch"])
    ax.legend(loc="lower right")
    return ax


def plot_false_by_epoch(rates, *, ax):
    """False dicentrics per 1000 unexposed cells by epoch."""
    values = rates["false_dicentrics_per_1000"]
    if values.notna().any():
        ax.plot(rates["epoch"], values, "x-", ms=4, color=CLASS_COLOURS["dicentric"])
        ax.set_ylim(bottom=0)
    else:
        ax.text(0.5, 0.5, "no unexposed cells\nin the set", ha="center", transform=ax.transAxes)
    ax.set_ylabel("False dicentrics\nper 1000 unexposed cells")
    epoch_axis(ax, rates["epoch"])
    return ax


def plot_heatmaps_over_epochs(image, points, heatmaps, epochs, *, axs):
    """One cell and its heatmaps by members of several epochs.

    Parameters
    ----------
    image : ndarray, shape (H, W)
    points : dict of class to array (n, 2)
    heatmaps : ndarray, shape (M, 2, h, w)
    epochs : sequence of int, length M
    axs : ndarray of Axes, shape (2, M + 1)
        Rows are classes; the image comes first.
    """
    height, width = image.shape
    for ax, epoch in zip(axs[0, 1:], epochs, strict=True):
        ax.set_title(f"epoch {epoch}")
    for row, name in zip(axs, CLASSES, strict=True):
        row[0].imshow(image, cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(name, color=CLASS_COLOURS[name])
        for ax, heatmap in zip(row[1:], heatmaps[:, CLASSES.index(name)], strict=True):
            picture = ax.imshow(heatmap, extent=heatmap_extent(heatmap.shape), **HEATMAP_LOOK)
        rows, cols = points[name].T
        for ax in row:
            ax.plot(cols, rows, "o", ms=9, mfc="none", mec=CLASS_COLOURS[name])
            _frame(ax, width, height)
    axs[0, 0].set_title("image")
    axs[0, 0].figure.colorbar(picture, ax=axs, label="Heatmap", shrink=0.7)
    return axs
