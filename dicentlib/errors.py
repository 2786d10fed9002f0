"""The errors and warnings that dicentlib raises on purpose.

Every message names the file or value, what was found and what is allowed.
"""

import os
import sys
import warnings

PACKAGE = os.path.join(os.path.dirname(__file__), "")


class DicentlibError(ValueError):
    """Base class: catching it catches every error that dicentlib raises on purpose."""


class InputError(DicentlibError):
    """A file, table or argument is not of the form that is expected."""


class ScorerMismatchError(DicentlibError):
    """A calibration curve is used with another scorer than the one that made its counts."""


class ScoringError(DicentlibError):
    """Scoring stopped before every image had its result; a rerun continues where it stopped."""


class InputWarning(UserWarning):
    """Something in a file was assumed or passed over; the message names the file and what."""


def notice(text):
    """Issue an :class:`InputWarning` that points at the caller's line, outside the package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, InputWarning, stacklevel=level)
