"""Shards one after the other in this process, or one part of them for a batch system."""

import errno
import re

import torch
from tqdm import tqdm

from dicentlib.errors import DicentlibError, InputError, ScoringError
from dicentlib.threads import available_processors

CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def run_in_process(plan, *, part=(1, 1), n_threads=None, progress=True):
    """Score the shards of a plan in this process.

    Parameters
    ----------
    plan : ScoringPlan
    part : (int, int)
        ``(i, n)``: only every n-th shard, beginning with the i-th; i from 1 to n.
    n_threads : int, optional
        Default: as many as there are processors for this process.
    progress : bool
        Show a bar with the time left; shards that are there already do not count for the rate.

    Returns
    -------
    dict of int to Path
        The file of every shard by its number.

    Raises
    ------
    ScoringError
        Something else than an image failed. Complete shards stay, a rerun continues.
    """
    shards = plan.shards()
    chosen = range(part[0] - 1, len(shards), part[1])
    if n_threads is not None and n_threads < 1:
        raise InputError(f"n_threads {n_threads}; allowed: 1 or more")
    n_threads = n_threads or available_processors()
    looked = tqdm(chosen, "look for shards", disable=not progress, delay=5)
    paths = {number: path for number in looked if (path := shards[number].find())}
    failures = {}
    n_torch_threads = torch.get_num_threads()
    bar = tqdm(
        total=sum(len(shards[number].records) for number in chosen),
        initial=sum(len(shards[number].records) for number in paths),
        desc="score",
        unit="image",
        disable=not progress,
    )
    try:
        for number in sorted({*chosen} - {*paths}):
            try:
                paths[number] = shards[number].score(n_threads=n_threads, on_image=bar.update)
            except DicentlibError:
                raise
            except Exception as error:  # one shard must not take the others with it
                if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
                    raise cannot_write(plan, error, n_done=len(paths)) from error
                failures[number] = f"{type(error).__name__}: {error}"
    finally:
        bar.close()
        torch.set_num_threads(n_torch_threads)
    refuse_failures(shards, failures)
    return paths


def cannot_write(plan, error, *, n_done):
    """The error of a full or read-only disk."""
    return ScoringError(
        f"{plan.out}: cannot be written to ({error.strerror}); {n_done} shards are complete "
        "and kept; run again to continue"
    )


def refuse_failures(shards, failures):
    """Raise a ScoringError that lists the shards that failed, if any."""
    if failures:
        lines = [
            f"images {shards[number].span}: {text}" for number, text in sorted(failures.items())
        ]
        raise ScoringError(
            f"{len(failures)} of {len(shards)} shards failed; the others are complete and kept; "
            "run again to continue\n" + "\n".join(lines)
        )


def read_part(text):
    """``(i, n)`` from ``"i/n"``.

    Examples
    --------
    >>> read_part("2/8")
    (2, 8)
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    part = tuple(map(int, match.groups())) if match else (0, 0)
    if not 1 <= part[0] <= part[1]:
        raise InputError(f"shard {text!r}; allowed: i/n with i from 1 to n, for example 2/8")
    return part
