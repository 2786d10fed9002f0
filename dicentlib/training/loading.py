"""Batches for training: their order depends on the data seed and the epoch alone."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler


class EpochSampler(Sampler):
    """Keys ``(epoch, i)`` of a dataset in a random order that only (seed, epoch) decide.

    Of every global batch, rank r of n takes each n-th sample, so that n processes see
    together what one process with the same global batch sees.
    """

    def __init__(self, n_samples, *, seed, rank=0, n_ranks=1, shuffle=True):
        self.n_samples = n_samples
        self.seed = seed
        self.rank = rank
        self.n_ranks = n_ranks
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch):
        """Called by the training loop at the start of an epoch."""
        self.epoch = epoch

    def __len__(self):
        return len(range(self.rank, self.n_samples, self.n_ranks))

    def __iter__(self):
        order = np.arange(self.n_samples)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        return ((self.epoch, int(i)) for i in order[self.rank :: self.n_ranks])


def collate(samples):
    """Samples of one size as tensors; points and names stay lists."""
    return {
        "image": torch.from_numpy(np.stack([sample["image"] for sample in samples])),
        "target": torch.from_numpy(np.stack([sample["target"] for sample in samples])),
        "points": [sample["points"] for sample in samples],
        "name": [sample["name"] for sample in samples],
    }


def training_loader(dataset, *, batch_size, seed, rank=0, n_ranks=1, workers=0, pin=False):
    """Batches of one rank; `batch_size` counts the samples of all ranks together."""
    return DataLoader(
        dataset,
        batch_size=batch_size // n_ranks,
        sampler=EpochSampler(len(dataset), seed=seed, rank=rank, n_ranks=n_ranks),
        collate_fn=collate,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin,
    )


def validation_loader(dataset, *, rank=0, n_ranks=1):
    """Whole images one by one, because their sizes may differ."""
    sampler = EpochSampler(len(dataset), seed=0, rank=rank, n_ranks=n_ranks, shuffle=False)
    return DataLoader(dataset, batch_size=1, sampler=sampler, collate_fn=collate)
