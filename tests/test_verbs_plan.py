from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.planning_cases import random_problem, totals
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.ascent import Limits
from versant.planning.certificate import certify
from versant.planning.problem import PlanningProblem
from versant.planning.restoration import best_start, restore
from versant.planning.result import Plan
from versant.planning.verdict import PlanVerdict
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan as plan_with_all_bounds
from versant.verbs.plan_settings import METHODS, SOLVERS

RISKY = tiger(costs=("risk", "listen"))
LISTENER = Controller.random(1, RISKY.actions, RISKY.observations, 0)


def plan(*arguments: Any, **keywords: Any) -> Plan:
    """Plan from random starts and without the slow bound, unless a test asks for more."""
    families = {} if keywords.get("method") in SOLVERS else {"families": ("random",)}
    return plan_with_all_bounds(*arguments, **{"bounds": ("qmdp",), **families, **keywords})


def toy() -> Pomdp:
    """One state, two actions; the paying one costs 1 and may be used half of the time: only chance reaches 5."""
    unit = [np.ones((1, 1))] * 2
    return Pomdp(
        ("s",), ("rest", "work"), ("o",), unit, unit, [[0.0, 1.0]], [1.0], 0.9, costs={"toil": [[0.0, 1.0]]}
    ).with_budgets({"toil": 5.0})


@pytest.mark.parametrize("method", [name for name in METHODS if name != "nlp"])
def test_randomisation_is_found(method: str) -> None:
    found = plan(toy(), nodes=1, method=method, starts=2, iterations=60)
    assert found.value == pytest.approx(5.0, abs=1e-6)
    assert found.upper_bound == pytest.approx(5.0, abs=1e-6)
    assert found.upper_bound >= found.value
    assert found.verdict == (PlanVerdict.FEASIBLE, PlanVerdict.STATIONARY, PlanVerdict.OPTIMAL)
    assert found.multipliers["toil"] == pytest.approx(1.0, abs=1e-5)


def test_tiger_reaches_its_known_optimum() -> None:
    found = plan(RISKY, starts=10, seed=1)
    assert 19.37 <= found.value <= 19.3714
    assert PlanVerdict.STATIONARY in found.verdict


def test_plain_pga_reaches_it_too() -> None:
    assert plan(RISKY, method="pga", starts=10, seed=1, iterations=200).value >= 19.37


def test_tiger_within_a_risk_budget() -> None:
    found = plan(RISKY, budgets={"risk": 0.08}, starts=10, seed=0)
    risk = found.costs["risk"]
    assert found.feasible
    assert risk.value + risk.error <= 0.08
    assert risk.slack is not None
    assert risk.slack < 1e-6
    assert found.value == pytest.approx(15.0446, abs=1e-3)
    start = found.controller
    value, cost, _ = totals(RISKY, start.start, start.action, start.transition)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert risk.value == pytest.approx(cost, rel=1e-12)
    assert found.upper_bound is not None
    assert found.upper_bound >= 17.6555


def test_a_larger_controller_is_certified_optimal() -> None:
    found = plan_with_all_bounds(RISKY, nodes=12, budgets={"risk": 0.08}, starts=6, seed=0, bounds=["sawtooth"])
    assert found.value == pytest.approx(17.6556, abs=1e-3)
    assert found.upper_bound is not None
    assert found.value <= found.upper_bound <= found.value + 0.05


def test_point_based_search_alone_is_certified() -> None:
    found = plan_with_all_bounds(RISKY, method="alpha", bounds=())
    assert found.value == pytest.approx(19.3714, abs=1e-4)
    assert found.controller.n_nodes == 5
    assert PlanVerdict.OPTIMAL in found.verdict
    assert found.upper_bound is not None
    assert found.value <= found.upper_bound <= found.value + 2e-3


def test_a_constant_in_every_reward_changes_nothing_but_the_value() -> None:
    shifted = replace(RISKY, rewards=RISKY.rewards + 1e5)
    few = plan(shifted, nodes=2, budgets={"risk": 0.08}, starts=2, families=("graphs",), bounds=())
    closed = plan(shifted, budgets={"risk": 0.08}, method="columns", bounds=())
    assert closed.value - 20e5 == pytest.approx(17.65557, abs=1e-4)
    assert closed.upper_bound == pytest.approx(closed.value, abs=1e-3)
    assert few.value < closed.value - 1.0
    assert PlanVerdict.OPTIMAL in closed.verdict
    assert PlanVerdict.OPTIMAL not in few.verdict


def test_column_generation_closes_the_interval() -> None:
    found = plan_with_all_bounds(RISKY, budgets={"risk": 0.08}, method="columns", bounds=())
    assert found.feasible
    assert found.value == pytest.approx(17.65557, abs=1e-5)
    assert found.upper_bound is not None
    assert found.value <= found.upper_bound <= 17.6569
    start = found.controller
    value, cost, _ = totals(RISKY, start.start, start.action, start.transition)
    assert (found.value, found.costs["risk"].value) == pytest.approx((value, cost), rel=1e-9)
    assert cost <= 0.08


def test_column_generation_proves_infeasibility() -> None:
    found = plan_with_all_bounds(RISKY, budgets={"risk": 0.08, "listen": 12.0}, method="columns", bounds=())
    assert found.verdict == (PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE)
    assert found.least_excess is not None
    assert 0.1 < found.least_excess.value < 0.34
    assert found.upper_bound is None


@pytest.mark.parametrize("families", [("random",), ("graphs",)])
def test_controllers_grow_until_nothing_is_gained(families: tuple[str, ...]) -> None:
    found = plan(RISKY, "grow", {"risk": 0.08}, families=families, starts=12, iterations=100, bounds=())
    assert found.feasible
    assert found.value > 15.1  # more than any five nodes earn
    assert found.controller.n_nodes > 5


def test_same_seed_same_answer() -> None:
    first, again, other = (
        plan(RISKY, nodes=3, budgets={"risk": 0.2}, starts=5, iterations=40, seed=seed) for seed in (3, 3, 4)
    )
    assert (first.controller.transition == again.controller.transition).all()
    assert [step[1:] for step in first.history] == [step[1:] for step in again.history]
    assert other.value != first.value
    rng = np.random.default_rng(9)
    assert plan(RISKY, nodes=1, starts=1, seed=rng).seed != plan(RISKY, nodes=1, starts=1, seed=rng).seed


def test_more_starts_extend_the_same_sequence() -> None:
    few, many = (plan(RISKY, nodes=4, budgets={"risk": 0.2}, starts=n, seed=3) for n in (3, 9))
    assert many.value >= few.value - 1e-6


def test_impossible_budgets_are_proved_impossible() -> None:
    found = plan(RISKY, nodes=2, budgets={"risk": -0.01}, starts=3)
    assert found.verdict == (PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE)
    assert found.upper_bound is None
    assert found.least_excess is not None
    assert found.least_excess.value > 0
    assert "infeasible" in str(found)
    proof = found.to_dict()["least_excess"]
    assert proof["value"] == found.least_excess.value
    assert proof["multipliers"]["risk"] > 0
    assert plan(RISKY, nodes=1, starts=1).to_dict()["least_excess"] is None


def test_the_least_excess_is_what_the_best_controller_has() -> None:
    """Every policy takes 20 steps: a budget of 19 is exceeded by 1/19 of it, a floor of 21 missed by 1/21."""
    timed = RISKY.with_costs({"time": {("*", "*"): 1.0}})
    for limits in (19.0, (21.0, None)):
        found = plan(timed, nodes=1, budgets={"time": limits}, starts=2, iterations=20, bounds=("qmdp", "sawtooth"))
        assert found.verdict == (PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE)
        assert found.least_excess is not None
        assert found.least_excess.method == "qmdp"  # it is exact here, so that nothing dearer is tried
        assert found.least_excess.value == pytest.approx(1 / 19 if limits == 19.0 else 1 / 21, rel=1e-6)
        assert found.least_excess.multipliers["time"] == pytest.approx(1 / 19 if limits == 19.0 else -1 / 21)


def test_budgets_that_only_information_could_reconcile_are_proved_impossible() -> None:
    """Little risk needs much listening: told the state, an agent could keep both budgets; nobody else can."""
    found = plan(RISKY, nodes=3, budgets={"risk": 0.08, "listen": 12.0}, starts=4, bounds=("qmdp", "sawtooth"))
    assert found.verdict == (PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE)
    assert found.least_excess is not None
    assert 0.2 < found.least_excess.value < 0.34
    assert min(found.least_excess.multipliers.values()) > 0


def test_a_size_that_limits_is_called_so() -> None:
    small = plan_with_all_bounds(RISKY, 2, starts=1, bounds=())
    assert PlanVerdict.LIMITED_BY_SIZE in small.verdict
    assert small.larger is not None
    assert small.larger.nodes == 5
    assert small.larger.value == pytest.approx(19.3714, abs=1e-4)
    assert "2 nodes are few: a controller with 5, met on the way, is worth 19.3713" in str(small)
    whole = plan_with_all_bounds(RISKY, 5, starts=1, bounds=())
    assert whole.larger is None
    assert "met on the way" not in str(whole)


def test_what_is_neither_found_nor_disproved_is_called_so() -> None:
    """One node cannot tell the doors apart, so no listening and little risk exclude each other; more nodes could do."""
    found = plan(RISKY, nodes=1, budgets={"risk": 5.0, "listen": 8.0}, starts=5)
    assert PlanVerdict.FEASIBLE not in found.verdict
    assert PlanVerdict.NOT_FOUND in found.verdict
    assert found.least_excess is not None
    assert found.least_excess.value <= 0


def test_time_ends_a_search_that_would_go_on() -> None:
    begin = time.perf_counter()
    found = plan(RISKY, nodes=4, budgets={"risk": 0.1}, starts=2, time=0.6)
    assert time.perf_counter() - begin < 60.0  # without the limit it has no end; the margin is for busy machines
    assert found.starts >= 2
    assert found.feasible


def test_next_to_no_time_still_gives_a_certified_answer() -> None:
    found = plan(RISKY, nodes=3, budgets={"risk": 0.5}, time=1e-6)
    assert found.upper_bound is not None
    assert found.value <= found.upper_bound
    assert len(found.verdict) >= 1


def test_given_starts_are_used_and_checked() -> None:
    first = plan(RISKY, nodes=3, budgets={"risk": 0.2}, starts=6)
    again = plan(RISKY, nodes=3, budgets={"risk": 0.2}, starts=[first.controller])
    assert again.value >= first.value - 1e-6
    with pytest.raises(ProblemError, match="a start has 3 nodes, more than 2, and draws"):
        plan(RISKY, nodes=2, starts=[first.controller])
    with pytest.raises(ProblemError, match="actions"):
        plan(RISKY, nodes=1, starts=[Controller([1.0], [[1.0]], np.ones((1, 1, 1, 1)), ("a",), ("o",))])


def test_budgets_given_to_plan_win() -> None:
    bounded = RISKY.with_budgets({"risk": 5.0})
    assert plan(bounded, nodes=2, starts=3).costs["risk"].budget == 5.0
    assert plan(bounded, nodes=2, starts=3, budgets={"risk": 1.0}).costs["risk"].budget == 1.0


def test_results_are_json() -> None:
    found = plan(RISKY, nodes=2, budgets={"risk": 1.0}, starts=3)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {"value", "value_error", "costs", "upper_bound", "verdict", "controller"} <= set(content)
    assert set(content["costs"]["risk"]) == {"value", "error", "budget", "floor", "slack"}
    assert content["costs"]["listen"]["budget"] is None
    assert Controller.from_dict(content["controller"]).n_nodes == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nodes": 0}, "at least one node"),
        (
            {"method": "newton"},
            "no method is called 'newton'; there are: natural, sqp, pga, pga-exact, nlp, alpha, columns",
        ),
        ({"budgets": {"fuel": 1.0}}, "budget is set for 'fuel'"),
        ({"budgets": {"risk": float("nan")}}, "finite number"),
        ({"method": "alpha", "nodes": 3}, "'alpha' chooses the number of nodes itself"),
        ({"method": "alpha", "budgets": {"risk": 1.0}}, "'alpha' knows no budgets; with budgets, use 'columns'"),
        ({"nodes": "many"}, "nodes is a number, or 'grow'"),
        ({"starts": 0}, "at least one start"),
        ({"starts": []}, "at least one start"),
        ({"iterations": 0}, "iterations ≥ 1"),
        ({"iterations": 1.5}, "a whole number, not 1.5"),
        ({"time": 0.0}, "time > 0"),
        ({"time": "3"}, "time > 0, a number, not '3'"),
        ({"memory": float("nan")}, "memory > 0"),
        ({"method": None}, "method is a name or a Method, not None"),
        ({"method": "alpha", "starts": 3}, "'alpha' takes no `starts`"),
        ({"method": "columns", "families": ("random",)}, "'columns' takes no `starts`, `also`, `families`"),
        ({"seed": -1}, "seed is a whole number from 0"),
        ({"seed": 1.5}, "seed is a whole number from 0"),
        ({"starts": 1.5}, "starts is a list .*, or a number of random starts, not 1.5"),
        ({"starts": LISTENER}, "starts is a list"),
        ({"also": LISTENER}, "also is a list of controllers and alpha vectors, not Controller"),
        ({"families": ()}, "none is named"),
        ({"bounds": "fib"}, r"give a list of names, \['fib'\]"),
        ({"families": ("clever",)}, "no family of starts is called 'clever'; there are: graphs, random"),
        ({"bounds": ("lp",)}, "no upper bound is called 'lp'; there are: qmdp, fib, sawtooth"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        plan(RISKY, **arguments)  # type: ignore[arg-type]


def test_certificate_knows_what_is_not_stationary() -> None:
    agent = Controller.random(3, RISKY.actions, RISKY.observations, seed=0)
    assert certify(RISKY, agent).gap > 1.0


def test_uses_of_transitions_sum_to_the_steps_taken() -> None:
    pomdp = random_problem(1)
    agent = Controller.random(3, pomdp.actions, pomdp.observations, seed=0)
    moves = certify(pomdp, agent).moves
    assert moves.sum() == pytest.approx(10.0)
    assert (moves[:, 0, 1] == 0).all()  # this action never yields that observation


def test_restoration_reaches_the_inside() -> None:
    problem = PlanningProblem(RISKY, 4, {"risk": 0.5})
    theta = problem.loop.layout.vector(
        [Controller.random(4, RISKY.actions, RISKY.observations, seed=seed) for seed in range(4)]
    )
    assert (problem.evaluate(theta).values[:, 1] > 0).all()
    restored, excess = restore(problem, theta, Limits(300), 1e-8)
    assert (excess <= 1e-8).all()
    assert (problem.evaluate(restored).values[:, 1] <= 1e-8).all()


def test_best_start_is_the_best_mixture_of_nodes() -> None:
    problem = PlanningProblem(RISKY, 4, {"risk": 6.5, "listen": 7.0})
    theta = problem.loop.layout.vector([Controller.random(4, RISKY.actions, RISKY.observations, seed=3)])[0]
    moved = best_start(problem, theta)
    before, after = problem.evaluate(np.stack([theta, moved])).values
    assert after[0] >= before[0]
    grid = np.random.default_rng(0).dirichlet(np.full(4, 0.3), size=500)
    many = np.tile(theta, (500, 1))
    many[:, :4] = grid
    values = problem.evaluate(many).values
    inside = (values[:, 1:] <= 0).all(axis=1)
    if (after[1:] <= 1e-9).all():
        assert (values[inside, 0] <= after[0] + 1e-9).all()
    else:
        assert not inside.any()


def test_the_gap_is_to_the_bound_of_every_policy() -> None:
    found = plan(RISKY, nodes=2, budgets={"risk": 0.2}, starts=4, iterations=200)
    assert found.gap == pytest.approx(found.upper_bound - found.value)
    assert found.to_dict()["gap"] == found.gap
    assert 0.0 <= found.to_dict()["first_order_gap"] < 1.0


def test_a_path_is_no_problem() -> None:
    with pytest.raises(ProblemError, match=r"takes a Pomdp, not str: read a file by vs.read_pomdp"):
        plan("tiger.POMDP")  # type: ignore[arg-type]


def test_only_a_call_that_asks_for_nothing_else_ends_with_the_graph_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("versant.planning.ways.ASCENT_LIMIT", 1)
    problem = tiger()
    alone = plan_with_all_bounds(problem, nodes=5, bounds=())
    assert alone.families == {"graphs": 1}
    assert alone.value == pytest.approx(19.371368, abs=1e-6)
    assert plan_with_all_bounds(problem, nodes=5, bounds=(), starts=2, iterations=3).families == {"graphs": 3}
    assert plan_with_all_bounds(problem, nodes=2, bounds=(), method="pga", iterations=2).families["random"] > 0
    assert plan_with_all_bounds(
        problem, nodes=3, bounds=(), deterministic=True, iterations=2
    ).controller.is_deterministic
