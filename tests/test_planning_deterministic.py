"""Controllers without chance against all of them, where they can be counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.planning_cases import random_problem, totals
from versant.errors import ProblemError
from versant.planning.deterministic import best_deterministic, rounded
from versant.planning.problem import PlanningProblem
from versant.planning.result import Plan
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan

RISKY = tiger(costs=("risk",))


def is_deterministic(found: Plan) -> bool:
    agent = found.controller
    return all(np.isin(part, (0.0, 1.0)).all() for part in (agent.start, agent.action, agent.transition))


def best_of_all(pomdp: Pomdp, budget: float) -> float:
    """The best value within the budget of the first cost, of every deterministic controller of two nodes."""
    best, actions, observations = -np.inf, range(pomdp.n_actions), pomdp.n_observations
    for chosen in product(actions, repeat=2):
        for edges in product(range(2), repeat=2 * observations):
            moves = np.zeros((2, pomdp.n_actions, observations, 2))
            for node in range(2):
                for seen in range(observations):
                    moves[node, :, seen, edges[node * observations + seen]] = 1.0
            for start in np.eye(2):
                value, cost, *_ = totals(pomdp, start, np.eye(pomdp.n_actions)[list(chosen)], moves)
                best = max(best, value) if cost <= budget else best
    return float(best)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_all_deterministic_controllers_the_best_is_found(seed: int) -> None:
    pomdp = random_problem(seed, states=3, actions=3, observations=2, costs=1)
    free = plan(pomdp, nodes=2, deterministic=True, starts=12, families=("random",), bounds=())
    budget = 0.9 * free.costs["c0"].value
    given = {"starts": 12, "families": ("random",), "bounds": ("qmdp",)}
    found = plan(pomdp, nodes=2, budgets={"c0": budget}, deterministic=True, **given)  # type: ignore[arg-type]
    assert is_deterministic(free)
    assert is_deterministic(found)
    assert free.value == pytest.approx(best_of_all(pomdp, np.inf), rel=1e-9)
    truth = best_of_all(pomdp, budget)
    assert found.feasible == (truth > -np.inf)
    if found.feasible:
        assert found.value == pytest.approx(truth, rel=1e-9)
        assert found.upper_bound is not None
        assert found.upper_bound >= found.value


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_one_start_is_enough_where_all_nodes_can_be_replaced(seed: int) -> None:
    pomdp = random_problem(seed, states=3, actions=2, observations=2, costs=1)
    free = plan(pomdp, nodes=2, starts=2, families=("random",), bounds=())
    budget = 0.9 * free.costs["c0"].value
    problem = PlanningProblem(pomdp, 2, {"c0": budget})
    theta = problem.shape.project(np.random.default_rng(seed).random((1, problem.loop.layout.size)))
    found, excess = best_deterministic(problem, theta)
    truth = best_of_all(pomdp, budget)
    assert (excess[0] <= 0.0) == (truth > -np.inf)
    if excess[0] <= 0.0:
        assert problem.loop.evaluate(found).totals[0, 0] == pytest.approx(truth, rel=1e-9)


def test_tiger_needs_no_chance() -> None:
    found = plan(RISKY, nodes=5, deterministic=True, starts=4, bounds=())
    assert is_deterministic(found)
    assert found.value == pytest.approx(19.3714, abs=1e-3)
    assert found.history[-1].value == pytest.approx(found.value, rel=1e-9)


def test_exchanges_never_make_it_worse() -> None:
    problem = PlanningProblem(RISKY, 3, {"risk": 0.5})
    theta = problem.shape.project(np.random.default_rng(0).random((3, problem.loop.layout.size)))
    before = problem.evaluate(rounded(problem.shape, theta)).values
    found, excess = best_deterministic(problem, theta)
    after = problem.evaluate(found).values
    worst = np.maximum(before[:, 1], 0.0)
    assert (excess <= worst).all()
    assert ((excess < worst) | (after[:, 0] >= before[:, 0])).all()


def test_point_based_ways_take_no_such_wish() -> None:
    with pytest.raises(ProblemError, match="takes no `starts`, `also`, `families` nor `deterministic`"):
        plan(RISKY, method="columns", deterministic=True)
