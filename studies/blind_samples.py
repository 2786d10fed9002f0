"""Ten blind samples against their true doses, by a finished run's detector.

    python -m studies.blind_samples RUN [--cells 300] [--out docs/tables/blind_samples.csv]

Samples of 0.25 to 4 Gy are simulated with the run's slides in mind (`variety` of notebook 01) and
seeds of their own, scored as notebook 07 scores, and each gets a dose by the laboratory's route:
by the run's own curve, and by that of a longer calibration series, which notebook 06 makes in
``RUN/longer_series``: `--series-cells` at each of the run's doses, and three times as many up to
0.5 Gy, where dicentrics are few and the curve's background is decided.
"""

import shutil
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from dicentlib import dose
from dicentlib.calibration import CalibrationCurve, Scorer, with_yields
from dicentlib.data import index_images
from dicentlib.ensemble import load_members
from dicentlib.files import atomic_path
from dicentlib.runs import notebook_paths
from dicentlib.runs.pipeline import run_notebook
from dicentlib.scoring import recount, samples, score_folder
from dicentlib.simulation import simulate_set

DOSES_GY = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
SEED, SERIES_SEED = 616, 617
LOW_DOSE_GY, MORE_CELLS = 0.5, 3


def score(run, folder, curve):
    """Scored samples of a folder, and the yields of random ensembles, as notebook 07 has them."""
    scorer = Scorer.from_dict(curve.scorer)
    by_digest = {member.digest: member for member in load_members(run)}
    members = [by_digest[digest] for digest in scorer.operating_point.members]
    score_folder(
        folder,
        [run / "members" / f"{member.name}.safetensors" for member in members],
        out=run / "blind_scored",
        confidence_threshold=scorer.operating_point.confidence_threshold,
        agreement_threshold=scorer.operating_point.agreement_threshold,
        filter_weights=run / "filter" if scorer.filter_digest else None,
    )
    scored = samples.ScoredSamples.read(
        run / "blind_scored", folder=folder, require_fragment=scorer.co_occurrence
    )
    yields = recount.ensemble_yields(
        index_images(folder),
        scored.cells,
        pd.read_csv(run / "ensemble_counts.csv", dtype={"ensemble": str}),
        members=members,
        scorer=scorer,
        curve=curve,
    )
    return scored, yields, scorer


def longer_series(run, *, cells, look):
    """A run folder with the run's detector, and the curve of more cells at its doses."""
    longer = run / "longer_series"
    if not (longer / "curve.json").is_file():
        for name in ("members", "filter"):
            if (run / name).is_dir():
                shutil.copytree(run / name, longer / name, dirs_exist_ok=True)
        shutil.copy(run / "operating_point.json", longer)
        doses = index_images(run / "data" / "calibration").table["dose_gy"].unique()
        series = longer / "data" / "calibration"
        if not (series / "samples.csv").is_file():
            repeated = doses.repeat([MORE_CELLS if dose <= LOW_DOSE_GY else 1 for dose in doses])
            simulate_set(series, n_images=cells, dose_gy=repeated, seed=SERIES_SEED, **look)
        run_notebook(notebook_paths()["06_dose_curve"], longer, {})
    return longer


def blind_doses(run, folder):
    """Dose, interval and error of each sample of a simulated folder.

    Returns
    -------
    pandas.DataFrame
        ``true_gy, cells, dicentrics, dose_gy, lower_gy, upper_gy, error_gy, covered``.
    """
    curve = CalibrationCurve.load(run / "curve.json")
    scored, yields, scorer = score(run, folder, curve)
    series = with_yields(pd.read_csv(run / "calibration_counts.csv"))
    unexposed = series.query("dose_gy == 0")[["n_dicentrics", "n_cells"]].sum()
    truth = index_images(folder).table.groupby("sample")["dose_gy"].first()
    rows = []
    for name, distribution in scored.distributions.items():
        route = dose.laboratory_route(
            distribution,
            curve,
            control=tuple(unexposed) if unexposed["n_cells"] else None,
            same_detector=True,
            ensemble_yields=yields[name],
            slides=scored.slides[name],
            scorer=scorer,
        )
        found = route.estimate
        rows.append({
            "true_gy": truth[name], "cells": sum(distribution),
            "dicentrics": sum(k * n for k, n in enumerate(distribution)),
            "dose_gy": found.dose_gy, "lower_gy": found.lower_gy, "upper_gy": found.upper_gy,
            "error_gy": found.dose_gy - truth[name],
            "covered": found.lower_gy <= truth[name] <= found.upper_gy,
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values("true_gy", ignore_index=True)


def main(
    run: Annotated[Path, typer.Argument(help="Finished run of the notebooks, with its curve.")],
    cells: Annotated[int, typer.Option(help="Cells of each sample.")] = 300,
    series_cells: Annotated[
        int, typer.Option(help="Cells at each dose above 0.5 Gy of the longer series; 0: none.")
    ] = 150,
    variety: Annotated[float, typer.Option(help="As in notebook 01: looks of slides.")] = 0.3,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
):
    """Simulate, score and compare; print the table, the mean error and the coverage."""
    look = {
        "height": 444, "width": 504, "pixel_size_um": 0.2, "images_per_slide": 4,
        "variety": variety,
    }  # fmt: skip
    folder = run / "blind_samples"
    if not (folder / "samples.csv").is_file():
        simulate_set(folder, n_images=cells, dose_gy=DOSES_GY, seed=SEED, **look)
    runs = [run] + ([longer_series(run, cells=series_cells, look=look)] if series_cells else [])
    tables = []
    for place in runs:
        counts = pd.read_csv(place / "calibration_counts.csv")
        curve = f"{counts['n_cells'].sum()} cells, {counts['n_dicentrics'].sum()} dicentrics"
        table = blind_doses(place, folder)
        tables.append(table.assign(calibration=curve))
        error, covered = table["error_gy"].abs().mean(), int(table["covered"].sum())
        typer.echo(table.round(3).to_string(index=False))
        typer.echo(
            f"calibration of {curve}: mean absolute error {error:.3f} Gy; {covered} of "
            f"{len(table)} intervals cover"
        )
    if out:
        table = pd.concat(tables)
        table.insert(0, "calibration", table.pop("calibration"))
        with atomic_path(out) as temporary:
            table.round(3).to_csv(temporary, index=False)


if __name__ == "__main__":
    typer.run(main)
