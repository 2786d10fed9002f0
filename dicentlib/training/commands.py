"""The command ``python -m dicentlib train``: image sets and presets instead of tables."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dicentlib.data.annotations import read_annotations
from dicentlib.data.index import index_images
from dicentlib.errors import InputError
from dicentlib.tables import find_table
from dicentlib.training.fit import train
from dicentlib.training.parameters import PRESETS


def read_image_set(folder, *, annotations=None, n_images=None):
    """Index and annotations of an image set, the form in which :func:`train` takes them.

    Parameters
    ----------
    folder : path-like
    annotations : path-like, optional
        Default: ``annotations.csv`` in the folder.
    n_images : int, optional
        Only this many images, spread evenly over the index.
    """
    index = index_images(folder)
    default = Path(folder) / "annotations.csv"
    found = annotations or find_table(folder, default.name) or default
    table = read_annotations(found, index)
    if n_images is None or n_images >= len(index.table):
        return index, table
    rows = np.linspace(0, len(index.table) - 1, n_images).round().astype(int)
    chosen = index.table.iloc[rows].reset_index(drop=True)
    return replace(index, table=chosen), table[table["image"].isin(chosen["image"])]


def changed_preset(preset, changes):
    """Parameters of a preset with some of them changed.

    Parameters
    ----------
    preset : str
        A key of ``PRESETS``.
    changes : dict
        By parameter; None leaves the preset's value. A ``crop_px`` of 0 means whole images,
        ``steps_per_epoch`` of 0 as many crops as images: times the batch size it is
        ``samples_per_epoch``. Decoder channels may be text, ``"64,32"``.

    Raises
    ------
    InputError
        Unknown preset; a value that is not allowed.
    """
    if preset not in PRESETS:
        raise InputError(f"preset {preset!r} found; allowed: {', '.join(PRESETS)}")
    given = {name: value for name, value in changes.items() if value is not None}
    if "decoder_channels" in given:
        text = given["decoder_channels"]
        try:
            given["decoder_channels"] = tuple(int(part) for part in text.split(","))
        except ValueError as error:
            raise InputError(f"decoder channels {text!r}; expected two numbers: 64,32") from error
    if given.get("crop_px") == 0:
        given |= {"crop_px": None, "samples_per_epoch": None}
    if "steps_per_epoch" in given:
        batch_size = given.get("batch_size", PRESETS[preset].batch_size)
        given["samples_per_epoch"] = given.pop("steps_per_epoch") * batch_size or None
    return replace(PRESETS[preset], **given)


def train_command(images, out, *, preset, changes, annotations, validation, **options):
    """Train on an image set; returns the metrics by epoch."""
    return train(
        *read_image_set(images, annotations=annotations),
        out,
        parameters=changed_preset(preset, changes),
        validation=read_image_set(validation) if validation else None,
        **options,
    )
