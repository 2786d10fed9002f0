"""Commands that execute notebooks: ``report`` and ``own-slides``."""

import inspect
import shlex
from pathlib import Path
from typing import Annotated

import typer

from dicentlib.commands.app import app, argument, option
from dicentlib.errors import InputError


@app.command()
def report(
    preset: Annotated[
        str, option("Parameters of the notebooks: a name in notebooks/presets/, or a .json file.")
    ] = "demo",
    run_dir: Annotated[str, option("Folder for the results.")] = "runs/demo",
    first: Annotated[
        str | None,
        option("First notebook to run, for example 04_thresholds. Default: 01_metaphases."),
    ] = None,
    last: Annotated[str | None, option("Last notebook to run. Default: 07_dose_report.")] = None,
):
    """Run the numbered notebooks in order, from metaphases to the dose report."""
    from dicentlib.runs import resolve
    from dicentlib.runs.pipeline import LAST, run_pipeline, summary

    names = run_pipeline(preset, resolve(run_dir), first=first, last=last)
    if LAST in names:  # else a dose that lies there is an earlier run's
        typer.echo(summary(resolve(run_dir)))
    else:
        typer.echo(f"{run_dir}: no dose, {LAST} was not run")


@app.command()
def own_slides(
    images: Annotated[
        Path, argument("Folder of slides: one folder per slide, or all images in one folder.")
    ],
    out: Annotated[Path, option("Folder for the results.")],
    members: Annotated[
        str, option("Name of a ready ensemble, or a folder of members.")
    ] = "giemsa-small",
    use_filter: Annotated[bool, option("Leave out images that the image filter rejects.")] = True,
    use_estimated_scale: Annotated[
        bool,
        option(
            "For images that state no pixel size, use the size estimated from the "
            "chromosomes; otherwise 0.1 um is assumed."
        ),
    ] = False,
    n_read: Annotated[int, option("Number of objects that a reviewer judges, 10 to 400.")] = 60,
    learning: Annotated[
        str | None,
        option(
            "Numbers of annotated cells to fine-tune on, for example 0,10,25,50; needs "
            "annotations.csv in IMAGES. Default: no fine-tuning."
        ),
    ] = None,
    demand: Annotated[
        str,
        option(
            "Demand by which the agreement threshold is chosen, if there are annotations: "
            "precision, recall or false_per_thousand (false dicentrics per 1000 cells; of "
            "unexposed cells, if samples.csv states a dose of 0)."
        ),
    ] = "precision",
    demanded: Annotated[float, option("Value that is demanded.")] = 0.9,
    detect_gy: Annotated[float, option("Dose that should be detected (Gy), as for `plan`.")] = 0.5,
    width_at_gy: Annotated[
        float, option("Dose for which the width of the interval is planned (Gy).")
    ] = 2.0,
    half_width_gy: Annotated[
        float, option("Half width that the 95 % interval should have at that dose (Gy).")
    ] = 0.25,
    seed: Annotated[
        int, option("Seed of the random draws; the same seed draws the same objects.")
    ] = 1,
):
    """Measure how good the detector is on your own slides: notebook 08, from a folder to a page.

    Images alone are enough for a first page (about a minute for 100 images); precision and recall
    need a reviewer's answers or an annotations.csv. The last lines name the results and what to do
    next. The detections are kept in OUT: a second run does not score again. The exit code is 0 if
    images were scored and the page is complete. Otherwise it is 2 and a sentence gives the reason;
    if the folder could be read, a page lists what it contains and why nothing was scored.
    """
    asked = _options_of(own_slides, dict(locals()))
    from dicentlib.own_slides.asked import check_asked
    from dicentlib.runs import notebook_paths, resolve
    from dicentlib.runs.pipeline import run_notebook
    from dicentlib.scoring.samples import results_folder

    if not images.is_dir():
        raise InputError(f"{images}: no such folder; expected a folder of slides")
    results_folder(out, images=images)
    check_asked(
        demand=demand, demanded=demanded, detect_gy=detect_gy, width_at_gy=width_at_gy,
        half_width_gy=half_width_gy, n_read=n_read, seed=seed,
        name=lambda parameter: f"--{parameter.replace('_', '-')}",
    )  # fmt: skip
    sizes = (learning or "").replace(",", " ").split()
    if not all(size.isdigit() for size in sizes):
        raise InputError(f"--learning {learning!r}; allowed: numbers of cells, for example 0,10,25")
    place, page = Path(members), out / "own_slides.html"
    parameters = {
        "images": str(images.absolute()),
        "members": str(place.absolute()) if place.exists() else members,
        "use_filter": use_filter,
        "use_estimated_scale": use_estimated_scale,
        "n_read": n_read,
        "n_cells_learning": [int(size) for size in sizes],
        "demand": demand,
        "demanded": demanded,
        "detect_gy": detect_gy,
        "width_at_gy": width_at_gy,
        "half_width_gy": half_width_gy,
        "seed": seed,
    }
    before = page.stat().st_mtime_ns if page.is_file() else 0
    try:
        run_notebook(notebook_paths()["08_own_slides"], resolve(out), parameters)
    except Exception:
        if page.is_file() and page.stat().st_mtime_ns > before:  # what is known so far
            typer.echo(f"page: {page}")
        raise
    for line in _results(images, out, members, asked, use_filter=use_filter):
        typer.echo(line)


def _options_of(command, given):
    """The options of a command that were given other values than their defaults, as typed."""
    options = []
    for name, parameter in inspect.signature(command).parameters.items():
        if parameter.default in (parameter.empty, given[name]):
            continue
        typed = name.replace("_", "-")
        if isinstance(given[name], bool):
            options.append(f"--{typed}" if given[name] else f"--no-{typed}")
        else:
            options += [f"--{typed}", str(given[name])]
    return options


def _results(images, out, members, asked, *, use_filter):
    """What `own-slides` left in its folder, and the commands that come next.

    They keep the options `asked`: another filter, scale or seed would give other detections and
    other objects to be judged.
    """
    from dicentlib.files import read_json
    from dicentlib.runs import notebook_paths

    page, pdf = out / "own_slides.html", out / "own_slides.pdf"
    lines = [f"page: {page}"]
    if pdf.is_file() and pdf.stat().st_mtime >= page.stat().st_mtime:  # not an earlier page's
        lines.append(f"      {pdf}")
    tables = [*sorted(out.glob("*.csv")), *sorted((out / "scan").glob("*.parquet"))]
    lines += [f"table: {path}" for path in tables]
    notebook = notebook_paths()["08_own_slides"]
    here, again = shlex.quote(str(images)), shlex.join(["--out", str(out), *asked])
    facts = read_json(out / "manifest.json")[notebook.stem]
    if not facts["n_read"]:
        return [
            *lines,
            "next, judge the objects of the blind read (precision and recall need answers):",
            f"  jupyter lab {shlex.quote(str(notebook))}",
            f"  with images = {str(images.absolute())!r} and run_dir = {str(out.absolute())!r} in "
            "its cell of parameters" + (", and the options of this command" if asked else ""),
            "or put annotations.csv into the folder of the images and run this again:",
            f"  python -m dicentlib own-slides {here} {again}",
        ]
    scored = [members, "--out", str(out / "scored")]
    if facts["pixel_size_from"] == "estimated":  # scoring would assume 0.1 um
        scored += ["--pixel-size-um", str(facts["pixel_size_um"])]
    scored = shlex.join(scored + ["--filter-weights", "filter-small"] * use_filter)
    return [
        *lines,
        "next, if the page satisfies you, run the commands of its last section (your own "
        "curve, then doses), or score samples with the same detector:",
        f"  python -m dicentlib score {here} {scored}",
    ]
