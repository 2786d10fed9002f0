"""Adam with L2 decay or AdamW with decoupled decay: which trains from random weights?

    python -m studies.optimiser_ablation TRAIN VALIDATION OUT [--epochs 6] [--table FILE]

Every variant starts from the same weights and sees the same crops. Writes OUT/ablation.csv:
per variant the mean over the last third of the epochs of losses, precision and recall; FILE
receives the table of the documentation.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.training import PRESETS, epoch_rates, read_image_set, train

VARIANTS = {
    "Adam, L2 0.1, rate 3e-4 (paper)": ("adam", 0.1, 3e-4),
    "AdamW, decay 0.1, rate 3e-4": ("adamw", 0.1, 3e-4),
    "AdamW, decay 0.01, rate 1.5e-3": ("adamw", 0.01, 1.5e-3),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train")
    parser.add_argument("validation")
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--samples-per-epoch", type=int, default=2400)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--table", type=Path, help="CSV file for the table of the documentation")
    arguments = parser.parse_args()
    train_set = read_image_set(arguments.train)
    validation_set = read_image_set(arguments.validation, n_images=40)
    rows = {}
    for number, (name, (optimiser, decay, rate)) in enumerate(VARIANTS.items()):
        parameters = replace(
            PRESETS["demo"],
            optimiser=optimiser,
            weight_decay=decay,
            learning_rate=rate,
            epochs=arguments.epochs,
            samples_per_epoch=arguments.samples_per_epoch,
        )
        metrics = train(
            *train_set,
            arguments.out / f"variant_{number}",
            parameters=parameters,
            validation=validation_set,
            threads=arguments.threads,
        )
        last = -(-len(metrics) // 3)
        rates = epoch_rates(metrics).filter(regex="precision|recall").tail(last).mean()
        losses = metrics[["train_loss", "validation_loss"]].tail(last).mean()
        rows[name] = pd.concat([losses, rates])
    table = pd.DataFrame(rows).T
    table.to_csv(arguments.out / "ablation.csv", index_label="variant")
    print(table.round(3).to_string())
    if arguments.table:
        documented(table).to_csv(arguments.table, index_label="optimiser")


def documented(table):
    """The table as the documentation shows it, all text."""
    texts = {
        name.replace("_", " "): table[name].map("{:.1f}".format)
        for name in ("train_loss", "validation_loss")
    }
    for name in CLASSES:
        rates = [table[f"{name}_{rate}"].map("{:.2f}".format) for rate in ("precision", "recall")]
        texts[f"{name} precision, recall"] = rates[0] + ", " + rates[1]
    return pd.DataFrame(texts)


if __name__ == "__main__":
    main()
