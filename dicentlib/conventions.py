"""What every part agrees on: classes, reasons, the heatmaps' stride and the reference scale."""

CLASSES = ("dicentric", "fragment")
HIGHEST_DOSE_GY = 100.0  # of any calibration; doses above are in cGy or mGy
UNUSUAL_DOSE_GY = 20.0  # doses above are more likely in another unit
REASONS = ("several_cells", "covered", "few_chromosomes", "out_of_focus")  # not scorable
STRIDE = 4  # pixels of an image per pixel of its heatmaps
REFERENCE_PIXEL_SIZE_UM = 0.1  # nominal pixel of an 888 x 1008 field: a chromosome is 18 px wide
# A smaller acentric body cannot be told from a speck of dye: it is drawn, and not annotated.
SMALLEST_FRAGMENT_UM2 = 1.2
