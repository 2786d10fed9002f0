"""A stand-in laboratory: what a first day with own slides brings, on simulated slides.

    python -m studies.stand_in simulate DIR
    python -m studies.stand_in measure DIR [--out docs/tables/stand_in.csv]
    python -m studies.stand_in draw docs/tables/stand_in.csv docs/images/stand_in.png
    python -m studies.stand_in curve DIR learning_curve.png

The laboratory's slides have looks near the edge of what the ready ensemble was trained on: of
300 simulated slides one far from the middle is drawn, and its nearest neighbours are the other
slides. Nothing of it was used in training. `measure` fine-tunes on 25, 50 and 100 annotated
cells, and measures detection on other slides, and the doses of blind samples, before and after;
`draw` makes a figure of its table. `curve` is the learning curve of notebook 08 on the same cells.
"""

from pathlib import Path
from typing import Annotated

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import typer
from tqdm import tqdm

from dicentlib.calibration import fit_curve
from dicentlib.counts.cells import cell_distribution, count_cells
from dicentlib.data import index_images, read_annotations
from dicentlib.dose import estimate_dose
from dicentlib.evaluation.matching import mark_detections
from dicentlib.evaluation.vote_reliability import average_precision
from dicentlib.files import atomic_path
from dicentlib.own_slides.learning import VOTING, fine_tuning, learning_curve, voters_after
from dicentlib.plotting.own_slides import plot_learning_curve
from dicentlib.scoring import score_folder
from dicentlib.simulation import draw_metaphase
from dicentlib.simulation.metaphase import generator
from dicentlib.simulation.styles import draw_slide_style
from dicentlib.training import train

SEED = 5200
PIXEL_SIZE_UM = 0.2
DOSES_GY = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)
BLIND_GY = (0.8, 1.7, 2.6)
LOOKS = ("blur_px", "background", "shading", "noise", "stain", "haze", "halo", "nucleus_stain")
N_SLIDES = 8
SIZES = (0, 25, 50, 100)
VOTES_OF_MEMBERS = 0.5  # a detection counts when more than this share of the members votes
app = typer.Typer(no_args_is_help=True)


def edge_slides(seed=SEED, n_candidates=300):
    """Seeds of slides near the edge: one at the 90th percentile of distance, and its neighbours."""
    seeds = [(seed, number) for number in range(n_candidates)]
    styles = [draw_slide_style(generator(one, "slide")) for one in seeds]
    solid = [k for k, style in enumerate(styles) if not style.banded]
    values = np.array([[getattr(styles[k], name) for name in LOOKS] for k in solid])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    far = np.linalg.norm(values, axis=1)
    anchor = np.argsort(far)[int(0.9 * len(far))]
    near = np.argsort(np.linalg.norm(values - values[anchor], axis=1))
    return [seeds[solid[k]] for k in near[:N_SLIDES]]


def write_cells(folder, *, doses_gy, n_cells, slides, start):
    """Cells of given doses on given slides, as an image set with its truth."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, truth = [], []
    tasks = [(dose, k) for dose in doses_gy for k in range(n_cells)]
    for i, (dose, k) in enumerate(tqdm(tasks, folder.name, unit="image")):
        slide = slides[k * len(slides) // n_cells]
        cell = draw_metaphase(
            (SEED, start + i), dose_gy=dose, slide_seed=slide, height=444, width=504,
            pixel_size_um=PIXEL_SIZE_UM,
        )  # fmt: skip
        name = f"images/{i:05d}.png"
        cv2.imwrite(str(folder / name), np.round(cell.image * 255).astype(np.uint8))
        rows.append((name, f"{dose:g} Gy", f"{dose:g}-{slide[1]}", dose, PIXEL_SIZE_UM))
        truth.append(cell.annotations.assign(image=name))
    columns = ["image", "sample", "slide", "dose_gy", "pixel_size_um"]
    with atomic_path(folder / "samples.csv") as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False)
    with atomic_path(folder / "annotations.csv") as temporary:
        table = pd.concat(truth)[["image", "class", "row", "col"]]
        table.to_csv(temporary, index=False)


@app.command()
def simulate(
    folder: Path,
    n_annotated: Annotated[int, typer.Option(help="Annotated cells for fine-tuning.")] = 100,
    n_calibration: Annotated[int, typer.Option(help="Calibration cells per dose.")] = 60,
    n_blind: Annotated[int, typer.Option(help="Cells of each blind sample.")] = 100,
):
    """Draw the laboratory's slides: annotated ones, a calibration series, blind samples."""
    slides = edge_slides()
    half = len(slides) // 2  # fine-tuning and measuring share no slide
    write_cells(folder / "annotated", doses_gy=[2.0], n_cells=n_annotated, slides=slides[:half],
                start=0)  # fmt: skip
    write_cells(folder / "calibration", doses_gy=DOSES_GY, n_cells=n_calibration,
                slides=slides[half:], start=10_000)  # fmt: skip
    write_cells(folder / "blind", doses_gy=BLIND_GY, n_cells=n_blind, slides=slides[half:],
                start=20_000)  # fmt: skip


def distributions(folder, members, out):
    """Dicentrics per cell by dose, as the members count them, and how well they detect."""
    index = index_images(folder)
    paths = list(members) if isinstance(members, list) else members
    detections = score_folder(
        folder, paths, out=out, confidence_threshold=VOTING, agreement_threshold=0
    )
    truth = read_annotations(folder / "annotations.csv", index)
    marked, _ = mark_detections(detections, truth)
    dicentrics = marked[marked["class"] == "dicentric"]
    n_true = int((truth["class"] == "dicentric").sum())
    score = average_precision(
        dicentrics["vote_fraction"] + 1e-3 * dicentrics["peak_mean"], dicentrics["true"],
        n_truth=n_true,
    )  # fmt: skip
    called = marked[marked["vote_fraction"] > VOTES_OF_MEMBERS]
    cells = count_cells(called, index.table["image"], require_fragment=False)
    by_dose = {}
    for dose, part in cells.groupby(index.table["dose_gy"].to_numpy()):
        by_dose[float(dose)] = cell_distribution(part["n_dicentrics"])
    of_class = called[called["class"] == "dicentric"]
    precision = of_class["true"].mean() if len(of_class) else np.nan
    recall = of_class["true"].sum() / n_true
    return by_dose, {"average_precision": score, "precision": precision, "recall": recall}


@app.command()
def measure(
    folder: Path,
    steps: Annotated[int, typer.Option(help="Training steps of each fine-tuning.")] = 150,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
):
    """Detection and blind doses before and after fine-tuning on more and more cells."""
    index = index_images(folder / "annotated")
    truth = read_annotations(folder / "annotated" / "annotations.csv", index)
    order = np.random.default_rng(0).permutation(len(index.table))
    rows = []
    for size in SIZES:
        place = folder / f"cells_{size:03d}"
        members = "giemsa-small"
        if size:
            chosen = index.table.iloc[order[:size]].reset_index(drop=True)
            train(
                type(index)(index.folder, chosen, index.quarantined),
                truth[truth["image"].isin(chosen["image"])],
                place,
                parameters=fine_tuning(steps=steps),
                initial_members="giemsa-small",
            )
            members = voters_after(place, "giemsa-small")
        series, quality = distributions(folder / "calibration", members, place / "calibration")
        counts = [(sum(d), int(np.dot(d, range(len(d))))) for d in series.values()]
        curve = fit_curve(list(series), *map(list, zip(*counts, strict=True)))
        blind, _ = distributions(folder / "blind", members, place / "blind")
        row = {"annotated_cells": size, **quality}
        for true_gy, cells in blind.items():
            found = estimate_dose(list(cells), curve)
            row[f"{true_gy:g} Gy"] = (
                f"{found.dose_gy:.2f} [{found.lower_gy:.2f}, {found.upper_gy:.2f}]"
            )
            row[f"error {true_gy:g} Gy"] = found.dose_gy - true_gy
        errors = [abs(row[f"error {true_gy:g} Gy"]) for true_gy in BLIND_GY]
        rows.append({**row, "mean_error_gy": float(np.mean(errors))})
        typer.echo(pd.DataFrame(rows).round(3).to_string(index=False))
    if out:
        table = pd.DataFrame(rows).drop(columns=[f"error {dose:g} Gy" for dose in BLIND_GY])
        with atomic_path(out) as temporary:
            table.round(3).to_csv(temporary, index=False)


@app.command()
def curve(
    folder: Path,
    out: Annotated[Path, typer.Argument(help="PNG file for the figure.")],
    steps: Annotated[int, typer.Option(help="Training steps of each fine-tuning.")] = 100,
):
    """Learning curve on the annotated cells, cross-validated by slide, as notebook 08 draws it."""
    index = index_images(folder / "annotated")
    truth = read_annotations(folder / "annotated" / "annotations.csv", index)
    table, _ = learning_curve(
        index, truth, "giemsa-small", folder / "curve",
        sizes=(0, 10, 25, 50), n_folds=2, parameters=fine_tuning(steps=steps),
    )  # fmt: skip
    typer.echo(table.round(3).to_string(index=False))
    figure, ax = plt.subplots(figsize=(6.4, 4))
    plot_learning_curve(table, ax=ax)
    ax.set_title("A stand-in laboratory (simulated), two folds by slide")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, format="png", dpi=110, bbox_inches="tight")


@app.command()
def draw(
    table: Annotated[Path, typer.Argument(help="CSV file that `measure` wrote.")],
    out: Annotated[Path, typer.Argument(help="PNG file for the figure.")],
):
    """Figure of the table of `measure`: nothing is trained or scored."""
    figure = plot_stand_in(pd.read_csv(table))
    with atomic_path(out) as temporary:
        figure.savefig(temporary, format="png", dpi=110, bbox_inches="tight")


def plot_stand_in(table):
    """Detection, and blind doses with their intervals, by the number of annotated cells.

    Parameters
    ----------
    table : DataFrame
        Of :func:`measure`; an upper limit of inf ends in an arrow at the top.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    cells = table["annotated_cells"]
    for name, marker in (("average_precision", "o"), ("precision", "s"), ("recall", "^")):
        left.plot(cells, table[name], marker=marker, label=name.replace("_", " ").capitalize())
    left.set(ylim=(0, 1), ylabel="Dicentrics, other slides")
    form = r"(\S+) \[(\S+), (\S+)\]"
    found = {
        name: table[name].str.extract(form).astype(float).to_numpy()
        for name in table
        if name.endswith(" Gy")
    }
    top = 1.1 * max(doses[np.isfinite(doses)].max() for doses in found.values())
    for number, (name, doses) in enumerate(found.items()):
        places, colour, open_end = cells + 3 * (number - 1), f"C{number}", np.isinf(doses[:, 2])
        right.vlines(places, doses[:, 1], np.minimum(doses[:, 2], top), color=colour)
        right.plot(places, doses[:, 0], "o", color=colour, label=f"{name}: 95 % interval")
        right.plot(places[open_end], np.full(open_end.sum(), top), "^", color=colour)
        right.axhline(float(name.split()[0]), color=colour, linestyle=":", linewidth=1)
    endless = any(np.isinf(doses).any() for doses in found.values())
    limits = "; arrow: no upper limit" if endless else ""
    right.set(ylabel="Dose (Gy)", title=f"Dotted: true dose{limits}", ylim=(-0.1, 1.05 * top))
    for ax in (left, right):
        ax.set(xlabel="Annotated cells used for fine-tuning", xticks=cells)
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.18), frameon=False, fontsize=8)
    figure.suptitle("A stand-in laboratory (simulated slides)")
    return figure


if __name__ == "__main__":
    app()
