"""Planning within budgets on problems that it was not tuned on: default calls against the best that is known.

``VERSANT_DATA=FOLDER`` names the folder with the problem files (in its ``pomdp/``). The instances, made by rule (see
`_planning_instances`), and the best values known stand in ``planning_heldout.tsv``: of 3 nodes, of 8, and of any
number. Those are the best of what was tried: default calls, on few of them other seeds and more starts, columns.
Every plan is verified; its value is at most its upper bound, or the benchmark fails. Upper bounds that `verify`, by a
point-based search of its own effort, neither refutes nor confirms are named.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import versant as vs
from benchmarks._planning_instances import problem, with_limits
from versant.planning.result import Plan
from versant.planning.verdict import PlanVerdict

SIZES = (3, 8)
NEAR, CLOSE = 1e-3, 1e-2
"""Shortfalls that are counted."""

WORST = 5
"""Instances that the summary names."""


@dataclass(frozen=True)
class Instance:
    """A problem with budgets, and the best values that are known."""

    source: str
    discount: str
    costs: str
    limits: str
    best: dict[str, str]  # by number of nodes; "infeasible", or nothing where no controller of that size is known

    def __str__(self) -> str:
        terms = zip(self.costs.split(","), self.limits.split(","), strict=True)
        return f"{self.source.split('.')[0]} γ={self.discount}: " + ", ".join(
            f"{cost} {limit}" for cost, limit in terms
        )

    def planned(self, nodes: int) -> Plan:
        """Plan as a user does who names the number of nodes and nothing else."""
        task, budgets = with_limits(problem(self.source, float(self.discount)), self.costs, self.limits)
        found = vs.plan(task, nodes=nodes, budgets=budgets)
        assert found.upper_bound is None or not found.feasible or found.value - found.value_error <= found.upper_bound
        assert all(cost.kept for cost in found.costs.values()) or not found.feasible
        checked = vs.verify(found, task)
        assert not checked.failures, checked
        for remark in checked.unconfirmed:
            print(f"({self}, {nodes} nodes: {remark})")
        return found


def instances() -> Iterator[Instance]:
    """Read the instances."""
    with open(Path(__file__).with_suffix(".tsv"), encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            named = [row.pop(name) for name in ("source", "discount", "costs", "limits")]
            yield Instance(*named, row)


def shortfall(instance: Instance, nodes: int, found: Plan) -> float | None:
    """How far a plan is below the best known, relative to its value; None where no controller of the size is known."""
    known = instance.best[str(nodes)]
    if known in ("", "infeasible"):
        return None
    if not found.feasible:
        return np.inf
    return max(float(known) - found.value, 0.0) / abs(float(known))


def main() -> None:
    print("Held-out problems within budgets: default calls\n")
    print(
        "| problem, costs and limits | nodes | value | best known | short by | upper bound | slack | verdict | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    short: list[tuple[float, str]] = []
    for instance in instances():
        for nodes in SIZES:
            begun = time.process_time()
            found = instance.planned(nodes)
            seconds = time.process_time() - begun
            missed = shortfall(instance, nodes, found)
            if missed is not None:
                short.append((missed, f"{instance}, {nodes} nodes"))
            slack = min(cost.slack for cost in found.costs.values() if cost.slack is not None)
            bound = "" if found.upper_bound is None else f"{found.upper_bound:.6g}"
            said = ", ".join(
                flag for flag in found.verdict if flag not in (PlanVerdict.FEASIBLE, PlanVerdict.STATIONARY)
            )
            print(
                f"| {instance} | {nodes} | {found.value:.6g} | {instance.best[str(nodes)]} "
                f"| {'' if missed is None else f'{missed:.2%}'} | {bound} | {slack:.1e} | {said} | {seconds:.1f} |",
                flush=True,
            )
    summary(short)


def summary(short: list[tuple[float, str]]) -> None:
    """Say how many are near the best known, and which are not."""
    for level in (NEAR, CLOSE):
        print(f"\nwithin {level:.1%} of the best known: {sum(missed <= level for missed, _ in short)} of {len(short)}")
    for missed, name in sorted(short, reverse=True)[:WORST]:
        if missed > NEAR:
            print(f"short by {missed:.2%}: {name}")


if __name__ == "__main__":
    main()
