"""Axes-first figures in one style; one module per stage. Nothing is computed while drawing."""
