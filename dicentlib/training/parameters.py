"""Parameters of a training, and the two presets."""

from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.augmentation import Augmentation
from dicentlib.errors import InputError

OPTIMISERS = ("adam", "adamw")
PRECISIONS = ("auto", "float32", "bfloat16")
DELAY_LOSSES = ("squared error", "cross entropy")


@dataclass(frozen=True)
class TrainingParameters:
    """Everything that decides the weights of a training, apart from its images.

    The defaults are the paper's (Deschemps et al. 2024) Model B: the preset ``"paper"``.
    """

    encoder: str = "resnet34"
    encoder_weights: str | None = None  # "imagenet": pre-trained, see HeatmapUnet
    decoder_channels: tuple = (256, 128)
    head_bias: float = 0.0  # -4 starts with nearly empty heatmaps
    lam: float = 0.2  # weight of sparse variation; 0 is Model A
    rho: float = 0.1
    lam_delay: float = 0.0  # share of the steps before lam counts; needed from random weights
    delay_loss: str = "squared error"  # or "cross entropy", which leaves the empty map sooner
    sigma: float = 2.0  # of target heatmaps, in heatmap pixels
    pixel_size_um: float = REFERENCE_PIXEL_SIZE_UM  # images are brought to this scale
    crop_px: int | None = None  # None: whole images
    crop_shares: tuple = (0.5, 0.25, 0.25)  # round a dicentric, round a fragment, anywhere
    epochs: int = 100
    samples_per_epoch: int | None = None  # crops in an epoch; None: as many as images
    batch_size: int = 12  # of all devices together
    optimiser: str = "adam"
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    decay_to: float = 1.0  # the rate falls along a cosine to this share of it; 1: constant
    cycle_epochs: int | None = None  # the fall begins again after so many epochs; None: never
    flips: bool = False
    intensity: float = 0.0  # see Augmentation
    blur_px: float = 0.0
    precision: str = "auto"  # bfloat16 where the hardware computes with it, else float32
    compiled: bool = False  # torch.compile, needs a C++ compiler; crops on one GPU: a CUDA graph
    init_seed: int = 0  # of the first weights
    data_seed: int = 0  # of order, crops and augmentation

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            allowed = {float: Real, int: Integral, tuple: tuple | list}.get(field.type, field.type)
            fits = isinstance(value, allowed) and isinstance(value, bool) == (field.type is bool)
            name = getattr(field.type, "__name__", field.type)
            self._require(field.name, fits, f"a value of type {name}")
        self._require("epochs", self.epochs >= 1, "1 or more")
        self._require("batch_size", self.batch_size >= 1, "1 or more")
        self._require("learning_rate", self.learning_rate > 0, "above 0")
        self._require("weight_decay", self.weight_decay >= 0, "0 or more")
        self._require("lam", self.lam >= 0, "0 or more")
        self._require("rho", 0 <= self.rho <= 1, "0 to 1")
        self._require("lam_delay", 0 <= self.lam_delay <= 1, "0 to 1")
        self._require("decay_to", 0 <= self.decay_to <= 1, "0 to 1")
        cycle = self.cycle_epochs is None or 1 <= self.cycle_epochs <= self.epochs
        self._require("cycle_epochs", cycle, f"None or 1 to {self.epochs} (epochs)")
        self._require("sigma", self.sigma > 0, "above 0")
        self._require("pixel_size_um", self.pixel_size_um > 0, "above 0")
        self._require("optimiser", self.optimiser in OPTIMISERS, " or ".join(OPTIMISERS))
        self._require("precision", self.precision in PRECISIONS, " or ".join(PRECISIONS))
        self._require("delay_loss", self.delay_loss in DELAY_LOSSES, " or ".join(DELAY_LOSSES))
        if self.crop_px is not None:
            whole = self.crop_px >= 16 and self.crop_px % 16 == 0
            self._require("crop_px", whole, "a multiple of 16")
        if self.samples_per_epoch is not None:
            self._require("samples_per_epoch", self.samples_per_epoch >= 1, "1 or more")
            fits = self.crop_px is not None
            self._require("samples_per_epoch", fits, "None for whole images, without crop_px")
        shares = tuple(float(share) for share in self.crop_shares)
        valid = len(shares) == 3 and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6
        self._require("crop_shares", valid, "three shares that sum to 1")
        object.__setattr__(self, "crop_shares", tuple(share / sum(shares) for share in shares))
        object.__setattr__(self, "decoder_channels", tuple(self.decoder_channels))
        _ = self.augmentation  # refuses strengths that cannot be

    def _require(self, name, valid, allowed):
        if not valid:
            raise InputError(f"{name} {getattr(self, name)!r} found; allowed: {allowed}")

    def changed(self, **changes):
        """These parameters with some changed.

        Raises
        ------
        InputError
            A name that is no parameter, or a value out of range.
        """
        unknown = sorted(set(changes) - set(asdict(self)))
        if unknown:
            raise InputError(
                f"no training parameter {', '.join(unknown)}; allowed: {', '.join(asdict(self))}"
            )
        return replace(self, **changes)

    @property
    def augmentation(self):
        """Augmentation of the training samples."""
        return Augmentation(self.flips, self.intensity, self.blur_px)

    def as_dict(self):
        """Plain data, for files."""
        tuples = ("decoder_channels", "crop_shares")
        return asdict(self) | {name: list(getattr(self, name)) for name in tuples}


PRESETS = {
    "paper": TrainingParameters(),
    "demo": TrainingParameters(
        encoder="resnet18",
        decoder_channels=(64, 32),
        head_bias=-4.0,
        lam_delay=0.4,
        delay_loss="cross entropy",
        pixel_size_um=0.2,
        crop_px=128,
        epochs=24,
        samples_per_epoch=2400,
        batch_size=24,
        optimiser="adamw",
        learning_rate=1e-3,
        weight_decay=0.01,
        decay_to=0.05,
        flips=True,
    ),
}


def changed_preset(preset, changes):
    """Parameters of a preset with some of them changed.

    Parameters
    ----------
    preset : str
        A key of ``PRESETS``.
    changes : dict
        By parameter; None leaves the preset's value. A ``crop_px`` of 0 means whole images,
        ``steps_per_epoch`` of 0 as many crops as images: times the batch size it is
        ``samples_per_epoch``. Decoder channels may be text, ``"64,32"``.

    Raises
    ------
    InputError
        Unknown preset; a value that is not allowed.
    """
    if preset not in PRESETS:
        raise InputError(f"preset {preset!r} found; allowed: {', '.join(PRESETS)}")
    given = {name: value for name, value in changes.items() if value is not None}
    if "decoder_channels" in given:
        text = given["decoder_channels"]
        try:
            given["decoder_channels"] = tuple(int(part) for part in text.split(","))
        except ValueError as error:
            raise InputError(f"decoder channels {text!r}; expected two numbers: 64,32") from error
    if given.get("crop_px") == 0:
        given |= {"crop_px": None, "samples_per_epoch": None}
    if "steps_per_epoch" in given:
        batch_size = given.get("batch_size", PRESETS[preset].batch_size)
        given["samples_per_epoch"] = given.pop("steps_per_epoch") * batch_size or None
    return replace(PRESETS[preset], **given)
