"""Detections of scoring against those of all members on whole fields, field by field.

    python benchmarks/compare_detections.py [FOLDER ...] [--simulated 800] [--members models/...]

The reference is PyTorch, as the members are, every member on every whole field. Compared with it
is what scoring does: boxes round dark objects, members ended when a vote is decided, this
machine's engine. Two detections are the same where class and place agree within 12 pixels of the
members' scale. Fields are the images of the folders and simulated ones of 0 to 4 Gy.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import cdist
from tables import write_timings
from tqdm import tqdm

from dicentlib.conventions import CLASSES
from dicentlib.data import index_images, read_image
from dicentlib.data.images import grey_levels
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members
from dicentlib.ensemble.engine import networks_of
from dicentlib.ensemble.heatmaps import look
from dicentlib.errors import InputError
from dicentlib.operating_point import OperatingPoint
from dicentlib.simulation import simulate_metaphase
from dicentlib.threads import available_processors, map_ahead, one_thread_each
from dicentlib.voting import detect

NEAR_PX = 12


def fields_of_folder(folder, pixel_size_um):
    """Fields of a folder as members see them; those that cannot be read are counted as such."""
    index = index_images(folder)
    for name, size in zip(index.table["image"], index.table["pixel_size_um"], strict=True):
        own = size if size > 0 else 0.1
        try:
            image = read_image(index.path(name))
            yield grey_levels(image, pixel_size_um=own, target_pixel_size_um=pixel_size_um)
        except InputError:
            continue


def simulated_fields(n_fields, pixel_size_um):
    for number in range(n_fields):
        image, _ = simulate_metaphase(
            (4711, number),
            dose_gy=float(number % 5),
            height=round(88.8 / pixel_size_um),
            width=round(100.8 / pixel_size_um),
            pixel_size_um=pixel_size_um,
        )
        yield grey_levels(image, pixel_size_um=pixel_size_um, target_pixel_size_um=pixel_size_um)


def same(first, second):
    """Number of detections that two tables share."""
    shared = 0
    for name in CLASSES:
        places = [
            table.loc[table["class"] == name, ["row", "col"]].to_numpy()
            for table in (first, second)
        ]
        if all(map(len, places)):
            shared += int((cdist(*places).min(axis=1) <= NEAR_PX).sum())
    return shared


def write(options, rows, networks):
    """The table so far, with its sums."""
    engine = "openvino" if networks[0].compiled else "torch"
    total = {"fields": "all"} | {
        key: sum(row[key] for row in rows) for key in rows[0] if key != "fields"
    }
    write_timings(
        options.name,
        [*rows, total],
        caption=f"{len(networks)} members of {Path(options.members).name}, engine {engine}.",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="of real images")
    parser.add_argument("--simulated", type=int, default=800)
    parser.add_argument("--members", default="models/giemsa-small")
    parser.add_argument("--name", default="same_detections", help="of the table in docs/tables")
    options = parser.parse_args()
    members = load_members(options.members)
    point = OperatingPoint.read(Path(options.members) / "operating_point.json")
    pixel_size_um = members[0].metadata["pixel_size_um"]
    networks = networks_of(members)

    def compare(field):
        padded = pad_to_stride(field).astype(np.float32) / 255
        with torch.inference_mode():
            tensor = torch.from_numpy(padded[None, None])
            whole = np.concatenate([member.model(tensor).numpy() for member in members])
        seen = look(networks, padded[None], pixel_size_um=pixel_size_um, operating_point=point)
        tables = [
            detect(stack, operating_point=point, image_shape=field.shape)
            for stack in (whole, seen[0])
        ]
        return [len(tables[0]), len(tables[1]), same(*tables)]

    sets = {folder.name: fields_of_folder(folder, pixel_size_um) for folder in options.folders}
    sets["simulated"] = simulated_fields(options.simulated, pixel_size_um)
    rows = []
    with one_thread_each(available_processors()) as pool:
        for name, fields in sets.items():
            counts = [*tqdm(map_ahead(pool, compare, fields, 8), name, unit="field")]
            n_whole, n_seen, n_same = np.sum(counts or [[0, 0, 0]], axis=0).tolist()
            rows.append(
                {
                    "fields": name,
                    "number": len(counts),
                    "detections, whole fields": n_whole,
                    "detections, scoring": n_seen,
                    "lost": n_whole - n_same,
                    "new": n_seen - n_same,
                }
            )
            write(options, rows, networks)


if __name__ == "__main__":
    main()
