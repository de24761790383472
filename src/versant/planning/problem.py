"""Planning as the methods of ascent see it: controllers of one size in one POMDP, with budgets.

    f(θ) = value / s,                  s = spread of R / (1 − γ)
    e_i(θ) = (h_i(θ) − ε_i) / s_i,     s_i = max(|ε_i|, 1e-3 · spread of C_i / (1 − γ))

The scales make methods of ascent blind to units: s_i turns excess into a fraction of the budget, except where a budget
is next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError
from versant.optimise.simplex import Simplices
from versant.planning.evaluation import ClosedLoop, Evaluation
from versant.planning.gradient import Derivatives, differentiate
from versant.planning.onesided import budget_scale
from versant.tasks.pomdp import Pomdp

__all__ = ["PlanningPoint", "PlanningProblem"]

Array = NDArray[np.float64]


class PlanningProblem:
    """Controllers with `nodes` nodes for `pomdp`, within `budgets`.

    Parameters
    ----------
    pomdp : Pomdp
    nodes : int
    budgets : mapping of str to float
        Upper bound of each cost that has one.
    deadline : float
        Value of `time.perf_counter` at which solutions are taken as they are.
    """

    def __init__(self, pomdp: Pomdp, nodes: int, budgets: Mapping[str, float], deadline: float = float("inf")) -> None:
        if nodes < 1:
            raise ProblemError(f"a controller needs at least one node, not {nodes}")
        self.loop = ClosedLoop(pomdp, nodes, deadline)
        self.names = tuple(budgets)
        self.rows = np.array([1 + self.loop.costs.index(name) for name in budgets], dtype=np.intp)  # (m,)
        self.budgets = np.array([*budgets.values()])  # (m,)
        self.scales = np.array([budget_scale(pomdp, name, bound) for name, bound in budgets.items()])  # (m,)
        self.scale = float(np.ptp(pomdp.rewards)) / (1.0 - self.loop.discount) or 1.0

    def tightened(self, amount: float) -> PlanningProblem:
        """Return the same problem with every budget lowered by `amount` times its scale."""
        other = copy(self)
        other.budgets = self.budgets - amount * self.scales
        return other

    @property
    def shape(self) -> Simplices:
        """The product of simplices that controllers are points of."""
        return self.loop.layout.blocks

    def evaluate(self, theta: Array, near: Array | None = None) -> PlanningPoint:
        """Evaluate controllers (B, n), from the solutions of controllers near them."""
        evaluation = self.loop.evaluate(theta, near)
        return PlanningPoint(self, evaluation, time.perf_counter() >= self.loop.deadline)

    def select(self, totals: Array) -> Array:
        """Pick f and excesses, (B, 1+m), of totals (B, 1+costs)."""
        return np.concatenate([totals[:, :1] / self.scale, (totals[:, self.rows] - self.budgets) / self.scales], axis=1)


@dataclass(frozen=True, eq=False)
class PlanningPoint:
    """Controllers evaluated."""

    problem: PlanningProblem
    evaluation: Evaluation
    late: bool = False

    @cached_property
    def values(self) -> Array:
        """f and excesses, (B, 1+m); the worst that error bars allow where a deadline may have cut evaluation short."""
        totals = self.evaluation.totals
        if self.late:
            errors = self.evaluation.errors()
            totals = totals + np.concatenate([-errors[:, :1], errors[:, 1:]], axis=1)
        return self.problem.select(totals)

    @property
    def solutions(self) -> Array:
        """From where evaluating controllers near these may begin."""
        return self.evaluation.solutions

    def differentiate(self) -> Derivatives:
        """Derivatives of f and excesses."""
        found = differentiate(self.evaluation)
        costs = found.slopes[:, self.problem.rows] / self.problem.scales[:, None]
        return Derivatives(np.concatenate([found.slopes[:, :1] / self.problem.scale, costs], axis=1), found.usage)
