"""`pga`: projected gradient ascent with golden-section search along the projected path.

    θ(α) = projection of θ + α ∇f(θ),    α* = the best of [0, ᾱ] by golden section on the merit of θ(α)

The projection is one of two: onto the simplices and the budgets linearised at θ (`linearised`), or onto the simplices
and the true nonlinear budgets by repeated linearisation (`exact`). The search runs along the *projected* path, for off
the simplices T_θ is no transition matrix and f no value; it is not unimodal there, so the step is accepted only when
an ascent of the merit function has been measured. ᾱ follows the steps that succeed: the length of a gradient has no
meaning of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from versant.optimise.linesearch import golden_section
from versant.optimise.simplex import Simplices
from versant.planning.budgets import project_onto_budgets
from versant.planning.protocol import Point, Problem, Slopes, State, Trial, merit
from versant.planning.proximal import proximal_step, raise_penalty

__all__ = ["Pga"]

Array = NDArray[np.float64]

ROUNDS = 10
"""Linearisations of the exact projection, for each step length tried."""


@dataclass(frozen=True)
class Pga:
    """Projected gradient ascent.

    Parameters
    ----------
    projection : {"linearised", "exact"}
        Onto which budgets.
    tolerance : float
        Width of the last golden-section interval, relative to the first.
    """

    projection: Literal["linearised", "exact"] = "linearised"
    tolerance: float = 1e-2

    @property
    def name(self) -> str:
        """What users call it."""
        return "pga" if self.projection == "linearised" else "pga-exact"

    def first_step(self, shape: Simplices, slopes: Slopes) -> Array:
        """Let no element move by more than one."""
        longest: Array = 1.0 / np.maximum(np.abs(slopes.slopes[:, 0]).max(axis=1), 1e-12)
        return longest

    def propose(self, problem: Problem, state: State) -> Trial:
        """Search the projected path of every row."""
        weights = np.ones_like(state.usage)
        far = proximal_step(problem.shape, state, state.step, weights)
        penalty, again = raise_penalty(state.penalty, far)

        def at(length: Array) -> tuple[Array, Point]:
            near = proximal_step(problem.shape, state, length, weights).theta
            if self.projection == "linearised" or not state.multipliers.size:
                return near, problem.evaluate(near, state.solutions)
            raised = state.theta + length[:, None] * state.slopes[:, 0]
            found = project_onto_budgets(problem, raised, near, rounds=ROUNDS).theta
            return found, problem.evaluate(found, state.solutions)

        here = merit(state.values, penalty)
        best, highest = golden_section(
            lambda length: merit(at(length)[1].values, penalty), state.step, here, self.tolerance
        )
        accepted = (highest > here) & ~again
        theta, point = at(np.where(best > 0.0, best, state.step))
        length = np.where(best >= 0.9 * state.step, 4.0 * state.step, 2.0 * best)
        length = np.where(best > 0.0, length, 0.1 * state.step)
        return Trial(point, theta, accepted, np.where(again, state.step, length), penalty, far.multipliers)
