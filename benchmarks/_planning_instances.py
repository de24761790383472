"""Constrained problems made by rule from problem files, for `planning_heldout`.

A cost is *act*, uses of the action that the best policy without budgets uses most; *stay*, time in the state in which
it is most; or *loss*, the negative part of the reward. Where no policy saves a tenth of an *act* or a *stay*, the next
action or state takes its place. With h what that policy has of it and l the least that a policy was found to have, the
budget stands at l + share · (h − l), so that it binds; a floor or a total likewise; *none* asks for half of l.

``VERSANT_DATA=FOLDER python -m benchmarks._planning_instances`` prints them as they stand in `planning_heldout.tsv`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import versant as vs
from versant.planning.result import Plan
from versant.tasks.pomdp import Limits, Pomdp

__all__ = ["problem", "with_limits"]

HIGHEST_DISCOUNT = 0.999
SAVED, LEAST = 0.1, 1e-3
"""What some policy has to save of a cost: a share of it, and more than next to nothing."""

EFFORT = 3
"""Searches for the best and for the cheapest policy."""

SPECS = """
tiger.95.pomdp act .4
tiger.aaai.pomdp loss .1
tiger.95.pomdp loss .7 .99
stand-tiger.95.pomdp act .4
cheese.95.pomdp act .1
shuttle.95.pomdp act .4
hanks.95.pomdp act .4
paint.95.pomdp loss .1
mini-hall2.pomdp act .1
parr95.95.pomdp stay .4
1d.noisy.pomdp act .1
term3.pomdp act .4
web-mall.pomdp act .4
concert.pomdp act .4
bridge-repair.pomdp act .4 .95
marking.pomdp act .4
uav-search.raissa-bravo.orig.POMDP act .4
machine_maintenance act .4
cheese.95.pomdp act,stay .4,.4
shuttle.95.pomdp act,stay .7,.4
stand-tiger.95.pomdp act,loss .4,.4
hanks.95.pomdp act equal.4
shuttle.95.pomdp act equal.7
tiger.95.pomdp act .1 .999
4x3.95.pomdp stay none
4x3.95.pomdp loss .1
network.pomdp act .1
"""


def problem(source: str, discount: float | None = None) -> Pomdp:
    """A problem file, or a built-in problem, without budgets of its own."""
    home = Path(os.environ["VERSANT_DATA"]) / "pomdp"
    task = vs.read_pomdp(home / source) if "." in source else vs.problems.find(source)
    given = min(task.discount or 1.0, HIGHEST_DISCOUNT) if discount is None else discount
    return replace(task, discount=given, costs={}, budgets={}, floors={})


def with_limits(task: Pomdp, costs: str, limits: str) -> tuple[Pomdp, dict[str, Limits]]:
    """Add costs such as ``act2,loss`` with limits such as ``..1.5,0.2..`` to a problem."""
    tables, bounds = {}, {}
    for cost, limit in zip(costs.split(","), limits.split(","), strict=True):
        tables[cost] = _table(task, cost)
        low, high = (None if one == "" else float(one) for one in limit.split(".."))
        bounds[cost] = (low, high)
    return task.with_costs(tables), bounds


def _table(task: Pomdp, cost: str) -> NDArray[np.float64]:
    if cost == "loss":
        return np.maximum(-task.rewards, 0.0)
    table = np.zeros_like(task.rewards)
    if cost.startswith("act"):
        table[:, int(cost.removeprefix("act"))] = 1.0
    else:
        table[int(cost.removeprefix("stay"))] = 1.0
    return table


@dataclass(frozen=True, eq=False)
class _Maker:
    """Costs of one problem, from the best policy without budgets."""

    task: Pomdp

    @cached_property
    def best(self) -> Plan:
        return vs.plan(self.task, method="alpha", iterations=EFFORT, bounds=())

    def cost(self, kind: str) -> tuple[str, float, float]:
        """Name a cost of a kind, with the least that a policy was found to have, and what the best policy has."""
        count = {"act": self.task.n_actions, "stay": self.task.n_states}.get(kind)
        names = [kind] if count is None else [f"{kind}{place}" for place in range(count)]
        task = self.task.with_costs({name: _table(self.task, name) for name in names})
        totals = vs.evaluate(self.best.controller, task).costs
        for name in sorted(names, key=lambda one: -totals[one].value):
            high = totals[name].value
            low = -vs.plan(task, minimise=name, method="alpha", iterations=EFFORT, bounds=()).value
            if high - low > max(SAVED * high, LEAST):
                return name, max(low, 0.0), high
        raise SystemExit(f"{self.task.name}: no policy saves {kind}")


def _limits(share: str, low: float, high: float) -> str:
    if share == "none":
        return f"..{0.5 * low:.6f}"
    at = f"{low + float(share.removeprefix('floor').removeprefix('equal')) * (high - low):.6f}"
    return f"{at}.." if share.startswith("floor") else f"{at}..{at}" if share.startswith("equal") else f"..{at}"


def made() -> Iterator[tuple[str, ...]]:
    """Source, discount, costs and limits of every instance."""
    for spec in SPECS.split("\n")[1:-1]:
        source, kinds, shares, *discount = spec.split()
        maker = _Maker(problem(source, float(discount[0]) if discount else None))
        found = [maker.cost(kind) for kind in kinds.split(",")]
        limits = [_limits(share, low, high) for share, (_, low, high) in zip(shares.split(","), found, strict=True)]
        yield source, str(maker.task.discount), ",".join(name for name, _, _ in found), ",".join(limits)


if __name__ == "__main__":
    for row in made():
        print(*row, sep="\t", flush=True)
