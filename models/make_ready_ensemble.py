"""Make a ready ensemble: simulate its images, train, choose the operating point, measure.

    python models/make_ready_ensemble.py simulate runs/ready
    python models/make_ready_ensemble.py train runs/ready
    python models/make_ready_ensemble.py refine runs/ready
    python models/make_ready_ensemble.py keep runs/ready
    python models/make_ready_ensemble.py measure runs/ready
    python models/make_ready_ensemble.py publish runs/ready models/giemsa-small

Images are simulated at 888 x 1008 (0.1 um per pixel) and brought to 0.2 um for the network: the
blur of the optics leaves nothing finer to be seen. The first training is rich in aberrations; the
second, shorter one goes on from its last member with the numbers of dicentrics and fragments that
the paper's images have, so that precision is learnt too. Seeds of the training, validation and
test sets differ. The operating point is the paper's: more than
40 % of the members above 0.5; the model card tells how it came to be used.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from dicentlib.data import CLASSES, index_images, read_annotations
from dicentlib.ensemble import load_members, save_member
from dicentlib.evaluation import image_set
from dicentlib.operating_point import OperatingPoint
from dicentlib.simulation import simulate_set
from dicentlib.training import TrainingParameters, train

PARAMETERS = TrainingParameters(
    encoder="tu-resnet10t",
    decoder_channels=(64, 32),
    head_bias=-4.0,
    lam_delay=0.4,
    delay_loss="cross entropy",
    pixel_size_um=0.2,
    crop_px=128,
    epochs=36,
    samples_per_epoch=9600,
    batch_size=24,
    optimiser="adamw",
    learning_rate=1.5e-3,
    weight_decay=0.01,
    decay_to=0.1,
    flips=True,
    intensity=0.7,
    blur_px=0.6,
)
REFINEMENT = replace(
    PARAMETERS,
    crop_shares=(0.2, 0.1, 0.7),
    lam_delay=0.0,
    delay_loss="squared error",
    learning_rate=4e-4,
    epochs=12,
    samples_per_epoch=4080,
)
app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def simulate(run: Path, n_training: int = 3000, workers: int = 0):
    """Simulate the training, validation and test sets into RUN/data."""
    simulate_set(
        run / "data" / "train",
        n_images=n_training,
        dose_gy=None,
        at_least_one_aberration=True,
        labels_per_image=(2.5, 3.75),
        negative_fraction=0.1,
        reasons={"covered": 0.05, "several_cells": 0.05},
        images_per_slide=2,
        seed=101,
        n_workers=workers or None,
    )
    simulate_set(
        run / "data" / "train_natural",
        n_images=n_training * 3 // 10,
        dose_gy=None,
        at_least_one_aberration=True,
        labels_per_image=(0.925, 1.389),
        negative_fraction=0.3,
        reasons={"covered": 0.05},
        images_per_slide=2,
        seed=104,
        n_workers=workers or None,
    )
    doses = [0.0, 1.0, 2.0, 3.0, 4.0]
    for name, n_images, seed in (("validation", 30, 102), ("test", 50, 103)):
        simulate_set(
            run / "data" / name,
            n_images=n_images,
            dose_gy=doses,
            seed=seed,
            n_workers=workers or None,
        )


@app.command("train")
def train_members(run: Path, threads: int = 0):
    """Train on RUN/data/train; members go to RUN/first/members. Goes on where it was stopped."""
    _train(run, "train", run / "first", PARAMETERS, threads)


@app.command()
def refine(run: Path, threads: int = 0):
    """Go on with RUN/data/train_natural from the last member; members go to RUN/second."""
    _train(run, "train_natural", run / "second", REFINEMENT, threads, initial_members=run / "first")


@app.command()
def keep(run: Path, n_members: int = 8):
    """Copy the last members to RUN/members, in half the size; they compute in float32."""
    for member in load_members(run / "second")[-n_members:]:
        path = run / "members" / f"{member.name}.safetensors"
        save_member(path, member.model, member.metadata | {"precision": "float32"}, half=True)


@app.command()
def measure(run: Path):
    """Write RUN/operating_point.json, and RUN/measured.csv: counts on validation and test set."""
    members = load_members(run)
    agreement = int(0.4 * len(members))
    OperatingPoint(
        confidence_threshold=dict.fromkeys(CLASSES, 0.5),
        agreement_threshold=dict.fromkeys(CLASSES, agreement),
        n_members=len(members),
        members=tuple(member.digest for member in members),
        rule="the paper's: more than 40 % of the members above 0.5",
    ).write(run / "operating_point.json")
    rows = []
    for name in ("validation", "test"):
        images = image_set.open_evaluation_set(run, name, members)
        for class_name in CLASSES:
            surface = image_set.class_surface(
                images,
                class_name,
                confidence_thresholds=[0.5],
                agreement_thresholds=[agreement],
                ensembles=np.arange(len(members))[None],
            )
            tp, fp, fn = (int(counts.item()) for counts in (surface.tp, surface.fp, surface.fn))
            rows.append((name, class_name, tp, fp, fn, tp / max(tp + fp, 1), tp / max(tp + fn, 1)))
    columns = ["set (simulated)", "class", "tp", "fp", "fn", "precision", "recall"]
    table = pd.DataFrame(rows, columns=columns).round(3)
    table.to_csv(run / "measured.csv", index=False)
    typer.echo(table.to_string(index=False))


@app.command()
def publish(run: Path, target: Path):
    """Copy members, operating point and its figures into the repository."""
    (target / "members").mkdir(parents=True, exist_ok=True)
    for path in sorted((run / "members").glob("*.safetensors")):
        shutil.copy(path, target / "members" / path.name)
    for name in ("operating_point.json", "measured.csv"):
        shutil.copy(run / name, target / name)


def _train(run, name, out, parameters, threads, **options):
    index = index_images(run / "data" / name)
    annotations = read_annotations(run / "data" / name / "annotations.csv", index)
    threads = threads or None
    metrics = train(index, annotations, out, parameters=parameters, threads=threads, **options)
    typer.echo(metrics.tail(3).to_string(index=False))


if __name__ == "__main__":
    app()
