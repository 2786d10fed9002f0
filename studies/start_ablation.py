"""Which network and which start train best in the same processor time?

    python -m studies.start_ablation TRAIN VALIDATION OUT [--steps 300] [--members FOLDER]
        [--table FILE]

ResNet-10-T and EfficientNet-Lite0 from random weights, EfficientNet-Lite0 from ImageNet weights,
and, with --members, a training that goes on from an ensemble. All see the same crops; a step of
either network takes about the same time, and the table says what each took. Writes
OUT/ablation.csv: the average precision of the last network alone, ranked by its heatmap; FILE
receives it for the documentation.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.ensemble import last_member_paths, load_members
from dicentlib.model import LITE0
from dicentlib.training import read_image_set, train
from studies.orientation_ablation import marked_detections, ranking
from studies.recipes.ready_ensemble import TRAINING

LITE0_TRAINING = replace(
    TRAINING, encoder=LITE0, encoder_weights="imagenet", batch_size=24, learning_rate=1e-3
)
RESNET = {"encoder": "tu-resnet10t", "encoder_weights": None}
VARIANTS = {
    "ResNet-10-T, random": RESNET,
    "EfficientNet-Lite0, random": {"encoder_weights": None},
    "EfficientNet-Lite0, ImageNet": {},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train")
    parser.add_argument("validation")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", default="", help="begins the name of the variants to train")
    parser.add_argument("--members", help="go on from this ensemble too")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--table", type=Path, help="CSV file for the table of the documentation")
    arguments = parser.parse_args()
    variants = VARIANTS | ({"going on from members": RESNET} if arguments.members else {})
    train_set = read_image_set(arguments.train)
    size = LITE0_TRAINING.batch_size * arguments.steps // 4
    rows = []
    for number, (name, changes) in enumerate(variants.items()):
        if not name.startswith(arguments.only):
            continue
        parameters = replace(
            LITE0_TRAINING,
            epochs=4,
            cycle_epochs=None,
            samples_per_epoch=size,
            lam_delay=0.5,
            **changes,
        )
        going_on = name == "going on from members"
        if going_on:
            parameters = replace(parameters, lam_delay=0.0, learning_rate=5e-4)
        folder, before = arguments.out / f"variant_{number}", time.process_time()
        train(
            *train_set,
            folder,
            parameters=parameters,
            initial_members=arguments.members if going_on else None,
            threads=arguments.threads,
        )
        seconds = time.process_time() - before
        members = load_members(last_member_paths(folder, 1))
        marked, truth = marked_detections(members, arguments.validation)
        for class_name in CLASSES:
            n_truth = int((truth["class"] == class_name).sum())
            ranked = ranking(marked[marked["class"] == class_name], n_truth)
            head = {"variant": name, "class": class_name, "objects": n_truth}
            rows.append(head | {"processor seconds": round(seconds)} | ranked)
    table = pd.DataFrame(rows)
    table.to_csv(arguments.out / f"ablation{arguments.only[:3]}.csv", index=False)
    print(table.round(3).to_string(index=False))
    if arguments.table:
        table.round(2).to_csv(arguments.table, index=False)


if __name__ == "__main__":
    main()
