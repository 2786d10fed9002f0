"""A classical detector: segment, measure, classify. The opponent of the networks."""

from dicentlib.baseline.detector import (
    Baseline,
    BaselineParameters,
    detect,
    detect_images,
    load_baseline,
    save_baseline,
    train_baseline,
)
from dicentlib.baseline.truth import best_thresholds, labelled_objects, segmentation_recall
from dicentlib.segmentation import SegmentationParameters, segment

__all__ = [
    "Baseline",
    "BaselineParameters",
    "SegmentationParameters",
    "best_thresholds",
    "detect",
    "detect_images",
    "labelled_objects",
    "load_baseline",
    "save_baseline",
    "segment",
    "segmentation_recall",
    "train_baseline",
]
