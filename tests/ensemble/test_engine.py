"""Members made ready: folded normalisation, receptive field, OpenVINO and its absence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dicentlib.data.targets import pad_to_stride
from dicentlib.ensemble import load_members
from dicentlib.ensemble.engine import context_of, engine_for, folded, networks_of
from dicentlib.ensemble.heatmaps import look
from dicentlib.errors import InputError
from dicentlib.model import HeatmapUnet
from dicentlib.operating_point import OperatingPoint
from dicentlib.simulation import simulate_metaphase
from dicentlib.voting import detect

READY = Path(__file__).resolve().parents[2] / "models" / "giemsa-small"


@pytest.fixture(scope="module")
def members():
    return load_members(READY)


def with_statistics(name):
    """An untrained network whose normalisations have seen something."""
    torch.manual_seed(0)
    model = HeatmapUnet(name, decoder_channels=(8, 8)).train()
    for _ in range(3):
        model(torch.rand(2, 1, 64, 64))
    return model.eval()


@pytest.mark.parametrize("name", ["tu-resnet10t", "tu-efficientnet_lite0", "tu-convnext_atto"])
def test_folding_changes_nothing(name):
    model = with_statistics(name)
    image = torch.rand(1, 1, 96, 64)
    ready = folded(model)
    torch.testing.assert_close(ready(image), model(image), atol=1e-5, rtol=0)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in ready.modules())
    assert any("Norm" in type(module).__name__ for module in model.modules())


def test_the_context_is_that_of_the_architecture():
    assert context_of(with_statistics("tu-resnet10t")) in range(1, 6)
    assert context_of(with_statistics("tu-mobilenetv3_small_050")) is None  # squeezes, excites


def test_what_lies_beyond_the_receptive_field_changes_nothing(members):
    (network,) = networks_of(members[:1])
    image = np.random.default_rng(0).random((1, 64, 512), np.float32)
    changed = image.copy()
    changed[..., 256:] = 0
    # theory: 85 pixels to either side, 22 heatmap pixels
    np.testing.assert_allclose(
        network(image)[..., : 64 - 22], network(changed)[..., : 64 - 22], atol=1e-6
    )


@pytest.mark.parametrize("dose_gy", [0.0, 4.0])
def test_members_find_in_boxes_what_they_find_in_the_whole_field(members, dose_gy):
    point = OperatingPoint.read(READY / "operating_point.json")
    image, _ = simulate_metaphase(
        (7, int(dose_gy)), dose_gy=dose_gy, height=300, width=420, pixel_size_um=0.2
    )
    field = np.full((448, 720), np.median(image), np.float32)
    field[80:380, 200:620] = image
    padded = pad_to_stride(field)[None]
    networks, seen = networks_of(members), []

    class Counted:
        def __init__(self, network, context):
            self.network, self.context = network, context

        def __call__(self, images):
            seen.append(images.size)
            return self.network(images)

    def found(context, operating_point=None):
        seen.clear()
        counted = [Counted(network, context) for network in networks]
        heatmaps = look(counted, padded, pixel_size_um=0.2, operating_point=operating_point)[0]
        return detect(heatmaps, operating_point=point), sum(seen)

    whole, all_pixels = found(None)
    boxes, fewer = found(networks[0].context)
    voted, fewest = found(networks[0].context, point)
    assert fewest < fewer < all_pixels == len(members) * padded.size
    columns = ["class", "row", "col", "area_px"]
    assert boxes[columns].equals(whole[columns])
    # places that are quiet in the first member are not asked again: an object stays, its
    # area may lose pixels at the rim, and its centre moves by less than a heatmap's pixel
    assert voted["class"].to_list() == whole["class"].to_list()
    assert np.abs(voted[["row", "col"]] - whole[["row", "col"]]).to_numpy().max(initial=0) < 4


@pytest.mark.parametrize(("agreement", "asked"), [(0, [0.01, 0.9, 0.4, 0.3]), (1, [0.01])])
def test_a_silent_first_member_ends_the_vote_only_where_many_must_agree(agreement, asked):
    calls = []

    class Fake:
        context = 1

        def __init__(self, level):
            self.level = level

        def __call__(self, images):
            calls.append(self.level)
            return np.full((1, 2, *(side // 4 for side in images.shape[1:])), self.level, "f4")

    image = np.ones((1, 96, 96), np.float32)
    image[0, 32:64, 40:52] = 0.2
    point = OperatingPoint(0.5, agreement, n_members=4)
    fakes = [Fake(level) for level in (0.01, 0.9, 0.4, 0.3)]
    look(fakes, image, pixel_size_um=0.2, operating_point=point)
    assert calls == asked


def test_a_heatmap_that_is_not_finite_names_the_member(members):
    model = with_statistics("tu-resnet10t")
    torch.nn.init.constant_(model.head.bias, float("nan"))
    broken = type(members[0])("epoch_007", 7, model, members[0].metadata, "")
    with pytest.raises(InputError, match="epoch_007: heatmaps are not finite"):
        networks_of([broken])[0](np.zeros((1, 64, 64), np.float32))


def test_openvino_gives_the_heatmaps_of_the_reference(members):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    image = np.random.default_rng(1).random((2, 96, 160), np.float32)
    member = members[1:2]  # looks turned
    (by_torch,), (by_openvino,) = (
        networks_of(member, engine=name) for name in ("torch", "openvino")
    )
    assert by_openvino.compiled is not None
    np.testing.assert_allclose(by_openvino(image), by_torch(image), atol=1e-5)


def test_openvino_does_not_report_home(members):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    program = (
        "import socket\n"
        "from dicentlib.ensemble import load_members\n"
        "from dicentlib.ensemble.engine import networks_of\n"
        "def refuse(*_, **__): raise SystemExit('a connection was made')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        f"(network,) = networks_of(load_members({str(READY)!r})[:1], engine='openvino')\n"
        "import sys, openvino.tools.ovc.telemetry_utils as utils\n"
        "print(network.compiled is not None, utils.tm.__name__)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.split() == ["True", "openvino.tools.ovc.telemetry_stub"], found.stderr


def test_a_broken_openvino_is_a_sentence_and_the_reference_computes(members, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it fails
    with pytest.warns(UserWarning, match=r"epoch_\d+: OpenVINO cannot be used .* PyTorch comput"):
        (network,) = networks_of(members[2:3], engine="openvino")
    assert network.compiled is None
    assert network(np.zeros((1, 64, 64), np.float32)).shape == (1, 2, 16, 16)


def test_the_engine_depends_on_the_machine_and_the_precision(monkeypatch):
    monkeypatch.delenv("DICENTLIB_ENGINE")
    monkeypatch.setattr("dicentlib.ensemble.engine.find_spec", lambda name: None)
    assert engine_for("cpu", "float32") == "torch"
    monkeypatch.setattr("dicentlib.ensemble.engine.find_spec", lambda name: name)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert engine_for("cpu", "float32") == "openvino"
    assert engine_for("cpu", "bfloat16") == engine_for("cuda", "float32") == "torch"
    monkeypatch.setenv("DICENTLIB_ENGINE", "tpu")
    with pytest.raises(InputError, match="DICENTLIB_ENGINE 'tpu'; allowed: torch, openvino"):
        engine_for("cpu", "float32")
