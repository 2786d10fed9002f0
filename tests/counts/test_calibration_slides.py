"""Calibration doses whose cells share slides that are not scored alike."""

import numpy as np
import pytest

from dicentlib.calibration import CalibrationCurve, fit_curve, slide_variance, slide_weights
from dicentlib.counts.sample import Sample
from dicentlib.counts.slides import slide_share, slides_of
from dicentlib.dose import characteristic_limits, estimate_dose
from dicentlib.dose.detector import DetectedCurve
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


def test_variance_between_slides_is_recovered():
    """c = 0.6 of the efficiency: c^2 = 0.36 on average over many series, with its error."""
    rng = np.random.default_rng(7)
    found = [slide_variance(DOSE_GY, SLIDES, draw(rng, 0.6)) for _ in range(200)]
    relative = np.array([one.relative for one in found])
    assert relative.mean() == pytest.approx(0.36, rel=0.15)
    claimed = np.mean([one.covariance[1][1] for one in found]) ** 0.5
    assert claimed == pytest.approx(relative.std(), rel=0.35)
    assert found[0].at(2.0) > found[0].at(2.0, errors=0) > 0


def test_the_curve_carries_the_variance_into_every_sample(tmp_path):
    """On G equal slides the variance of the yield is tau^2 / G; one slide where none are named."""
    counts = draw(np.random.default_rng(8), 0.4)
    sums = counts.reshape(len(DOSES), CELLS).sum(axis=1)
    known = slide_variance(DOSE_GY, SLIDES, counts)
    n_cells = np.full(len(DOSES), CELLS)
    curve = fit_curve(DOSES, n_cells, sums, slide_variance=known)
    curve.save(tmp_path / "curve.json")
    curve = CalibrationCurve.load(tmp_path / "curve.json")
    assert slides_of(curve) == known
    tau2 = float(known.at(0.4))
    for slides, share in ((None, 1), ([(40, 100)], 1), ([(20, 50), (20, 50)], 0.5)):
        sample = Sample.of(n_cells=100, n_dicentrics=40, slides=slides)
        assert slide_share(sample) == share
        detected = DetectedCurve.of(sample, curve)
        assert float(detected.slide_variance(0.4)) == pytest.approx(tau2 * share)
    plain = fit_curve(DOSES, n_cells, sums)
    sample = {"n_cells": 100, "n_dicentrics": 40}
    for method in ("merkle", "delta", "detector", "bayesian"):
        width = [
            found.upper_gy - found.lower_gy
            for found in (estimate_dose(curve=c, method=method, **sample) for c in (plain, curve))
        ]
        assert width[1] > 1.2 * width[0]
    limits = [characteristic_limits(Sample.of(**sample), c) for c in (plain, curve)]
    assert limits[1].detectable_gy > limits[0].detectable_gy
    assert limits[1].threshold >= limits[0].threshold


@pytest.mark.parametrize(
    ("slides", "match"),
    [
        ([(50, 10), (50, 10)], "the order is n_dicentrics, n_cells"),
        ([(10, 50)], "10 dicentrics in 50 cells, but the sample has 20 in 100"),
        ([(20, 0), (0, 100)], "has dicentrics, but no cells"),
        ([(9.5, 50), (10.5, 50)], r"the value 9\.5"),
        ([(10, 25, 3)], "n_dicentrics, n_cells"),
        ([(25, "a")], "n_dicentrics, n_cells"),
        ([], "n_dicentrics, n_cells"),
        (7, "n_dicentrics, n_cells"),
    ],
)
def test_slides_that_contradict_the_sample(slides, match):
    with pytest.raises(InputError, match=match):
        Sample.of(n_cells=100, n_dicentrics=20, slides=slides)
