"""Scoring on a Dask cluster: the same bytes, also when workers or the scheduler are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from scoring_set import table_bytes, write_images, write_run

from dicentlib.errors import ScoringError
from dicentlib.scoring import score_folder

distributed = pytest.importorskip("distributed", reason="extra `scale` is not installed")
pytestmark = pytest.mark.xdist_group("dask")
OPTIONS = {"shard_size": 2, "progress": False}
N_IMAGES = 60


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Images, members, and the tables of this process."""
    folder = tmp_path_factory.mktemp("dask")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    members, images = write_run(folder / "run"), write_images(folder / "images", N_IMAGES)
    score_folder(images, members, out=folder / "here", **OPTIONS)
    torch.set_num_threads(n_threads)
    return images, members, table_bytes(folder / "here")


@pytest.fixture(scope="module")
def client():
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", env=environment
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def when_shards_are_there(out, n_shards, action):
    """Do something in another thread as soon as some shards are complete."""

    def watch():
        while len(list((out / "shards").glob("[!.]*.parquet"))) < n_shards:
            time.sleep(0.002)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_two_workers_give_the_same_bytes(scored, client, tmp_path):
    images, members, expected = scored
    score_folder(images, members, out=tmp_path, client=client, **OPTIONS)
    assert table_bytes(tmp_path) == expected


def test_a_killed_worker_changes_nothing(scored, client, tmp_path):
    images, members, expected = scored
    victim = next(iter(client.run(os.getpid).values()))
    thread = when_shards_are_there(tmp_path, 3, lambda: os.kill(victim, signal.SIGKILL))
    score_folder(images, members, out=tmp_path, client=client, **OPTIONS)
    thread.join()
    assert table_bytes(tmp_path) == expected


@pytest.mark.filterwarnings("ignore")  # the client complains of its lost scheduler
def test_after_the_scheduler_is_killed_a_rerun_completes(scored, tmp_path):
    images, members, expected = scored
    address_file = tmp_path / "scheduler.json"
    start = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*start, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
         "--no-dashboard", "--scheduler-file", str(address_file)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not address_file.is_file():
        time.sleep(0.05)
    worker = subprocess.Popen(
        [*start, "distributed.cli.dask_worker", "--scheduler-file", str(address_file),
         "--nthreads", "1", "--no-dashboard", "--no-nanny",
         "--local-directory", str(tmp_path / "scratch")],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    out = tmp_path / "out"
    try:
        with distributed.Client(scheduler_file=str(address_file), timeout=60) as client:
            thread = when_shards_are_there(out, 1, scheduler.kill)
            with pytest.raises(ScoringError, match=r"the cluster was lost .* run again to cont"):
                score_folder(images, members, out=out, client=client, **OPTIONS)
            thread.join()
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()
    assert not (out / "detections.parquet").exists()
    score_folder(images, members, out=out, **OPTIONS)
    assert table_bytes(out) == expected
