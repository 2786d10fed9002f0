"""The two classes and the reference scale, in one place."""

CLASSES = ("dicentric", "fragment")
REFERENCE_PIXEL_SIZE_UM = 0.1  # nominal pixel of an 888 x 1008 field: a chromosome is 18 px wide
