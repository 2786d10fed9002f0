"""Batches for training: their order depends on the data seed and the epoch alone."""

import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Sampler


class EpochSampler(Sampler):
    """Keys ``(epoch, i)`` of a dataset in a random order that only (seed, epoch) decide.

    Of every global batch, rank r of n takes each n-th sample, so that n processes see
    together what one process with the same global batch sees.

    Parameters
    ----------
    n_samples : int
    n_used : int, optional
        This many are taken, the first of the order; a multiple of the global batch in training,
        where every rank must take the same number of steps.
    seed : int
    rank : int, optional
        Default: that of the process when the epoch begins.
    n_ranks : int
    shuffle : bool
    """

    def __init__(self, n_samples, *, n_used=None, seed=0, rank=None, n_ranks=1, shuffle=True):
        self.n_samples = n_samples
        self.n_used = n_samples if n_used is None else n_used
        self.seed = seed
        self.rank = rank
        self.n_ranks = n_ranks
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch):
        """Called by the training loop at the start of an epoch."""
        self.epoch = epoch

    def __len__(self):
        return len(range(self._rank(), self.n_used, self.n_ranks))

    def __iter__(self):
        order = np.arange(self.n_samples)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        mine = order[: self.n_used][self._rank() :: self.n_ranks]
        return ((self.epoch, int(i)) for i in mine)

    def _rank(self):
        # processes learn their rank only when the engine has connected them
        if self.rank is not None:
            return self.rank
        return distributed.get_rank() if distributed.is_initialized() else 0


def collate(samples):
    """Images and targets of samples of one size as tensors, and the names of their images."""
    return {
        "image": torch.from_numpy(np.stack([sample["image"] for sample in samples])),
        "target": torch.from_numpy(np.stack([sample["target"] for sample in samples])),
        "name": [sample["name"] for sample in samples],
    }


def training_loader(dataset, *, batch_size, seed, n_ranks=1, workers=0, pin=False):
    """Batches of one rank; `batch_size` counts the samples of all ranks together."""
    n_used = len(dataset) // batch_size * batch_size
    return DataLoader(
        dataset,
        batch_size=batch_size // n_ranks,
        sampler=EpochSampler(len(dataset), n_used=n_used, seed=seed, n_ranks=n_ranks),
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def validation_loader(dataset, *, n_ranks=1):
    """Whole images one by one, because their sizes may differ."""
    sampler = EpochSampler(len(dataset), n_ranks=n_ranks, shuffle=False)
    return DataLoader(dataset, batch_size=1, sampler=sampler, collate_fn=collate)
