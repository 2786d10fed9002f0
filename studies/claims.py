"""The paper's three claims on simulated cells of natural proportions, one small network for all.

    python -m studies.claims DIR [--minutes 150] [--threads 1] [--table FILE]

DIR holds the sets of ``studies.recipes.ready_ensemble run DIR``. Model B (lambda 0.2) is trained
from ImageNet weights, by cross entropy first. Model A (lambda 0) goes on from the last epoch before
lambda counts, which both share. Networks of the last half of A's whole cycles are compared with
those of the same epochs of B, on the exposed test cells. Again after a stop, the command goes on;
--minutes stops each training after the epoch in which the time is up.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dicentlib.errors import InputError
from dicentlib.files import atomic_path
from dicentlib.model import LITE0
from dicentlib.training import read_image_set, train
from studies.paper_tables import PAPER_SIZE, documented, measure_models, paper_claims
from studies.recipes import ready_ensemble

SHARED = 48  # epochs
# Many short epochs: the claims are about networks of late epochs.
MODEL_B = replace(
    ready_ensemble.TRAINING,
    encoder=LITE0,
    encoder_weights="imagenet",
    lam_delay=1 / 3,
    epochs=3 * SHARED,
    samples_per_epoch=2400,
    batch_size=24,
    learning_rate=1e-3,
    cycle_epochs=6,
)
MODEL_A = replace(MODEL_B, encoder_weights=None, lam=0.0, lam_delay=0.0, epochs=2 * SHARED)


def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds the recipe's sets.")],
    minutes: Annotated[float | None, typer.Option(help="Stop each training after so many.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: all.")] = None,
    table_file: Annotated[Path | None, typer.Option("--table", help="CSV for the docs.")] = None,
):
    """Train what is not trained yet, measure, and say which claims hold."""
    place = folder / "claims"
    train_set = read_image_set(folder / "data" / "train")
    options = {"max_minutes": minutes, "threads": threads}
    compiled = shutil.which("g++") is not None
    n_epochs = {}
    for name, parameters, initial in (
        ("b", MODEL_B, None),
        ("a", MODEL_A, network(place, "b", SHARED)),
    ):
        metrics = train(
            *train_set,
            place / f"model_{name}",
            parameters=replace(parameters, compiled=compiled),
            initial_members=initial,
            **options,
        )
        n_epochs[name] = len(metrics)
        if len(metrics) < parameters.cycle_epochs + (SHARED if name == "b" else 0):
            raise InputError(
                f"model {name.upper()}: {len(metrics)} epochs done, too few to compare"
            )
    n_cycles = min(n_epochs["a"], n_epochs["b"] - SHARED) // MODEL_A.cycle_epochs
    epochs = range(n_cycles // 2 * MODEL_A.cycle_epochs + 1, n_cycles * MODEL_A.cycle_epochs + 1)
    members = {
        f"model {name.upper()}": [network(place, name, first + epoch) for epoch in epochs]
        for name, first in (("a", 0), ("b", SHARED))
    }
    test_set = read_image_set(folder / "data" / "test_exposed")
    table = measure_models(members, test_set, place, size=min(PAPER_SIZE, len(epochs)))
    typer.echo(documented(table).to_string(index=False))
    typer.echo("\n".join(paper_claims(table)))
    if table_file:
        with atomic_path(table_file) as temporary:
            documented(table).to_csv(temporary, index=False)


def network(place, name, epoch):
    """File of an epoch's network of model "a" or "b"."""
    return place / f"model_{name}" / "members" / f"epoch_{epoch:03d}.safetensors"


if __name__ == "__main__":
    typer.run(main)
