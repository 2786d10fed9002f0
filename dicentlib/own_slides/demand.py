"""The agreement threshold that meets a demand: a precision, a recall, or few false calls."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.counts.checked import number
from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.errors import InputError
from dicentlib.evaluation.counts import precision, recall

DEMANDS = {
    "precision": "a precision of at least",
    "recall": "a recall of at least",
    "false_per_thousand": "a number of false dicentrics per 1000 cells of at most",
}


@dataclass(frozen=True)
class DemandChoice:
    """The agreement threshold that meets a laboratory's demand, and what the others give.

    ``sentence`` names it, ``cells_sentence`` the cells that the false dicentrics are of;
    ``n_unexposed`` is 0 where these are all cells.
    """

    row: pd.Series
    met: bool
    sentence: str
    cells_sentence: str
    table: pd.DataFrame
    n_unexposed: int


def unexposed_images(table, scored):
    """Images of cells that are stated to be unexposed (a dose of 0 in ``samples.csv``).

    Parameters
    ----------
    table : DataFrame
        ``image, dose_gy`` of an inventory; NaN where no dose is known.
    scored : iterable of str
        Images that were scored; others do not count.

    Returns
    -------
    frozenset of str
    """
    return frozenset(table.loc[table["dose_gy"] == 0, "image"]) & frozenset(scored)


def choose_on_most_cells(detections, annotations, images, *, demand, value, unexposed=frozenset()):
    """Choose for dicentrics on the cross-validated detections of the largest training.

    Parameters
    ----------
    detections : DataFrame
        Second result of :func:`dicentlib.own_slides.learning.learning_curve`.
    annotations, images : DataFrame
        As given to :func:`dicentlib.own_slides.learning.learning_curve`; every image lies in one
        test fold.
    demand, value
        See :func:`choose_agreement`. Thresholds up to the most votes that occur are tried.
    unexposed : frozenset of str
        Of :func:`unexposed_images`: false dicentrics are counted in these alone, where there are
        any.

    Returns
    -------
    DemandChoice
    """
    most = int(detections["n_cells"].max())
    part = detections[(detections["n_cells"] == most) & (detections["class"] == "dicentric")]
    table = agreement_table(
        part,
        n_members=int(part["votes"].max()) if len(part) else 1,
        n_true=int((annotations["class"] == "dicentric").sum()),
        n_cells=len(images),
        unexposed=unexposed,
    )
    where = f"After fine-tuning on {most} cells, cross-validated"
    return _choice(table, where, len(images), len(unexposed), demand=demand, value=value)


def choose_untuned(answers, scan, *, demand, value, unexposed=frozenset()):
    """Choose for dicentrics of the ensemble as it is.

    With annotations, on all cells. Without, a number of false dicentrics can be demanded where
    some cells are unexposed: every call in these counts as false, although about one unexposed
    cell in 1000 holds a dicentric.

    Parameters
    ----------
    answers : DataFrame or None
        ``image, votes, true`` of all candidates
        (:func:`dicentlib.own_slides.blind_read.answers_of` with annotations). None: there are no
        annotations.
    scan : dicentlib.own_slides.candidates.Scan
    demand, value
        See :func:`choose_agreement`.
    unexposed : frozenset of str
        See :func:`choose_on_most_cells`.

    Returns
    -------
    DemandChoice or None
        None: nothing says which calls are true.
    """
    n_cells, options = len(scan.scored), {"n_members": scan.n_members, "unexposed": unexposed}
    if answers is not None:
        n_true = int(answers["true"].sum())
        table = agreement_table(answers, n_true=n_true, n_cells=n_cells, **options)
        where = "The ensemble as it is, chosen and measured on these cells"
    elif unexposed and demand == "false_per_thousand":
        found = scan.detections
        found = found[(found["class"] == "dicentric") & found["image"].isin(unexposed)]
        table = agreement_table(found.assign(true=False), n_true=0, n_cells=n_cells, **options)
        table["precision"] = np.nan  # nobody knows which calls in the other cells are true
        where = "The ensemble as it is, every call in an unexposed cell counted as false"
    else:
        return None
    return _choice(table, where, n_cells, len(unexposed), demand=demand, value=value)


def _choice(table, where, n_cells, n_unexposed, *, demand, value):
    row, met = choose_agreement(table, demand=demand, value=value)
    n = int(row["agreement_threshold"]) + 1  # fewest votes of a call
    of = "unexposed cells" if n_unexposed else "cells"
    known = [
        f"{name} {row[name]:.2f}" for name in ("precision", "recall") if row[name] == row[name]
    ]
    known.append(f"{row['false_per_thousand']:.0f} false dicentrics per 1000 {of}")
    sentence = (
        f"{where}: {DEMANDS[demand].replace('cells', of)} {value:g} "
        f"{'is met' if met else 'is not met; nearest'} with at least {n} "
        f"vote{'s' * (n != 1)}: {', '.join(known)}."
    )
    cells = _cells_sentence(int(row["false"]), n_cells, n_unexposed)
    return DemandChoice(row, met, sentence, cells, table, n_unexposed)


def _cells_sentence(n_false, n_cells, n_unexposed):
    """Which cells the false dicentrics are of, and how well their number is known."""
    n = n_unexposed or n_cells
    lower, upper = (1000 * limit / n for limit in poisson_limits(n_false))
    which = f"{n} cell{'s' * (n != 1)}"
    if n_unexposed:
        said = f"False dicentrics are those of the {which} with a dose of 0 in samples.csv"
    else:
        said = (
            "No cell is known to be unexposed (a dose of 0 in samples.csv): false dicentrics are "
            f"those of all {which}"
        )
    return f"{said}: {n_false} in these, 95 % interval {lower:.0f} to {upper:.0f} per 1000."


def agreement_table(marked, *, n_members, n_true, n_cells, unexposed=frozenset()):
    """What each agreement threshold gives, from detections that got at least one vote.

    Parameters
    ----------
    marked : DataFrame
        Of one class: ``votes, true``, and ``image`` where some are unexposed.
    n_members : int
    n_true : int
        Annotated objects of the class.
    n_cells : int
        Cells looked at.
    unexposed : frozenset of str
        Images of unexposed cells among them.

    Returns
    -------
    DataFrame
        One row per agreement threshold 0 to n_members - 1: ``agreement_threshold, called,
        precision, recall, false, false_per_thousand`` (number of false detections, and per 1000
        cells: of the unexposed cells, or of all where none is). Precision is NaN where nothing is
        called, recall where there is nothing to find.
    """
    thresholds = np.arange(n_members)
    called = marked["votes"].to_numpy() > thresholds[:, None]
    is_true = marked["true"].to_numpy(dtype=bool)
    true, false = ((called & chosen).sum(axis=1) for chosen in (is_true, ~is_true))
    counted, n_counted = false, n_cells
    if unexposed:
        here = marked["image"].isin(unexposed).to_numpy(dtype=bool)
        counted, n_counted = (called & ~is_true & here).sum(axis=1), len(unexposed)
    return pd.DataFrame(
        {
            "agreement_threshold": thresholds,
            "called": true + false,
            "precision": precision(true, false),
            "recall": recall(true, n_true - true),
            "false": counted,
            "false_per_thousand": 1000 * counted / n_counted,
        }
    )


def check_demand(demand, value, *, name=str):
    """Refuse an unknown demand, or a value that it cannot have.

    Parameters
    ----------
    demand, value
        See :func:`choose_agreement`.
    name : callable
        From "demand" and "demanded" to what the caller calls them.

    Raises
    ------
    InputError
    """
    if demand not in DEMANDS:
        raise InputError(f"{name('demand')} is {demand!r}: expected {', '.join(DEMANDS)}")
    most = np.inf if demand == "false_per_thousand" else 1
    number(f"{name('demanded')} (of {demand})", value, least=0, most=most)


def choose_agreement(table, *, demand, value):
    """The agreement threshold that meets a laboratory's demand.

    Parameters
    ----------
    table : DataFrame
        Of :func:`agreement_table`.
    demand : {"precision", "recall", "false_per_thousand"}
        At least so much precision, or at most so many false detections per 1000 cells: the
        lowest threshold that gives it, for the most recall. At least so much recall: the
        highest threshold that gives it, for the most precision.
    value : float

    Returns
    -------
    row : pandas.Series
        Of the table.
    met : bool
        False where no threshold meets the demand; the row is then the nearest.

    Raises
    ------
    InputError
        An unknown demand, or a value that it cannot have.
    """
    check_demand(demand, value)
    reached = table[demand]
    meets = reached <= value if demand == "false_per_thousand" else reached >= value
    if meets.any():
        rows = table[meets]
        return (rows.iloc[-1] if demand == "recall" else rows.iloc[0]), True
    distance = (reached - value).abs().fillna(np.inf)
    return table.loc[distance.idxmin()], False
