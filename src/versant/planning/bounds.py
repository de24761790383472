"""Upper bounds of what any policy can earn within the budgets, and proofs that none can keep them.

For every λ ≥ 0 and every policy that keeps the budgets, value ≤ value − Σ λ_i (h_i − ε_i); so with any upper bound U of
an unconstrained POMDP

    optimum  ≤  g(λ) = U(R − Σ λ_i C_i) + Σ λ_i ε_i          minimised over λ ≥ 0

g is convex; it is minimised by cutting planes (see `optimise.cutting`), in units in which values are of order one.
With R = 0 and Σ λ_i s_i = 1 the same g bounds how well the budgets can be kept: no policy has a largest excess, in
units of s, below −g(λ), so that g(λ) < 0 proves that no policy keeps them all.

The fully observed problem has a linear programme of its own, over discounted occupancies y(s, a):

    max Σ y R   subject to   Σ_a y(s',a) − γ Σ_{s,a} y(s,a) P(s'|s,a) = b₀(s'),   Σ y C_i ≤ ε_i,   y ≥ 0

Its bound is certified apart from the solver: with the multipliers λ̂ ≥ 0 and values V̂ that the solver returns,

    b₀·V̂ + λ̂·ε + max_{s,a}(R − λ̂·C + γ P V̂ − V̂)₊ / (1 − q)

is valid for any V̂ (see `relaxations`).

Source: Altman 1999, *Constrained Markov decision processes*; Kelley 1960; Poupart et al. 2015, *Approximate linear
programming for constrained POMDPs*.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from versant.memory import available_memory
from versant.optimise.cutting import minimise_convex
from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.pairs import pair_entries
from versant.planning.pointbased import PointBased
from versant.planning.relaxations import Relaxation
from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = [
    "BoundMethod",
    "UpperBound",
    "add_budgets",
    "affordable",
    "lagrangian_bound",
    "least_excess",
    "occupancy_bound",
    "units",
]

Array = NDArray[np.float64]

BoundMethod: TypeAlias = Literal["qmdp", "fib", "sawtooth"]

GAP = 1e-8
"""Promised decrease of a bound, as a share of the spread of values, at which the search for λ ends."""

CUTS, POINT_BASED_CUTS = 40, 8

FIB_LIMIT, SAWTOOTH_LIMIT = 100_000_000, 6_000_000
"""Elements of the tables that FIB and point-based bounds hold, above which they are not computed unless asked for."""

MEMORY_SHARE = 0.2
"""Share of the memory available that FIB's table may take."""

PROGRAMME_LIMIT = 20_000
"""Pairs (state, action) up to which the linear programme is solved without budgets."""

SECONDS, LEAST_SWEEPS = 4e-8, 5
"""What an element of a bound's table takes in a sweep, about, and how many sweeps a bound takes at the least."""

EFFORT, LAST_EFFORT = 1e8, 6e8
"""Multiplications of one point-based bound while λ is sought, and of the last at the best λ."""


@dataclass(frozen=True, eq=False)
class UpperBound:
    """A number that no policy exceeds, and the multipliers that prove it."""

    value: float
    multipliers: Mapping[str, float]
    method: str


def affordable(pairs: int, rows: int, pomdp: Pomdp, budgets: int) -> tuple[BoundMethod, ...]:
    """Choose the bounds that a problem of this size allows, the cheapest first.

    Parameters
    ----------
    pairs : int
        (action, observation) pairs that can occur.
    rows : int
        (pair, next state) combinations that can occur.
    pomdp : Pomdp
    budgets : int
        Number of budgets.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> affordable(6, 12, tiger(), 0)
    ('qmdp', 'fib', 'sawtooth')
    """
    methods: list[BoundMethod] = ["qmdp"]
    table = rows * pomdp.n_actions * (1 + budgets)
    if table <= FIB_LIMIT and (table <= SAWTOOTH_LIMIT or 8 * table <= MEMORY_SHARE * available_memory()):
        methods.append("fib")
        if rows <= SAWTOOTH_LIMIT:
            methods.append("sawtooth")
    return tuple(methods)


def lagrangian_bound(
    pomdp: Pomdp,
    budgets: Mapping[str, float],
    method: BoundMethod,
    guesses: Sequence[Mapping[str, float]] = (),
    deadline: float = float("inf"),
) -> UpperBound:
    """Minimise g over λ ≥ 0.

    Parameters
    ----------
    pomdp : Pomdp
    budgets : mapping of str to float
    method : {"qmdp", "fib", "sawtooth"}
        U: told the state after the first action, told it with one step's delay, or point-based.
    guesses : sequence of mapping of str to float
        Multipliers to try first, as those of a good controller.
    deadline : float
        Value of `time.perf_counter` after which no further λ is tried; the method of a bound that this has cut short
        says so, and one that had not even the time for the first sweeps is the largest reward for ever.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> task = tiger(costs=("listen",))
    >>> [round(lagrangian_bound(task, {"listen": 10.0}, method).value, 1) for method in ("qmdp", "fib")]
    [189.0, 62.5]
    """
    names, limits = tuple(budgets), np.array([*budgets.values()])
    if time.perf_counter() + _least_seconds(pomdp, method, len(names)) >= deadline:
        largest = float(pomdp.rewards.max()) / (1.0 - require_discounted(pomdp))
        return UpperBound(largest + 4 * UNIT_ROUNDOFF * abs(largest), dict.fromkeys(names, 0.0), f"{method}, no time")
    bounder = _bounder(pomdp, method, names, deadline)
    spread, prices = units(pomdp, names, limits)

    def measure(scaled: Array) -> tuple[float, Array]:
        multipliers = prices * scaled
        found = bounder.bound(np.concatenate([[1.0], -multipliers]))
        return add_budgets(found.value, multipliers, limits) / spread, prices * (limits - found.parts[1:]) / spread

    first = [np.array([max(one[name], 0.0) for name in names]) / prices for one in guesses if names]
    first.append(np.zeros(len(names)))
    cuts = POINT_BASED_CUTS if method == "sawtooth" else CUTS
    value, best = minimise_convex(measure, first, "orthant", cuts=cuts, tolerance=GAP, deadline=deadline)
    if isinstance(bounder, PointBased):
        bounder.effort = LAST_EFFORT
        for point in [best, *first[:1]]:
            last = measure(point)[0]
            value, best = (last, point) if last < value else (value, best)
    shadow = dict(zip(names, (prices * best).tolist(), strict=True))
    found = f"{method}, out of time" if time.perf_counter() >= deadline else method
    return UpperBound(spread * value + abs(spread * value) * 4 * UNIT_ROUNDOFF, shadow, found)


def least_excess(
    pomdp: Pomdp,
    budgets: Mapping[str, float],
    scales: Array,
    method: BoundMethod,
    deadline: float = float("inf"),
) -> UpperBound:
    """Bound from below the largest excess (h_i − ε_i) / s_i that any policy must have; positive proves infeasibility.

    The `value` returned is that lower bound, the multipliers are its proof.
    """
    names, limits = tuple(budgets), np.array([*budgets.values()])
    bounder = _bounder(pomdp, method, names, deadline)
    m = len(names)

    def measure(shares: Array) -> tuple[float, Array]:
        multipliers = shares / scales
        found = bounder.bound(np.concatenate([[0.0], -multipliers]))
        return add_budgets(found.value, multipliers, limits), (limits - found.parts[1:]) / scales

    corners = [np.eye(m)[i] for i in range(m)] + [np.full(m, 1.0 / m)]
    cuts = POINT_BASED_CUTS if method == "sawtooth" else CUTS
    value, best = minimise_convex(measure, corners, "simplex", cuts=cuts, tolerance=GAP, deadline=deadline)
    return UpperBound(-value, dict(zip(names, (best / scales).tolist(), strict=True)), method)


def occupancy_bound(pomdp: Pomdp, budgets: Mapping[str, float], deadline: float = float("inf")) -> UpperBound | None:
    """Bound by the linear programme of the fully observed problem; None where the solver finds no solution in time.

    Without budgets it says no more than QMDP does; where the problem is large, it is left to that.

    Parameters
    ----------
    pomdp : Pomdp
    budgets : mapping of str to float
    deadline : float
        Value of `time.perf_counter` at which the solver stops.
    """
    left = deadline - time.perf_counter()
    if left <= 0.0 or (not budgets and pomdp.n_states * pomdp.n_actions > PROGRAMME_LIMIT):
        return None
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, hstack

    discount = require_discounted(pomdp)
    states, names, limits = pomdp.n_states, tuple(budgets), np.array([*budgets.values()])
    flow = hstack([eye_array(states) - discount * kernel.T for kernel in pomdp.transitions]).tocsr()
    costs = np.stack([pomdp.costs[name].T.ravel() for name in names]) if names else None
    spread, _ = units(pomdp, names, limits)
    solved = linprog(
        -pomdp.rewards.T.ravel() / spread,
        A_ub=costs,
        b_ub=limits if names else None,
        A_eq=flow,
        b_eq=pomdp.start,
        method="highs",
        options={} if left == float("inf") else {"time_limit": left},
    )
    if solved.status != 0:
        return None
    multipliers = spread * np.maximum(-solved.ineqlin.marginals, 0.0) if names else np.zeros(0)
    values = -spread * np.asarray(solved.eqlin.marginals)  # (S,)
    payoff = pomdp.rewards - sum((m * pomdp.costs[name] for m, name in zip(multipliers, names, strict=True)), 0.0)
    ahead = np.stack([kernel @ values for kernel in pomdp.transitions], axis=1)  # (S, A)
    sums = max(float(kernel.sum(axis=1).max()) for kernel in pomdp.transitions)
    rounding = 4.0 * (states + 16) * UNIT_ROUNDOFF * float(np.abs(payoff).max() + np.abs(values).max())
    excess = max(float((payoff + discount * ahead - values[:, None]).max()), 0.0) + float(rounding)
    bound = float(pomdp.start @ values) + rounding + excess / (1.0 - discount * sums * (1.0 + 8 * UNIT_ROUNDOFF))
    shadow = dict(zip(names, multipliers.tolist(), strict=True))
    return UpperBound(add_budgets(bound, multipliers, limits), shadow, "occupancy")


def _least_seconds(pomdp: Pomdp, method: BoundMethod, budgets: int) -> float:
    """Seconds that the first sweeps of a bound take, about."""
    elements = sum(kernel.nnz for kernel in pomdp.transitions)
    if method != "qmdp":
        elements = len(pair_entries(pomdp).arrivals[0]) * pomdp.n_actions
    return SECONDS * LEAST_SWEEPS * elements * (1 + budgets)


def _bounder(pomdp: Pomdp, method: BoundMethod, names: tuple[str, ...], deadline: float) -> Relaxation | PointBased:
    if method == "sawtooth":
        return PointBased(pomdp, names, effort=EFFORT, deadline=deadline)
    return Relaxation(pomdp, method, names, deadline)


def add_budgets(bound: float, multipliers: Array, limits: Array) -> float:
    """Add λ·ε to a bound U, rounding upwards."""
    total = bound + float(multipliers @ limits)
    size = abs(bound) + float(np.abs(multipliers) @ np.abs(limits))
    return total + (len(limits) + 2) * 2 * UNIT_ROUNDOFF * size


def units(pomdp: Pomdp, names: tuple[str, ...], limits: Array) -> tuple[float, Array]:
    """Return the spread of values, and of each budget the price at which its worth of cost is a tenth of it."""
    horizon = 1.0 / (1.0 - require_discounted(pomdp))
    spread = float(np.ptp(pomdp.rewards)) or float(np.abs(pomdp.rewards).max()) or 1.0
    widths = np.array([np.ptp(pomdp.costs[name]) for name in names]) * horizon
    worth = np.maximum(np.abs(limits), 1e-3 * widths)
    return spread * horizon, 0.1 * spread * horizon / np.where(worth > 0.0, worth, 1.0)
