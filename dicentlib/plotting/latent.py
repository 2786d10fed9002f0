"""Figures of the latent plane: points, regions, trajectories over entropy, rank correlation."""

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from dicentlib.latent.points import POINT_CLASSES
from dicentlib.plotting.style import CLASS_COLOURS, epoch_axis

ENTROPY_COLOURMAP = "Purples"  # none of the classes' colours
ENTROPY_LABEL = "Entropy of the averaged classifier (nat)"
AXIS_LABELS = ("First component (reference radii)", "Second component (reference radii)")
# Aberrations lie on top of the many background places.
DRAWING_ORDER = (2, 1, 0)
POINT_SIZES = {"dicentric": 16, "fragment": 16, "background": 6}
POINT_MARKERS = {"dicentric": "o", "fragment": "s", "background": "."}


def region_colours(probabilities, *, strength=0.45):
    """Colours of a map of class probabilities: hue by the likeliest class, paler where unsure.

    Parameters
    ----------
    probabilities : ndarray, shape (..., 3)
    strength : float
        Share of the class's colour where it is certain; the rest is white.

    Returns
    -------
    ndarray, shape (..., 3)
        RGB in [0, 1]; white at a tie of all three.
    """
    palette = np.array([to_rgb(CLASS_COLOURS[name]) for name in POINT_CLASSES])
    certainty = (probabilities.max(axis=-1, keepdims=True) - 1 / 3) / (2 / 3)
    share = strength * (0.35 + 0.65 * np.clip(certainty, 0, 1))
    return 1 - share * (1 - palette[probabilities.argmax(axis=-1)])


def plot_points(image, points, *, ax):
    """A metaphase with the places that are followed in it.

    Parameters
    ----------
    image : ndarray, shape (H, W), values in [0, 1]
    points : DataFrame
        Those of this image: ``class, row, col``.
    ax : Axes

    Returns
    -------
    Axes
    """
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    for code in DRAWING_ORDER:
        name = POINT_CLASSES[code]
        own = points[points["class"] == name]
        look = {"s": 140, "marker": POINT_MARKERS[name].replace(".", "o"), "linewidth": 1.8}
        look |= {"facecolor": "none", "edgecolor": CLASS_COLOURS[name]}
        look["linestyle"] = ":" if name == "background" else "-"
        ax.scatter(own["col"], own["row"], label=f"{name} ({len(own)})", **look)
    ax.set(xlabel="Column (px)", ylabel="Row (px)")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ax.grid(False)
    return ax


def plot_disparity(epochs, disparity, *, ax):
    """How far each epoch's cloud is from the reference after alignment: 0 same shape, at most 1."""
    ax.plot(epochs, disparity, "o-", color="black", ms=4)
    ax.set(ylabel="Procrustes disparity", ylim=(-0.02, 1.0))
    epoch_axis(ax, epochs)
    return ax


def plot_latent(coordinates, codes, probabilities, extent, *, ax):
    """Scatter of one epoch's points over the regions of its classifier (the paper's figure 5).

    Parameters
    ----------
    coordinates : ndarray, shape (n, 2)
    codes : ndarray of int, shape (n,)
        Class of each point, as in ``POINT_CLASSES``.
    probabilities : ndarray, shape (G, G, 3)
        Class probabilities on the grid.
    extent : (left, right, bottom, top)
        Of the grid, from ``Regions.extent``.
    ax : Axes

    Returns
    -------
    Axes
    """
    place = {"extent": extent, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    ax.imshow(region_colours(probabilities), gid="regions", **place)
    for code in DRAWING_ORDER:
        name = POINT_CLASSES[code]
        ax.scatter(
            *coordinates[codes == code].T,
            s=POINT_SIZES[name],
            marker=POINT_MARKERS[name],
            color=CLASS_COLOURS[name],
            edgecolor="none" if name == "background" else "white",
            linewidth=0.4,
            label=f"{name} ({np.sum(codes == code)})",
            gid=name,
        )
    ax.set(xlabel=AXIS_LABELS[0], ylabel=AXIS_LABELS[1], xlim=extent[:2], ylim=extent[2:])
    ax.grid(False)
    return ax


def plot_epoch(plane, epoch, *, ax):
    """:func:`plot_latent` of a LatentPlane at one of its epochs."""
    position = list(plane.epochs).index(epoch)
    probabilities = plane.regions.probabilities[position]
    plot_latent(
        plane.coordinates[position], plane.codes, probabilities, plane.regions.extent, ax=ax
    )
    ax.set_title(f"Epoch {epoch}")
    return ax


def update_latent(ax, coordinates, codes, probabilities):
    """Show another epoch in axes drawn by :func:`plot_latent`, in place."""
    ax.images[0].set_data(region_colours(probabilities))
    by_name = {artist.get_gid(): artist for artist in ax.collections}
    for code, name in enumerate(POINT_CLASSES):
        by_name[name].set_offsets(coordinates[codes == code])
    return ax


EPOCH_MS = 500  # time per epoch of an animation


def animate_latent(fig, ax, coordinates, codes, regions, epochs):
    """Animation over all epochs of axes drawn by :func:`plot_latent`.

    Parameters
    ----------
    coordinates : ndarray, shape (N_e, n, 2)
    codes : ndarray of int, shape (n,)
    regions : Regions
    epochs : sequence of int, length N_e

    Returns
    -------
    matplotlib.animation.FuncAnimation
    """

    def show(position):
        update_latent(ax, coordinates[position], codes, regions.probabilities[position])
        ax.set_title(f"Epoch {epochs[position]}")

    return FuncAnimation(fig, show, frames=len(epochs), interval=EPOCH_MS, repeat=True)


def plot_entropy_map(entropy, extent, *, ax):
    """Entropy of the averaged classifier over the latent plane, white 0 to dark ln 3."""
    place = {"extent": extent, "origin": "lower", "aspect": "auto", "interpolation": "bilinear"}
    most = np.log(len(POINT_CLASSES))
    image = ax.imshow(entropy, cmap=ENTROPY_COLOURMAP, vmin=0, vmax=most, **place)
    ax.figure.colorbar(image, ax=ax, label=ENTROPY_LABEL, shrink=0.85)
    ax.set(xlabel=AXIS_LABELS[0], ylabel=AXIS_LABELS[1])
    ax.grid(False)
    return ax


def plot_trajectories(table, *, ax, picked=None, widest_pt=5.0):
    """Trajectories of centroids, wider for larger clusters (the paper's figure 6).

    Parameters
    ----------
    table : DataFrame
        As from ``trajectory_table``.
    ax : Axes
        Usually with an entropy map in it.
    picked : int, optional
        A cluster to bring forward; the others fade.
    widest_pt : float
        Line width of the largest cluster of each class; widths are proportional to sizes
        within a class, because there are many more background places than aberrations.

    Returns
    -------
    Axes
        A dot marks the last epoch of each centroid. One epoch alone gives dots without lines.
    """
    largest = table.groupby("class")["size"].max()
    order = [POINT_CLASSES[code] for code in DRAWING_ORDER]
    clusters = dict(iter(table.groupby("cluster")))
    for cluster in sorted(clusters, key=lambda c: order.index(clusters[c]["class"].iloc[0])):
        path = clusters[cluster].sort_values("epoch")
        name, size = path["class"].iloc[0], path["size"].iloc[0]
        width = max(0.6, widest_pt * size / largest[name])
        faded = picked is not None and cluster != picked
        look = {"color": CLASS_COLOURS[name], "alpha": 0.25 if faded else 1.0}
        look["zorder"] = 4 if cluster == picked else 3
        ax.plot(
            path["x"], path["y"], lw=width + 1.2, color="white", alpha=look["alpha"], zorder=2.9
        )
        ax.plot(path["x"], path["y"], lw=width, solid_capstyle="round", gid=str(cluster), **look)
        end = path.iloc[-1]
        ax.plot(end["x"], end["y"], "o", ms=width + 3, mec="white", mew=0.8, **look)
    return ax


def class_legend(ax, *, counts=None, **kwargs):
    """Legend of the three classes, with `counts` by class name if given."""
    names = [name for name in POINT_CLASSES if counts is None or counts.get(name, 0)]
    handles = [
        Line2D([], [], color=CLASS_COLOURS[name], marker=POINT_MARKERS[name], lw=0, ms=7)
        for name in names
    ]
    labels = [name if counts is None else f"{name} ({counts[name]})" for name in names]
    return ax.legend(handles, labels, **kwargs)


def plot_rank_correlation(objects, correlation, *, ax, n_members, seed=0):
    """Vote entropy against latent entropy of every aberration, with Spearman's rho.

    Parameters
    ----------
    objects : DataFrame
        As from ``object_table``.
    correlation : RankCorrelation
    ax : Axes
    n_members : int
        Votes come in steps of 1/n_members; half a step of vertical scatter keeps objects apart.
    seed : int

    Returns
    -------
    Axes
    """
    widest = 0.25 / n_members
    jitter = np.random.default_rng(seed).uniform(-widest, widest, len(objects))
    for name in POINT_CLASSES[:2]:
        chosen = (objects["class"] == name).to_numpy()
        look = {"marker": POINT_MARKERS[name], "color": CLASS_COLOURS[name], "s": 18, "alpha": 0.6}
        look |= {"edgecolor": "white", "linewidth": 0.3, "label": f"{name} ({chosen.sum()})"}
        x, y = objects["latent_entropy"], objects["vote_entropy"] + jitter
        ax.scatter(x[chosen], y[chosen], **look)
    ax.axhline(np.log(2), color="0.6", lw=0.8, ls=":")
    ax.set(xlabel="Latent entropy (nat)", ylabel="Vote entropy (nat)")
    ax.set_ylim(-widest - 0.04, np.log(2) + widest + 0.04)
    title = "Rank correlation undefined: entropies do not vary"
    if np.isfinite(correlation.rho):
        title = f"Rank correlation {correlation} ({correlation.level:.0%} interval)"
    ax.set_title(title)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
