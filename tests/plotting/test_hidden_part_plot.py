"""The figure of what a partial exposure could hide."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dicentlib.calibration import published_curve
from dicentlib.dose import laboratory_route
from dicentlib.plotting.dose_parts import plot_hidden_part


@pytest.mark.parametrize("counts", [[480, 20], [500]])
def test_region_of_hidden_parts(counts):
    hidden = laboratory_route(counts, published_curve("barquinero-1995-co60")).hidden
    figure, ax = plt.subplots()
    assert plot_hidden_part(hidden, ax=ax) is ax
    assert "Gy" in ax.get_xlabel()
    largest = ax.lines[1].get_ydata()
    np.testing.assert_array_equal(largest, hidden.largest)
    marked = [line for line in ax.lines if line.get_marker() == "D"]
    assert len(marked) == int(np.isfinite(hidden.dose_gy))
    plt.close(figure)
