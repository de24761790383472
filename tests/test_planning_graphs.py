from __future__ import annotations

import numpy as np
import pytest

from tests.planning_cases import random_controllers, random_problem, totals
from versant.agents.controller import Controller
from versant.optimise.krylov import solve_by_products
from versant.planning.columns import Columns
from versant.planning.compression import compress
from versant.planning.graphsearch import solve_by_points
from versant.planning.graphstarts import disturbed, graph_starts, split
from versant.planning.pointbased import PointBased
from versant.planning.policygraph import PolicyGraph, mixture
from versant.planning.problem import PlanningProblem
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.tasks.zoo.grids import grid_4x3
from versant.verbs.plan import plan

RISKY = tiger(costs=("risk",))
ONE = np.array([1.0])


def exact(pomdp: Pomdp, agent: Controller) -> np.ndarray:
    return np.asarray(totals(pomdp, agent.start, agent.action, agent.transition))


@pytest.mark.parametrize("seed", range(3))
def test_values_of_a_graph_are_those_of_its_controller(seed: int) -> None:
    pomdp = random_problem(seed)
    model = PointBased(pomdp, ("c0", "c1"))
    found = solve_by_points(model, np.array([1.0, -0.3, 0.0]), 3e6)
    agent = found.graph.controller(PlanningProblem(pomdp, 1, {}).loop.layout)
    np.testing.assert_allclose(found.totals, exact(pomdp, agent), rtol=1e-9)
    assert found.totals @ found.combination <= found.upper
    assert found.graph.occupancy(model).sum() == pytest.approx(10.0)


def test_merging_changes_nothing_but_the_number_of_nodes() -> None:
    rng = np.random.default_rng(1)
    model = PointBased(RISKY, ())
    actions, drawn = np.array([0, 0, 1]), rng.integers(0, 3, (3, len(model.owners)))
    successors = np.where(model.owners == actions[:, None], drawn, np.arange(3)[:, None])
    small = PolicyGraph(actions, successors, np.array([1.0, 0.0, 0.0])).merged()
    double = mixture([small, small], np.array([0.25, 0.75]))
    assert double.n_nodes == 2 * small.n_nodes
    merged = double.merged()
    assert merged.n_nodes == small.n_nodes
    assert merged.start @ (merged.values(model)[:, 0] @ model.start) == pytest.approx(
        small.start @ (small.values(model)[:, 0] @ model.start)
    )


def test_compression_loses_little_where_nodes_do_little() -> None:
    model = PointBased(grid_4x3(), ())
    graph = solve_by_points(model, ONE, 1e8).graph
    small = compress(model, graph, ONE, graph.n_nodes - 3)
    assert small.n_nodes <= graph.n_nodes - 3
    worth = [float(one.start @ one.values(model)[:, 0] @ model.start) for one in (graph, small)]
    assert 1.8 <= worth[1] <= worth[0] + 0.01


def test_splitting_nodes_changes_neither_value_nor_costs() -> None:
    pomdp = random_problem(3)
    agent = random_controllers(pomdp, 3, 1)[0]
    larger = split(agent, np.array([1.0, 3.0, 2.0]), 8)
    assert larger.n_nodes == 8
    np.testing.assert_allclose(exact(pomdp, larger), exact(pomdp, agent), rtol=1e-12)


def test_noise_is_as_much_as_asked_for() -> None:
    agent = random_controllers(RISKY, 3, 1)[0]
    moved = disturbed(agent, 0.1, np.random.default_rng(0))
    assert 0.0 < np.abs(moved.action - agent.action).max() <= 0.1
    still = disturbed(agent, 0.0, np.random.default_rng(0))
    assert (still.transition == agent.transition).all()


def test_starts_have_the_size_asked_for() -> None:
    problem = PlanningProblem(RISKY, 6, {"risk": 0.5})
    columns = Columns(RISKY, {"risk": 0.5}, problem.scales, effort=1e6, hardest=1e7)
    columns.generate(rounds=4, precision=1e-3)
    starts = list(graph_starts(columns, problem, seed=1))
    assert len(starts) == 9
    assert {start.n_nodes for start in starts} == {6}
    again = list(graph_starts(columns, problem, seed=1))
    assert all((a.transition == b.transition).all() for a, b in zip(starts, again, strict=True))


def test_plans_from_graphs_alone_reach_the_optimum_within_a_risk_budget() -> None:
    found = plan(RISKY, 12, {"risk": 0.08}, families=("graphs",), bounds=("qmdp",))
    assert set(found.families) == {"graphs"}
    assert found.starts == sum(found.families.values()) == 9
    assert found.feasible
    assert found.value == pytest.approx(17.6556, abs=1e-3)
    assert found.upper_bound is not None
    assert found.value <= found.upper_bound <= found.value + 0.01


@pytest.mark.parametrize("budgets", [{"c0": 3.6}, {"c0": 6.0, "c1": 6.0}])
def test_mixtures_keep_the_budgets_below_the_bound(budgets: dict[str, float]) -> None:
    pomdp = random_problem(4)
    problem = PlanningProblem(pomdp, 1, budgets)
    columns = Columns(pomdp, budgets, problem.scales, effort=1e6, hardest=1e7)
    columns.generate(rounds=10, precision=1e-4)
    best = columns.best()
    found = exact(pomdp, best.graph.controller(problem.loop.layout))
    np.testing.assert_allclose(found[: len(best.totals)], best.totals, rtol=1e-8)
    assert best.excess <= 1e-9
    assert best.totals[0] <= columns.upper.value <= best.totals[0] + 0.3 * abs(best.totals[0])


def test_impossible_budgets_leave_an_excess() -> None:
    columns = Columns(RISKY, {"risk": -0.01}, np.array([0.01]), effort=1e6, hardest=1e7)
    columns.generate(rounds=3, precision=1e-3)
    assert columns.best().excess == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["random", "permutation"])
def test_systems_are_solved_by_products(kind: str) -> None:
    rng = np.random.default_rng(2)
    kernel = rng.dirichlet(np.ones(60), size=60) if kind == "random" else np.eye(60)[rng.permutation(60)]
    system = np.eye(60) - 0.95 * kernel
    right = rng.normal(size=(60, 3))
    found = solve_by_products(lambda vectors: system @ vectors, right)
    np.testing.assert_allclose(found, np.linalg.solve(system, right), rtol=1e-7, atol=1e-8)
