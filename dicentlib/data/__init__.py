"""Image folders and their tables: index, reading, annotations, targets, splits."""

CLASSES = ("dicentric", "fragment")
REFERENCE_PIXEL_SIZE_UM = 0.1
