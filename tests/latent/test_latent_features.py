"""Features at points: the right cells of the right volume, streamed, and members that fit."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from dicentlib.data import index_images, read_image
from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members, save_member
from dicentlib.errors import InputError
from dicentlib.latent import extract_features, image_shapes, sample_points, select_members
from dicentlib.latent.crops import read_crops
from dicentlib.latent.features import look_up, look_up_peaks
from dicentlib.latent.points import cells_of
from dicentlib.model import HeatmapUnet

SHAPES = {"a.png": (60, 80), "b.png": (60, 80), "c.png": (64, 48)}
TRUTH = pd.DataFrame(
    {
        "image": ["a.png", "a.png", "c.png"],
        "class": ["dicentric", "fragment", "fragment"],
        "row": [20.0, 59.0, 10.5],
        "col": [33.0, 79.0, 40.2],
    }
)


@pytest.fixture(scope="module")
def image_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        noise = rng.normal(0.88, 0.05, size=shape).clip(0, 1)
        Image.fromarray((noise * 255).astype(np.uint8)).save(folder / name)
    return index_images(folder)


def write_member(path, epoch, *, width=8, pixel_size_um=0.1, **more):
    torch.manual_seed(epoch)
    model = HeatmapUnet("resnet18", decoder_channels=(16, width))
    metadata = {"pixel_size_um": pixel_size_um, "sigma": 2.0, "stride": 4, "epoch": epoch}
    metadata |= more
    save_member(path / f"epoch_{epoch:03d}.safetensors", model, metadata)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    write_member(folder, 1)
    write_member(folder, 2, orientation=5)
    return folder


def test_look_up_reads_the_cell_and_the_nearest_one_beyond_the_border():
    volume = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    found = look_up(volume, np.array([[1, 2], [9, -3]]))
    assert_array_equal(found, [volume[:, 1, 2], volume[:, 3, 0]])


def test_peaks_are_the_largest_value_in_the_disk():
    heatmaps = np.zeros((2, 12, 12), np.float32)
    heatmaps[0, 5, 7] = 0.8  # two cells from (5, 5): inside radius 2.35
    heatmaps[1, 7, 7] = 0.9  # 2.83 cells away: outside
    heatmaps[1, 6, 7] = 0.4  # 2.24 cells away: inside
    found = look_up_peaks(heatmaps, np.array([[5, 5], [0, 0]]), radius=2.35)
    assert_allclose(found, [[0.8, 0.4], [0, 0]])


def test_features_are_those_of_the_volume_before_the_head(members, image_set, tmp_path):
    points = sample_points(TRUTH, image_shapes(image_set), n_background=4)
    found = extract_features(members, image_set, points, out=tmp_path)
    assert found.features.shape == (2, 3 + 12, 8)
    assert found.epochs == (1, 2)
    for epoch, member in enumerate(load_members(members)):
        for name in SHAPES:
            image = pad_to_stride(read_image(image_set.path(name)))
            with torch.inference_mode():
                volume = member.model.features(torch.from_numpy(image)[None, None])[0].numpy()
                heatmaps = member.model(torch.from_numpy(image)[None, None])[0].numpy()
            own = (points["image"] == name).to_numpy()
            cells = cells_of(points.loc[own, ["row", "col"]])
            assert_allclose(found.features[epoch, own], look_up(volume, cells), atol=2e-5)
            peaks = look_up_peaks(heatmaps, cells, radius=2.355)
            assert_allclose(found.peaks[epoch, own], peaks, atol=1e-5)
    # Another member, other features: the epochs are not copies of each other.
    assert np.abs(found.features[0] - found.features[1]).max() > 0.01


def test_peaks_are_in_the_members_precision(image_set, tmp_path):
    for name, precision in (("wide", "float32"), ("narrow", "bfloat16")):
        write_member(tmp_path / name, 1, precision=precision)
    points = sample_points(TRUTH, image_shapes(image_set), n_background=1)
    wide, narrow = (
        extract_features(tmp_path / name, image_set, points, out=tmp_path / "out")
        for name in ("wide", "narrow")
    )
    assert_array_equal(wide.features, narrow.features)
    difference = np.abs(wide.peaks - narrow.peaks).max()
    assert 0 < difference < 0.02


def test_files_are_memory_mapped_and_the_points_lie_beside_them(members, image_set, tmp_path):
    points = sample_points(TRUTH, image_shapes(image_set), n_background=1)
    found = extract_features(members, image_set, points, out=tmp_path)
    assert isinstance(found.features, np.memmap)
    assert not found.features.flags.writeable
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "features.npy",
        "peaks.npy",
        "points.parquet",
    ]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "points.parquet"), points)


def test_points_follow_images_to_the_members_scale(image_set, tmp_path):
    # Members at 0.2 um see images of 0.1 um at half size: 60 x 80 becomes 30 x 40.
    write_member(tmp_path, 1, pixel_size_um=0.2)
    points = TRUTH[TRUTH["image"] == "a.png"]
    found = extract_features(tmp_path, image_set, points, out=tmp_path / "latent")
    (member,) = load_members(tmp_path)
    image = read_image(image_set.path("a.png"))
    half = image.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    half = np.round(half * 255).astype(np.float32) / 255
    with torch.inference_mode():
        padded = torch.from_numpy(pad_to_stride(half))[None, None]
        volume = member.model.features(padded)[0].numpy()
    # (20, 33) -> (9.75, 16.25) -> cell (2, 4); the corner (59, 79) -> (29.25, 39.25) -> (7, 9)
    for feature, cell in zip(found.features[0], [(2, 4), (7, 9)], strict=True):
        distance = np.linalg.norm(volume - feature[:, None, None], axis=0)
        assert np.unravel_index(distance.argmin(), distance.shape) == cell
        assert distance.min() < 1e-3 < np.partition(distance.ravel(), 1)[1]


def test_members_of_different_widths_are_refused(image_set, tmp_path):
    write_member(tmp_path, 1)
    write_member(tmp_path, 2, width=12)
    with pytest.raises(InputError, match=r"epoch_001.* 16 and 8, .*other .* 16 and 12, "):
        extract_features(tmp_path, image_set, TRUTH, out=tmp_path / "latent")
    assert not (tmp_path / "latent").exists()


def test_selection_keeps_the_commonest_network_and_names_the_others(tmp_path):
    for epoch, width in ((3, 8), (1, 8), (2, 12)):
        write_member(tmp_path, epoch, width=width)
    paths, messages = select_members(tmp_path)
    assert [path.name for path in paths] == ["epoch_001.safetensors", "epoch_003.safetensors"]
    assert len(messages) == 1
    assert "epoch_002.safetensors: encoder resnet18, decoder channels 16 and 12" in messages[0]
    assert "left out" in messages[0]


def test_of_two_equally_common_networks_the_last_members_is_kept(tmp_path):
    write_member(tmp_path, 1)
    write_member(tmp_path, 2, width=12)
    paths, messages = select_members(tmp_path)
    assert [path.name for path in paths] == ["epoch_002.safetensors"]
    assert len(messages) == 1


def test_selection_by_epoch(members):
    paths, messages = select_members(members, epochs=[2])
    assert [path.name for path in paths] == ["epoch_002.safetensors"]
    assert messages == []
    with pytest.raises(InputError, match=r"no member of epoch 7; there are epochs \[1, 2\]"):
        select_members(members, epochs=[2, 7])


def test_two_members_of_one_epoch_are_refused(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_member(tmp_path / name, 5)
    with pytest.raises(InputError, match="both of epoch 5; trajectories need members of one"):
        select_members(sorted(tmp_path.glob("*/*.safetensors")))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (TRUTH.iloc[:0], "no points; expected at least one"),
        (TRUTH.replace("c.png", "z.png"), "point on image z.png, which is not in"),
    ],
)
def test_points_that_do_not_fit_are_refused(members, image_set, tmp_path, points, message):
    with pytest.raises(InputError, match=message):
        extract_features(members, image_set, points, out=tmp_path / "latent")
    assert not (tmp_path / "latent").exists()


def test_crops_are_centred_and_repeat_the_edge(image_set):
    image = read_image(image_set.path("a.png"))
    points = TRUTH.assign(row=[20.0, 0.0, 10.0], col=[33.0, 79.0, 40.0])
    crops = read_crops(image_set, points, [1, 0], side_px=8)
    assert crops.shape == (2, 8, 8)
    assert_array_equal(crops[1], image[16:24, 29:37])
    assert crops[0, 4, 4] == image[0, 79]
    assert_array_equal(crops[0, 4:, 3], image[:4, 78])
    assert (crops[0, :4] == crops[0, 4]).all()
    with pytest.raises(InputError, match="side_px 1; at least 2"):
        read_crops(image_set, points, [0], side_px=1)
