"""Smaller policy graphs, and better ones of the same size.

With values V_x(s) and occupancies d(x, s) of a graph, the edge (x, k) carries the flow

    F_{xk}(s') = γ Σ_s d(x,s) P_k(s,s')

To lead it to z instead of y loses F_{xk}·(V_y − V_z) to first order.

*Compression*: the nodes whose removal loses least are removed, and their edges led to where least is lost, until the
graph is small enough.

*Improvement*: each node takes the action, and leads its edges to the nodes, that are worth most for the states in which
it is visited; where all nodes at once do not gain, fewer do, those that promise most. It is policy iteration on a graph
of fixed size.

Source: Poupart & Boutilier 2004, *Bounded finite state controllers*; Ji et al. 2007, *Point-based policy iteration*.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.planning.pointbased import PointBased
from versant.planning.policygraph import PolicyGraph
from versant.planning.shrinking import shrink

__all__ = ["compress", "improve"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

LATE_ROUNDS, GRACE = 4, 1.0
"""When it is late, about so many rounds are left, without measuring losses, and so many seconds for sweeps."""

ROUGH = 1e-4
"""Accuracy of values that only choose among nodes."""

HALVINGS = 6
"""How often the number of nodes that change is divided, by four, before improvement gives up."""


@dataclass(frozen=True, eq=False)
class _Flows:
    """What each node sends on if it takes an action: one row for each node and pair of it."""

    sources: Indices  # (E,) node
    pairs: Indices  # (E,) k
    flows: csr_array[Any]  # (E, S')


def compress(model: PointBased, graph: PolicyGraph, combination: Array, nodes: int) -> PolicyGraph:
    """Remove nodes until there are at most `nodes`, each time those that lose least of R · combination.

    Examples
    --------
    >>> from versant.planning.graphsearch import solve_by_points
    >>> from versant.tasks.zoo import tiger
    >>> model = PointBased(tiger(), ())
    >>> graph = solve_by_points(model, np.ones(1), effort=1e8).graph
    >>> graph.n_nodes, compress(model, graph, np.ones(1), 3).n_nodes <= 3
    (5, True)
    """

    def rank(one: _Guessed) -> _Ranked:
        return _Ranked(model, one, combination)

    found = shrink(_Guessed(graph.merged()), rank, nodes, lambda: time.perf_counter() >= model.deadline)
    if found.n_nodes <= nodes:
        return found.graph.merged()
    deadline, model.deadline = model.deadline, time.perf_counter() + GRACE  # values are nearly known by now
    while found.n_nodes > nodes:
        excess, over = found.n_nodes - nodes, time.perf_counter() >= model.deadline
        found, _ = rank(found).without(excess if over else max(excess // LATE_ROUNDS, min(excess, 3)))
    model.deadline = deadline
    return max(found.graph.merged(), _one_action(model, combination), key=lambda one: rank(_Guessed(one)).worth)


def _one_action(model: PointBased, combination: Array) -> PolicyGraph:
    """One node that takes the best action for ever."""
    action = int(np.einsum("ajs,j,s->a", model.blind, combination, model.start).argmax())
    successors = np.zeros((1, len(model.owners)), dtype=np.intp)
    return PolicyGraph(np.array([action]), successors, np.ones(1))


def improve(model: PointBased, graph: PolicyGraph, combination: Array, rounds: int = 50) -> PolicyGraph:
    """Improve actions and edges of a graph, at the size it has, until nothing gains.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> model = PointBased(tiger(), ())
    >>> listen = PolicyGraph(np.array([0, 1]), np.array([[0, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]]), np.array([1.0, 0.0]))
    >>> better = improve(model, listen, np.ones(1))
    >>> bool(better.totals(model)[0] >= listen.totals(model)[0])
    True
    """
    worth, whole = float(graph.totals(model) @ combination), None
    for _ in range(rounds):
        chain = graph.chain(model)
        whole = graph.values_about(model, chain, whole, ROUGH)
        values = np.einsum("xjs,j->sx", whole, combination)
        visits = graph.occupancy(model, chain)
        actions, successors, gains = _best_responses(model, graph, combination, values, visits)
        count = int((gains > 0.0).sum())
        order = np.argsort(-gains, kind="stable")
        for _ in range(HALVINGS):
            if not count or time.perf_counter() >= model.deadline:
                return graph
            changed = order[:count]
            trial = PolicyGraph(graph.actions.copy(), graph.successors.copy(), graph.start)
            trial.actions[changed], trial.successors[changed] = actions[changed], successors[changed]
            new = float(trial.totals(model) @ combination)
            if new > worth + 1e-9 * abs(worth):
                graph, worth = trial, new
                break
            count //= 4
        else:
            return graph
    return graph


def _best_responses(
    model: PointBased, graph: PolicyGraph, combination: Array, values: Array, occupancy: Array
) -> tuple[Indices, Indices, Array]:
    """Of each node the best action (X,), the best edges (X, K), and how much more they are worth (X,)."""
    nodes, count = graph.n_nodes, model.parts.shape[2]
    payoff = np.tensordot(combination, model.parts, axes=1)  # (S, A)
    promised = occupancy @ payoff  # (X, A)
    successors = np.repeat(np.arange(nodes)[:, None], len(model.owners), axis=1)
    ahead = successors.copy()
    for action in range(count):
        found = _flows(model, occupancy, np.arange(nodes), action)
        worth = found.flows @ values  # (E, X)
        ahead[found.sources, found.pairs] = worth.argmax(axis=1)
        np.add.at(promised[:, action], found.sources, worth.max(axis=1))
    actions = promised.argmax(axis=1)
    own = model.owners[None, :] == actions[:, None]
    successors[own] = ahead[own]
    now = np.einsum("xs,sx->x", occupancy, values)
    return actions, successors, promised[np.arange(nodes), actions] - now - 1e-12 * np.abs(now)


def _flows(model: PointBased, occupancy: Array, nodes: Indices, action: int) -> _Flows:
    """What nodes send on after an action; rows only of the pairs that occur."""
    entries = model.entries
    inside = np.flatnonzero(model.owners[entries.pair] == action)
    states = len(model.start)
    codes, place = np.unique(entries.pair[inside] * states + entries.following[inside], return_inverse=True)
    shape = (states, len(codes))
    onward = csr_array((entries.probability[inside], (entries.state[inside], place.ravel())), shape=shape)
    sent = (csr_array(occupancy[nodes]) @ onward).tocoo()
    pair, following = np.divmod(codes[sent.col], states)
    source = nodes[sent.row]
    edges, row = np.unique(source * len(model.owners) + pair, return_inverse=True)
    flows = csr_array((model.discount * sent.data, (row.ravel(), following)), shape=(len(edges), states))
    return _Flows(*np.divmod(edges, len(model.owners)), flows)


@dataclass(frozen=True, eq=False)
class _Guessed:
    """A graph, and about the values of its nodes."""

    graph: PolicyGraph
    values: Array | None = None  # (X, 1+m, S)

    @property
    def n_nodes(self) -> int:
        return self.graph.n_nodes


@dataclass(frozen=True, eq=False)
class _Ranked:
    """The nodes of a graph, by what is lost without them."""

    model: PointBased
    guessed: _Guessed
    combination: Array  # (1+m,)

    @property
    def graph(self) -> PolicyGraph:
        return self.guessed.graph

    @cached_property
    def values(self) -> Array:
        return self.graph.values_about(self.model, self.chain, self.guessed.values, ROUGH)  # (X, 1+m, S)

    @cached_property
    def chain(self) -> csr_array[Any]:
        return self.graph.chain(self.model)

    @cached_property
    def occupancy(self) -> Array:
        return self.graph.occupancy(self.model, self.chain)  # (X, S)

    @cached_property
    def worth(self) -> float:
        totals = np.einsum("xs,jsx->j", self.occupancy, self.model.parts[:, :, self.graph.actions])
        return float(totals @ self.combination)

    def without(self, count: int) -> tuple[_Guessed, float]:
        source, pair, target, worth = self._edges
        begins = len(source)
        total = np.bincount(target, weights=self._lost, minlength=self.graph.n_nodes)
        removed = np.argsort(total, kind="stable")[:count]
        left = worth.copy()
        left[:, removed] = -np.inf
        redirected = np.where(np.isin(target, removed), left.argmax(axis=1), target)
        stayed = np.setdiff1d(np.arange(self.graph.n_nodes), removed)
        successors = self.graph.successors.copy()
        successors[np.isin(successors, removed)] = stayed[0]  # edges that carry nothing
        successors[source, pair] = redirected[:begins]
        start = np.zeros(self.graph.n_nodes)
        np.add.at(start, redirected[begins:], self.graph.start[target[begins:]])
        smaller = PolicyGraph(self.graph.actions, successors, start).kept(stayed)
        reached = smaller.reachable()
        guessed = _Guessed(smaller.kept(reached), self.values[stayed[reached]])
        return guessed, float(np.maximum(total[removed], 0.0).sum())

    @cached_property
    def _edges(self) -> tuple[Indices, Indices, Indices, Array]:
        """Source and pair of each edge, then where edges and first nodes lead, and what they are worth led anywhere."""
        model, graph = self.model, self.graph
        values = np.einsum("xjs,j->sx", self.values, self.combination)
        first = np.flatnonzero(graph.start)  # the last edges lead to the first nodes
        begun = csr_array(np.outer(graph.start[first], model.start))
        parts = [
            _flows(model, self.occupancy, np.flatnonzero(graph.actions == action), int(action))
            for action in np.unique(graph.actions)
        ]
        source = np.concatenate([part.sources for part in parts])
        pair = np.concatenate([part.pairs for part in parts])
        worth = np.concatenate([part.flows @ values for part in parts] + [begun @ values])  # (edges, X)
        return source, pair, np.concatenate([graph.successors[source, pair], first]), worth

    @cached_property
    def _lost(self) -> Array:
        """What is lost if each edge leads to the next best node."""
        source, _, target, worth = self._edges
        every = np.arange(len(target))
        others = worth.copy()
        others[every, target] = -np.inf
        lost: Array = worth[every, target] - others.max(axis=1)
        lost[: len(source)][source == target[: len(source)]] = 0.0  # an edge from a node to itself goes with it
        return lost
