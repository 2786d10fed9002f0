import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data.augmentation import Augmentation, turn
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.data.index import index_images
from dicentlib.data.targets import pad_to_stride, target_heatmaps, truth_masks
from dicentlib.errors import InputError


def test_peak_is_one_at_the_floor_of_a_quarter():
    heatmaps = target_heatmaps({"fragment": [(887.9, 7.99)]}, (888, 1008))
    assert heatmaps.shape == (2, 224, 252)
    assert heatmaps[0].max() == 0
    assert np.unravel_index(heatmaps[1].argmax(), (224, 252)) == (221, 1)
    assert heatmaps[1].max() == 1


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0])
def test_disk_radius_at_a_threshold(sigma):
    # exp(-r^2 / 2 sigma^2) > T  <=>  r < sigma sqrt(2 ln(1/T))
    mask = truth_masks({"dicentric": [(200, 200)]}, (400, 400), sigma=sigma)[0]
    rows, cols = np.indices(mask.shape)
    radius = np.hypot(rows - 50, cols - 50)
    np.testing.assert_array_equal(mask, radius < sigma * np.sqrt(2 * np.log(2)))


def test_disk_of_21_pixels_by_default():
    assert truth_masks({"dicentric": [(200, 200)]}, (400, 400))[0].sum() == 21


def test_neighbours_are_combined_by_maximum():
    alone = [target_heatmaps({"dicentric": [p]}, (64, 64)) for p in ((20, 20), (28, 24))]
    both = target_heatmaps({"dicentric": [(20, 20), (28, 24)]}, (64, 64))
    np.testing.assert_array_equal(both, np.maximum(*alone))


def test_no_annotations_is_a_target_of_zeros():
    assert target_heatmaps({}, (30, 30)).shape == (2, 8, 8)
    assert not target_heatmaps({"dicentric": []}, (30, 30)).any()


@pytest.mark.parametrize("point", [(888, 5), (-0.1, 5), (5, 1008), (float("nan"), 5)])
def test_points_outside_raise(point):
    with pytest.raises(InputError, match="outside its image of 888 x 1008"):
        target_heatmaps({"dicentric": [point]}, (888, 1008))


def test_unknown_class_and_width():
    with pytest.raises(InputError, match="unknown class 'ring'"):
        target_heatmaps({"ring": [(1, 1)]}, (32, 32))
    with pytest.raises(InputError, match="sigma must be above 0"):
        target_heatmaps({}, (32, 32), sigma=0)


def test_padding_is_bottom_and_right_with_edge_values():
    image = np.arange(35, dtype=np.float32).reshape(5, 7)
    padded = pad_to_stride(image)
    assert padded.shape == (16, 16)
    np.testing.assert_array_equal(padded[:5, :7], image)
    assert (padded[5:, :7] == image[-1]).all()
    assert (padded[:5, 7:] == image[:, -1:]).all()
    assert pad_to_stride(np.zeros((888, 1008))).shape == (896, 1008)


@pytest.fixture
def image_set(tmp_path):
    """Three images of 100 x 120 with known points, and their index and annotations."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(3):
        pixels = rng.integers(200, 255, (100, 120), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        rows += [(f"{i}.png", "dicentric", 30 + i, 50.5), (f"{i}.png", "fragment", 99, 119)]
    annotations = pd.DataFrame(rows[:4], columns=["image", "class", "row", "col"])
    return index_images(tmp_path), annotations


def test_whole_images(image_set):
    dataset = MetaphaseDataset(*image_set)
    sample = dataset[1]
    assert len(dataset) == 3
    assert sample["name"] == "1.png"
    assert sample["image"].shape == (1, 112, 128)
    assert sample["image"].dtype == np.float32
    expected = target_heatmaps({"dicentric": [(31, 50.5)], "fragment": [(99, 119)]}, (100, 120))
    np.testing.assert_array_equal(sample["target"], expected)
    assert not dataset[2]["target"].any()


def test_points_follow_the_image_to_another_scale(image_set):
    dataset = MetaphaseDataset(*image_set, pixel_size_um=0.2)
    assert dataset[0]["image"].shape == (1, 64, 64)
    # the middle of pixels 30 and 31 is the middle of pixel 15 at half the resolution
    np.testing.assert_allclose(dataset.points(0)["dicentric"], [[14.75, 25.0]])


def test_target_of_a_crop_is_the_crop_of_the_target(image_set):
    dataset = MetaphaseDataset(*image_set, crop_px=32, samples_per_epoch=200, seed=1)
    whole = {name: MetaphaseDataset(*image_set)[i] for i, name in enumerate(dataset.names)}
    for i in range(40):
        sample = dataset[(0, i)]
        image = whole[sample["name"]]["image"][0]
        windows = np.lib.stride_tricks.sliding_window_view(image, (32, 32))[::4, ::4]
        found = np.argwhere((windows == sample["image"][0]).all(axis=(2, 3)))
        assert len(found) == 1
        row, col = found[0]
        target = whole[sample["name"]]["target"][:, row : row + 8, col : col + 8]
        np.testing.assert_allclose(sample["target"], target, atol=1e-6)


def test_half_of_the_crops_hold_a_drawn_dicentric(image_set):
    dataset = MetaphaseDataset(*image_set, crop_px=32, samples_per_epoch=200)
    hits = sum(len(dataset[i]["points"]["dicentric"]) > 0 for i in range(200))
    assert hits >= 0.5 * 200 - 3 * np.sqrt(200 * 0.25)  # others hold one by chance


def test_sample_depends_on_seed_epoch_and_number_alone(image_set):
    options = {"crop_px": 32, "augmentation": Augmentation(True, 0.5, 1.0)}
    first, second = (MetaphaseDataset(*image_set, **options, seed=5) for _ in range(2))
    second[(0, 3)]
    np.testing.assert_array_equal(first[(2, 1)]["image"], second[(2, 1)]["image"])
    assert not np.array_equal(first[(2, 1)]["image"], first[(3, 1)]["image"])


def test_reading_at_every_visit_gives_the_same(image_set):
    cached = MetaphaseDataset(*image_set)
    uncached = MetaphaseDataset(*image_set, cache_gb=0)
    np.testing.assert_array_equal(cached[2]["image"], uncached[2]["image"])


def test_crops_larger_than_the_image_are_padded(image_set):
    sample = MetaphaseDataset(*image_set, crop_px=160)[0]
    assert sample["image"].shape == (1, 160, 160)
    assert sample["target"].shape == (2, 40, 40)


@pytest.mark.parametrize("shape", [(64, 64), (48, 64)])
def test_turning_keeps_image_target_and_points_together(shape):
    points = {"dicentric": np.array([[8.0, 20.0]]), "fragment": np.empty((0, 2))}
    image = np.zeros(shape, np.float32)
    image[8, 20] = 1
    target = target_heatmaps(points, shape)
    seen = set()
    for seed in range(40):
        turned = turn(image, target, points, np.random.default_rng(seed))
        position = tuple(np.argwhere(turned[0] == 1)[0])
        assert position == tuple(turned[2]["dicentric"][0])
        peak = np.argwhere(turned[1][0] == 1)[0]
        np.testing.assert_array_equal(peak, np.array(position) // 4)
        seen.add(position)
    assert len(seen) == (8 if shape[0] == shape[1] else 4)


def test_exposure_and_focus_stay_in_range(image_set):
    augmentation = Augmentation(intensity=1.0, blur_px=2.0)
    dataset = MetaphaseDataset(*image_set, augmentation=augmentation)
    images = np.stack([dataset[(epoch, 0)]["image"] for epoch in range(20)])
    assert 0 <= images.min() <= images.max() <= 1
    assert images.mean(axis=(1, 2, 3)).std() > 0.02
    with pytest.raises(InputError, match=r"intensity must lie in \[0, 1\], found 2"):
        Augmentation(intensity=2)


def test_dataset_refuses(image_set, tmp_path):
    index, annotations = image_set
    with pytest.raises(InputError, match="multiple of 16, found 100"):
        MetaphaseDataset(index, annotations, crop_px=100)
    outside = annotations.assign(row=500.0)
    with pytest.raises(InputError, match="500"):
        MetaphaseDataset(index, outside)
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"1\.png"):
        MetaphaseDataset(index, annotations)
