"""Policy graphs by point-based search: trials find α-vectors, policy graphs close them into endless plans.

An α-vector that a trial finds ends, some steps ahead, in doing one thing for ever. The policy graph that the α-vectors
unroll into never ends; its nodes' exact values are α-vectors of their own, which the trials go on from (policy
iteration). So both feed each other, and the lower bound is the value of a graph at every moment: the one that the best
plan at the start belief leads through. In the end, nodes that others of their block can stand in for are left out.

Source: Ji et al. 2007, *Point-based policy iteration*; Poupart & Boutilier 2004 (bounded policy iteration).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.planning.compression import compress, improve
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.policygraph import PolicyGraph
from versant.planning.thinning import thin
from versant.planning.unrolling import BlockGraph, follow, unroll

__all__ = ["Solution", "small_graph", "solve_by_points"]

Array = NDArray[np.float64]

PAIR_LIMIT, EDGE_LIMIT = 500_000, 20_000_000
"""Pairs (node, state of its block) and (node, pair) that a policy graph may have."""

NUMBER_LIMIT = 20_000_000
"""Numbers (nodes² × pairs) that a controller made of a graph may have."""

NODE_LIMIT, FOLLOWED_LIMIT = 400, 3000
"""Nodes of a graph that is unrolled; of the one that plans lead through."""

SHARES = (0.1, 0.3, 1.0)
"""When, as shares of the effort, policy graphs are made."""

ROUNDS = 8
"""Policy graphs made in a row, as long as each is better than the one before."""

LOSS = 1e-4
"""Share of the value that leaving nodes out may lose."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The best policy graph found for one combination of reward and costs, and an upper bound."""

    graph: PolicyGraph
    totals: Array  # (1+m,) value and costs of the graph from the start belief
    combination: Array  # (1+m,)
    upper: float  # of totals · combination, for every policy


def solve_by_points(
    model: PointBased, combination: Array, effort: float, search: PointSearch | None = None
) -> Solution:
    """Search for the best plan at R = Σ_j combination_j · (reward, costs)_j; the model learns its α-vectors.

    Parameters
    ----------
    model : PointBased
    combination : (1+m,) array
    effort : float
        Multiplications, about.
    search : PointSearch, optional
        One of the same combination to go on with.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> found = solve_by_points(PointBased(tiger(), ()), np.array([1.0]), effort=1e8)
    >>> bool(found.totals[0] <= found.upper <= found.totals[0] + 0.2)
    True
    """
    search = PointSearch(model, combination) if search is None else search
    _close(search)
    for share in SHARES:
        search.run(share * effort)
        _close(search)
        gap, target = search.gap()
        if gap <= target:
            break
    model.alphas = search.useful()
    graph = _small(search)
    return Solution(graph, graph.totals(model), combination, search.bound().value)


def small_graph(search: PointSearch, nodes: int) -> PolicyGraph | None:
    """The best plan's graph, thinned block by block to at most `nodes` nodes and improved; None where that fails.

    It is quick where the problem is large, and thins even if it is late: compression may find a better graph, but takes
    many times as long.
    """
    graph = follow(search, FOLLOWED_LIMIT)
    if graph is None:
        return None
    deadline, search.model.deadline = search.model.deadline, float("inf")
    small = thin(graph, search.combination, nodes, float("inf"))
    search.model.deadline = deadline
    return improve(search.model, small.graph().merged(), search.combination) if small.n_nodes <= nodes else None


def _small(search: PointSearch) -> PolicyGraph:
    """The graph that the best plan leads through, without the nodes that others can stand in for."""
    model, combination = search.model, search.combination
    graph = follow(search, FOLLOWED_LIMIT)
    if graph is None or graph.n_nodes * len(model.owners) > EDGE_LIMIT:
        graph = _unrolled(search)
    loss = LOSS * max(search.resolution, abs(float(graph.totals() @ combination)))
    small = thin(graph, combination, 1, loss).graph().merged()
    limit = max(1, int((NUMBER_LIMIT / len(model.owners)) ** 0.5))
    if small.n_nodes <= limit:
        return small
    return improve(model, compress(model, small, combination, limit), combination)


def _close(search: PointSearch) -> None:
    """Unroll the α-vectors into graphs and learn what their nodes are worth, as long as that helps."""
    for _ in range(ROUNDS):
        if time.perf_counter() >= search.model.deadline:
            return
        before = float(search.bound().parts @ search.combination)
        graph = _unrolled(search)
        values = graph.values()
        _learn(search, graph, values)
        search.work += 20.0 * sum(part.size for part in values) * search.model.parts.shape[2]
        if float(search.bound().parts @ search.combination) - before <= 0.01 * search.gap()[1]:
            return


def _unrolled(search: PointSearch) -> BlockGraph:
    limit = min(NODE_LIMIT, EDGE_LIMIT // len(search.model.owners))
    return unroll(search, max(1, limit), PAIR_LIMIT)


def _learn(search: PointSearch, graph: BlockGraph, values: list[Array]) -> None:
    """Add the values of a graph's nodes to the α-vectors, and the nodes to the plans."""
    plans = search.model.plans
    numbers = np.array(
        [plans.add(action, edge) for action, edge in zip(graph.actions.tolist(), graph.edges, strict=True)]
    )
    for number, edge in zip(numbers.tolist(), graph.edges, strict=True):
        plans.lead(number, numbers[edge])
    for home in np.unique(graph.homes).tolist():
        there = np.flatnonzero(graph.homes == home)
        search.cell(home).learn(np.stack([values[node] for node in there]), numbers[there])
