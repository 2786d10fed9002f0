"""Former place of these names, kept for scripts that import them from here."""

from dicentlib.data.image_set import read_image_set
from dicentlib.training.parameters import changed_preset

__all__ = ["changed_preset", "read_image_set"]
