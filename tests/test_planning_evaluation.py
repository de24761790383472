from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import versant.planning.evaluation as evaluation_module
from tests.planning_cases import chain, random_controllers, random_problem, totals
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.evaluation import ClosedLoop
from versant.planning.gradient import pair_visits
from versant.planning.problem import PlanningProblem
from versant.planning.tiles import TiledChain
from versant.tasks.zoo import tiger
from versant.tasks.zoo.rocks import rock_sample

DIRECT = ("dense", "sparse")


@pytest.fixture(params=["dense", "sparse", "products", "pair by pair"])
def structure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with either structure of the system."""
    if request.param != "dense":
        monkeypatch.setattr(evaluation_module, "DENSE_LIMIT", 0)
    if request.param in ("products", "pair by pair"):
        monkeypatch.setattr(evaluation_module, "SPARSE_LIMIT", 0)
        monkeypatch.setattr(evaluation_module, "CHAIN_DENSITY", 0)
    if request.param == "pair by pair":
        monkeypatch.setattr("versant.planning.tiles.CROWDED", 2.0)
    return str(request.param)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("nodes", [1, 3])
def test_totals_equal_the_dense_formula(structure: str, seed: int, nodes: int) -> None:
    pomdp = random_problem(seed)
    loop, controllers = ClosedLoop(pomdp, nodes), random_controllers(pomdp, nodes, 3)
    found = loop.evaluate(loop.layout.vector(controllers))
    for number, one in enumerate(controllers):
        expected = totals(pomdp, one.start, one.action, one.transition)
        np.testing.assert_allclose(found.totals[number], expected, rtol=1e-12 if structure in DIRECT else 1e-9)
        assert (np.abs(found.totals[number] - expected) <= 2 * found.errors()[number]).all()


def test_totals_equal_the_expectation_of_a_rollout() -> None:
    pomdp = random_problem(7)
    loop, one = ClosedLoop(pomdp, 2), random_controllers(pomdp, 2, 1)[0]
    kernel, payoffs, weights = chain(pomdp, one.start, one.action, one.transition)
    total = np.zeros(3)
    for step in range(400):
        total += 0.9**step * (weights @ payoffs)
        weights = weights @ kernel
    np.testing.assert_allclose(loop.evaluate(loop.layout.vector([one])).totals[0], total, rtol=1e-12)


def test_occupancy_sums_to_the_horizon(structure: str) -> None:
    pomdp = random_problem(2)
    loop = ClosedLoop(pomdp, 3)
    found = loop.evaluate(loop.layout.vector(random_controllers(pomdp, 3, 2)))
    np.testing.assert_allclose(found.occupancy.sum(axis=(1, 2)), 10.0, rtol=1e-12 if structure in DIRECT else 1e-10)


def test_error_bars_hold_when_the_solution_is_spoilt(structure: str) -> None:
    pomdp = random_problem(3)
    loop = ClosedLoop(pomdp, 3)
    exact = loop.evaluate(loop.layout.vector(random_controllers(pomdp, 3, 2))).refined()
    spoilt = replace(exact, solution=exact.solution + 1e-4)
    wrong = np.abs(spoilt.totals - exact.totals)
    assert (spoilt.errors() >= wrong).all()
    assert (spoilt.errors() <= 20 * wrong).all()
    assert (exact.errors() < 1e-12 * np.abs(exact.node_values).max()).all() or (exact.errors() < 1e-11).all()


def test_pairs_that_cannot_occur_have_no_parameters() -> None:
    pomdp = random_problem(0)
    loop = ClosedLoop(pomdp, 2)
    assert loop.layout.pairs.tolist() == [[0, 0], [1, 0], [1, 1], [2, 0], [2, 1]]
    controller = random_controllers(pomdp, 2, 1)[0]
    again = loop.layout.controller(loop.layout.vector([controller])[0])
    assert (again.transition[:, 1:] == controller.transition[:, 1:]).all()
    assert (again.transition[:, 0, 1] == np.eye(2)).all()


def test_known_values_of_tiger() -> None:
    pomdp = tiger()
    loop = ClosedLoop(pomdp, 1)
    theta = np.zeros((2, loop.layout.size))
    theta[:, : 1 + loop.layout.n_pairs] = 1.0
    theta[0, -3] = 1.0  # listen for ever
    theta[1, -2] = 1.0  # open the left door for ever: half of the time the tiger is there
    np.testing.assert_allclose(loop.evaluate(theta).totals[:, 0], [-20.0, -45.0 * 20], rtol=1e-13)


def test_undiscounted_and_finite_problems_are_refused() -> None:
    with pytest.raises(ProblemError, match="discount"):
        ClosedLoop(replace(tiger(), discount=1.0), 2)
    with pytest.raises(ProblemError, match="horizon"):
        ClosedLoop(replace(tiger(), horizon=10), 2)


def test_controllers_of_other_problems_are_refused() -> None:
    with pytest.raises(ProblemError, match="actions"):
        ClosedLoop(tiger(), 2).check(random_controllers(random_problem(0), 2, 1)[0])


def test_pairs_reached_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "SPARSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "DENSE_LIMIT", 0)
    pomdp = rock_sample(4, 2)
    loop, rng = ClosedLoop(pomdp, 6), np.random.default_rng(1)
    shape = (6, pomdp.n_actions, pomdp.n_observations)
    one = Controller(
        np.eye(6)[0],
        np.eye(pomdp.n_actions)[rng.integers(0, pomdp.n_actions, 6)],
        np.eye(6)[rng.integers(0, 6, shape)],
        pomdp.actions,
        pomdp.observations,
    )
    theta = loop.layout.vector([one])
    whole, reached = loop.evaluate(theta).refined(), loop.evaluate_reached(theta).refined()
    assert reached.pairs is not None
    assert len(reached.pairs) < whole.solution.shape[1]
    np.testing.assert_allclose(reached.totals, whole.totals, rtol=1e-11)
    np.testing.assert_allclose(reached.occupancy, whole.occupancy, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(pair_visits(reached), pair_visits(whole), rtol=1e-10, atol=1e-12)
    known = ~np.isnan(reached.node_values)
    assert known.sum() == len(reached.pairs)
    np.testing.assert_allclose(reached.node_values[known], whole.node_values[known], rtol=1e-10, atol=1e-12)
    assert (reached.errors() <= whole.errors()).all()


def test_controllers_that_draw_by_lot_are_evaluated_at_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "SPARSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "CHAIN_DENSITY", 0)
    pomdp = random_problem(2)
    loop = ClosedLoop(pomdp, 3)
    theta = loop.layout.vector(random_controllers(pomdp, 3, 1))
    assert loop.evaluate_reached(theta).pairs is None


def test_solutions_nearby_spare_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "DENSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "SPARSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "CHAIN_DENSITY", 0)
    calls: list[int] = []
    forward = TiledChain.forward

    def counted(self: TiledChain, vectors: np.ndarray) -> np.ndarray:
        calls.append(1)
        return forward(self, vectors)

    monkeypatch.setattr(TiledChain, "forward", counted)
    pomdp = rock_sample(4, 2)
    loop = ClosedLoop(pomdp, 3)
    first, other = loop.layout.vector(random_controllers(pomdp, 3, 2))[:, None]
    solved = loop.evaluate(first)
    near = (1.0 - 1e-6) * first + 1e-6 * other
    calls.clear()
    cold = loop.evaluate(near)
    products = len(calls)
    calls.clear()
    warm = loop.evaluate(near, solved.solutions)
    assert len(calls) < 0.8 * products
    assert (np.abs(warm.totals - cold.totals) <= warm.errors() + cold.errors()).all()
    np.testing.assert_allclose(warm.occupancy, cold.occupancy, atol=1e-8)


@pytest.mark.parametrize("density", [0, 100])
def test_error_bars_hold_where_a_deadline_cuts_solving_short(monkeypatch: pytest.MonkeyPatch, density: int) -> None:
    monkeypatch.setattr(evaluation_module, "DENSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "SPARSE_LIMIT", 0)
    monkeypatch.setattr(evaluation_module, "CHAIN_DENSITY", density)
    pomdp = random_problem(5)
    loop, hasty = ClosedLoop(pomdp, 3), ClosedLoop(pomdp, 3, deadline=0.0)
    theta = loop.layout.vector(random_controllers(pomdp, 3, 1))
    exact, cut = loop.evaluate(theta).refined(), hasty.evaluate(theta)
    wrong = np.abs(exact.totals - cut.totals)
    assert (wrong > 1e-6).any()
    assert (wrong <= cut.errors()).all()
    problem = PlanningProblem(pomdp, 3, {"c0": 1.0}, deadline=0.0)
    values = problem.evaluate(theta).values
    assert (values[:, 0] <= exact.totals[:, 0] / problem.scale).all()
    assert (values[:, 1] >= (exact.totals[:, 1] - 1.0) / problem.scales[0]).all()


def test_little_time_is_no_time_for_factorisations_that_cannot_be_cut_short() -> None:
    problem = random_problem(seed=4)
    assert ClosedLoop(problem, 2).formed_limit == evaluation_module.SPARSE_LIMIT
    assert ClosedLoop(problem, 2, time.perf_counter() - 1.0).formed_limit == evaluation_module.DENSE_LIMIT
    some = ClosedLoop(problem, 2, time.perf_counter() + 10.0).formed_limit
    assert evaluation_module.DENSE_LIMIT < some < evaluation_module.SPARSE_LIMIT
