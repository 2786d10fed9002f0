"""The members at work: votes member after member, ended when nothing can fire any more."""

import threading
from dataclasses import dataclass

import numpy as np
import torch

from dicentlib.conventions import CLASSES
from dicentlib.ensemble import load_members
from dicentlib.errors import InputError
from dicentlib.voting import detect


@dataclass(frozen=True)
class Voters:
    """Loaded members and filter, shared by all threads of a process."""

    models: tuple
    thresholds: torch.Tensor  # (M, 2) float32
    agreement: torch.Tensor  # (2,)
    image_filter: object = None


_voters = {}  # the last loaded set; a process scores with one set at a time
_loading = threading.Lock()


def load_voters(settings):
    """Load the members and the filter of `settings`, once per process.

    Raises
    ------
    InputError
        A file is no longer the one that scoring was planned with.
    """
    key = (settings.key(), settings.members, settings.filter_weights, settings.device)
    with _loading:
        if key not in _voters:
            _voters.clear()
            _voters[key] = read_voters(settings)
        return _voters[key]


def read_voters(settings):
    """Load the members and the filter of `settings`; errors as of :func:`load_voters`."""
    members = load_members(settings.members, device=settings.device)
    point = settings.scorer.operating_point
    for member, path, digest in zip(members, settings.members, point.members, strict=True):
        if member.digest != digest:
            raise InputError(f"{path}: changed since scoring was planned; start scoring again")
    image_filter = None
    if settings.filter_weights:
        from dicentlib.filtering import load_filter

        image_filter = load_filter(settings.filter_weights)
        if image_filter.digest != settings.scorer.filter_digest:
            raise InputError(f"{settings.filter_weights}: changed since scoring was planned")
    if torch.device(settings.device).type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    agreement = [point.agreement_threshold[name] for name in CLASSES]
    return Voters(
        tuple(member.model for member in members),
        torch.tensor(point.confidence_thresholds(), dtype=torch.float32, device=settings.device),
        torch.tensor(agreement, device=settings.device),
        image_filter,
    )


def detect_batch(batch, settings, voters):
    """Detections of prepared images of one padded size, in pixels of the files' images.

    Members run one after the other on the whole batch. Voting ends as soon as, in every image
    and class, the most votes so far plus the members left do not exceed the agreement
    threshold: nothing can fire then, so the result is exactly that of all members. The batch
    is filled up to ``settings.batch_size``, so that an image's heatmaps do not depend on its
    neighbours.

    Parameters
    ----------
    batch : sequence of Prepared
        At most ``settings.batch_size``, with status "scored".

    Returns
    -------
    list of DataFrame
        As of :func:`dicentlib.voting.detect`, one per image.
    """
    padded = np.stack([item.padded for item in batch])
    fill = np.repeat(padded[-1:], settings.batch_size - len(batch), axis=0)
    images = torch.from_numpy(np.concatenate([padded, fill])[:, None])
    images = images.to(settings.device, memory_format=torch.channels_last)
    heatmaps, can_fire = _vote(images, settings, voters)
    return [
        _detections(item, [maps[i] for maps in heatmaps] if can_fire[i] else None, settings)
        for i, item in enumerate(batch)
    ]


def _vote(images, settings, voters):
    """Heatmaps of each member that was needed, and which images fire somewhere."""
    reduced = settings.precision == "bfloat16"
    heatmaps, votes = [], 0
    with (
        torch.inference_mode(),
        torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=reduced),
    ):
        for number, (model, threshold) in enumerate(
            zip(voters.models, voters.thresholds, strict=True), start=1
        ):
            maps = model(images).float()
            if not torch.isfinite(maps).all():
                name = settings.members[number - 1]
                raise InputError(f"{name}: heatmaps are not finite; the member is damaged")
            heatmaps.append(maps)
            votes = votes + (maps > threshold[:, None, None])
            possible = votes.amax((2, 3)) + len(voters.models) - number
            can_fire = (possible > voters.agreement).any(dim=1)
            if not can_fire.any():
                break
    return heatmaps, can_fire.tolist()


def _detections(item, heatmaps, settings):
    point = settings.scorer.operating_point
    if heatmaps is None:
        stack = np.zeros((point.n_members, len(CLASSES), 1, 1), np.float32)
    else:
        stack = torch.stack(heatmaps).cpu().numpy()
    table = detect(stack, operating_point=point, image_shape=item.resampled_shape)
    scale_row, scale_col = (
        original / resampled
        for original, resampled in zip(item.shape, item.resampled_shape, strict=True)
    )
    return table.assign(
        row=(table["row"] + 0.5) * scale_row - 0.5,
        col=(table["col"] + 0.5) * scale_col - 0.5,
        area_px=table["area_px"] * scale_row * scale_col,
    )
