"""Studies of this project: comparisons, ablations, recipes of the ready models. Not installed."""
