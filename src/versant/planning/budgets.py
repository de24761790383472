"""Projection onto controllers that keep the true, nonlinear budgets, by repeated linearisation.

    min ½ ‖ξ − θ‖²   subject to   θ in the simplices,  e_i(θ) ≤ 0

With e linearised at θ_j, and the way from there damped by τ ≥ 0, the next iterate is the structured projection

    θ_{j+1} = argmin ½ ‖ξ − θ‖² + τ/2 ‖θ − θ_j‖²   subject to   the simplices,  e_i(θ_j) + ∇e_i·(θ − θ_j) ≤ 0

A fixed point satisfies the optimality conditions of the nonlinear problem, whatever τ. This is the common loop of
ascent for f = −½ ‖ξ − θ‖² / n, n blocks, with proximal steps of length n / (1 + τ) ≤ n, so that its merit function
chooses τ and holds the iteration where e bends. e need not be convex: the result is a local solution, and `Outcome`
tells the excess left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.planning.ascent import Limits, ascend
from versant.planning.natural import Natural
from versant.planning.protocol import Point, Problem

__all__ = ["Outcome", "project_onto_budgets"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where repeated linearisation ended."""

    theta: Array  # (B, n)
    values: Array  # (B, 1+m) of the problem itself

    @property
    def excess(self) -> Array:
        """Largest excess over a budget, (B,)."""
        worst: Array = self.values[:, 1:].max(axis=1, initial=-np.inf)
        return worst


@dataclass(frozen=True, eq=False)
class _Slopes:
    slopes: Array  # (B, 1+m, n)
    usage: Array  # (B, blocks)


@dataclass(frozen=True, eq=False)
class _Near:
    point: Point
    away: Array  # (B, n) θ − ξ
    unit: float  # how large half a squared distance can be, about

    @property
    def values(self) -> Array:
        values = self.point.values.copy()
        values[:, 0] = -0.5 * (self.away**2).sum(axis=1) / self.unit
        return values

    @property
    def solutions(self) -> Array:
        return self.point.solutions

    def differentiate(self) -> _Slopes:
        found = self.point.differentiate()
        slopes = found.slopes.copy()
        slopes[:, 0] = -self.away / self.unit
        return _Slopes(slopes, np.ones_like(found.usage))


@dataclass(frozen=True, eq=False)
class _Distance:
    """The budgets of a problem, with the distance from one point as what is to be small."""

    problem: Problem
    target: Array  # (n,)

    @property
    def shape(self) -> Simplices:
        return self.problem.shape

    def evaluate(self, theta: Array, near: Array | None = None) -> _Near:
        return _Near(self.problem.evaluate(theta, near), theta - self.target, float(self.shape.n_blocks))


def project_onto_budgets(
    problem: Problem, points: Array, start: Array, rounds: int = 200, deadline: float = float("inf")
) -> Outcome:
    """Project `points` (B, n) onto the nonlinear budgets, linearising first at `start` (B, n).

    Parameters
    ----------
    problem : Problem
    points : (B, n) array
        ξ, anywhere.
    start : (B, n) array
        Points of the simplices.
    rounds : int
        Linearisations at most.
    deadline : float
        Value of `time.perf_counter` at which to stop.
    """
    method = Natural(longest=float(problem.shape.n_blocks))
    limits = Limits(rounds, deadline, gap=1e-13, gain=1e-14)
    theta = np.empty_like(start)
    for row, (point, first) in enumerate(zip(points, start, strict=True)):
        theta[row] = ascend(_Distance(problem, point), first[None], method, limits).theta[0]
    return Outcome(theta, problem.evaluate(theta).values)
