"""Commands that make image sets and ensembles: ``simulate`` and ``train``."""

from typing import Annotated

import typer

from dicentlib.commands.app import app, argument, option
from dicentlib.errors import InputError


@app.command()
def simulate(
    folder: Annotated[str, argument("Folder for the image set.")],
    n_images: Annotated[int, option("Images per dose.")] = 5430,
    dose_gy: Annotated[
        str | None,
        option(
            "One or more doses (Gy), for example 0,0.5,2. Default: the paper's aberrations "
            "per image."
        ),
    ] = None,
    seed: Annotated[
        int, option("Seed of the random draws; the same seed gives the same images.")
    ] = 0,
    height: Annotated[int, option("Height of an image in pixels.")] = 888,
    width: Annotated[int, option("Width of an image in pixels.")] = 1008,
    pixel_size_um: Annotated[float, option("Side of a pixel in micrometres.")] = 0.1,
    fraction_irradiated: Annotated[float, option("Share of cells that received the dose.")] = 1.0,
    negative_fraction: Annotated[float, option("Share of images without aberrations.")] = 0.0,
    rejected_fraction: Annotated[float, option("Share of images that must not be scored.")] = 0.0,
    blind: Annotated[
        bool, option("Keep the truth in a separate file, truth.json.", "--blind")
    ] = False,
    workers: Annotated[int | None, option("Processes. Default: one per processor.")] = None,
):
    """Write a set of simulated metaphases with their truth.

    Without a dose this is the paper's training set: 5,430 images with at least one aberration each,
    on average 0.925 dicentrics and 1.389 fragments.
    """
    from dicentlib.conventions import REASONS
    from dicentlib.simulation import simulate_set

    try:
        doses = [float(dose) for dose in (dose_gy or "").split(",") if dose.strip()]
    except ValueError as error:
        raise InputError(
            f"--dose-gy {dose_gy!r}; allowed: doses in Gy, for example 2 or 0,0.5,2"
        ) from error
    simulate_set(
        folder,
        n_images=n_images,
        dose_gy=None if not doses else doses if len(doses) > 1 else doses[0],
        seed=seed,
        height=height,
        width=width,
        pixel_size_um=pixel_size_um,
        fraction_irradiated=fraction_irradiated,
        at_least_one_aberration=not doses,
        negative_fraction=negative_fraction,
        reasons={name: rejected_fraction / len(REASONS) for name in REASONS},
        blind=blind,
        n_workers=workers,
    )
    stated = f" of {', '.join(f'{dose:g}' for dose in doses)} Gy" if doses else ""
    files = "samples.csv, truth.json" if blind else "samples.csv, annotations.csv"
    typer.echo(f"{folder}: {n_images} images{' each' * (len(doses) > 1)}{stated}; {files}")


@app.command()
def train(
    images: Annotated[str, argument("Image set for training.")],
    out: Annotated[str, argument("Folder for the results: members/, metrics.csv and training/.")],
    annotations: Annotated[
        str | None, option("Table of annotations. Default: annotations.csv in IMAGES.")
    ] = None,
    validation: Annotated[str | None, option("Image set for validation after each epoch.")] = None,
    preset: Annotated[
        str, option("Preset of the parameters, demo or paper; the options below change it.")
    ] = "demo",
    encoder: Annotated[str | None, option("Encoder of the network, for example resnet34.")] = None,
    decoder_channels: Annotated[
        str | None, option("Channels of the decoder, two numbers: 64,32.")
    ] = None,
    crop_px: Annotated[int | None, option("Side of the crops in pixels; 0: whole images.")] = None,
    pixel_size_um: Annotated[
        float | None, option("Pixel size of the network's images (um).")
    ] = None,
    lam: Annotated[float | None, option("Weight of sparse variation; 0: Model A.")] = None,
    optimiser: Annotated[str | None, option("Optimiser: adam or adamw.")] = None,
    learning_rate: Annotated[float | None, option("Learning rate at the start.")] = None,
    weight_decay: Annotated[float | None, option("Weight decay of the optimiser.")] = None,
    decay_to: Annotated[
        float | None,
        option("Share of the learning rate that remains at the end; 1: constant rate."),
    ] = None,
    intensity: Annotated[
        float | None, option("Strength of random changes of exposure, 0 to 1.")
    ] = None,
    blur_px: Annotated[float | None, option("Largest random blur in pixels.")] = None,
    epochs: Annotated[int | None, option("Number of epochs; a member is kept after each.")] = None,
    batch_size: Annotated[int | None, option("Samples per step, all devices together.")] = None,
    steps_per_epoch: Annotated[
        int | None, option("Steps per epoch; 0: as many crops as images.")
    ] = None,
    precision: Annotated[str | None, option("Precision: auto, float32 or bfloat16.")] = None,
    initial_members: Annotated[str | None, option("Ensemble to fine-tune.")] = None,
    data_seed: Annotated[
        int | None, option("Seed of the order of images, of crops and of augmentation.")
    ] = None,
    init_seed: Annotated[int | None, option("Seed of the initial weights.")] = None,
    threads: Annotated[int | None, option("Threads. Default: one per processor.")] = None,
    workers: Annotated[int, option("Processes that prepare samples; 0: none.")] = 0,
    devices: Annotated[int, option("Number of GPUs, or of processes on a CPU.")] = 1,
    cache_gb: Annotated[float, option("Memory for images (GB).")] = 4.0,
    max_minutes: Annotated[
        float | None, option("Stop after the epoch in which this time (minutes) is exceeded.")
    ] = None,
    fresh: Annotated[
        bool, option("Train again from the start instead of resuming.", "--fresh")
    ] = False,
):
    """Train on annotated images. The same command given again continues an interrupted training."""
    given = dict(locals())  # a copy: the options as given
    from dataclasses import fields

    from dicentlib.training import TrainingParameters, changed_preset, fit, read_image_set

    names = {"steps_per_epoch", *(field.name for field in fields(TrainingParameters))}
    changes = {name: value for name, value in given.items() if name in names}
    metrics = fit.train(
        *read_image_set(images, annotations=annotations),
        out,
        parameters=changed_preset(preset, changes),
        validation=read_image_set(validation) if validation else None,
        initial_members=initial_members,
        resume=not fresh,
        threads=threads,
        workers=workers,
        devices=devices,
        cache_gb=cache_gb,
        max_minutes=max_minutes,
    )
    typer.echo(metrics.tail(3).to_string(index=False))
