"""Real fields with other colours, light and scale: does the image filter judge them as before?

Few colour fields of solid Giemsa are public. Here real grey fields are given the background and
the stain of colour cameras, or another scale that nobody states, and judged again. The cells,
their neighbours and their focus stay real; only what the camera makes of them is simulated.
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from dicentlib.data import index_images, read_image
from dicentlib.filtering import classify_folder
from studies.transfer import real_image_sets

SOLID = ("adci_demo", "cohesion_giemsa")  # sets of solid Giemsa
# Background and optical density of the stain relative to the grey image, in red, green, blue.
COLOURS = {
    "purple on grey-blue": ((0.53, 0.55, 0.62), (0.9, 1.25, 0.6)),
    "blue": ((0.60, 0.66, 0.72), (1.1, 0.9, 0.45)),
    "pink": ((0.62, 0.55, 0.58), (0.45, 1.0, 0.6)),
    "pale": ((0.52, 0.55, 0.60), (0.5, 0.75, 0.3)),
    "dim": ((0.30, 0.33, 0.38), (0.9, 1.25, 0.6)),
}
SCALES = (0.6, 0.75, 1.3, 1.6)  # enlargement of fields that are then taken for 0.1 um per pixel
NOISE, JPEG_QUALITY = 0.006, 90


def recoloured(grey, background, density, *, seed=0):
    """A grey image as a colour camera with another light and stain shows it.

    Parameters
    ----------
    grey : ndarray of float, shape (H, W), values in [0, 1]
    background, density : sequence of 3 floats
        In red, green and blue: grey value of the background, and optical density relative to
        that of the grey image.
    seed : int
        Of the camera's noise.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    depth = np.clip(-np.log(np.clip(grey, 0.01, 1) / np.median(grey)), -0.15, 2.5)
    image = np.asarray(background) * np.exp(-np.asarray(density) * depth[..., None])
    image += np.random.default_rng(seed).normal(0, NOISE, image.shape)
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)


def filter_study(weights, *, real=""):
    """How many real fields a filter judges alike after a change of colour or scale.

    Parameters
    ----------
    weights : path-like
        An image filter.
    real : path-like
        See :func:`studies.transfer.real_image_sets`.

    Returns
    -------
    pandas.DataFrame
        One row per change: ``change, kept before, still kept, rejected before, still
        rejected, changed`` (names of the fields that are judged otherwise). Empty where no
        real images are at hand.
    """
    folders = {k: v for k, v in real_image_sets(real).items() if k in SOLID}
    images = {
        f"{name} {Path(image).stem}": read_image(folder / image)
        for name, folder in folders.items()
        for image in index_images(folder).table["image"]
    }
    if not images:
        return pd.DataFrame()
    versions = {"none": lambda grey: np.round(255 * grey).astype(np.uint8)}
    for colour, (background, density) in COLOURS.items():
        versions[colour] = lambda grey, b=background, d=density: recoloured(grey, b, d)
    for scale in SCALES:
        versions[f"scale x {scale:g}"] = lambda grey, s=scale: enlarged(grey, s)
    verdicts = {}
    for version, make in tqdm(versions.items(), "filter", unit="change"):
        with tempfile.TemporaryDirectory() as folder:
            for name, grey in images.items():
                path = Path(folder) / f"{name}.jpg"
                Image.fromarray(make(grey)).save(path, quality=JPEG_QUALITY)
            judged = classify_folder(index_images(folder), weights)
        verdicts[version] = judged.set_index("image")["available"].rename(lambda x: Path(x).stem)
    before, rows = verdicts.pop("none"), []
    for version, after in verdicts.items():
        rows.append({
            "change": version,
            "kept before": int(before.sum()), "still kept": int((before & after).sum()),
            "rejected before": int((~before).sum()),
            "still rejected": int((~before & ~after).sum()),
            "changed": "; ".join(before.index[before != after.reindex(before.index)]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def enlarged(grey, scale):
    """The grey image resampled to `scale` times its size, uint8."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(np.asarray(grey, np.float32), None, fx=scale, fy=scale, interpolation=how)
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
