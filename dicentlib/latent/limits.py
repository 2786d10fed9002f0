"""What a run is too small for, said in words before anything is drawn."""

import numpy as np

from dicentlib.errors import InputError
from dicentlib.latent.points import POINT_CLASSES, class_codes


def limitations(points, epochs):
    """Sentences on what cannot be shown with these points and epochs; empty if nothing.

    Parameters
    ----------
    points : DataFrame
        As from :func:`sample_points`.
    epochs : sequence of int
        Epochs of the members used.

    Examples
    --------
    >>> import pandas as pd
    >>> limitations(pd.DataFrame({"class": ["dicentric", "fragment"] * 2}), [1, 2])
    ['no background place: the latent plane is divided among the other classes']
    """
    messages = []
    if len(epochs) < 2:
        messages.append(
            f"{len(epochs)} epoch: trajectories need at least 2; each centroid is drawn as a dot, "
            "and a single member cannot disagree with itself (no rank correlation)"
        )
    counts = np.bincount(class_codes(points), minlength=len(POINT_CLASSES))
    for name, count in zip(POINT_CLASSES, counts, strict=True):
        noun = "background place" if name == "background" else f"annotated {name}"
        if count == 0:
            messages.append(f"no {noun}: the latent plane is divided among the other classes")
        elif count == 1:
            messages.append(
                f"1 {noun}: at least 2 are needed to fit its region; "
                "the latent plane is divided among the other classes"
            )
    return messages


def choose_epochs(available, wanted):
    """The wanted epochs where all of them exist, else the last ones, as many.

    Parameters
    ----------
    available : sequence of int
        Epochs of the members, ascending.
    wanted : sequence of int

    Returns
    -------
    list of int

    Examples
    --------
    >>> choose_epochs(range(51, 101), [82, 92, 100])
    [82, 92, 100]
    >>> choose_epochs([5, 6, 7, 8], [82, 92, 100])
    [6, 7, 8]
    """
    if not len(available) or not len(wanted):
        raise InputError(f"{len(available)} epochs available, {len(wanted)} wanted; at least 1")
    if set(wanted) <= set(available):
        return [int(epoch) for epoch in wanted]
    return [int(epoch) for epoch in available[-len(wanted) :]]


def epoch_positions(available, wanted):
    """Positions in `available` of the wanted epochs; None, meaning all, stays None.

    Raises
    ------
    InputError
        An epoch is not available.

    Examples
    --------
    >>> epoch_positions([50, 60, 70], [60, 70])
    (1, 2)
    """
    if wanted is None:
        return None
    available = list(available)
    missing = [epoch for epoch in wanted if epoch not in available]
    if missing or not len(wanted):
        raise InputError(f"epochs {list(wanted)}; allowed: one or more of {available}")
    return tuple(available.index(epoch) for epoch in wanted)
