"""Does the calibration have enough doses, cells and dicentrics? IAEA 2011 and ISO 19238."""

import numpy as np

from dicentlib.conventions import UNUSUAL_DOSE_GY


def design_warnings(dose_gy, n_cells, n_dicentrics, *, model):
    """Sentences on what the design of a calibration lacks; empty when it lacks nothing.

    IAEA EPR-Biodosimetry 2011, section 8: ten or more doses in 0.25-5 Gy is ideal, four of them
    up to 1 Gy, 100 dicentrics at the higher doses, thousands of cells at the lower ones, nothing
    above about 5 Gy. ISO 19238: at least seven doses, five of them up to 1 Gy with 0 Gy.
    """
    doses = np.unique(dose_gy)
    found = []
    if len(doses) < 7:
        found.append(f"Only {len(doses)} doses: ISO 19238 asks for at least 7 (IAEA: ideally 10).")
    low = int(np.sum(doses <= 1))
    if model == "linear-quadratic" and low < 5:
        zero = "0 Gy being one of them" if doses[0] == 0 else "none of them 0 Gy"
        found.append(
            f"Doses of 1 Gy or less: {low}, {zero}. ISO 19238 asks for at least 5, including 0 Gy."
        )
    if doses[0] > 0:
        found.append(f"No dose of 0 Gy (lowest {doses[0]:g} Gy): the background is extrapolated.")
    if doses[-1] > 5:
        found.append(
            f"Highest dose {doses[-1]:g} Gy: the yield saturates above about 5 Gy."
            + (" Are the doses in Gy?" if doses[-1] > UNUSUAL_DOSE_GY else "")
        )
    poor = (n_dicentrics < 100) & (n_cells < np.where(dose_gy < 1, 3000, 500))
    poor &= dose_gy > 0
    if np.any(poor):
        listed = ", ".join(f"{dose:g}" for dose in dose_gy[poor])
        found.append(
            f"Few cells at {listed} Gy: IAEA asks for 100 dicentrics, or for at least 3000 "
            "cells below 1 Gy."
        )
    zero = dose_gy == 0
    if np.any(zero) and n_cells[zero].sum() < 1000:
        found.append(
            f"Only {n_cells[zero].sum():g} cells at 0 Gy: measuring a background of about 1 "
            "dicentric in 1000 cells takes thousands of cells."
        )
    return found
