"""Studies by command, from the project's root: ``python -m studies --help``."""

from pathlib import Path
from typing import Annotated

import typer

from dicentlib.__main__ import Commands

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)


TABLE = "CSV file for the table of the documentation."
BASELINE = Path("studies/baseline")


@app.callback()
def main():
    """Comparisons and tables of this project's own studies."""


@app.command()
def tables(
    train_images: Annotated[str, typer.Argument(help="Image set for training.")],
    test_images: Annotated[str, typer.Argument(help="Image set for measuring.")],
    out: Annotated[str, typer.Argument(help="Folder for both trainings and tables.csv.")],
    epochs: Annotated[
        int, typer.Option(help="Epochs of each training; the members of the last half vote.")
    ] = 20,
    steps_per_epoch: Annotated[int, typer.Option(help="Batches per epoch.")] = 100,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder of the network. Default: that of the preset demo.")
    ] = None,
    pixel_size_um: Annotated[
        float, typer.Option(help="Pixel size of the network's images (um).")
    ] = 0.2,
    ensemble_size: Annotated[int, typer.Option(help="Number of members in a random ensemble.")] = 5,
    draws: Annotated[int, typer.Option(help="Random ensembles.")] = 100,
    threads: Annotated[int | None, typer.Option(help="Default: one per processor.")] = None,
    table_file: Annotated[Path | None, typer.Option("--table", help=TABLE)] = None,
):
    """The paper's tables on other data: Model A, Model B and ensembles, as CSV, and its claims."""
    from dicentlib.files import atomic_path
    from dicentlib.training import changed_preset, read_image_set
    from studies.paper_tables import documented, paper_claims, paper_tables

    changes = {
        "encoder": encoder,
        "epochs": epochs,
        "steps_per_epoch": steps_per_epoch,
        "pixel_size_um": pixel_size_um,
        "decay_to": 1.0,
    }
    table = paper_tables(
        read_image_set(train_images),
        read_image_set(test_images),
        out,
        parameters=changed_preset("demo", changes),
        size=ensemble_size,
        n_draws=draws,
        threads=threads,
    )
    typer.echo(table.round(3).to_string(index=False))
    typer.echo("\n".join(paper_claims(table)))
    if table_file:
        with atomic_path(table_file) as temporary:
            documented(table).to_csv(temporary, index=False)


@app.command()
def compare(
    simulated: Annotated[Path, typer.Argument(help="Annotated set of simulated images.")],
    real: Annotated[Path | None, typer.Option(help="Folder of real images.")] = None,
    baseline: Annotated[Path, typer.Option(help="Classical baseline.")] = BASELINE,
    model_a: Annotated[
        Path | None, typer.Option(help="Folder of members trained with lam 0 (Model A).")
    ] = None,
    model_b: Annotated[
        Path | None, typer.Option(help="Folder of the members of one training (Model B).")
    ] = None,
    ensemble: Annotated[
        Path | None, typer.Option(help="Folder of members with an operating point.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="CSV file for the table of the documentation.")
    ] = None,
):
    """Baseline, Model A, Model B and ensemble in one table, on simulated and real images."""
    from dicentlib.files import atomic_path
    from studies.comparison import compare as compare_systems
    from studies.comparison import documented, find_systems

    folders = {"simulated": simulated} | ({"real": real} if real else {})
    systems = find_systems(baseline=baseline, model_a=model_a, model_b=model_b, ensemble=ensemble)
    table = compare_systems(folders, systems)
    typer.echo(table.to_string(index=False, float_format=lambda number: f"{number:.3g}"))
    if out:
        with atomic_path(out) as temporary:
            documented(table).to_csv(temporary, index=False)


@app.command()
def contacts(
    real: Annotated[list[Path], typer.Argument(help="Real sets with a box for each chromosome.")],
    cells: Annotated[int, typer.Option(help="Simulated cells.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of the simulated cells.")] = 77,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
):
    """How chromosomes touch and how many specks lie between them: real and simulated fields."""
    import pandas as pd

    from dicentlib.files import atomic_path
    from studies.contacts import boxed_fields, measure_contacts, simulated_fields

    sets = {folder.name: boxed_fields(folder) for folder in real}
    sets["simulated"] = simulated_fields(cells, seed=seed)
    table = pd.DataFrame({name: measure_contacts(fields) for name, fields in sets.items()})
    typer.echo(table.round(2).to_string())
    if out:
        with atomic_path(out) as temporary:
            table.round(2).to_csv(temporary, index_label="measured")


@app.command()
def size(
    package: Annotated[Path, typer.Option(help="Folder of the package.")] = Path("dicentlib"),
):
    """Code lines of the package (no blank lines, comments, docstrings) and modules at its root."""
    from studies.size import package_size

    sizes = package_size(package)
    for part, (lines, files) in sorted(sizes.items(), key=lambda item: -item[1][0]):
        typer.echo(f"{lines:6d} lines {files:4d} files  {part}")
    lines, files = (sum(numbers) for numbers in zip(*sizes.values(), strict=True))
    n_root = sum(part.endswith(".py") for part in sizes)
    typer.echo(f"{lines:6d} lines {files:4d} files  in all; {n_root} modules at the root")


REAL = "Folder of real image sets. Default: the environment variable DICENTLIB_REAL_DATA."


@app.command()
def appearance(
    out: Annotated[str, typer.Argument(help="Folder for tables and figures.")],
    real: Annotated[str | None, typer.Option(help=REAL)] = None,
    n_images: Annotated[int, typer.Option(help="Simulated fields to draw.")] = 60,
    dose_gy: Annotated[float, typer.Option(help="Dose of the simulated cells (Gy).")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of the simulated fields.")] = 21,
):
    """Appearance of simulated images compared with real ones, and a classifier of crops."""
    from dicentlib.plotting.style import use_style
    from studies.against_real import appearance_study

    use_style()
    table, auc = appearance_study(
        out, real=real or "", n_images=n_images, dose_gy=dose_gy, seed=seed
    )
    typer.echo(table.round(3).to_string())
    typer.echo(f"simulated median inside the real range: {table['inside'].sum()} of {len(table)}")
    typer.echo(f"within 15 % of the real median: {table['within_15_percent'].sum()}")
    typer.echo("no AUC: too few real or simulated images" if auc is None else f"AUC {auc:.2f}")


@app.command()
def transfer(
    members: Annotated[str, typer.Argument(help="Members with their operating point.")],
    out: Annotated[str, typer.Argument(help="Folder for tables and figures.")],
    real: Annotated[str | None, typer.Option(help=REAL)] = None,
):
    """An ensemble on real image sets that it was not trained on."""
    from dicentlib.plotting.style import use_style
    from studies.against_real import transfer_study

    use_style()
    summary = transfer_study(members, out, real=real or "")
    typer.echo(summary.round(2).to_string(index=False) if len(summary) else "no real images")


@app.command()
def recoloured(
    weights: Annotated[Path, typer.Argument(help="Image filter.")] = Path("models/filter-small"),
    real: Annotated[str | None, typer.Option(help=REAL)] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
):
    """The image filter on real fields of solid Giemsa with other colours, light and scale."""
    from dicentlib.files import atomic_path
    from studies.recoloured import filter_study

    table = filter_study(weights, real=real or "")
    typer.echo(table.to_string(index=False) if len(table) else "no real images")
    if out:
        with atomic_path(out) as temporary:
            table.to_csv(temporary, index=False)


if __name__ == "__main__":
    app()
