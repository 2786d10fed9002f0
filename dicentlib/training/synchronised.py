"""Batch normalisation over the samples of all processes, on CPUs too."""

import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import distributed, nn


class SynchroniseBatchNorm(LayerSync):
    """Engine plug-in: several processes normalise as one process with their joint batch.

    torch's own ``SyncBatchNorm`` needs GPUs; this one computes with any device and backend.
    """

    def apply(self, model):
        """Make every batch normalisation of the model a synchronised one, in place."""
        for layer in _batch_norms(model):
            layer.forward = _synchronised_forward.__get__(layer)
        return model

    def revert(self, model):
        """Undo :meth:`apply`."""
        for layer in _batch_norms(model):
            layer.__dict__.pop("forward", None)
        return model


def _batch_norms(model):
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


def _synchronised_forward(layer, values):
    """Forward pass of a batch normalisation with the moments of all processes' values."""
    if not layer.training:
        return type(layer).forward(layer, values)
    wide = values.float()
    n_values = wide.new_tensor([wide.numel() / wide.shape[1]])
    totals = SumOverRanks.apply(torch.cat([wide.sum(dim=(0, 2, 3)), n_values]))
    mean, n_all = totals[:-1] / totals[-1], totals[-1]
    # the difference of two moments would lose a small variance round a large mean
    centred = wide - mean[:, None, None]
    variance = SumOverRanks.apply(centred.square().sum(dim=(0, 2, 3))) / n_all
    with torch.no_grad():
        layer.num_batches_tracked += 1
        layer.running_mean.lerp_(mean.detach(), layer.momentum)
        layer.running_var.lerp_(variance.detach() * n_all / (n_all - 1), layer.momentum)
    scale = layer.weight * torch.rsqrt(variance + layer.eps)
    result = centred * scale[:, None, None] + layer.bias[:, None, None]
    return layer.drop(layer.act(result)) if hasattr(layer, "act") else result


class SumOverRanks(torch.autograd.Function):
    """Sum of a tensor over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(context, values):
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient):
        return SumOverRanks.apply(gradient)
