"""The classical baseline on drawn objects of known shape, and on simulated cells."""

import cv2
import numpy as np
import pandas as pd
import pytest

from dicentlib.errors import InputError
from dicentlib.segmentation import flatten, segment, split
from dicentlib.simulation import draw_metaphase
from studies.baseline import (
    BaselineParameters,
    SegmentationParameters,
    best_thresholds,
    detect,
    labelled_objects,
    load_baseline,
    save_baseline,
    segmentation_recall,
    train_baseline,
)
from studies.baseline.detector import decide
from studies.baseline.features import FEATURES, constrictions, measure_objects, medial_axis
from studies.baseline.truth import match_labels


def rod(length, *, waists=(), width=18, depth=0.32):
    """Horizontal rod in a white image: `waists` are positions (0 to 1) where it is narrower."""
    image = np.full((120, 200), 0.9, np.float32)
    for x in range(length):
        narrow = sum(depth * np.exp(-(((x / length - at) * length / 4) ** 2)) for at in waists)
        half = round(0.5 * width * (1 - narrow))
        image[60 - half : 60 + half, 20 + x] = 0.3
    return cv2.GaussianBlur(image, (0, 0), 1.2)


@pytest.mark.parametrize(("waists", "expected"), [((), 0), ((0.4,), 1), ((0.25, 0.7), 2)])
def test_constrictions_are_counted(waists, expected):
    table = measure_objects(segment(rod(90, waists=waists)))
    assert len(table) == 1
    assert table["n_deep"].item() == expected


def test_constriction_lies_where_it_was_drawn():
    table = measure_objects(segment(rod(90, waists=(0.3,))))
    assert table["position_1"].item() == pytest.approx(0.3, abs=0.05)
    table = measure_objects(segment(rod(120, waists=(0.25, 0.75))))
    # 60 px apart, in widths of 18 px
    assert table["separation"].item() == pytest.approx(60 / 18, abs=0.3)
    assert table["depth_ratio"].item() > 0.8


def test_size_features_of_a_rod():
    row = measure_objects(segment(rod(90))).iloc[0]
    assert row["width"] == pytest.approx(1.0, abs=0.1)
    assert row["length"] == pytest.approx(5.0, abs=0.4)
    assert row["area"] == pytest.approx(5.0, abs=0.5)
    assert (row["row"], row["col"]) == pytest.approx((59.5, 64.5), abs=1)


def test_constrictions_by_hand():
    table = constrictions(np.array([1.0, 1, 0.5, 1, 1, 0.8, 1, 1]))
    assert table["index"].tolist() == [2, 5]
    assert table["depth"].tolist() == pytest.approx([0.5, 0.2])
    assert table["position"].tolist() == pytest.approx([2.5 / 8, 2.5 / 8])


def test_sections_follow_the_profiles_from_the_heavier_half():
    objects = measure_objects(segment(rod(112, waists=(0.2,))))
    width = objects[[f"width_at_{k}" for k in range(1, 21)]].to_numpy()[0]
    mass = objects[[f"mass_at_{k}" for k in range(1, 21)]].to_numpy()[0]
    assert mass[:10].sum() >= mass[10:].sum()
    assert width[1:-1].argmin() + 1 in (15, 16)  # the waist lies in the lighter half
    assert np.median(width) == pytest.approx(1, abs=0.1)


def test_medial_axis_runs_along_a_bent_object():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:20] = mask[40:50, 10:55] = True
    path = medial_axis(mask)
    assert mask[tuple(path.astype(int).T)].all()
    ends = {tuple(path[0].astype(int)), tuple(path[-1].astype(int))}
    assert min(row for row, _ in ends) <= 12
    assert max(col for _, col in ends) >= 52
    assert np.abs(np.diff(path, axis=0)).max() <= 1


def test_touching_disks_are_cut_and_a_rod_is_not():
    mask = np.zeros((80, 120), np.uint8)
    cv2.circle(mask, (40, 40), 16, 1, -1)
    cv2.circle(mask, (70, 40), 16, 1, -1)
    assert split(mask > 0, width_px=18, depth=0.12).max() == 2
    rod_mask = np.zeros((80, 120), bool)
    rod_mask[30:48, 10:110] = True
    assert split(rod_mask, width_px=18, depth=0.12).max() == 1


def test_flatten_of_a_constant_is_zero_whatever_the_exposure():
    for level in (0.2, 0.9):
        contrast = flatten(np.full((90, 90), level, np.float32), width_px=18)
        np.testing.assert_allclose(contrast, 0, atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_images_of_nothing_have_no_objects(level):
    segmentation = segment(np.full((100, 120), level, np.float32))
    assert segmentation.labels.max() == 0
    assert list(measure_objects(segmentation).columns) == [
        "object", "row", "col", "area_px", *FEATURES,
    ]  # fmt: skip


def test_parameters_are_checked():
    with pytest.raises(InputError, match="core_fraction is 0"):
        SegmentationParameters(core_fraction=0)
    with pytest.raises(InputError, match="dicentric_threshold is 2"):
        BaselineParameters(dicentric_threshold=2)
    with pytest.raises(InputError, match="max_leaves is 1; it must be at least 2"):
        BaselineParameters(max_leaves=1)
    with pytest.raises(InputError, match="learning_rate is 0; it must be above 0"):
        BaselineParameters(learning_rate=0)


def test_matching_labels():
    truth = np.array([[1, 1, 1, 0, 2, 2]])
    labels = np.array([[3, 3, 0, 0, 0, 4]])
    table = match_labels(labels, truth)
    assert table["segment"].tolist() == [3, 4]
    assert table["overlap"].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert match_labels(np.zeros((2, 2), int), truth[:, :2].repeat(2, 0))["segment"].tolist() == [0]


def drawn_table():
    """Objects of three unmistakable kinds."""
    kinds = {
        "dicentric": [rod(n, waists=(0.25, 0.72)) for n in range(100, 130, 3)],
        "fragment": [rod(n) for n in range(30, 50, 2)],
        "other": [rod(n, waists=(0.4,)) for n in range(60, 90, 3)],
    }
    tables = [
        measure_objects(segment(image)).assign(**{"class": name})
        for name, images in kinds.items()
        for image in images
    ]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def baseline():
    return train_baseline(drawn_table(), parameters=BaselineParameters(min_leaf=3))


def test_detections_have_class_and_centroid(baseline):
    found = detect(rod(112, waists=(0.25, 0.72)), baseline)
    assert found["class"].tolist() == ["dicentric"]
    assert (found["row"].item(), found["col"].item()) == pytest.approx((59.5, 76), abs=3)
    assert detect(rod(70, waists=(0.4,)), baseline).empty
    assert detect(rod(40), baseline)["class"].tolist() == ["fragment"]


def test_half_resolution_gives_positions_of_the_given_image(baseline):
    image = cv2.resize(rod(112, waists=(0.25, 0.72)), None, fx=0.5, fy=0.5)
    found = detect(image, baseline, pixel_size_um=0.2)
    assert (found["row"].item(), found["col"].item()) == pytest.approx((29.5, 38), abs=2)


def test_no_objects_no_detections(baseline):
    found = detect(np.ones((100, 120), np.float32), baseline)
    assert found.empty
    assert list(found.columns) == ["class", "row", "col", "probability", "area_px"]


def test_an_object_is_one_detection_at_most():
    objects = pd.DataFrame(
        {"row": 1.0, "col": 2.0, "area_px": 9, "p_dicentric": [0.5, 0.1], "p_fragment": [0.4, 0.1]}
    )
    parameters = BaselineParameters(dicentric_threshold=0.3, fragment_threshold=0.3)
    assert decide(objects, parameters)["class"].tolist() == ["dicentric"]


def test_file_round_trip(baseline, tmp_path):
    save_baseline(tmp_path / "baseline.parquet", baseline)
    read = load_baseline(tmp_path)
    assert read.parameters == baseline.parameters
    image = rod(106, waists=(0.25, 0.72))
    pd.testing.assert_frame_equal(detect(image, read), detect(image, baseline))


def test_files_that_are_no_baselines(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_baseline(tmp_path)
    (tmp_path / "baseline.parquet").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged baseline file"):
        load_baseline(tmp_path)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "baseline.parquet")
    with pytest.raises(InputError, match="not a baseline's file"):
        load_baseline(tmp_path)


def test_training_needs_every_class():
    with pytest.raises(InputError, match="no object of class dicentric"):
        train_baseline(drawn_table().query("`class` != 'dicentric'"))


def test_threshold_with_the_largest_f1(baseline):
    objects = drawn_table()
    bodies = objects[["class"]].assign(visible=True)
    chosen = best_thresholds(objects, bodies, baseline)
    assert 0.05 <= chosen["dicentric_threshold"] <= 0.95
    assert set(chosen) == {"dicentric_threshold", "fragment_threshold"}


def test_most_chromosomes_of_a_simulated_cell_are_cut_out():
    metaphase = draw_metaphase((7, 0), dose_gy=0.0, height=444, width=504, pixel_size_um=0.2)
    objects, bodies = labelled_objects(metaphase, pixel_size_um=0.2)
    recall = segmentation_recall(bodies)
    assert recall.loc["all", "n"] == bodies["visible"].sum()
    assert recall.loc["all", "recall"] > 0.5
    assert set(objects["class"]) == {"other"}
