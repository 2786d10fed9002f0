"""Command line: ``python -m dicentlib COMMAND --help``."""

from dicentlib.commands import Commands, app

__all__ = ["Commands", "app"]

if __name__ == "__main__":
    app()
