"""An ensemble on cells of natural proportions: recall of exposed cells, false alarms of unexposed.

Two image sets are read together: ``<name>_exposed`` (1 to 4 Gy), on which recall and precision
are counted, and ``<name>_unexposed``, on which false detections per 1000 cells are.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from dicentlib.conventions import CLASSES
from dicentlib.evaluation import false_per_thousand
from dicentlib.evaluation.image_set import class_surface, open_evaluation_set
from dicentlib.evaluation.rules import highest_recall_at_false_rate, lowest_false_rate_at_recall
from dicentlib.operating_point import OperatingPoint

CONFIDENCE_THRESHOLDS = np.linspace(0.05, 0.95, 19).round(2)
MAX_FALSE = {"dicentric": 30.0, "fragment": 50.0}  # per 1000 unexposed cells, on validation
MIN_RECALL = {"dicentric": 0.80, "fragment": 0.75}  # of the targets
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class NaturalSurface:
    """Surfaces of one class on the exposed and on the unexposed cells, same ensembles and grid."""

    exposed: object
    unexposed: object

    def rates(self, ensemble):
        """False detections per 1000 unexposed cells, (n_T_C, n_T_A), of one ensemble."""
        return 1000 * self.unexposed.fp[ensemble] / self.unexposed.n_images

    def majority_rates(self):
        """`rates` of the whole ensemble, infinite where half of the votes are enough."""
        few = self.exposed.agreement_thresholds < self.exposed.ensembles.shape[1] // 2
        return np.where(few, np.inf, self.rates(0))

    def at(self, choice, ensemble=0):
        """Counts at a choice's thresholds: recall, precision, false per 1000, with intervals."""
        row = np.searchsorted(self.exposed.confidence_thresholds, choice.confidence_threshold)
        column = np.searchsorted(self.exposed.agreement_thresholds, choice.agreement_threshold)
        where = (ensemble, row, column)
        tp, fp, fn = (int(getattr(self.exposed, name)[where]) for name in ("tp", "fp", "fn"))
        objects = tp + fn
        low, high = proportion_confint(tp, max(objects, 1), alpha=1 - LEVEL, method="wilson")
        false = int(self.unexposed.fp[where])
        rate = false_per_thousand(false, self.unexposed.n_images, level=LEVEL)
        return {
            "recall": tp / max(objects, 1), "recall_low": low, "recall_high": high,
            "objects": objects, "precision": tp / (tp + fp) if tp + fp else np.nan,
            "false_per_1000": rate["per_thousand"], "false_low": rate["lower"],
            "false_high": rate["upper"], "unexposed_cells": self.unexposed.n_images,
        }  # fmt: skip


def natural_surfaces(run, name, members, ensembles, agreement_thresholds, *, suffix=""):
    """Surfaces of both classes of the sets ``<name>_exposed`` and ``<name>_unexposed`` in a run.

    Returns
    -------
    dict of class name to NaturalSurface
    """
    parts = {
        part: open_evaluation_set(run, f"{name}_{part}", members, suffix=suffix)
        for part in ("exposed", "unexposed")
    }
    grid = {
        "confidence_thresholds": CONFIDENCE_THRESHOLDS,
        "agreement_thresholds": agreement_thresholds,
        "ensembles": ensembles,
    }
    return {
        class_name: NaturalSurface(
            **{part: class_surface(images, class_name, **grid) for part, images in parts.items()}
        )
        for class_name in CLASSES
    }


def choose_operating_point(surfaces, members, *, max_false=MAX_FALSE):
    """Highest recall at a rate of false detections, for each class, on validation cells.

    More than half of the members have to agree: points of few votes at a high T_C give as many
    false detections on simulated cells, and lose the fainter peaks of other slides.

    Parameters
    ----------
    surfaces : dict of class name to NaturalSurface
        Of the whole ensemble, as its first.
    members : sequence of Member
    max_false : dict of class name to float
        Most false detections per 1000 unexposed cells.

    Returns
    -------
    OperatingPoint
    """
    choices = {
        name: highest_recall_at_false_rate(
            surface.exposed, surface.majority_rates(), max_per_thousand=max_false[name]
        )
        for name, surface in surfaces.items()
    }
    return OperatingPoint(
        confidence_threshold={name: c.confidence_threshold for name, c in choices.items()},
        agreement_threshold={name: c.agreement_threshold for name, c in choices.items()},
        n_members=len(members),
        members=tuple(member.digest for member in members),
        rule="; ".join(f"{name}: {c.rule}" for name, c in choices.items())
        + ", more than half of the votes, on simulated validation cells of natural proportions",
    )


def measure_natural(run, members, *, suffix="", sets=("validation", "test")):
    """Operating point by the rule on validation cells, and what it gives on each set.

    Parameters
    ----------
    run : pathlib.Path
        Holds ``data/<set>_exposed`` and ``data/<set>_unexposed``.
    members : sequence of Member
    suffix : str
        Tells apart the heatmaps of several ensembles in a run.
    sets : sequence of str
        The first is the one to choose on.

    Returns
    -------
    OperatingPoint
    pandas.DataFrame
        Per set and class: ``operating point``, the point of fewest false detections at the
        target's recall, and the mean of the members alone, each at the T_C that the same rule
        chooses for it.
    """
    n = len(members)
    whole, alone = np.arange(n)[None], np.arange(n)[:, None]
    rows, point, targets, singles = [], None, {}, {}
    for name in sets:
        surfaces = natural_surfaces(run, name, members, whole, range(n), suffix=suffix)
        by_member = natural_surfaces(run, name, members, alone, [0], suffix=suffix)
        if point is None:
            point = choose_operating_point(surfaces, members)
        for class_name, surface in surfaces.items():
            if class_name not in targets:
                targets[class_name] = lowest_false_rate_at_recall(
                    surface.exposed, surface.rates(0), min_recall=MIN_RECALL[class_name]
                )
                singles[class_name] = _choices_of_members(by_member[class_name], class_name)
            head = {"set (simulated)": name, "class": class_name}
            chosen = _Thresholds(
                point.confidence_threshold[class_name], point.agreement_threshold[class_name]
            )
            target = f"recall >= {MIN_RECALL[class_name]:.2f}"
            for label, choice in (("operating point", chosen), (target, targets[class_name])):
                thresholds = {"T_C": choice.confidence_threshold, "T_A": choice.agreement_threshold}
                rows.append(head | {"point": label} | thresholds | surface.at(choice))
            members_at = pd.DataFrame(
                [by_member[class_name].at(c, k) for k, c in enumerate(singles[class_name])]
            )
            means = members_at[["recall", "precision", "false_per_1000"]].mean().to_dict()
            rows.append(head | {"point": "members alone, mean"} | means)
    return point, pd.DataFrame(rows)


@dataclass(frozen=True)
class _Thresholds:
    confidence_threshold: float
    agreement_threshold: int


def _choices_of_members(surface, class_name):
    """Each member's own T_C by the rule of the operating point."""
    choices = []
    for k in range(len(surface.exposed.ensembles)):
        counts = {name: getattr(surface.exposed, name)[k : k + 1] for name in ("tp", "fp", "fn")}
        one = type(surface.exposed)(
            **counts,
            confidence_thresholds=surface.exposed.confidence_thresholds,
            agreement_thresholds=surface.exposed.agreement_thresholds,
            ensembles=surface.exposed.ensembles[k : k + 1],
            n_images=surface.exposed.n_images,
        )
        choices.append(
            highest_recall_at_false_rate(
                one, surface.rates(k), max_per_thousand=MAX_FALSE[class_name]
            )
        )
    return choices
