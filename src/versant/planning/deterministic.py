"""Controllers without chance: rounding, then exchange of one decision at a time, then of all that a node does.

A deterministic controller begins in one node, takes one action in each, and moves to one node after each observation.
Rounding takes the likeliest of every distribution. From there one decision at a time is exchanged, as long as that
improves: more value less the price of excess over the budgets, at several prices, then less excess or, within the
budgets, more value. If one block alone changes by δ,

    f(θ + δ) − f(θ)  =  ∇f(θ)·δ / (1 + c),      1 + c > 0

(Sherman & Morrison), so that the gradient has the sign of every single exchange and tells which to evaluate. Of the
best controllers to which this leads, all that one node does is replaced, or that two or more do, as long as the ways to
do so are few enough to be evaluated (see `replacement`). The result is a local optimum; that no deterministic
controller of this size is better is not proved. Upper bounds of all policies hold for it, too, but within budgets
chance is often worth something, so that they need not be near.

Source: Littman 1994, *Memoryless policies*; Hansen 1998, *Solving POMDPs by searching in policy space*.
"""

from __future__ import annotations

import time
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.planning.problem import PlanningProblem
from versant.planning.replacement import replaced

__all__ = ["PRICES", "best_deterministic", "rounded"]

Array = NDArray[np.float64]

CANDIDATES = 32
"""Exchanges that are evaluated at a time, the most promising first."""

REPLACEMENTS, REPLACEMENT_WORK = 3000, 3e7
"""Ways of replacing what nodes do that are evaluated at most, and the elements of their systems."""

REPLACED = 3
"""So many of the best controllers have what nodes do replaced."""

ROUNDS = 500
PRICES = (1e-3, 1e-2, 1e-1, np.inf)
"""Prices of a unit of excess, one after the other, in units of f; at the last, any excess outweighs any value."""

STEEP = 10.0
"""Price by which exchanges are ordered where any excess outweighs any value."""

LEAST_GAIN = 1e-12


def rounded(shape: Simplices, theta: Array) -> Array:
    """Put all probability of every block on its likeliest element; points (B, n).

    Examples
    --------
    >>> rounded(Simplices(((2, 2),)), np.array([[0.3, 0.7, 1.0, 0.0]]))
    array([[0., 1., 1., 0.]])
    """
    parts = [np.eye(view.shape[-1])[view.argmax(axis=-1)].reshape(len(theta), -1) for view in shape.views(theta)]
    return np.concatenate(parts, axis=1)


def best_deterministic(problem: PlanningProblem, theta: Array, deadline: float = float("inf")) -> tuple[Array, Array]:
    """Round controllers (B, n) and improve them by exchanges.

    Returns
    -------
    theta : (B, n) array
    excess : (B,) array
        Largest excess over a budget, not below zero.
    """
    found = np.stack([_improved(problem, row, deadline) for row in rounded(problem.shape, theta)])
    order = problem.loop.n_states * problem.loop.layout.nodes
    most = int(min(REPLACEMENTS, REPLACEMENT_WORK / order**2))
    ranks = _ranks(problem, found, PRICES[-1])
    for best in np.lexsort((ranks[:, 1], ranks[:, 0]))[:REPLACED]:
        found[best] = _exchanged(problem, found[best], PRICES[-1], deadline, most)
    return found, _ranks(problem, found, PRICES[-1])[:, 0]


def _improved(problem: PlanningProblem, theta: Array, deadline: float) -> Array:
    """Exchange single decisions from one rounded controller (n,) until none helps."""
    ways = [theta, *(_exchanged(problem, theta, price, deadline) for price in PRICES[:-1])]
    ends = np.stack([_exchanged(problem, way, PRICES[-1], deadline) for way in ways])
    ranks = _ranks(problem, ends, PRICES[-1])
    best: Array = ends[int(np.lexsort((ranks[:, 1], ranks[:, 0]))[0])]
    return best


def _exchanged(problem: PlanningProblem, theta: Array, price: float, deadline: float, most: int = 0) -> Array:
    """Exchange decisions as long as that is better at this price of excess: single ones, then up to `most` of nodes."""
    rank = _ranks(problem, theta[None], price)[0]
    for _ in range(ROUNDS):
        improved = False
        for block in chain(_promising(problem, theta, price), replaced(problem.loop.layout, theta, most)):
            if time.perf_counter() >= deadline:
                return theta
            ranks = _ranks(problem, block, price)
            best = int(np.lexsort((ranks[:, 1], ranks[:, 0]))[0])
            if _better(ranks[best], rank):
                theta, rank, improved = block[best], ranks[best], True
                break
        if not improved:
            break
    return theta


def _better(new: Array, old: Array) -> bool:
    """Less excess or, where that is the same, more value."""
    return bool(new[0] < old[0] - LEAST_GAIN or (new[0] <= old[0] and new[1] < old[1] - LEAST_GAIN))


def _ranks(problem: PlanningProblem, theta: Array, price: float) -> Array:
    """Excess and −f of controllers or, at a finite price, 0 and price · excess − f, (B, 2): the lower, the better."""
    values = problem.evaluate(theta).values
    excess = np.maximum(values[:, 1:], 0.0)
    if np.isinf(price):
        return np.stack([excess.max(axis=1, initial=0.0), -values[:, 0]], axis=1)
    return np.stack([np.zeros(len(values)), price * excess.sum(axis=1) - values[:, 0]], axis=1)


def _promising(problem: PlanningProblem, theta: Array, price: float) -> list[Array]:
    """All controllers that differ in one decision and may be better, in blocks (k, n), the most promising first."""
    point = problem.evaluate(theta[None])
    slopes, excess = point.differentiate().slopes[0], point.values[0, 1:]
    prices = np.where(excess > 0.0, min(price, STEEP), 0.0)
    climb = slopes[0] - prices @ slopes[1:]
    gain = np.empty_like(theta)
    home = np.empty(theta.size, dtype=np.intp)  # of each element: the one its block has chosen
    begin = 0
    for view, chosen in zip(problem.shape.views(climb), problem.shape.views(theta), strict=True):
        place = chosen.argmax(axis=-1)
        size = view.size
        gain[begin : begin + size] = (view - np.take_along_axis(view, place[:, None], axis=-1)).ravel()
        length = view.shape[-1]
        home[begin : begin + size] = begin + np.repeat(np.arange(len(place)) * length + place, length)
        begin += size
    order = np.argsort(-gain, kind="stable")
    order = order[(gain[order] > 0.0) & (theta[order] == 0.0)]
    blocks = []
    for start in range(0, len(order), CANDIDATES):
        chosen_elements = order[start : start + CANDIDATES]
        moved = np.tile(theta, (len(chosen_elements), 1))
        rows = np.arange(len(chosen_elements))
        moved[rows, home[chosen_elements]] = 0.0
        moved[rows, chosen_elements] = 1.0
        blocks.append(moved)
    return blocks
