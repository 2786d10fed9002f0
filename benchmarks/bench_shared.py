"""Seconds of a training step alone and with one processor busy elsewhere.

    python benchmarks/bench_shared.py [--steps 6]

Each figure is the median of the steps of the preset ``demo`` (24 crops of 128 pixels) in a process
of its own: as dicentlib starts it, and with threads of OpenMP that spin while they wait, which
is OpenMP's own default. The busy process is a plain loop.
"""

import argparse
import os
import subprocess
import sys

import pandas as pd
from tables import write_timings

from dicentlib.threads import THREADS

STEPS = """
import sys
import dicentlib
import torch
from bench_training import make_step, seconds
from dicentlib.model import HeatmapUnet
model = HeatmapUnet("tu-resnet10t", None, (64, 32))
images, targets = torch.rand(24, 1, 128, 128), torch.rand(24, 2, 32, 32)
step = make_step(
    model, images, targets, channels_last=True, bfloat16=False, fused=True, compiled=False
)
print(seconds(step, "cpu", repeats=int(sys.argv[1])))
"""


def median_step(n_steps, *, policy, busy):
    """Median seconds of a step; `policy` None: as dicentlib sets it."""
    environment = {k: v for k, v in os.environ.items() if k not in (*THREADS, "OMP_WAIT_POLICY")}
    environment["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        command = [sys.executable, "-c", STEPS, str(n_steps)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    finally:
        if other:
            other.kill()
            other.wait()
    return float(found.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    rows = []
    for name, policy in (("as dicentlib starts it", None), ("spinning threads", "ACTIVE")):
        alone, shared = (
            median_step(options.steps, policy=policy, busy=busy) for busy in (False, True)
        )
        rows.append({"threads": name, "alone (s)": alone, "one processor busy (s)": shared})
    table = pd.DataFrame(rows)
    table["ratio"] = table["one processor busy (s)"] / table["alone (s)"]
    cost = table["alone (s)"].iloc[0] / table["alone (s)"].iloc[1] - 1
    write_timings(
        "bench_shared",
        table.round(2),
        caption=f"A training step of 24 crops. Sleeping costs {cost:.0%} of the time alone.",
    )


if __name__ == "__main__":
    main()
