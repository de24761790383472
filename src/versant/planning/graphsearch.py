"""Policy graphs by point-based search: trials find α-vectors, policy graphs close them into endless plans.

An α-vector that a trial finds ends, some steps ahead, in doing one thing for ever. The policy graph that the α-vectors
unroll into never ends; its nodes' exact values are α-vectors of their own, which the trials go on from (policy
iteration). So both feed each other, in turn: graphs are made whenever the work done has grown by half, several in a row
as long as they get better, and the lower bound is the value of a graph at every moment, the one that the best plan at
the start belief leads through. In the end, nodes that others of their block can stand in for are left out.

Source: Ji et al. 2007, *Point-based policy iteration*; Poupart & Boutilier 2004 (bounded policy iteration).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.planning.bounds import UpperBound, add_budgets
from versant.planning.compression import compress, improve
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.policygraph import PolicyGraph
from versant.planning.thinning import thin
from versant.planning.unrolling import BlockGraph, follow, unroll

__all__ = ["GraphSearch", "Solution", "solve_by_points"]

Array = NDArray[np.float64]

PAIR_LIMIT, EDGE_LIMIT = 500_000, 20_000_000
"""Pairs (node, state of its block) and (node, pair) that a policy graph may have."""

EXCHANGE_LIMIT = 8_000_000
"""Pairs (edge, node that it might lead to) of a graph that is thinned."""

NUMBER_LIMIT = 20_000_000
"""Numbers (nodes² × pairs) that a controller made of a graph may have."""

NODE_LIMIT, FOLLOWED_LIMIT = 400, 3000
"""Nodes of a graph that is unrolled; of the one that plans lead through."""

FIRST_SHARE, GROWTH = 0.1, 1.5
"""Graphs are made after this share of the effort, then whenever the work has grown by this factor."""

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

    def bound(self, budgets: Mapping[str, float]) -> UpperBound:
        """What the search says of the optimum within budgets; infinite where it was for low costs alone."""
        if self.combination[0] != 1.0:
            return UpperBound(np.inf, {}, "columns")
        multipliers = -self.combination[1:]
        value = add_budgets(self.upper, multipliers, np.array([*budgets.values()]))
        return UpperBound(value, dict(zip(budgets, multipliers.tolist(), strict=True)), "columns")


def solve_by_points(model: PointBased, combination: Array, effort: float) -> Solution:
    """Search for the best plan at R = Σ_j combination_j · (reward, costs)_j; the model learns its α-vectors.

    Parameters
    ----------
    model : PointBased
    combination : (1+m,) array
    effort : float
        Multiplications, about.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> found = solve_by_points(PointBased(tiger(), ()), np.array([1.0]), effort=1e8)
    >>> bool(found.totals[0] <= found.upper <= found.totals[0] + 0.2)
    True
    """
    return GraphSearch(model, combination).run(effort)


class GraphSearch:
    """Trials and policy graphs in turn, for one combination of reward and costs; it can go on with more effort.

    Parameters
    ----------
    model : PointBased
    combination : (1+m,) array
    """

    def __init__(self, model: PointBased, combination: Array) -> None:
        self.points = PointSearch(model, combination)
        self._best: BlockGraph | None = None  # of those unrolled
        self._totals, self._worth = np.zeros(0), -np.inf  # of it: (1+m,)
        self._closed_at = 0.0  # work done when graphs were made last

    def run(self, effort: float) -> Solution:
        """Search until the bounds agree or the work done reaches `effort`, about."""
        points, model = self.points, self.points.model
        while True:
            self._close()
            gap, target = points.gap()
            if gap <= target or points.work >= effort or time.perf_counter() >= model.deadline:
                break
            first = FIRST_SHARE * effort if points.trials == 0 else 0.0
            before = points.work
            points.run(min(effort, max(first, GROWTH * points.work)))
            if points.work == before:
                break
        model.alphas = points.useful()
        graph, totals = self._small()
        if totals is None:
            deadline, model.deadline = model.deadline, float("inf")  # what the graph is worth is to be exact
            totals = graph.totals(model)
            model.deadline = deadline
        return Solution(graph, totals, points.combination, points.bound().value)

    def small(self, nodes: int) -> PolicyGraph | None:
        """The best plan's graph, thinned block by block to at most `nodes` nodes and improved; None where that fails.

        It is quick where the problem is large, and thins even if it is late: compression may find a better graph, but
        takes many times as long.
        """
        model, combination = self.points.model, self.points.combination
        graph = follow(self.points, FOLLOWED_LIMIT)
        if graph is None:
            return None
        deadline, model.deadline = model.deadline, float("inf")
        small = thin(graph, combination, nodes, float("inf"))
        model.deadline = deadline
        return improve(model, small.graph().merged(), combination) if small.n_nodes <= nodes else None

    def _small(self) -> tuple[PolicyGraph, Array | None]:
        """The graph that the best plan leads through, without the nodes that others can stand in for, and its totals.

        Where that has too many nodes, or there is no time to thin it, it is the best of those that were unrolled. The
        totals (1+m,) are None where they are not known yet.
        """
        model, combination = self.points.model, self.points.combination
        assert self._best is not None
        limit = max(1, int((NUMBER_LIMIT / len(model.owners)) ** 0.5))
        graph, totals = follow(self.points, FOLLOWED_LIMIT), self.points.bound().parts
        late = time.perf_counter() >= model.deadline
        if graph is None or graph.n_exchanges > EXCHANGE_LIMIT or (late and graph.n_nodes > limit):
            graph, totals = self._best, self._totals
        if late and graph.n_nodes <= limit:
            return graph.graph().merged(), totals
        loss = min(LOSS, 0.5 * model.precision) * max(self.points.resolution, abs(float(totals @ combination)))
        thinned = thin(graph, combination, 1, loss)
        small = thinned.graph().merged()
        if small.n_nodes <= limit:
            return small, totals if thinned is graph else thinned.totals()
        return improve(model, compress(model, small, combination, limit), combination), None

    def _close(self) -> None:
        """Unroll the α-vectors into graphs and learn what their nodes are worth, as long as that helps."""
        points, model = self.points, self.points.model
        if points.work == self._closed_at:
            return
        limit = max(1, min(NODE_LIMIT, EDGE_LIMIT // len(model.owners)))
        for _ in range(ROUNDS):
            if self._best is not None and time.perf_counter() >= model.deadline:
                return
            graph = unroll(points, limit, PAIR_LIMIT)
            values = graph.values(float("inf") if self._best is None else model.deadline)
            if self._best is not None and time.perf_counter() >= model.deadline:  # values cut short are no lower bounds
                return
            self._learn(graph, values)
            points.work += 20.0 * sum(part.size for part in values) * model.parts.shape[2]
            totals = values[0] @ model.root[1]
            worth = float(totals @ points.combination)
            gained, self._worth = worth - self._worth, max(worth, self._worth)
            self._best, self._totals = (graph, totals) if gained > 0.0 else (self._best, self._totals)
            if gained <= 0.01 * points.gap()[1]:
                break
        self._closed_at = points.work

    def _learn(self, graph: BlockGraph, values: list[Array]) -> None:
        """Add the values of a graph's nodes to the α-vectors, and the nodes to the plans."""
        plans = self.points.model.plans
        numbers = np.array(
            [plans.add(action, edge) for action, edge in zip(graph.actions.tolist(), graph.edges, strict=True)]
        )
        for number, edge in zip(numbers.tolist(), graph.edges, strict=True):
            plans.lead(number, numbers[edge])
        for home in np.unique(graph.homes).tolist():
            there = np.flatnonzero(graph.homes == home)
            cell = self.points.cell(home)
            cell.learn(np.stack([values[node] for node in there]), numbers[there])
            cell.tidy()
