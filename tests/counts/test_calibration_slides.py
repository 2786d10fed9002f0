"""Calibration doses whose cells share slides that are not scored alike."""

import numpy as np
import pytest

from dicentlib.calibration import fit_curve, slide_weights
from dicentlib.errors import InputError

DOSES = np.array([0, 0.5, 1.0, 2.0, 3.0, 4.0])
CELLS, PER_SLIDE = 200, 10
DOSE_GY = np.repeat(DOSES, CELLS)
SLIDES = np.tile(np.arange(CELLS) // PER_SLIDE, len(DOSES)).astype(str)
YIELDS = 0.001 + 0.02 * DOSES + 0.06 * DOSES**2


def draw(rng, variation):
    """Dicentrics of each cell; slides differ with this relative standard deviation."""
    n_slides = len(DOSE_GY) // PER_SLIDE
    shape = 1 / max(variation, 1e-6) ** 2
    efficiency = np.repeat(rng.gamma(shape, 1 / shape, n_slides), PER_SLIDE)
    return rng.poisson(np.repeat(YIELDS, CELLS) * efficiency)


def test_weights_by_hand():
    # six slides of ten cells with 0, 10, 20, 0, 10, 20 dicentrics: 6/5 * 400 - 60 beyond chance
    # over 6 * 10**2 makes c^2 = 0.7, and ten dicentrics a slide make 1 / (1 + 0.7 * 10)
    counts = np.repeat([0, 1, 2, 0, 1, 2], 10)
    weights = slide_weights(np.full(60, 2.0), np.repeat(list("abcdef"), 10), counts)
    assert weights == pytest.approx([1 / 8])


def test_weights_recover_the_variance_of_the_sums():
    rng = np.random.default_rng(3)
    series = [draw(rng, 0.6) for _ in range(400)]
    sums = np.array([one.reshape(len(DOSES), CELLS).sum(axis=1) for one in series])
    measured = sums.var(axis=0, ddof=1) / sums.mean(axis=0)
    claimed = np.mean([1 / slide_weights(DOSE_GY, SLIDES, one) for one in series], axis=0)
    assert claimed[2:] == pytest.approx(measured[2:], rel=0.2)
    assert measured[-1] > 3  # or there would be nothing to recover


def test_slides_alike_cost_next_to_nothing():
    rng = np.random.default_rng(4)
    weights = [slide_weights(DOSE_GY, SLIDES, draw(rng, 0)) for _ in range(50)]
    assert np.median(np.array(weights)[:, -1]) > 0.85
    assert max(np.max(one) for one in weights) <= 1


def test_a_curve_from_uneven_slides_knows_less():
    counts = draw(np.random.default_rng(5), 0.6)
    sums = counts.reshape(len(DOSES), CELLS).sum(axis=1)
    n_cells = np.full(len(DOSES), CELLS)
    weights = slide_weights(DOSE_GY, SLIDES, counts)
    plain = fit_curve(DOSES, n_cells, sums, family="poisson")
    weighted = fit_curve(DOSES, n_cells, sums, family="poisson", weights=weights)
    assert weighted.standard_errors[2] > 1.2 * plain.standard_errors[2]


def test_no_weights_without_slides():
    counts = draw(np.random.default_rng(6), 0.6)
    unknown = SLIDES.copy()
    unknown[7] = ""
    assert slide_weights(DOSE_GY, unknown, counts) is None
    assert slide_weights(DOSE_GY, np.full(len(DOSE_GY), "one slide"), counts) is None
    with pytest.raises(InputError, match="3 slides and 1200 counts"):
        slide_weights(DOSE_GY, list("abc"), counts)
