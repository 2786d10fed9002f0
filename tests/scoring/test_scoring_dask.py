"""Scoring on a Dask cluster: the same bytes, also when workers or the scheduler are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scoring_set import table_bytes, write_images

from dicentlib.errors import ScoringError
from dicentlib.scoring import score_folder

distributed = pytest.importorskip("distributed", reason="extra `scale` is not installed")
pytestmark = pytest.mark.xdist_group("dask")
OPTIONS = {"shard_size": 2, "progress": False}
N_IMAGES = 40


@pytest.fixture(scope="module")
def scored(members, tmp_path_factory):
    """Images, members, and the tables of this process."""
    folder = tmp_path_factory.mktemp("dask")
    images = write_images(folder / "images", N_IMAGES)
    score_folder(images, members, out=folder / "here", **OPTIONS)
    return images, members, table_bytes(folder / "here")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A client of two workers, and the process of their scheduler; the last test kills it."""
    folder = tmp_path_factory.mktemp("cluster")
    address_file = folder / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}

    def start(module, *options):
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *options]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)

    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                      "--scheduler-file", str(address_file))  # fmt: skip
    while not address_file.is_file():
        time.sleep(0.05)
    options = ("--scheduler-file", str(address_file), "--nthreads", "1", "--no-nanny")
    scratch = ("--local-directory", str(folder / "scratch"))
    workers = [start("dask_worker", *options, *scratch) for _ in range(2)]
    try:
        with distributed.Client(scheduler_file=str(address_file), timeout=60) as client:
            client.wait_for_workers(2)
            yield client, scheduler
    finally:
        for process in (scheduler, *workers):
            process.kill()
            process.wait()


def when_shards_are_there(out, n_shards, action):
    """Do something in another thread as soon as some shards are complete."""

    def watch():
        while len(list((out / "shards").glob("[!.]*.parquet"))) < n_shards:
            time.sleep(0.002)
        action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_two_workers_give_the_same_bytes(scored, cluster, tmp_path):
    client, _ = cluster
    images, members, expected = scored
    score_folder(images, members, out=tmp_path, client=client, **OPTIONS)
    assert table_bytes(tmp_path) == expected


def test_a_killed_worker_changes_nothing(scored, cluster, tmp_path):
    client, _ = cluster
    images, members, expected = scored
    victim = next(iter(client.run(os.getpid).values()))
    thread = when_shards_are_there(tmp_path, 3, lambda: os.kill(victim, signal.SIGKILL))
    score_folder(images, members, out=tmp_path, client=client, **OPTIONS)
    thread.join()
    assert table_bytes(tmp_path) == expected


@pytest.mark.filterwarnings("ignore")  # the client complains of its lost scheduler
def test_after_the_scheduler_is_killed_a_rerun_completes(scored, cluster, tmp_path):
    images, members, expected = scored
    client, scheduler = cluster
    thread = when_shards_are_there(tmp_path, 1, scheduler.kill)
    with pytest.raises(ScoringError, match=r"the cluster was lost .* run again to cont"):
        score_folder(images, members, out=tmp_path, client=client, **OPTIONS)
    thread.join()
    assert not (tmp_path / "detections.parquet").exists()
    score_folder(images, members, out=tmp_path, **OPTIONS)
    assert table_bytes(tmp_path) == expected
