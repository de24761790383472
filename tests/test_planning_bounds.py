from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import versant.planning.bounds as bounds_module
import versant.planning.relaxations as relaxations_module
from tests.planning_cases import random_controllers, random_problem, totals
from versant.agents.controller import Controller
from versant.planning.bounds import affordable, lagrangian_bound, least_excess, occupancy_bound
from versant.planning.pointbased import PointBased
from versant.planning.problem import PlanningProblem
from versant.planning.relaxations import Relaxation
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger

RISKY = tiger(costs=("risk",))


def observed(seed: int) -> Pomdp:
    """A random problem whose observation is the state, from a known state: the occupancy bound is its optimum."""
    pomdp = random_problem(seed, states=3, observations=3)
    return Pomdp(
        pomdp.states,
        pomdp.actions,
        pomdp.observations,
        pomdp.transitions,
        [np.eye(3)] * 3,
        pomdp.rewards,
        [1.0, 0.0, 0.0],
        pomdp.discount,
        costs=pomdp.costs,
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_controller_exceeds_a_bound_at_its_own_costs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds_module, "EFFORT", 3e6)
    monkeypatch.setattr(bounds_module, "LAST_EFFORT", 3e6)
    pomdp = random_problem(seed)
    agents = random_controllers(pomdp, 3, 4, concentration=0.1)
    for agent in agents:
        value, *costs = totals(pomdp, agent.start, agent.action, agent.transition)
        budgets = {"c0": float(costs[0]) + 1e-9, "c1": float(costs[1]) + 1e-9}
        occupancy = occupancy_bound(pomdp, budgets)
        assert occupancy is not None
        qmdp, fib = (lagrangian_bound(pomdp, budgets, kind) for kind in ("qmdp", "fib"))
        point_based = lagrangian_bound(pomdp, budgets, "sawtooth") if seed < 2 and agent is agents[0] else fib
        for bound in (occupancy, qmdp, fib, point_based):
            assert value <= bound.value
            assert all(price >= 0 for price in bound.multipliers.values())
        assert fib.value <= qmdp.value + 1e-6 * abs(qmdp.value) + 1e-6
        assert qmdp.value <= occupancy.value + 1e-6 * abs(occupancy.value) + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_every_bound_is_the_optimum_where_the_state_is_seen(seed: int) -> None:
    """Value iteration by hand gives the optimum without budgets, a linear programme the one with them."""
    pomdp = observed(seed)
    values = np.zeros(3)
    for _ in range(1000):
        ahead = np.stack([kernel.toarray() @ values for kernel in pomdp.transitions], axis=1)
        values = (pomdp.rewards + 0.9 * ahead).max(axis=1)
    free = occupancy_bound(pomdp, {})
    assert free is not None
    assert free.value == pytest.approx(values[0], abs=1e-6)
    assert lagrangian_bound(pomdp, {}, "qmdp").value == pytest.approx(values[0], abs=1e-6)
    assert lagrangian_bound(pomdp, {}, "fib").value == pytest.approx(values[0], abs=1e-6)
    uniform = Controller([1.0], [[1 / 3] * 3], np.ones((1, 3, 3, 1)), pomdp.actions, pomdp.observations)
    _, *costs = totals(pomdp, uniform.start, uniform.action, uniform.transition)
    budgets = dict(zip(("c0", "c1"), map(float, costs), strict=True))
    linear = occupancy_bound(pomdp, budgets)
    assert linear is not None
    assert lagrangian_bound(pomdp, budgets, "qmdp").value == pytest.approx(linear.value, rel=1e-4)


def test_a_spoilt_value_function_still_gives_a_valid_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound comes from the residual, whatever the sweeps ended with."""
    pomdp = tiger()
    relaxation = Relaxation(pomdp, "fib", ())
    tight = relaxation.bound(np.array([1.0])).value
    relaxation._last = relaxation._last - np.random.default_rng(0).random(relaxation._last.shape) * 50
    for limit, value in (("SWEEPS", 1), ("POLICIES", 0)):
        monkeypatch.setattr(relaxations_module, limit, value)
    loose = relaxation.bound(np.array([1.0])).value
    assert loose >= 19.3713
    assert loose > tight


@pytest.mark.parametrize("kind", ["qmdp", "fib"])
def test_infeasible_budgets_are_proved(kind: str) -> None:
    pomdp = observed(1)
    cheapest = -lagrangian_bound(replace(pomdp, rewards=-pomdp.costs["c0"]), {}, "qmdp").value
    budgets = {"c0": 0.8 * cheapest}
    scales = PlanningProblem(pomdp, 1, budgets).scales
    proof = least_excess(pomdp, budgets, scales, kind)  # type: ignore[arg-type]
    assert proof.value == pytest.approx(0.25, rel=1e-3)
    assert occupancy_bound(pomdp, budgets) is None
    possible = {"c0": 1.01 * cheapest}
    assert least_excess(pomdp, possible, scales, kind).value < 0  # type: ignore[arg-type]


def test_conflicting_budgets_are_proved_infeasible_together() -> None:
    """Each of the two budgets could be kept, both cannot: only a combination of them proves it."""
    one = Pomdp(
        ("s",),
        ("a", "b"),
        ("o",),
        [np.ones((1, 1))] * 2,
        [np.ones((1, 1))] * 2,
        [[0.0, 1.0]],
        [1.0],
        0.9,
        costs={"first": [[1.0, 0.0]], "second": [[0.0, 1.0]]},
    )
    budgets = {"first": 4.0, "second": 4.0}
    proof = least_excess(one, budgets, np.array([4.0, 4.0]), "qmdp")
    assert proof.value == pytest.approx(0.25, rel=1e-5)
    assert min(proof.multipliers.values()) > 0


def test_early_stops_leave_bounds_valid() -> None:
    """Sweeps that hardly begin, and a deadline that is over, make bounds loose but not wrong."""
    optimum = 19.37136
    for kind in ("qmdp", "fib"):
        late = Relaxation(RISKY, kind, (), deadline=0.0)  # type: ignore[arg-type]
        assert late.bound(np.array([1.0])).value >= optimum
        late._last = np.full((2, 3, 1), -50.0)
        assert late.bound(np.array([1.0])).value >= optimum


def test_bounds_are_chosen_by_size() -> None:
    assert affordable(6, 12, RISKY, 1) == ("qmdp", "fib", "sawtooth")
    assert affordable(600_000, 10_000_000, RISKY, 1) == ("qmdp", "fib")
    assert affordable(10**7, 10**8, RISKY, 1) == ("qmdp",)


def test_point_based_bound_of_tiger() -> None:
    solver = PointBased(RISKY, ("risk",))
    assert solver.bound(np.array([1.0, 0.0])).value == pytest.approx(19.3714, abs=3e-3)
    assert solver.bound(np.array([1.0, -22.917])).value + 22.917 * 0.08 == pytest.approx(17.6556, abs=5e-3)
    found = solver.bound(np.array([0.0, -1.0]))  # least risk: listen for ever
    assert abs(found.value) < 1e-6
    assert abs(found.parts[1]) < 1e-6


@pytest.mark.parametrize("effort", [1.0, 1e4, 1e6, 1e7])
def test_point_based_bound_holds_however_early_it_stops(effort: float) -> None:
    bound = PointBased(RISKY, (), effort=effort).bound(np.array([1.0])).value
    assert 19.37136 <= bound <= 87.2


def test_point_based_bounds_enclose_the_optimum() -> None:
    """Its lower bound is the value of a plan that can be followed, so it may not exceed the upper one."""
    for seed in range(3):
        pomdp = random_problem(seed, costs=1)
        found = PointBased(pomdp, ("c0",), effort=1e7).bound(np.array([1.0, -0.5]))
        lower = found.parts @ np.array([1.0, -0.5])
        assert lower <= found.value <= lower + 0.2 * max(1.0, abs(lower))


@pytest.mark.parametrize("discount", [0.99, 0.9999])
def test_point_based_bounds_meet_whatever_the_discount(discount: float) -> None:
    found = PointBased(replace(tiger(), discount=discount), (), effort=5e7, precision=1e-3).bound(np.ones(1))
    listened = {0.99: 106.0960427, 0.9999: 10835.6096479}[discount]  # the graph of five nodes is worth that, exactly
    assert listened <= found.value <= listened * (1.0 + 2e-3)


@pytest.mark.parametrize("discount", [0.8, 0.9999])
def test_the_fast_informed_bound_solves_its_equation(discount: float) -> None:
    task = replace(tiger(costs=("risk",)), discount=discount)
    model = Relaxation(task, "fib", ("risk",))
    for price in (0.0, 30.0):  # the second begins where the first ended
        combination = np.array([1.0, -price])
        alpha, _ = model.vectors(combination)
        payoff = task.rewards - price * task.costs["risk"]
        moves = np.stack([kernel.toarray() for kernel in task.transitions])  # (A, S, S')
        seen = np.stack([kernel.toarray() for kernel in task.emissions])  # (A, S', O)
        ahead = np.einsum("ast,ato,tb->asob", moves, seen, alpha).max(axis=3).sum(axis=2)
        assert alpha == pytest.approx(payoff + discount * ahead.T, rel=1e-9)
        cold = Relaxation(task, "fib", ("risk",)).bound(combination)
        assert model.bound(combination).value == pytest.approx(cold.value, rel=1e-12)
        assert 0.0 <= cold.loose <= 1e-9 * abs(cold.value)
