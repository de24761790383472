"""Certificates that hold pass their check; every perturbed number fails it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning import series
from versant.planning.bounds import UpperBound
from versant.planning.result import Larger, Plan
from versant.planning.verdict import PlanVerdict
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan
from versant.verbs.verify import verify

RISKY = tiger(costs=("risk", "listen"))


@pytest.fixture(scope="module")
def found() -> Plan:
    return plan(RISKY, nodes=4, budgets={"risk": 0.2, "listen": (14.0, None)}, starts=4, bounds=("fib", "sawtooth"))


@pytest.fixture(scope="module")
def hopeless() -> Plan:
    return plan(RISKY, method="columns", budgets={"risk": 0.08, "listen": 12.0}, iterations=12, bounds=())


def test_a_certificate_holds(found: Plan) -> None:
    checked = verify(found, RISKY)
    assert checked.failures == ()
    assert checked.holds
    assert "4 upper bounds" in str(checked)


def perturbed(found: Plan, what: str) -> Plan:
    risk, first = found.costs["risk"], found.bounds[0]
    lowest = min(found.bounds, key=lambda bound: bound.value)
    agent = found.controller
    spoilt = agent.action.copy()
    spoilt[0] = np.roll(spoilt[0], 1)
    changes: dict[str, dict[str, object]] = {
        "value": {"value": found.value + 1e-6},
        "error bar": {"value_error": -1.0},
        "cost": {"costs": {**found.costs, "risk": replace(risk, value=risk.value - 1e-6)}},
        "budget": {"costs": {**found.costs, "risk": replace(risk, budget=risk.value - 1e-3)}},
        "controller": {
            "controller": Controller(agent.start, spoilt, agent.transition, agent.actions, agent.observations)
        },
        "upper bound": {"upper_bound": lowest.value - 1.0},
        "proof": {"bounds": ()},
        "no bound": {"upper_bound": None},
        "larger": {"larger": Larger(50, lowest.value + 1.0)},
        "bound": {"bounds": tuple(replace(b, value=b.value - 5.0) if b is lowest else b for b in found.bounds)},
        "cheap bound": {"bounds": (replace(first, value=first.value - 1e-3 * abs(first.value)), *found.bounds[1:])},
        "multipliers": {
            "bounds": tuple(replace(b, multipliers={"risk": -1.0}) if b is lowest else b for b in found.bounds)
        },
        "price": {"multipliers": {**found.multipliers, "listen": found.multipliers["listen"] - 0.1}},
        "no price": {"multipliers": {}},
        "price of nothing": {"multipliers": {**found.multipliers, "fuel": 1.0}},
        "excess": {"least_excess": UpperBound(0.1, {"risk": 5.0}, "qmdp")},
        "gap": {"first_order_gap": -1.0},
        "verdict": {"verdict": (*found.verdict, PlanVerdict.OPTIMAL)},
    }
    return replace(found, **changes[what])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("value", "value: claimed"),
        ("error bar", "no error bar"),
        ("cost", "risk: claimed"),
        ("budget", "not within its budget"),
        ("controller", "value: claimed"),
        ("upper bound", "the lowest of all bounds"),
        ("proof", "the lowest of all bounds is inf"),
        ("no bound", "none is claimed"),
        ("larger", "a larger controller"),
        ("bound", "refuted: at its multipliers it is at least"),
        ("multipliers", "refuted"),
        ("price", "multiplier of listen"),
        ("no price", "multiplier of listen: claimed None"),
        ("price of nothing", "multiplier of fuel"),
        ("excess", "infeasibility: the multipliers prove"),
        ("gap", "first-order gap"),
        ("verdict", "the numbers say"),
    ],
)
def test_a_perturbed_certificate_fails(found: Plan, what: str, word: str) -> None:
    checked = verify(perturbed(found, what), RISKY, effort=1e7)
    assert not checked.holds
    assert any(word in failure for failure in checked.failures)
    assert "does not hold" in str(checked)


def test_what_the_effort_leaves_open_is_not_called_wrong(found: Plan) -> None:
    checked = verify(found, RISKY, effort=1.0)
    assert not checked.holds
    assert checked.failures == ()
    assert "not confirmed within the effort" in checked.unconfirmed[0]
    assert str(checked).startswith("nothing is wrong")


def test_a_proof_of_infeasibility_is_checked(hopeless: Plan) -> None:
    assert PlanVerdict.INFEASIBLE in hopeless.verdict
    assert hopeless.least_excess is not None
    checked = verify(hopeless, RISKY)
    assert checked.holds, str(checked)
    assert "infeasibility" in checked.checked
    weak = replace(hopeless.least_excess, multipliers={"risk": hopeless.least_excess.multipliers["risk"]})
    assert not verify(replace(hopeless, least_excess=weak), RISKY).holds
    large = replace(hopeless.least_excess, value=10.0)
    assert not verify(replace(hopeless, least_excess=large), RISKY).holds


def test_what_was_minimised_is_checked() -> None:
    safe = plan(RISKY, minimise="risk", budgets={"reward": (10.0, None)}, method="columns", bounds=("qmdp",))
    assert verify(safe, RISKY).holds
    assert not verify(replace(safe, value=0.0), RISKY).holds


def test_the_problem_has_to_be_the_plan_s(found: Plan) -> None:
    with pytest.raises(ProblemError, match="'listen', which the problem lacks"):
        verify(found, tiger(costs=("risk",)))
    assert not verify(found, replace(RISKY, rewards=RISKY.rewards + 1.0)).holds


def test_cheap_bounds_are_confirmed_where_rewards_last_long() -> None:
    task = replace(RISKY, discount=0.9999)
    limits = {"families": ("random",), "bounds": ("qmdp", "fib"), "iterations": 20}
    found = plan(task, nodes=2, budgets={"risk": 40.0}, starts=2, **limits)  # type: ignore[arg-type]
    checked = verify(found, task)
    assert checked.holds, str(checked)


def test_where_there_is_nothing_to_earn() -> None:
    still = replace(RISKY, rewards=np.zeros_like(RISKY.rewards))
    checked = verify(plan(still, nodes=1, starts=1, families=("random",), bounds=("qmdp",)), still)
    assert checked.holds, str(checked)


def test_flags_follow_from_the_error_bars_that_are_claimed() -> None:
    """A plan made in haste may have a wide error bar, with which it is not called optimal."""
    exact = plan(tiger(), 5, bounds=("sawtooth",))
    rough = tuple(flag for flag in exact.verdict if flag != PlanVerdict.OPTIMAL)
    assert rough != exact.verdict
    assert verify(replace(exact, value_error=1.0, verdict=rough), tiger()).holds
    assert not verify(replace(exact, value_error=1.0), tiger()).holds


def test_chains_too_large_to_factorise_are_solved_as_exactly(found: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "DIRECT_LIMIT", 0)
    assert verify(found, RISKY).holds
    assert verify(replace(found, value=found.value + 1e-8), RISKY).failures[0].startswith("value: claimed")
