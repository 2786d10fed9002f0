"""The agreement threshold that meets a demand: a precision, a recall, or few false calls."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.errors import InputError
from dicentlib.evaluation.counts import precision, recall

DEMANDS = {
    "precision": "a precision of at least",
    "recall": "a recall of at least",
    "false_per_thousand": "a number of false dicentrics per 1000 cells of at most",
}


@dataclass(frozen=True)
class DemandChoice:
    """The agreement threshold that meets a laboratory's demand, and what the others give."""

    row: pd.Series
    met: bool
    sentence: str
    table: pd.DataFrame


def choose_on_most_cells(detections, annotations, images, *, demand, value):
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
    )
    where = f"After fine-tuning on {most} cells, cross-validated"
    return _choice(table, where, demand=demand, value=value)


def choose_untuned(answers, scan, *, demand, value):
    """Choose for dicentrics of the ensemble as it is, on the cells that are annotated.

    Parameters
    ----------
    answers : DataFrame
        ``votes, true`` of all candidates (:func:`dicentlib.own_slides.blind_read.answers_of`
        with annotations).
    scan : dicentlib.own_slides.candidates.Scan
    demand, value
        See :func:`choose_agreement`.

    Returns
    -------
    DemandChoice
    """
    table = agreement_table(
        answers,
        n_members=scan.n_members,
        n_true=int(answers["true"].sum()),
        n_cells=len(scan.scored),
    )
    where = "The ensemble as it is, chosen and measured on these cells"
    return _choice(table, where, demand=demand, value=value)


def _choice(table, where, *, demand, value):
    row, met = choose_agreement(table, demand=demand, value=value)
    n = int(row["agreement_threshold"]) + 1  # fewest votes of a call
    sentence = (
        f"{where}: {DEMANDS[demand]} {value:g} {'is met' if met else 'is not met; nearest'} with "
        f"at least {n} vote{'s' * (n != 1)}: precision {row['precision']:.2f}, recall "
        f"{row['recall']:.2f}, {row['false_per_thousand']:.0f} false dicentrics per 1000 cells."
    )
    return DemandChoice(row, met, sentence, table)


def agreement_table(marked, *, n_members, n_true, n_cells):
    """What each agreement threshold gives, from detections that got at least one vote.

    Parameters
    ----------
    marked : DataFrame
        Of one class: ``votes, true``.
    n_members : int
    n_true : int
        Annotated objects of the class.
    n_cells : int
        Cells looked at.

    Returns
    -------
    DataFrame
        One row per agreement threshold 0 to n_members - 1: ``agreement_threshold, called,
        precision, recall, false_per_thousand`` (false detections per 1000 cells). Precision is
        NaN where nothing is called, recall where there is nothing to find.
    """
    thresholds = np.arange(n_members)
    called = marked["votes"].to_numpy() > thresholds[:, None]
    true = (called & marked["true"].to_numpy(dtype=bool)).sum(axis=1)
    false = called.sum(axis=1) - true
    return pd.DataFrame(
        {
            "agreement_threshold": thresholds,
            "called": true + false,
            "precision": precision(true, false),
            "recall": recall(true, n_true - true),
            "false_per_thousand": 1000 * false / n_cells,
        }
    )


def check_demand(demand, value):
    """Refuse an unknown demand, or a value that it cannot have.

    Raises
    ------
    InputError
    """
    if demand not in DEMANDS:
        raise InputError(f"demand {demand!r}; allowed: {', '.join(DEMANDS)}")
    share = demand != "false_per_thousand"
    if not (0 <= value <= 1 if share else value >= 0):
        raise InputError(f"{demand} {value}; allowed: {'0 to 1' if share else '0 or more'}")


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
