"""Policy graphs of point-based searches: nodes that stand in a block of states.

*Followed*: a plan of action knows the plans it goes on with; those that can be reached from the best plan at the start
belief are a graph, worth exactly what its α-vector says. It ends, many steps ahead, in one action for ever.

*Unrolled*: from the start belief, beliefs are visited in the order of their discounted probability; at the first belief
at which an α-vector is best, one step of lookahead chooses its action and, for each observation, the α-vector that is
best afterwards. What is then left open — the graph has a largest size — leads to the best of the nodes that are there.
Such a graph never ends. It may be worth more or less than the α-vectors promise; where it is worth more, its nodes'
values are α-vectors to go on from (policy iteration).

A node needs values only in the states of its block: (I − γT) V = r is a system over pairs (node, state of its block).

Source: Hansen 1998, *Solving POMDPs by searching in policy space*; Ji et al. 2007, *Point-based policy iteration*.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from versant.planning.blocks import Turn
from versant.planning.pairs import ranges
from versant.planning.pointbased import PointBased, PointSearch, Successors
from versant.planning.policygraph import PolicyGraph
from versant.planning.series import ACCURACY, solve_discounted
from versant.planning.sweeps import run_order

__all__ = ["BlockGraph", "best_plan", "follow", "unroll"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class BlockGraph:
    """A policy graph whose nodes stand in blocks; the first node is where it starts."""

    model: PointBased
    homes: Indices  # (X,) block
    actions: Indices  # (X,)
    edges: list[Indices]  # of each node the next, for the pairs of its action that its block has
    near: list[Array] | None = None  # about its values, (1+m, c) each

    @property
    def n_nodes(self) -> int:
        """Number of nodes, X."""
        return len(self.homes)

    @property
    def n_exchanges(self) -> int:
        """Number of pairs (edge, node of the block that the edge leads to)."""
        there = np.bincount(self.homes)
        return int(there[self.homes[np.concatenate(self.edges)]].sum())

    @property
    def n_entries(self) -> int:
        """Number of entries of the pair kernels of all nodes."""
        return sum(turn.ahead.nnz for turn in self.turns())

    def values(self, deadline: float = float("inf"), accuracy: float = ACCURACY) -> list[Array]:
        """Values of reward and costs from every node, in the states of its block, (1+m, c) each.

        At the deadline, a value of `time.perf_counter`, they are what they are by then.
        """
        model, sizes = self.model, self.model.blocks.sizes[self.homes]
        begins = np.concatenate([[0], np.cumsum(sizes)])
        right = np.concatenate(
            [model.parts[:, model.blocks.states(int(n)), a].T for n, a in zip(self.homes, self.actions, strict=True)]
        )  # (N, 1+m)
        near = None if self.near is None else np.concatenate([part.T for part in self.near])
        turns, found = self.turns(), np.zeros_like(right)
        for part in self._components:
            places = np.concatenate([np.arange(begins[node], begins[node + 1]) for node in part.nodes])
            for node in part.leaving:  # what comes after the component is known
                ahead = np.concatenate([found[begins[one] : begins[one + 1]] for one in self.edges[node]])
                right[begins[node] : begins[node + 1]] += model.discount * (turns[node].ahead @ ahead)
            found[places] = right[places]
            if part.cyclic:
                first, chain = None if near is None else near[places], self._chain(part)
                found[places] = solve_discounted(chain, model.discount, right[places], deadline, first, accuracy)
        return [part.T for part in np.split(found, begins[1:-1])]

    def occupancy(self, deadline: float = float("inf"), accuracy: float = ACCURACY) -> list[Array]:
        """Expected discounted number of visits of every node in the states of its block, (c,) each, as `values`."""
        if accuracy not in self._visits:
            visits = self._counted(deadline, accuracy)
            if time.perf_counter() >= deadline:  # they may have been cut short
                return visits
            self._visits[accuracy] = visits
        return self._visits[accuracy]

    def _counted(self, deadline: float, accuracy: float) -> list[Array]:
        model, sizes = self.model, self.model.blocks.sizes[self.homes]
        begins = np.concatenate([[0], np.cumsum(sizes)])
        found = np.zeros(begins[-1])
        found[: sizes[0]] = model.root[1]
        turns = self.turns()
        for part in reversed(self._components):
            if part.cyclic:
                places = np.concatenate([np.arange(begins[node], begins[node + 1]) for node in part.nodes])
                chain = csr_array(self._chain(part).T)
                found[places] = solve_discounted(chain, model.discount, found[places, None], deadline, None, accuracy)[
                    :, 0
                ]
            inside = set(part.nodes)
            for node in part.leaving:
                sent = model.discount * (turns[node].adjoint @ found[begins[node] : begins[node + 1]])
                for one, begin, end in zip(
                    self.edges[node].tolist(), turns[node].begins[:-1], turns[node].begins[1:], strict=True
                ):
                    if one not in inside:
                        found[begins[one] : begins[one + 1]] += sent[begin:end]
        return np.split(found, begins[1:-1])

    def totals(self) -> Array:
        """Value and costs from the start belief, (1+m,)."""
        return np.asarray(self.values()[0] @ self.model.root[1])

    def turns(self) -> list[Turn]:
        """What can follow the action of each node."""
        blocks = self.model.blocks
        return [blocks.block(int(home)).turns[action] for home, action in zip(self.homes, self.actions, strict=True)]

    def with_edges(self, edges: list[Indices], near: list[Array]) -> BlockGraph:
        """Return the same nodes with other edges, and about their values."""
        return BlockGraph(self.model, self.homes, self.actions, edges, near)

    def reachable(self) -> BlockGraph:
        """Return the graph without the nodes that cannot be reached."""
        seen, waiting = {0}, [0]
        while waiting:
            for following in self.edges[waiting.pop()].tolist():
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        kept = np.array(sorted(seen), dtype=np.intp)
        number = np.zeros(self.n_nodes, dtype=np.intp)
        number[kept] = np.arange(len(kept))
        edges = [number[self.edges[node]] for node in kept]
        near = None if self.near is None else [self.near[node] for node in kept]
        return BlockGraph(self.model, self.homes[kept], self.actions[kept], edges, near)

    def graph(self) -> PolicyGraph:
        """Return the graph without its blocks; a node stays where it is after pairs that its block has not."""
        nodes, model = np.arange(self.n_nodes), self.model
        successors = np.repeat(nodes[:, None], len(model.owners), axis=1)
        for node, (turn, edge) in enumerate(zip(self.turns(), self.edges, strict=True)):
            successors[node, turn.pairs] = edge
        return PolicyGraph(self.actions, successors, (nodes == 0).astype(np.float64))

    @cached_property
    def _components(self) -> list[_Component]:
        """Strongly connected components of the nodes, those that come after a component before it."""
        sources = np.repeat(np.arange(self.n_nodes), [len(edge) for edge in self.edges])
        targets, shape = np.concatenate(self.edges), (self.n_nodes, self.n_nodes)
        kernel = csr_array((np.ones(len(sources)), (sources, targets)), shape=shape)
        order, label = run_order(kernel), connected_components(kernel, connection="strong")[1]
        leaving = np.zeros(self.n_nodes, dtype=bool)
        leaving[sources[label[sources] != label[targets]]] = True
        itself = np.zeros(self.n_nodes, dtype=bool)
        itself[sources[sources == targets]] = True
        return [
            _Component(part.tolist(), part[leaving[part]].tolist(), len(part) > 1 or bool(itself[part[0]]))
            for part in np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
        ]

    @cached_property
    def _visits(self) -> dict[float, list[Array]]:
        """Occupancies that were counted, by their accuracy."""
        return {}

    @cached_property
    def _chains(self) -> dict[int, csr_array[Any]]:
        """Chains that were made, by the first node of their component."""
        return {}

    def _chain(self, part: _Component) -> csr_array[Any]:
        """T over (x, s), s in the block of x, of a component's nodes x; what leaves them is left out."""
        if part.nodes[0] not in self._chains:
            self._chains[part.nodes[0]] = self._formed(part.nodes)
        return self._chains[part.nodes[0]]

    def _formed(self, nodes: list[int]) -> csr_array[Any]:
        """Form T of some nodes; pairs that lead a node to the same node are added up by a product."""
        sizes = self.model.blocks.sizes[self.homes[nodes]]
        begins = np.concatenate([[0], np.cumsum(sizes)])
        number = np.full(self.n_nodes, -1, dtype=np.intp)
        number[nodes] = np.arange(len(nodes))
        turns, data, columns, counts = self.turns(), [], [], []
        for node in nodes:
            turn, edge = turns[node], number[self.edges[node]]
            inside = np.flatnonzero(edge >= 0)
            targets, which = np.unique(edge[inside], return_inverse=True)
            _, place = ranges(begins[targets], begins[targets + 1])  # (n,) of each column, all of the targets' pairs
            widths = sizes[targets]
            _, row = ranges(turn.begins[inside], turn.begins[inside + 1])
            _, column = ranges((np.cumsum(widths) - widths)[which], np.cumsum(widths)[which])
            filled = np.zeros(int(turn.begins[-1]) + 1, dtype=np.intp)
            filled[row + 1] = 1
            shape = (int(turn.begins[-1]), len(place))
            step = turn.ahead @ csr_array((np.ones(len(row)), column, np.cumsum(filled)), shape=shape)
            data.append(step.data)
            columns.append(place[step.indices])
            counts.append(np.diff(step.indptr))
        size, indptr = int(begins[-1]), np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return csr_array((np.concatenate(data), np.concatenate(columns), indptr), shape=(size, size))


@dataclass(frozen=True)
class _Component:
    """Nodes that lead to each other."""

    nodes: list[int]
    leaving: list[int]  # those of them that lead elsewhere too
    cyclic: bool  # whether any leads back


def best_plan(search: PointSearch) -> int:
    """Number of the best plan at the start belief."""
    home, belief = search.model.root
    cell = search.cell(home)
    return int(cell.plans[int((cell.scalar @ belief).argmax())])


def follow(search: PointSearch, plan: int, limit: int) -> BlockGraph | None:
    """Follow a plan from the start belief through the plans it goes on with; None beyond `limit` nodes.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> search = PointSearch(PointBased(tiger(), ()), np.array([1.0]))
    >>> search.run(1e8)
    >>> graph = follow(search, best_plan(search), 10_000)
    >>> bool(abs(graph.values()[0][0] @ tiger().start - search.bound().parts[0]) < 1e-9)
    True
    """
    model = search.model
    keys = [(model.root[0], plan)]
    number = {keys[0]: 0}
    actions: list[int] = []
    edges: list[Indices] = []
    for home, plan in keys:  # which grows
        action = model.plans.action(plan)
        targets = model.blocks.block(home).turns[action].targets
        following = model.plans.following(plan, len(targets))
        for key in zip(targets.tolist(), following.tolist(), strict=True):
            if key not in number:
                number[key] = len(keys)
                keys.append(key)
        if len(keys) > limit:
            return None
        actions.append(action)
        edges.append(np.array([number[key] for key in zip(targets.tolist(), following.tolist(), strict=True)], np.intp))
    homes = np.array([home for home, _ in keys], dtype=np.intp)
    graph = BlockGraph(model, homes, np.array(actions, dtype=np.intp), edges)
    return graph.with_edges(edges, _promised(search, graph, [plan for _, plan in keys]))


def _promised(search: PointSearch, graph: BlockGraph, plans: list[int]) -> list[Array]:
    """About what the nodes of plans are worth, (1+m, c) each: their α-vectors.

    Where one is no longer kept it follows from what the plan goes on with, made before it for the most part.
    """
    model, turns = search.model, graph.turns()
    cells = {home: search.cell(home) for home in graph.homes.tolist()}
    rows = {home: {plan: row for row, plan in enumerate(cell.plans.tolist())} for home, cell in cells.items()}
    near, missing = [], []
    for node, (home, action) in enumerate(zip(graph.homes.tolist(), graph.actions.tolist(), strict=True)):
        row = rows[home].get(plans[node])
        missing += [] if row is not None else [node]
        near.append(model.blind[action][:, model.blocks.states(home)] if row is None else cells[home].parts[row])
    for node in sorted(missing, key=plans.__getitem__):
        ahead = np.concatenate([near[one] for one in graph.edges[node].tolist()], axis=1)
        states = model.blocks.states(int(graph.homes[node]))
        payoff = model.parts[:, states, graph.actions[node]]
        near[node] = payoff + model.discount * (turns[node].ahead @ ahead.T).T
    return near


def unroll(search: PointSearch, limit: int, pairs: int) -> BlockGraph:
    """Unroll the α-vectors of a search from the start belief.

    Parameters
    ----------
    search : PointSearch
    limit : int
        Largest number of nodes, but for those of one action for ever.
    pairs : int
        Largest number of pairs (node, state of its block), about.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> search = PointSearch(PointBased(tiger(), ()), np.array([1.0]))
    >>> search.run(1e8)
    >>> unroll(search, 50, 1000).graph().merged().n_nodes
    5
    """
    model = search.model
    home, belief = model.root
    root = int((search.cell(home).scalar @ belief).argmax())
    waiting: list[tuple[float, int, int, int, Array]] = [(-1.0, 0, home, root, belief)]
    nodes: dict[tuple[int, int], _Node] = {}
    every, size, count = np.arange(model.parts.shape[2]), 0, 0
    while waiting and len(nodes) < limit and (size < pairs or not nodes):
        if nodes and time.perf_counter() >= model.deadline:
            break
        weight, _, home, vector, belief = heappop(waiting)
        if (home, vector) in nodes:
            continue
        size += len(belief)
        search.cell(home).points.add(belief)  # so that α-vectors that are good here are kept
        action, _, choice = search.best_plan(home, belief, every)
        after = search.successors(home, belief, action)
        nodes[home, vector] = _Node(len(nodes), action, choice, after)
        for position in np.flatnonzero(after.masses).tolist():
            count += 1
            target, ahead = after.belief(position)
            mass = float(after.masses[position])
            item = (weight * model.discount * mass, count, target, int(choice[position]), ahead / mass)
            heappush(waiting, item)
    return _closed(search, nodes)


@dataclass(frozen=True, eq=False)
class _Node:
    number: int
    action: int
    choice: Indices  # (J,) α-vectors chosen after the pairs of its action
    after: Successors


def _closed(search: PointSearch, nodes: dict[tuple[int, int], _Node]) -> BlockGraph:
    """Lead every edge to the node of its α-vector, or to the best that stands in its block.

    A block in which there is none gets nodes of one action for ever.
    """
    there: dict[int, list[int]] = {}
    for home, vector in nodes:
        there.setdefault(home, []).append(vector)
    keys, edges = list(nodes), []
    for key in keys:  # which grows
        node, edge = nodes[key], []
        for position, wanted in enumerate(node.choice.tolist()):
            target, ahead = node.after.belief(position)
            cell = search.cell(target)
            if (target, wanted) not in nodes and target in there:
                wanted = there[target][int((cell.scalar[there[target]] @ ahead).argmax())]
            elif (target, wanted) not in nodes:
                action = wanted = int((cell.scalar[: len(search.model.blind)] @ ahead).argmax())
                after = search.successors(target, ahead, action)
                again = np.full(len(after.masses), action, dtype=np.intp)
                nodes[target, wanted] = _Node(len(nodes), action, again, after)
                there[target] = [wanted]
                keys.append((target, wanted))
            edge.append(nodes[target, wanted].number)
        edges.append(np.array(edge, dtype=np.intp))
    homes = np.array([home for home, _ in keys], dtype=np.intp)
    actions = np.array([nodes[key].action for key in keys], dtype=np.intp)
    near = [search.cell(home).parts[vector] for home, vector in keys]
    return BlockGraph(search.model, homes, actions, edges, near)
