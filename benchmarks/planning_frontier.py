"""Frontiers: what is handed on from limit to limit, against plans at every limit by themselves.

Processor time of `vs.frontier` and of as many calls of `vs.plan`, one after the other; the widest gap between bound and
value, relative to the value, over the limits. Nowhere may a value exceed its bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import versant as vs
from benchmarks.planning import grid, tiger
from versant.tasks.pomdp import Pomdp

Case = tuple[str, Callable[[], Pomdp], str, tuple[float, ...], dict[str, Any]]

TIGER = (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.5, 1.0)

CASES: tuple[Case, ...] = (
    ("tiger, 5 nodes", tiger("risk"), "risk", TIGER, {"nodes": 5}),
    ("tiger, columns", tiger("risk"), "risk", TIGER, {"method": "columns"}),
    ("4x3 grid, columns", grid, "bad", (0.05, 0.1, 0.15, 0.2, 0.3, 0.4), {"method": "columns"}),
    (
        "RockSample(4, 4), columns",
        vs.problems.rock_sample_checks,
        "check",
        (0.5, 1.0, 1.5, 2.0, 2.5),
        {"method": "columns"},
    ),
)


def traced(task: Pomdp, budget: str, limits: tuple[float, ...], call: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a frontier, and its widest gap."""
    begun = time.process_time()
    curve = vs.frontier(task, budget, limits, **call)
    seconds = time.process_time() - begun
    return seconds, widest(curve.values, curve.upper_bounds)


def alone(task: Pomdp, budget: str, limits: tuple[float, ...], call: dict[str, Any]) -> tuple[float, float]:
    """Seconds of plans by themselves, and their widest gap."""
    begun = time.process_time()
    starts = {} if call.get("method") == "columns" else {"starts": 10}  # as many as a frontier has
    plans = [vs.plan(task, budgets={budget: limit}, **call, **starts) for limit in limits]
    seconds = time.process_time() - begun
    bounds = [np.inf if one.upper_bound is None else one.upper_bound for one in plans]
    return seconds, widest(np.array([one.value if one.feasible else np.nan for one in plans]), np.array(bounds))


def widest(values: Any, bounds: Any) -> float:
    assert (values <= bounds + 1e-9 * np.abs(values)).all()
    return float(((bounds - values) / np.abs(values)).max())


def main() -> None:
    print("| frontier | limits | seconds | widest gap | alone, seconds | widest gap |")
    print("|---|---|---|---|---|---|")
    for name, build, budget, limits, call in CASES:
        cells = [
            f"{seconds:.1f} | {gap:.1e}" for seconds, gap in (f(build(), budget, limits, call) for f in (traced, alone))
        ]
        print(f"| {name} | {len(limits)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
