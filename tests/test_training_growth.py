"""A deeper encoder begins with the function of the shallower one."""

import pytest
import torch

from dicentlib.errors import InputError
from dicentlib.model import HeatmapUnet
from dicentlib.training.growth import grow


@pytest.fixture
def trained():
    """A small network whose batch statistics are no longer those of the start."""
    torch.manual_seed(0)
    model = HeatmapUnet("tu-resnet10t", None, (16, 8))
    for _ in range(3):
        model.logits(torch.rand(4, 1, 64, 64) * 2 - 0.5)
    return model


@pytest.mark.parametrize("encoder", ["tu-resnet18d", "tu-resnet34d"])
def test_the_grown_network_has_the_same_heatmaps_and_more_weights(trained, encoder):
    grown = grow(trained, encoder)
    assert trained.training
    images = torch.rand(2, 1, 96, 64)
    with torch.inference_mode():
        torch.testing.assert_close(grown(images), trained.eval()(images), rtol=1e-4, atol=1e-5)
    n_weights = [sum(p.numel() for p in model.parameters()) for model in (trained, grown)]
    assert n_weights[1] > 1.5 * n_weights[0]


def test_every_new_weight_learns_within_a_few_steps(trained):
    grown = grow(trained, "tu-resnet18d").train()
    before = {name: value.clone() for name, value in grown.named_parameters()}
    optimiser = torch.optim.AdamW(grown.parameters(), lr=1e-3, weight_decay=0.0)
    for _ in range(3):
        optimiser.zero_grad()
        grown.logits(torch.rand(4, 1, 64, 64)).square().mean().backward()
        optimiser.step()
    still = [name for name, value in grown.named_parameters() if torch.equal(value, before[name])]
    assert not still


def test_the_trained_network_is_left_as_it_was(trained):
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    grown = grow(trained, "tu-resnet18d")
    with torch.no_grad():
        for value in grown.parameters():
            value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


@pytest.mark.parametrize(
    ("encoder", "found"), [("resnet18", "absent"), ("tu-resnet26t", "smaller")]
)
def test_an_encoder_of_another_family_is_refused(trained, encoder, found):
    with pytest.raises(InputError, match=rf"encoder {encoder} .* is {found}; allowed"):
        grow(trained, encoder)


def test_a_shallower_encoder_is_refused(trained):
    grown = grow(trained, "tu-resnet18d")
    with pytest.raises(InputError, match="tu-resnet10t cannot take over tu-resnet18d"):
        grow(grown, "tu-resnet10t")
