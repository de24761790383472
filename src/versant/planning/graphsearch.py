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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from versant.planning.bounds import UpperBound, add_budgets
from versant.planning.ceilings import inherit
from versant.planning.compression import improve
from versant.planning.joining import join, join_most
from versant.planning.magnitude import magnitude
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.policygraph import PolicyGraph
from versant.planning.thinning import cut, thin
from versant.planning.unrolling import BlockGraph, best_plan, follow, unroll

__all__ = ["GraphSearch", "Solution", "solve_by_points"]

Array = NDArray[np.float64]

PAIR_LIMIT, EDGE_LIMIT = 500_000, 20_000_000
"""Pairs (node, state of its block) and (node, pair) that a policy graph may have."""

EXCHANGE_LIMIT = 8_000_000
"""Pairs (edge, node that it might lead to) of a graph that is thinned."""

NUMBER_LIMIT = 20_000_000
"""Numbers (nodes² × pairs) that a controller made of a graph may have."""

NODE_LIMIT, FOLLOWED_LIMIT = 400, 10_000
"""Nodes of a graph that is unrolled; of the one that plans lead through."""

LEAST_NODES, CLOSING, SOLVING = 20, 0.3, 100.0
"""Nodes that a graph may always have; share of the work done that a larger one may take; multiplications for each entry
of the system of its values."""

FEW_BLOCKS = 0.5
"""Blocks for each node that a graph may have, up to which it is made so small by leaving nodes out."""

FIRST_SHARE, GROWTH = 0.1, 1.5
"""Graphs are made after this share of the effort, then whenever the work has grown by this factor."""

ROUNDS, RELUCTANCE, MOST_RELUCTANT = 8, 1.5, 4.0
"""Policy graphs made in a row, as long as each is better than the one before. Where none is better than the lower bound
was, the next are made so many times later, at most."""

LEARNT = 1e-8
"""Accuracy of the values of a large graph that are learnt."""

QUICK, GRACE = 0.2, 0.15
"""Share of the work done that making a graph may take where it is not asked for yet; share of the time since the search
began that it may take when it is late."""

LOSS, OPEN = 1e-4, 0.01
"""Share of the value, and of the gap between the bounds, that leaving nodes out may lose."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The best plan found for one combination of reward and costs, and an upper bound."""

    plan: PolicyGraph | Callable[[], PolicyGraph]  # or how to make it
    totals: Array  # (1+m,) value and costs of the plan from the start belief
    combination: Array  # (1+m,)
    upper: float  # of totals · combination, for every policy

    def bound(self, budgets: Mapping[str, float]) -> UpperBound:
        """What the search says of the optimum within budgets; infinite where it was for low costs alone."""
        if self.combination[0] != 1.0:
            return UpperBound(np.inf, {}, "columns")
        multipliers = -self.combination[1:]
        value = add_budgets(self.upper, multipliers, np.array([*budgets.values()]))
        return UpperBound(value, dict(zip(budgets, multipliers.tolist(), strict=True)), "columns")

    @cached_property
    def graph(self) -> PolicyGraph:
        """The plan as a policy graph, made when it is asked for: without costs it may be worth a little less."""
        return self.plan() if callable(self.plan) else self.plan


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
        self._next, self._caution = 0.0, 1.0  # work from which graphs are made again, and how much later if in vain
        self._cost = 0.0  # work that a node of the last of them took
        self._begun = time.perf_counter()

    def run(self, effort: float) -> Solution:
        """Search until the bounds agree or the work done reaches `effort`, about."""
        points, model = self.points, self.points.model
        if points.trials == 0:
            inherit(points, effort)
        while True:
            self._close(points.work >= effort)
            gap, target = points.gap()
            if gap <= target or points.work >= effort or time.perf_counter() >= model.deadline:
                break
            first = FIRST_SHARE * effort if points.trials == 0 else 0.0
            before = points.work
            points.run(min(effort, max(first, self._next, GROWTH * before)))
            if points.work == before:
                break
        model.alphas = points.useful()
        upper, plan = points.bound().value, best_plan(points)
        if len(points.combination) == 1 and not self._quick(plan):  # no costs to be known exactly: the graph can wait
            return Solution(lambda: self._small(plan)[0], points.bound().parts, points.combination, upper)
        graph, totals = self._small(plan)
        if totals is None:
            deadline, model.deadline = model.deadline, float("inf")  # what the graph is worth is to be exact
            totals = graph.totals(model)
            model.deadline = deadline
        return Solution(graph, totals, points.combination, upper)

    def small(self, nodes: int) -> PolicyGraph | None:
        """The best plan's graph, thinned block by block to at most `nodes` nodes and improved; None where that fails.

        It is quick where the problem is large, and thins even if it is late: compression may find a better graph, but
        takes many times as long.
        """
        model, combination = self.points.model, self.points.combination
        graph = follow(self.points, best_plan(self.points), FOLLOWED_LIMIT)
        if graph is None:
            return None
        deadline, model.deadline = model.deadline, float("inf")
        small = thin(graph, combination, nodes, float("inf"))
        model.deadline = deadline
        return improve(model, small.graph().merged(), combination) if small.n_nodes <= nodes else None

    def _quick(self, plan: int) -> bool:
        """Whether the graph that a plan leads through is made in little time."""
        graph = follow(self.points, plan, FOLLOWED_LIMIT)
        return graph is not None and SOLVING * graph.n_entries * ROUNDS <= QUICK * self.points.work

    def _small(self, plan: int) -> tuple[PolicyGraph, Array | None]:
        """The graph that a plan leads through, without the nodes that others can stand in for, and its totals.

        Where that has far too many nodes, it is the best of those that were unrolled. The totals (1+m,) are None where
        they are not known yet.
        """
        model = self.points.model
        assert self._best is not None
        limit = max(1, min(model.largest, int((NUMBER_LIMIT / len(model.owners)) ** 0.5)))
        graph, totals = follow(self.points, plan, FOLLOWED_LIMIT), self.points.bound().parts
        if graph is None:
            graph, totals = self._best, self._totals
        now, deadline = time.perf_counter(), model.deadline
        model.deadline = max(deadline, now + GRACE * (now - self._begun))
        try:
            return self._fewer(graph, totals, limit)
        finally:
            model.deadline = deadline

    def _fewer(self, graph: BlockGraph, totals: Array, limit: int) -> tuple[PolicyGraph, Array | None]:
        """A graph (of these totals) without nodes that others can stand in for, at most `limit` of them; its totals."""
        assert self._best is not None
        combination, few = self.points.combination, FEW_BLOCKS * limit
        if graph.n_nodes > limit and len(np.unique(graph.homes)) <= few:
            kept, about = cut(graph, combination, limit)
            best = self._best if float(about @ combination) < self._worth and self._best.n_nodes <= limit else kept
            return best.graph().merged(), None
        thinned = graph
        if graph.n_exchanges <= EXCHANGE_LIMIT:
            thinned = thin(graph, combination, 1, self._loss(float(totals @ combination)))
        small = join(thinned, limit)
        if small is not None:
            return small, totals if thinned is graph else thinned.totals()
        return join_most(thinned, limit), None

    def _loss(self, worth: float) -> float:
        """What leaving nodes out may lose: without costs, no more than a small share of the gap."""
        size, exact = magnitude(worth, self.points.spread), min(LOSS, self.points.model.precision)
        free = OPEN * self.points.gap()[0] if len(self.points.combination) == 1 else 0.0
        return min(LOSS * size, max(exact * size, free))

    def _close(self, last: bool) -> None:
        """Unroll the α-vectors into graphs and learn what their nodes are worth, as long as that helps.

        Unless it is the last time, that is not done where too little work has been done since.
        """
        points, model = self.points, self.points.model
        if points.work <= (self._closed_at if last else self._next):
            return
        limit = max(1, min(NODE_LIMIT, EDGE_LIMIT // len(model.owners), self._affordable))
        lower, helped = float(points.bound().parts @ points.combination), False
        for _ in range(ROUNDS):
            begun = points.work
            if self._best is not None and time.perf_counter() >= model.deadline:
                return
            graph = unroll(points, limit, PAIR_LIMIT)
            values = graph.values(float("inf") if self._best is None else model.deadline, LEARNT)
            if self._best is not None and time.perf_counter() >= model.deadline:  # values cut short are no lower bounds
                return
            self._learn(graph, values)
            points.work += SOLVING * graph.n_entries
            self._cost = (points.work - begun) / graph.n_nodes
            totals = values[0] @ model.root[1]
            worth = float(totals @ points.combination)
            gained = worth - self._worth
            if gained > 0.0:
                self._best, self._totals, self._worth = graph, totals, worth
            helped |= worth > lower + 0.01 * points.gap()[1]
            if gained <= 0.01 * points.gap()[1]:
                break
        self._caution = 1.0 if helped else min(RELUCTANCE * self._caution, MOST_RELUCTANT)
        self._closed_at, self._next = points.work, GROWTH * self._caution * points.work

    @property
    def _affordable(self) -> int:
        """Nodes of a graph that takes no more than a share of the work done."""
        return LEAST_NODES if self._cost == 0.0 else max(LEAST_NODES, int(CLOSING * self.points.work / self._cost))

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
