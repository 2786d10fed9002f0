"""Train a network on annotated images: one function, from an image set to a folder of members."""

import logging
import shutil
import warnings
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed

from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.ensemble import load_members
from dicentlib.errors import DicentlibError, InputError, notice
from dicentlib.files import content_digest
from dicentlib.model import HeatmapUnet
from dicentlib.training.keeping import KeepEpochs, ShowProgress, StopAfter
from dicentlib.training.loading import training_loader, validation_loader
from dicentlib.training.module import HeatmapModule
from dicentlib.training.parameters import TrainingParameters
from dicentlib.training.resuming import state_to_resume
from dicentlib.training.synchronised import SynchroniseBatchNorm

# of the engine: what it would write or show beside the callbacks
QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
QUIET |= {"enable_model_summary": False, "num_sanity_val_steps": 0}


def train(
    index,
    annotations,
    out,
    *,
    parameters=None,
    validation=None,
    initial_members=None,
    resume=True,
    max_minutes=None,
    threads=None,
    workers=0,
    cache_gb=4.0,
    accelerator="auto",
    devices=1,
    num_nodes=1,
):
    """Train, and keep a member after every epoch.

    Parameters
    ----------
    index : ImageIndex
        Training images.
    annotations : DataFrame
        Columns image, class, row, col, in pixels of the original images.
    out : path-like
        Receives ``members/epoch_001.safetensors``..., ``metrics.csv``, and in ``training/``
        the parameters and the state to resume from.
    parameters : TrainingParameters, optional
        Default: the paper's.
    validation : (ImageIndex, DataFrame), optional
        Whole images on which the loss and counts by class are measured after every epoch. No
        weight depends on them.
    initial_members : path-like, optional
        Fine-tuning: start from the last member of this ensemble instead of random weights.
    resume : bool
        Go on where an earlier call with the same `out`, parameters and images ended or was
        killed; the weights then are those of a training that was never interrupted. False:
        start anew, and remove the members that are there.
    max_minutes : float, optional
        Stop after the epoch in which this time is up.
    threads : int, optional
        Threads of torch on a CPU; default as many as torch was set to.
    workers : int
        Processes that load samples; 0 loads them between steps.
    cache_gb : float
        Memory for images, see ``MetaphaseDataset``.
    accelerator, devices, num_nodes
        As in ``pytorch_lightning.Trainer``. Under torchrun or SLURM, `devices` is the number
        of processes on each machine.

    Returns
    -------
    DataFrame
        The content of ``metrics.csv``: one row per epoch with ``train_loss``,
        ``learning_rate``, ``seconds`` and, with `validation`, ``validation_loss`` and
        ``dicentric_tp, dicentric_fp, dicentric_fn``... at a confidence threshold of 0.5.

    Raises
    ------
    InputError
        Before training: images, annotations or parameters that cannot be used; initial
        members of another architecture; a folder that holds a training with other parameters
        or images, or whose state is damaged; too little space on the disk. During it: a loss
        that is not finite, naming the batch's images.
    DicentlibError
        The disk became full, or the memory.
    """
    parameters = parameters or TrainingParameters()
    out = Path(out)
    counts = (("devices", devices, 1), ("workers", workers, 0), ("threads", threads, 1))
    for name, value, least in counts:
        if isinstance(value, int) and value < least:
            raise InputError(f"{name} {value} found; allowed: {least} or more")
    model = _first_model(parameters, initial_members)
    n_ranks = _n_ranks(accelerator, devices, num_nodes)
    if parameters.batch_size % n_ranks:
        raise InputError(
            f"batch_size {parameters.batch_size} cannot be shared by {n_ranks} processes"
        )
    _require_space(out, parameters, model)
    scale = {"pixel_size_um": parameters.pixel_size_um, "sigma": parameters.sigma}
    dataset = MetaphaseDataset(
        index,
        annotations,
        crop_px=parameters.crop_px,
        crop_shares=parameters.crop_shares,
        samples_per_epoch=parameters.samples_per_epoch,
        augmentation=parameters.augmentation,
        seed=parameters.data_seed,
        cache_gb=cache_gb,
        **scale,
    )
    if len(dataset) < parameters.batch_size:
        raise InputError(
            f"{len(dataset)} samples in an epoch; needed: at least one batch of "
            f"{parameters.batch_size} (smaller batch_size or larger samples_per_epoch)"
        )
    held_out, zero_dose = None, frozenset()
    if validation is not None:
        _notice_shared(index, validation[0])
        table = validation[0].table
        zero_dose = frozenset(table.loc[table["dose_gy"] == 0, "image"])
        held_out = MetaphaseDataset(*validation, cache_gb=cache_gb, **scale)
    record = _record(dataset, annotations, parameters, model, initial_members)
    state = state_to_resume(out, record, resume)
    with _quiet_lightning(), _threads(threads), torch.random.fork_rng(devices=[]):
        trainer = _trainer(
            out, record, parameters, max_minutes, accelerator, devices, num_nodes, n_ranks
        )
        loader = training_loader(
            dataset,
            batch_size=parameters.batch_size,
            seed=parameters.data_seed,
            workers=workers,
            pin=trainer.strategy.root_device.type == "cuda",
            n_ranks=n_ranks,
        )
        n_steps = parameters.epochs * len(loader)
        module = HeatmapModule(model, parameters, n_steps=n_steps, zero_dose=zero_dose)
        with _own_process_group(), _memory_in_words(parameters):
            seen = validation_loader(held_out, n_ranks=n_ranks) if held_out is not None else None
            trainer.fit(module, loader, seen, ckpt_path=state, weights_only=True)
    return pd.read_csv(out / "metrics.csv")


def _notice_shared(index, held_out):
    """Say in an InputWarning how many images of the validation are images of the training."""
    seen = {index.path(image).resolve() for image in index.table["image"]}
    paths = [held_out.path(image).resolve() for image in held_out.table["image"]]
    shared = sum(path in seen for path in paths)
    if shared:
        notice(
            f"{held_out.folder}: {shared} of {len(paths)} validation images are also training "
            "images: figures measured on them are too good"
        )


def _first_model(parameters, initial_members):
    """The network at the start, the same for the same ``init_seed``."""
    if initial_members is not None:
        last = max(load_members(initial_members), key=lambda member: member.epoch)
        for name in ("encoder", "decoder_channels", "pixel_size_um"):
            wanted = parameters.as_dict()[name]
            if last.metadata[name] != wanted:
                raise InputError(
                    f"initial members in {initial_members} have {name} {last.metadata[name]}, "
                    f"the parameters {wanted}; fine-tuning needs the same"
                )
        last.model.orientation = 0
        return last.model.requires_grad_(True).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parameters.init_seed)
        return HeatmapUnet(
            parameters.encoder,
            parameters.encoder_weights,
            parameters.decoder_channels,
            head_bias=parameters.head_bias,
        )


def _record(dataset, annotations, parameters, model, initial_members):
    """What a training is, to be compared before it is resumed."""
    content = [dataset.content_digest(), annotations.to_dict("list")]
    known = parameters.as_dict()
    known.pop("compiled")  # how it is computed, and another machine may have no compiler
    initial = load_members(initial_members) if initial_members is not None else ()
    return {
        "parameters": known,
        "encoder_weights": model.encoder_weights,
        "initial_members": [member.digest for member in initial],
        "data": content_digest(content),
        "n_images": len(dataset.names),
    }


@contextmanager
def _memory_in_words(parameters):
    """Turn the engine's ways to run out of memory into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
            raise
        raise DicentlibError(
            f"out of memory in training with batch_size {parameters.batch_size}, crop_px "
            f"{parameters.crop_px}; use smaller values, or a smaller cache_gb"
        ) from error


def _n_ranks(accelerator, devices, num_nodes):
    """Processes of all machines together."""
    if isinstance(devices, (list, tuple)):
        return len(devices) * num_nodes
    if devices in ("auto", -1, "-1"):
        gpus = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0
        return max(1, gpus) * num_nodes
    return int(devices) * num_nodes


def _require_space(out, parameters, model):
    """Members of all epochs, and twice the state (weights and two moments), must fit."""
    weights = 4 * sum(value.numel() for value in model.state_dict().values())
    needed = (parameters.epochs + 2 * 3) * weights
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free
    if free < needed:
        raise InputError(
            f"{out}: {free / 1e6:.0f} MB free, needed for {parameters.epochs} members and the "
            f"state: {needed / 1e6:.0f} MB"
        )


def _trainer(out, record, parameters, max_minutes, accelerator, devices, num_nodes, n_ranks):
    reduced = computes_bfloat16(parameters.precision, accelerator)
    facts = {
        "encoder_weights": record["encoder_weights"],
        "n_images": record["n_images"],
        "precision": "bfloat16" if reduced else "float32",
    }
    callbacks = [KeepEpochs(out, facts), ShowProgress()]
    if max_minutes is not None:
        callbacks.append(StopAfter(max_minutes))
    on_cpu = _on_cpu(accelerator)
    strategy = "auto"
    if n_ranks > 1:
        strategy = DDPStrategy(process_group_backend="gloo" if on_cpu else "nccl")
    return pl.Trainer(
        max_epochs=parameters.epochs,
        accelerator="cpu" if on_cpu else accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision="bf16-mixed" if reduced else "32-true",
        plugins=[SynchroniseBatchNorm()] if n_ranks > 1 else None,
        callbacks=callbacks,
        benchmark=parameters.crop_px is not None,  # crops have one shape, so kernels can be tried
        use_distributed_sampler=False,
        default_root_dir=out,
        **QUIET,
    )


def _on_cpu(accelerator):
    return accelerator == "cpu" or (accelerator == "auto" and not torch.cuda.is_available())


def computes_bfloat16(precision="auto", accelerator="auto"):
    """Whether to compute in mixed precision: as asked, or where the hardware gains by it."""
    if precision != "auto":
        return precision == "bfloat16"
    on_cpu = _on_cpu(accelerator)
    if not on_cpu:
        return torch.cuda.is_bf16_supported()
    # processors without instructions for it are slower in bfloat16 than in float32
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


@contextmanager
def _threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _own_process_group():
    """Leave the group of processes that the training joined, together, when it has ended.

    The first process has then written all files. Threads of a group that is left to the
    interpreter's end can need the interpreter after it is gone, and wait for ever.
    """
    joined_before = distributed.is_available() and distributed.is_initialized()
    yield
    if not joined_before and distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


@contextmanager
def _quiet_lightning():
    """Silence the engine's notices about loaders and devices; its errors stay."""
    names = ("pytorch_lightning", "lightning", "lightning.fabric", "lightning_fabric")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for module in ("pytorch_lightning", "lightning_fabric", "torch"):
                warnings.filterwarnings("ignore", module=module)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
