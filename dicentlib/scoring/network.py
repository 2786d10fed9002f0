"""The members at work: detections of prepared images."""

import threading
from dataclasses import dataclass

import numpy as np
import torch

from dicentlib.ensemble import load_members
from dicentlib.ensemble.engine import networks_of
from dicentlib.ensemble.heatmaps import look
from dicentlib.errors import InputError
from dicentlib.voting import detect


@dataclass(frozen=True)
class Voters:
    """Members made ready and the filter, shared by all threads of a process."""

    networks: tuple
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
    networks = networks_of(members, engine=settings.engine, precision=settings.precision)
    return Voters(tuple(networks), image_filter)


def detect_batch(batch, settings, voters):
    """Detections of prepared images of one padded size, in pixels of the files' images.

    Members look one after the other, at what is undecided yet (``ensemble.heatmaps.look``). A
    batch is filled up to ``settings.batch_size``, so that an image's heatmaps do not depend on
    its neighbours.

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
    stacks = look(
        voters.networks,
        np.concatenate([padded, fill]),
        pixel_size_um=settings.scorer.pixel_size_um,
        operating_point=settings.scorer.operating_point,
    )
    return [_detections(item, stack, settings) for item, stack in zip(batch, stacks, strict=False)]


def _detections(item, heatmaps, settings):
    point = settings.scorer.operating_point
    table = detect(heatmaps, operating_point=point, image_shape=item.resampled_shape)
    scale_row, scale_col = (
        original / resampled
        for original, resampled in zip(item.shape, item.resampled_shape, strict=True)
    )
    return table.assign(
        row=(table["row"] + 0.5) * scale_row - 0.5,
        col=(table["col"] + 0.5) * scale_col - 0.5,
        area_px=table["area_px"] * scale_row * scale_col,
    )
