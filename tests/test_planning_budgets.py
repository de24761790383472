"""Budgets from below, from both sides and to the point, in files, in every method, and what is proved of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.planning_cases import random_controllers, random_problem
from versant.errors import ProblemError
from versant.formats.cassandra import read_cassandra
from versant.formats.cassandra_writer import write_cassandra
from versant.planning.certificate import Cost, certify
from versant.planning.onesided import equality_tolerance, one_sided
from versant.planning.result import Plan
from versant.planning.verdict import PlanVerdict
from versant.tasks.pomdp import Limits, Pomdp
from versant.tasks.zoo import tiger
from versant.verbs.evaluate import evaluate
from versant.verbs.plan import plan

RISKY = tiger(costs=("risk", "listen"))


def toy() -> Pomdp:
    """One state; working earns 1 and costs 1 a step, resting nothing: value and toil are the same number, 0 to 10."""
    unit = [np.ones((1, 1))] * 2
    return Pomdp(("s",), ("rest", "work"), ("o",), unit, unit, [[0.0, 1.0]], [1.0], 0.9, costs={"toil": [[0.0, 1.0]]})


def planned(pomdp: Pomdp, budgets: dict[str, Limits], method: str = "natural", **keywords: object) -> Plan:
    given: dict[str, object] = {"nodes": 1, "starts": 3, "bounds": ("qmdp",), "families": ("random",)}
    given = {"bounds": ("qmdp",)} if method == "columns" else given
    return plan(pomdp, budgets=budgets, method=method, **{**given, **keywords})  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["natural", "pga", "columns"])
@pytest.mark.parametrize(
    ("limits", "sign", "value", "price"),
    [
        ((None, 4.0), 1.0, 4.0, 1.0),
        ((4.0, None), -1.0, -4.0, -1.0),
        ((3.0, 3.0), 1.0, 3.0, 1.0),
        ((3.0, 3.0), -1.0, -3.0, -1.0),
        ((2.0, 6.0), 1.0, 6.0, 1.0),
        ((2.0, 6.0), -1.0, -2.0, -1.0),
    ],
)
def test_bounds_from_either_side_have_prices_of_either_sign(
    method: str, limits: tuple[float | None, float | None], sign: float, value: float, price: float
) -> None:
    problem = toy()
    turned = Pomdp(
        *(problem.states, problem.actions, problem.observations, problem.transitions, problem.emissions),
        sign * problem.rewards,
        problem.start,
        0.9,
        costs=dict(problem.costs),
    )
    found = planned(turned, {"toil": limits}, method)
    assert found.verdict == (PlanVerdict.FEASIBLE, PlanVerdict.STATIONARY, PlanVerdict.OPTIMAL)
    assert found.value == pytest.approx(value, abs=3e-6)
    assert found.multipliers["toil"] == pytest.approx(price, abs=1e-4)
    assert all(bound.value >= found.value for bound in found.bounds)


def test_a_total_that_is_to_have_one_value_has_it() -> None:
    found = planned(RISKY, {"listen": (12.0, 12.0)}, nodes=3, starts=6)
    listen = found.costs["listen"]
    assert found.feasible
    assert abs(listen.value - 12.0) + listen.error <= listen.tolerance <= 2e-6
    assert "to be 12" in str(listen)


@pytest.mark.parametrize("limits", [(20.5, None), (20.5, 21.0), (20.5, 20.5)])
def test_floors_that_nobody_reaches_are_proved_out_of_reach(limits: tuple[float, float | None]) -> None:
    """Listening for ever takes 20 discounted steps."""
    found = planned(RISKY, {"listen": limits}, nodes=2)
    assert found.verdict == (PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE)
    assert found.least_excess is not None
    assert 0.0 < found.least_excess.value <= 0.5 / 20.5 + 1e-9
    assert found.least_excess.multipliers["listen"] < 0.0


@pytest.mark.parametrize("limits", [20.0, (20.0, None)])
def test_a_budget_that_stands_at_an_unavoidable_cost_is_undecided(limits: Limits) -> None:
    """Every policy takes 20 discounted steps; rounding hides whether 20 are within 20, and nothing else is lost."""
    task = RISKY.with_costs({"time": {("*", "*"): 1.0}})
    found = planned(task, {"time": limits}, nodes=5, starts=6)
    assert found.verdict[0] == PlanVerdict.UNDECIDED
    assert found.value == pytest.approx(19.3714, abs=1e-3)
    assert found.costs["time"].undecided
    assert not found.feasible
    exactly = planned(task, {"time": (20.0, 20.0)}, nodes=5, starts=6)
    assert exactly.feasible
    assert exactly.value == pytest.approx(19.3714, abs=1e-3)


def test_what_costs_nothing_at_all_is_within_a_budget_of_nothing() -> None:
    found = planned(RISKY, {"risk": 0.0}, nodes=2)
    assert found.costs["risk"].value <= 1e-12
    assert found.value == pytest.approx(-20.0, abs=1e-6)


def test_a_cost_is_minimised_subject_to_reward() -> None:
    found = plan(RISKY, minimise="risk", budgets={"reward": (15.0, None)}, method="columns", bounds=("qmdp",))
    assert found.feasible
    assert found.minimised == "risk"
    assert found.value == pytest.approx(-found.costs["risk"].value, rel=1e-12)
    reward = found.costs["reward"]
    assert reward.value - reward.error >= 15.0
    assert found.upper_bound is not None
    assert -found.costs["risk"].value <= found.upper_bound
    other = plan(RISKY, budgets={"risk": found.costs["risk"].value}, method="columns", bounds=("qmdp",))
    assert other.value == pytest.approx(15.0, abs=1e-2)  # the same trade-off from the other side


def test_certificate_sets_totals_beside_both_bounds() -> None:
    pomdp = random_problem(2).with_budgets({"c0": (1.0, 9.0), "c1": (7.0, 7.0)})
    agent = random_controllers(pomdp, 3, 1)[0]
    found = certify(pomdp, agent)
    total = found.costs["c0"].value
    assert (found.costs["c0"].floor, found.costs["c0"].budget) == (1.0, 9.0)
    assert found.costs["c0"].slack == pytest.approx(min(9.0 - total, total - 1.0))
    assert set(found.multipliers) == {"c0", "c1"}
    assert found.costs["c1"].tolerance == equality_tolerance(pomdp, "c1") > 0.0
    assert evaluate(agent, pomdp).costs["c0"] == found.costs["c0"]


def test_cost_says_what_is_true() -> None:
    assert Cost(1.0, 0.1, 1.05).undecided
    assert not Cost(1.0, 0.01, 1.05).undecided
    assert Cost(1.0, 0.01, None, 0.98).kept
    assert not Cost(1.0, 0.01, None, 1.5).undecided
    assert Cost(1.0, 0.1).kept
    assert str(Cost(0.5, 1e-9, 1.0, 0.25)) == "0.5 ± 1.0e-09, budget 1, floor 0.25, slack 0.25"


def test_prices_of_both_sides_are_netted_and_split() -> None:
    sided = one_sided(toy().with_costs({"-toil": {("*", "*"): 1.0}}).with_budgets({"toil": (1.0, 2.0)}))
    assert dict(sided.pomdp.budgets) == {"toil": 2.0, "--toil": -1.0}
    assert sided.net({"toil": 3.0, "--toil": 5.0}) == {"toil": -2.0}
    assert sided.split({"toil": -2.0}) == {"toil": 0.0, "--toil": 2.0}


def test_bounds_of_either_side_are_read_and_written(tmp_path) -> None:
    task = RISKY.with_costs({"time": {("*", "*"): 1.0}, "rest": {("*", "listen"): 1.0}})
    given = task.with_budgets({"risk": 0.08, "listen": (2.0, None), "time": (20.0, 20.0), "rest": (1.0, 9.0)})
    file = tmp_path / "tiger.cpomdp"
    write_cassandra(given, file)
    again = read_cassandra(file)
    assert (dict(again.budgets), dict(again.floors)) == (dict(given.budgets), dict(given.floors))
    text = file.read_text()
    assert "budget: risk 0.08\n" in text
    assert "budget: time == 20.0\n" in text
    assert "budget: rest >= 1.0\n" in text
    file.write_text(text.replace("budget: risk 0.08", "budget: risk <= 0.08 time == 3 risk >= 0.01"))
    several = read_cassandra(file)
    assert several.floors["risk"] == 0.01


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ({"risk": (2.0, 1.0)}, "nothing is both"),
        ({"risk": "0.08"}, "finite number"),
        ({"risk": (0.1, float("inf"))}, "finite number"),
        ({"risk": (0.1, 0.2, 0.3)}, "finite number"),
        ("risk<=0.08", "as {cost: bound}"),
    ],
)
def test_budgets_that_are_none_are_refused(budgets: object, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        RISKY.with_budgets(budgets)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "1", "-2.5", "a b", "x:y", "a>=b", 1])
def test_names_that_no_file_could_hold_are_refused(name: object) -> None:
    with pytest.raises(ProblemError, match="a cost is called"):
        RISKY.with_costs({name: {("*", "*"): 1.0}})  # type: ignore[dict-item]


def test_minimising_needs_a_cost_and_a_free_name() -> None:
    with pytest.raises(ProblemError, match="no cost 'fuel' to minimise"):
        RISKY.minimising("fuel")
    with pytest.raises(ProblemError, match="called 'reward' already"):
        RISKY.minimising("risk").minimising("risk")
