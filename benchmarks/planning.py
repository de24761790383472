"""Planning: default calls on problems with known values and with binding budgets, and methods on the same starts.

Three tables. *Unconstrained*: files with known values (SARSOP's lower bound; ``VERSANT_DATA=FOLDER`` names the folder
that holds ``pomdp/known_values.tsv``; without it, built-in problems). *Budgets*: what a user gets who names problem,
budgets and nodes and nothing else; medians and the worst over seeds. *Methods*: ascents from the same random starts.
Everywhere the value of a controller within its budgets is at most the upper bound, or the benchmark fails.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import versant as vs
from versant.planning.result import Plan
from versant.tasks.pomdp import Limits, Pomdp

SEEDS = (0, 1, 2, 3, 4)
MOST_STATES = 100
LIMIT = 20.0
"""Seconds for each unconstrained problem."""
BUILT_IN = {"tiger": 19.3712, "shuttle": 32.8894, "cheese": 3.48574, "grid_4x3": 1.88988}
"""Values of SARSOP."""

ROCKS = ((1, 0), (3, 1), (1, 2), (3, 3))
"""Rocks of an instance whose sensor has half distance 20; those of the authors' RockSample(4, 4) lie elsewhere."""

Case = tuple[str, Callable[[], Pomdp], dict[str, Limits], int, str]


def tiger(*costs: str) -> Callable[[], Pomdp]:
    return lambda: vs.problems.find("tiger", costs=costs)


def grid() -> Pomdp:
    return vs.problems.find("grid_4x3", costs=("bad",))


def rocks() -> Pomdp:
    return vs.problems.rock_sample(4, 4, rocks=ROCKS, half_distance=20.0, costs=("check",))


CASES: tuple[Case, ...] = (
    ("tiger, risk ≤ .08", tiger("risk"), {"risk": 0.08}, 12, "17.6556"),
    ("tiger, risk ≤ .08", tiger("risk"), {"risk": 0.08}, 5, "15.0446"),
    ("tiger, risk ≤ .02", tiger("risk"), {"risk": 0.02}, 12, "16.2806"),
    ("tiger, risk ≤ .5, listen ≤ 14", tiger("risk", "listen"), {"risk": 0.5, "listen": 14.0}, 8, "1.8073"),
    ("tiger, listen = 12", tiger("listen"), {"listen": (12.0, 12.0)}, 5, "-38.4733"),
    ("tiger, risk ≤ .08, listen ≤ 12", tiger("risk", "listen"), {"risk": 0.08, "listen": 12.0}, 5, "infeasible"),
    ("4x3 grid, bad ≤ .2", grid, {"bad": 0.2}, 6, "1.5486"),
    ("4x3 grid, bad ≤ .2", grid, {"bad": 0.2}, 24, "1.6410"),
    ("4x3 grid, bad ≤ .05", grid, {"bad": 0.05}, 12, "0.9227"),
    ("RockSample(4, 4), check ≤ 1.5", vs.problems.rock_sample_checks, {}, 30, "14.2230"),
    ("the same, other rocks", rocks, {"check": 1.5}, 30, "14.3713"),
)

METHODS: dict[str, dict[str, Any]] = {
    "natural": {"iterations": 150},
    "sqp": {"method": "sqp", "iterations": 150},
    "pga": {"method": "pga", "iterations": 60},
}


def planned(task: Pomdp, **call: Any) -> Plan:
    """Plan; the bound must not lie below the value."""
    found = vs.plan(task, **call)
    assert found.upper_bound is None or not found.feasible or found.value - found.value_error <= found.upper_bound
    return found


def unconstrained() -> None:
    print("Unconstrained: reached, relative to SARSOP's lower bound\n")
    print("| problem | states | nodes | value | SARSOP | value / SARSOP − 1 | upper bound | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for name, task, known in known_values():
        found = planned(task, nodes="grow", time=LIMIT)
        share = (found.value - known) / abs(known)
        print(
            f"| {name} | {task.n_states} | {found.controller.n_nodes} | {found.value:.6g} | {known:.6g} | {share:+.2%} "
            f"| {found.upper_bound:.6g} | {found.seconds:.1f} |",
            flush=True,
        )


def known_values() -> Sequence[tuple[str, Pomdp, float]]:
    """Problems of at most so many states with the values of SARSOP."""
    folder = os.environ.get("VERSANT_DATA")
    if folder is None:
        return [(name, vs.problems.find(name), value) for name, value in BUILT_IN.items()]
    home = Path(folder) / "pomdp"
    with open(home / "known_values.tsv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["quantity"] == "lower_bound"]
    tasks = [(row["problem"], vs.read_pomdp(home / row["problem"]), float(row["value"])) for row in rows]
    return [one for one in tasks if one[1].n_states <= MOST_STATES]


def with_budgets() -> None:
    print("\nBudgets: default calls, medians and the worst over seeds\n")
    print("| problem | nodes | value, median | worst | best known | slack | upper bound | seconds, median | worst |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, build, budgets, nodes, reference in CASES:
        plans = [planned(build(), budgets=budgets, nodes=nodes, seed=seed) for seed in SEEDS]
        if not plans[0].feasible:
            said = {str(one.verdict[-1]) for one in plans}
            print(f"| {name} | {nodes} | {', '.join(said)} | | {reference} | | | {spread(plans)} |", flush=True)
            continue
        values = [one.value if one.feasible else -np.inf for one in plans]
        slack = min(cost.slack for cost in plans[0].costs.values() if cost.slack is not None)
        print(
            f"| {name} | {nodes} | {np.median(values):.5f} | {min(values):.5f} | {reference} | {slack:.1e} "
            f"| {np.median([one.upper_bound for one in plans]):.5f} | {spread(plans)} |",
            flush=True,
        )


def spread(plans: Sequence[Plan]) -> str:
    seconds = [one.seconds for one in plans]
    return f"{np.median(seconds):.1f} | {max(seconds):.1f}"


def methods() -> None:
    print("\nMethods: the best of ten ascents from the same random starts, medians over seeds\n")
    print("| problem | nodes | " + " | ".join(f"{name} | s" for name in METHODS) + " |")
    print("|---|---|" + "---|---|" * len(METHODS))
    for name, build, budgets, nodes, _ in CASES[:5]:
        cells = []
        for call in METHODS.values():
            given = {"families": ("random",), "starts": 10, "bounds": (), **call}
            plans = [planned(build(), budgets=budgets, nodes=nodes, seed=seed, **given) for seed in SEEDS]
            values = [one.value if one.feasible else -np.inf for one in plans]
            cells.append(f"{np.median(values):.5f} | {np.median([one.seconds for one in plans]):.2f}")
        print(f"| {name} | {nodes} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    unconstrained()
    with_budgets()
    methods()


if __name__ == "__main__":
    main()
