"""From a laboratory's own slides to a verdict on the detector."""

from dicentlib.own_slides import (
    asked,
    blind_read,
    calibration_plan,
    candidates,
    demand,
    first_day,
    inventory,
    learning,
    looks,
    next_steps,
    page_sentences,
    page_tables,
    scale,
)
