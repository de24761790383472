"""The one loop that every method of ascent runs in.

B ascents run side by side. An ascent ends when the first-order gap

    Σ_blocks max_j L_j − θ·L + Σ_i λ_i max(0, −e_i)  ≤  tolerance,      L = ∇f − Σ_i λ_i ∇e_i

(what the linearised problem promises at most, for any λ ≥ 0) at a point without excess, when nothing measurable is
gained any more, or when iterations or time are used up. Of every ascent the last point is returned, which is the best
by its merit function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.optimise.status import Ending
from versant.planning.protocol import Method, Problem, State, Trial, merit

__all__ = ["Ascent", "Limits", "ascend", "begin", "first_order_gap"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

FIRST_PENALTY = 1e-3
"""First price of a unit of excess."""

SMALL = 1e-3
"""Merits below this are not resolved any finer."""

REFUSALS = 25
"""So many steps refused in a row end an ascent."""

PATIENCE = 8
"""So many steps in a row that gain next to nothing end an ascent."""


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Parameters
    ----------
    iterations : int
        Of each ascent, refused steps included.
    deadline : float
        Value of `time.perf_counter` at which to stop.
    gap : float
        First-order gap to stop at.
    gain : float
        Gain of one step that counts as next to nothing, relative to the larger of |merit| and 0.001.
    """

    iterations: int = 2000
    deadline: float = float("inf")
    gap: float = 1e-10
    gain: float = 1e-10


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where B ascents ended."""

    theta: Array  # (B, n)
    values: Array  # (B, 1+m)
    multipliers: Array  # (B, m)
    iterations: Indices  # (B,)
    endings: tuple[Ending, ...]  # (B,)


def ascend(
    problem: Problem,
    theta: Array,
    method: Method,
    limits: Limits,
    watch: Callable[[Array, Array], None] | None = None,
) -> Ascent:
    """Run `method` from every row of `theta` (B, n).

    Parameters
    ----------
    watch : callable, optional
        Called after every iteration with the points (k, n) that moved and their values (k, 1+m).
    """
    batch = len(theta)
    whole = begin(problem, theta, method, limits.deadline)
    endings = [Ending.ITERATIONS] * batch
    iterations = np.full(batch, limits.iterations, dtype=np.intp)
    refused, idle = np.zeros(batch, dtype=np.intp), np.zeros(batch, dtype=np.intp)
    running, part = np.arange(batch), whole
    for iteration in range(1, limits.iterations + 1):
        trial = None if time.perf_counter() >= limits.deadline else method.propose(problem, part)
        if trial is None or time.perf_counter() >= limits.deadline:  # what came late may not be exact
            iterations[running] = iteration - 1
            endings = [Ending.TIME if row in running else ending for row, ending in enumerate(endings)]
            break
        before = merit(part.values, trial.penalty)
        part = _advance(part, trial)
        gained = merit(part.values, trial.penalty) - before
        if watch is not None:
            watch(part.theta[trial.accepted], part.values[trial.accepted])
        refused[running] = np.where(trial.accepted, 0, refused[running] + 1)
        small = trial.accepted & (gained <= limits.gain * np.clip(np.abs(before), SMALL, 1.0))
        idle[running] = np.where(small, idle[running] + 1, np.where(trial.accepted, 0, idle[running]))
        gap = first_order_gap(problem.shape, part.theta, part.values, part.slopes, part.multipliers)
        level = (gap <= limits.gap) & (part.values[:, 1:].max(axis=1, initial=0.0) <= 1e-9)
        stuck = (refused[running] >= REFUSALS) | (idle[running] >= PATIENCE)
        ended = level | stuck
        if ended.any():
            whole = whole.put(running[ended], part.rows(ended))
            for row, stationary in zip(running[ended], level[ended], strict=True):
                endings[row] = Ending.STATIONARY if stationary else Ending.STALLED
            iterations[running[ended]] = iteration
            running, part = running[~ended], part.rows(~ended)
        if not running.size:
            break
    whole = whole.put(running, part)
    return Ascent(whole.theta, whole.values, whole.multipliers, iterations, tuple(endings))


def first_order_gap(shape: Simplices, theta: Array, values: Array, slopes: Array, multipliers: Array) -> Array:
    """Bound what the linearised problem promises at points (B, n), for multipliers λ ≥ 0 (B, m): (B,)."""
    lagrangian = _lagrangian(slopes, multipliers)
    best = shape.maxima(lagrangian).sum(axis=1)
    slack = (multipliers * np.maximum(-values[:, 1:], 0.0)).sum(axis=1)
    gap: Array = best - (theta * lagrangian).sum(axis=1) + slack
    return gap


def _lagrangian(slopes: Array, multipliers: Array) -> Array:
    """∇f − Σ_i λ_i ∇e_i, (B, n)."""
    total: Array = slopes[:, 0] - (multipliers[:, None, :] @ slopes[:, 1:])[:, 0]
    return total


def begin(problem: Problem, theta: Array, method: Method, deadline: float = float("inf")) -> State:
    """Where ascents from points (B, n) stand before their first step."""
    point = problem.evaluate(theta)
    derivatives = point.differentiate()
    batch, m = len(theta), point.values.shape[1] - 1
    return State(
        theta,
        point.values,
        derivatives.slopes,
        derivatives.usage,
        method.first_step(problem.shape, derivatives),
        np.full(batch, FIRST_PENALTY),
        np.zeros((batch, m)),
        np.zeros_like(theta),
        np.zeros_like(theta),
        point.solutions,
        np.full(batch, deadline),
    )


def _advance(state: State, trial: Trial) -> State:
    """Move the rows whose step was accepted; the others keep their point and learn the new step length."""
    yes = trial.accepted
    if not yes.any():
        return replace(state, step=trial.step, penalty=trial.penalty, multipliers=trial.multipliers)
    derivatives = trial.point.differentiate()

    def choose(new: Array, old: Array) -> Array:
        return np.where(yes.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return State(
        choose(trial.theta, state.theta),
        choose(trial.point.values, state.values),
        choose(derivatives.slopes, state.slopes),
        choose(derivatives.usage, state.usage),
        trial.step,
        trial.penalty,
        trial.multipliers,
        choose(trial.theta - state.theta, state.moved),
        choose(_lagrangian(derivatives.slopes - state.slopes, trial.multipliers), state.turned),
        choose(trial.point.solutions, state.solutions),
        state.deadline,
    )
