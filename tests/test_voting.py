"""Votes, strict decisions, detections, early exit, operating points."""

import itertools
import json

import numpy as np
import pytest

from dicentlib.errors import InputError
from dicentlib.voting import (
    DETECTION_COLUMNS,
    OperatingPoint,
    decide,
    detect,
    undecided,
    vote,
)


def blob_heatmaps():
    """Three members, two classes, 8 x 10: one dicentric of 2 x 2 px seen by two members."""
    heatmaps = np.zeros((3, 2, 8, 10), dtype=np.float32)
    heatmaps[0, 0, 2:4, 5:7] = 0.9
    heatmaps[1, 0, 2:4, 5:7] = 0.7
    heatmaps[2, 0, 2:4, 5:7] = 0.2
    return heatmaps


def test_a_pixel_equal_to_the_confidence_threshold_gets_no_vote():
    heatmaps = np.array([[[0.9, 0.5]], [[0.5, 0.51]]])
    np.testing.assert_array_equal(vote(heatmaps, confidence_threshold=0.5), [[1, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6, 0.9])
def test_equality_is_judged_in_the_heatmaps_precision(dtype, threshold):
    heatmaps = np.full((2, 1, 1), threshold, dtype=dtype)
    if dtype is np.float16:  # compared in float32, where a float16 value is exact
        threshold = float(heatmaps[0, 0, 0])
    assert vote(heatmaps, confidence_threshold=threshold) == 0
    assert vote(heatmaps, confidence_threshold=[threshold, threshold]) == 0


def test_one_threshold_per_member():
    heatmaps = np.full((3, 2, 4, 4), 0.5)
    votes = vote(heatmaps, confidence_threshold=[0.4, 0.5, 0.6])
    assert votes.shape == (2, 4, 4)
    assert np.all(votes == 1)


def test_votes_do_not_depend_on_the_order_of_members():
    heatmaps = np.random.default_rng(0).random((5, 2, 9, 7))
    np.testing.assert_array_equal(
        vote(heatmaps, confidence_threshold=0.6), vote(heatmaps[::-1], confidence_threshold=0.6)
    )


def test_masks_shrink_as_either_threshold_rises():
    heatmaps = np.random.default_rng(1).random((6, 20, 20))
    low, high = (vote(heatmaps, confidence_threshold=t) for t in (0.4, 0.7))
    assert np.all(high <= low)
    fired = [decide(low, agreement_threshold=t) for t in range(6)]
    assert all(np.all(above <= below) for below, above in itertools.pairwise(fired))


def test_exactly_the_agreement_threshold_does_not_fire():
    votes = np.array([[3, 4, 5]])
    np.testing.assert_array_equal(decide(votes, agreement_threshold=4), [[False, False, True]])


@pytest.mark.parametrize("value", [-1, 10, 2.5, np.nan, True, "4"])
def test_agreement_thresholds_that_cannot_be(value):
    with pytest.raises(InputError, match=r"agreement_threshold: .* allowed: integers from 0 to 9"):
        decide(np.zeros((2, 2), int), agreement_threshold=value, n_members=10)


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan, "high", [0.5, 2.0]])
def test_confidence_thresholds_that_cannot_be(value):
    with pytest.raises(InputError, match=r"confidence_threshold: .* allowed: .*0 to 1"):
        vote(np.zeros((2, 3, 3)), confidence_threshold=value)


def test_wrong_number_of_thresholds():
    with pytest.raises(InputError, match=r"shape \(2,\) found; expected one value or 3"):
        vote(np.zeros((3, 3, 3)), confidence_threshold=[0.5, 0.5])


def test_nan_and_logits_are_refused():
    heatmaps = np.zeros((2, 3, 3))
    heatmaps[1, 2, 2] = np.nan
    with pytest.raises(InputError, match="1 NaN found; allowed: values 0 to 1"):
        vote(heatmaps, confidence_threshold=0.5)
    with pytest.raises(InputError, match="values -4 to 2 found; allowed: 0 to 1"):
        vote(np.array([[-4.0, 2.0]]), confidence_threshold=0.5)
    with pytest.raises(InputError, match="at least one member"):
        vote(np.zeros((0, 3, 3)), confidence_threshold=0.5)


def test_detection_columns_by_hand():
    # 2 x 2 heatmap pixels at rows 2-3, columns 5-6 cover image rows 8-15, columns 20-27,
    # whose centre is (11.5, 23.5); two of three members vote; peaks 0.9, 0.7, 0.2.
    point = OperatingPoint(0.5, 1, n_members=3)
    table = detect(blob_heatmaps(), operating_point=point)
    assert tuple(table.columns) == DETECTION_COLUMNS
    assert len(table) == 1
    row = table.iloc[0]
    assert row["class"] == "dicentric"
    assert (row["row"], row["col"]) == (11.5, 23.5)
    assert row["votes"] == 2
    assert row["vote_fraction"] == pytest.approx(2 / 3)
    assert row["peak_mean"] == pytest.approx(0.6)
    assert row["peak_sd"] == pytest.approx(np.std([0.9, 0.7, 0.2]))
    assert row["area_px"] == 64


def test_diagonal_pixels_are_one_detection_and_classes_are_apart():
    heatmaps = np.zeros((1, 2, 6, 6))
    heatmaps[0, 1, 1, 1] = heatmaps[0, 1, 2, 2] = 1
    heatmaps[0, 0, 4, 4] = heatmaps[0, 0, 0, 0] = 1
    table = detect(heatmaps, operating_point=OperatingPoint(0.5, 0, n_members=1))
    assert table["class"].tolist() == ["dicentric", "dicentric", "fragment"]
    assert table["row"].tolist() == [1.5, 17.5, 7.5]


def test_no_detections_is_an_empty_table_with_its_columns():
    table = detect(np.zeros((3, 2, 8, 8)), operating_point=OperatingPoint(0.5, 1, n_members=3))
    assert len(table) == 0
    assert tuple(table.columns) == DETECTION_COLUMNS


def test_detections_centred_in_the_padding_are_dropped():
    heatmaps = blob_heatmaps()
    point = OperatingPoint(0.5, 1, n_members=3)
    assert len(detect(heatmaps, operating_point=point, image_shape=(12, 40))) == 1
    assert len(detect(heatmaps, operating_point=point, image_shape=(11, 40))) == 0
    assert len(detect(heatmaps, operating_point=point, image_shape=(32, 23))) == 0


def test_detect_refuses_other_ensembles_and_shapes():
    point = OperatingPoint(0.5, 1, n_members=4)
    with pytest.raises(InputError, match="3 members found; the operating point is for 4"):
        detect(blob_heatmaps(), operating_point=point)
    with pytest.raises(InputError, match=r"expected \(M, 2, h, w\)"):
        detect(np.zeros((4, 8, 8)), operating_point=point)


def test_a_blank_image_needs_six_of_ten_members():
    point = OperatingPoint(0.5, 4, n_members=10)
    left = [undecided(np.zeros((k, 2, 6, 6)), operating_point=point).any() for k in range(1, 11)]
    assert left.index(False) + 1 == 6


@pytest.mark.parametrize("seed", range(20))
def test_what_is_undecided_holds_what_fires_in_the_end(seed):
    rng = np.random.default_rng(seed)
    n_members = int(rng.integers(1, 8))
    heatmaps = rng.random((n_members, 2, 5, 6)) ** rng.integers(1, 12)
    point = OperatingPoint(
        {"dicentric": 0.5, "fragment": list(rng.uniform(0.2, 0.8, n_members))},
        {"dicentric": int(rng.integers(n_members)), "fragment": int(rng.integers(n_members))},
        n_members=n_members,
    )
    left = [undecided(heatmaps[:k], operating_point=point) for k in range(1, n_members + 1)]
    for index, name in enumerate(("dicentric", "fragment")):
        votes = vote(heatmaps[:, index], confidence_threshold=point.confidence_threshold[name])
        full = decide(votes, agreement_threshold=point.agreement_threshold[name])
        np.testing.assert_array_equal(left[-1][index], full)
        assert all((one[index] >= full).all() for one in left)


def test_undecided_refuses_more_members_than_the_point_has():
    point = OperatingPoint(0.5, 1, n_members=3)
    for shape in ((4, 2, 4, 4), (2, 3, 4, 4)):
        with pytest.raises(InputError, match="with k from 1 to 3"):
            undecided(np.ones(shape), operating_point=point)


def test_operating_point_round_trip(tmp_path):
    point = OperatingPoint(
        {"dicentric": 0.45, "fragment": [0.5, 0.6]},
        {"dicentric": 1, "fragment": 0},
        n_members=2,
        members=["aa", "bb"],
        rule="by hand",
    )
    point.write(tmp_path / "operating_point.json")
    assert OperatingPoint.read(tmp_path / "operating_point.json") == point


def test_one_value_serves_both_classes():
    point = OperatingPoint(0.5, 4, n_members=10)
    assert point.agreement_threshold == {"dicentric": 4, "fragment": 4}
    assert point.confidence_thresholds().shape == (10, 2)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"agreement_threshold": 10}, "agreement_threshold of dicentric: 10 found; allowed"),
        ({"confidence_threshold": 1.2}, "confidence_threshold of dicentric: 1.2 found"),
        ({"n_members": 0}, "n_members: 0 found"),
        ({"members": ["aa"]}, "members: 1 digests found; expected 10"),
        ({"agreement_threshold": {"dicentric": 1}}, r"classes \['dicentric'\] found"),
        ({"unknown": 1}, "fields .* found; required"),
    ],
)
def test_operating_points_that_cannot_be(tmp_path, fields, match):
    content = {"confidence_threshold": 0.5, "agreement_threshold": 4, "n_members": 10} | fields
    path = tmp_path / "operating_point.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=match):
        OperatingPoint.read(path)


def test_members_of_another_run_are_refused():
    point = OperatingPoint(0.5, 1, n_members=2, members=["a" * 64, "b" * 64])
    point.check_members(["b" * 64, "a" * 64])
    with pytest.raises(InputError, match="1 of 2 are not those of the operating point"):
        point.check_members(["a" * 64, "c" * 64])
    with pytest.raises(InputError, match="1 of 2 are not those"):
        point.check_members(["a" * 64, "a" * 64])
    with pytest.raises(InputError, match="3 found; the operating point is for 2"):
        point.check_members(["a" * 64, "b" * 64, "c" * 64])
