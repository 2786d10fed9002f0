"""Training of the filter's network with the paper's recipe.

Jang et al. (2019): Adam, learning rate 0.001 decaying by 0.9, batches of 32, 20 epochs,
dropout 0.2, flips and rotations, the epoch of the lowest validation loss. The decay's period
is not in the paper: here it is an epoch.
"""

import copy
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, TensorDataset

from dicentlib.errors import InputError
from dicentlib.filtering.network import N_HINTS, as_batch, build_network
from dicentlib.training.fit import QUIET, computes_bfloat16
from dicentlib.training.keeping import ShowProgress

AUXILIARY_WEIGHT = 0.4  # of auxiliary losses (Szegedy et al. 2015 use 0.3 to 0.4)
STATISTICS_BATCHES = 64
COUNT_WEIGHT = 4.0  # of the number of bodies beside the reasons
ZOOM = (0.7, 1.2)  # spreads and fields of view differ in size between laboratories
STRETCH = 0.22  # fields of another shape are squeezed into the same square; logarithm of the aspect


@dataclass(frozen=True)
class FilterTrainingParameters:
    """The paper's numbers; `architecture` "small" trains on a CPU through the same code."""

    architecture: str = "inception_v3"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    decay: float = 0.9  # of the learning rate, per epoch
    dropout: float = 0.2
    free_rotation: bool = True  # any angle and a zoom, beside flips and quarter turns
    pretrained: bool = False  # from ImageNet weights, those that have them
    seed: int = 0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 < self.decay <= 1 or not 0 <= self.dropout < 1:
            raise InputError(
                f"decay is {self.decay} (allowed: above 0, at most 1), "
                f"dropout is {self.dropout} (allowed: from 0, below 1)"
            )


@dataclass(frozen=True)
class TrainedFilter:
    """The network of the best epoch, and the losses and accuracies of every epoch.

    ``history`` has the columns ``epoch, training_loss, validation_loss, training_accuracy,
    validation_accuracy``. Epochs count from 1; 0 is the network that training started from,
    where one was given.
    """

    network: nn.Module
    history: pd.DataFrame
    best_epoch: int


def augment(batch, *, generator, free_rotation=True):
    """Flip and turn every image of a batch at random.

    Parameters
    ----------
    batch : Tensor, shape (N, 1, S, S), 0 in the background
    generator : torch.Generator
    free_rotation : bool
        Any angle, a zoom of 0.7 to 1.2, an aspect of 0.8 to 1.25, and a shift as far as the zoom
        leaves room for, filled with background; else quarter turns alone.
    """
    n = len(batch)
    draw = torch.rand(7, n, generator=generator).to(batch.device)
    stretch = torch.exp(STRETCH * (draw[4] - 0.5) * free_rotation)[:, None, None]
    flip = torch.where(draw[0] < 0.5, -1.0, 1.0)
    turns = torch.floor(4 * draw[1]) * (np.pi / 2)
    angle = turns + (2 * draw[2] - 1) * (np.pi / 4) * free_rotation
    zoom = ZOOM[0] + (ZOOM[1] - ZOOM[0]) * draw[3] if free_rotation else torch.ones_like(flip)
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    across, down = (2 * draw[5:] - 1) * (1 / zoom - 1).clamp(min=0)
    matrix = torch.stack(
        [torch.stack([flip * cos, -sin, across], 1), torch.stack([flip * sin, cos, down], 1)], 1
    )
    matrix[:, :, :1] *= stretch
    matrix[:, :, 1:2] /= stretch
    grid = functional.affine_grid(matrix, list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, align_corners=False)


def auxiliary_loss(auxiliary, labels, hints):
    """Loss of a network's second output: Inception's auxiliary logit, or hints.

    Parameters
    ----------
    auxiliary : Tensor, shape (N,) or (N, ``N_HINTS``)
    labels : Tensor, shape (N,)
        1: available.
    hints : Tensor, shape (N, ``N_HINTS``)
        A column of 0 and 1 for each of ``simulation.REASONS`` and the number of bodies as a
        share of 46. NaN where it is not known: it then costs nothing.
    """
    if auxiliary.ndim == 1:
        return functional.binary_cross_entropy_with_logits(auxiliary, labels)
    known = ~hints.isnan()
    hints = hints.nan_to_num()
    reasons = functional.binary_cross_entropy_with_logits(
        auxiliary[:, :-1], hints[:, :-1], reduction="none"
    )
    bodies = (auxiliary[:, -1:] - hints[:, -1:]).abs()
    return (torch.cat([reasons, COUNT_WEIGHT * bodies], dim=1) * known).sum(dim=1).mean()


class FilterModule(pl.LightningModule):
    """One network, binary cross-entropy, the paper's optimiser; keeps the best epoch."""

    def __init__(self, network, parameters):
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.recipe = parameters
        self.generator = torch.Generator().manual_seed(parameters.seed)
        self.history = []
        self.best_state = None
        self._sums = {}

    def configure_optimizers(self):
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.recipe.decay)
        return {"optimizer": optimiser, "lr_scheduler": schedule}

    def training_step(self, batch, _):
        inputs, labels, hints = batch
        out = self.network(self._augmented(inputs))
        logits, auxiliary = out if isinstance(out, tuple) else (out, None)
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        self._add("training", loss, logits, labels)
        if auxiliary is not None:
            loss = loss + AUXILIARY_WEIGHT * auxiliary_loss(auxiliary, labels, hints)
        return loss

    def on_validation_epoch_start(self):
        """Take the batch statistics anew, of the weights as they are.

        The running ones lag behind the weights, enough to make a good network useless (Wu and
        Johnson 2021, arXiv:2105.07576, section 3).
        """
        batches = islice(self.trainer.train_dataloader, STATISTICS_BATCHES)
        update_bn((self._augmented(inputs) for inputs, _, _ in batches), self.network)

    def _augmented(self, inputs):
        return augment(
            as_batch(inputs.to(self.device)),
            generator=self.generator,
            free_rotation=self.recipe.free_rotation,
        )

    def validation_step(self, batch, _):
        inputs, labels, _ = batch
        # the filter judges in float32, whatever it was trained in
        with torch.autocast(self.device.type, enabled=False):
            logits = self.network(as_batch(inputs))
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        self._add("validation", loss, logits, labels)

    @property
    def n_steps(self):
        """Steps of the whole training, for the progress bar."""
        return self.trainer.max_epochs * self.trainer.num_training_batches

    @property
    def epoch_loss(self):
        """Sum of the losses of the epoch's training images, and their number."""
        loss, _, n = self._sums["training"]
        return loss, n

    def _add(self, part, loss, logits, labels):
        correct = ((logits > 0) == (labels > 0.5)).sum().item()
        totals = self._sums.setdefault(part, np.zeros(3))
        totals += (loss.item() * len(labels), correct, len(labels))

    def on_train_epoch_end(self):
        self.record(self.current_epoch + 1)

    def record(self, epoch):
        """Close an epoch: its row of the history, and its weights if they are the best."""
        row = {"epoch": epoch}
        for part in ("training", "validation"):
            loss, correct, n = self._sums.get(part, (np.nan, np.nan, 1))
            row |= {f"{part}_loss": loss / n, f"{part}_accuracy": correct / n}
        self._sums = {}
        lowest = min((old["validation_loss"] for old in self.history), default=np.inf)
        if self.best_state is None or row["validation_loss"] < lowest:
            self.best_state = copy.deepcopy(self.network.state_dict())
        self.history.append(row)


def train_filter(training, validation, *, hints=None, parameters=None, start=None, progress=True):
    """Train a network to tell available images from others.

    Parameters
    ----------
    training, validation : (inputs, available)
        Inputs of ``network.network_input``, uint8 ``(N, S, S)``, and bool ``(N,)``; both
        sets hold both kinds.
    hints : array, shape (N, ``network.N_HINTS``), optional
        What is known of the training images beyond their answer, see :func:`auxiliary_loss`;
        the smaller networks learn from it, Inception-v3 is trained as in the paper.
    parameters : FilterTrainingParameters, optional
    start : nn.Module, optional
        A network of the same architecture to go on from, instead of random weights; it is
        kept where no epoch is better.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    TrainedFilter

    Raises
    ------
    InputError
        A set is empty or holds one kind only, or hints of another shape.
    """
    parameters = parameters or FilterTrainingParameters()
    for name, (inputs, available) in (("training", training), ("validation", validation)):
        kinds = np.unique(np.asarray(available, dtype=bool))
        if len(inputs) != len(available) or len(kinds) != 2:
            raise InputError(
                f"{name} set: {len(inputs)} inputs, {len(available)} answers of {len(kinds)} "
                "kinds found; expected as many answers as inputs, available and not available"
            )
    if hints is not None and np.shape(hints) != (len(training[0]), N_HINTS):
        raise InputError(
            f"hints of shape {np.shape(hints)}; expected {(len(training[0]), N_HINTS)}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parameters.seed)
        network = copy.deepcopy(start) or build_network(
            parameters.architecture, dropout=parameters.dropout, pretrained=parameters.pretrained
        )
        module = FilterModule(network, parameters)
        trainer = pl.Trainer(
            max_epochs=parameters.epochs,
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if computes_bfloat16() else "32-true",
            callbacks=[ShowProgress()] if progress else [],
            **QUIET,
        )
        held_out = _loader(validation, None, parameters, shuffle=False)
        if start is not None:
            _record_start(module, held_out)
        trainer.fit(module, _loader(training, hints, parameters, shuffle=True), held_out)
    network = module.network.cpu()
    network.load_state_dict(module.best_state)
    history = pd.DataFrame(module.history)
    best_epoch = int(history.loc[history["validation_loss"].idxmin(), "epoch"])
    return TrainedFilter(network.eval(), history, best_epoch)


def _record_start(module, held_out):
    module.eval()
    with torch.inference_mode():
        for batch in held_out:
            module.validation_step(batch, 0)
    module.record(0)
    module.train()


def _loader(data, hints, parameters, *, shuffle):
    inputs, available = data
    if hints is None:
        hints = np.full((len(inputs), N_HINTS), np.nan)
    dataset = TensorDataset(
        torch.as_tensor(np.asarray(inputs)),
        torch.as_tensor(np.asarray(available, dtype=np.float32)),
        torch.as_tensor(np.asarray(hints, dtype=np.float32)),
    )
    generator = torch.Generator().manual_seed(parameters.seed)
    return DataLoader(dataset, parameters.batch_size, shuffle=shuffle, generator=generator)
