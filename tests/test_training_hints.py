"""Hints: centromeres of simulated bodies, learnt by a head that no member keeps."""

import numpy as np
import pandas as pd
import pytest
from training_case import make_image_set, run

from dicentlib.data import index_images
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.ensemble import load_members, member_paths
from dicentlib.errors import InputError
from dicentlib.runs import file_digest
from dicentlib.simulation import simulate_set
from dicentlib.training.hints import simulated_centromeres


def weights(folder):
    return [file_digest(path) for path in member_paths(folder)]


def blobs(folder):
    """Hints where the annotations are: something that can be learnt."""
    return make_image_set(folder)[1].drop(columns="class")


def test_every_visible_centromere_is_a_hint(tmp_path):
    simulate_set(tmp_path, n_images=3, dose_gy=4.0, seed=7, n_workers=1, progress=False)
    index = index_images(tmp_path)
    hints = simulated_centromeres(tmp_path, index)
    bodies = pd.read_parquet(tmp_path / "objects.parquet")
    bodies = bodies[bodies["visible"]]
    plain = bodies[bodies["class"] == "monocentric"]
    double = bodies[bodies["class"] == "dicentric"]
    assert len(double) > 0
    expected = len(plain) + 2 * len(double)
    assert (
        expected
        <= len(hints)
        <= expected
        + 2 * len(bodies[bodies["class"] == "tricentric"])
        + (bodies["class"] == "ring").sum()
    )
    sizes = index.table.set_index("image").loc[hints["image"], ["height_px", "width_px"]]
    assert (
        (hints[["row", "col"]].to_numpy() >= 0) & (hints[["row", "col"]] < sizes.to_numpy())
    ).all(axis=None)
    one = double.iloc[0]
    here = hints[hints["image"] == one["image"]]
    for k in (1, 2):
        distance = np.hypot(
            here["row"] - one[f"centromere_{k}_row"], here["col"] - one[f"centromere_{k}_col"]
        )
        assert distance.min() == 0


def test_hints_of_other_images_are_refused(tmp_path):
    index, _ = make_image_set(tmp_path)
    with pytest.raises(InputError, match=r"objects\.parquet: no such file; only simulated"):
        simulated_centromeres(tmp_path, index)


def test_hints_are_a_third_heatmap_and_change_nothing_else(tmp_path):
    index, annotations = make_image_set(tmp_path)
    hints = annotations.drop(columns="class").assign(row=lambda table: table["row"] / 2)
    plain, hinted = (
        MetaphaseDataset(index, annotations, crop_px=32, samples_per_epoch=20, hints=one)
        for one in (None, hints)
    )
    for i in range(20):
        without, sample = plain[i], hinted[i]
        assert without["target"].shape == (2, 8, 8)
        assert sample["target"].shape == (3, 8, 8)
        np.testing.assert_array_equal(sample["image"], without["image"])
        np.testing.assert_array_equal(sample["target"][:2], without["target"])
    whole = MetaphaseDataset(index, annotations, hints=hints)[0]["target"][2]
    own = hints[hints["image"] == index.table["image"][0]]
    peaks = {
        (int(row) // 4, int(col) // 4) for row, col in zip(own["row"], own["col"], strict=True)
    }
    assert {tuple(map(int, peak)) for peak in np.argwhere(whole == 1)} == peaks


def test_hints_teach_the_features_and_are_not_kept(tmp_path):
    run(tmp_path / "plain", tmp_path / "images")
    run(tmp_path / "hinted", tmp_path / "images", hints=blobs(tmp_path / "images"))
    assert weights(tmp_path / "plain") != weights(tmp_path / "hinted")
    plain, hinted = (load_members(tmp_path / name)[-1].model for name in ("plain", "hinted"))
    assert plain.state_dict().keys() == hinted.state_dict().keys()
    assert hinted.head.out_channels == 2


def test_a_hinted_training_resumes_as_if_never_stopped(tmp_path):
    hints = blobs(tmp_path / "images")
    run(tmp_path / "whole", tmp_path / "images", hints=hints)
    run(tmp_path / "stopped", tmp_path / "images", hints=hints, max_minutes=0)
    with pytest.raises(InputError, match="holds a training with other data"):
        run(tmp_path / "stopped", tmp_path / "images")
    run(tmp_path / "stopped", tmp_path / "images", hints=hints)
    assert weights(tmp_path / "stopped") == weights(tmp_path / "whole")
