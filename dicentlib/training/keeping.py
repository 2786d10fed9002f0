"""What a training leaves on disk after every epoch, and the bar that shows its progress."""

import os
import time
from pathlib import Path

import pandas as pd
import pytorch_lightning as pl
from tqdm import tqdm

from dicentlib.conventions import STRIDE
from dicentlib.ensemble import save_member
from dicentlib.errors import DicentlibError
from dicentlib.files import atomic_path
from dicentlib.model import ORIENTATIONS

STATE = "training/last.ckpt"


class KeepEpochs(pl.Callback):
    """After every epoch: a member, a line of ``metrics.csv``, and the state to resume from.

    Each file is written under a temporary name in its folder and then renamed, the state last: a
    training killed anywhere resumes from the last whole state and repeats what came after it.
    """

    def __init__(self, out, facts):
        self.out = Path(out)
        self.facts = facts
        self.started = None

    def on_train_epoch_start(self, trainer, module):
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer, module):
        epoch = trainer.current_epoch + 1
        metrics = module.epoch_metrics()
        try:
            if trainer.is_global_zero:
                self._keep_member(epoch, module, metrics)
                self._keep_metrics(epoch, trainer, metrics)
            self._keep_state(trainer)
        except Exception as error:
            if "space left" not in str(error) and getattr(error, "errno", None) != 28:
                raise
            raise DicentlibError(
                f"{self.out}: the disk is full; epoch {epoch} is not kept; the epochs before "
                "it are complete, and the training resumes from them"
            ) from error

    def _keep_member(self, epoch, module, metrics):
        parameters = module.parameters_
        metadata = self.facts | {
            "pixel_size_um": parameters.pixel_size_um,
            "sigma": parameters.sigma,
            "stride": STRIDE,
            "epoch": epoch,
            # experts that look from different sides err in different places
            "orientation": (epoch - 1) % ORIENTATIONS if parameters.flips else 0,
            "init_seed": parameters.init_seed,
            "lam": parameters.lam,
            "rho": parameters.rho,
            "training": parameters.as_dict(),
            "metrics": metrics,
        }
        path = self.out / "members" / f"epoch_{epoch:03d}.safetensors"
        save_member(path, module.model, metadata)

    def _keep_metrics(self, epoch, trainer, metrics):
        path = self.out / "metrics.csv"
        seconds = time.perf_counter() - self.started
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"epoch": epoch, **metrics, "learning_rate": rate, "seconds": round(seconds, 2)}
        rows = pd.DataFrame([row])
        if epoch > 1 and path.is_file():
            before = pd.read_csv(path)
            rows = pd.concat([before[before["epoch"] < epoch], rows], ignore_index=True)
        with atomic_path(path) as temporary:
            rows.to_csv(temporary, index=False)

    def _keep_state(self, trainer):
        path = self.out / STATE
        temporary = path.with_name(".part-last.ckpt")
        try:
            trainer.save_checkpoint(temporary)
            if trainer.is_global_zero:
                with open(temporary, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(temporary, path)
        finally:
            if trainer.is_global_zero:
                temporary.unlink(missing_ok=True)


class StopAfter(pl.Callback):
    """Stop after the epoch in which the time is up."""

    def __init__(self, minutes):
        self.minutes = minutes
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer, module):
        late = time.monotonic() - self.started >= 60 * self.minutes
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(late, all=False)


class ShowProgress(pl.Callback):
    """One bar over all steps of the training, with the time left and the last epoch's losses."""

    def __init__(self):
        self.bar = None

    def on_train_start(self, trainer, module):
        if trainer.is_global_zero:
            self.bar = tqdm(
                total=module.n_steps, initial=trainer.global_step, desc="train", unit="step"
            )

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if self.bar is not None:
            self.bar.update(trainer.global_step - self.bar.n)

    def on_train_epoch_end(self, trainer, module):
        if self.bar is not None:
            loss = float(module.epoch_loss[0] / module.epoch_loss[1])
            self.bar.set_postfix(epoch=trainer.current_epoch + 1, loss=f"{loss:.2f}")

    def teardown(self, trainer, module, stage):
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def on_exception(self, trainer, module, exception):
        self.teardown(trainer, module, None)  # which the engine leaves out after an error


def remove_partial_files(out):
    """Delete what a killed training may have left half-written."""
    for folder in (Path(out), Path(out) / "members", Path(out) / "training"):
        for path in folder.glob(".part-*"):
            path.unlink()
