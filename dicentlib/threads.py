"""How many processors this process really has, and threads that leave the others alone.

Imported with the package, before torch can be: the libraries read their settings when they load.
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
TOPOLOGY = Path("/sys/devices/system/cpu")
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def available_processors():
    """Processors that this process may keep busy, at least 1.

    The smallest of those it may run on (affinity) and those that its container may use at a
    time (CPU quota of a control group, rounded down). Two hardware threads of one core count
    as one: convolutions gain nothing from the second.

    Returns
    -------
    int
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    return max(1, int(min(_cores(allowed), _quota())))


def set_thread_defaults():
    """Ask the numerical libraries for as many threads as there are processors, and to sleep.

    Threads of OpenMP that spin while they wait for each other make a training step ten times
    as long when another process has one of the processors. What the environment already says
    stays as it is.
    """
    for name in THREADS:
        os.environ.setdefault(name, str(available_processors()))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def one_thread_each(n_threads):
    """A pool of threads in each of which PyTorch computes with that thread alone.

    Images run beside each other: small convolutions leave processors idle that share one. The
    sums of one thread are the same wherever it runs.
    """
    import torch

    return ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))


def map_ahead(pool, function, items, n_ahead):
    """Results of `function` in the order of `items`, computed at most `n_ahead` in advance."""
    items = iter(items)
    waiting = deque(pool.submit(function, item) for item in islice(items, n_ahead))
    while waiting:
        yield waiting.popleft().result()
        waiting.extend(pool.submit(function, item) for item in islice(items, 1))


def map_files(function, items, what):
    """Results of a function that waits for files, in the order of `items`; a bar after 5 s."""
    from tqdm import tqdm

    with ThreadPoolExecutor() as pool:
        results = pool.map(function, items)
        return list(tqdm(results, what, len(items), unit="image", delay=5))


def _cores(allowed):
    """Cores among the processors with these numbers."""
    siblings = set()
    for number in allowed:
        try:
            path = TOPOLOGY / f"cpu{number}" / "topology" / "thread_siblings_list"
            siblings.add(path.read_text().strip())
        except OSError:
            siblings.add(str(number))
    return len(siblings)


def _quota():
    """Processors that the control groups of this process grant at a time; infinite if all."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return float("inf")
    quotas = [float("inf")]
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUPS / "cpu" if controllers else CGROUPS
        inner = root / path.lstrip("/")
        # a container often sees its own group as the root
        for folder in {root, inner, *inner.parents}:
            if folder == root or root in folder.parents:
                quotas.append(_quota_in(folder))
    return min(quotas)


def _quota_in(folder):
    """Quota over period in one control group's folder, of version 2 or 1."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        quota = float("inf") if quota.strip() == "max" else float(quota)
        return quota / float(period) if quota > 0 else float("inf")
    except (OSError, ValueError, ZeroDivisionError):
        return float("inf")
