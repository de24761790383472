"""Controllers that grow: more nodes until the bound or the improvement says stop.

Sizes grow by half. At every size ascents start from the best controller so far, its most visited nodes split (which
loses nothing) and disturbed, and from policy graphs where there are any. It ends when the value is close to the upper
bound, when two sizes in a row have gained next to nothing, or when the time is over.

Source: Poupart & Boutilier 2004, *Bounded finite state controllers*.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.planning.columns import Columns
from versant.planning.graphstarts import NOISE, disturbed, graph_starts, split
from versant.planning.search import Search, random_starts

__all__ = ["grow"]

Array = NDArray[np.float64]

SIZES = (2, 3, 5, 8, 12, 18, 27, 40, 60, 90)
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


def grow(searches: Callable[[int], Search], columns: Columns | None, starts: int, seed: int) -> Controller:
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

    Returns
    -------
    Controller
        The best of all sizes.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    best: Controller | None = None
    rank, idle = (np.inf, np.inf), 0
    if columns is not None and LEAST_SIZE * len(columns.model.start) > PAIR_LIMIT:
        return _whole(searches, columns, seed)
    for size in SIZES:
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
            return best
    return found if best is None else best


def _whole(searches: Callable[[int], Search], columns: Columns, seed: int) -> Controller:
    """Return the best mixture of policy graphs as it is; where it keeps no budgets, what ascent makes of it."""
    best = columns.best(MARGIN)
    if best.excess <= 0.0:
        return best.graph.controller(searches(1).problem.loop.layout)
    search = searches(best.graph.n_nodes)
    search.run(graph_starts(columns, search.problem, seed, search.deadline), "graphs")
    return search.conclude()


def _visits(search: Search, controller: Controller) -> Array:
    loop = search.problem.loop
    visits: Array = loop.evaluate(loop.layout.vector([controller])).occupancy[0].sum(axis=0)
    return visits
