"""The table of looks that the members know.

    python -m studies.recipes.ready_looks

Writes ``models/looks/looks.parquet``: the appearance measures of simulated slides, and the seeds
that draw them. Prints how often slides of other seeds are called green, amber or red.
"""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import typer
from tqdm import tqdm

from dicentlib.data import normalise_background
from dicentlib.files import atomic_path
from dicentlib.own_slides.appearance import measure_appearance
from dicentlib.own_slides.looks import judge, read_reference
from dicentlib.simulation import draw_metaphase
from dicentlib.simulation.metaphase import generator
from dicentlib.simulation.styles import draw_slide_style

READY = Path(__file__).parents[2] / "models" / "looks" / "looks.parquet"
DOSE_GY = 1.0


def draw_look(seed, number, field=0):
    """A field of the simulated slide `number`; field 0 is the one in the table."""
    return draw_metaphase(
        (seed, number, field), dose_gy=DOSE_GY, slide_seed=(seed, number), height=888, width=1008
    )


def measure_look(task):
    """Appearance of the first field of a slide, with what identifies it."""
    seed, number = task
    measures = measure_appearance(normalise_background(draw_look(seed, number).image))
    banded = draw_slide_style(generator((seed, number), "slide")).banded > 0
    return {"seed": seed, "number": number, "banded": bool(banded), **measures}


def main(n_slides: int = 220, n_check: int = 40, seed: int = 4300, workers: int = 2):
    """Measure the looks, write them, and judge slides of other seeds."""
    tasks = [(seed, number) for number in range(n_slides)]
    tasks += [(seed + 1, number) for number in range(n_check)]
    with ProcessPoolExecutor(workers) as pool:
        rows = list(tqdm(pool.map(measure_look, tasks, chunksize=4), "looks", len(tasks)))
    table = pd.DataFrame(rows)
    READY.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(READY) as temporary:
        table[:n_slides].to_parquet(temporary, index=False)
    reference = read_reference(READY)
    lights = [judge(row, reference).light for _, row in table[n_slides:].iterrows()]
    typer.echo(f"{n_slides} looks; {n_check} others: {pd.Series(lights).value_counts().to_dict()}")


if __name__ == "__main__":
    typer.run(main)
