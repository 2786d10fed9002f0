"""Decisions of a reviewer about detections: taken back, saved at once, exported."""

from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data import check_annotations
from dicentlib.errors import InputError
from dicentlib.files import atomic_path
from dicentlib.tables import number_style, numbers, read_table

IDENTITY = ["image", "class", "row", "col"]
SAVED = [*IDENTITY, "decision", "reviewed_class", "seconds"]
NUMBERS = ["row", "col", "seconds"]
SAME_PX = 0.01  # positions closer than this are those of one object
ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", ""
LONGEST_PAUSE_S = 60.0  # a longer time between two decisions is a break, not work


def least_certain_first(detections):
    """Detections in the order of review: fewest votes first, then the lowest mean peak.

    Returns
    -------
    DataFrame
        With a new index from 0.
    """
    if not len(detections):
        return detections.reset_index(drop=True)
    order = np.lexsort((detections["peak_mean"], detections["vote_fraction"]))
    return detections.iloc[order].reset_index(drop=True)


def both_ends(detections, n):
    """At most `n` detections for a figure: half with the fewest votes, half with the most.

    Examples
    --------
    >>> found = pd.DataFrame({"vote_fraction": [0.9, 0.5, 0.7, 0.8], "peak_mean": 0.5})
    >>> both_ends(found, 3)["vote_fraction"].to_list()
    [0.5, 0.7, 0.9]
    """
    ordered = least_certain_first(detections)
    n_first = min((n + 1) // 2, len(ordered))
    return pd.concat([ordered[:n_first], ordered[n_first:].tail(n // 2)])


class ReviewState:
    """Detections and the decisions about them.

    Parameters
    ----------
    detections : DataFrame
        As of ``scoring.score_folder``.
    path : path-like, optional
        ``review.csv``. Decisions found there are used again, and it is rewritten after
        every action, so that nothing is lost with the browser. Decisions about objects that
        are not among `detections` stay in the file.

    Attributes
    ----------
    detections : DataFrame
        Least certain first; positions below are numbers of its rows.
    n_unplaced : int
        Decisions in the file about these images that belong to none of the detections.

    Raises
    ------
    InputError
        The file is not a review, or holds a decision or class that does not exist.
    """

    def __init__(self, detections, *, path=None):
        self.detections = least_certain_first(detections)
        n = len(self.detections)
        self.decisions = [UNDECIDED] * n
        self.classes = self.detections["class"].astype(str).tolist()
        self.seconds = [0.0] * n
        self.path = None if path is None else Path(path)
        self._history = []
        self._last_action = None
        self.n_unplaced = 0
        if self.path is not None and self.path.is_file():
            self._take_up(_read_review(self.path))

    def accept(self, position):
        """The object is what the ensemble says."""
        self._decide(position, ACCEPTED)

    def reject(self, position):
        """There is no such object."""
        self._decide(position, REJECTED)

    def reclassify(self, position):
        """There is an object, of the other class."""
        self._decide(position, ACCEPTED, other_class=True)

    def undo(self):
        """Take back the last decision of this session.

        Returns
        -------
        int or None
            Its position; None when there is nothing to take back.
        """
        if not self._history:
            return None
        position, *before = self._history.pop()
        self.decisions[position], self.classes[position], self.seconds[position] = before
        self.save()
        return position

    @property
    def n_reviewed(self):
        """Number of detections with a decision."""
        return sum(decision != UNDECIDED for decision in self.decisions)

    @property
    def seconds_left(self):
        """Median time per decision times what is left; NaN before the first decision."""
        taken = [s for s in self.seconds if s > 0]
        left = len(self.decisions) - self.n_reviewed
        return float(np.median(taken)) * left if taken else (np.nan if left else 0.0)

    def next_undecided(self, start=0):
        """First position from `start` on without a decision, from the beginning if need be."""
        n = len(self.decisions)
        positions = [*range(start, n), *range(min(start, n))]
        return next((p for p in positions if self.decisions[p] == UNDECIDED), None)

    def reviewed_detections(self):
        """Detections after review: rejected ones are gone, reclassified ones changed.

        Undecided ones stay as the ensemble found them. Order and columns of `detections`.
        """
        kept = [decision != REJECTED for decision in self.decisions]
        return self.detections.assign(**{"class": self.classes}).loc[kept].reset_index(drop=True)

    def annotations(self):
        """Accepted objects as a table of annotations, for fine-tuning."""
        accepted = [decision == ACCEPTED for decision in self.decisions]
        table = self.detections.assign(**{"class": self.classes}).loc[accepted, IDENTITY]
        table = table.sort_values(IDENTITY).reset_index(drop=True)
        return check_annotations(table, source="reviewed detections")

    def save(self):
        """Write all decisions to ``review.csv``, atomically."""
        if self.path is None:
            return
        table = self.detections[IDENTITY].assign(
            decision=self.decisions, reviewed_class=self.classes, seconds=self.seconds
        )
        decided = table[table["decision"] != UNDECIDED]
        parts = [decided]
        if self.path.is_file():  # another gallery may have written since
            saved = _read_review(self.path)
            others = [position is None for position in self._positions_of(saved)]
            parts = [part for part in (saved[others], decided) if len(part)] or parts
        table = pd.concat(parts)
        with atomic_path(self.path) as temporary:
            table.to_csv(temporary, index=False, columns=SAVED, lineterminator="\n")

    def _decide(self, position, decision, *, other_class=False):
        if not 0 <= position < len(self.decisions):
            raise InputError(f"detection {position}; allowed: 0 to {len(self.decisions) - 1}")
        before = (self.decisions[position], self.classes[position], self.seconds[position])
        self._history.append((position, *before))
        now = monotonic()
        taken = 0.0 if self._last_action is None else now - self._last_action
        self._last_action = now
        found = CLASSES.index(self.detections["class"].iloc[position])
        self.decisions[position] = decision
        self.classes[position] = CLASSES[1 - found if other_class else found]
        self.seconds[position] = round(taken, 3) if taken <= LONGEST_PAUSE_S else 0.0
        self.save()

    def _take_up(self, saved):
        places = self._positions_of(saved)
        for position, row in zip(places, saved[SAVED[4:]].to_numpy(), strict=True):
            if position is None:
                continue
            before = (self.decisions[position], self.classes[position])
            if before[0] != UNDECIDED and before != tuple(row[:2]):
                image, *place = self.detections.loc[position, ["image", "row", "col"]]
                raise InputError(
                    f"{self.path}: two decisions about the object at row {place[0]:g}, col "
                    f"{place[1]:g} of {image}; expected one"
                )
            self.decisions[position], self.classes[position], self.seconds[position] = row
        own = saved["image"].isin(set(self.detections["image"]))
        self.n_unplaced = sum(
            mine and place is None for mine, place in zip(own, places, strict=True)
        )

    def _positions_of(self, saved):
        """Row of the detection that each saved decision is about; None where there is none.

        The nearest of its class within `SAME_PX` in its image: a spreadsheet that saves the file
        keeps some ten digits of a position.
        """
        of_object = {key: part for key, part in self.detections.groupby(["image", "class"])}
        places = []
        for row in saved.to_dict("records"):
            candidates = of_object.get((row["image"], row["class"]))
            places.append(None)
            if candidates is not None:
                distance = np.hypot(candidates["row"] - row["row"], candidates["col"] - row["col"])
                if distance.min() <= SAME_PX:
                    places[-1] = int(distance.idxmin())
        return places


def _read_review(path):
    table = read_table(path, is_header=lambda cells: {*SAVED} <= {*cells})
    if {*table.cells.columns} != {*SAVED}:
        raise InputError(
            f"{path}: columns {', '.join(table.cells.columns)}; expected {', '.join(SAVED)}"
        )
    cells = table.cells
    for column, allowed in (
        ("class", CLASSES),
        ("reviewed_class", CLASSES),
        ("decision", (ACCEPTED, REJECTED)),
    ):
        wrong = ~cells[column].isin(allowed)
        if wrong.any():
            raise InputError(
                f"{table.where(wrong.idxmax())}: {column} {cells[column][wrong.idxmax()]!r}; "
                f"allowed: {', '.join(allowed)}"
            )
    style = number_style(table, NUMBERS)
    found = {column: numbers(table, column, style) for column in NUMBERS}
    for column, values in found.items():
        if None in values:
            row = cells.index[values.index(None)]
            raise InputError(f"{table.where(row)}: no {column}; expected a number")
    return cells.assign(**found)[SAVED].reset_index(drop=True)
