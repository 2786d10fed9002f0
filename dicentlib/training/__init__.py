"""Training: parameters, one Lightning module, a member after every epoch, exact resume."""

from dicentlib.data.image_set import read_image_set
from dicentlib.training.fit import train
from dicentlib.training.metrics import epoch_rates
from dicentlib.training.parameters import PRESETS, TrainingParameters, changed_preset
