"""Make a ready ensemble by one command: simulate, train from scratch, choose, measure, publish.

    python -m studies.recipes.ready_ensemble run DIR [--minutes 150] [--publish models/giemsa-small]

Whatever is done lies in DIR; the command goes on from there after any stop, on this machine or on
another one that DIR was copied to. Images are simulated at 0.2 um per pixel from one state of the
simulator: DIR begun with another state is refused. A training from random weights by cross entropy
follows, then a refinement by the paper's loss, with a lower rate and more crops without an object.
The rate falls in cycles, and the members are the ends of the refinement's, each with an orientation
of its own. So there is a usable ensemble after every cycle, and --minutes stops a training after
the epoch in which the time is up. On a GPU the passes are recorded as CUDA graphs; on processors
it takes hours. Thresholds are chosen on validation cells of natural proportions, by false
detections per 1000 unexposed cells; test cells are measured once, at the end. Seeds of all sets
differ.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from dicentlib import simulation
from dicentlib.ensemble import load_members, save_member
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, content_digest, read_json, write_json
from dicentlib.simulation import simulate_set
from dicentlib.threads import available_processors
from dicentlib.training import TrainingParameters, read_image_set, train
from studies.natural_cells import measure_natural

SCALE = {"height": 444, "width": 504, "pixel_size_um": 0.2, "images_per_slide": 2}
EXPOSED = {"dose_gy": [1.0, 2.0, 3.0, 4.0], "n_images": 120}
SETS = {
    "train": {
        "n_images": 8000,
        "dose_gy": None,
        "at_least_one_aberration": True,
        "labels_per_image": (1.4, 2.1),
        "negative_fraction": 0.25,
        "reasons": {"covered": 0.05},
        "seed": 501,
    },
    "validation_unexposed": {"n_images": 1000, "dose_gy": 0.0, "seed": 502},
    "validation_exposed": EXPOSED | {"seed": 503},
    "test_unexposed": {"n_images": 1000, "dose_gy": 0.0, "seed": 504},
    "test_exposed": EXPOSED | {"seed": 505},
}
TRAINING = TrainingParameters(
    encoder="resnet18",
    decoder_channels=(64, 32),
    head_bias=-4.0,
    lam_delay=1.0,
    delay_loss="cross entropy",
    pixel_size_um=0.2,
    crop_px=128,
    crop_shares=(0.3, 0.15, 0.55),
    epochs=60,
    samples_per_epoch=19200,
    batch_size=96,
    optimiser="adamw",
    learning_rate=1.5e-3,
    weight_decay=0.01,
    decay_to=0.03,
    cycle_epochs=12,
    flips=True,
    intensity=0.7,
    blur_px=0.6,
)
N_MEMBERS = N_CYCLES = 5
# Going on from the training's last epoch, or from another ensemble and with its encoder.
REFINEMENT = replace(
    TRAINING,
    lam_delay=0.0,
    delay_loss="squared error",
    crop_shares=(0.15, 0.075, 0.775),
    epochs=15,
    learning_rate=6e-4,
    decay_to=0.05,
    cycle_epochs=3,
)
app = typer.Typer(pretty_exceptions_show_locals=False)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of this recipe's files.")]
Minutes = Annotated[float | None, typer.Option(help="Stop the training after this time.")]
Threads = Annotated[int | None, typer.Option(help="Threads and processes; default: all.")]
Publish = Annotated[Path | None, typer.Option(help="Ready ensemble to replace.")]


@app.command()
def run(folder: Folder, minutes: Minutes = None, threads: Threads = None, publish: Publish = None):
    """Do what is not done yet, and print the figures of the ensemble as it is then."""
    options = {"minutes": minutes, "threads": threads}
    n_epochs = fit(folder, folder, TRAINING, **options)
    if n_epochs < TRAINING.epochs:
        finish(folder, folder, threads=threads, publish=publish)
    else:
        last = folder / "training" / "members" / f"epoch_{TRAINING.epochs:03d}.safetensors"
        refine(folder, last, publish=publish, **options)


@app.command()
def refine(
    folder: Folder,
    initial: Annotated[Path, typer.Argument(help="Ensemble; its last member is trained further.")],
    minutes: Minutes = None,
    threads: Threads = None,
    publish: Publish = None,
):
    """Train an ensemble further instead of from scratch: on images of the present simulator."""
    place = folder / "refined"
    encoder = load_members(initial)[-1].metadata["encoder"]
    parameters = replace(REFINEMENT, encoder=encoder)
    fit(folder, place, parameters, initial=initial, minutes=minutes, threads=threads)
    finish(folder, place, threads=threads, publish=publish)


@app.command()
def measure(
    folder: Folder,
    members: Annotated[Path, typer.Argument(help="Ensemble to measure on DIR's cells.")],
    out: Annotated[Path, typer.Argument(help="Receives operating_point.json and measured.csv.")],
):
    """Choose the operating point of any ensemble by the same rule on the same cells."""
    point, table = measure_natural(folder, load_members(members), suffix=f"_{members.name}")
    out.mkdir(parents=True, exist_ok=True)
    point.write(out / "operating_point.json")
    with atomic_path(out / "measured.csv") as temporary:
        table.round(4).to_csv(temporary, index=False)
    typer.echo(table.round(3).to_string(index=False))


def fit(folder, place, parameters, *, initial=None, minutes=None, threads=None):
    """Train in PLACE on DIR's images, keep the members, and return the number of epochs done."""
    simulate(folder, SETS, workers=threads)
    on_gpu = torch.cuda.is_available()
    metrics = train(
        *read_image_set(folder / "data" / "train"),
        place / "training",
        parameters=replace(parameters, compiled=on_gpu),
        initial_members=initial,
        max_minutes=minutes,
        threads=threads,
        workers=max(1, available_processors() - 2) if on_gpu else 0,
    )
    keep(place / "training", member_epochs(len(metrics), parameters.cycle_epochs), place)
    return len(metrics)


def simulate(folder, sets, *, workers=None):
    """Simulate the sets that are not there, from the state of the simulator that DIR began with."""
    record, state = folder / "recipe.json", simulator_digest()
    missing = [name for name in sets if not (folder / "data" / name / "samples.csv").is_file()]
    known = read_json(record)["simulator"] if record.is_file() else state
    if missing and known != state:
        raise InputError(
            f"{folder}: begun with another state of the simulator, and {', '.join(missing)} "
            "not simulated yet; go on with that state, or begin in another folder"
        )
    write_json(record, {"simulator": known})
    for name in missing:
        simulate_set(folder / "data" / name, **SCALE, **sets[name], n_workers=workers)


def simulator_digest():
    """Digest of the simulator's source files."""
    sources = sorted(Path(simulation.__file__).parent.glob("*.py"))
    return content_digest([[path.name, path.read_text()] for path in sources])


def member_epochs(n_epochs, length):
    """Epochs that become members after `n_epochs`: the ends of the last whole cycles of `length`.

    Examples
    --------
    >>> member_epochs(26, 5)
    [5, 10, 15, 20, 25]
    >>> member_epochs(13, 6)
    [5, 6, 10, 11, 12]
    """
    ends = [end for end in range(length, n_epochs + 1, length)][-N_CYCLES:]
    if not ends:
        raise InputError(f"{n_epochs} epochs done; an ensemble needs a cycle of {length}")
    each = -(-N_MEMBERS // len(ends))
    epochs = [end - back for end in ends for back in reversed(range(min(each, length)))]
    return epochs[-N_MEMBERS:]


def keep(training, epochs, place):
    """Write members to PLACE/members, in half the size; they compute in float32."""
    names = [f"epoch_{epoch:03d}.safetensors" for epoch in epochs]
    for member in load_members([training / "members" / name for name in names]):
        path = place / "members" / f"{member.name}.safetensors"
        save_member(path, member.model, member.metadata | {"precision": "float32"}, half=True)
    for path in (place / "members").glob("*.safetensors"):
        if path.name not in names:
            path.unlink()


def finish(folder, place, *, threads, publish):
    """Choose and measure the ensemble in PLACE on the cells in DIR; publish it where asked."""
    if threads:
        torch.set_num_threads(threads)
    measure(folder, place, place)
    if publish:
        shutil.rmtree(publish / "members", ignore_errors=True)
        shutil.copytree(place / "members", publish / "members")
        for name in ("operating_point.json", "measured.csv"):
            shutil.copy(place / name, publish / name)


if __name__ == "__main__":
    app()
