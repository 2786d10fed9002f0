"""Small images in a grid: crops, galleries, contact sheets."""

import matplotlib.pyplot as plt
import numpy as np


def tile_grid(n_tiles, *, n_columns, tile_size, extra_height=0.0):
    """A figure with at least `n_tiles` axes in rows of `n_columns`.

    Parameters
    ----------
    n_tiles, n_columns : int
    tile_size : (width, height)
        Of one tile in inches.
    extra_height : float
        For a legend, in inches.

    Returns
    -------
    fig : Figure
    axs : ndarray of Axes, two-dimensional
    """
    n_rows = max(1, -(-n_tiles // n_columns))
    size = (tile_size[0] * n_columns, tile_size[1] * n_rows + extra_height)
    return plt.subplots(n_rows, n_columns, figsize=size, squeeze=False)


def plot_tiles(images, titles, colours, *, axs):
    """Images with a frame each, as many as there are axes; the rest stay empty.

    Parameters
    ----------
    images : iterable of ndarray, shape (H, W), values in [0, 1]
    titles : iterable of str
    colours : iterable of str
        Of the frames.
    axs : array of Axes

    Returns
    -------
    array of Axes
    """
    for ax in np.ravel(axs):
        ax.set_axis_off()
    for ax, image, title, colour in zip(np.ravel(axs), images, titles, colours, strict=False):
        ax.set_axis_on()
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=8)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        for spine in ax.spines.values():
            spine.set(visible=True, color=colour, linewidth=2)
    return axs
