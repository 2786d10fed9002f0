"""Features of the volume before the head, at the same points for every epoch, on disk."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.data import read_image
from dicentlib.data.scaled_images import ScaledImages
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members, read_member_metadata
from dicentlib.ensemble.engine import networks_of
from dicentlib.ensemble.heatmaps import fill
from dicentlib.ensemble.regions import CELL_IN_MAP, cover
from dicentlib.errors import InputError
from dicentlib.files import atomic_path
from dicentlib.latent.members import select_members
from dicentlib.latent.points import HALF_HEIGHT_RADIUS, cells_of
from dicentlib.threads import available_processors, map_ahead, one_thread_each


@dataclass(frozen=True)
class LatentFeatures:
    """What every epoch's member makes of the same points.

    Attributes
    ----------
    features : ndarray of float32, shape (N_e, n, C), memory-mapped
        The volume before the head in the heatmap cell of each point; C is 128 for the paper's
        network.
    peaks : ndarray of float32, shape (N_e, n, 2), memory-mapped
        Largest heatmap value of each class in the truth disk around each point. The heatmaps are
        the member's own, from the side and in the precision that it looks with in scoring; the
        features are all from the side of the image.
    epochs : tuple of int, length N_e
    digests : tuple of str, length N_e
        Of the members' files.
    """

    features: np.ndarray
    peaks: np.ndarray
    epochs: tuple
    digests: tuple


def extract_features(members, index, points, *, out, batch_size=2):
    """Look up the points of an image set in the feature volume of every member.

    One member and the volumes of `batch_size` images are in memory at a time, besides the images
    themselves with 8 bits per pixel (0.9 MB each at 888 x 1008); the results go to files.

    Parameters
    ----------
    members : path-like or sequence of path-like
        As for ``ensemble.load_members``; one per epoch, all of one architecture.
    index : ImageIndex
    points : DataFrame
        As from :func:`sample_points`, on images of `index`.
    out : path-like
        Folder for ``features.npy``, ``peaks.npy`` and ``points.parquet``, each written whole or
        not at all.
    batch_size : int
        Images computed at a time, on a CPU each by one thread.

    Returns
    -------
    LatentFeatures

    Raises
    ------
    InputError
        Members of different widths, architectures or scales; two of the same epoch; a point on
        an image that is not in the index; no points.
    """
    paths, left_out = select_members(members)
    if left_out:
        raise InputError(left_out[0])
    headers = [read_member_metadata(path) for path in paths]
    _check_points(index, points)
    names = list(dict.fromkeys(points["image"]))
    images = _read_images(index, names, headers[0]["pixel_size_um"])
    rows, cells = _cells_by_image(index, points, images)
    out = Path(out)
    shape = (len(paths), len(points))
    with (
        atomic_path(out / "features.npy") as features_path,
        atomic_path(out / "peaks.npy") as peaks_path,
        tqdm(total=len(paths) * len(images), desc="features", unit="image") as bar,
    ):
        features = _create(features_path, (*shape, headers[0]["decoder_channels"][1]))
        peaks = _create(peaks_path, (*shape, 2))
        digests = []
        for epoch, path in enumerate(paths):
            (member,) = load_members([path])
            (network,) = networks_of([member], engine="torch")
            digests.append(member.digest)
            radius = member.metadata["sigma"] * HALF_HEIGHT_RADIUS
            for name, volume, heatmaps in _volumes(network, images, cells, batch_size):
                features[epoch, rows[name]] = look_up(volume, cells[name])
                peaks[epoch, rows[name]] = look_up_peaks(heatmaps, cells[name], radius=radius)
                bar.update()
        features.flush()
        peaks.flush()
    with atomic_path(out / "points.parquet") as temporary:
        points.to_parquet(temporary, index=False)
    return LatentFeatures(
        features=np.load(out / "features.npy", mmap_mode="r"),
        peaks=np.load(out / "peaks.npy", mmap_mode="r"),
        epochs=tuple(header["epoch"] for header in headers),
        digests=tuple(digests),
    )


def image_shapes(index):
    """Height and width in pixels of every image of an index, by name."""
    table = index.table[["image", "height_px", "width_px"]]
    shapes = {name: (height, width) for name, height, width in table.itertuples(index=False)}
    unknown = [name for name, shape in shapes.items() if 0 in shape]
    return shapes | {name: read_image(index.path(name)).shape for name in unknown}


def cell_sides_px(index, *, pixel_size_um):
    """Side of a heatmap cell in pixels of every image of an index, by name.

    `pixel_size_um` is the members'.
    """
    sides = STRIDE * pixel_size_um / index.table["pixel_size_um"]
    return dict(zip(index.table["image"], sides, strict=True))


def look_up(volume, cells):
    """Values of a volume (C, h, w) in heatmap cells (k, 2): shape (k, C).

    Cells beyond the border take the nearest cell in the map.
    """
    row, col = np.clip(cells, 0, np.array(volume.shape[1:]) - 1).T
    return volume[:, row, col].T


def look_up_peaks(heatmaps, cells, *, radius):
    """Largest value of each map (2, h, w) within `radius` of each cell (k, 2): shape (k, 2)."""
    reach = int(radius)
    steps = np.arange(-reach, reach + 1)
    disk = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    disk = disk[(disk**2).sum(axis=1) <= radius**2]
    around = (np.asarray(cells)[:, None] + disk).reshape(-1, 2)
    values = look_up(heatmaps, around)
    return values.reshape(len(cells), len(disk), -1).max(axis=1)


def _check_points(index, points):
    if not len(points):
        raise InputError("no points; expected at least one")
    unknown = sorted(set(points["image"]) - set(index.table["image"]))
    if unknown:
        raise InputError(f"point on image {unknown[0]}, which is not in {index.folder}")


def _read_images(index, names, pixel_size_um):
    """The images as members see them, 8 bits per pixel, by name."""
    chosen = index.table.set_index("image").loc[names].reset_index()
    images = ScaledImages(replace(index, table=chosen), pixel_size_um=pixel_size_um)
    images.keep_in_memory(np.inf)
    return {name: images.levels(i) for i, name in enumerate(names)}


def _cells_by_image(index, points, images):
    """Rows of each image's points, and their heatmap cells at the members' scale, by name."""
    shapes = image_shapes(index)
    positions = points[["row", "col"]].to_numpy(float)
    rows = points.groupby("image").indices
    scales = {name: np.divide(image.shape, shapes[name]) for name, image in images.items()}
    # Pixel centres lie at integers, so positions scale about (-0.5, -0.5).
    scaled = {name: (positions[rows[name]] + 0.5) * scales[name] - 0.5 for name in images}
    return rows, {name: cells_of(scaled[name], stride_px=STRIDE) for name in images}


def _volumes(network, images, cells, n_ahead):
    """Yield (name, volume, heatmaps) of all images, computed where their points lie."""
    n_channels = network.model.decoder_channels[1]

    def see(item):
        name, image = item
        padded = pad_to_stride(image)[None].astype(np.float32) / 255
        shape = tuple(side // STRIDE for side in padded.shape[1:])
        maps = np.zeros((1, n_channels + len(CLASSES), *shape), np.float32)
        boxes = cover(_with_points(cells[name], shape), context=network.context)
        fill(maps, boxes, network.features_and_heatmaps, padded)
        return name, maps[0, :n_channels], maps[0, n_channels:]

    with one_thread_each(available_processors()) as pool:
        yield from map_ahead(pool, see, images.items(), n_ahead)


def _with_points(cells, shape):
    """Cells of the grid of boxes with a point or beside one, bool; truth disks reach no farther."""
    marked = np.zeros(tuple(side // CELL_IN_MAP for side in shape), np.uint8)
    rows, cols = (np.clip(cells, 0, np.array(shape) - 1) // CELL_IN_MAP).T
    marked[rows, cols] = 1
    return ndimage.maximum_filter(marked, size=3).astype(bool)


def _create(path, shape):
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
