import io
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dicentlib.ensemble import (
    FLOOR,
    HeatmapStore,
    iterate_heatmaps,
    keep_last_members,
    load_members,
    member_paths,
    predict_heatmaps,
    read_member_metadata,
    save_member,
)
from dicentlib.ensemble.members import FORMAT
from dicentlib.errors import InputError
from dicentlib.files import read_json
from dicentlib.filtering import load_filter
from dicentlib.model import HeatmapUnet
from dicentlib.scoring.plan import scoring_settings

FACTS = {"pixel_size_um": 0.2, "sigma": 2.0, "stride": 4, "epoch": 1}


def small_model(seed=0, decoder_channels=(16, 8)):
    torch.manual_seed(seed)
    return HeatmapUnet("tu-resnet10t", None, decoder_channels)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    for epoch in (1, 2, 3):
        path = run / "members" / f"epoch_{epoch:03d}.safetensors"
        save_member(path, small_model(epoch), FACTS | {"epoch": epoch})
    return run


def test_members_come_back_as_they_were(run):
    members = load_members(run)
    assert [member.epoch for member in members] == [1, 2, 3]
    assert [member.name for member in members] == ["epoch_001", "epoch_002", "epoch_003"]
    assert len({member.digest for member in members}) == 3
    saved, loaded = small_model(2).state_dict(), members[1].model.state_dict()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    assert members[0].metadata["encoder"] == "tu-resnet10t"
    assert not members[0].model.training


def test_folder_run_file_and_list_name_the_same_members(run):
    folder = run / "members"
    digests = [member.digest for member in load_members(run)]
    assert [m.digest for m in load_members(folder)] == digests
    assert [m.digest for m in load_members(sorted(folder.iterdir()))] == digests
    assert load_members(folder / "epoch_002.safetensors")[0].digest == digests[1]


def test_nothing_but_members_is_left_in_the_folder(run):
    assert sorted(path.suffix for path in (run / "members").iterdir()) == [".safetensors"] * 3


def test_the_last_epochs_are_kept_and_replace_others(run, tmp_path):
    (tmp_path / "members").mkdir()
    (tmp_path / "members" / "epoch_099.safetensors").write_bytes(b"of an earlier training")
    kept = keep_last_members(run, tmp_path, n_members=2)
    assert [path.name for path in kept] == ["epoch_002.safetensors", "epoch_003.safetensors"]
    expected = [member.digest for member in load_members(run)[1:]]
    assert [member.digest for member in load_members(tmp_path)] == expected
    with pytest.raises(InputError, match="4 members asked for; allowed: 1 to 3"):
        keep_last_members(run, tmp_path, n_members=4)


def test_half_precision_halves_the_file(tmp_path):
    model = small_model()
    save_member(tmp_path / "full.safetensors", model, FACTS)
    save_member(tmp_path / "half.safetensors", model, FACTS, half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.51 * sizes[1]
    member = load_members(tmp_path / "half.safetensors")[0]
    assert next(member.model.parameters()).dtype == torch.float32


def test_heatmaps_are_those_of_the_models(run):
    members = load_members(run)
    image = np.random.default_rng(0).random((44, 60), np.float32)
    heatmaps = predict_heatmaps(members, image)
    assert heatmaps.shape == (3, 2, 12, 16)
    assert heatmaps.dtype == np.float32
    padded = torch.from_numpy(np.pad(image, ((0, 4), (0, 4)), mode="edge"))[None, None]
    with torch.inference_mode():
        expected = members[1].model(padded)[0].numpy()
    np.testing.assert_allclose(heatmaps[1], expected, atol=1e-5)


def test_members_look_from_the_orientation_that_their_file_tells(tmp_path):
    model = small_model(1)
    for orientation in (0, 3, 6):
        facts = FACTS | {"orientation": orientation}
        save_member(tmp_path / f"{orientation}.safetensors", model, facts)
    members = load_members(tmp_path)
    assert [member.model.orientation for member in members] == [0, 3, 6]
    image = np.random.default_rng(0).random((32, 48), dtype=np.float32)
    heatmaps = predict_heatmaps(members, image)
    for member, one in zip(members, heatmaps, strict=True):
        quarters, mirrored = member.model.orientation % 4, member.model.orientation >= 4
        seen = np.rot90(image, quarters)
        seen = np.ascontiguousarray(seen[:, ::-1] if mirrored else seen)
        expected = predict_heatmaps(members[:1], seen)[0]
        expected = expected[:, :, ::-1] if mirrored else expected
        np.testing.assert_allclose(one, np.rot90(expected, -quarters, (1, 2)), atol=1e-6)


@pytest.mark.parametrize("orientation", [-1, 8, 1.0, True, "1"])
def test_a_bad_orientation_is_refused(tmp_path, orientation):
    path = tmp_path / "a.safetensors"
    save_member(path, small_model(1), FACTS | {"orientation": orientation})
    with pytest.raises(InputError, match=r"orientation .* allowed: 0 to 7"):
        load_members(path)


def test_batches_change_nothing_and_order_is_kept(run):
    rng = np.random.default_rng(1)
    shapes = [(32, 48), (32, 48), (32, 48), (16, 16), (32, 48)]
    images = [rng.random(shape, np.float32) for shape in shapes]
    members = load_members(run)
    results = list(iterate_heatmaps(members, iter(images), batch_size=2))
    assert len(results) == 5
    for image, result in zip(images, results, strict=True):
        np.testing.assert_allclose(result, predict_heatmaps(members, image), atol=1e-5)


def test_images_are_read_as_needed(run):
    read = []

    def images():
        for i in range(100):
            read.append(i)
            yield np.zeros((16, 16), np.float32)

    next(iterate_heatmaps(load_members(run), images(), batch_size=4))
    assert len(read) <= 5


class Payload:
    """Would leave a file behind if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_refused_unopened(tmp_path, name, how):
    trace = tmp_path / "executed"
    buffer = io.BytesIO()
    (pickle.dump if how == "pickle" else torch.save)(Payload(trace), buffer)
    (tmp_path / name).write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=rf"{name}: not a safetensors file"):
        load_members([tmp_path / name])
    assert not trace.exists()


def rewrite(source, target, **changes):
    header = read_member_metadata(source) | changes
    save_file(load_file(source), target, metadata={FORMAT: json.dumps(header)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "resnet18"}, "weights are not those of encoder resnet18"),
        ({"decoder_channels": [8, 8]}, "weights are not those of encoder tu-resnet10t"),
        ({"encoder": "tu-hf-hub:someone/model"}, "is not an encoder's name"),
        ({"decoder_channels": [10**9, 1]}, "decoder_channels"),
        ({"format_version": 99}, "format version 99"),
        ({"format": "other"}, "without a dicentlib member's metadata"),
        ({"epoch": "one"}, "epoch 'one'"),
    ],
)
def test_headers_that_do_not_fit_are_refused(run, tmp_path, changes, message):
    rewrite(run / "members" / "epoch_001.safetensors", tmp_path / "a.safetensors", **changes)
    with pytest.raises(InputError, match=message):
        load_members(tmp_path)


def test_members_of_two_architectures_are_refused(run, tmp_path):
    other = tmp_path / "other.safetensors"
    save_member(other, small_model(decoder_channels=(8, 8)), FACTS)
    with pytest.raises(InputError, match=r"decoder_channels \[8, 8\], epoch_001"):
        load_members([run / "members" / "epoch_001.safetensors", other])


def test_damaged_and_foreign_files_are_refused(run, tmp_path):
    whole = (run / "members" / "epoch_001.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match=r"cut\.safetensors: damaged"):
        load_members([tmp_path / "cut.safetensors"])
    with pytest.raises(InputError, match="without a dicentlib member's metadata"):
        load_members([tmp_path / "foreign.safetensors"])


def test_absent_members(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        load_members(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no members; expected files"):
        load_members(tmp_path)
    with pytest.raises(InputError, match="no members; expected at least one"):
        load_members([])
    with pytest.raises(InputError, match="metadata lacks pixel_size_um"):
        save_member(
            tmp_path / "a.safetensors", small_model(), {"epoch": 1, "sigma": 2, "stride": 4}
        )


def test_bad_images(run):
    with pytest.raises(InputError, match=r"shape \(H, W\), found \(3, 4, 5\)"):
        predict_heatmaps(load_members(run), np.zeros((3, 4, 5)))


def test_store_gives_back_the_pixels_above_the_floor(tmp_path):
    rng = np.random.default_rng(2)
    stacks = [rng.random((3, 2, 6, 7), np.float32) ** 4, np.zeros((3, 2, 5, 4), np.float32)]
    stacks.append(np.full((3, 2, 2, 2), FLOOR, np.float32))
    HeatmapStore.write(tmp_path / "h.parquet", iter(stacks), ["a", "b", "c"], digests=["d"])
    store = HeatmapStore.open(tmp_path / "h.parquet")
    assert (len(store), store.names, store.digests) == (3, ("a", "b", "c"), ("d",))
    for i, stack in enumerate(stacks):
        np.testing.assert_array_equal(store.dense(i), np.where(stack > FLOOR, stack, 0))
        assert store.shapes[i] == stack.shape


def test_store_is_whole_or_absent(tmp_path):
    path = tmp_path / "h.parquet"
    with pytest.raises(InputError, match="1 heatmaps for 2 image names"):
        HeatmapStore.write(path, [np.zeros((1, 2, 4, 4))], ["a", "b"])
    with pytest.raises(InputError, match=r"found \(2, 4, 4\)"):
        HeatmapStore.write(path, [np.zeros((2, 4, 4))], ["a"])
    assert list(tmp_path.iterdir()) == []
    path.write_text("not parquet")
    with pytest.raises(InputError, match="damaged file of heatmaps"):
        HeatmapStore.open(path)


def test_a_git_lfs_pointer_and_a_cut_off_member_are_named(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:07\nsize 3210988\n"
    path = tmp_path / "epoch_001.safetensors"
    path.write_text(pointer)
    with pytest.raises(
        InputError, match=r"epoch_001\.safetensors: a Git LFS pointer.*git lfs pull"
    ):
        load_members(tmp_path)
    (tmp_path / "curve.json").write_text(pointer)
    with pytest.raises(InputError, match=r"curve\.json: a Git LFS pointer"):
        read_json(tmp_path / "curve.json")
    (tmp_path / "filter.safetensors").write_text(pointer)
    with pytest.raises(InputError, match=r"filter\.safetensors: a Git LFS pointer"):
        load_filter(tmp_path)


def test_weights_that_are_not_finite_are_refused(run, tmp_path):
    path = tmp_path / "a.safetensors"
    original = member_paths(run)[0]
    with safe_open(original, framework="pt") as file:
        header = file.metadata()
    for value in (float("nan"), float("inf")):
        weights = load_file(original)
        name = next(name for name, values in weights.items() if values.is_floating_point())
        weights[name].flatten()[0] = value
        save_file(weights, path, metadata=header)
        with pytest.raises(InputError, match=rf"not finite numbers, the first in {name}"):
            load_members(path)


def test_weights_of_zeros_are_refused(run, tmp_path):
    # as a synchronised folder leaves a file of which only the beginning has arrived
    original = member_paths(run)[0].read_bytes()
    start = 8 + int.from_bytes(original[:8], "little")
    path = tmp_path / "a.safetensors"
    for kept in (0, (len(original) - start) // 2):
        path.write_bytes(original[: start + kept] + bytes(len(original) - start - kept))
        with pytest.raises(InputError, match=r"weights that are all 0, .* not completely written"):
            load_members(path)


def test_one_member_in_two_files_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    folder = member_paths(tmp_path / "run")[0].parent
    first = member_paths(folder)[0]
    shutil.copyfile(first, folder / f"{first.stem} (copy).safetensors")
    match = rf"{first.name}: the same member as {first.stem} \(copy\)\.safetensors, and every"
    with pytest.raises(InputError, match=match):
        load_members(folder)
    with pytest.raises(InputError, match=match):
        scoring_settings(folder, confidence_threshold=0.5, agreement_threshold=1)
