"""Sliders and galleries, each a thin wrapper round a function that works without it."""

from dicentlib.widgets.review import ReviewGallery
