"""Fewer nodes in a policy graph whose nodes stand in blocks: those that others of their block stand in for.

The edge (x, j) to node y carries the flow F_{xj}(s') = γ Σ_s d(x,s) P_k(s,s') into the block of y; to lead it to z of
the same block loses F_{xj}·(V_y − V_z) to first order. Values and occupancies are those of the block only, so that this
is quick where the problem is large (see `compression` for what leads edges to nodes anywhere).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from versant.planning.shrinking import shrink
from versant.planning.unrolling import BlockGraph

__all__ = ["cut", "thin"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

ROUNDS, ROUGH = 2, 1e-5
"""Times that edges are led elsewhere after nodes have been cut, and accuracy of the values that choose where."""


def thin(graph: BlockGraph, combination: Array, nodes: int, loss: float) -> BlockGraph:
    """Remove nodes until there are `nodes`, or the next would lose more than `loss` together.

    Examples
    --------
    >>> from versant.planning.pointbased import PointBased, PointSearch
    >>> from versant.planning.unrolling import best_plan, follow
    >>> from versant.tasks.zoo import tiger
    >>> search = PointSearch(PointBased(tiger(), ()), np.array([1.0]))
    >>> search.run(1e8)
    >>> graph = follow(search, best_plan(search), 10_000)
    >>> small = thin(graph, np.ones(1), 1, 0.1)
    >>> bool(small.n_nodes < graph.n_nodes), bool(graph.totals()[0] - small.totals()[0] < 0.2)
    (True, True)
    """
    return shrink(
        graph,
        lambda one: _Ranked(one, combination),
        nodes,
        lambda: time.perf_counter() >= graph.model.deadline,
        loss,
    )


def cut(graph: BlockGraph, combination: Array, nodes: int) -> tuple[BlockGraph, Array]:
    """Keep the `nodes` most visited nodes, as far as their blocks are left one, and lead edges to the best of them.

    Then every edge is led to the node that is best by what nodes are worth now, as long as that gains. Returns what
    the graph is worth and costs, (1+m,), too: about, for values only choose.
    """
    deadline, begun = graph.model.deadline, graph.model.root[1]
    visits = graph.occupancy(deadline, ROUGH)
    order = np.argsort([-float(one.sum()) for one in visits], kind="stable")
    kept = np.zeros(graph.n_nodes, dtype=bool)
    _, first = np.unique(graph.homes[order], return_index=True)
    kept[order[first]] = kept[0] = True  # the most visited of every block
    kept[order[~kept[order]][: max(nodes - int(kept.sum()), 0)]] = True
    best = _led(graph, combination, graph.values(deadline, ROUGH), visits, kept, kept)
    values = best.values(deadline, ROUGH)
    for _ in range(ROUNDS):
        if time.perf_counter() >= deadline:
            break
        every = np.ones(best.n_nodes, dtype=bool)
        new = _led(best, combination, values, best.occupancy(deadline, ROUGH), every, ~every)
        improved = new.values(deadline, ROUGH)
        if time.perf_counter() >= deadline or (improved[0] - values[0]) @ begun @ combination <= 0.0:
            break
        best, values = new, improved
    return best, values[0] @ begun


def _led(
    graph: BlockGraph, combination: Array, parts: list[Array], visits: list[Array], kept: Mask, stay: Mask
) -> BlockGraph:
    """The graph of the nodes kept (X,) with edges led to where they are worth most, but those to nodes that `stay`."""
    values = {}
    for home in np.unique(graph.homes[kept]).tolist():
        there = np.flatnonzero(kept & (graph.homes == home))
        values[home] = there, np.stack([np.tensordot(combination, parts[node], axes=1) for node in there])
    edges = [edge.copy() for edge in graph.edges]
    turns = graph.turns()
    for node in np.flatnonzero(kept).tolist():
        turn, sent = turns[node], turns[node].adjoint @ visits[node]
        for position in np.flatnonzero(~stay[edges[node]]).tolist():
            there, worth = values[int(turn.targets[position])]
            begin, end = turn.begins[position : position + 2]
            flow = worth @ sent[begin:end]
            if flow.any() or not kept[edges[node][position]]:
                edges[node][position] = there[int(flow.argmax())]
    return graph.with_edges(edges, parts).reachable()


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges that lead into one block."""

    sources: Indices  # (E,) node
    positions: Indices  # (E,) j
    aims: Indices  # (E,) which of the nodes there each leads to
    there: Indices  # (Z,) nodes of the block
    worth: Array  # (E, Z) what each is worth led to each of them


@dataclass(frozen=True, eq=False)
class _Ranked:
    """The nodes of a graph, by what is lost without them."""

    graph: BlockGraph
    combination: Array  # (1+m,)

    @cached_property
    def parts(self) -> list[Array]:
        return self.graph.values(self.graph.model.deadline)

    @cached_property
    def values(self) -> list[Array]:
        return [np.tensordot(self.combination, part, axes=1) for part in self.parts]

    @property
    def worth(self) -> float:
        return float(self.values[0] @ self.graph.model.root[1])

    def without(self, count: int) -> tuple[BlockGraph, float] | None:
        order = np.argsort(self._lost, kind="stable")[:count]
        removed = _spared(self.graph.homes, order[np.isfinite(self._lost[order])])
        if not len(removed):
            return None
        edges = [edge.copy() for edge in self.graph.edges]
        for into in self._edges:
            gone = np.isin(into.there, removed)
            best = into.there[np.where(gone, -np.inf, into.worth).argmax(axis=1)]
            for row in np.flatnonzero(gone[into.aims]):
                edges[into.sources[row]][into.positions[row]] = best[row]
        return self.graph.with_edges(edges, self.parts).reachable(), float(np.maximum(self._lost[removed], 0.0).sum())

    @cached_property
    def _edges(self) -> list[_Edges]:
        """The edges into each block, with what they are worth led to each node there."""
        graph, visits = self.graph, self.graph.occupancy(self.graph.model.deadline)
        into: dict[int, list[tuple[int, int, Array]]] = {}
        for node, turn in enumerate(graph.turns()):
            sent = graph.model.discount * (turn.adjoint @ visits[node])
            for position, target in enumerate(turn.targets.tolist()):
                begin, end = turn.begins[position : position + 2]
                into.setdefault(target, []).append((node, position, sent[begin:end]))
        found = []
        for target, edges in into.items():
            sources, positions = (np.array(part, dtype=np.intp) for part in list(zip(*edges, strict=True))[:2])
            there = np.flatnonzero(graph.homes == target)
            worth = np.stack([flow for _, _, flow in edges]) @ np.stack([self.values[z] for z in there]).T
            aims = np.searchsorted(there, [graph.edges[x][j] for x, j, _ in edges])
            found.append(_Edges(sources, positions, aims, there, worth))
        return found

    @cached_property
    def _lost(self) -> Array:
        """What is lost without each node, (X,); infinite for those that cannot go."""
        lost = np.full(self.graph.n_nodes, np.inf)
        for into in self._edges:
            if len(into.there) > 1:
                every = np.arange(len(into.aims))
                others = into.worth.copy()
                others[every, into.aims] = -np.inf
                own = into.sources == into.there[into.aims]
                losses = np.where(own, 0.0, into.worth[every, into.aims] - others.max(axis=1))
                lost[into.there] = np.bincount(into.aims, weights=losses, minlength=len(into.there))
        lost[0] = np.inf  # where it starts
        return lost


def _spared(homes: Indices, removed: Indices) -> Indices:
    """Of the nodes to be removed, all but the last where a block would have none left."""
    left = np.bincount(homes)
    kept = []
    for node in removed.tolist():
        if left[homes[node]] > 1:
            left[homes[node]] -= 1
            kept.append(node)
    return np.array(kept, dtype=np.intp)
