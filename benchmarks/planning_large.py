"""Planning larger problems without budgets: what nodes="grow" reaches in ten seconds of CPU time on published files.

``VERSANT_DATA=FOLDER`` names the folder that holds ``pomdp/``. Time limits count CPU time here, so that the table says
the same on a machine with other work to do: `time.perf_counter` is replaced for the whole process. In every row the
value is at most the upper bound, or the benchmark fails. The first upper bound is the cheapest that there is (told the
state after the first action), so that it can be seen how much of what is promised is reached.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import versant as vs
from versant.planning.relaxations import Relaxation

LIMIT = 10.0
"""Seconds of CPU time for each problem."""

FILES = (
    "hallway2", "query.s3", "aloha.30", "iff", "learning.c4", "machine", "mit", "pentagon", "cit", "sunysb", "tag",
    "fourth", "RockSample_5_7", "RockSample_7_8", "auvnavigation2d", "drone-4-1-95", "drone-8-2-95", "refuel-20-95",
    "network-2-8-20-95", "rocks-12-95",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    folder = os.environ.get("VERSANT_DATA")
    if folder is None:
        print("VERSANT_DATA=FOLDER must name the folder that holds pomdp/", file=sys.stderr)
        return
    clock, time.perf_counter = time.perf_counter, time.process_time
    try:
        print("| problem | states | nodes | value | upper bound | told the state | CPU seconds |")
        print("|---|---|---|---|---|---|---|")
        for name in FILES:
            _row(Path(folder) / "pomdp" / f"{name}.pomdp")
    finally:
        time.perf_counter = clock


def _row(path: Path) -> None:
    task = vs.read_pomdp(path)
    begun = time.process_time()
    found = vs.plan(task, nodes="grow", time=LIMIT)
    seconds = time.process_time() - begun
    assert found.upper_bound is not None
    assert found.value - found.value_error <= found.upper_bound
    told = Relaxation(task, "qmdp").bound(np.ones(1)).value
    print(
        f"| {path.stem} | {task.n_states} | {found.controller.n_nodes} | {found.value:.5g} | {found.upper_bound:.5g} "
        f"| {told:.5g} | {seconds:.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
