"""Command line: ``python -m dicentlib COMMAND --help``."""

import typer

app = typer.Typer(
    help="Dicentric chromosomes: from metaphase images to a dose.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

if __name__ == "__main__":
    app()
