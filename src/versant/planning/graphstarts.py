"""Starts made of policy graphs: brought to the size asked for, and disturbed a little.

A graph that is too large is compressed, one that is too small has its most visited nodes *split*: copies of a node act
alike, and the edges to the node are shared among them, so that value and costs stay what they are. Ascent from a graph
without noise never ends below it; noise lets probability reach what the graph never does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.planning.columns import Columns
from versant.planning.compression import compress, improve
from versant.planning.policygraph import PolicyGraph
from versant.planning.problem import PlanningProblem

__all__ = ["ASCENT_LIMIT", "disturbed", "graph_alone", "graph_starts", "split"]

Array = NDArray[np.float64]

NOISE = (0.0, 0.02, 0.1)
"""Shares of a random controller that are mixed into a start."""

PAIR_LIMIT = 50_000
"""Pairs (state, node) beyond which starts are graphs as they are."""

ASCENT_LIMIT = 200_000
"""Pairs (state, node) beyond which, without budgets, there is no ascent from them unless it is asked for."""

COMPRESSION = 10.0
"""Compression takes about so many times as long as improving a small graph."""


def graph_starts(
    columns: Columns,
    problem: PlanningProblem,
    seed: int,
    deadline: float = float("inf"),
    most: float = float("inf"),
) -> Iterator[Controller]:
    """Make starts of the best mixture of plans, of the best plan without budgets and of the last plan found.

    Parameters
    ----------
    columns : Columns
        With plans found.
    problem : PlanningProblem
        Tells the size of the starts.
    seed : int
        Of the noise.
    deadline : float
        Value of `time.perf_counter` at which graphs that are too large are made smaller at once.
    most : float
        Nodes of a graph beyond which it is left out.

    Where the problem is large there is no noise: it would make evaluation slow.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    best, layout = columns.best(), problem.loop.layout
    sources = [(best.graph, best.multipliers)]
    if len(columns.limits):
        sources += [(one.graph, -one.combination[1:]) for one in (columns.found[0], columns.found[-1])]
    large = problem.loop.n_states * layout.nodes > PAIR_LIMIT
    columns.model.deadline = deadline
    for graph, multipliers in sources:
        if graph.n_nodes > most:
            continue
        small = fitted(columns, graph, multipliers, layout.nodes)
        visits = small.occupancy(columns.model).sum(axis=1)
        start = split(small.controller(layout), visits, layout.nodes)
        for share in NOISE[:1] if large else NOISE:
            yield disturbed(start, share, rng)


def graph_alone(columns: Columns, nodes: int, deadline: float) -> PolicyGraph:
    """The best policy graph of at most `nodes` nodes, where an ascent from it would not get far; without budgets.

    With budgets there is always an ascent: a graph made smaller need not keep them.
    """
    columns.model.deadline = deadline
    best, model = columns.best(), columns.model
    begun = time.perf_counter()
    found = [improve(model, one, np.ones(1)) for one in columns.small if one.n_nodes <= nodes]
    now = time.perf_counter()
    if not found or deadline - now > COMPRESSION * (now - begun) / len(found):
        found.append(fitted(columns, best.graph, best.multipliers, nodes))
    model.deadline = float("inf")  # what graphs are worth is to be exact
    return max(found, key=lambda one: float(one.totals(model)[0]))


def fitted(columns: Columns, graph: PolicyGraph, multipliers: Array, nodes: int) -> PolicyGraph:
    """Make a graph small enough for `nodes` nodes, and the best of what is left."""
    combination = np.concatenate([[1.0], -multipliers])
    small = compress(columns.model, graph, combination, nodes)
    return small if small.n_nodes == graph.n_nodes else improve(columns.model, small, combination)


def split(controller: Controller, visits: Array, nodes: int) -> Controller:
    """Split the most visited nodes (visits (X,)) until there are `nodes`; value and costs do not change.

    Examples
    --------
    >>> one = Controller([1.0], [[0.5, 0.5]], np.ones((1, 2, 1, 1)), ("left", "right"), ("nothing",))
    >>> split(one, np.ones(1), 2).start
    array([0.5, 0.5])
    """
    order = np.argsort(-visits, kind="stable")
    extra = np.resize(order, max(nodes - controller.n_nodes, 0))
    origin = np.concatenate([np.arange(controller.n_nodes), extra])
    shares = 1.0 / np.bincount(origin)[origin]
    return Controller(
        controller.start[origin] * shares,
        controller.action[origin],
        controller.transition[origin][..., origin] * shares,
        controller.actions,
        controller.observations,
    )


def disturbed(controller: Controller, share: float, seed: np.random.Generator) -> Controller:
    """Mix a share of a random controller of the same size into a controller."""
    other = Controller.random(controller.n_nodes, controller.actions, controller.observations, seed)
    return Controller(
        (1.0 - share) * controller.start + share * other.start,
        (1.0 - share) * controller.action + share * other.action,
        (1.0 - share) * controller.transition + share * other.transition,
        controller.actions,
        controller.observations,
    )
