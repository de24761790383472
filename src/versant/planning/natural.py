"""`natural`: occupancy-weighted proximal steps with backtracking on the exact penalty function.

The proximal term weighs each block by its usage: blocks that are used often move with care, blocks that are hardly
used move as boldly as their small gradients would not let them otherwise. As the step length grows the step becomes
policy iteration on the controller; backtracking finds how far one can go.

A step is accepted when the measured gain of the merit function reaches a small fraction of the gain that the
linearised problem promises; the step length then grows, otherwise it shrinks.

Source: Kakade 2001, *A natural policy gradient*; Fletcher 1987 (exact penalty), Parikh & Boyd 2014 (proximal steps).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.planning.protocol import Problem, Slopes, State, Trial, linear_gain, merit
from versant.planning.proximal import proximal_step, raise_penalty

__all__ = ["Natural"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Natural:
    """Occupancy-weighted proximal ascent.

    Parameters
    ----------
    fraction : float
        Smallest share of the promised gain that must be measured.
    growth, shrinkage : float
        Factors of the step length after a step accepted and refused.
    floor : float
        Smallest weight of a block, relative to the largest.
    longest : float
        Longest step length.
    """

    fraction: float = 1e-3
    growth: float = 1.7
    shrinkage: float = 0.35
    floor: float = 1e-8
    longest: float = 1e7

    @property
    def name(self) -> str:
        """What users call it."""
        return "natural"

    def weights(self, usage: Array) -> Array:
        """Weight of each block, (B, blocks)."""
        weights: Array = np.maximum(usage, self.floor * np.maximum(1.0, usage.max(axis=1, keepdims=True)))
        return weights

    def metric(self, shape: Simplices, state: State) -> Array:
        """Weight of each block in the proximal term, (B, blocks)."""
        return self.weights(state.usage)

    def first_step(self, shape: Simplices, slopes: Slopes) -> Array:
        """Let no element move by more than one."""
        pull = np.abs(slopes.slopes[:, 0]) / shape.spread(self.weights(slopes.usage))
        longest: Array = 1.0 / np.maximum(pull.max(axis=1), 1.0 / self.longest)
        return longest

    def propose(self, problem: Problem, state: State) -> Trial:
        """Try one proximal step from every row."""
        step = proximal_step(problem.shape, state, state.step, self.metric(problem.shape, state))
        penalty, again = raise_penalty(state.penalty, step)
        point = problem.evaluate(step.theta, state.solutions)
        promised = linear_gain(state, step.theta - state.theta, penalty)
        gained = merit(point.values, penalty) - merit(state.values, penalty)
        accepted = ~again & (gained >= self.fraction * np.maximum(promised, 0.0)) & (gained > 0.0)
        factor = np.where(accepted, self.growth, np.where(again, 1.0, self.shrinkage))
        length = np.minimum(state.step * factor, self.longest)
        return Trial(point, step.theta, accepted, length, penalty, step.multipliers)
