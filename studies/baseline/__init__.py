"""A classical detector: segment, measure, classify. The opponent of the networks."""

from dicentlib.segmentation import SegmentationParameters
from studies.baseline.detector import (
    BaselineParameters,
    detect,
    load_baseline,
    save_baseline,
    train_baseline,
)
from studies.baseline.truth import best_thresholds, labelled_objects, segmentation_recall
