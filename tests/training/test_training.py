import ast
import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from training_case import PARAMETERS, make_image_set, run
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.data import index_images
from dicentlib.ensemble import load_members, member_paths
from dicentlib.errors import DicentlibError, InputError, InputWarning
from dicentlib.files import file_digest
from dicentlib.loss import HeatmapLoss, heatmap_cross_entropy
from dicentlib.model import HeatmapUnet
from dicentlib.training import PRESETS, TrainingParameters, changed_preset, train
from dicentlib.training.fit import computes_bfloat16
from dicentlib.training.loading import EpochSampler
from dicentlib.training.module import HeatmapModule
from dicentlib.training.synchronised import SynchroniseBatchNorm

CASE = Path(__file__).parents[1] / "cases" / "training_case.py"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def weights(folder):
    return {path.name: file_digest(path) for path in member_paths(folder)}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Folder of a training that was never interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(folder / "run", folder / "images")
    return folder


def test_a_member_and_a_line_of_metrics_after_every_epoch(uninterrupted):
    members = load_members(uninterrupted / "run")
    assert [member.epoch for member in members] == [1, 2, 3]
    metadata = members[2].metadata
    expected = {"encoder": "tu-test_resnet", "decoder_channels": [16, 8], "stride": 4, "sigma": 2.0}
    expected |= {"pixel_size_um": 0.1, "lam": 0.2, "rho": 0.1, "init_seed": 0, "n_images": 8}
    assert expected.items() <= metadata.items()
    metrics = pd.read_csv(uninterrupted / "run" / "metrics.csv")
    assert metrics["epoch"].tolist() == [1, 2, 3]
    assert np.isfinite(metrics["train_loss"]).all()
    assert not list((uninterrupted / "run").rglob(".part-*"))


def test_members_trained_with_flips_look_from_different_sides(uninterrupted, tmp_path):
    members = load_members(uninterrupted / "run")
    assert [member.model.orientation for member in members] == [0, 1, 2]
    out = tmp_path / "plain"
    run(out, tmp_path / "images", flips=False, epochs=2)
    assert [member.model.orientation for member in load_members(out)] == [0, 0]


def test_the_same_training_gives_the_same_weights(uninterrupted, tmp_path):
    run(tmp_path / "run", uninterrupted / "images")
    assert weights(tmp_path / "run") == weights(uninterrupted / "run")


def test_stopped_and_resumed_is_as_never_stopped(uninterrupted, tmp_path):
    first = run(tmp_path / "run", uninterrupted / "images", max_minutes=0)
    assert first["epoch"].tolist() == [1]
    resumed = run(tmp_path / "run", uninterrupted / "images")
    assert weights(tmp_path / "run") == weights(uninterrupted / "run")
    never = pd.read_csv(uninterrupted / "run" / "metrics.csv")
    pd.testing.assert_frame_equal(resumed.drop(columns="seconds"), never.drop(columns="seconds"))


WRITES = ("rename-3", "sync-6", "sync-4")  # of a member, of the metrics, of the state
MOMENTS = (*WRITES, *(f"after-{t:.2f}" for t in np.random.default_rng(0).uniform(0.2, 3, size=2)))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folder with a training killed by SIGKILL at each of the moments; their exit codes."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, str(CASE), str(folder), *MOMENTS]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return folder, ast.literal_eval(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_anywhere_then_resumed(uninterrupted, killed, moment):
    folder, codes = killed[0] / moment, killed[1]
    if moment in WRITES:  # between writing a file and renaming it
        assert codes[moment] == -signal.SIGKILL
        assert list(folder.rglob(".part-*"))
    run(folder / "run", folder / "images")
    assert weights(folder / "run") == weights(uninterrupted / "run")
    assert not list(folder.rglob(".part-*"))


def test_a_finished_training_is_left_as_it_is(uninterrupted):
    before = weights(uninterrupted / "run")
    metrics = run(uninterrupted / "run", uninterrupted / "images")
    assert metrics["epoch"].tolist() == [1, 2, 3]
    assert weights(uninterrupted / "run") == before


def test_resuming_something_else_is_refused(uninterrupted):
    with pytest.raises(InputError, match=r"other parameters \(learning_rate .* there, 0\.01"):
        run(uninterrupted / "run", uninterrupted / "images", learning_rate=1e-2)


def test_more_epochs_after_the_end_are_refused_by_name(uninterrupted):
    before = weights(uninterrupted / "run")
    with pytest.raises(InputError, match=r"\(epochs 3 there, 5 here\).*initial_members"):
        run(uninterrupted / "run", uninterrupted / "images", epochs=5)
    assert weights(uninterrupted / "run") == before


@pytest.mark.parametrize("n_bytes", [20000, 0])
def test_a_state_that_was_cut_off_is_named(uninterrupted, tmp_path, n_bytes):
    shutil.copytree(uninterrupted / "run", tmp_path / "run")
    state = tmp_path / "run" / "training" / "last.ckpt"
    state.write_bytes(state.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"last\.ckpt: damaged.*resume=False \(--fresh\)"):
        run(tmp_path / "run", uninterrupted / "images")
    assert weights(tmp_path / "run") == weights(uninterrupted / "run")


def test_a_state_with_other_bytes_and_damaged_metrics_are_named(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted / "run", tmp_path / "run")
    (tmp_path / "run" / "metrics.csv").write_text("")
    with pytest.raises(InputError, match=r"metrics\.csv: damaged; remove it"):
        run(tmp_path / "run", uninterrupted / "images")
    state = tmp_path / "run" / "training" / "last.ckpt"
    content = bytearray(state.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    state.write_bytes(content)
    with pytest.raises(InputError, match=r"last\.ckpt: damaged"):
        run(tmp_path / "run", uninterrupted / "images")


def test_images_and_run_moved_to_another_place_resume(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "Bilder ä")
    run(tmp_path / "old", uninterrupted / "images", max_minutes=1e-6)
    (tmp_path / "old").rename(tmp_path / "new disk")
    metrics = run(tmp_path / "new disk", tmp_path / "Bilder ä" / "images")
    assert metrics["epoch"].tolist() == [1, 2, 3]
    assert weights(tmp_path / "new disk") == weights(uninterrupted / "run")
    assert not (tmp_path / "old").exists()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_too_little_memory_is_a_sentence(uninterrupted, tmp_path, monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr("pytorch_lightning.Trainer.fit", fail)
    with pytest.raises(DicentlibError, match=r"out of memory in training with batch_size"):
        run(tmp_path / "run", uninterrupted / "images")


@pytest.mark.parametrize("change", ["pixels", "pixel size"])
def test_resuming_with_other_images_of_the_same_names_is_refused(uninterrupted, tmp_path, change):
    shutil.copytree(uninterrupted, tmp_path / "copy")
    images = tmp_path / "copy" / "images"
    index, annotations = make_image_set(images)
    if change == "pixels":
        shutil.copy(images / "1.png", images / "0.png")
    else:
        index = index_images(images, pixel_size_um=0.2)
    parameters = TrainingParameters(**PARAMETERS)
    with pytest.raises(InputError, match="contains a training with other data"):
        train(index, annotations, tmp_path / "copy" / "run", parameters=parameters)
    assert weights(tmp_path / "copy" / "run") == weights(uninterrupted / "run")


def test_members_without_the_record_of_their_training_are_refused(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted / "run" / "members", tmp_path / "run" / "members")
    with pytest.raises(InputError, match="contains members without a record of their training"):
        run(tmp_path / "run", uninterrupted / "images")
    assert weights(tmp_path / "run") == weights(uninterrupted / "run")


@pytest.mark.parametrize(
    ("name", "value"),
    [("flips", "false"), ("epochs", "3"), ("epochs", 2.5), ("epochs", True), ("lam", "0,2"),
     ("crop_px", 64.5), ("decoder_channels", "64,32"), ("encoder", 18), ("compiled", 1)],
)  # fmt: skip
def test_a_parameter_of_another_type_is_refused(name, value):
    with pytest.raises(InputError, match=rf"{name} .* found; allowed: a value of type"):
        TrainingParameters(**{name: value})


@pytest.mark.parametrize("wrong", [{"batch_size": 9}, {"devices": 3}])
def test_refused_input_leaves_the_members_that_are_there(uninterrupted, tmp_path, wrong):
    shutil.copytree(uninterrupted / "run", tmp_path / "run")
    with pytest.raises(InputError):
        run(tmp_path / "run", uninterrupted / "images", resume=False, **wrong)
    assert weights(tmp_path / "run") == weights(uninterrupted / "run")


def test_starting_anew_replaces_members(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted / "run", tmp_path / "run")
    run(tmp_path / "run", uninterrupted / "images", resume=False, epochs=1, learning_rate=1e-2)
    assert [path.name for path in member_paths(tmp_path / "run")] == ["epoch_001.safetensors"]


def test_fine_tuning_starts_from_the_last_member(uninterrupted, tmp_path):
    options = {"initial_members": uninterrupted / "run", "learning_rate": 1e-12, "weight_decay": 0}
    run(tmp_path / "run", uninterrupted / "images", epochs=1, **options)
    before = load_members(uninterrupted / "run")[-1].model.head.weight
    after = load_members(tmp_path / "run")[0].model.head.weight
    assert torch.allclose(before, after, atol=1e-9)


def test_fine_tuning_another_architecture_is_refused(uninterrupted, tmp_path):
    with pytest.raises(InputError, match=r"decoder_channels \[16, 8\], the parameters \[8, 8\]"):
        run(
            tmp_path / "run",
            uninterrupted / "images",
            initial_members=uninterrupted / "run",
            decoder_channels=(8, 8),
        )


def test_validation_counts_add_up(tmp_path):
    index, annotations = make_image_set(tmp_path / "images")
    table = index.table.assign(dose_gy=[0.0] * 3 + [2.0] * 5)
    held_out = (replace(index, table=table), annotations)
    with pytest.warns(InputWarning, match="8 of 8 validation images are also training im"):
        metrics = run(tmp_path / "run", tmp_path / "images", validation=held_out, epochs=1).iloc[0]
    assert metrics["validation_images"] == 8
    assert metrics["zero_dose_images"] == 3
    # every blob is found or missed; a match can hold more than one prediction
    assert metrics["dicentric_tp"] + metrics["dicentric_fn"] == 8  # blobs lie far apart
    assert metrics["validation_loss"] > 0


@pytest.mark.parametrize("option", [{"devices": 0}, {"workers": -1}, {"threads": 0}])
def test_numbers_of_processes_are_checked(tmp_path, option):
    (name, value), *_ = option.items()
    with pytest.raises(InputError, match=f"{name} {value} found; allowed: "):
        run(tmp_path / "run", tmp_path / "images", **option)
    assert not (tmp_path / "run").exists()


def test_learns_blobs(tmp_path):
    metrics = run(
        tmp_path / "run",
        tmp_path / "images",
        epochs=12,
        samples_per_epoch=40,
        lam=0.0,
        learning_rate=5e-3,
    )
    assert metrics["train_loss"].iloc[-1] < 0.7 * metrics["train_loss"].iloc[0]


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "expected"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_processors_with_instructions_for_bfloat16_use_it(monkeypatch, amx, avx512_bf16, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    assert computes_bfloat16("auto", "cpu") is expected
    assert computes_bfloat16("float32", "cpu") is False
    assert computes_bfloat16("bfloat16", "cpu") is True


def test_loss_that_is_not_finite_names_the_images(tmp_path, monkeypatch):
    monkeypatch.setattr(HeatmapUnet, "logits", lambda self, x: self.head(self.features(x)) * np.nan)
    with pytest.raises(InputError, match=r"loss is nan in epoch 1, batch 1, of images .*\.png"):
        run(tmp_path / "run", tmp_path / "images")
    assert not list((tmp_path / "run").rglob("*.safetensors"))


def test_full_disk_leaves_whole_files(tmp_path, monkeypatch):
    import dicentlib.ensemble.members

    original = dicentlib.ensemble.members.save_file

    def full(weights, path, metadata):
        if "epoch_002" not in str(calls.setdefault(len(calls), path)) and len(calls) < 2:
            return original(weights, path, metadata)
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    calls = {}
    monkeypatch.setattr(dicentlib.ensemble.members, "save_file", full)
    with pytest.raises(DicentlibError, match="disk is full; epoch 2 is not kept"):
        run(tmp_path / "run", tmp_path / "images")
    assert [member.epoch for member in load_members(tmp_path / "run")] == [1]
    assert not list((tmp_path / "run").rglob(".part-*"))


def test_too_little_space_is_said_before_training(tmp_path, monkeypatch):
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: nearly_full)
    with pytest.raises(InputError, match=r"0 MB free, needed for 3 members"):
        run(tmp_path / "run", tmp_path / "images")


def test_bad_input_is_refused_before_training(tmp_path):
    with pytest.raises(InputError, match="8 samples in an epoch; needed: at least one batch of 9"):
        run(tmp_path / "run", tmp_path / "images", batch_size=9)
    with pytest.raises(InputError, match="batch_size 4 cannot be shared by 3 processes"):
        run(tmp_path / "run", tmp_path / "images", devices=3)
    index, annotations = make_image_set(tmp_path / "images")
    with pytest.raises(InputError, match="row"):
        train(index, annotations.assign(row=1e4), tmp_path / "other")


def test_two_processes_give_the_loss_curve_of_one(uninterrupted, tmp_path):
    # same global batch: gradients are averaged, and batch normalisation sees both halves
    subprocess.run([sys.executable, str(CASE), str(tmp_path)], env=ENVIRONMENT, check=True)
    one, two = (pd.read_csv(f / "run" / "metrics.csv") for f in (uninterrupted, tmp_path))
    np.testing.assert_allclose(two["train_loss"], one["train_loss"], rtol=1e-4)
    one, two = (load_members(f / "run")[-1].model.state_dict() for f in (uninterrupted, tmp_path))
    name = next(name for name in one if name.endswith("running_var"))
    np.testing.assert_allclose(two[name], one[name], rtol=1e-3)


def test_synchronised_batch_norm_of_one_process_is_batch_norm():
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        results = []
        for plugin in (None, SynchroniseBatchNorm()):
            torch.manual_seed(0)
            model = HeatmapUnet("tu-test_resnet", None, (16, 8)).train()
            model = plugin.apply(model) if plugin else model
            loss = model(torch.rand(4, 1, 32, 32)).square().sum()
            loss.backward()
            gradient = torch.cat([p.grad.ravel() for p in model.parameters()])
            moments = torch.cat([b.ravel().double() for b in model.buffers()])
            results.append((loss.detach(), gradient, moments))
        for expected, found in zip(*results, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    finally:
        torch.distributed.destroy_process_group()


def test_synchronised_batch_norm_keeps_a_small_variance_round_a_large_mean(monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda total: None)
    torch.manual_seed(0)
    values = 300 + 0.01 * torch.randn(4, 3, 16, 16)
    plain, synchronised = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    SynchroniseBatchNorm().apply(synchronised)
    torch.testing.assert_close(synchronised(values), plain(values), rtol=1e-2, atol=1e-2)


def test_an_error_in_the_middle_ends_the_bar(tmp_path, monkeypatch, capfd):
    def fail(*_arguments):
        raise RuntimeError("middle")

    monkeypatch.setattr(HeatmapModule, "training_step", fail)
    make_image_set(tmp_path / "images")
    with pytest.raises(RuntimeError, match="middle"):
        run(tmp_path / "run", tmp_path / "images")
    shown = capfd.readouterr().err
    assert "train: " in shown
    assert shown.endswith("\n")


def test_ranks_share_every_global_batch():
    alone = list(EpochSampler(24, seed=1))
    ranks = [list(EpochSampler(24, seed=1, rank=r, n_ranks=2)) for r in (0, 1)]
    for start in range(0, 12, 2):  # per-rank batches of 2, global batches of 4
        together = ranks[0][start : start + 2] + ranks[1][start : start + 2]
        assert sorted(together) == sorted(alone[2 * start : 2 * start + 4])


def test_order_depends_on_seed_and_epoch_alone():
    sampler = EpochSampler(50, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert sorted(i for _, i in sampler) == list(range(50))
    assert [i for _, i in sampler] != [i for _, i in first]
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_schedules():
    parameters = TrainingParameters(**PARAMETERS | {"lam_delay": 0.4, "decay_to": 0.1})
    module = HeatmapModule(HeatmapUnet("tu-test_resnet", None, (8, 8)), parameters, n_steps=100)
    assert [module.is_delay(step) for step in (0, 39, 40, 99)] == [True, True, False, False]
    logits, targets = torch.randn(2, 2, 4, 4), torch.rand(2, 2, 4, 4)
    model_a, model_b = HeatmapLoss(lam=0.0), HeatmapLoss(lam=0.2)
    assert module.loss_at(0, logits, targets) == model_a(torch.sigmoid(logits), targets)
    assert module.loss_at(40, logits, targets) == model_b(torch.sigmoid(logits), targets)
    demo = HeatmapModule(module.model, PRESETS["demo"], n_steps=100)
    assert demo.loss_at(0, logits, targets) == heatmap_cross_entropy(logits, targets)
    assert module.rate_at(0) == 1
    assert module.rate_at(50) == pytest.approx(0.55)
    assert module.rate_at(100) == pytest.approx(0.1)
    paper = HeatmapModule(module.model, PRESETS["paper"], n_steps=100)
    assert {paper.rate_at(step) for step in (0, 50, 100)} == {1.0}
    assert not paper.is_delay(0)


def test_the_rate_falls_again_in_every_cycle():
    parameters = TrainingParameters(
        **PARAMETERS | {"decay_to": 0.1, "epochs": 4, "cycle_epochs": 2}
    )
    model = HeatmapUnet("tu-test_resnet", None, (8, 8))
    module = HeatmapModule(model, parameters, n_steps=100)
    rates = [module.rate_at(step) for step in (0, 25, 49, 50, 75, 99)]
    assert rates[:3] == pytest.approx(rates[3:])
    assert rates[0] == 1
    assert rates[1] == pytest.approx(0.55)
    assert rates[2] < 0.11
    with pytest.raises(InputError, match=r"cycle_epochs 5 found; allowed: None or 1 to 4"):
        TrainingParameters(**PARAMETERS | {"epochs": 4, "cycle_epochs": 5})


def test_paper_preset():
    paper = PRESETS["paper"]
    assert (paper.encoder, paper.decoder_channels) == ("resnet34", (256, 128))
    assert (paper.epochs, paper.batch_size, paper.learning_rate) == (100, 12, 3e-4)
    assert (paper.optimiser, paper.weight_decay, paper.lam, paper.rho) == ("adam", 0.1, 0.2, 0.1)
    assert (paper.decay_to, paper.lam_delay, paper.crop_px, paper.flips) == (1.0, 0.0, None, False)


def test_presets_changed_by_options():
    changes = {"encoder": "resnet18", "steps_per_epoch": 10, "lam": 0.0, "epochs": None}
    changed = changed_preset("demo", changes | {"decoder_channels": "32,16"})
    assert (changed.encoder, changed.lam, changed.decoder_channels) == ("resnet18", 0.0, (32, 16))
    assert changed.samples_per_epoch == 10 * PRESETS["demo"].batch_size
    assert changed.epochs == PRESETS["demo"].epochs
    with pytest.raises(InputError, match="epochs 0 found; allowed: 1 or more"):
        changed_preset("demo", {"epochs": 0})
    with pytest.raises(InputError, match="preset 'big' found; allowed: paper, demo"):
        changed_preset("big", {})


def test_the_command_trains_with_the_options_given(tmp_path):
    _, annotations = make_image_set(tmp_path / "images")
    annotations.to_csv(tmp_path / "images" / "annotations.csv", index=False)
    small = ["--encoder", "tu-test_resnet", "--decoder-channels", "16,8", "--crop-px", "32"]
    small += ["--batch-size", "2", "--steps-per-epoch", "1", "--epochs", "1", "--threads", "1"]
    places = [str(tmp_path / "images"), str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["train", *places, *small, "--pixel-size-um", "0.1"])
    assert result.exit_code == 0, result.output
    (member,) = load_members(tmp_path / "out")
    assert member.metadata["encoder"] == "tu-test_resnet"
    assert member.metadata["pixel_size_um"] == 0.1
    other = CliRunner().invoke(app, ["train", *places, *small, "--learning-rate", "0.5"])
    assert other.exit_code == 2
    assert "learning_rate" in other.output


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("lam", -0.1), ("rho", 2.0), ("optimiser", "sgd"), ("crop_px", 100)],
)
def test_parameters_out_of_range(name, value):
    with pytest.raises(InputError, match=f"{name} {value!r} found; allowed"):
        TrainingParameters(**{name: value})


def test_parameters_that_do_not_fit_together_are_refused_at_once():
    with pytest.raises(InputError, match="samples_per_epoch 100 found; allowed: None for whole"):
        TrainingParameters(samples_per_epoch=100)
    with pytest.raises(InputError, match="intensity must lie in"):
        TrainingParameters(intensity=5.0)
    assert changed_preset("demo", {"crop_px": 0}).samples_per_epoch is None
    assert sum(TrainingParameters(crop_shares=(0.3333333,) * 3).crop_shares) == 1


def test_changed_parameters_keep_the_others_and_are_checked():
    found = PRESETS["demo"].changed(epochs=3, crop_shares=[0.2, 0.3, 0.5])
    assert (found.epochs, found.crop_shares, found.encoder) == (3, (0.2, 0.3, 0.5), "resnet18")
    with pytest.raises(InputError, match="no training parameter epoch; allowed: encoder, "):
        PRESETS["demo"].changed(epoch=3)
    with pytest.raises(InputError, match="epochs 0 found"):
        PRESETS["demo"].changed(epochs=0)
