"""The ways to a controller: ascent from many starts, ascent at growing sizes, point-based search alone.

Every way is given the same `Task` and returns a controller; what that is worth is certified apart from it.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Literal, TypeAlias, TypeGuard

import numpy as np

from versant.agents.controller import Controller
from versant.agents.layout import Layout
from versant.errors import ProblemError
from versant.memory import require_memory
from versant.planning.bounds import BoundMethod, affordable
from versant.planning.columns import Columns, Mixture
from versant.planning.findings import Findings, Pool
from versant.planning.givenstarts import resized
from versant.planning.gradient import seconds_of_a_node
from versant.planning.graphstarts import ASCENT_LIMIT, graph_alone, graph_starts, split
from versant.planning.growth import SIZES, TIMED_SIZES, can_grow, grow
from versant.planning.journal import Journal
from versant.planning.problem import PlanningProblem
from versant.planning.protocol import Method
from versant.planning.run import Run
from versant.planning.search import Search, random_starts
from versant.progress import Progress
from versant.tasks.pomdp import Pomdp

__all__ = ["FAMILIES", "NODES", "Family", "Task", "ascend_from_starts", "best_so_far", "safer", "solve"]

Family: TypeAlias = Literal["graphs", "random", "exchange"]
FAMILIES: tuple[Family, ...] = ("graphs", "random", "exchange")
"""Families of starts: policy graphs of a point-based search, random controllers, and the best with a node exchanged."""

NODES, ITERATIONS, UNLIMITED = 5, 2000, 10**9
FURTHER = 3
"""So many times the random starts follow where no exchange of a node is left to try."""

STARTS, TIMED_STARTS, LEAST_STARTS, SMALL_ORDER = 40, 4, 1, 300
"""Random starts where there are at most so many pairs (state, node), for growth within a time, and for the largest."""

ROUNDS, FIRST_EFFORT, HARDEST_EFFORT, PRECISION = 60, 1e7, 2e9, 1e-5
"""Of "alpha" and "columns": searches, multiplications of the first and the last, and how near the bound they end."""

SMALL_SIZE = 4000
"""Pairs (action, observation) × states up to which these efforts hold; larger problems get more in proportion."""

CERTIFIED, LATEST, THINNING = 100, 0.25, 0.1
"""Time is left for certifying so many nodes, no greater share of it than the next; and so much for thinning graphs."""

FOLLOWING = 1e-7
"""Seconds that a number of a policy graph, or an entry of its chain, takes while it is certified, about."""

LEAST_SHARE = 0.5
"""Share of the time for policy graphs that they have where controllers may take too long to be certified."""

CAREFUL = 0.5
"""Share of that time that is counted on: graphs that are visited for long take more sweeps."""

LEAST_LARGE = 12
"""Nodes that a policy graph may have however little time there is for certifying it."""

CAUTION = 4.0
"""Certifying one node of a large controller may take so many times as long as evaluating a controller of one node."""

COPIES = 8
"""How many controllers of float64 numbers a search holds at the least: start, iterate, gradients, step."""

MARGIN = 1e-8
"""How far below the budgets mixtures stay, in units of the budgets, so that their error bars fit in."""

GRAPH_EFFORT, HARDEST_GRAPH_EFFORT, GRAPH_ROUNDS, GRAPH_PRECISION = 3e7, 1e9, 8, 1e-4
"""Multiplications of the first and the last of the searches for policy graphs, how many there are, and when to stop."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked for, and until when: moments are values of `time.perf_counter`."""

    pomdp: Pomdp
    seed: int
    iterations: int | None
    begun: float
    time: float | None
    ready: float  # policy graphs are there
    deadline: float  # the search ends
    end: float  # the best controllers are at their end
    finish: float  # the bounds are
    progress: Progress
    journal: Journal
    pool: Pool | None = None  # of what searches for policy graphs have found before

    @property
    def steps(self) -> int:
        """Limit of iterations."""
        return self.iterations if self.iterations is not None else ITERATIONS if self.time is None else UNLIMITED

    @cached_property
    def run(self) -> Run:
        """What has been found so far."""
        return Run(self.tell, self.journal, self.begun)

    @cached_property
    def smallest(self) -> PlanningProblem:
        """Controllers of one node; its scales and sizes are those of every size."""
        return PlanningProblem(self.pomdp, 1, dict(self.pomdp.budgets))

    def efforts(self, first: float, hardest: float) -> tuple[float, float]:
        """Efforts of point-based searches for a problem of this size; where there is a time, only that is a limit."""
        loop = self.smallest.loop
        size = max(1.0, loop.layout.n_pairs * loop.n_states / SMALL_SIZE)
        return size * first, size * hardest if self.time is None else float("inf")

    def columns(self, effort: float, hardest: float, deadline: float) -> Columns:
        """Column generation that begins with what is known."""
        known = Findings() if self.pool is None else self.pool.findings_of(self.pomdp)
        limits = dict(self.pomdp.budgets)
        return Columns(self.pomdp, limits, self.smallest.scales, effort, hardest, deadline, known)

    @cached_property
    def certifying(self) -> float:
        """Seconds that certifying takes for each node, measured; 0 without a limit of time."""
        if self.time is None:
            return 0.0
        return CAUTION * seconds_of_a_node(self.smallest.loop)

    @property
    def certified(self) -> int:
        """Nodes X of a policy graph for which there is time to certify it: K X² numbers, E X / A entries to follow."""
        if self.time is None:
            return UNLIMITED
        number, (pairs, entries) = CAREFUL * LATEST * self.time / FOLLOWING, self._graph_sizes
        return max(LEAST_LARGE, int(((entries**2 + 4.0 * pairs * number) ** 0.5 - entries) / (2.0 * pairs)))

    def seconds_to_certify_a_graph(self, nodes: int) -> float:
        """Seconds that certifying a policy graph takes, about; 0 without a limit of time."""
        pairs, entries = self._graph_sizes
        return 0.0 if self.time is None else FOLLOWING / CAREFUL * nodes * (pairs * nodes + entries)

    @property
    def _graph_sizes(self) -> tuple[int, float]:
        """K, and E / A."""
        loop = self.smallest.loop
        return loop.layout.n_pairs, len(loop.entries.pair) / self.pomdp.n_actions

    @property
    def able(self) -> tuple[BoundMethod, ...]:
        """Bounds that the size of the problem allows."""
        loop = self.smallest.loop
        return affordable(loop.layout.n_pairs, loop.adjoint.shape[0], self.pomdp, len(self.pomdp.budgets))

    def tell(self, message: str) -> None:
        """Report progress."""
        total = 1.0 if self.time is None else self.time
        done = 0.0 if self.time is None else min(clock.perf_counter() - self.begun, total)
        self.progress(done, total, message)


def best_so_far(task: Task, nodes: int | str | None) -> Controller:
    """The best controller that was found or, as long as there is none, the policy graphs or one action for ever.

    It is what an interrupt while policy graphs are still searched for leaves. Graphs with more than the number of
    `nodes` that was asked for are left out; None stands for any number.
    """
    if task.run.controller is not None:
        return task.run.controller
    mixed = _mixture_of_graphs(task, nodes)
    if mixed is not None:
        layout = task.smallest.loop.layout
        task.run.offer(float(mixed.totals[0]), max(mixed.excess, 0.0), partial(mixed.graph.controller, layout))
        return mixed.graph.controller(layout)
    return _one_action_for_ever(task)


def safer(task: Task, controller: Controller, deterministic: bool) -> Iterator[Controller]:
    """Smaller controllers that keep the budgets, for one of which that could not be shown: graphs, and one action."""
    mixed = _mixture_of_graphs(task, controller.n_nodes)
    if mixed is not None and mixed.excess <= 0.0 and (len(mixed.plans) == 1 or not deterministic):
        yield mixed.graph.controller(task.smallest.loop.layout)
    blind = _one_action_for_ever(task)
    if task.smallest.evaluate(task.smallest.loop.layout.vector([blind])).values[0, 1:].max(initial=0.0) <= 0.0:
        yield blind


def _mixture_of_graphs(task: Task, nodes: int | str | None) -> Mixture | None:
    """The best mixture of the policy graphs found, if it has no more than a number of nodes; None without one."""
    columns = task.run.columns
    mixed = columns.best(MARGIN) if columns is not None and columns.found else None
    return mixed if mixed is not None and (isinstance(nodes, str | None) or mixed.graph.n_nodes <= nodes) else None


def _one_action_for_ever(task: Task) -> Controller:
    """The best controller of one node that always does the same."""
    layout = task.smallest.loop.layout
    counts = (1, len(layout.actions), len(layout.observations), 1)
    blind = [
        Controller(np.ones(1), action[None], np.ones(counts), layout.actions, layout.observations)
        for action in np.eye(len(layout.actions))
    ]
    values = task.smallest.evaluate(layout.vector(blind)).values
    excess = values[:, 1:].max(axis=1, initial=0.0)
    best = int(np.lexsort((-values[:, 0], excess))[0])
    task.run.offer(task.smallest.scale * float(values[best, 0]), float(excess[best]), lambda: blind[best])
    return blind[best]


def solve(task: Task, method: str, nodes: int | str | None) -> Controller:
    """Plan by point-based search alone: one policy graph, or a mixture of several within budgets."""
    if nodes is not None:
        raise ProblemError(f"method {method!r} chooses the number of nodes itself: leave `nodes` out, not {nodes!r}")
    limits = dict(task.pomdp.budgets)
    if method == "alpha" and limits:
        raise ProblemError("method 'alpha' knows no budgets; with budgets, use 'columns'")
    effort, hardest = task.efforts(FIRST_EFFORT, HARDEST_EFFORT)
    columns = task.run.columns = task.columns(effort, hardest, task.end)
    layout = task.smallest.loop.layout
    made = min(task.end, task.finish - min(CERTIFIED * task.certifying / CAUTION, LATEST * (task.time or 0.0)))
    columns.stop_at(made - THINNING * (task.time or 0.0))
    columns.model.largest = task.certified
    for _ in range(task.iterations or ROUNDS):
        columns.generate(1, PRECISION)
        best = columns.best(MARGIN)
        task.run.families["graphs"] = len(columns.found)
        task.run.offer(float(best.totals[0]), max(best.excess, 0.0), partial(_controller, best, layout))
        if columns.done:
            break
    columns.stop_at(made)
    return _controller(columns.best(MARGIN), layout)


def _controller(mixture: Mixture, layout: Layout) -> Controller:
    return mixture.graph.controller(layout)


def ascend_from_starts(
    task: Task,
    rule: Method,
    nodes: int | str | None,
    starts: int | Sequence[Controller] | None,
    families: Sequence[Family] | None,
    also: Sequence[Controller] = (),
    deterministic: bool = False,
) -> Controller:
    """Plan by ascent from policy graphs, from random starts and from those of `also`, at one size or growing ones.

    Where the bound is reached, no further start is drawn.
    """
    if starts is not None and (starts < 1 if isinstance(starts, int | np.integer) else not starts):
        raise ProblemError(f"planning needs at least one start, not {starts}")
    drawn = None if isinstance(starts, Sequence) else starts
    if nodes == "grow" and (also or drawn is not starts):
        raise ProblemError("nodes='grow' begins small and takes no controllers to start from: give a number of nodes")
    size = _size(task.pomdp, nodes)
    limits = dict(task.pomdp.budgets)
    usual = starts is None and families is None and not (also or deterministic) and rule.name == "natural"
    only = nodes if usual and _only_a_graph(nodes, task) else None
    unguided = starts is None and families is None
    if families is None:
        chosen: tuple[Family, ...] = FAMILIES if "sawtooth" in task.able else ("random", "exchange")
        families = chosen if rule.name == "natural" and not deterministic and drawn is starts else chosen[:-1]
    if "graphs" in families and drawn is starts:
        effort, hardest = task.efforts(GRAPH_EFFORT, HARDEST_GRAPH_EFFORT)
        ready = _graphs_ready(task, nodes, only is not None)
        task.run.columns = task.columns(effort, hardest, ready)
        task.run.columns.model.largest = task.certified if nodes == "grow" else UNLIMITED
        _generate(task.run.columns, only)
    columns = task.run.columns

    def search_at(size: int) -> Search:
        problem = PlanningProblem(task.pomdp, size, limits, task.end)
        return Search(problem, rule, task.steps, task.deadline, task.end, task.run, deterministic)

    if isinstance(nodes, str):
        timed = task.time is not None
        few = TIMED_STARTS if timed else STARTS
        first = 0 if "random" not in families else few if drawn is None else drawn
        sizes = TIMED_SIZES if timed else SIZES
        begin = _one_action_for_ever(task) if columns is None and unguided else None
        return grow(search_at, columns, first, task.seed, sizes, "exchange" in families, begin)
    search = search_at(size)
    if columns is not None and only is not None:
        return _graph_alone(task, columns, only, search.problem.loop.layout)
    if also:
        search.run(resized(also, search.problem, task.pomdp, columns, task.deadline), "given")
    if columns is not None:
        search.run(graph_starts(columns, search.problem, task.seed, task.deadline), "graphs")
    if columns is None and unguided:
        search.run([split(_one_action_for_ever(task), np.ones(1), size)], "blind")
    if ("random" in families or columns is None) and not search.reached:
        number = _number_of_starts(search.problem) if starts is None else starts
        if not isinstance(number, int | np.integer):
            number = resized(number, search.problem, task.pomdp, columns, task.deadline)
        _run(search, number, task.seed, task.time is not None, "exchange" in families)
    elif "exchange" in families:
        search.exchange()
    return search.conclude()


def _graph_alone(task: Task, columns: Columns, nodes: int, layout: Layout) -> Controller:
    """The policy graph with at most so many nodes."""
    alone = graph_alone(columns, nodes, min(task.end, task.finish - task.seconds_to_certify_a_graph(nodes)))
    task.run.families["graphs"] = 1
    task.run.offer(float(alone.totals(columns.model)[0]), 0.0, partial(alone.controller, layout))
    return alone.controller(layout)


def _graphs_ready(task: Task, nodes: int | str | None, alone: bool) -> float:
    """When to end the search for policy graphs: later where the graph is all there is, but in time to certify it."""
    if nodes == "grow":
        return task.ready if can_grow(task.pomdp.n_states, len(task.pomdp.budgets)) else task.deadline
    size = _size(task.pomdp, nodes)
    certifying = task.seconds_to_certify_a_graph(size) if alone else size * task.certifying
    ready = 0.5 * (task.ready + task.deadline) if alone else task.ready
    ready = min(ready, task.finish - 2.0 * certifying)  # shrinking takes about as long
    return ready if alone else max(ready, task.begun + LEAST_SHARE * (task.ready - task.begun))  # some are to be there


def _only_a_graph(nodes: int | str | None, task: Task) -> TypeGuard[int]:
    """Whether a size is asked for at which the problem is so large that there is no ascent from the graph."""
    return isinstance(nodes, int | np.integer) and not task.pomdp.budgets and task.pomdp.n_states * nodes > ASCENT_LIMIT


def _generate(columns: Columns, nodes: int | None) -> None:
    """Search for policy graphs; with `nodes`, keep one so small of every search: the last need not give the best."""
    if nodes is None:
        columns.generate(GRAPH_ROUNDS, GRAPH_PRECISION)
        return
    for _ in range(GRAPH_ROUNDS):
        columns.generate(1, GRAPH_PRECISION)
        columns.keep_small(nodes)
        if columns.done:
            return


def _size(pomdp: Pomdp, nodes: int | str | None) -> int:
    """Return the number of nodes of the first search; refuse what would not fit into memory."""
    if nodes is None or nodes == "grow":
        return NODES
    if not isinstance(nodes, int | np.integer):
        raise ProblemError(f"nodes is a number, or 'grow' with a number of starts; not {nodes!r}")
    numbers = nodes * pomdp.n_actions * (1 + pomdp.n_observations * nodes)
    require_memory(8 * COPIES * max(int(numbers), 0), f"planning with {nodes} nodes (ask for fewer)")
    return int(nodes)


def _number_of_starts(problem: PlanningProblem) -> int:
    """So many random starts take about the same time, whatever the size of the problem, but for very large ones."""
    pairs = problem.loop.n_states * problem.loop.layout.nodes
    return max(LEAST_STARTS, min(STARTS, int(STARTS * (SMALL_ORDER / pairs) ** 1.5)))


def _run(search: Search, starts: int | Sequence[Controller], seed: int, timed: bool, exchange: bool) -> None:
    """Run the starts given or the number of random starts asked for, and exchanges; then, while there is time, more."""
    problem = search.problem
    fresh = random_starts(problem, seed)
    if not isinstance(starts, int | np.integer):
        search.run(starts, "given")
    else:
        search.run(islice(fresh, starts), "random")
    if exchange and not search.exchange() and isinstance(starts, int | np.integer):
        search.run(islice(fresh, FURTHER * starts), "random")  # so small that it is soon searched through
        search.exchange()
    while timed and not search.late and not search.reached:
        search.run(islice(fresh, 64), "random")
        if exchange:
            search.exchange()
