"""Groups larger than memory: a folder of Parquet parts fitted from start to end; time and peak memory.

The number of subjects is taken from the environment variable SUBJECTS (100,000 if not set; 200 trials each). Data are
simulated part by part first, which is not timed. Memory is the process's peak while fitting, the data written before.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import versant as vs

MODEL = vs.models.find("q_learning")
TRIALS = 200
PART = 20_000
FIT = """
import resource, sys, time
import versant as vs
start = time.perf_counter()
done = vs.fit_parts(vs.models.find("q_learning"), sys.argv[1], sys.argv[2], starts=1)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, done.n_subjects,
      done.verdicts.get("converged", 0), time.process_time())
"""


def write_parts(folder: Path, subjects: int) -> int:
    """Simulate and write the parts; return their size in bytes."""
    rng = np.random.default_rng(0)
    for part, first in enumerate(range(0, subjects, PART)):
        count = min(PART, subjects - first)
        truth = {"alpha": 1 / (1 + np.exp(-rng.normal(0, 1, count))), "beta": np.exp(rng.normal(1, 0.5, count))}
        trials = vs.simulate(MODEL, vs.Bandit((0.3, 0.7), trials=TRIALS), truth, seed=part)
        frame = trials.frame()
        frame["subject"] += first
        frame = frame.astype({"choice": np.int8, "reward": np.int8, "trial": np.int16, "subject": np.int32})
        frame.to_parquet(folder / f"part-{part:04d}.parquet", index=False)
    return sum(file.stat().st_size for file in folder.iterdir())


def main() -> None:
    """Print one line."""
    subjects = int(os.environ.get("SUBJECTS", "100000"))
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        data.mkdir()
        size = write_parts(data, subjects)
        start = time.perf_counter()
        command = [sys.executable, "-c", FIT, str(data), str(Path(place) / "out")]
        words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        wall = time.perf_counter() - start
    scale = 1 if platform.system() == "Darwin" else 1024
    print(
        f"{subjects:,} subjects x {TRIALS} trials ({size / 1e6:.0f} MB of Parquet, parts of {PART:,}): "
        f"{wall:.0f} s wall, {float(words[4]):.0f} s of processor time, "
        f"{float(words[4]) / subjects * 1e6:.0f} us a subject, verdicts included; "
        f"peak memory {int(words[1]) * scale / 1e6:.0f} MB; {int(words[3]):,} of {int(words[2]):,} converged; "
        f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    )
