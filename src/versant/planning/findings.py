"""What point-based searches have found of a problem, whatever the limits of its budgets.

Only the right-hand side of column generation's master knows the limits ε. What its searches find holds at all of them:
plans with their totals (v_j, h_j); bounds U(R − λ·C), each a line U + λ·ε above the optimum as a function of ε; and
where searches at other multipliers may begin, α-vectors below and ceilings above. A *pool* hands them on from one call
to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError
from versant.planning.bounds import UpperBound
from versant.planning.ceilings import Ceiling
from versant.planning.graphsearch import Solution
from versant.planning.journal import describe
from versant.planning.master import best_weights
from versant.planning.onesided import budget_scale
from versant.planning.plans import Plans
from versant.planning.policygraph import PolicyGraph
from versant.tasks.pomdp import Pomdp

__all__ = ["Findings", "Pool"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


KEPT = 1e-9
"""Excess over a budget, in units of it, that is rounding of the master's."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What searches of one problem have found."""

    solutions: tuple[Solution, ...] = ()
    plans: Plans = field(default_factory=Plans)
    alphas: Mapping[int, tuple[Array, Indices]] = field(default_factory=dict)  # of each block: (n, 1+m, c), (n,)
    ceilings: tuple[Ceiling, ...] = ()

    def upper(self, budgets: Mapping[str, float]) -> UpperBound:
        """The lowest bound of what policies within budgets earn; infinite where there is none."""
        bounds = [one.bound(budgets) for one in self.solutions]
        return min(bounds, key=lambda one: one.value, default=UpperBound(np.inf, {}, "columns"))

    def value(self, pomdp: Pomdp) -> float:
        """Value of the best mixture of the plans within a problem's budgets; not a number where none keeps them."""
        if not self.solutions:
            return float("nan")
        totals = np.stack([one.totals for one in self.solutions])  # (n, 1+m)
        limits = np.array([*pomdp.budgets.values()])
        scales = np.array([budget_scale(pomdp, name, bound) for name, bound in pomdp.budgets.items()])
        over = (totals[:, 1:] - limits) / scales
        weights = best_weights(totals[:, 0] / (np.abs(totals[:, 0]).max() or 1.0), over)
        kept = (weights @ over).max(initial=-np.inf) <= KEPT
        return float(weights @ totals[:, 0]) if kept else float("nan")

    def needed(self) -> Findings:
        """Leave out solutions that a later one tells all of, and plans that no α-vector leads to."""
        solutions = tuple(
            one
            for place, one in enumerate(self.solutions)
            if not any(_excels(other, one) for other in self.solutions[place + 1 :])
        )
        plans, number = self.plans.reached(
            np.concatenate([np.zeros(0, np.intp), *(p for _, p in self.alphas.values())])
        )
        alphas = {block: (parts, number(plan)) for block, (parts, plan) in self.alphas.items()}
        return Findings(solutions, plans, alphas, self.ceilings)

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "solutions": [_solution_to_dict(one) for one in self.solutions],
            "plans": self.plans.to_list(),
            "alphas": {str(block): [parts.tolist(), plan.tolist()] for block, (parts, plan) in self.alphas.items()},
            "ceilings": [one.to_dict() for one in self.ceilings],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Findings:
        """Make what `to_dict` returned into findings again."""
        return cls(
            tuple(_solution(one) for one in content["solutions"]),
            Plans.from_list(content["plans"]),
            {
                int(block): (np.array(parts), np.array(plan, np.intp))
                for block, (parts, plan) in content["alphas"].items()
            },
            tuple(Ceiling.from_dict(one) for one in content["ceilings"]),
        )


class Pool:
    """Findings handed on between calls of `plan` for one problem and the same budgets, at whatever limits.

    Each call begins with what those before it have found, and adds what it finds itself.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> pool, task = Pool(), tiger(costs=("risk",))
    >>> first = plan(task, budgets={"risk": 0.08}, method="columns", pool=pool)
    >>> known = len(pool.findings.solutions)
    >>> again = plan(task, budgets={"risk": 0.09}, method="columns", pool=pool)  # mixes the same plans of action
    >>> len(pool.findings.solutions) == known, first.value < again.value
    (True, True)
    """

    def __init__(self) -> None:
        self.findings = Findings()
        self.problem: str | None = None  # a digest

    def findings_of(self, pomdp: Pomdp) -> Findings:
        """Return the findings, for a problem with upper bounds only.

        Raises
        ------
        ProblemError
            Where they are of another problem, or of other budgets.
        """
        problem = describe(replace(pomdp, budgets=dict.fromkeys(pomdp.budgets, 0.0)))
        if self.problem is not None and self.problem != problem:
            raise ProblemError("the pool is of another problem or of other budgets: only limits may differ")
        self.problem = problem
        return self.findings

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {"problem": self.problem, **self.findings.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Pool:
        """Make what `to_dict` returned into a pool again."""
        pool = cls()
        pool.problem, pool.findings = content["problem"], Findings.from_dict(content)
        return pool


def _excels(other: Solution, one: Solution) -> bool:
    """Whether a solution of the same multipliers is worth and costs the same, and bounds as tightly."""
    same = np.array_equal(other.combination, one.combination) and np.array_equal(other.totals, one.totals)
    return same and other.upper <= one.upper


def _solution_to_dict(one: Solution) -> dict[str, Any]:
    graph = one.graph
    arrays = {"actions": graph.actions, "successors": graph.successors, "start": graph.start}
    arrays |= {"totals": one.totals, "combination": one.combination}
    return {**{name: array.tolist() for name, array in arrays.items()}, "upper": one.upper}


def _solution(content: Mapping[str, Any]) -> Solution:
    actions, successors = np.array(content["actions"], np.intp), np.array(content["successors"], np.intp)
    graph = PolicyGraph(actions, successors.reshape(len(actions), -1), np.array(content["start"]))
    return Solution(graph, np.array(content["totals"]), np.array(content["combination"]), float(content["upper"]))
