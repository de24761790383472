"""Back within the budgets: what is returned keeps every budget, error bars included.

An ascent ends near the budgets, not safely inside. From there, in this order, until one step succeeds:

1. nothing, where the controller already keeps them;
2. the nearest controller that keeps the true budgets, by repeated linearisation (see `budgets`);
3. ascent of the same problem with f = 0: it minimises the total excess alone.

With η and ψ fixed, value and costs are linear in the start distribution κ; the best κ is a small linear programme. It
is solved last, exactly, for the controller with the restored η and ψ (a mixture of start nodes often gains).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.planning.ascent import Limits, ascend
from versant.planning.budgets import project_onto_budgets
from versant.planning.natural import Natural
from versant.planning.problem import PlanningProblem
from versant.planning.protocol import Point, Problem, Slopes

__all__ = ["ROUNDING", "best_start", "minimise_excess", "restore"]

Array = NDArray[np.float64]

ROUNDING = 1e-13
"""Excesses, as fractions of a budget, that differ by less are the same."""


@dataclass(frozen=True, eq=False)
class _ExcessPoint:
    point: Point

    @property
    def values(self) -> Array:
        values = self.point.values.copy()
        values[:, 0] = 0.0
        return values

    @property
    def solutions(self) -> Array:
        return self.point.solutions

    def differentiate(self) -> Slopes:
        found = self.point.differentiate()
        slopes = found.slopes.copy()
        slopes[:, 0] = 0.0
        return _ExcessSlopes(slopes, found.usage)


@dataclass(frozen=True, eq=False)
class _ExcessSlopes:
    slopes: Array  # (B, 1+m, n)
    usage: Array  # (B, blocks)


@dataclass(frozen=True, eq=False)
class _ExcessProblem:
    """The same problem with f = 0: only the penalty of excess is left."""

    problem: Problem

    @property
    def shape(self) -> Simplices:
        return self.problem.shape

    def evaluate(self, theta: Array, near: Array | None = None) -> _ExcessPoint:
        return _ExcessPoint(self.problem.evaluate(theta, near))


def minimise_excess(problem: Problem, theta: Array, limits: Limits) -> Array:
    """Minimise the total excess over the budgets from every row of `theta` (B, n)."""
    return ascend(_ExcessProblem(problem), theta, Natural(), limits).theta


def restore(problem: PlanningProblem, theta: Array, limits: Limits, tolerance: float) -> tuple[Array, Array]:
    """Bring controllers (B, n) within the budgets of `problem`.

    Returns
    -------
    theta : (B, n) array
    excess : (B,) array
        Largest excess over a budget; above `tolerance` where restoration did not succeed.
    """
    excess = _worst(problem, theta)
    restored = theta.copy()
    for repair in (_nearest, minimise_excess):
        outside = np.flatnonzero(excess > tolerance)
        if not outside.size:
            break
        moved = repair(problem, restored[outside], limits)
        left = _worst(problem, moved)
        better = left < excess[outside] - ROUNDING
        restored[outside[better]], excess[outside[better]] = moved[better], left[better]
    return restored, excess


def best_start(problem: PlanningProblem, theta: Array) -> Array:
    """Choose the best start distribution for one controller (n,), by linear programme; unchanged if none is better."""
    from scipy.optimize import linprog

    evaluation = problem.loop.evaluate(theta[None])
    by_node = np.einsum("s,sxj->jx", problem.loop.start, evaluation.node_values[0])  # (1+costs, X)
    values, costs = by_node[0], by_node[problem.rows]
    nodes = problem.loop.layout.nodes
    solved: Any = linprog(
        -values / problem.scale,
        A_ub=costs if len(costs) else None,
        b_ub=problem.budgets if len(costs) else None,
        A_eq=np.ones((1, nodes)),
        b_eq=[1.0],
        method="highs-ds",
    )
    if solved.status != 0:
        return theta
    start = np.maximum(solved.x, 0.0)
    moved = theta.copy()
    moved[:nodes] = start / start.sum()
    before, after = problem.evaluate(np.stack([theta, moved])).values
    improved = after[0] > before[0] and after[1:].max(initial=0.0) <= max(before[1:].max(initial=0.0), 0.0)
    return moved if improved else theta


def _nearest(problem: PlanningProblem, theta: Array, limits: Limits) -> Array:
    return project_onto_budgets(problem, theta, theta, deadline=limits.deadline).theta


def _worst(problem: PlanningProblem, theta: Array) -> Array:
    worst: Array = problem.evaluate(theta).values[:, 1:].max(axis=1, initial=-np.inf)
    return worst
