"""A classical detector: segment, measure, classify. The opponent of the networks."""

from dicentlib.baseline.detector import (
    BaselineParameters,
    detect,
    load_baseline,
    save_baseline,
    train_baseline,
)
from dicentlib.baseline.truth import best_thresholds, labelled_objects, segmentation_recall
from dicentlib.segmentation import SegmentationParameters

__all__ = [
    "BaselineParameters",
    "SegmentationParameters",
    "best_thresholds",
    "detect",
    "labelled_objects",
    "load_baseline",
    "save_baseline",
    "segmentation_recall",
    "train_baseline",
]
