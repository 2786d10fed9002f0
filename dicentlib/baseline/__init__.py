"""A classical detector: segment, measure, classify. The opponent of the networks."""
