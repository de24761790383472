"""What a method of ascent sees of a problem, and what it does: it never sees a POMDP.

    maximise f(θ)   subject to   θ in a product of simplices,   e_i(θ) ≤ 0,  i = 1 … m

e_i is how far the i-th cost exceeds its budget. f is measured in units of how much it can vary, e_i in units of its
budget or the like, so that the same tolerances and penalties fit every problem. B points are treated side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices

__all__ = ["Method", "Point", "Problem", "Slopes", "State", "Trial", "linear_gain", "merit"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Slopes(Protocol):
    """First derivatives, and how much each block matters."""

    @property
    def slopes(self) -> Array:
        """Derivatives of f and of each e_i, (B, 1+m, n)."""

    @property
    def usage(self) -> Array:
        """How often each block is used, (B, blocks)."""


class Point(Protocol):
    """B points at which the problem has been evaluated."""

    @property
    def values(self) -> Array:
        """f and e at the points, (B, 1+m)."""

    @property
    def solutions(self) -> Array:
        """From where evaluating points near these may begin, (B, ·, ·)."""

    def differentiate(self) -> Slopes:
        """Return the derivatives, from what the evaluation has factorised."""


class Problem(Protocol):
    """A problem as the methods see it."""

    @property
    def shape(self) -> Simplices:
        """The product of simplices."""

    def evaluate(self, theta: Array, near: Array | None = None) -> Point:
        """Evaluate at points (B, n), from the solutions of points near them."""


@dataclass(frozen=True, eq=False)
class State:
    """Where B ascents stand; every field has one row an ascent."""

    theta: Array  # (B, n)
    values: Array  # (B, 1+m)
    slopes: Array  # (B, 1+m, n)
    usage: Array  # (B, blocks)
    step: Array  # (B,) step length to try next
    penalty: Array  # (B,) price of a unit of excess
    multipliers: Array  # (B, m) shadow prices of the linearised budgets
    moved: Array  # (B, n) the last step
    turned: Array  # (B, n) change of the Lagrangian's slopes along it
    solutions: Array  # (B, ·, ·) from where evaluating points near these may begin
    deadline: Array  # (B,) value of `time.perf_counter` after which a proposal comes too late

    def rows(self, chosen: NDArray[Any]) -> State:
        """Keep these ascents only."""
        return State(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def put(self, chosen: NDArray[Any], part: State) -> State:
        """Return the state with these rows replaced."""
        changed = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for name, array in changed.items():
            array[chosen] = getattr(part, name)
        return replace(self, **changed)


@dataclass(frozen=True, eq=False)
class Trial:
    """What one iteration of a method proposes."""

    point: Point  # evaluated at `theta`
    theta: Array  # (B, n)
    accepted: Mask  # (B,) whether an ascent of the merit function has been measured
    step: Array  # (B,) step length to try next
    penalty: Array  # (B,)
    multipliers: Array  # (B, m)


class Method(Protocol):
    """A rule for one iteration of ascent."""

    @property
    def name(self) -> str:
        """What users call it."""

    def first_step(self, shape: Simplices, slopes: Slopes) -> Array:
        """Choose the first step lengths, (B,)."""

    def propose(self, problem: Problem, state: State) -> Trial:
        """Try one step from every row of the state."""


def merit(values: Array, penalty: Array) -> Array:
    """The exact penalty function f − μ Σ max(0, e_i), (B,)."""
    gained: Array = values[:, 0] - penalty * np.maximum(values[:, 1:], 0.0).sum(axis=1)
    return gained


def linear_gain(state: State, move: Array, penalty: Array) -> Array:
    """What the linearised problem promises of the merit function for a move (B, n), (B,)."""
    change = (state.slopes @ move[:, :, None])[:, :, 0]
    promised: Array = merit(state.values + change, penalty) - merit(state.values, penalty)
    return promised
