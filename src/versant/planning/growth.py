"""Controllers that grow: more nodes until the bound or the improvement says stop.

Sizes grow by half; where time is the limit, in greater steps, so that larger ones are reached. At every size ascents
start from the best controller so far, its most visited nodes split (which loses nothing) and disturbed, and from policy
graphs where there are any of about that size, then from the best with nodes exchanged. Growth ends when the value is
close to the upper bound, when two sizes in a row have gained next to nothing or stayed behind the policy graphs (one
such size is enough without a limit of time), or when the time is over.

Where time is the limit, the search for policy graphs goes on after each size for as long as its ascents took, and then
with all the time that is left. Where the best mixture of policy graphs is worth more than all that was found, it is the
answer as it is; if it reaches the bound, no controller becomes larger than it.

Source: Poupart & Boutilier 2004, *Bounded finite state controllers*.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.planning.columns import Columns
from versant.planning.graphstarts import NOISE, disturbed, graph_starts, split
from versant.planning.magnitude import magnitude
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

LARGEST_RATIO = 10
"""Policy graphs are made smaller to start from where they have at most so many times the nodes."""

SHARE = 0.5
"""Share of the time left that one size may take."""

PAIR_LIMIT, PAIR_LIMIT_ALONE = 20_000, 2100
"""Pairs (node, state), with budgets and without, beyond which controllers do not grow: they are policy graphs, as large
as these are."""

NUMBERS = 10_000_000
"""Numbers of a controller beyond which controllers do not grow."""

MOST_ROUNDS = 1000
"""Searches for policy graphs where time is the limit."""

MAKING = 0.1
"""Share of the time for which searches end before it is over: a large policy graph has to be made and certified."""

MARGIN = 1e-8
"""How far below the budgets mixtures stay, in units of the budgets."""


def grow(
    searches: Callable[[int], Search],
    columns: Columns | None,
    starts: int,
    seed: int,
    sizes: Sequence[int] = SIZES,
    exchange: bool = True,
    begin: Controller | None = None,
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
    exchange : bool
        Whether nodes are exchanged at every size.
    begin : Controller, optional
        A controller of one node to grow from.

    Returns
    -------
    Controller
        The best of all sizes.
    """
    if columns is not None and not can_grow(len(columns.model.start), len(columns.limits)):
        return _whole(searches, columns, seed)
    growth = _Growth(searches, columns, starts, seed, exchange)
    if begin is not None:
        growth.found, growth.rank = begin, growth.first.rank(begin)
    for size in sizes:
        begun = time.perf_counter()
        if not growth.at(size):
            break
        growth.search_on(min(2.0 * time.perf_counter() - begun, growth.first.deadline))
    growth.search_on(growth.first.end)
    return growth.best()


class _Growth:
    """The best controller so far, and whether it is worth while to go on."""

    def __init__(
        self, searches: Callable[[int], Search], columns: Columns | None, starts: int, seed: int, exchange: bool
    ) -> None:
        self.searches, self.columns, self.starts, self.seed, self.exchange = searches, columns, starts, seed, exchange
        self.rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
        self.found: Controller | None = None
        self.rank, self.idle = (np.inf, np.inf), 0
        self.first = searches(1)  # knows when the time is over

    def at(self, size: int) -> bool:
        """Ascend at a size; whether a larger one is worth while."""
        if self.found is not None and size >= _size_of_the_best_graph(self.columns):
            return False
        search = self._ascended(size)
        new = search.conclude()
        rank = search.rank(new)
        small = LITTLE * magnitude(rank[1], 1.0)
        gained = self.found is None or rank[0] < self.rank[0] or rank[1] < self.rank[1] - small
        if self.found is None or rank < self.rank:
            self.found, self.rank = new, rank
        behind = self.columns is not None and _outranks(self.columns, search, self.rank)
        if size > LEAST_SIZE:
            timed = self.columns is not None and self.columns.unlimited
            self.idle = PATIENCE if behind and not timed else self.idle + 1 if behind or not gained else 0
        larger = (
            1.5 * size * search.problem.loop.n_states > PAIR_LIMIT or 3.0 * search.problem.loop.layout.size > NUMBERS
        )
        return not (self._closed(small) or self.idle >= PATIENCE or self.first.late or larger)

    def _ascended(self, size: int) -> Search:
        """Ascents from random starts, from the best controller so far, split, and from policy graphs."""
        search = self.searches(size)
        now = time.perf_counter()
        search.deadline = now + SHARE * max(search.deadline - now, 0.0)
        search.end = now + SHARE * max(search.end - now, 0.0)
        number = self.starts if self.found is None else (self.starts + LATER_SHARE - 1) // LATER_SHARE
        search.run(islice(random_starts(search.problem, self.seed), number), "random")
        if self.found is not None:
            larger = split(self.found, _visits(self.searches(self.found.n_nodes), self.found), size)
            search.run([disturbed(larger, share, self.rng) for share in NOISE], "split")
        if self.columns is not None:
            most = LARGEST_RATIO * size
            search.run(graph_starts(self.columns, search.problem, self.seed, search.deadline, most), "graphs")
        if self.exchange:
            search.exchange()
        return search

    def _closed(self, small: float) -> bool:
        """Whether the best controller so far is worth what the bound allows."""
        bound = np.inf if self.columns is None else self.columns.upper.value / self.first.problem.scale
        return self.rank[0] == 0.0 and bound + self.rank[1] <= small

    def search_on(self, deadline: float) -> None:
        """Go on with the search for policy graphs until then, where time is the limit."""
        if self.columns is None or not self.columns.unlimited:
            return
        whole = self.first.end - self.first.planning.begun
        self.columns.stop_at(min(deadline, self.first.end - MAKING * whole))
        self.columns.generate(MOST_ROUNDS, LITTLE)

    def best(self) -> Controller:
        """The best controller, or the best mixture of policy graphs where that is better."""
        assert self.found is not None
        whole = None if self.columns is None else _graph_above(self.first, self.columns, self.rank)
        if whole is not None and self.rank[0] <= 0.0:  # a graph made smaller may be worth less than was promised
            self.first.planning.standby = -self.rank[1] * self.first.problem.scale, self.found
        return whole or self.found


def can_grow(states: int, budgets: int) -> bool:
    """Whether a problem with so many states is small enough for controllers to grow; less so without budgets."""
    return LEAST_SIZE * states <= (PAIR_LIMIT if budgets else PAIR_LIMIT_ALONE)


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
    closed = mixed.excess <= 0.0 and columns.upper.value - value <= LITTLE * magnitude(value, columns.spread)
    return mixed.graph.n_nodes if closed else np.inf


def _graph_above(search: Search, columns: Columns, rank: tuple[float, float]) -> Controller | None:
    """Return the best mixture of policy graphs if it outranks what was found by more than a little."""
    if not _outranks(columns, search, rank):
        return None
    mixed = columns.best(MARGIN)
    controller = mixed.graph.controller(search.problem.loop.layout)
    search.planning.offer(float(mixed.totals[0]), 0.0, lambda: controller)
    return controller


def _outranks(columns: Columns, search: Search, rank: tuple[float, float]) -> bool:
    """Whether the best mixture of policy graphs keeps the budgets and is worth more by more than a little."""
    mixed = columns.best(MARGIN)
    gained = float(mixed.totals[0]) / search.problem.scale + rank[1]
    return mixed.excess <= 0.0 and (rank[0] > 0.0 or gained > LITTLE * magnitude(rank[1], 1.0))


def _visits(search: Search, controller: Controller) -> Array:
    loop = search.problem.loop
    visits: Array = loop.evaluate(loop.layout.vector([controller])).occupancy[0].sum(axis=0)
    return visits
