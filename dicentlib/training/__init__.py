"""Training: parameters, one Lightning module, a member after every epoch, exact resume."""

from dicentlib.training.fit import train
from dicentlib.training.parameters import PRESETS, TrainingParameters

__all__ = ["PRESETS", "TrainingParameters", "train"]
