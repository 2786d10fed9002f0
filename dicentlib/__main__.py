"""Command line: ``python -m dicentlib COMMAND --help``."""

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def main():
    """Dicentric chromosomes: from metaphase images to a dose."""


@app.command()
def report(preset: str = "demo", run_dir: str = "runs/demo", first: str = "", last: str = ""):
    """Run the numbered notebooks in order, from metaphases to the dose report."""
    from dicentlib.pipeline import run_pipeline, summary
    from dicentlib.runs import resolve

    run_pipeline(preset, resolve(run_dir), first=first or None, last=last or None)
    typer.echo(summary(resolve(run_dir)))


if __name__ == "__main__":
    app()
