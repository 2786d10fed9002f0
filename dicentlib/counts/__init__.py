"""Counts of aberrations per cell and their statistics."""
