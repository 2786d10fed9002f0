"""Members of an ensemble: saved weights and loaded models."""

import copy
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dicentlib.errors import InputError
from dicentlib.files import atomic_path, file_digest, find_model, ready_models, refuse_pointer
from dicentlib.model import ORIENTATIONS, HeatmapUnet

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
    with atomic_path(path) as temporary:
        save_file(weights, temporary, metadata={FORMAT: json.dumps(header, sort_keys=True)})


def load_members(members, *, device="cpu"):
    """Load the members of an ensemble.

    Parameters
    ----------
    members : path-like or sequence of path-like
        A folder of ``*.safetensors``, a folder with ``members/`` in it (a run), the name of a
        ready ensemble (``"giemsa-small"``), one file, or a list of files. Folders are taken in
        the order of file names.
    device : str
        Where the models are put.

    Returns
    -------
    tuple of Member

    Raises
    ------
    InputError
        No members; a file that is not a member (a pickle is refused without being opened as
        one); weights that are not finite; one member in two files; members of different
        architectures or pixel sizes.
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
    built = HeatmapUnet(headers[0]["encoder"], None, tuple(headers[0]["decoder_channels"]))
    loaded = [
        _load(path, header, copy.deepcopy(built), device)
        for path, header in zip(paths, headers, strict=True)
    ]
    refuse_copies(paths, [member.digest for member in loaded])
    return tuple(loaded)


def refuse_copies(paths, digests):
    """Refuse two files with the same bytes: that member would vote twice."""
    first = {}
    for path, digest in zip(paths, digests, strict=True):
        if digest in first:
            raise InputError(
                f"{path}: the same member as {first[digest].name}, and every member has one vote; "
                "remove one of the files"
            )
        first[digest] = path


def member_paths(members):
    """Files that `members` refers to, see :func:`load_members`."""
    if isinstance(members, (str, os.PathLike)):
        place = find_model(members)
        if place.is_file():
            return [place]
        folder = place / "members" if (place / "members").is_dir() else place
        if not folder.is_dir():
            raise InputError(
                f"{place}: no such folder; expected a folder of *.safetensors or a ready "
                f"ensemble: {ready_models('members')}"
            )
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
    refuse_pointer(path)
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
        raise InputError(
            f"{path}: damaged safetensors file, perhaps cut off ({error}); get it again"
        ) from error
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


def _load(path, header, model, device):
    """A member from its file, in a model of its architecture."""
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    expected = {name: value.shape for name, value in model.state_dict().items()}
    found = {name: value.shape for name, value in weights.items()}
    if expected != found:
        names = sorted(set(expected.items()) ^ set(found.items()), key=lambda item: item[0])
        raise InputError(
            f"{path}: weights are not those of encoder {header['encoder']} with decoder "
            f"{tuple(header['decoder_channels'])}; first difference at {names[0][0]}"
        )
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"{path}: weights that are not finite numbers, the first in {name}; the "
                "training failed or the file is damaged, and the member would never vote"
            )
        if value.ndim > 1 and not value.any():
            raise InputError(
                f"{path}: weights that are all 0, the first in {name}; the file was not "
                "completely written or downloaded, and the member would never vote; get it "
                "again"
            )
    model.load_state_dict(weights)
    model.orientation = header.get("orientation", 0)
    model = model.float().eval().to(device, memory_format=torch.channels_last)
    model.requires_grad_(False)
    return Member(path.stem, header["epoch"], model, header, file_digest(path))


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
    return copy_members(last_member_paths(source, n_members), target)


def copy_members(paths, target, *, names=None):
    """Copy files of members to ``target/members``, which then holds only these.

    Parameters
    ----------
    paths : sequence of pathlib.Path
    target : path-like
        A run folder.
    names : sequence of str, optional
        Of the copies, for members of several trainings; default: as they are.

    Returns
    -------
    list of pathlib.Path
        The copies, in the order of `paths`.
    """
    folder = Path(target) / "members"
    copies = [folder / name for name in names or [path.name for path in paths]]
    for path, target_path in zip(paths, copies, strict=True):
        with atomic_path(target_path) as temporary:
            shutil.copyfile(path, temporary)
    for path in set(folder.glob("*.safetensors")) - set(copies):
        path.unlink()
    return copies
