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
    """Two images of each set, two cycles of an epoch of two steps, three to refine."""
    sets = {
        name: options
        | {"n_images": 8 if name == "train" else 2}
        | ({"dose_gy": 4.0} if name.endswith("_exposed") else {})
        for name, options in ready_ensemble.SETS.items()
    }
    monkeypatch.setattr(ready_ensemble, "SETS", sets)
    training = replace(
        ready_ensemble.TRAINING, encoder="tu-test_resnet", encoder_weights=None,
        decoder_channels=(8, 8), epochs=2, cycle_epochs=1, samples_per_epoch=8, batch_size=4,
        crop_px=64,
    )  # fmt: skip
    monkeypatch.setattr(ready_ensemble, "TRAINING", training)
    monkeypatch.setattr(ready_ensemble, "REFINEMENT", replace(training, epochs=3))


def test_one_command_makes_an_ensemble_and_goes_on(tiny, tmp_path, monkeypatch, capsys):
    folder, ready = tmp_path / "run", tmp_path / "ready"
    ready_ensemble.run(folder, minutes=0, threads=1)  # stopped after the first epoch
    assert [member.epoch for member in load_members(folder)] == [1]
    ready_ensemble.run(folder, threads=1, publish=ready)
    assert [member.epoch for member in load_members(folder)] == [1, 2]
    members = load_members(ready)
    assert [member.epoch for member in members] == [1, 2, 3]  # of the refinement
    point = OperatingPoint.read(ready / "operating_point.json")
    point.check_members([member.digest for member in members])
    assert "false detections per 1000 cells" in point.rule
    table = pd.read_csv(ready / "measured.csv")
    assert len(table) == 2 * 2 * 3  # sets, classes, points
    assert set(table["unexposed_cells"].dropna()) == {2}
    assert table["recall"].between(0, 1).all()
    assert "operating point" in capsys.readouterr().out
    written = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.png")}
    before = {path: path.read_bytes() for path in ready.rglob("*.safetensors")}
    ready_ensemble.run(folder, threads=1, publish=ready)  # all is simulated and trained
    assert before == {path: path.read_bytes() for path in ready.rglob("*.safetensors")}
    assert written == {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*.png")}
    assert OperatingPoint.read(folder / "refined" / "operating_point.json").n_members == 3
    monkeypatch.setattr(ready_ensemble, "simulator_digest", lambda: "another")
    (folder / "data" / "test_exposed" / "samples.csv").unlink()
    with pytest.raises(InputError, match="another state of the simulator, and test_exposed"):
        ready_ensemble.run(folder, threads=1)


def test_members_of_another_training_are_refined_with_their_encoder(tiny, tmp_path, monkeypatch):
    ready_ensemble.run(tmp_path / "run", threads=1, minutes=0)
    refinement = replace(ready_ensemble.REFINEMENT, encoder=LITE0)
    monkeypatch.setattr(ready_ensemble, "REFINEMENT", refinement)
    ready_ensemble.refine(tmp_path / "run", tmp_path / "run", threads=1)
    members = load_members(tmp_path / "run" / "refined")
    assert [member.epoch for member in members] == [1, 2, 3]
    assert {member.metadata["encoder"] for member in members} == {"tu-test_resnet"}


def test_members_are_the_ends_of_whole_cycles_in_different_orientations():
    refinement = ready_ensemble.REFINEMENT
    for n_epochs, length in ((25, 5), (63, 9), (refinement.epochs, refinement.cycle_epochs)):
        epochs = ready_ensemble.member_epochs(n_epochs, length)
        assert epochs == [n_epochs - back * length for back in (4, 3, 2, 1, 0)]
        assert len({(epoch - 1) % 8 for epoch in epochs}) == 5
    assert ready_ensemble.member_epochs(7, 6) == [2, 3, 4, 5, 6]
    assert ready_ensemble.member_epochs(36, 12) == [12, 23, 24, 35, 36]
    with pytest.raises(InputError, match="needs a cycle of 6"):
        ready_ensemble.member_epochs(5, 6)
