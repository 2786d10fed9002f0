"""The table behind the scale estimate, and how well it estimates.

    python -m studies.recipes.ready_scale make
    python -m studies.recipes.ready_scale measure [--real FOLDER]

`make` writes ``models/scale/scale.parquet`` from simulated fields. `measure` prints errors on
simulated slides of other seeds, and on real fields that are shrunk or enlarged.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from dicentlib.data import index_images, normalise_background, read_image
from dicentlib.files import atomic_path
from dicentlib.own_slides.scale import (
    FEATURES,
    estimate_field,
    field_sizes,
    fit_scale_model,
    load_scale_model,
)
from dicentlib.simulation import draw_metaphase
from dicentlib.simulation.metaphase import generator
from dicentlib.simulation.styles import draw_slide_style
from studies.transfer import real_image_sets

READY = Path(__file__).parents[2] / "models" / "scale" / "scale.parquet"
FIELDS_PER_SLIDE = 4
FACTORS = (0.6, 0.8, 1.0, 1.3, 1.7)
app = typer.Typer(no_args_is_help=True)


def simulated_field(seed, i):
    """Field i, and the pixel size that its slide's magnification gives it."""
    slide_seed = (seed, i // FIELDS_PER_SLIDE)
    rng = np.random.default_rng([seed, i])
    image = draw_metaphase(
        (seed, i),
        dose_gy=float(rng.choice([0.0, 1.0, 3.0])),
        slide_seed=slide_seed,
        height=888,
        width=1008,
    ).image
    scale = draw_slide_style(generator(slide_seed, "slide")).scale
    return image, 0.1 / scale, rng


def field_rows(task):
    """Sizes of a simulated field under three assumed scales."""
    seed, i = task
    image, true_um, rng = simulated_field(seed, i)
    rows = []
    for spread in (0.05, 0.3, 0.3):
        offset = spread * rng.standard_normal()
        sizes = field_sizes(image, pixel_size_um=true_um * np.exp(-offset))
        if sizes is not None:
            rows.append({"slide": i // FIELDS_PER_SLIDE, "field": i, "offset": offset}
                        | dict(zip(FEATURES, sizes, strict=True)))  # fmt: skip
    return rows


def errors_of(table):
    """Cross-validated errors by slide: standard deviation of fields about their slide, of slides.

    Only rows whose assumed scale is near the true one count.
    """
    predicted = np.full(len(table), np.nan)
    for train, test in GroupKFold(5).split(table, groups=table["slide"]):
        model = fit_scale_model(table.iloc[train])
        predicted[test] = model.regression.predict(table[list(FEATURES)].to_numpy()[test])
    near = table["offset"].abs() < 0.15
    error = pd.DataFrame({"slide": table["slide"], "error": predicted - table["offset"]})[near]
    by_slide = error.groupby("slide")["error"]
    field_sd = float(np.sqrt(by_slide.var(ddof=1).mean()))
    n = by_slide.size()
    slide_var = by_slide.mean().var(ddof=1) - field_sd**2 * (1 / n).mean()
    return {"field_sd": field_sd, "slide_sd": float(np.sqrt(max(slide_var, 0)))}


@app.command()
def make(n_slides: int = 110, seed: int = 4100, workers: int = 2):
    """Simulate, measure, and write the table with its cross-validated errors."""
    tasks = [(seed, i) for i in range(n_slides * FIELDS_PER_SLIDE)]
    with ProcessPoolExecutor(workers) as pool:
        done = tqdm(pool.map(field_rows, tasks, chunksize=8), "fields", len(tasks))
        table = pd.DataFrame([row for rows in done for row in rows])
    errors = errors_of(table)
    stored = pa.Table.from_pandas(table.astype({name: "float32" for name in FEATURES}))
    stored = stored.replace_schema_metadata({"errors": json.dumps(errors)})
    READY.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(READY) as temporary:
        pq.write_table(stored, temporary, compression="zstd")
    typer.echo(f"{READY}: {len(table)} rows; errors of logarithms {errors}")


def rescaled(image, factor):
    """The image shrunk or enlarged."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(image, None, fx=factor, fy=factor, interpolation=way), 0, 1)


@app.command()
def measure(
    n_slides: int = 20,
    seed: int = 4200,
    n_real: Annotated[int, typer.Option(help="At most, of each real set.")] = 16,
    real: Annotated[str, typer.Option(help="Default: DICENTLIB_REAL_DATA.")] = "",
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
):
    """Errors on simulated slides of other seeds and on real sets, by factor of enlargement."""
    model = load_scale_model(READY)
    rows = []
    for i in tqdm(range(n_slides * FIELDS_PER_SLIDE), "simulated"):
        image, true_um, rng = simulated_field(seed, i)
        factor = float(np.exp(rng.uniform(np.log(FACTORS[0]), np.log(FACTORS[-1]))))
        found = estimate_field(rescaled(image, factor), model)
        slide = f"slide {i // FIELDS_PER_SLIDE}"
        rows.append(("simulated slides", slide, 0.0, np.log(found * factor / true_um)))
    for name, folder in real_image_sets(real).items():
        index = index_images(folder)
        images = index.table["image"].tolist()
        chosen = images[:: max(1, len(images) // n_real)][:n_real]
        for image in tqdm(chosen, name):
            pixels = normalise_background(read_image(index.path(image)))
            for factor in FACTORS:
                found = estimate_field(rescaled(pixels, factor), model)
                rows.append((name, name, factor, np.log(found * factor / 0.1)))
    table = pd.DataFrame(rows, columns=["set", "slide", "factor", "error"])
    table = summary(table)
    typer.echo(table.round(3).to_string(index=False))
    if out:
        with atomic_path(out) as temporary:
            table.round(4).to_csv(temporary, index=False)


def summary(table):
    """Relative errors by set and factor: of fields, and of the median over a slide or set.

    ``against_factor_1`` compares the median estimate of a real set, whose true scale nobody
    states, with that of the same set neither shrunk nor enlarged.
    """
    rows = []
    for (name, factor), part in table.groupby(["set", "factor"], sort=False):
        slides = np.exp(part.groupby("slide")["error"].median()) - 1
        fields = np.exp(part["error"].dropna()) - 1
        rows.append({
            "set": name, "factor": factor or "0.6 to 1.7", "fields": len(part),
            "measured": len(fields), "median_error": fields.median(),
            "fields_within_10_percent": (fields.abs() <= 0.1).mean(),
            "slides": len(slides), "slides_within_10_percent": (slides.abs() <= 0.1).mean(),
        })  # fmt: skip
    errors = pd.DataFrame(rows)
    unscaled = errors.loc[errors["factor"] == 1].set_index("set")["median_error"]
    before = errors["set"].map(unscaled)
    return errors.assign(against_factor_1=(1 + errors["median_error"]) / (1 + before) - 1)


if __name__ == "__main__":
    app()
