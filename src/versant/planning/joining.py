"""Nodes of different blocks made one: policy graphs whose nodes stand in blocks, with as few nodes as act alike.

A node needs a successor only for the pairs k = (a, o) that can occur in its block. Nodes x and y that take the same
action can be one node if, for every pair that both need, their successors are one node too: where observations tell the
blocks apart, nodes of many blocks need no pair in common. It is the reduction of an incompletely specified machine. A
partition by actions is refined until it is consistent: in every class, nodes are taken into the first part that
contradicts none of their edges.

Edges that are seldom taken can be left out of what is needed: with occupancies d, the edge (x, k) carries
γ Σ_s d(x,s) Σ_s' P_k(s,s'). The fewer are needed, the more nodes are one. Edges that were left out lead, the most taken
first, to where they led, or to a node of the block that they led to.

Source: Paull & Unger 1959, *Minimizing the number of states in incompletely specified sequential switching functions*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.planning.policygraph import PolicyGraph
from versant.planning.unrolling import BlockGraph

__all__ = ["join", "join_most"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

SHARES = (0.0, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Shares of all that edges carry that may be left out, tried in this order."""


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges of a graph, one row each."""

    sources: Indices  # (E,)
    pairs: Indices  # (E,) k
    targets: Indices  # (E,)

    def kept(self, which: NDArray[np.bool_]) -> _Edges:
        return _Edges(self.sources[which], self.pairs[which], self.targets[which])


def join(graph: BlockGraph, most: int) -> PolicyGraph | None:
    """The graph with nodes joined that never contradict each other, worth the same; None beyond `most` nodes.

    Examples
    --------
    >>> from versant.planning.pointbased import PointBased, PointSearch
    >>> from versant.planning.unrolling import best_plan, follow
    >>> from versant.tasks.zoo.rocks import rock_sample
    >>> search = PointSearch(PointBased(rock_sample(2, 1), ()), np.array([1.0]))
    >>> search.run(1e6)
    >>> graph = follow(search, best_plan(search), 1000)
    >>> small = join(graph, 100)
    >>> bool(small.n_nodes < graph.n_nodes), bool(abs(small.totals(search.model) - graph.totals())[0] < 1e-9)
    (True, True)
    """
    edges = _edges(graph)
    return _joined(graph, edges, np.ones(len(edges.sources), dtype=bool), np.zeros(len(edges.sources)), most)


def join_most(graph: BlockGraph, nodes: int) -> PolicyGraph:
    """The graph with at most `nodes` nodes (≥ 1), for which as little as possible of what edges carry is left out."""
    edges, carried = _edges(graph), _carried(graph)
    order = np.argsort(carried, kind="stable")
    least = np.cumsum(carried[order])
    found = None
    for share in SHARES:
        needed = np.ones(len(carried), dtype=bool)
        needed[order[: int(np.searchsorted(least, share * least[-1], side="right"))]] = False
        found = _joined(graph, edges, needed, carried, nodes)
        if found is not None:
            return found
    raise AssertionError("without edges there is one node")


def _edges(graph: BlockGraph) -> _Edges:
    pairs = [turn.pairs for turn in graph.turns()]
    sources = np.repeat(np.arange(graph.n_nodes), [len(one) for one in pairs])
    return _Edges(sources, np.concatenate(pairs), np.concatenate(graph.edges))


def _carried(graph: BlockGraph) -> Array:
    """What every edge carries, (E,)."""
    visits, carried = graph.occupancy(graph.model.deadline), []
    for turn, visit in zip(graph.turns(), visits, strict=True):
        carried.append(np.add.reduceat(turn.adjoint @ visit, turn.begins[:-1]))
    found: Array = graph.model.discount * np.maximum(np.concatenate(carried), 0.0)
    return found


def _joined(
    graph: BlockGraph, edges: _Edges, needed: NDArray[np.bool_], carried: Array, most: int
) -> PolicyGraph | None:
    """The graph of at most `most` joined nodes that keeps the edges needed, and of the others those that fit."""
    label = _partition(graph, edges.kept(needed), most)
    if label is None:
        return None
    count = int(label.max()) + 1
    actions, successors = np.empty(count, dtype=np.intp), np.full((count, len(graph.model.owners)), -1, dtype=np.intp)
    actions[label[label >= 0]] = graph.actions[label >= 0]
    kept = edges.kept(needed & (label[edges.sources] >= 0))
    successors[label[kept.sources], kept.pairs] = label[kept.targets]
    left = np.flatnonzero(~needed & (label[edges.sources] >= 0))
    stand_in = _by_block(graph, label)
    for edge in left[np.argsort(-carried[left], kind="stable")].tolist():
        place = label[edges.sources[edge]], edges.pairs[edge]
        if successors[place] < 0:
            target = edges.targets[edge]
            successors[place] = label[target] if label[target] >= 0 else stand_in[graph.homes[target]]
    own = np.repeat(np.arange(count)[:, None], successors.shape[1], axis=1)
    start = (np.arange(count) == label[0]).astype(np.float64)
    return PolicyGraph(actions, np.where(successors < 0, own, successors), start).merged()


def _by_block(graph: BlockGraph, label: Indices) -> Indices:
    """Of every block a class that stands in it; −1 where there is none, which leads an edge back to where it was."""
    found = np.full(graph.model.blocks.count, -1, dtype=np.intp)
    reached = np.flatnonzero(label >= 0)[::-1]
    found[graph.homes[reached]] = label[reached]
    return found


def _partition(graph: BlockGraph, edges: _Edges, most: int) -> Indices | None:
    """Class of every node that these edges reach from the first, (X,); −1 of the others; None for more than `most`."""
    begins = np.searchsorted(edges.sources, np.arange(graph.n_nodes + 1))
    pairs, targets = edges.pairs, edges.targets
    label = np.full(graph.n_nodes, -1, dtype=np.intp)
    waiting, reached = [0], {0}
    while waiting:
        node = waiting.pop()
        for following in targets[begins[node] : begins[node + 1]].tolist():
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    nodes = np.array(sorted(reached), dtype=np.intp)
    label[nodes] = np.unique(graph.actions[nodes], return_inverse=True)[1].ravel()
    places, classes = np.full(len(graph.model.owners), -1, dtype=np.intp), 0
    while classes != int(label.max()) + 1:
        classes, finer = int(label.max()) + 1, label.copy()
        parts = 0
        for members in (nodes[label[nodes] == one] for one in range(classes)):
            needs = [slice(begins[node], begins[node + 1]) for node in members.tolist()]
            used = np.unique(np.concatenate([pairs[need] for need in needs]))
            places[used] = np.arange(len(used))
            held = np.full((len(members), len(used)), -1, dtype=np.intp)  # where each part leads
            count = 0
            for node, need in zip(members.tolist(), needs, strict=True):
                at, wanted = places[pairs[need]], label[targets[need]]
                there = held[:count, at]
                fits = np.flatnonzero(((there < 0) | (there == wanted)).all(axis=1))
                part = int(fits[0]) if len(fits) else count
                count = max(count, part + 1)
                held[part, at] = wanted
                finer[node] = parts + part
            parts += count
            if parts > most:
                return None
        label = finer
    return label
