"""The command ``python -m dicentlib train``: image sets and presets instead of tables."""

from dataclasses import replace

from dicentlib.data.image_set import read_image_set
from dicentlib.errors import InputError
from dicentlib.training.fit import train
from dicentlib.training.parameters import PRESETS


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
