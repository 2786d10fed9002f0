"""Shards on the workers of a Dask cluster (extra ``scale``): local, SSH or SLURM.

Members are loaded once per worker and stay there. The image folder, the members and the
results folder must be reachable under the same paths from every worker.
"""

import pickle

import torch
from tqdm import tqdm

from dicentlib.errors import ScoringError
from dicentlib.scoring.drivers import refuse_failures

RETRIES = 3
AHEAD = 4  # shards given to the scheduler per thread, so that its memory stays flat
READERS_PER_GPU = 8  # threads that decode while the GPU works


def run_on_cluster(plan, client, *, progress=True):
    """Score the shards of a plan on a cluster.

    Parameters
    ----------
    plan : ScoringPlan
    client : distributed.Client
        Connected to the cluster. Workers should have one thread per core that they may use
        (``nthreads=1`` and one worker per core is best). For GPUs start every worker with
        ``resources={"GPU": 1}``: each then scores one shard at a time.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    dict of int to Path
        The file of every shard by its number.

    Raises
    ------
    ScoringError
        Shards failed after all retries (each is named with its reason), or the scheduler was
        lost. Complete shards stay, a rerun continues.
    """
    from distributed import as_completed

    shards = plan.shards()
    on_gpu = torch.device(plan.settings.device).type == "cuda"
    n_threads = READERS_PER_GPU if on_gpu else 1

    def score_packed(packed, n_threads):
        # sent by value and packed, so that the scheduler never imports torch
        import pickle

        shard = pickle.loads(packed)
        return shard.find() or shard.score(n_threads=n_threads)

    def submit(number):
        future = client.submit(
            score_packed,
            pickle.dumps(shards[number]),
            n_threads,
            key=f"shard-{plan.settings.key()[:16]}-{number}",
            pure=False,
            retries=RETRIES,
            resources={"GPU": 1} if on_gpu else None,
        )
        number_of[future.key] = number
        return future

    number_of, paths, failures = {}, {}, {}
    numbers = iter(range(len(shards)))
    n_ahead = AHEAD * max(1, sum(client.nthreads().values()))
    with tqdm(total=plan.n_images, desc="score", unit="image", disable=not progress) as bar:
        try:
            first = [submit(number) for _, number in zip(range(n_ahead), numbers, strict=False)]
            running = as_completed(first)
            for future in running:
                number = number_of[future.key]
                if future.status == "finished":
                    paths[number] = future.result()
                elif future.status == "cancelled":
                    raise ScoringError("the cluster cancelled a shard: was the scheduler lost?")
                else:
                    error = future.exception()
                    failures[number] = f"{type(error).__name__}: {error}"
                bar.update(len(shards[number].records))
                future.release()
                for following in numbers:
                    running.add(submit(following))
                    break
        except (OSError, TimeoutError, ScoringError) as error:
            raise ScoringError(
                f"the cluster was lost ({error}); {len(paths)} of {len(shards)} shards are "
                "complete and kept; run again to continue"
            ) from error
    refuse_failures(shards, failures)
    return paths
