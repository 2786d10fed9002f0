"""A training small enough for tests, also a program: ``training_case.py FOLDER [MOMENT...]``.

With moments, it trains once for each and is killed then; without, on two processes.

Blobs on a light field stand for chromosomes: wide ones are "dicentrics", narrow ones
"fragments". Eight images of 64 x 64, three epochs of two steps.
"""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from dicentlib.data.index import index_images
from dicentlib.training import TrainingParameters, train

PARAMETERS = {
    "encoder": "tu-test_resnet",
    "decoder_channels": (16, 8),
    "head_bias": -2.0,
    "lam_delay": 0.3,
    "crop_px": 32,
    "samples_per_epoch": 8,
    "epochs": 3,
    "batch_size": 4,
    "optimiser": "adamw",
    "learning_rate": 1e-3,
    "decay_to": 0.1,
    "flips": True,
    "precision": "float32",
}


def make_image_set(folder, *, n_images=8, side=64):
    """Write blob images; returns their index and annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows, cols = np.indices((side, side))
    annotations = []
    for i in range(n_images):
        image = np.full((side, side), 0.9)
        for name, width in (("dicentric", 6.0), ("fragment", 2.0)):
            row, col = rng.uniform(8, side - 8, size=2)
            image -= 0.6 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * width**2))
            annotations.append((f"{i}.png", name, row, col))
        Image.fromarray((255 * image.clip(0, 1)).astype(np.uint8)).save(folder / f"{i}.png")
    table = pd.DataFrame(annotations, columns=["image", "class", "row", "col"])
    return index_images(folder), table


def run(out, images, **options):
    """Train the case into `out`; `options` change parameters or are passed to ``train``.

    One thread: sums of several threads depend on their number in the last bit.
    """
    options = {"threads": 1} | options
    index, annotations = make_image_set(images)
    names = set(TrainingParameters.__dataclass_fields__)
    changes = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    parameters = TrainingParameters(**(PARAMETERS | changes))
    return train(index, annotations, out, parameters=parameters, accelerator="cpu", **others)


def kill_self_at(moment):
    """Arrange that this process kills itself, for example at its third rename: "rename-3"."""
    kind, count = moment.split("-")
    name = {"rename": "replace", "sync": "fsync"}[kind]
    original, calls = getattr(os, name), [0]

    def counting(*arguments, **options):
        calls[0] += 1
        if calls[0] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(os, name, counting)


def run_and_kill(folder, moment):
    """Train in a process of its own that is killed at a moment: "rename-3", "after-0.7" (s)."""
    child = os.fork()
    if child == 0:
        if not moment.startswith("after"):
            kill_self_at(moment)
        run(folder / "run", folder / "images")
        os._exit(0)
    if moment.startswith("after"):
        time.sleep(float(moment.removeprefix("after-")))
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    faulthandler.dump_traceback_later(900, exit=True)  # says where it hangs, should it ever
    folder, *moments = sys.argv[1:]
    if moments:
        print({moment: run_and_kill(Path(folder) / moment, moment) for moment in moments})
    else:
        run(Path(folder) / "run", Path(folder) / "images", devices=2)
