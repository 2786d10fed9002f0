"""The commands of ``python -m dicentlib``, one module per kind."""

from dicentlib.commands import notebooks, scoring, training, dose  # noqa: I001 - as in the help
from dicentlib.commands.app import Commands, app

__all__ = ["Commands", "app"]
