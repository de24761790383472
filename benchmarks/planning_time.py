"""Planning: how `plan(time=…)` keeps its time on large problems, and what its answers are worth.

Problem files are those of ``VERSANT_DATA=FOLDER`` (its ``pomdp/``); RockSample is built in. The clock is the
processor's: planning is told the time that it has worked, as on a machine with nothing else to do. A second table
certifies one policy graph within less and less time: where it cannot be followed to the end, the error bar grows.

    VERSANT_DATA=FOLDER python -m benchmarks planning_time
    VERSANT_DATA=FOLDER python -m benchmarks.planning_time --seconds 5 fourth.pomdp
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import versant as vs
from versant.planning.certificate import certify
from versant.tasks.pomdp import Pomdp

FILES = (
    "drone-8-2-95.pomdp",
    "RockSample_7_8.pomdp",
    "refuel-20-95.pomdp",
    "rocks-12-95.pomdp",
    "network-2-8-20-95.pomdp",
    "auvnavigation2d.pomdp",
    "drive_boston.pomdp",
    "fourth.pomdp",
    "hallway2.pomdp",
    "aloha.30.pomdp",
)
"""From the largest to the smallest."""

BUILT_IN = ((7, 10), (10, 10))
"""RockSample: width of the map and rocks."""

ALLOWED = (0.3, 1.0, 2.0, 4.0)
"""Seconds for certifying."""


@contextmanager
def processor_clock() -> Iterator[None]:
    """Let planning read the time that this process has worked."""
    clock, time.perf_counter = time.perf_counter, time.process_time
    try:
        yield
    finally:
        time.perf_counter = clock


def problems(names: Sequence[str]) -> Iterator[tuple[str, Callable[[], Pomdp]]]:
    folder = os.environ.get("VERSANT_DATA")
    if folder is None:
        print("(no problem files: VERSANT_DATA names the folder that holds them)")
    else:
        for name in names:
            yield name, lambda name=name: vs.read_pomdp(Path(folder) / "pomdp" / name)
    if names == FILES:
        for width, rocks in BUILT_IN:
            yield f"RockSample({width},{rocks})", lambda width=width, rocks=rocks: vs.problems.rock_sample(width, rocks)


def rows(names: Sequence[str], seconds: float) -> Iterator[str]:
    for name, make in problems(names):
        for nodes in (None, "grow"):
            problem = make()  # afresh: what is made of a problem is kept with it
            with processor_clock():
                begun = time.perf_counter()
                found = vs.plan(problem, nodes=nodes, time=seconds)
                taken = time.perf_counter() - begun
            bound = "" if found.upper_bound is None else f"{found.upper_bound:.6g}"
            sizes = f"| {name} | {problem.n_states:,} | {nodes or 5} | {found.controller.n_nodes} "
            yield f"{sizes}| {seconds:g} | {taken:.2f} | {found.value:.6g} | {found.value_error:.1e} | {bound} |"


def certificates(name: str, seconds: float) -> Iterator[str]:
    """Certify the policy graph of a search within less and less time."""
    for _, make in problems((name,)):
        problem = make()
        graph = vs.plan(problem, nodes="grow", time=seconds).controller
        for allowed in (*ALLOWED, float("inf")):
            with processor_clock():
                begun = time.perf_counter()
                found = certify(problem, graph, begun + allowed)
                taken = time.perf_counter() - begun
            worth = f"{found.value:.6g} | {found.value_error:.1e}"
            yield f"| {name} | {graph.n_nodes} | {allowed:g} | {taken:.2f} | {worth} |"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--graph", default="fourth.pomdp", help="file whose policy graph is certified in less time")
    parser.add_argument("files", nargs="*", default=FILES)
    chosen = parser.parse_args(arguments)
    print("| problem | states | nodes asked | nodes | time asked, s | taken, s | value | error bar | upper bound |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows(tuple(chosen.files), chosen.seconds):
        print(row, flush=True)
    print("\n| problem | nodes | time asked, s | taken, s | value | error bar |\n|---|---|---|---|---|---|")
    for row in certificates(chosen.graph, 4.0 * chosen.seconds):
        print(row, flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
