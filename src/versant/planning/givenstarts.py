"""Starts that are given: controllers of any size, or α-vectors, brought to the size that is planned for.

α-vectors become the policy graph that they are from the start belief. A controller that is too small has nodes split,
which changes nothing that it does; one that is too large is compressed, which needs nodes that take one action and
moves without chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.alphavectors import vector_graph
from versant.planning.columns import Columns
from versant.planning.compression import compress, improve
from versant.planning.evaluation import ClosedLoop
from versant.planning.graphstarts import split
from versant.planning.pointbased import PointBased
from versant.planning.policygraph import PolicyGraph
from versant.planning.problem import PlanningProblem
from versant.tasks.pomdp import Pomdp

__all__ = ["Start", "as_controllers", "resized"]

Start: TypeAlias = Controller | AlphaPolicy

NODE_LIMIT, BELIEF_LIMIT = 400, 100
"""Nodes of the policy graph that α-vectors become, with a node for each vector, and with one for each belief."""

WORTH_NODES = 1e-4
"""Share of the value that a node for each belief has to add."""


def as_controllers(given: Sequence[Start], pomdp: Pomdp) -> list[Controller]:
    """Turn α-vectors into controllers, and check that all are for the problem.

    Raises
    ------
    ProblemError
        For other actions, observations or numbers of states.
    """
    if not given:
        return []
    loop, found = ClosedLoop(pomdp, 1), []
    for one in given:
        if not isinstance(one, Controller | AlphaPolicy):
            raise ProblemError(f"a start is a Controller or an AlphaPolicy, not {type(one).__name__}")
        controller = one if isinstance(one, Controller) else _of_vectors(one, pomdp, loop)
        loop.check(controller)
        found.append(controller)
    return found


def resized(
    given: Sequence[Controller], problem: PlanningProblem, pomdp: Pomdp, columns: Columns | None, deadline: float
) -> list[Controller]:
    """Bring controllers to the problem's number of nodes.

    Parameters
    ----------
    given : sequence of Controller
    problem : PlanningProblem
        Tells the size.
    pomdp : Pomdp
    columns : Columns or None
        Where prices of the budgets come from; without them, compression loses as little reward as it can.
    deadline : float
        Value of `time.perf_counter` at which controllers that are too large are made smaller at once.

    Raises
    ------
    ProblemError
        For a controller with more nodes that draws actions or moves at random.
    """
    nodes, found = problem.loop.layout.nodes, []
    for one in given:
        small = _smaller(one, problem, pomdp, columns, deadline) if one.n_nodes > nodes else one
        if small.n_nodes < nodes:
            loop = ClosedLoop(pomdp, small.n_nodes)
            visits = loop.evaluate(loop.layout.vector([small])).occupancy[0].sum(axis=0)
            small = split(small, visits, nodes)
        found.append(small)
    return found


def _smaller(
    controller: Controller, problem: PlanningProblem, pomdp: Pomdp, columns: Columns | None, deadline: float
) -> Controller:
    graph, nodes = _as_graph(controller, problem), problem.loop.layout.nodes
    if graph is None:
        raise ProblemError(
            f"a start has {controller.n_nodes} nodes, more than {nodes}, and draws actions or moves at random, so that "
            f"it cannot be compressed: plan with nodes={controller.n_nodes}, or start from a deterministic one"
        )
    model = PointBased(pomdp, problem.names) if columns is None else columns.model
    prices = np.zeros(len(problem.names)) if columns is None else columns.best().multipliers
    model.deadline = deadline
    combination = np.concatenate([[1.0], -prices])
    small = improve(model, compress(model, graph, combination, nodes), combination)
    return small.controller(problem.loop.layout)


def _of_vectors(policy: AlphaPolicy, pomdp: Pomdp, loop: ClosedLoop) -> Controller:
    """The graph with a node for each vector or, where that is worth more, the one with a node for each belief."""
    found = []
    for by_belief, limit in ((False, NODE_LIMIT), (True, BELIEF_LIMIT)):
        graph = vector_graph(policy, pomdp, limit, by_belief=by_belief).merged()
        controller, own = graph.controller(loop.layout), ClosedLoop(pomdp, graph.n_nodes)
        found.append((float(own.evaluate(own.layout.vector([controller])).totals[0, 0]), controller))
    (value, small), (other, large) = found
    return large if other > value + WORTH_NODES * max(abs(value), abs(other)) else small


def _as_graph(controller: Controller, problem: PlanningProblem) -> PolicyGraph | None:
    """A controller as a policy graph; None where it draws an action or a move."""
    acts = controller.action.argmax(axis=1)
    actions, observations = problem.loop.layout.pairs.T
    moves = controller.transition[:, actions, observations]  # (X, K, X')
    own = actions[None, :] == acts[:, None]  # (X, K)
    if controller.action.max(axis=1).min() < 1.0 or moves.max(axis=-1)[own].min() < 1.0:
        return None
    successors = np.where(own, moves.argmax(axis=-1), np.arange(controller.n_nodes)[:, None])
    return PolicyGraph(acts, successors, controller.start)
