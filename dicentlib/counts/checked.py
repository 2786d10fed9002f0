"""Numbers that a caller gives, checked: a sentence instead of a strange error later."""

import math
from numbers import Real

import numpy as np

from dicentlib.errors import InputError


def number(label, value, *, least=-math.inf, most=math.inf, open_ends=False, unit=""):
    """`value` as a float if it is a finite number from `least` to `most` (`open_ends`: between).

    Examples
    --------
    >>> number("level", 0.95, least=0, most=1, open_ends=True)
    0.95
    """
    given = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(given, Real) and not isinstance(given, (bool, np.bool_)):
        inside = least < given < most if open_ends else least <= given <= most
        if inside and math.isfinite(given):
            return float(given)
    raise InputError(f"{label} is {value!r:.100}: expected {_range(least, most, open_ends)}{unit}")


def numbers(values, refusal):
    """`values` as an array of float; else an :class:`InputError` that says `refusal`."""
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(refusal) from error


def _range(least, most, open_ends):
    if math.isinf(least):
        return "a number"
    if math.isinf(most):
        return f"more than {least:g}" if open_ends else f"{least:g} or more"
    words = ("between", "and") if open_ends else ("from", "to")
    return f"a number {words[0]} {least:g} {words[1]} {most:g}"
