"""The one Lightning module: steps, optimiser, learning rate, delay of lambda, sums by epoch."""

import math
from collections import Counter

import pytorch_lightning as pl
import torch

from dicentlib.conventions import CLASSES
from dicentlib.errors import InputError
from dicentlib.evaluation import Counts, count_matches
from dicentlib.loss import HeatmapLoss, heatmap_cross_entropy
from dicentlib.training.cuda_graph import as_cuda_graph

VALIDATION_CONFIDENCE_THRESHOLD = 0.5
TRUTH_THRESHOLD = 0.5


class HeatmapModule(pl.LightningModule):
    """A network and how it is trained.

    Parameters
    ----------
    model : HeatmapUnet
    parameters : TrainingParameters
    n_steps : int
        Of the whole training; the delay of lambda and the decay are shares of it.
    zero_dose : frozenset of str
        Validation images of unexposed cells.
    """

    def __init__(self, model, parameters, *, n_steps, zero_dose=frozenset()):
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)
        self.logits = model.logits
        self.parameters_ = parameters
        self.loss = HeatmapLoss(parameters.lam, parameters.rho)
        self.n_steps = n_steps
        self.zero_dose = zero_dose
        self.epoch_loss = None
        self.validation_sums = Counter()

    def configure_optimizers(self):
        """Adam with L2 decay or AdamW, fused, and the rate's course by step."""
        parameters = self.parameters_
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[parameters.optimiser]
        optimiser = kind(
            self.model.parameters(),
            lr=parameters.learning_rate,
            weight_decay=parameters.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self.rate_at)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate_at(self, step):
        """Share of the learning rate at a step: half a cosine from 1 to ``decay_to``.

        With ``cycle_epochs`` it starts again after each cycle (Loshchilov & Hutter 2017): the
        members at the ends of cycles lie in different minima (snapshot ensembles, Huang et
        al. 2017).
        """
        low = self.parameters_.decay_to
        course = self.n_steps
        if self.parameters_.cycle_epochs:
            course = course * self.parameters_.cycle_epochs / self.parameters_.epochs
            step = step % course
        progress = min(1.0, step / course)
        return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2

    def is_delay(self, step):
        """Whether a step belongs to the first part, in which sparse variation does not count."""
        return step < self.parameters_.lam_delay * self.n_steps

    def loss_at(self, step, logits, targets):
        """Loss of a batch as it is at a step."""
        if self.is_delay(step) and self.parameters_.delay_loss == "cross entropy":
            return heatmap_cross_entropy(logits, targets)
        self.loss.lam = 0.0 if self.is_delay(step) else self.parameters_.lam
        return self.loss(torch.sigmoid(logits.float()), targets)

    def on_fit_start(self):
        """Compile the step where asked: on one GPU, with crops of one shape, as a CUDA graph."""
        parameters = self.parameters_
        if not parameters.compiled:
            return
        if self.device.type != "cuda":
            self.logits = torch.compile(self.model.logits)
        elif parameters.crop_px and self.trainer.world_size == 1:
            shape = (parameters.batch_size, 1, parameters.crop_px, parameters.crop_px)
            with self.trainer.precision_plugin.forward_context():
                self.logits = as_cuda_graph(self.model, shape)

    def on_train_epoch_start(self):
        # dropout and stochastic depth draw the same numbers after a resume
        torch.manual_seed(1_000_003 * self.parameters_.data_seed + self.current_epoch)
        self.epoch_loss = torch.zeros(2, device=self.device, dtype=torch.float64)

    def training_step(self, batch, batch_number):
        """Loss of a batch; a loss that is not finite names the batch's images."""
        images = batch["image"].to(memory_format=torch.channels_last)
        logits = self.logits(images)
        loss = self.loss_at(self.global_step, logits, batch["target"])
        if not torch.isfinite(loss):
            raise InputError(
                f"loss is {loss.item()} in epoch {self.current_epoch + 1}, batch "
                f"{batch_number + 1}, of images {', '.join(sorted(set(batch['name'])))}"
            )
        self.epoch_loss += torch.stack([loss.detach().double(), torch.ones_like(loss)])
        return loss

    def on_validation_epoch_start(self):
        # every process has every sum, one without an image too
        names = ["validation_loss", "validation_images", "zero_dose_images"]
        for name in CLASSES:
            names += [*(f"{name}_{kind}" for kind in Counts._fields), f"zero_dose_false_{name}s"]
        self.validation_sums = Counter(dict.fromkeys(names, 0))

    def validation_step(self, batch, batch_number):
        """Loss and counts by class (component overlap, T_C = 0.5) of one whole image."""
        images = batch["image"].to(memory_format=torch.channels_last)
        heatmaps = self.model(images).float()
        self.loss.lam = self.parameters_.lam
        loss = float(self.loss(heatmaps, batch["target"]))
        fired = (heatmaps[0] > VALIDATION_CONFIDENCE_THRESHOLD).cpu().numpy()
        truth = (batch["target"][0] > TRUTH_THRESHOLD).cpu().numpy()
        unexposed = batch["name"][0] in self.zero_dose
        one = {"validation_loss": loss, "validation_images": 1, "zero_dose_images": int(unexposed)}
        for name, predicted, true in zip(CLASSES, fired, truth, strict=True):
            counts = count_matches(predicted, true)
            one |= {f"{name}_{kind}": n for kind, n in counts._asdict().items()}
            one[f"zero_dose_false_{name}s"] = counts.fp if unexposed else 0
        self.validation_sums.update(one)

    def epoch_metrics(self):
        """Losses and counts of the epoch just ended, over all ranks, as a dict of numbers."""
        total = self.trainer.strategy.reduce(self.epoch_loss, reduce_op="sum")
        metrics = {"train_loss": float(total[0] / total[1])}
        if self.validation_sums:
            sums = torch.tensor(
                list(self.validation_sums.values()), dtype=torch.float64, device=self.device
            )
            sums = self.trainer.strategy.reduce(sums, reduce_op="sum").tolist()
            summed = dict(zip(self.validation_sums, sums, strict=True))
            metrics["validation_loss"] = summed.pop("validation_loss") / summed["validation_images"]
            metrics |= {name: int(value) for name, value in summed.items()}
        return metrics
