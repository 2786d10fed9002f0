"""The paper's calibration: quantile thresholds, co-occurrence, counts and the scorer."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from dicentlib.calibration import CalibrationCurve
from dicentlib.calibration.grid import count_ensembles, count_grid
from dicentlib.calibration.quantiles import firing_fraction, quantile_thresholds
from dicentlib.calibration.scorer import Scorer
from dicentlib.counts.cells import cell_distribution, co_occurrence, count_cells, counts_by_dose
from dicentlib.errors import InputError, ScorerMismatchError


@pytest.fixture
def maxima():
    """Maxima of 5 members and 2 classes on 40 images: continuous, so without ties."""
    return np.random.default_rng(1).beta(0.7, 1.3, size=(40, 5, 2))


@pytest.mark.parametrize("quantile", [0.3, 0.35, 0.5, 0.8])
def test_each_member_fires_on_one_minus_q_of_the_images(maxima, quantile):
    thresholds = quantile_thresholds(maxima, quantile=quantile)
    assert thresholds.shape == (5, 2)
    np.testing.assert_allclose(firing_fraction(maxima, thresholds), 1 - quantile, atol=1e-12)


def test_thresholds_rise_with_the_quantile(maxima):
    low, high = (quantile_thresholds(maxima, quantile=q) for q in (0.3, 0.6))
    assert (low < high).all()


def test_silent_member_keeps_the_floor():
    # A member that shows nothing on 90 % of the images has a median of 0; without a floor its
    # threshold would let every pixel with any value at all vote.
    maxima = np.zeros((10, 1))
    maxima[0] = 0.9
    assert quantile_thresholds(maxima, quantile=0.5, floor=0.02) == [0.02]


@pytest.mark.parametrize("quantile", [0, 1, -0.1, 1.5])
def test_quantile_outside_its_range(maxima, quantile):
    with pytest.raises(InputError, match=r"quantile is .*: expected a number between 0 and 1"):
        quantile_thresholds(maxima, quantile=quantile)


def test_maxima_that_are_no_heatmap_values():
    with pytest.raises(InputError, match="between 0 and 1"):
        quantile_thresholds([[1.2], [0.1]], quantile=0.5)
    with pytest.raises(InputError, match="shape"):
        quantile_thresholds(np.zeros((0, 3)), quantile=0.5)


def test_co_occurrence_removes_dicentrics_only_where_no_fragment_is():
    dicentrics, fragments = np.array([0, 1, 2, 3, 4]), np.array([0, 0, 1, 5, 0])
    kept = co_occurrence(dicentrics, fragments)
    np.testing.assert_array_equal(kept, [0, 0, 2, 3, 0])
    np.testing.assert_array_equal(co_occurrence(kept, fragments), kept)
    with pytest.raises(InputError, match="same cells"):
        co_occurrence([1, 2], [1])


def test_cells_without_detections_are_counted():
    found = pd.DataFrame(
        {
            "image": ["b", "b", "c", "d"],
            "class": ["dicentric", "fragment", "dicentric", "fragment"],
        }
    )
    images = ["a", "b", "c", "d"]
    free = count_cells(found, images, require_fragment=False)
    ruled = count_cells(found, images, require_fragment=True)
    assert free["image"].to_list() == images
    assert free["n_dicentrics"].to_list() == [0, 1, 1, 0]
    assert ruled["n_dicentrics"].to_list() == [0, 1, 0, 0]
    assert ruled["n_detected"].to_list() == [0, 1, 1, 0]
    assert ruled["n_fragments"].to_list() == [0, 1, 0, 1]


def test_no_detections_at_all():
    nothing = pd.DataFrame({"image": [], "class": []})
    cells = count_cells(nothing, ["a", "b"], require_fragment=True)
    assert cells[["n_dicentrics", "n_fragments"]].to_numpy().sum() == 0
    assert len(cells) == 2


def test_detections_outside_the_scored_images():
    found = pd.DataFrame({"image": ["z"], "class": ["dicentric"]})
    with pytest.raises(InputError, match="z, which is not among"):
        count_cells(found, ["a"], require_fragment=False)
    with pytest.raises(InputError, match="a is named twice"):
        count_cells(found, ["a", "a"], require_fragment=False)


def test_counts_add_up():
    rng = np.random.default_rng(2)
    dose, counts = np.repeat([0.0, 1.0, 4.0], 50), rng.poisson(np.repeat([0.01, 0.2, 1.2], 50))
    table = counts_by_dose(dose, counts)
    assert table["dose_gy"].to_list() == [0, 1, 4]
    assert table["n_cells"].to_list() == [50, 50, 50]
    assert table["n_dicentrics"].to_list() == [counts[dose == d].sum() for d in (0, 1, 4)]
    cells = table.filter(regex=r"^C\d+$").to_numpy()
    np.testing.assert_array_equal(cells.sum(axis=1), 50)
    np.testing.assert_array_equal(cells[2, : counts[100:].max() + 1], np.bincount(counts[100:]))


@pytest.mark.parametrize(
    ("counts", "message"), [([], "no cells"), ([-1, 2], "whole numbers"), ([0.5], "whole numbers")]
)
def test_counts_that_cannot_be(counts, message):
    with pytest.raises(InputError, match=message):
        cell_distribution(counts)


def test_a_cell_without_a_dose():
    with pytest.raises(InputError, match="needs its dose_gy"):
        counts_by_dose([0.0, np.nan], [0, 1])


def naive_count(stack, thresholds, level, c):
    votes = sum((stack[j, c] > thresholds[j, c]).astype(int) for j in range(len(stack)))
    return ndimage.label(votes > level, np.ones((3, 3)))[1]


def test_grid_equals_counting_each_combination():
    rng = np.random.default_rng(3)
    noise = rng.random((6, 4, 2, 20, 24))
    stacks = ndimage.gaussian_filter(noise, (0, 0, 0, 1, 1))
    stacks = ((stacks - stacks.min()) / np.ptp(stacks)).astype(np.float32)
    stacks[0] = 0
    thresholds = rng.uniform(0.4, 0.7, size=(3, 4, 2))
    grid = count_grid(
        iter(stacks), "abc", confidence_thresholds=thresholds, agreement_thresholds=(0, 2, 3)
    )
    assert grid.counts.shape == (3, 3, 2, 6)
    expected = [
        [[[naive_count(s, t, a, c) for s in stacks] for c in (0, 1)] for a in (0, 2, 3)]
        for t in thresholds
    ]
    np.testing.assert_array_equal(grid.counts, expected)
    assert grid.counts[..., 0].sum() == 0
    assert grid.counts[..., 1:].sum() > 50


def test_ensembles_equal_counting_each_one_alone():
    stacks = ndimage.gaussian_filter(
        np.random.default_rng(4).random((5, 4, 2, 16, 16)), (0, 0, 0, 1, 1)
    )
    ensembles, thresholds = np.array([[0, 1], [2, 3], [0, 3]]), np.full((4, 2), 0.55)
    counts = count_ensembles(
        stacks, ensembles, confidence_threshold=thresholds, agreement_threshold=1
    )
    expected = [
        [[naive_count(s[e], thresholds[e], 1, c) for s in stacks] for c in (0, 1)]
        for e in ensembles
    ]
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum() > 10


def test_grid_applies_the_rule_and_knows_its_combinations():
    stack = np.zeros((1, 2, 8, 8))
    stack[0, 0, 2, 2] = 0.9
    with_fragment = stack.copy()
    with_fragment[0, 1] = 0.6
    grid = count_grid(
        [stack, with_fragment],
        (0.5,),
        confidence_thresholds=np.full((1, 1, 2), 0.5),
        agreement_thresholds=(0,),
    )
    assert grid.dicentrics(0.5, 0, require_fragment=False).tolist() == [1, 1]
    assert grid.dicentrics(0.5, 0, require_fragment=True).tolist() == [0, 1]
    with pytest.raises(InputError, match=r"no counts for rule 0\.7"):
        grid.dicentrics(0.7, 0, require_fragment=True)


def test_grid_refuses_impossible_thresholds():
    with pytest.raises(InputError, match="shape"):
        count_grid([], (1,), confidence_thresholds=[0.5], agreement_thresholds=(0,))
    with pytest.raises(InputError, match=r"0\.\.1"):
        count_grid([], (1,), confidence_thresholds=np.ones((1, 2, 2)), agreement_thresholds=(2,))
    with pytest.raises(InputError, match="no heatmaps"):
        count_grid([], (1,), confidence_thresholds=np.ones((1, 2, 2)), agreement_thresholds=(1,))


def scorer(**changes):
    fields = {
        "members": ("a1", "b2", "c3"),
        "confidence_threshold": {"dicentric": (0.1, 0.2, 0.3), "fragment": 0.5},
        "agreement_threshold": {"dicentric": 1, "fragment": 1},
        "co_occurrence": True,
        "pixel_size_um": 0.2,
        "quantile": 0.4,
        "filter_digest": "f0",
    }
    return Scorer.from_dict(fields | changes)


def test_scorer_survives_json(tmp_path):
    from dicentlib.files import read_json, write_json

    write_json(tmp_path / "scorer.json", scorer().to_dict())
    again = Scorer.from_dict(read_json(tmp_path / "scorer.json"))
    assert again == scorer()
    assert again.digest == scorer().digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("members", ("a1", "b2", "d4")),
        ("confidence_threshold", {"dicentric": (0.1, 0.2, 0.31), "fragment": 0.5}),
        ("agreement_threshold", {"dicentric": 2, "fragment": 1}),
        ("co_occurrence", False),
        ("pixel_size_um", 0.1),
        ("quantile", None),
        ("filter_digest", ""),
    ],
)
def test_every_difference_is_refused(field, value):
    other = scorer(**{field: value})
    assert other.digest != scorer().digest
    curve = CalibrationCurve((0.001, 0.02, 0.06), np.diag([1e-8, 1e-6, 1e-6]), scorer=scorer())
    with pytest.raises(ScorerMismatchError, match=field):
        curve.require_scorer(other)
    curve.require_scorer(scorer())


def test_the_curve_keeps_its_scorer_on_disk(tmp_path):
    curve = CalibrationCurve((0.001, 0.02, 0.06), np.diag([1e-8, 1e-6, 1e-6]), scorer=scorer())
    curve.save(tmp_path / "curve.json")
    again = CalibrationCurve.load(tmp_path / "curve.json")
    assert Scorer.from_dict(again.scorer) == scorer()
    with pytest.raises(ScorerMismatchError, match="members"):
        again.require_scorer(scorer(members=("a1", "b2", "d4")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": ()}, "at least one member"),
        ({"confidence_threshold": {"dicentric": 0.5}}, "classes"),
        ({"confidence_threshold": {"dicentric": (0.5,), "fragment": 0.5}}, "of dicentric: shape"),
        ({"agreement_threshold": {"dicentric": 3, "fragment": 0}}, "cannot happen"),
    ],
)
def test_scorers_that_cannot_be(changes, message):
    with pytest.raises(InputError, match=message):
        scorer(**changes)


def test_scorer_from_unknown_fields():
    with pytest.raises(InputError, match="fields"):
        Scorer.from_dict(scorer().to_dict() | {"colour": "red"})
    with pytest.raises(InputError, match="fields"):
        Scorer.from_dict({"members": ["a"]})
