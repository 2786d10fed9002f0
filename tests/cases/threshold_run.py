"""A run folder for tests of thresholds: image sets, members, and heatmaps made from the truth.

The members are small networks with random weights; their heatmaps are not computed but written
in advance: every member sees each annotated object with its own height and shift, misses some,
and sees spots that are not there. Notebook and explorer find them and compute nothing.
"""

import numpy as np
import pandas as pd
from PIL import Image

from dicentlib.data import CLASSES, index_images, read_annotations, write_annotations
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.data.targets import STRIDE, padded_shape
from dicentlib.ensemble import HeatmapStore, load_members, save_member
from dicentlib.files import atomic_path
from dicentlib.model import HeatmapUnet

METADATA = {"pixel_size_um": 0.2, "sigma": 2.0, "stride": STRIDE}


def make_run(run, *, n_images, n_members, shape, seed=0, sets=("validation", "test")):
    """Write ``data/``, ``members/`` and ``heatmaps/`` below `run`."""
    for epoch in range(n_members):
        model = HeatmapUnet("timm-mobilenetv3_small_100", decoder_channels=(8, 4))
        path = run / "members" / f"epoch_{epoch:03d}.safetensors"
        save_member(path, model, METADATA | {"epoch": epoch})
    digests = [member.digest for member in load_members(run)]
    for number, name in enumerate(sets):
        rng = np.random.default_rng((seed, number))
        annotations = write_image_set(run / "data" / name, rng, n_images=n_images, shape=shape)
        names = [f"images/{i:06d}.png" for i in range(n_images)]
        HeatmapStore.write(
            run / "heatmaps" / f"{name}.parquet",
            (heatmaps_of(rng, annotations, image, n_members, shape) for image in names),
            names,
            digests=digests,
            content=open_set(run / "data" / name).content_digest(),
        )
    return run


def open_set(folder):
    """The image set as an evaluation opens it, at the members' pixel size."""
    index = index_images(folder)
    annotations = read_annotations(folder / "annotations.csv", index)
    return MetaphaseDataset(index, annotations, pixel_size_um=METADATA["pixel_size_um"])


def write_image_set(folder, rng, *, n_images, shape):
    """Grey fields with a dark disk at each annotated object; a third of the cells are empty."""
    (folder / "images").mkdir(parents=True)
    rows, cols = np.indices(shape)
    annotations, samples = [], []
    for i in range(n_images):
        image = 0.9 + rng.normal(0, 0.02, shape)
        exposed = i % 3 != 0
        for class_name in CLASSES:
            for _ in range(rng.poisson(1.5) if exposed else 0):
                row, col = rng.uniform(16, np.array(shape) - 16)
                image[np.hypot(rows - row, cols - col) < 9] = 0.3
                annotations.append((f"images/{i:06d}.png", class_name, row, col))
        picture = np.clip(image * 255, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / "images" / f"{i:06d}.png")
        samples.append((f"images/{i:06d}.png", 2.0 if exposed else 0.0, 0.2))
    table = pd.DataFrame(annotations, columns=["image", "class", "row", "col"])
    write_annotations(folder / "annotations.csv", table)
    with atomic_path(folder / "samples.csv") as path:
        columns = ["image", "dose_gy", "pixel_size_um"]
        pd.DataFrame(samples, columns=columns).to_csv(path, index=False)
    return table


def heatmaps_of(rng, annotations, image, n_members, shape):
    """Heatmaps (M, 2, h, w) that find most of the annotated objects of one image."""
    height, width = (side // STRIDE for side in padded_shape(shape))
    heatmaps = np.zeros((n_members, 2, height, width), dtype=np.float32)
    here = annotations[annotations["image"] == image]
    rows, cols = np.indices((height, width))
    for channel, class_name in enumerate(CLASSES):
        true = here.loc[here["class"] == class_name, ["row", "col"]].to_numpy() / STRIDE
        spurious = rng.uniform(2, (height - 2, width - 2), (rng.poisson(1.0), 2))
        spots = [*((spot, 4, 2) for spot in true), *((spot, 1, 4) for spot in spurious)]
        for spot, a, b in spots:
            height_by_member = np.clip(rng.beta(a, b) + rng.normal(0, 0.15, n_members), 0, 0.97)
            for member in range(n_members):
                row, col = spot + rng.normal(0, 0.6, 2)
                bump = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 8)
                bump = (height_by_member[member] * bump).astype(np.float32)
                np.maximum(heatmaps[member, channel], bump, out=heatmaps[member, channel])
    return heatmaps
