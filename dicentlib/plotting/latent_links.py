"""The image crops behind a place of the latent plane, next to the plane itself."""

from dicentlib.latent.crops import read_crops
from dicentlib.latent.points import POINT_CLASSES
from dicentlib.latent.trajectories import linked_points
from dicentlib.plotting.latent import POINT_MARKERS, plot_entropy_map, plot_trajectories
from dicentlib.plotting.style import CLASS_COLOURS
from dicentlib.plotting.tiles import plot_tiles

CROP_SIDE_PX = 48
N_COLUMNS = 4


def draw_linked_view(fig, plane, index, *, cluster=None, point=None, titles=None, n_crops=12):
    """The latent plane with one centroid or point picked, and the image crops behind it.

    Parameters
    ----------
    fig : Figure or SubFigure
        Emptied first.
    plane : LatentPlane
    index : ImageIndex
        Where the crops are read.
    cluster, point : int, optional
        Exactly one of them, see ``linked_points``.
    titles : sequence of str, length n, optional
        Written above the crop of each point; image names by default.
    n_crops : int

    Returns
    -------
    list of int
        Rows of the points table whose crops are shown, most typical first.
    """
    rows = linked_points(
        plane.coordinates, plane.trajectories, cluster=cluster, point=point, limit=n_crops
    )
    crops = read_crops(index, plane.points, rows, side_px=CROP_SIDE_PX)
    fig.clear()
    left, right = fig.subfigures(1, 2, width_ratios=(1.15, 1))
    ax = left.subplots()
    plot_entropy_map(plane.entropy, plane.regions.extent, ax=ax)
    plot_trajectories(plane.table, ax=ax, picked=-1 if cluster is None else cluster)
    names = [POINT_CLASSES[code] for code in plane.codes]
    for row in rows:
        look = {"marker": POINT_MARKERS[names[row]], "color": CLASS_COLOURS[names[row]]}
        size = 11 if row == point else 6
        ax.plot(*plane.coordinates[-1, row], mec="black", ms=size, zorder=6, **look)
    if point is not None:
        colour = CLASS_COLOURS[names[point]]
        ax.plot(*plane.coordinates[:, point].T, color=colour, lw=1.5, zorder=5)
    titles = plane.points["image"] if titles is None else titles
    n_rows = max(1, -(-n_crops // N_COLUMNS))
    plot_tiles(
        crops,
        [titles[row] for row in rows],
        [CLASS_COLOURS[names[row]] for row in rows],
        axs=right.subplots(n_rows, N_COLUMNS, squeeze=False),
    )
    return rows.tolist()
