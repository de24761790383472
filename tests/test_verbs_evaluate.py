from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.planning_cases import random_controllers, random_problem, totals
from versant.agents.controller import Controller
from versant.errors import CapabilityError, ProblemError
from versant.tasks.zoo import tiger
from versant.verbs.evaluate import evaluate


def test_value_and_costs_with_error_bars() -> None:
    pomdp = random_problem(4).with_budgets({"c0": 100.0})
    agent = random_controllers(pomdp, 3, 1)[0]
    found = evaluate(agent, pomdp, {"c1": 0.1})
    expected = totals(pomdp, agent.start, agent.action, agent.transition)
    measured = [(found.value, found.value_error), *((cost.value, cost.error) for cost in found.costs.values())]
    for (value, error), truth in zip(measured, expected, strict=True):
        assert abs(value - truth) <= 2 * error
        assert error < 1e-11
    assert found.costs["c0"].kept
    assert not found.costs["c1"].kept
    assert not found.feasible
    assert found.costs["c1"].slack == pytest.approx(0.1 - expected[2])
    content = json.loads(json.dumps(found.to_dict()))
    assert set(content["costs"]["c1"]) == {"value", "error", "budget", "floor", "slack"}
    assert content["exact"] is True


def test_a_budget_just_met_is_not_kept() -> None:
    """The error bar counts: a budget equal to the cost computed cannot be told from one that is exceeded."""
    pomdp = random_problem(4)
    agent = random_controllers(pomdp, 3, 1)[0]
    cost = evaluate(agent, pomdp).costs["c0"]
    assert not evaluate(agent, pomdp, {"c0": cost.value}).feasible
    assert evaluate(agent, pomdp, {"c0": cost.value + 2 * cost.error}).feasible


def test_what_cannot_be_evaluated_is_refused() -> None:
    learner: Any = object()
    with pytest.raises(CapabilityError, match="not object and Pomdp"):
        evaluate(learner, tiger())
    other = Controller([1.0], [[0.5, 0.5]], np.ones((1, 2, 1, 1)), ("left", "right"), ("nothing",))
    with pytest.raises(ProblemError, match="actions"):
        evaluate(other, tiger())
    with pytest.raises(ProblemError, match="budget is set for 'fuel'"):
        evaluate(Controller.random(1, tiger().actions, tiger().observations, seed=0), tiger(), {"fuel": 1.0})
