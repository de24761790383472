"""Exchange of nodes: what it promises against a look at everything, and what it leads out of."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

import versant as vs
from tests.planning_cases import random_controllers, random_problem
from versant.planning.ascent import Limits
from versant.planning.exchange import exchanges
from versant.planning.natural import Natural
from versant.planning.problem import PlanningProblem
from versant.planning.run import Run
from versant.planning.search import SHARE, Search, random_starts


def test_an_exchange_changes_one_node_and_what_leads_to_it() -> None:
    task = random_problem(3)
    problem = PlanningProblem(task, 3, {"c0": 3.0})
    layout = problem.loop.layout
    theta = layout.vector(random_controllers(task, 3, 1))[0]
    acts = layout.split(theta[None])[2]
    made = list(exchanges(problem, theta))
    assert len({one.tobytes() for one in made}) == len(made) > 3
    for one in made:
        assert all(np.allclose(view.sum(axis=-1), 1.0) and view.min() >= 0.0 for view in problem.shape.views(one))
        start, moved, acted = (part[0] for part in layout.split(one[None]))
        changed = np.flatnonzero((acted != acts[0]).any(axis=1))
        assert len(changed) == 1
        new = int(changed[0])
        assert acted[new].max() == 1.0
        own = layout.pairs[:, 0] == acted[new].argmax()
        assert (moved[own, new].max(axis=-1) == 1.0).all()
        assert (moved[own, new, new] == 0.0).all()
        led = np.concatenate([moved[:, np.arange(3) != new].reshape(-1, 3), start[None]])
        assert (led[:, new] == 1.0).any()
        stayed = led[led[:, new] < 1.0]
        assert (stayed[:, new] == 0.0).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_first_exchange_is_the_best_by_lookahead_without_costs(seed: int) -> None:
    """With one node, the new node takes an action and goes on to itself: the best has the best first step."""
    task = random_problem(seed, costs=0)
    problem = PlanningProblem(task, 1, {})
    theta = problem.loop.layout.vector(random_controllers(task, 1, 1))
    values = problem.loop.evaluate(theta).node_values[0, :, 0, 0]
    flows = [task.start]
    occupancy = problem.loop.evaluate(theta).occupancy[0, :, 0]
    for action, observation in problem.loop.layout.pairs:
        kernel = task.transitions[action].toarray() * task.emissions[action].toarray()[:, observation]
        share = problem.loop.layout.split(theta)[2][0, 0, action]
        flows.append(problem.loop.discount * share * (occupancy @ kernel))
    steps = [task.rewards[:, a] + problem.loop.discount * task.transitions[a] @ values for a in range(task.n_actions)]
    gains = np.array([[flow @ (step - values) for step in steps] for flow in flows])
    best = int(np.unravel_index(gains.argmax(), gains.shape)[1])
    first = next(exchanges(problem, theta[0]))
    assert int(problem.loop.layout.split(first[None])[2][0, 0].argmax()) == best


def test_exchange_leads_out_of_a_local_optimum() -> None:
    task = random_problem(16, costs=1).with_budgets({"c0": 4.5})
    alone, further = (
        vs.plan(task, nodes=2, starts=2, iterations=40, families=families, bounds=[])
        for families in (["random"], ["random", "exchange"])
    )
    assert further.feasible
    assert further.value > alone.value + 0.1


def test_exchanges_go_on_only_where_nothing_better_is_known() -> None:
    found = vs.plan(vs.problems.tiger(), nodes=5, bounds=[])
    assert "exchange" not in found.families
    alone = vs.plan(random_problem(16), nodes=2, starts=2, iterations=20, families=["random"], bounds=[])
    assert set(alone.families) == {"random"}


def test_a_larger_controller_that_keeps_the_budgets_is_named() -> None:
    """With one node the tiger's doors cost more than a budget that three nodes keep."""
    task = vs.problems.tiger(costs=("risk", "listen")).with_budgets({"listen": 12.0, "risk": 1.5})
    found = vs.plan(task, nodes=1, families=["graphs"], bounds=[])
    assert found.verdict == (vs.PlanVerdict.BUDGET_VIOLATED, vs.PlanVerdict.LIMITED_BY_SIZE)
    assert found.larger is not None
    assert "keeps all budgets is open" not in str(found)
    assert vs.verify(found, task).holds


def test_the_same_seed_gives_the_same_exchanges() -> None:
    task = random_problem(16, costs=1).with_budgets({"c0": 4.5})
    call: dict[str, Any] = {"nodes": 2, "starts": 2, "iterations": 20, "families": ["random", "exchange"], "bounds": []}
    one, two = (vs.plan(task, **call) for _ in range(2))
    assert one.families["exchange"] > 0
    assert one.value == two.value


def test_exchanges_take_a_share_of_the_steps_and_none_is_tried_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    task = random_problem(5, costs=1).with_budgets({"c0": 4.0})
    search = Search(
        PlanningProblem(task, 5, dict(task.budgets)), Natural(), 40, np.inf, np.inf, Run(lambda message: None)
    )
    tried: list[bytes] = []
    steps = {"random": 0, "exchange": 0}
    ascend = search._ascend

    def counted(family: str, begin: np.ndarray[Any, Any], limits: Limits) -> int:
        tried.extend(one.tobytes() for one in begin)
        steps[family] += (taken := ascend(family, begin, limits))
        return taken

    monkeypatch.setattr(search, "_ascend", counted)
    search.run(islice(random_starts(search.problem, 0), 6), "random")
    assert search.exchange()
    once = steps["exchange"]
    assert once > SHARE * steps["random"]
    assert search.exchange()
    assert steps["exchange"] == once, "exchanges wait until others have ascended"
    monkeypatch.setattr(search, "_steps", 4 * once)
    search.exchange()
    assert steps["exchange"] > once
    assert len(set(tried)) == len(tried)
