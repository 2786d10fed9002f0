"""Heatmaps of images: the one loop in which members look at them.

Scoring, evaluation, calibration and single images share :func:`look`. Members see the parts of a
field in which something is darker than the background; elsewhere heatmaps are 0. Where a vote is
wanted, each member sees what the members before it have left undecided.
"""

from itertools import groupby, islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble.engine import networks_of
from dicentlib.ensemble.regions import CELL_IN_MAP, CELL_PX, cover, object_cells
from dicentlib.ensemble.store import HeatmapStore
from dicentlib.errors import InputError
from dicentlib.threads import available_processors, map_ahead, one_thread_each
from dicentlib.voting import undecided

QUIET = 0.1  # times T_C; where the first member stays below, the others do not look


def look(networks, images, *, pixel_size_um, operating_point=None):
    """Heatmaps of images of one size by every member.

    Parameters
    ----------
    networks : sequence of Network
    images : ndarray of float32, shape (N, H, W), values in [0, 1]
        At the members' `pixel_size_um`; H and W multiples of 16. Several are seen whole; so is
        one on a GPU, or by networks that average over the field.
    pixel_size_um : float
    operating_point : OperatingPoint, optional
        With it, members look only where something can still fire: where the votes so far and
        the members left exceed T_A in some class, and the first member reached a tenth of
        T_C in a cell or beside it. The first member has no such say where fewer than a third
        of the members can make something fire.

    Returns
    -------
    ndarray of float32, shape (N, M, 2, H / 4, W / 4)
        0 where no member looked. With an operating point also where a member did not need to:
        detections then are those of all members, not the heatmaps.
    """
    n_images, height, width = images.shape
    contexts = [network.context for network in networks]
    context = None if n_images > 1 or None in contexts else max(contexts)
    heatmaps = np.zeros(
        (n_images, len(networks), len(CLASSES), height // STRIDE, width // STRIDE), np.float32
    )
    cells = np.ones((height // CELL_PX, width // CELL_PX), bool)
    if context is not None:
        cells = object_cells(images[0], pixel_size_um=pixel_size_um)
    for number, network in enumerate(networks):
        boxes = cover(cells, context=context)
        if not boxes:
            break
        fill(heatmaps[:, number], boxes, network, images)
        for box in boxes:
            cells[box.rows, box.cols] = True
        if operating_point is not None:
            seen = heatmaps[:, : number + 1]
            cells &= _in_cells(undecided(seen, operating_point=operating_point))
            # what is quiet in one image of a batch is not in another, and must not depend on it
            if number == 0 and context is not None and _needs_many(operating_point):
                cells &= _loud(seen, operating_point)
    return heatmaps


def fill(maps, boxes, function, images):
    """Write into `maps` (N, C, H/4, W/4) what `function` makes of the images in boxes."""
    for box in boxes:
        maps[box.in_map] = function(images[box.pixels])[box.in_seen]


def _needs_many(operating_point):
    """Whether it takes a third of the members or more to fire: what one cannot see is rare."""
    votes = min(operating_point.agreement_threshold.values()) + 1
    return 3 * votes >= operating_point.n_members


def _loud(first, operating_point):
    """Cells in or beside which the first member, (N, 1, 2, h, w), comes near T_C."""
    level = QUIET * operating_point.confidence_thresholds()[:1, :, None, None]
    loud = _in_cells((first > level).any(axis=1)).astype(np.uint8)
    return cv2.dilate(loud, np.ones((3, 3), np.uint8)).astype(bool)


def _in_cells(marked):
    """Cells that hold a marked pixel of some image and class; `marked` is (N, 2, h, w)."""
    height, width = (side // CELL_IN_MAP for side in marked.shape[2:])
    marked = marked.any(axis=(0, 1))
    return marked.reshape(height, CELL_IN_MAP, width, CELL_IN_MAP).any(axis=(1, 3))


def predict_heatmaps(members, image):
    """Heatmaps of one image by every member.

    Parameters
    ----------
    members : sequence of Member
    image : ndarray of float32, shape (H, W), values in [0, 1]
        At the members' ``pixel_size_um``.

    Returns
    -------
    ndarray of float32, shape (M, 2, h, w)
        h and w are a quarter of H and W padded to multiples of 16. Where nothing is darker
        than the background members do not look, and it is 0.
    """
    return next(iterate_heatmaps(members, [image]))


def iterate_heatmaps(members, images, *, batch_size=8):
    """Heatmaps of images, one image at a time, in their order.

    Members compute in the precision that they were trained in, see
    :func:`dicentlib.ensemble.engine.precision_of`.

    Parameters
    ----------
    members : sequence of Member
    images : iterable of ndarray, float32, shape (H, W)
        Read as they are needed.
    batch_size : int
        The most images held in memory. On a GPU neighbours of one size are computed together,
        on a CPU every core has an image of its own.

    Yields
    ------
    ndarray of float32, shape (M, 2, h, w)

    Raises
    ------
    InputError
        No members, or an image that is not a two-dimensional array.
    """
    if not members:
        raise InputError("no members; expected at least one")
    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more, found {batch_size}")
    networks = networks_of(members)
    pixel_size_um = members[0].metadata["pixel_size_um"]
    padded = (_padded(image) for image in images)
    if networks[0].device.type == "cpu":

        def compute(image):
            return look(networks, image[None], pixel_size_um=pixel_size_um)[0]

        with one_thread_each(available_processors()) as pool:
            yield from map_ahead(pool, compute, padded, batch_size)
        return
    for _, same in groupby(padded, key=np.shape):
        while batch := list(islice(same, batch_size)):
            yield from look(networks, np.stack(batch), pixel_size_um=pixel_size_um)


def stored_heatmaps(path, dataset, members, *, batch_size=8):
    """Heatmaps of a data set's images, from the disk where they are there.

    Parameters
    ----------
    path : path-like
        Ends in ``.parquet``. Written anew where it holds heatmaps of other members, images
        (their bytes count, not only their names) or pixel sizes.
    dataset : MetaphaseDataset
        Of whole images.
    members : sequence of Member
    batch_size : int
        See :func:`iterate_heatmaps`.

    Returns
    -------
    HeatmapStore
    """
    path = Path(path)
    digests, content = tuple(member.digest for member in members), dataset.content_digest()
    if path.is_file():
        store = HeatmapStore.open(path)
        if (store.digests, store.content) == (digests, content):
            return store
    names = dataset.names
    heatmaps = tqdm(
        iterate_heatmaps(members, map(dataset.image, range(len(names))), batch_size=batch_size),
        desc=f"heatmaps of {path.stem}",
        total=len(names),
        unit="image",
    )
    return HeatmapStore.write(path, heatmaps, names, digests=digests, content=content)


def _padded(image):
    image = np.asarray(image, np.float32)
    if image.ndim != 2 or 0 in image.shape:
        raise InputError(f"an image must have shape (H, W), found {image.shape}")
    return pad_to_stride(image)
