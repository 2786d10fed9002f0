"""A training recorded as a CUDA graph is the training: needs a GPU, elsewhere it is left out."""

import pytest
import torch

from dicentlib.loss import HeatmapLoss
from dicentlib.model import HeatmapUnet
from dicentlib.training.cuda_graph import as_cuda_graph

SHAPE = (4, 1, 64, 64)


def losses_and_statistics(recorded):
    torch.manual_seed(0)
    model = HeatmapUnet("resnet18", None, (16, 8)).cuda().train()
    images = torch.rand(3, *SHAPE, device="cuda")
    targets = (torch.rand(3, 4, 2, 16, 16, device="cuda") > 0.9).float()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    logits = as_cuda_graph(model, SHAPE) if recorded else model.logits
    losses = []
    for image, target in zip(images, targets, strict=True):
        loss = HeatmapLoss()(torch.sigmoid(logits(image)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return torch.stack(losses).cpu(), model.state_dict()["encoder.bn1.running_mean"].cpu()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_recorded_training_has_the_losses_and_statistics_of_the_plain_one():
    (plain, plain_mean), (recorded, recorded_mean) = map(losses_and_statistics, (False, True))
    assert plain[-1] < plain[0]
    torch.testing.assert_close(recorded, plain, rtol=1e-3, atol=0)
    torch.testing.assert_close(recorded_mean, plain_mean, rtol=1e-3, atol=1e-5)
