"""Policy graphs: deterministic controllers, of any size.

Each node x takes one action a(x) and moves to one node σ(x, k) after the pair k = (a(x), o). Nodes that act alike for
ever are one node (partition refinement).

Values V_x(s) and occupancies d(x, s) are those of the chain T((x,s),(σ(x,k),s')) = P_k(s,s'), with one entry for each
of a node and of the problem's own.

Source: Hansen 1998, *Solving POMDPs by searching in policy space*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.agents.controller import Controller
from versant.agents.layout import Layout
from versant.planning.pointbased import PointBased
from versant.planning.series import ACCURACY, solve_discounted
from versant.planning.sweeps import reached_from

__all__ = ["PolicyGraph", "mixture"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class PolicyGraph:
    """A controller with X nodes that draws its first node and does the rest without chance.

    The problem has K pairs (action, observation) that can occur.
    """

    actions: Indices  # (X,)
    successors: Indices  # (X, K), the node itself where the pair is not of its action
    start: Array  # (X,) distribution of the first node

    @property
    def n_nodes(self) -> int:
        """Number of nodes, X."""
        return len(self.actions)

    def merged(self) -> PolicyGraph:
        """Return the smallest graph that acts alike, of the nodes that can be reached."""
        label = self.actions.copy()
        _, alike, _ = _distinct(self.successors.T)
        successors = self.successors[:, np.sort(alike)]  # after many pairs every node goes on as after another pair
        while True:
            _, place, finer = _distinct(np.concatenate([label[:, None], label[successors]], axis=1))
            if len(place) == len(np.unique(label)):
                break
            label = finer.ravel()
        number = finer.ravel()
        start = np.zeros(len(place))
        np.add.at(start, number, self.start)
        small = PolicyGraph(self.actions[place], number[self.successors[place]], start)
        return small.kept(small.reachable())

    def reachable(self) -> Indices:
        """List the nodes that can be reached."""
        waiting = np.flatnonzero(self.start).tolist()
        seen = set(waiting)
        while waiting:
            for following in self.successors[waiting.pop()].tolist():
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return np.array(sorted(seen), dtype=np.intp)

    def kept(self, nodes: Indices) -> PolicyGraph:
        """Keep these nodes, to which all their edges must lead."""
        number = np.full(self.n_nodes, -1, dtype=np.intp)
        number[nodes] = np.arange(len(nodes))
        return PolicyGraph(self.actions[nodes], number[self.successors[nodes]], self.start[nodes])

    def controller(self, layout: Layout) -> Controller:
        """Return the graph as a controller."""
        nodes, (actions, observations) = self.n_nodes, layout.pairs.T
        following = np.empty((nodes, len(layout.actions), len(layout.observations)), dtype=np.intp)
        following[:] = np.arange(nodes)[:, None, None]  # after pairs that cannot occur it stays
        following[:, actions, observations] = self.successors
        transition = np.zeros((*following.shape, nodes))
        np.put_along_axis(transition, following[..., None], 1.0, axis=-1)
        action = np.eye(len(layout.actions))[self.actions]
        return Controller(self.start, action, transition, layout.actions, layout.observations)

    def values(self, model: PointBased) -> Array:
        """Values of reward and costs from every node and state, (X, 1+m, S)."""
        return self.values_about(model, self.chain(model), None, ACCURACY)

    def values_about(self, model: PointBased, chain: csr_array[Any], first: Array | None, accuracy: float) -> Array:
        """The same to an accuracy, from a guess."""
        right = model.parts[:, :, self.actions].transpose(2, 1, 0)  # (X, S, 1+m)
        flat = right.reshape(-1, len(model.parts))
        guess = None if first is None else first.transpose(0, 2, 1).reshape(flat.shape)
        solved = solve_discounted(chain, model.discount, flat, model.deadline, guess, accuracy)
        return solved.reshape(right.shape).transpose(0, 2, 1)

    def occupancy(self, model: PointBased, chain: csr_array[Any] | None = None) -> Array:
        """Expected discounted number of visits d(x, s), (X, S); only pairs that are reached enter the system."""
        weights = np.outer(self.start, model.start).ravel()
        chain = self.chain(model) if chain is None else chain
        kept = reached_from(chain, np.flatnonzero(weights))
        inner = csr_array(chain[kept][:, kept].T)
        visits = np.zeros(len(weights))
        visits[kept] = solve_discounted(inner, model.discount, weights[kept, None], model.deadline)[:, 0]
        return visits.reshape(self.n_nodes, -1)

    def totals(self, model: PointBased) -> Array:
        """Value and costs from the start belief, (1+m,)."""
        return np.asarray(np.einsum("xs,jsx->j", self.occupancy(model), model.parts[:, :, self.actions]))

    def chain(self, model: PointBased) -> csr_array[Any]:
        """T over (x, s), state fastest."""
        states, acts = len(model.start), model.entries.by_action
        size = self.n_nodes * states
        parts = [acts[action] for action in self.actions.tolist()]
        columns = [
            (successors[part.pair] * states + part.following).astype(np.int32 if size < 2**31 else np.int64)
            for successors, part in zip(self.successors, parts, strict=True)
        ]
        indptr = np.concatenate([[0], np.cumsum(np.concatenate([part.counts for part in parts]))])
        data = np.concatenate([part.probability for part in parts])
        chain = csr_array((data, np.concatenate(columns), indptr), shape=(size, size))
        chain.sum_duplicates()  # observations that lead to the same pair
        return chain


def _distinct(numbers: Indices) -> tuple[Any, Indices, Indices]:
    """Distinct rows of numbers ≥ 0 in their order, where each is first, and which each row is; quicker than by axis."""
    keys = np.ascontiguousarray(numbers, dtype=">i4")  # whose bytes have the order of the numbers
    rows = keys.view(np.dtype((np.void, keys.shape[1] * keys.itemsize)))[:, 0]
    return np.unique(rows, return_index=True, return_inverse=True)


def mixture(graphs: Sequence[PolicyGraph], weights: Array) -> PolicyGraph:
    """Join graphs into one that draws at the start which of them acts."""
    begins = np.cumsum([0, *(graph.n_nodes for graph in graphs[:-1])])
    return PolicyGraph(
        np.concatenate([graph.actions for graph in graphs]),
        np.concatenate([graph.successors + begin for graph, begin in zip(graphs, begins, strict=True)]),
        np.concatenate([weight * graph.start for graph, weight in zip(graphs, weights, strict=True)]),
    )
