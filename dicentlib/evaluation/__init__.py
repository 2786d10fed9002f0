"""How good are the detections? Counts, threshold surfaces, intervals, reliability, rules."""

from dicentlib.evaluation.bootstrap import false_per_thousand
from dicentlib.evaluation.counts import Counts, count_matches, precision, recall
from dicentlib.evaluation.ensembles import (
    curve_table,
    ensemble_sizes,
    random_ensembles,
    same_share,
    single_members,
    summarise,
)
from dicentlib.evaluation.matching import compare_rules, mark_detections
from dicentlib.evaluation.rules import (
    RULES,
    choose,
    highest_recall_at_false_rate,
    highest_recall_at_precision,
    lowest_false_rate_at_recall,
    nearest_precision,
)
from dicentlib.evaluation.surface import threshold_surface
from dicentlib.evaluation.vote_reliability import vote_entropy
