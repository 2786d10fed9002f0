"""Review: a person's decisions about detections."""

from dicentlib.review.dose import reviewed_dose
from dicentlib.review.state import (
    ACCEPTED,
    REJECTED,
    UNDECIDED,
    ReviewState,
    both_ends,
    least_certain_first,
)
