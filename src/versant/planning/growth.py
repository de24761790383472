"""Controllers that grow: more nodes until the bound or the improvement says stop.

Sizes grow by half; where time is the limit, in greater steps, so that larger ones are reached. At every size ascents
start from the best controller so far, its most visited nodes split (which loses nothing) and disturbed, and from policy
graphs where there are any. It ends when the value is close to the upper bound, when two sizes in a row have gained next
to nothing, or when the time is over. Where the best mixture of policy graphs is worth more than all that was found, it
is the answer as it is; if it reaches the bound, no controller becomes larger than it.

Source: Poupart & Boutilier 2004, *Bounded finite state controllers*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.planning.columns import Columns
from versant.planning.graphstarts import NOISE, disturbed, graph_starts, split
from versant.planning.search import Search, random_starts

__all__ = ["SIZES", "TIMED_SIZES", "can_grow", "grow"]

Array = NDArray[np.float64]

SIZES = (2, 3, 5, 8, 12, 18, 27, 40, 60, 90)
TIMED_SIZES = (2, 5, 12, 30, 75)
LITTLE = 1e-4
"""Gain, relative to the value, that counts as next to nothing; and the distance from the bound at which to stop."""

PATIENCE, LEAST_SIZE = 2, 8
"""So many sizes in a row that gain next to nothing end growth, but not below the least size."""

LATER_SHARE = 4
"""After the first size, one in so many of the random starts are run."""

PAIR_LIMIT = 20_000
"""Pairs (node, state) beyond which controllers do not grow: they are policy graphs, as large as these are."""

MARGIN = 1e-8
"""How far below the budgets mixtures stay, in units of the budgets."""


def grow(
    searches: Callable[[int], Search], columns: Columns | None, starts: int, seed: int, sizes: Sequence[int] = SIZES
) -> Controller:
    """Search at growing sizes.

    Parameters
    ----------
    searches : callable
        Makes the search for controllers of a size.
    columns : Columns or None
        Where policy graphs and a bound come from.
    starts : int
        Number of random starts at the first size; later ones have fewer.
    seed : int
    sizes : sequence of int

    Returns
    -------
    Controller
        The best of all sizes.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    best: Controller | None = None
    rank, idle = (np.inf, np.inf), 0
    if columns is not None and not can_grow(len(columns.model.start)):
        return _whole(searches, columns, seed)
    enough = _size_of_the_best_graph(columns)
    for size in sizes:
        if best is not None and size >= enough:
            break
        search = searches(size)
        number = starts if best is None else (starts + LATER_SHARE - 1) // LATER_SHARE
        search.run(islice(random_starts(search.problem, seed), number), "random")
        if best is not None:
            larger = split(best, _visits(searches(best.n_nodes), best), size)
            search.run([disturbed(larger, share, rng) for share in NOISE], "split")
        if columns is not None:
            search.run(graph_starts(columns, search.problem, seed, search.deadline), "graphs")
        found = search.conclude()
        new = search.rank(found)
        small = LITTLE * max(abs(new[1]), 1e-3)
        idle = idle + 1 if size > LEAST_SIZE and new[0] >= rank[0] and new[1] >= rank[1] - small else 0
        if best is None or new < rank:
            best, rank = found, new
        bound = np.inf if columns is None else columns.upper.value / search.problem.scale
        closed = rank[0] == 0.0 and bound + rank[1] <= small
        if closed or idle >= PATIENCE or search.late or 1.5 * size * search.problem.loop.n_states > PAIR_LIMIT:
            break
    whole = None if columns is None else _graph_above(searches(1), columns, rank)
    return whole or best or found


def can_grow(states: int) -> bool:
    """Whether a problem with so many states is small enough for controllers to grow."""
    return LEAST_SIZE * states <= PAIR_LIMIT


def _whole(searches: Callable[[int], Search], columns: Columns, seed: int) -> Controller:
    """Return the best mixture of policy graphs as it is; where it keeps no budgets, what ascent makes of it."""
    whole = _graph_above(searches(1), columns, (np.inf, np.inf))
    if whole is not None:
        return whole
    search = searches(columns.best(MARGIN).graph.n_nodes)
    search.run(graph_starts(columns, search.problem, seed, search.deadline), "graphs")
    return search.conclude()


def _size_of_the_best_graph(columns: Columns | None) -> float:
    """Number of nodes of the best mixture of policy graphs where the bound is reached with it; else infinite."""
    if columns is None:
        return np.inf
    mixed = columns.best(MARGIN)
    value = float(mixed.totals[0])
    closed = mixed.excess <= 0.0 and columns.upper.value - value <= LITTLE * max(abs(value), 1e-3 * columns.spread)
    return mixed.graph.n_nodes if closed else np.inf


def _graph_above(search: Search, columns: Columns, rank: tuple[float, float]) -> Controller | None:
    """Return the best mixture of policy graphs if it outranks what was found by more than a little."""
    mixed, scale = columns.best(MARGIN), search.problem.scale
    gained = float(mixed.totals[0]) / scale + rank[1]
    if mixed.excess > 0.0 or (rank[0] == 0.0 and gained <= LITTLE * max(abs(rank[1]), 1e-3)):
        return None
    controller = mixed.graph.controller(search.problem.loop.layout)
    search.planning.offer(float(mixed.totals[0]), 0.0, lambda: controller)
    return controller


def _visits(search: Search, controller: Controller) -> Array:
    loop = search.problem.loop
    visits: Array = loop.evaluate(loop.layout.vector([controller])).occupancy[0].sum(axis=0)
    return visits
