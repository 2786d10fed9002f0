"""Commands that execute notebooks: ``report`` and ``own-slides``."""

from pathlib import Path
from typing import Annotated

import typer

from dicentlib.commands.app import app, argument, option
from dicentlib.errors import InputError


@app.command()
def report(
    preset: Annotated[str, option("Parameters of the notebooks: notebooks/presets/.")] = "demo",
    run_dir: Annotated[str, option("The run folder.")] = "runs/demo",
    first: Annotated[str | None, option("Begin with this notebook, for example 04.")] = None,
    last: Annotated[str | None, option("End with this notebook.")] = None,
):
    """Run the numbered notebooks in order, from metaphases to the dose report."""
    from dicentlib.runs import resolve
    from dicentlib.runs.pipeline import run_pipeline, summary

    run_pipeline(preset, resolve(run_dir), first=first, last=last)
    typer.echo(summary(resolve(run_dir)))


@app.command()
def own_slides(
    images: Annotated[Path, argument("Folder of slides.")],
    out: Annotated[Path, option("Folder for the results.")],
    members: Annotated[
        str, option("Ready ensemble by name, or a folder of members.")
    ] = "giemsa-small",
    use_filter: Annotated[bool, option("Leave out images that the image filter rejects.")] = True,
    use_estimated_scale: Annotated[
        bool, option("Use the estimated pixel size where none is stated.")
    ] = False,
    n_read: Annotated[int, option("Objects in the blind read.")] = 60,
    learning: Annotated[
        str | None, option("Annotated cells of the learning curve, as 0,10,25,50.")
    ] = None,
    seed: Annotated[int, option("Seed of what is drawn at random.")] = 1,
):
    """How good the detector is on your own slides: notebook 08, from a folder to a page."""
    from dicentlib.runs import notebook_paths, resolve
    from dicentlib.runs.pipeline import run_notebook
    from dicentlib.scoring.samples import results_folder

    if not images.is_dir():
        raise InputError(f"{images}: no such folder; expected a folder of slides")
    results_folder(out, images=images)
    sizes = (learning or "").replace(",", " ").split()
    if not all(size.isdigit() for size in sizes):
        raise InputError(f"--learning {learning!r}: allowed are numbers of cells, as 0,10,25")
    place = Path(members)
    run_notebook(
        notebook_paths()["08_own_slides"],
        resolve(out),
        {
            "images": str(images.absolute()),
            "members": str(place.absolute()) if place.exists() else members,
            "use_filter": use_filter,
            "use_estimated_scale": use_estimated_scale,
            "n_read": n_read,
            "n_cells_learning": [int(size) for size in sizes],
            "seed": seed,
        },
    )
    typer.echo(f"{out / 'own_slides.html'}")
