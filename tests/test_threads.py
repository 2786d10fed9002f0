"""Processors that are really there: affinity, hardware threads, limits of containers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dicentlib import threads

PROGRAM = (
    "import os, dicentlib, torch; print(torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'])"
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of as many processors and hardware threads per core as asked for."""

    def make(n_processors, *, per_core=1, quota=None):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(n_processors)))
        monkeypatch.setattr(threads, "TOPOLOGY", tmp_path / "cpu")
        for number in range(n_processors):
            folder = tmp_path / "cpu" / f"cpu{number}" / "topology"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "thread_siblings_list").write_text(f"{number // per_core}\n")
        monkeypatch.setattr(threads, "_quota", lambda: quota or float("inf"))

    return make


@pytest.mark.parametrize(
    ("n_processors", "per_core", "quota", "expected"),
    [(1, 1, None, 1), (64, 1, None, 64), (8, 2, None, 4), (64, 1, 0.5, 1), (64, 2, 2.9, 2)],
)
def test_processors_that_may_be_kept_busy(machine, n_processors, per_core, quota, expected):
    machine(n_processors, per_core=per_core, quota=quota)
    assert threads.available_processors() == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, float("inf")),
        ({"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, float("inf")),
        ({"cpu.max": "nonsense"}, float("inf")),
        ({}, float("inf")),
    ],
)
def test_quota_of_a_control_group(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert threads._quota_in(tmp_path) == expected


def test_the_tightest_of_nested_control_groups_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    own = Path("/proc/self/cgroup").read_text().splitlines()
    path = next((line.split(":", 2)[2] for line in own if line.startswith("0:")), None)
    if path is None:
        pytest.skip("this system has no control groups of version 2")
    (tmp_path / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    (tmp_path / "cpu.max").write_text("300000 100000\n")
    assert threads._quota() == 3.0


def test_a_process_that_starts_with_the_package_has_them():
    environment = {name: os.environ[name] for name in os.environ if name not in threads.THREADS}
    environment.pop("OMP_WAIT_POLICY", None)
    command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), sys.executable, "-c", PROGRAM]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "PASSIVE"]


def test_what_the_environment_says_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    threads.set_thread_defaults()
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
