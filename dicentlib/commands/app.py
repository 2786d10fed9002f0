"""The program: its refusals are sentences, its options have help texts."""

import warnings
from functools import partial

import typer
from typer.core import TyperGroup

from dicentlib.errors import DicentlibError, InputWarning


class Commands(TyperGroup):
    """Commands whose refusals are a sentence and exit code 2, not a traceback.

    What was assumed about a file is a sentence too, said once.
    """

    def invoke(self, ctx):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", InputWarning)
                warnings.showwarning = partial(_say, set())
                return super().invoke(ctx)
        except (DicentlibError, MemoryError, OSError, RuntimeError) as error:
            text = _sentence(error)
            if not text:
                raise
            typer.echo(f"Error: {text}", err=True)
            raise typer.Exit(2) from error


def _sentence(error):
    """What went wrong outside the program, in a sentence; "" where it is no such error."""
    if isinstance(error, DicentlibError):
        return str(error)
    if isinstance(error, MemoryError) or "memory" in str(error):  # torch has no class for it
        return f"out of memory ({error}); use smaller images or batches, or fewer threads"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return ""


def _say(said, message, category, filename, lineno, file=None, line=None):
    text = warnings.formatwarning(message, category, filename, lineno)
    if issubclass(category, InputWarning):
        text = f"Note: {message}"
    if text not in said:
        typer.echo(text, err=True)
    said.add(text)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def main():
    """Dicentric chromosomes: from metaphase images to a dose."""


def option(help_text, *names):
    return typer.Option(*names, help=help_text)


def argument(help_text):
    return typer.Argument(help=help_text)
