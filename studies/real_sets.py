"""Detections of an ensemble on real sets at any thresholds: heatmaps once, thresholds often.

The images are for looking and testing; nothing is trained or chosen on them.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dicentlib.data import index_images
from dicentlib.data.scaled_images import ScaledImages
from dicentlib.ensemble import stored_heatmaps
from dicentlib.voting import detect


@dataclass(frozen=True)
class RealSet:
    """Images of a real set at the members' pixel size, with their heatmaps."""

    name: str
    dataset: ScaledImages
    store: object

    def detections(self, operating_point):
        """Table of detections: ``image`` first; positions in pixels of ``dataset.image(i)``."""
        tables = [
            detect(
                self.store.dense(i),
                operating_point=operating_point,
                image_shape=self.dataset.shape(i),
            ).assign(image=name)
            for i, name in enumerate(self.dataset.names)
        ]
        table = pd.concat(tables, ignore_index=True)
        return table[["image", *(column for column in table if column != "image")]]


def open_real_set(name, folder, members, *, out):
    """Heatmaps of a folder's images, kept in ``OUT/<name>.parquet``."""
    pixel_size_um = members[0].metadata["pixel_size_um"]
    dataset = ScaledImages(index_images(folder), pixel_size_um=pixel_size_um)
    store = stored_heatmaps(Path(out) / f"{name}.parquet", dataset, members)
    return RealSet(name, dataset, store)
