"""Review: a person's decisions about detections."""

from dicentlib.review.state import (
    ACCEPTED,
    REJECTED,
    UNDECIDED,
    ReviewState,
    least_certain_first,
)

__all__ = ["ACCEPTED", "REJECTED", "UNDECIDED", "ReviewState", "least_certain_first"]
