"""Heatmaps of images by every member, one image after the other."""

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble.store import HeatmapStore
from dicentlib.errors import InputError


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
        h and w are a quarter of H and W padded to multiples of 16.
    """
    return next(iterate_heatmaps(members, [image]))


def iterate_heatmaps(members, images, *, batch_size=8):
    """Heatmaps of images, one image at a time, in their order.

    Members compute in the precision that they were trained in, see :func:`precision_of`.

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
    device = next(members[0].model.parameters()).device
    reduced = precision_of(members[0].metadata) == "bfloat16"
    padded = (_padded(image) for image in images)
    if device.type == "cpu":
        yield from _one_image_per_core(members, padded, reduced, batch_size)
        return
    for _, same in groupby(padded, key=np.shape):
        while batch := list(islice(same, batch_size)):
            yield from _compute(members, np.stack(batch), reduced)


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


def _one_image_per_core(members, images, reduced, batch_size):
    """Small convolutions leave cores idle that share an image; an image for each does not."""

    def compute(image):
        return _compute(members, image[None], reduced)[0]

    n_threads = torch.get_num_threads()
    with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        while batch := list(islice(images, batch_size)):
            yield from pool.map(compute, batch)


def _compute(members, images, reduced):
    """Heatmaps (N, M, 2, h, w) of images (N, H, W) of one size."""
    device = next(members[0].model.parameters()).device
    tensor = torch.from_numpy(images[:, None]).to(device, memory_format=torch.channels_last)
    with (
        torch.inference_mode(),
        torch.autocast(device.type, torch.bfloat16, enabled=reduced),
    ):
        heatmaps = [member.model(tensor).float().cpu().numpy() for member in members]
    return np.stack(heatmaps, axis=1)


def precision_of(metadata):
    """``"bfloat16"`` or ``"float32"``: what a member computes in, as its training did.

    It belongs to the member, because thresholds are chosen for its heatmaps; float32 where the
    metadata is silent.
    """
    return metadata.get("precision", "float32")


def _padded(image):
    image = np.asarray(image, np.float32)
    if image.ndim != 2 or 0 in image.shape:
        raise InputError(f"an image must have shape (H, W), found {image.shape}")
    return pad_to_stride(image)
