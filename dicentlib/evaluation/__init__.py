"""How good are the detections? Counts, threshold surfaces, intervals, reliability, rules."""

from dicentlib.evaluation.bootstrap import bootstrap_intervals, false_per_thousand
from dicentlib.evaluation.counts import (
    Counts,
    count_components,
    count_matches,
    f1_score,
    precision,
    recall,
    sum_counts,
)
from dicentlib.evaluation.ensembles import (
    curve_table,
    ensemble_sizes,
    random_ensembles,
    same_share,
    single_members,
    summarise,
)
from dicentlib.evaluation.matching import (
    compare_rules,
    count_one_to_one,
    mark_detections,
    match_points,
)
from dicentlib.evaluation.rules import (
    RULES,
    Choice,
    choose,
    highest_recall_at_false_rate,
    highest_recall_at_precision,
    lowest_false_rate_at_recall,
    nearest_precision,
)
from dicentlib.evaluation.surface import (
    ThresholdSurface,
    grid_position,
    image_counts,
    threshold_surface,
)
from dicentlib.evaluation.vote_reliability import (
    VoteCalibration,
    average_precision,
    calibration_error,
    fit_vote_calibration,
    reliability,
    vote_entropy,
)

__all__ = [
    "RULES",
    "Choice",
    "Counts",
    "ThresholdSurface",
    "VoteCalibration",
    "average_precision",
    "bootstrap_intervals",
    "calibration_error",
    "choose",
    "compare_rules",
    "count_components",
    "count_matches",
    "count_one_to_one",
    "curve_table",
    "ensemble_sizes",
    "f1_score",
    "false_per_thousand",
    "fit_vote_calibration",
    "grid_position",
    "highest_recall_at_false_rate",
    "highest_recall_at_precision",
    "image_counts",
    "lowest_false_rate_at_recall",
    "mark_detections",
    "match_points",
    "nearest_precision",
    "precision",
    "random_ensembles",
    "recall",
    "reliability",
    "same_share",
    "single_members",
    "sum_counts",
    "summarise",
    "threshold_surface",
    "vote_entropy",
]
