"""Doses that a table calls Gy and that are more likely in another unit."""

import numpy as np

from dicentlib.conventions import UNUSUAL_DOSE_GY
from dicentlib.errors import notice


def notice_unusual_doses(source, column, doses):
    """Say in an :class:`~dicentlib.errors.InputWarning` that doses reach above 20 Gy.

    Parameters
    ----------
    source, column : str
        The message begins with them.
    doses : sequence of float
        NaN: not known.
    """
    highest = np.nanmax([0.0, *doses])
    if highest > UNUSUAL_DOSE_GY:
        notice(
            f"{source}: column {column}: doses up to {highest:g} are read as Gy; are they in "
            "cGy or mGy?"
        )
