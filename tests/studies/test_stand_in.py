"""The figure of the stand-in laboratory shows the numbers of its table."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from studies.stand_in import plot_stand_in


def test_the_figure_shows_the_table():
    table = pd.DataFrame(
        {
            "annotated_cells": [0, 50],
            "average_precision": [0.7, 0.8],
            "precision": [0.6, 0.65],
            "recall": [0.5, 0.55],
            "0.8 Gy": ["0.50 [0.00, 1.00]", "0.70 [0.20, inf]"],
            "2 Gy": ["1.90 [1.00, 3.00]", "2.10 [1.50, 2.50]"],
            "mean_error_gy": [0.2, 0.1],
        }
    )
    figure = plot_stand_in(table)
    left, right = figure.axes
    drawn = {line.get_label(): line.get_ydata().tolist() for line in left.get_lines()}
    assert drawn == {
        "Average precision": [0.7, 0.8], "Precision": [0.6, 0.65], "Recall": [0.5, 0.55]
    }  # fmt: skip
    segments = [lines.get_segments() for lines in right.collections]
    ends = [end[:, 1].tolist() for of_dose in segments for end in of_dose]
    top = 1.1 * 3.0  # a tenth above the highest limit
    np.testing.assert_allclose(ends, [[0, 1], [0.2, top], [1, 3], [1.5, 2.5]])
    arrows = [line for line in right.get_lines() if line.get_marker() == "^"]
    assert [line.get_ydata().tolist() for line in arrows] == [[top], []]
    plt.close(figure)
