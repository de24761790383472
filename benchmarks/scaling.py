"""What a whole-group fit costs with more subjects, trials, options or threads, as a table and a figure.

Maximum a posteriori of Q-learning, one start; the optimiser alone, and the fit with its verdicts, errors and evidence.
Processor time of all threads, the least of several turns that all sizes take in turn; threads (the CPUs that the
process may use) are compared by wall time, as nothing else shows them.

    python -m benchmarks scaling
    python -m benchmarks.scaling --figure docs/figures/fit-scaling.png
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import versant as vs
from benchmarks._engine_cases import Case, bandit, q_learning
from benchmarks.engine import cpu_name
from benchmarks.fit import as_trials
from versant.inference.likelihood import bind
from versant.inference.map import best_ends
from versant.inference.prior import default_prior

SUBJECTS, TRIALS, OPTIONS, TURNS = 1_000, 200, 4, 5
GROWING = {
    "subjects": (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000),
    "trials": (25, 50, 100, 200, 400, 800),
    "options": (2, 3, 4, 6, 8, 12, 16),
}
STAGES = ("optimiser", "with verdicts")


def case_of(what: str, size: int) -> Case:
    sizes = {"subjects": SUBJECTS, "trials": TRIALS, "options": OPTIONS} | {what: size}
    return bandit(sizes["options"], sizes["subjects"], sizes["trials"], rich=False)


def optimise(trials: vs.Trials) -> None:
    best_ends(bind(q_learning, trials), default_prior(q_learning), 1, np.random.default_rng(0))


def fit(trials: vs.Trials) -> None:
    vs.fit(q_learning, trials, starts=1)


def least_times(data: dict[int, vs.Trials], clock: Any = time.process_time) -> dict[str, list[float]]:
    """Seconds of each stage and size."""
    works = [optimise, fit]
    for trials in data.values():
        fit(trials)
    least = np.full((len(works), len(data)), np.inf)
    for _ in range(TURNS):
        for i, trials in enumerate(data.values()):
            for j, work in enumerate(works):
                start = clock()
                work(trials)
                least[j, i] = min(least[j, i], clock() - start)
    return {stage: row.tolist() for stage, row in zip(STAGES, least, strict=True)}


def threads() -> dict[int, float]:
    """Wall seconds of a fit of 10,000 subjects by the number of CPUs that the process may use."""
    if not hasattr(os, "sched_setaffinity"):
        return {}
    trials, allowed, least = as_trials(case_of("subjects", 10_000)), os.sched_getaffinity(0), {}
    for _ in range(TURNS):
        for count in range(1, len(allowed) + 1):
            os.sched_setaffinity(0, sorted(allowed)[:count])
            start = time.perf_counter()
            optimise(trials)
            least[count] = min(least.get(count, np.inf), time.perf_counter() - start)
    os.sched_setaffinity(0, allowed)
    return least


def measured() -> dict[str, dict[str, list[float]]]:
    """Seconds by what grows and stage, as each is printed."""
    found = {}
    print("what grows | size | optimiser, ms | with verdicts, ms | us a subject, with verdicts")
    for what, sizes in GROWING.items():
        found[what] = least_times({size: as_trials(case_of(what, size)) for size in sizes})
        for i, size in enumerate(sizes):
            alone, whole = (found[what][stage][i] for stage in STAGES)
            each = whole / (size if what == "subjects" else SUBJECTS)
            print(f"{what} | {size:,} | {alone * 1e3:.1f} | {whole * 1e3:.1f} | {each * 1e6:.1f}", flush=True)
    for count, seconds in threads().items():
        print(f"threads, 10,000 subjects | {count} | {seconds * 1e3:.1f} (wall) | |", flush=True)
    return found


def draw(found: dict[str, dict[str, list[float]]], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, (what, stages) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        for stage, seconds in stages.items():
            axes.plot(GROWING[what], np.array(seconds) * 1e3, "o-", label=stage, ms=4)
        axes.set(xlabel=what, ylabel="ms")
        if what == "subjects":
            axes.set(xscale="log", yscale="log")
        else:
            axes.set_ylim(0, None)
        axes.legend(frameon=False)
    figure.suptitle(f"Whole-group fit of Q-learning ({SUBJECTS:,} × {TRIALS}, {OPTIONS} options), {cpu_name()}")
    figure.savefig(path, dpi=80)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table; draw it with ``--figure``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("--figure", help="file to draw to")
    chosen = parser.parse_args(arguments)
    print(f"{cpu_name()}; {SUBJECTS:,} subjects x {TRIALS} trials, {OPTIONS} options unless told otherwise")
    found = measured()
    if chosen.figure:
        draw(found, chosen.figure)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
