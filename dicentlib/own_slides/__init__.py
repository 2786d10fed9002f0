"""From a laboratory's own slides to a verdict on the detector."""

from dicentlib.own_slides import (
    blind_read,
    candidates,
    demand,
    first_day,
    inventory,
    learning,
    looks,
    page_sentences,
    page_tables,
    scale,
)
