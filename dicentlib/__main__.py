"""Command line: ``python -m dicentlib COMMAND --help``."""

import warnings
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from dicentlib.errors import DicentlibError, InputError, InputWarning


class Commands(TyperGroup):
    """Commands whose refusals are a sentence and exit code 2, not a traceback.

    What was assumed about a file is a sentence too, said once.
    """

    def invoke(self, ctx):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", InputWarning)
                warnings.showwarning = partial(_say, set())
                return super().invoke(ctx)
        except (DicentlibError, MemoryError, OSError, RuntimeError) as error:
            text = _sentence(error)
            if not text:
                raise
            typer.echo(f"Error: {text}", err=True)
            raise typer.Exit(2) from error


def _sentence(error):
    """What went wrong outside the program, in a sentence; "" where it is no such error."""
    if isinstance(error, DicentlibError):
        return str(error)
    if isinstance(error, MemoryError) or "memory" in str(error):  # torch has no class for it
        return f"out of memory ({error}); smaller images or batches, or fewer threads, need less"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return ""


def _say(said, message, category, filename, lineno, file=None, line=None):
    text = warnings.formatwarning(message, category, filename, lineno)
    if issubclass(category, InputWarning):
        text = f"Note: {message}"
    if text not in said:
        typer.echo(text, err=True)
    said.add(text)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def main():
    """Dicentric chromosomes: from metaphase images to a dose."""


def _option(help_text, *names):
    return typer.Option(*names, help=help_text)


def _argument(help_text):
    return typer.Argument(help=help_text)


@app.command()
def report(
    preset: Annotated[str, _option("Parameters of the notebooks: notebooks/presets/.")] = "demo",
    run_dir: Annotated[str, _option("The run folder.")] = "runs/demo",
    first: Annotated[str | None, _option("Begin with this notebook, for example 04.")] = None,
    last: Annotated[str | None, _option("End with this notebook.")] = None,
):
    """Run the numbered notebooks in order, from metaphases to the dose report."""
    from dicentlib.runs import resolve
    from dicentlib.runs.pipeline import run_pipeline, summary

    run_pipeline(preset, resolve(run_dir), first=first, last=last)
    typer.echo(summary(resolve(run_dir)))


@app.command()
def score(
    images: Annotated[Path, _argument("Folder of images.")],
    members: Annotated[Path, _argument("Name of a ready ensemble, or its folder.")],
    out: Annotated[Path, _option("Folder for the results.")],
    part: Annotated[
        str, _option("Part i/n of the images only; merge the parts afterwards.", "--shard")
    ] = "1/1",
    confidence_threshold: Annotated[
        float | None, _option("T_C of all classes. Default: operating_point.json of MEMBERS.")
    ] = None,
    agreement_threshold: Annotated[
        int | None, _option("T_A of all classes. Default: operating_point.json of MEMBERS.")
    ] = None,
    samples: Annotated[Path | None, _option("Table of samples instead of samples.csv.")] = None,
    pixel_size_um: Annotated[
        float | None, _option("Pixel size (um) of images that do not state one.")
    ] = None,
    filter_weights: Annotated[
        Path | None, _option("Name of a ready image filter, or its file. Default: none.")
    ] = None,
    shard_size: Annotated[int, _option("Images computed between two saved results.")] = 64,
    precision: Annotated[
        str | None, _option("float32 or bfloat16. Default: as the members were trained.")
    ] = None,
    n_threads: Annotated[int | None, _option("Threads. Default: one per processor.")] = None,
):
    """Score a folder of images with an ensemble, or one part of it for a batch system."""
    given = dict(locals())  # a copy: the options as given
    from dicentlib.scoring import merge_parts, score_part

    typer.echo(f"part {part}: {score_part(**given)} shards of images are complete")
    if part == "1/1":
        merge_parts(out)
        _echo_counts(out)


@app.command()
def merge(out: Annotated[Path, _argument("Folder with the parts' results.")]):
    """Merge the parts that `score --shard i/n` made in the folder OUT."""
    from dicentlib.scoring import merge_parts

    merge_parts(out)
    _echo_counts(out)


def _echo_counts(out):
    """What became of the images and why; exit code 1 where none could be scored."""
    import pandas as pd

    from dicentlib.scoring.summary import scoring_summary

    table = pd.read_parquet(out / "scored_images.parquet")
    for line in scoring_summary(table):
        typer.echo(line)
    typer.echo(f"every image with its reason: {out / 'scored_images.parquet'}")
    if not (table["status"] == "scored").any():
        raise typer.Exit(1)


@app.command()
def simulate(
    folder: Annotated[str, _argument("Folder for the image set.")],
    n_images: Annotated[int, _option("Images per dose.")] = 5430,
    dose_gy: Annotated[
        str | None, _option("A dose or several, as 0,0.5,2. Default: the paper's labels per image.")
    ] = None,
    seed: Annotated[int, _option("The same seed gives the same images.")] = 0,
    height: Annotated[int, _option("Height of an image in pixels.")] = 888,
    width: Annotated[int, _option("Width of an image in pixels.")] = 1008,
    pixel_size_um: Annotated[float, _option("Side of a pixel in micrometres.")] = 0.1,
    fraction_irradiated: Annotated[float, _option("Share of cells that had the dose.")] = 1.0,
    negative_fraction: Annotated[float, _option("Share of images without aberrations.")] = 0.0,
    rejected_fraction: Annotated[float, _option("Share of images that are not scorable.")] = 0.0,
    blind: Annotated[
        bool, _option("Keep the truth in a separate file, truth.json.", "--blind")
    ] = False,
    workers: Annotated[int | None, _option("Processes. Default: one per processor.")] = None,
):
    """Write a set of simulated metaphases with their truth.

    Without a dose this is the paper's training set: 5,430 images, an aberration in each, on
    average 0.925 dicentrics and 1.389 fragments.
    """
    from dicentlib.conventions import REASONS
    from dicentlib.simulation import simulate_set

    try:
        doses = [float(dose) for dose in (dose_gy or "").split(",") if dose.strip()]
    except ValueError as error:
        raise InputError(
            f"--dose-gy {dose_gy!r}: allowed are doses in Gy, as 2 or 0,0.5,2"
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
    typer.echo(f"{folder}: samples.csv" + (", truth.json" if blind else ", annotations.csv"))


@app.command()
def train(
    images: Annotated[str, _argument("Image set for training.")],
    out: Annotated[str, _argument("Receives members/, metrics.csv and training/.")],
    annotations: Annotated[
        str | None, _option("Table of annotations. Default: annotations.csv in IMAGES.")
    ] = None,
    validation: Annotated[str | None, _option("Image set measured after each epoch.")] = None,
    preset: Annotated[str, _option("demo or paper; the options below change it.")] = "demo",
    encoder: Annotated[str | None, _option("Encoder of the network, for example resnet34.")] = None,
    decoder_channels: Annotated[
        str | None, _option("Channels of the decoder, two numbers: 64,32.")
    ] = None,
    crop_px: Annotated[int | None, _option("Side of crops; 0: whole images.")] = None,
    pixel_size_um: Annotated[float | None, _option("Scale of the network's images.")] = None,
    lam: Annotated[float | None, _option("Weight of sparse variation; 0: Model A.")] = None,
    optimiser: Annotated[str | None, _option("adam or adamw.")] = None,
    learning_rate: Annotated[float | None, _option("Learning rate at the start.")] = None,
    weight_decay: Annotated[float | None, _option("Weight decay of the optimiser.")] = None,
    decay_to: Annotated[
        float | None, _option("Final share of the learning rate; 1: constant.")
    ] = None,
    intensity: Annotated[float | None, _option("Strength of random exposure, 0 to 1.")] = None,
    blur_px: Annotated[float | None, _option("Largest random blur in pixels.")] = None,
    epochs: Annotated[int | None, _option("Number of epochs; a member is kept after each.")] = None,
    batch_size: Annotated[int | None, _option("Samples of a step, over all devices.")] = None,
    steps_per_epoch: Annotated[
        int | None, _option("Steps of an epoch; 0: as many crops as images.")
    ] = None,
    precision: Annotated[str | None, _option("Precision: auto, float32 or bfloat16.")] = None,
    initial_members: Annotated[str | None, _option("Fine-tune this ensemble.")] = None,
    data_seed: Annotated[int | None, _option("Seed of order, crops and augmentation.")] = None,
    init_seed: Annotated[int | None, _option("Seed of the first weights.")] = None,
    threads: Annotated[int | None, _option("Threads. Default: one per processor.")] = None,
    workers: Annotated[int, _option("Processes that prepare samples; 0: none.")] = 0,
    devices: Annotated[int, _option("GPUs, or processes on a CPU.")] = 1,
    cache_gb: Annotated[float, _option("Memory for images.")] = 4.0,
    max_minutes: Annotated[float | None, _option("Stop after the epoch that exceeds it.")] = None,
    fresh: Annotated[bool, _option("Start again instead of resuming.", "--fresh")] = False,
):
    """Train on annotated images; a killed training goes on when the command is given again."""
    given = dict(locals())  # a copy: the options as given
    from dicentlib.training.commands import train_command

    others = ("images", "out", "preset", "annotations", "validation", "initial_members")
    others += ("max_minutes", "threads", "workers", "devices", "cache_gb")
    options = {name: given.pop(name) for name in others}
    metrics = train_command(**options, resume=not given.pop("fresh"), changes=given)
    typer.echo(metrics.tail(3).to_string(index=False))


@app.command()
def own_slides(
    images: Annotated[Path, _argument("Folder of slides.")],
    out: Annotated[Path, _option("Folder for the results.")],
    members: Annotated[
        str, _option("Ready ensemble by name, or a folder of members.")
    ] = "giemsa-small",
    use_filter: Annotated[bool, _option("Leave out images that the image filter rejects.")] = True,
    use_estimated_scale: Annotated[
        bool, _option("Use the estimated pixel size where none is stated.")
    ] = False,
    n_read: Annotated[int, _option("Objects in the blind read.")] = 60,
    learning: Annotated[
        str | None, _option("Annotated cells of the learning curve, as 0,10,25,50.")
    ] = None,
    seed: Annotated[int, _option("Seed of what is drawn at random.")] = 1,
):
    """How good the detector is on your own slides: notebook 08, from a folder to a page."""
    from dicentlib.runs import notebook_paths, resolve
    from dicentlib.runs.pipeline import run_notebook
    from dicentlib.scoring.samples import results_folder

    if not images.is_dir():
        raise InputError(f"{images}: no such folder; expected a folder of slides")
    results_folder(out, images=images)
    sizes = (learning or "").replace(",", " ").split()
    if not all(size.isdigit() for size in sizes):
        raise InputError(f"--learning {learning!r}: allowed are numbers of cells, as 0,10,25")
    place = Path(members)
    run_notebook(
        notebook_paths()["08_own_slides"],
        resolve(out),
        {
            "images": str(images.absolute()),
            "members": str(place.absolute()) if place.exists() else members,
            "use_filter": use_filter,
            "use_estimated_scale": use_estimated_scale,
            "n_read": n_read,
            "n_cells_learning": [int(size) for size in sizes],
            "seed": seed,
        },
    )
    typer.echo(f"{out / 'own_slides.html'}")


@app.command()
def dose(
    counts: Annotated[Path, _argument("CSV: ID, C0, C1, C2 ... (or ID, N, X).")],
    curve: Annotated[
        str,
        _argument(
            "curve.json, calibration counts (CSV: D, C0, C1 ... or D, N, X) to fit one to, "
            "or the name of a published curve."
        ),
    ],
    out: Annotated[Path | None, _option("Also write the table, as CSV.")] = None,
    method: Annotated[
        str,
        _option(
            "route (a laboratory's, which looks for partial exposure), or one method for "
            "all: merkle, delta, dolphin, mixture, bayesian or detector."
        ),
    ] = "route",
    protraction: Annotated[float, _option("G(x), 1 for an acute exposure.")] = 1.0,
    local_exposure: Annotated[
        bool,
        _option("The history suggests partial-body exposure (route only).", "--local-exposure"),
    ] = False,
):
    """Doses of counted samples, the highest first, with their triage categories."""
    from dicentlib.dose.route_table import route_table, shown_columns
    from dicentlib.dose.table import dose_table
    from dicentlib.errors import InputError
    from dicentlib.files import atomic_path

    if method == "route":
        table = route_table(
            counts, curve, protraction=protraction, local_exposure=local_exposure
        ).rename(columns={"reservations": "warnings"})
        texts = table["conclusion"] + " " + table["warnings"]
    elif local_exposure:
        raise InputError(f"--local-exposure is an option of the route, not of the method {method}")
    else:
        table = dose_table(counts, curve, method=method, protraction=protraction)
        texts = table["warnings"]
    typer.echo(table[shown_columns(table)].round(3).to_string(index=False))
    for sample, text in zip(table["sample"], texts, strict=True):
        if text:
            typer.echo(f"{sample}: {text}")
    if out is not None:
        with atomic_path(out) as temporary:
            table.to_csv(temporary, index=False)
    if table["dose_gy"].isna().all():
        raise typer.Exit(1)


@app.command()
def plan(
    curve: Annotated[str, _argument("As for `dose`: a curve of real dicentrics.")],
    detect_gy: Annotated[float, _option("Dose to be detected (Gy).")] = 0.5,
    width_at_gy: Annotated[float, _option("Dose at which the interval is planned (Gy).")] = 2.0,
    half_width_gy: Annotated[float, _option("Half width of the 95 % interval there (Gy).")] = 0.25,
    part_gy: Annotated[float, _option("Dose to the exposed part of the body (Gy).")] = 3.0,
    fraction: Annotated[float, _option("Exposed part of the body, 0 to 1.")] = 0.5,
    power: Annotated[float, _option("Probability of detecting that partial exposure.")] = 0.9,
    d0_gy: Annotated[
        float, _option("Dose after which 37 % of the cells reach metaphase (Gy).")
    ] = 2.7,
    efficiency: Annotated[
        float | None, _option("Share of dicentrics that a detector finds. Default: by eye.")
    ] = None,
    false_rate: Annotated[float, _option("False dicentrics per cell of that detector.")] = 0.0,
    out: Annotated[Path | None, _option("Also write the table, as CSV.")] = None,
):
    """Cells for a detection limit, an interval, the power to see a part, a calibration series."""
    questions = dict(locals())  # a copy: the options as given
    for name in ("curve", "efficiency", "false_rate", "out"):
        del questions[name]
    from dicentlib.dose import Detector
    from dicentlib.dose.table import read_curve
    from dicentlib.files import atomic_path
    from dicentlib.planning import plan_series, planning_table

    detector = None
    if efficiency is not None or false_rate:
        detector = Detector(1.0 if efficiency is None else efficiency, 0.0, false_rate, 0.0)
    known = read_curve(curve)
    table = planning_table(known, detector=detector, **questions)
    typer.echo(table.drop(columns="note").round(2).to_string(index=False))
    for question, note in zip(table["question"], table["note"], strict=True):
        if note:
            typer.echo(f"{question}: {note}")
    if table.iloc[-1].drop(["question", "note"]).notna().all():
        series = plan_series(known, {width_at_gy: half_width_gy / 2}, detector=detector)
        scoring = "by eye" if detector is None else "with the detector"
        typer.echo(f"\nThe calibration series, {scoring}:\n{series.table.to_string(index=False)}")
    if out is not None:
        with atomic_path(out) as temporary:
            table.to_csv(temporary, index=False)


if __name__ == "__main__":
    app()
