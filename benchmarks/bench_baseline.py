"""Images per second of the classical baseline on whole fields (target: 2 on two cores)."""

import time
from concurrent.futures import ProcessPoolExecutor

from tables import write_timings

from dicentlib.baseline.detector import find_objects
from dicentlib.simulation import simulate_metaphase

N_IMAGES = 8


def main():
    cells = [
        simulate_metaphase((901, k), dose_gy=2.0, height=1024, width=1280)[0]
        for k in range(N_IMAGES)
    ]
    rows = []
    for n_processes in (1, 2):
        with ProcessPoolExecutor(n_processes) as pool:
            list(pool.map(len, cells))  # the processes are up before the clock runs
            start = time.perf_counter()
            list(pool.map(find_objects, cells))
            rate = N_IMAGES / (time.perf_counter() - start)
        rows.append({"processes": n_processes, "images per second": round(rate, 2)})
    caption = (
        f"Segmenting and measuring {N_IMAGES} simulated fields of 1280 x 1024; target: 2 images "
        "per second on two cores."
    )
    write_timings("bench_baseline", rows, caption=caption)


if __name__ == "__main__":
    main()
