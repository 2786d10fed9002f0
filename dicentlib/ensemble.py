"""Members of an ensemble: saved weights, loaded models, heatmaps of images one after the other."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from dicentlib import runs
from dicentlib.data.targets import pad_to_stride
from dicentlib.errors import InputError
from dicentlib.heatmap_store import FLOOR, HeatmapStore
from dicentlib.model import ORIENTATIONS, HeatmapUnet

__all__ = [
    "FLOOR",
    "HeatmapStore",
    "Member",
    "iterate_heatmaps",
    "keep_last_members",
    "last_member_paths",
    "load_members",
    "member_paths",
    "predict_heatmaps",
    "read_member_metadata",
    "save_member",
    "stored_heatmaps",
]

FORMAT = "dicentlib-member"
FORMAT_VERSION = 1
ARCHITECTURE = ("encoder", "decoder_channels", "pixel_size_um", "stride")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # no hub address, no path


@dataclass(frozen=True)
class Member:
    """One checkpoint of a training: its model in evaluation mode and what is known of it.

    ``metadata`` holds at least ``encoder, decoder_channels, pixel_size_um, sigma, stride,
    epoch``; ``digest`` is the SHA-256 of the file.
    """

    name: str
    epoch: int
    model: HeatmapUnet
    metadata: dict
    digest: str


def save_member(path, model, metadata, *, half=False):
    """Save a model's weights as safetensors, atomically, with `metadata` in the file's header.

    Parameters
    ----------
    path : path-like
        Ends in ``.safetensors``.
    model : HeatmapUnet
    metadata : dict
        Plain data. Must hold ``pixel_size_um, sigma, stride, epoch``; the architecture and the
        format's version are added. ``orientation`` (0 to 7, default 0) is how the loaded model
        turns images before it looks at them (:class:`dicentlib.model.HeatmapUnet`).
    half : bool
        Store weights in 16 bits, at half the size. They are computed with in 32 bits again.

    Raises
    ------
    InputError
        A required entry is missing, or the path has another suffix.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(f"{path}: members are saved as .safetensors")
    missing = {"pixel_size_um", "sigma", "stride", "epoch"} - set(metadata)
    if missing:
        raise InputError(f"{path}: member metadata lacks {', '.join(sorted(missing))}")
    header = metadata | {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "encoder": model.encoder_name,
        "decoder_channels": list(model.decoder_channels),
    }
    weights = {
        name: (value.half() if half and value.is_floating_point() else value).detach().contiguous()
        for name, value in model.state_dict().items()
    }
    with runs.atomic_path(path) as temporary:
        save_file(weights, temporary, metadata={FORMAT: json.dumps(header, sort_keys=True)})


def load_members(members, *, device="cpu"):
    """Load the members of an ensemble.

    Parameters
    ----------
    members : path-like or sequence of path-like
        A folder of ``*.safetensors``, a folder with ``members/`` in it (a run, a ready
        ensemble), one file, or a list of files. Folders are taken in the order of file names.
    device : str
        Where the models are put.

    Returns
    -------
    tuple of Member

    Raises
    ------
    InputError
        No members; a file that is not a member (a pickle is refused without being opened as
        one); members of different architectures or pixel sizes.
    """
    paths = member_paths(members)
    headers = [read_member_metadata(path) for path in paths]
    for name in ARCHITECTURE:
        for path, header in zip(paths, headers, strict=True):
            if header.get(name) != headers[0].get(name):
                raise InputError(
                    f"{path}: member has {name} {header.get(name)}, {paths[0].name} has "
                    f"{headers[0].get(name)}; the members of an ensemble share it"
                )
    return tuple(_load(path, header, device) for path, header in zip(paths, headers, strict=True))


def member_paths(members):
    """Files that `members` stands for, see :func:`load_members`."""
    if isinstance(members, (str, Path)):
        place = Path(members)
        if place.is_file():
            return [place]
        folder = place / "members" if (place / "members").is_dir() else place
        if not folder.is_dir():
            raise InputError(f"{place}: no such folder; expected a folder of *.safetensors")
        paths = sorted(folder.glob("*.safetensors"))
        paths = [path for path in paths if not path.name.startswith(".")]
        if not paths:
            raise InputError(f"{folder}: no members; expected files *.safetensors")
        return paths
    paths = [Path(path) for path in members]
    if not paths:
        raise InputError("no members; expected at least one file *.safetensors")
    return paths


def last_member_paths(members, n_members):
    """Files of the last `n_members` epochs, by epoch.

    Raises
    ------
    InputError
        There are fewer members than `n_members`.
    """
    paths = member_paths(members)
    if not 1 <= n_members <= len(paths):
        raise InputError(f"{n_members} members asked for; allowed: 1 to {len(paths)} in {members}")
    return sorted(paths, key=lambda path: read_member_metadata(path)["epoch"])[-n_members:]


def read_member_metadata(path):
    """Metadata in a member's header, without reading its weights.

    Raises
    ------
    InputError
        The file is absent, is not safetensors, or holds something else than a member.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with open(path, "rb") as file:
        start = file.read(9)
    if path.suffix != ".safetensors" or start[8:] != b"{":
        raise InputError(
            f"{path}: not a safetensors file; weights in other forms (pickles: .pt, .pth, .ckpt) "
            "may run code when loaded and are refused"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(FORMAT, "null"))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path}: damaged safetensors file ({error})") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"{path}: safetensors file without a dicentlib member's metadata")
    if header.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: member of format version {header.get('format_version')}; "
            f"this version of dicentlib reads {FORMAT_VERSION}"
        )
    return _checked_header(path, header)


def _checked_header(path, header):
    """Refuse headers that would build something else than a small network of known parts."""
    encoder, channels = header.get("encoder"), header.get("decoder_channels")
    if not isinstance(encoder, str) or not PLAIN_NAME.fullmatch(encoder):
        raise InputError(f"{path}: encoder {encoder!r} in the metadata is not an encoder's name")
    sizes = isinstance(channels, list) and all(type(c) is int and 1 <= c <= 2048 for c in channels)
    if not sizes or len(channels) != 2:
        raise InputError(f"{path}: decoder_channels {channels!r} in the metadata; expected two")
    for name, kind in (("pixel_size_um", (int, float)), ("epoch", int), ("stride", int)):
        if isinstance(header.get(name), bool) or not isinstance(header.get(name), kind):
            raise InputError(f"{path}: {name} {header.get(name)!r} in the metadata")
    orientation = header.get("orientation", 0)
    if type(orientation) is not int or not 0 <= orientation < ORIENTATIONS:
        raise InputError(f"{path}: orientation {orientation!r} in the metadata; allowed: 0 to 7")
    return header


def _load(path, header, device):
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model = HeatmapUnet(header["encoder"], None, tuple(header["decoder_channels"]))
    expected = {name: value.shape for name, value in model.state_dict().items()}
    found = {name: value.shape for name, value in weights.items()}
    if expected != found:
        names = sorted(set(expected.items()) ^ set(found.items()), key=lambda item: item[0])
        raise InputError(
            f"{path}: weights are not those of encoder {header['encoder']} with decoder "
            f"{tuple(header['decoder_channels'])}; first difference at {names[0][0]}"
        )
    model.load_state_dict(weights)
    model.orientation = header.get("orientation", 0)
    model = model.float().eval().to(device, memory_format=torch.channels_last)
    model.requires_grad_(False)
    return Member(path.stem, header["epoch"], model, header, runs.file_digest(path))


def keep_last_members(source, target, *, n_members):
    """Copy the members of the last epochs to ``target/members``, which then holds only these.

    Parameters
    ----------
    source : path-like
        See :func:`load_members`; every epoch of a training, for example.
    target : path-like
        A run folder.
    n_members : int

    Returns
    -------
    list of pathlib.Path
        The copies, by epoch.

    Raises
    ------
    InputError
        There are fewer members than `n_members`.
    """
    paths = last_member_paths(source, n_members)
    folder = Path(target) / "members"
    copies = [folder / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        with runs.atomic_path(copy) as temporary:
            shutil.copyfile(path, temporary)
    for path in set(folder.glob("*.safetensors")) - set(copies):
        path.unlink()
    return copies


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
