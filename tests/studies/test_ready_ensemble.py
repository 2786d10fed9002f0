"""The recipe of the ready ensemble, at a size that proves only that it runs and goes on."""

from dataclasses import replace

import pandas as pd
import pytest

from dicentlib.ensemble import load_members
from dicentlib.errors import InputError
from dicentlib.model import LITE0
from dicentlib.operating_point import OperatingPoint
from studies.recipes import ready_ensemble


@pytest.fixture
def tiny(monkeypatch):
    """Two images of each set, two cycles of an epoch of two steps."""
    sets = {
        name: options
        | {"n_images": 8 if name == "train" else 2}
        | ({"dose_gy": 4.0} if name.endswith("_exposed") else {})
        for name, options in ready_ensemble.SETS.items()
    }
    monkeypatch.setattr(ready_ensemble, "SETS", sets)
    monkeypatch.setattr(ready_ensemble.shutil, "which", lambda name: None)  # compiles for a minute
    training = replace(
        ready_ensemble.TRAINING, encoder="tu-test_resnet", encoder_weights=None,
        decoder_channels=(8, 8), epochs=2, cycle_epochs=1, samples_per_epoch=8, batch_size=4,
        crop_px=64,
    )  # fmt: skip
    monkeypatch.setattr(ready_ensemble, "TRAINING", training)


def test_one_command_makes_an_ensemble_and_goes_on(tiny, tmp_path, monkeypatch, capsys):
    folder, ready = tmp_path / "run", tmp_path / "ready"
    ready_ensemble.run(folder, minutes=0, threads=1)  # stopped after the first epoch
    assert [member.epoch for member in load_members(folder)] == [1]
    ready_ensemble.run(folder, threads=1, publish=ready)
    members = load_members(ready)
    assert [member.epoch for member in members] == [1, 2]
    point = OperatingPoint.read(ready / "operating_point.json")
    point.check_members([member.digest for member in members])
    assert "false detections per 1000 cells" in point.rule
    table = pd.read_csv(ready / "measured.csv")
    assert len(table) == 2 * 2 * 3  # sets, classes, points
    assert set(table["unexposed_cells"].dropna()) == {2}
    assert table["recall"].between(0, 1).all()
    assert "operating point" in capsys.readouterr().out
    written = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.png")}
    ready_ensemble.run(folder, threads=1)  # all is simulated and trained
    assert written == {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.png")}
    refined = replace(ready_ensemble.TRAINING, encoder=LITE0, epochs=3, cycle_epochs=1)
    monkeypatch.setattr(ready_ensemble, "REFINEMENT", refined)
    ready_ensemble.refine(folder, ready, threads=1)
    assert [member.epoch for member in load_members(folder / "refined")] == [1, 2, 3]
    assert OperatingPoint.read(folder / "refined" / "operating_point.json").n_members == 3
    monkeypatch.setattr(ready_ensemble, "simulator_digest", lambda: "another")
    (folder / "data" / "test_exposed" / "samples.csv").unlink()
    with pytest.raises(InputError, match="another state of the simulator, and test_exposed"):
        ready_ensemble.run(folder, threads=1)


def test_members_are_the_ends_of_whole_cycles_in_all_orientations():
    for n_epochs, length in ((24, 6), (60, 6), (120, 6), (40, 10)):
        epochs = ready_ensemble.member_epochs(n_epochs, length)
        assert len(epochs) == 8
        assert max(epochs) == n_epochs
        assert {(epoch - 1) % 8 for epoch in epochs} == set(range(8))
    assert ready_ensemble.member_epochs(7, 6) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(InputError, match="needs a cycle of 6"):
        ready_ensemble.member_epochs(5, 6)
