"""Growth of controllers, graphs that are kept, and what limits of time leave."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from tests.planning_cases import totals
from versant.agents.controller import Controller
from versant.planning import growth
from versant.planning.columns import Columns
from versant.planning.graphsearch import GraphSearch
from versant.planning.growth import grow
from versant.planning.journal import Journal
from versant.planning.natural import Natural
from versant.planning.pointbased import PointBased
from versant.planning.problem import PlanningProblem
from versant.planning.run import Run
from versant.planning.search import Search
from versant.planning.ways import Task
from versant.progress import silent
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.tasks.zoo.grids import grid_4x3
from versant.verbs.plan import plan

RISKY = tiger(costs=("risk",))
ONE = np.array([1.0])


def exact(pomdp: Pomdp, agent: Controller) -> np.ndarray:
    return np.asarray(totals(pomdp, agent.start, agent.action, agent.transition))


def test_growth_ends_where_the_bound_is_reached() -> None:
    found = plan(tiger(), "grow", starts=2, bounds=())
    assert found.value == pytest.approx(19.3714, abs=1e-3)
    assert found.controller.n_nodes <= 5
    assert found.upper_bound is not None
    assert found.upper_bound - found.value <= 1e-3 * found.value


@pytest.mark.parametrize("budgets", [{}, {"risk": 0.5}])
def test_a_graph_worth_less_than_promised_gives_way_to_what_ascents_found(
    budgets: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = Controller([1.0], [[1.0, 0.0, 0.0]], np.ones((1, 3, 2, 1)), RISKY.actions, RISKY.observations)
    monkeypatch.setattr(growth, "_graph_above", lambda *_: listen)
    found = plan(RISKY, "grow", budgets, iterations=50, bounds=())
    assert found.feasible
    assert found.value > -10.0  # listening for ever is worth -20
    assert found.history[-1].value == pytest.approx(found.value)


def test_growth_never_ends_below_the_best_graph() -> None:
    """One node is worth −20; the policy graph, which has more, is the answer."""
    problem = PlanningProblem(tiger(), 1, {})
    columns = Columns(tiger(), {}, problem.scales, effort=1e6, hardest=1e7)
    columns.generate(rounds=4, precision=1e-4)
    run = Run(lambda message: None)

    def search_at(size: int) -> Search:
        return Search(PlanningProblem(tiger(), size, {}), Natural(), 5, np.inf, np.inf, run)

    grown = grow(search_at, columns, 1, 0, sizes=(1,))
    worth = columns.best().totals[0]
    assert exact(tiger(), grown)[0] == pytest.approx(worth) == pytest.approx(19.3714, abs=1e-3)


def test_growth_without_graphs_splits_what_it_has() -> None:
    run = Run(lambda message: None)

    def search_at(size: int) -> Search:
        return Search(PlanningProblem(RISKY, size, {"risk": 0.5}), Natural(), 60, np.inf, np.inf, run)

    grown = grow(search_at, None, 4, 0, sizes=(1, 2, 3))
    assert 1 <= grown.n_nodes <= 3
    assert run.families["split"] == 6
    assert exact(RISKY, grown)[1] <= 0.5


def test_small_graphs_are_kept_at_the_size_asked_for() -> None:
    columns = Columns(tiger(), {}, np.zeros(0), effort=1e6, hardest=1e7)
    columns.keep_small(3)
    assert columns.small == []  # no search yet
    columns.generate(rounds=3, precision=1e-4)
    columns.keep_small(3)
    assert [one.n_nodes <= 3 for one in columns.small] == [True]
    assert columns.small[0].totals(columns.model)[0] <= columns.best().totals[0] + 1e-9


def test_searches_that_are_late_keep_an_exact_graph() -> None:
    """What a deadline cuts short must not be worth less, or other, than is said."""
    search = GraphSearch(PointBased(grid_4x3(), ()), ONE)
    before = search.run(1e7)
    search.points.model.deadline = 0.0
    late = search.run(1e9)
    agent = late.graph.controller(PlanningProblem(grid_4x3(), 1, {}).loop.layout)
    assert late.totals[0] == pytest.approx(exact(grid_4x3(), agent)[0], rel=1e-8)
    assert late.totals[0] >= before.totals[0] - 1e-3
    assert late.totals[0] <= late.upper


def test_time_is_reserved_for_certifying() -> None:
    begun = time.perf_counter()
    task = Task(tiger(), 0, None, begun, 100.0, begun + 20, begun + 65, begun + 85, begun + 100, silent, Journal())
    assert 0.0 < task.certifying < 10.0
    assert replace(task, time=None).certifying == 0.0
