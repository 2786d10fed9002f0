"""Members ready to look at images on this machine: folded, and by its fastest engine.

PyTorch is the reference. On a processor OpenVINO (extra ``openvino``) computes members that
work in float32 where it is installed: the same sums within 1e-5, in less time. The environment
variable ``DICENTLIB_ENGINE`` (torch or openvino) decides otherwise, for comparisons.
"""

import copy
import os
import platform
import sys
import threading
import warnings
import weakref
from importlib.util import find_spec

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dicentlib.ensemble.regions import CELL_PX
from dicentlib.errors import InputError
from dicentlib.threads import available_processors

ENGINES = ("torch", "openvino")
MEASURED_ON = ("x86_64", "AMD64")  # processors on which OpenVINO was found faster
TOLERANCE = 1e-4  # of heatmaps against the reference's
LARGEST_CONTEXT = 24  # cells; a network that looks farther sees whole fields
OUTSIDE_CONTEXT = 0.005  # share of the gradient that may come from beyond the context

_networks = weakref.WeakKeyDictionary()  # by model: each is made ready once
_making = threading.Lock()


class Network:
    """A member as a function of arrays; may be called from several threads.

    Parameters
    ----------
    member : Member
    engine : {"torch", "openvino"}
        Where OpenVINO does not work, a warning says so and PyTorch computes.
    precision : {"float32", "bfloat16"}

    Attributes
    ----------
    context : int or None
        See :func:`context_of`; None on a GPU, which looks at whole fields.
    """

    def __init__(self, member, *, engine, precision):
        self.name = member.name
        self.device = next(member.model.parameters()).device
        self.precision = precision
        self.model = folded(member.model)
        self.context = context_of(self.model) if self.device.type == "cpu" else None
        self.compiled = _compile(self.model, member.name) if engine == "openvino" else None
        self._process = os.getpid()
        self._of_thread = threading.local()

    def __call__(self, images):
        """Heatmaps, float32 (N, 2, H/4, W/4), of images, float32 (N, H, W).

        Raises
        ------
        InputError
            A heatmap is not finite.
        """
        images = np.ascontiguousarray(images[:, None], np.float32)
        # a forked process has lost the threads of OpenVINO
        by_openvino = self.compiled is not None and os.getpid() == self._process
        heatmaps = self._by_openvino(images) if by_openvino else self._by_torch(images)
        if not np.isfinite(heatmaps).all():
            raise InputError(f"{self.name}: heatmaps are not finite; the member is damaged")
        return heatmaps

    def features_and_heatmaps(self, images):
        """The volume before the head, seen from the image's side, and the heatmaps.

        By PyTorch, the volume in float32.

        Returns
        -------
        ndarray of float32, shape (N, C + 2, H/4, W/4)
        """
        images = np.ascontiguousarray(images[:, None], np.float32)
        tensor = torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            volume = self.model.features(tensor)
            if self.model.orientation == 0 and self.precision == "float32":
                heatmaps = torch.sigmoid(self.model.head(volume)).cpu().numpy()
            else:
                heatmaps = self._by_torch(images)
        return np.concatenate([volume.cpu().numpy(), heatmaps], axis=1)

    def _by_openvino(self, images):
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self.compiled.create_infer_request()
        return self._of_thread.request.infer([images])[0].copy()

    def _by_torch(self, images):
        tensor = torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)
        reduced = self.precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=reduced),
        ):
            return self.model(tensor).float().cpu().numpy()


def precision_of(metadata):
    """``"bfloat16"`` or ``"float32"``: what a member computes in, as its training did.

    It belongs to the member, because thresholds are chosen for its heatmaps; float32 where the
    metadata is silent.
    """
    return metadata.get("precision", "float32")


def engine_for(device, precision):
    """``"openvino"`` or ``"torch"``: what computes members of a precision on a device.

    It depends on what is installed and on the kind of machine, not on how busy it is, so that
    work that is continued is continued alike.

    Raises
    ------
    InputError
        ``DICENTLIB_ENGINE`` is neither of the two.
    """
    asked = os.environ.get("DICENTLIB_ENGINE")
    if asked and asked not in ENGINES:
        raise InputError(f"DICENTLIB_ENGINE {asked!r}; allowed: {', '.join(ENGINES)}")
    fits = torch.device(device).type == "cpu" and precision == "float32"
    found = platform.machine() in MEASURED_ON and find_spec("openvino") is not None
    chosen = asked or ("openvino" if found else "torch")
    return chosen if fits else "torch"


def networks_of(members, *, engine=None, precision=None):
    """The members as :class:`Network`, each made once for its model.

    Parameters
    ----------
    members : sequence of Member
    engine : {"torch", "openvino"}, optional
        Default: :func:`engine_for`.
    precision : {"float32", "bfloat16"}, optional
        Default: the members' own.

    Returns
    -------
    list of Network
    """
    networks = []
    for member in members:
        own = precision or precision_of(member.metadata)
        name = engine or engine_for(next(member.model.parameters()).device, own)
        with _making:
            ready = _networks.setdefault(member.model, {})
            if (name, own) not in ready:
                ready[name, own] = Network(member, engine=name, precision=own)
            networks.append(ready[name, own])
    return networks


def folded(model):
    """A copy whose batch normalisations are part of the convolutions before them.

    The pairs are found by running the network once; what cannot be folded stays as it is.
    """
    whole, made_by, pairs = model, {}, []
    model = copy.deepcopy(model).eval().requires_grad_(False)

    def remember(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            made_by[id(output)] = module, output  # kept, so that no other tensor has its id
        elif id(inputs[0]) in made_by:
            pairs.append((made_by[id(inputs[0])][0], module))

    kinds = (nn.Conv2d, nn.BatchNorm2d)
    modules = [module for module in model.modules() if isinstance(module, kinds)]
    hooks = [module.register_forward_hook(remember) for module in modules]
    picture = _picture(model, 6 * CELL_PX)
    names = {module: name for name, module in model.named_modules()}
    with torch.no_grad():
        expected = model(picture)
        for hook in hooks:
            hook.remove()
        for conv, norm in pairs:
            fused = fuse_conv_bn_eval(conv, norm)
            conv.weight, conv.bias = fused.weight, fused.bias
            # timm's normalisations hold their activation
            after = nn.Sequential(norm.drop, norm.act) if hasattr(norm, "act") else nn.Identity()
            model.set_submodule(names[norm], after)
        same = torch.allclose(model(picture), expected, atol=TOLERANCE)
    if not same:
        model = copy.deepcopy(whole).eval().requires_grad_(False)
    return model.to(memory_format=torch.channels_last)


def context_of(model):
    """Cells of 16 pixels that a network must see round a box, or None: the whole field.

    The effective receptive field (Luo et al. 2016): as many cells as hold 99.5 % of
    the gradient of a heatmap's centre with respect to the pixels. None where the gradient is not
    zero 24 cells away: parts of the network then average over the field (squeeze, excitation).
    """
    picture = _picture(model, 2 * (LARGEST_CONTEXT + 2) * CELL_PX).requires_grad_(True)
    maps = model.logits(picture)
    row, col = (side // 2 for side in maps.shape[2:])
    maps[:, :, row, col].sum().backward()
    by_column = picture.grad[0, 0].abs().sum(dim=0).double()
    centre = picture.shape[-1] // 2
    right = by_column[centre:].reshape(-1, CELL_PX).sum(dim=1)
    left = by_column[:centre].flip(0).reshape(-1, CELL_PX).sum(dim=1)
    beyond = 1 - (left + right).cumsum(0) / (left + right).sum()
    if (left + right)[LARGEST_CONTEXT:].any():
        return None
    return int(torch.argmax((beyond <= OUTSIDE_CONTEXT).int())) + 1


def _picture(model, length):
    """Noise of 4 cells by `length` pixels, always the same."""
    noise = torch.rand(1, 1, 4 * CELL_PX, length, generator=torch.Generator().manual_seed(0))
    return noise.to(next(model.parameters()).device)


def _compile(model, name):
    """The member in OpenVINO, or None where that does not work or gives other heatmaps."""
    picture = _picture(model, 6 * CELL_PX)
    # it would report its use to its maker; without this package it does not
    sys.modules.setdefault("openvino_telemetry", None)
    try:
        import openvino

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's tracing, about checks of shapes
            # traced as a function, whose weights are constants: a module's parts take longer
            traced = torch.jit.trace(lambda image: model(image), picture, check_trace=False)
            graph = openvino.convert_model(traced, example_input=picture)
            expected = model(picture).numpy()
        graph.reshape([-1, 1, -1, -1])
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": available_processors(),  # images beside each other, a core for each
            "INFERENCE_NUM_THREADS": available_processors(),
            "ENABLE_CPU_PINNING": False,
        }
        compiled = openvino.Core().compile_model(graph, "CPU", options)
        difference = np.abs(compiled([picture.numpy()])[0] - expected).max()
        if difference <= TOLERANCE:
            return compiled
        reason = f"its heatmaps differ by {difference:.2g}"
    except Exception as error:  # a broken installation may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    warnings.warn(
        f"{name}: OpenVINO cannot be used ({reason}); PyTorch computes instead", stacklevel=3
    )
    return None
