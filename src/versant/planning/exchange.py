"""Out of local optima: one node exchanged for what a step of lookahead would rather have there.

Where an ascent has ended, every node does what is best on average over the beliefs in which it acts. After one edge
e = (x, k) in particular the belief is another, and a node of its own might be worth more. With the values V_y of nodes
at the prices λ of the budgets, payoffs L = R − λ·C, and the flow through the edge

    F_e(s') = γ ψ(a|x) Σ_s d(s,x) P_k(s,s'),         that of the start: b₀

a new node that takes action a and goes on to the best of the nodes that are there gains, to first order,

    g(e, a) = F_e·L_a + γ Σ_{k of a} max_y (F_e P_k)·V_y  −  max_y F_e·V_y

and to lead the edges into node y elsewhere loses l(y) = Σ_e η_e(y) (F_e·V_y − max_{z≠y} F_e·V_z). Exchanges are made in
the order of g − l: also those that promise a loss, since two steps may gain where one does not.

Source: Poupart & Boutilier 2004, *Bounded finite state controllers* (escape from local optima); Hansen 1998.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from versant.planning.ascent import begin
from versant.planning.natural import Natural
from versant.planning.problem import PlanningPoint, PlanningProblem
from versant.planning.proximal import PENALTY_LIMIT, proximal_step

__all__ = ["exchangeable", "exchanges"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

TIE = 1e-12
"""Gains, relative to the spread of values, that are none: the node would be one that is there."""


TABLE_LIMIT = 20_000_000
"""Numbers of the largest table of lookahead up to which nodes are exchanged."""


def exchangeable(problem: PlanningProblem) -> bool:
    """Whether the worth of every node after any two pairs (action, observation), (K, K X + 1, X), is a small table."""
    layout = problem.loop.layout
    return layout.n_pairs * (layout.n_pairs * layout.nodes + 1) * layout.nodes <= TABLE_LIMIT


def exchanges(problem: PlanningProblem, theta: Array) -> Iterator[Array]:
    """Make controllers (n,) that differ from one (n,) in what one of its nodes is, the most promising first.

    Examples
    --------
    >>> from versant.agents.controller import Controller
    >>> from versant.tasks.zoo import tiger
    >>> problem = PlanningProblem(tiger(), 2, {})
    >>> theta = problem.loop.layout.vector([Controller.random(2, tiger().actions, tiger().observations, seed=1)])[0]
    >>> before, after = problem.evaluate(np.stack([theta, next(exchanges(problem, theta))])).values[:, 0]
    >>> bool(after > before)
    True
    """
    found = _Lookahead(problem, problem.evaluate(theta[None]), _prices(problem, theta))
    gain = found.gains  # (E, A)
    edges, acts = np.nonzero(np.abs(gain) > TIE)
    if not len(edges):
        return
    promised = gain[edges, acts][:, None] - found.losses  # (C, X)
    nodes, last = promised.shape[1], len(gain) - 1
    left = (edges[:, None] % nodes == np.arange(nodes)) & (edges[:, None] < last) & (nodes > 1)
    order = np.argsort(-np.where(left, -np.inf, promised), axis=None, kind="stable")  # no edge of the node itself
    seen = set()
    for place in order[: left.size - np.count_nonzero(left)].tolist():
        which, node = divmod(place, nodes)
        edge, action = int(edges[which]), int(acts[which])
        own, after = found.following(edge, action, node)
        if (key := (action, node, after.tobytes())) not in seen:
            seen.add(key)
            yield found.exchanged(edge, action, node, own, after)


def _prices(problem: PlanningProblem, theta: Array) -> Array:
    """Multipliers (m,) of the first step of an ascent, at the highest price of excess."""
    method = Natural()
    state = replace(begin(problem, theta[None], method), penalty=np.full(1, PENALTY_LIMIT))
    prices: Array = proximal_step(problem.shape, state, state.step, method.weights(state.usage)).multipliers[0]
    return prices


@dataclass(frozen=True, eq=False)
class _Lookahead:
    """What nodes and new nodes are worth after every edge; the last edge is the start."""

    problem: PlanningProblem
    point: PlanningPoint
    prices: Array  # (m,)

    @cached_property
    def payoffs(self) -> Array:
        """L in units of f, (S, A)."""
        return np.tensordot(self._weights, self.problem.loop.payoffs, axes=1)

    @cached_property
    def values(self) -> Array:
        """V_y(s), (S, X)."""
        return np.asarray(self.point.evaluation.node_values[0] @ self._weights)

    @cached_property
    def _weights(self) -> Array:
        problem = self.problem
        weights = np.zeros(len(problem.loop.payoffs))
        weights[0] = 1.0 / problem.scale
        weights[problem.rows] -= self.prices / problem.scales
        return weights

    @cached_property
    def parts(self) -> tuple[Array, Array, Array]:
        """κ (X,), η (K, X, X'), ψ (X, A)."""
        start, transition, action = self.problem.loop.layout.split(self.point.evaluation.theta)
        return start[0], transition[0], action[0]

    @cached_property
    def flows(self) -> Array:
        """F_e, (E, S), edge (k, x) at k X + x."""
        loop, (_, _, action) = self.problem.loop, self.parts
        arrived = loop.adjoint @ self.point.evaluation.occupancy[0]  # (R, X)
        flows = np.zeros((len(loop.reached), loop.layout.nodes, loop.n_states))
        for k, (rows, following) in enumerate(loop.reached):
            flows[k][:, following] = loop.discount * action[:, loop.pair_actions[k], None] * arrived[rows].T
        return np.concatenate([flows.reshape(-1, loop.n_states), loop.start[None]])

    @cached_property
    def aims(self) -> Array:
        """Where edges lead, (E, X)."""
        start, transition, _ = self.parts
        return np.concatenate([transition.reshape(-1, len(start)), start[None]])

    @cached_property
    def worth(self) -> Array:
        """F_e·V_y, (E, X)."""
        return self.flows @ self.values

    @cached_property
    def ahead(self) -> Array:
        """γ (F_e P_k)·V_y, (K, E, X)."""
        loop = self.problem.loop
        arrived = loop.adjoint @ self.flows.T  # (R, E)
        return np.stack(
            [loop.discount * (arrived[rows].T @ self.values[following]) for rows, following in loop.reached]
        )

    @cached_property
    def gains(self) -> Array:
        """g(e, a), (E, A); nothing after edges that are never used."""
        loop = self.problem.loop
        promised = self.flows @ self.payoffs
        np.add.at(promised.T, loop.pair_actions, self.ahead.max(axis=2))
        gains: Array = promised - self.worth.max(axis=1)[:, None]
        gains[~np.any(self.flows != 0.0, axis=1)] = 0.0
        return gains

    @cached_property
    def losses(self) -> Array:
        """l(y), (X,)."""
        nodes = self.worth.shape[1]
        if nodes == 1:
            return np.zeros(1)
        order = np.sort(self.worth, axis=1)
        others = np.where(self.worth == order[:, -1:], order[:, -2:-1], order[:, -1:])
        lost: Array = (self.aims * (self.worth - others)).sum(axis=0)
        return lost

    def following(self, edge: int, action: int, node: int) -> tuple[Indices, Indices]:
        """The pairs of an action, and where it goes on after an edge if not to `node`."""
        own = np.flatnonzero(self.problem.loop.pair_actions == action)
        return own, self._best_other(self.ahead[own, edge], node)

    def _best_other(self, worth: Array, node: int) -> Indices:
        if worth.shape[1] == 1:
            return np.zeros(len(worth), dtype=np.intp)
        masked = worth.copy()
        masked[:, node] = -np.inf
        others: Indices = masked.argmax(axis=1)
        return others

    def exchanged(self, edge: int, action: int, node: int, own: Indices, after: Indices) -> Array:
        """The controller (n,) in which `node` is what `edge` would rather lead to."""
        loop = self.problem.loop
        nodes, aims, acts = loop.layout.nodes, self.aims.copy(), self.parts[2].copy()
        others = self._best_other(self.worth, node)
        every = np.arange(len(aims))
        new: Array = self.flows @ self._new_values(action, own, after)
        better = np.flatnonzero((new > self.worth[every, others]) | (every == edge))
        aims[every, others] += np.where(others == node, 0.0, aims[:, node])
        aims[:, node] = np.where(others == node, aims[:, node], 0.0)
        aims[better] = np.eye(nodes)[node]
        aims[own * nodes + node] = np.eye(nodes)[after]
        acts[node] = np.eye(acts.shape[1])[action]
        return loop.layout.join(aims[-1], aims[:-1].reshape(-1, nodes, nodes), acts)

    def _new_values(self, action: int, own: Indices, after: Indices) -> Array:
        """Values (S,) of a node that takes an action and goes on to nodes that are there."""
        loop = self.problem.loop
        values = self.payoffs[:, action].copy()
        for k, following in zip(own, after, strict=True):
            rows, states = loop.reached[k]
            values += loop.discount * (self.values[states, following] @ loop.adjoint[rows])
        return values
