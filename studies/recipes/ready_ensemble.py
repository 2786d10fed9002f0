"""Make a ready ensemble: simulate its images, train, choose the operating point, measure.

    python -m studies.recipes.ready_ensemble simulate runs/ready
    python -m studies.recipes.ready_ensemble train runs/ready
    python -m studies.recipes.ready_ensemble keep runs/ready
    python -m studies.recipes.ready_ensemble measure runs/ready
    python -m studies.recipes.ready_ensemble publish runs/ready models/giemsa-small

Images are simulated at 888 x 1008 (0.1 um per pixel) and brought to 0.2 um for the network: the
blur of the optics leaves nothing finer to be seen. Seven trainings follow one another. The first
is rich in aberrations, so that the network leaves the empty heatmap; the others go on from the
last member before them, in the end with as few as whole cells have: precision is learnt there.
Seeds of the training, validation and test sets differ. The operating point is chosen on the
validation set alone.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from dicentlib.data import CLASSES, index_images, read_annotations
from dicentlib.ensemble import load_members, save_member
from dicentlib.evaluation import image_set, rules
from dicentlib.operating_point import OperatingPoint
from dicentlib.simulation import simulate_set
from dicentlib.training import PRESETS, train


def training_set(n_images, labels_per_image, negative_fraction, seed, **reasons):
    """Options of a simulated training set: aberrations in each image but the negative ones."""
    return {
        "n_images": n_images,
        "dose_gy": None,
        "at_least_one_aberration": True,
        "labels_per_image": labels_per_image,
        "negative_fraction": negative_fraction,
        "reasons": reasons,
        "images_per_slide": 2,
        "seed": seed,
    }


TRAINING_SETS = {
    "train": training_set(3000, (2.5, 3.75), 0.1, 101, covered=0.05, several_cells=0.05),
    "train_natural": training_set(900, (0.925, 1.389), 0.3, 104, covered=0.05),
    "train_more": training_set(4500, (1.4, 2.1), 0.25, 105, covered=0.05),
    "train_last": training_set(3200, (0.925, 1.389), 0.3, 106, covered=0.05),
    "train_fifth": training_set(5000, (1.4, 2.1), 0.25, 107, covered=0.05),
    "train_sixth": training_set(5000, (1.4, 2.1), 0.25, 108, covered=0.05),
    "train_seventh": training_set(6000, (1.4, 2.1), 0.25, 109, covered=0.05),
}
DOSES = [0.0, 1.0, 2.0, 3.0, 4.0]
MIN_PRECISION = {"dicentric": 0.75, "fragment": 0.75}  # on the validation set
HELD_OUT = {"validation": (60, 202), "test": (60, 204)}  # cells at each dose, seed
FIRST = replace(
    PRESETS["demo"],
    epochs=36,
    samples_per_epoch=9600,
    learning_rate=1.5e-3,
    decay_to=0.1,
    intensity=0.7,
    blur_px=0.6,
)
SECOND = replace(
    FIRST,
    crop_shares=(0.2, 0.1, 0.7),
    lam_delay=0.0,
    delay_loss="squared error",
    learning_rate=4e-4,
    epochs=12,
    samples_per_epoch=4080,
)
THIRD = replace(
    SECOND,
    crop_shares=(0.3, 0.15, 0.55),
    learning_rate=1e-3,
    decay_to=0.05,
    epochs=32,
    samples_per_epoch=12000,
)
FOURTH = replace(
    SECOND,
    crop_shares=(0.1, 0.05, 0.85),
    learning_rate=6e-4,
    decay_to=0.05,
    epochs=14,
    samples_per_epoch=11520,
)
FIFTH = replace(
    FOURTH,
    crop_shares=(0.15, 0.075, 0.775),
    learning_rate=1e-3,
    decay_to=0.03,
    epochs=32,
)
SIXTH = replace(FIFTH, epochs=28)
SEVENTH = replace(FIFTH, epochs=27, data_seed=1)
STAGES = {"first": ("train", FIRST), "second": ("train_natural", SECOND),
          "third": ("train_more", THIRD), "fourth": ("train_last", FOURTH),
          "fifth": ("train_fifth", FIFTH), "sixth": ("train_sixth", SIXTH),
          "seventh": ("train_seventh", SEVENTH)}  # fmt: skip
app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def simulate(run: Path, only: str = "", workers: int = 0):
    """Simulate the training, validation and test sets into RUN/data, or ONLY one of them."""
    sets = dict(TRAINING_SETS)
    for name, (n_images, seed) in HELD_OUT.items():
        sets[name] = {"dose_gy": DOSES, "n_images": n_images, "seed": seed}
    for name, options in sets.items():
        if only in ("", name):
            simulate_set(run / "data" / name, **options, n_workers=workers or None)


@app.command("train")
def train_members(
    run: Path,
    threads: int = 0,
    only: str = "",
    initial: Path | None = None,
):
    """Train; members go to RUN/first ... RUN/seventh. Goes on where it was stopped.

    ONLY one stage starts from the INITIAL members, for example those that are published.
    """
    if only not in ("", *STAGES):
        raise typer.BadParameter(f"stage {only!r}; allowed: {', '.join(STAGES)}")
    for stage, (name, parameters) in STAGES.items():
        if only not in ("", stage):
            continue
        index = index_images(run / "data" / name)
        annotations = read_annotations(run / "data" / name / "annotations.csv", index)
        metrics = train(
            index,
            annotations,
            run / stage,
            parameters=parameters,
            threads=threads or None,
            initial_members=initial,
        )
        initial = run / stage
        typer.echo(metrics.tail(3).to_string(index=False))


@app.command()
def keep(run: Path, n_members: int = 8):
    """Copy the last members to RUN/members, in half the size; they compute in float32."""
    for member in load_members(run / list(STAGES)[-1])[-n_members:]:
        path = run / "members" / f"{member.name}.safetensors"
        save_member(path, member.model, member.metadata | {"precision": "float32"}, half=True)


@app.command()
def measure(run: Path):
    """Write RUN/operating_point.json, chosen on validation, and RUN/measured.csv for both sets."""
    members = load_members(run)
    grid = {
        "confidence_thresholds": np.linspace(0.05, 0.95, 19).round(2),
        "agreement_thresholds": range(len(members)),
        "ensembles": np.arange(len(members))[None],
    }
    rows, thresholds = [], {}
    for name in HELD_OUT:
        images = image_set.open_evaluation_set(run, name, members)
        for class_name in CLASSES:
            surface = image_set.class_surface(images, class_name, **grid)
            if name == "validation":
                thresholds[class_name] = rules.highest_recall_at_precision(
                    surface, min_precision=MIN_PRECISION[class_name]
                )
            choice = thresholds[class_name]
            at = (
                0,
                list(surface.confidence_thresholds).index(choice.confidence_threshold),
                choice.agreement_threshold,
            )
            tp, fp, fn = (int(counts[at]) for counts in (surface.tp, surface.fp, surface.fn))
            rows.append((name, class_name, tp, fp, fn, tp / max(tp + fp, 1), tp / max(tp + fn, 1)))
    OperatingPoint(
        confidence_threshold={name: c.confidence_threshold for name, c in thresholds.items()},
        agreement_threshold={name: c.agreement_threshold for name, c in thresholds.items()},
        n_members=len(members),
        members=tuple(member.digest for member in members),
        rule="; ".join(f"{name}: {c.rule}" for name, c in thresholds.items())
        + " on simulated validation cells",
    ).write(run / "operating_point.json")
    columns = ["set (simulated)", "class", "tp", "fp", "fn", "precision", "recall"]
    table = pd.DataFrame(rows, columns=columns).round(3)
    table.to_csv(run / "measured.csv", index=False)
    typer.echo(table.to_string(index=False))


@app.command()
def publish(run: Path, target: Path):
    """Replace members, operating point and its figures in the repository."""
    shutil.rmtree(target / "members", ignore_errors=True)
    (target / "members").mkdir(parents=True)
    for path in sorted((run / "members").glob("*.safetensors")):
        shutil.copy(path, target / "members" / path.name)
    for name in ("operating_point.json", "measured.csv"):
        shutil.copy(run / name, target / name)


if __name__ == "__main__":
    app()
