"""How good are the detections? Counts, threshold surfaces, intervals, reliability, rules."""

from dicentlib.evaluation.counts import (
    Counts,
    count_components,
    count_matches,
    f1_score,
    precision,
    recall,
    sum_counts,
)

__all__ = [
    "Counts",
    "count_components",
    "count_matches",
    "f1_score",
    "precision",
    "recall",
    "sum_counts",
]
