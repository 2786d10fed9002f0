"""The network's passes as CUDA graphs: one launch for each instead of one for every layer."""

import torch
from torch import nn


class _Logits(nn.Module):
    """The network up to its heatmaps before the sigmoid."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model.logits(images)


def as_cuda_graph(model, shape):
    """``model.logits`` with its passes forward and back recorded as CUDA graphs.

    A small network is over on a GPU before the processor has launched its layers one by one;
    recorded, they are launched together. Mixed precision is recorded as it is where this is called.

    Parameters
    ----------
    model : HeatmapUnet
        On a GPU, in training mode. Its weights may change later, in place; its batch statistics
        are those of before.
    shape : (N, 1, H, W)
        Of all batches.

    Returns
    -------
    callable
    """
    statistics = {name: value.clone() for name, value in model.named_buffers()}
    device = next(model.parameters()).device
    sample = torch.rand(shape, device=device)
    dtype, reduced = torch.get_autocast_dtype("cuda"), torch.is_autocast_enabled("cuda")
    # casts of the weights belong into the graph, so they must not come from a cache
    with torch.autocast("cuda", dtype, enabled=reduced, cache_enabled=False):
        recorded = torch.cuda.make_graphed_callables(
            _Logits(model), (sample.to(memory_format=torch.channels_last),)
        )
    for name, value in model.named_buffers():
        value.copy_(statistics[name])
    return recorded.forward
