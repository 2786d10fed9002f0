"""Make the ready image filter: simulate its images, train the small network, measure.

    python -m studies.recipes.ready_filter simulate runs/ready_filter
    python -m studies.recipes.ready_filter train runs/ready_filter
    python -m studies.recipes.ready_filter measure runs/ready_filter

Half of the images may be scored; the others have the four reasons alike. `train` writes
``models/filter-small``; the epoch and the threshold are chosen on the validation set. `measure`
uses the test set alone, and prints the table that the model card quotes. The numbers of images
are the paper's, to the next multiple of the five doses.
"""

from dataclasses import replace
from pathlib import Path

import typer

from dicentlib.data import index_images
from dicentlib.filtering import FilterRules, FilterSettings, classify_folder, save_filter
from dicentlib.filtering.assessment import (
    assess,
    choose_overruling,
    choose_threshold,
    confusion_by_reason,
)
from dicentlib.filtering.image_set import open_filter_set
from dicentlib.filtering.network import ImageFilter, load_filter
from dicentlib.filtering.training import FilterTrainingParameters, train_filter
from dicentlib.simulation import REASONS, simulate_set

DOSES = [0.0, 1.0, 2.0, 3.0, 4.0]
SEEDS = {"training": 301, "validation": 302, "test": 303}
MAX_LOST = 0.005  # share of available validation images that the network may reject
READY = Path(__file__).parents[2] / "models" / "filter-small"
app = typer.Typer(pretty_exceptions_show_locals=False)


@app.command()
def simulate(
    run: Path,
    n_training: int = 16400,
    n_validation: int = 1640,
    n_test: int = 2040,
    only: str = "",
):
    """Simulate the sets into RUN/data at 0.2 um per pixel, or ONLY one of them."""
    sizes = {"training": n_training, "validation": n_validation, "test": n_test}
    for name, n_images in sizes.items():
        if only in ("", name):
            simulate_set(
                run / "data" / name,
                n_images=n_images // len(DOSES),
                dose_gy=DOSES,
                seed=SEEDS[name],
                height=444,
                width=504,
                pixel_size_um=0.2,
                reasons=dict.fromkeys(REASONS, 0.5 / len(REASONS)),
                images_per_slide=2,
            )


@app.command()
def train(
    run: Path,
    epochs: int = 20,
    learning_rate: float = 1e-3,
    decay: float = 0.9,
    architecture: str = "small",
    pretrained: bool = False,
    image_size: int = 299,
    go_on: bool = False,
    out: Path = READY,
):
    """Train on RUN/data and write OUT/filter.safetensors; GO_ON from what is there.

    PRETRAINED: from ImageNet weights (inception_v3 as in the paper, efficientnet_lite0).
    IMAGE_SIZE: pixels of a side of what the network sees; the paper has 299.
    """
    sets = [
        open_filter_set(run / "data" / name, image_size=image_size)
        for name in ("training", "validation")
    ]
    trained = train_filter(
        *((data.inputs, data.available) for data in sets),
        hints=sets[0].hints,
        parameters=FilterTrainingParameters(
            architecture=architecture,
            epochs=epochs,
            learning_rate=learning_rate,
            decay=decay,
            pretrained=pretrained,
        ),
        start=load_filter(out).network if go_on else None,
    )
    typer.echo(trained.history.round(4).to_string(index=False))
    settings = FilterSettings(architecture, image_size, 0.0, FilterRules())
    p_available = ImageFilter(trained.network, settings).probabilities(sets[1].inputs)
    threshold = choose_threshold(p_available, sets[1].available, max_lost=MAX_LOST)
    judged = sets[1].table.assign(p_available=p_available)
    rules = choose_overruling(judged, sets[1].available, threshold=threshold, rules=settings.rules)
    settings = replace(
        settings,
        threshold=threshold,
        rules=rules,
        trained_on=f"{len(sets[0].inputs)} simulated images",
    )
    typer.echo(f"threshold {threshold:.3f}, rules overruled from {rules.overruled_from}")
    save_filter(out / "filter.safetensors", trained.network, settings)


@app.command()
def measure(run: Path, weights: Path = READY):
    """Accuracy of the whole filter on RUN/data/test."""
    index = index_images(run / "data" / "test")
    table = classify_folder(index, weights)
    truth = index.table.set_index("image").loc[table["image"]]
    available = (truth["quality"] == "available").to_numpy()
    typer.echo(assess(table["available"], available).round(4).to_string())
    typer.echo(confusion_by_reason(table, truth["reason"].fillna("")).to_string())


if __name__ == "__main__":
    app()
