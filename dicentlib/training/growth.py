"""A deeper encoder that starts from a trained shallower one."""

import torch

from dicentlib.errors import InputError
from dicentlib.model import HeatmapUnet

TOLERANCE = 1e-3  # of logits


def grow(model, encoder):
    """The same function in a deeper encoder of the same family (Chen et al. 2016, Net2Net).

    What both encoders have is copied. Residual blocks that only the new one has begin as the
    identity (timm starts their last batch normalisation at zero), and channels that only the new
    one has are not listened to at first. Training goes on from there with more parameters.

    Parameters
    ----------
    model : HeatmapUnet
        Trained.
    encoder : str
        Deeper or with a wider stem, such as ``"tu-resnet18d"`` from ``"tu-resnet10t"``.

    Returns
    -------
    HeatmapUnet
        With weights of its own, in evaluation mode.

    Raises
    ------
    InputError
        The new encoder lacks a part of the old one, or cannot hold its function.

    References
    ----------
    Chen, Goodfellow, Shlens (2016), Net2Net: accelerating learning via knowledge transfer.
    """
    grown = HeatmapUnet(encoder, None, model.decoder_channels).eval()
    state = grown.state_dict()
    for name, old in model.state_dict().items():
        if name not in state or any(
            a > b for a, b in zip(old.shape, state[name].shape, strict=True)
        ):
            found = "smaller" if name in state else "absent"
            raise InputError(
                f"encoder {encoder} cannot take over {model.encoder_name}: its {name} is {found}; "
                "allowed: a deeper one of its family"
            )
        new = state[name]
        if old.ndim > 1:
            new[:, old.shape[1] :] = 0
        new[tuple(slice(size) for size in old.shape)] = old
    grown.load_state_dict(state)
    _require_same_function(model, grown)
    return grown


@torch.no_grad()
def _require_same_function(model, grown):
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    training = model.training
    difference = (model.eval().logits(images) - grown.logits(images)).abs().max().item()
    model.train(training)
    if difference > TOLERANCE:
        raise InputError(
            f"encoder {grown.encoder_name} does not begin with the function of "
            f"{model.encoder_name}: logits differ by {difference:.2g}; allowed: {TOLERANCE:g}"
        )
