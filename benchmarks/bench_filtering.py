"""Images per second of the image filter on whole fields (target: 20 on two cores).

Images of 1280 x 1024 are written as uncompressed TIFF, as the microscopes do, and judged by
``classify_folder``, reading included. The small network has random weights: they do not
change the time.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from tables import write_timings

from dicentlib.filtering import (
    FilterRules,
    FilterSettings,
    ImageFilter,
    build_network,
    classify_folder,
    measure,
)
from dicentlib.simulation import simulate_metaphase

N_IMAGES = 64
N_DIFFERENT = 4


def main():
    torch.manual_seed(0)
    network = build_network("small").eval()
    image_filter = ImageFilter(network, FilterSettings("small", 299, 0.5, FilterRules()))
    cells = [
        simulate_metaphase((900, k), dose_gy=2.0, height=1024, width=1280)[0]
        for k in range(N_DIFFERENT)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(N_IMAGES):
            grey = np.rint(255 * cells[number % N_DIFFERENT]).astype(np.uint8)
            tifffile.imwrite(Path(folder) / f"{number:03d}.tif", grey)
        start = time.perf_counter()
        classify_folder(folder, image_filter)
        whole = N_IMAGES / (time.perf_counter() - start)
    start = time.perf_counter()
    for cell in cells:
        measure(cell)
    analysis = N_DIFFERENT / (time.perf_counter() - start)
    rows = [
        {"stage": "filter: read, measure, network", "images per second": round(whole, 1)},
        {"stage": "image analysis alone, one thread", "images per second": round(analysis, 1)},
    ]
    caption = (
        f"{N_IMAGES} TIFF files of {N_DIFFERENT} simulated fields, 1280 x 1024; target of the "
        "filter: 20 images per second on two cores."
    )
    write_timings("bench_filtering", rows, caption=caption)


if __name__ == "__main__":
    main()
