"""α-vectors of controllers are lower bounds that lead to one another; starts of every kind are brought to size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.planning_cases import random_problem
from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.alphavectors import lower_vectors, vector_graph
from versant.planning.certificate import certify
from versant.planning.journal import describe
from versant.planning.result import Plan
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.verbs.evaluate import evaluate
from versant.verbs.plan import plan
from versant.verbs.verify import verify

RISKY = tiger(costs=("risk",))


@pytest.fixture(scope="module")
def solved() -> Plan:
    return plan(tiger(), method="alpha", bounds=())


def looked_ahead(policy: AlphaPolicy, task: Pomdp, belief: Any) -> tuple[float, float]:
    """What the vectors promise at a belief, and what one step of the action chosen and their promise after it give."""
    best = int((policy.vectors @ belief).argmax())
    action = int(policy.vector_actions[best])
    move, seen = task.transitions[action].toarray(), task.emissions[action].toarray()
    after = np.einsum("s,sz,zo->oz", belief, move, seen)
    ahead = belief @ task.rewards[:, action] + (task.discount or 0.0) * (after @ policy.vectors.T).max(axis=1).sum()
    return float(policy.vectors[best] @ belief), float(ahead)


def test_alpha_vectors_bound_the_value_from_below(solved: Plan) -> None:
    policy = solved.alpha
    assert policy is not None
    lower = float(policy.value(RISKY.start[None])[0])
    assert solved.value - 1e-9 <= lower <= solved.value
    assert solved.upper_bound is not None
    simulated = evaluate(policy, RISKY, runs=1000, seed=1)
    assert not simulated.exact
    assert lower - simulated.value_error <= simulated.value <= solved.upper_bound + simulated.value_error


def test_every_alpha_vector_is_kept_by_a_step_of_its_own(solved: Plan) -> None:
    policy = solved.alpha
    assert policy is not None
    for task in (RISKY, random_problem(3)):
        found = policy if task is RISKY else plan(task, method="alpha", bounds=()).alpha
        assert found is not None
        for belief in np.random.default_rng(0).dirichlet(np.ones(task.n_states), size=50):
            promised, ahead = looked_ahead(found, task, belief)
            assert promised <= ahead + 1e-12 * abs(ahead)


def test_vectors_that_promise_too_much_fail_their_check(solved: Plan) -> None:
    assert solved.alpha is not None
    vectors = solved.alpha.vectors.copy()
    assert not any("alpha" in failure for failure in verify(solved, RISKY, effort=1e6).failures)
    for change in (1e-6, 1.0):
        raised = vectors.copy()
        raised[0, 0] += change
        wrong = replace(solved, alpha=AlphaPolicy(raised, solved.alpha.vector_actions, RISKY.actions))
        assert any("alpha vector 0" in failure for failure in verify(wrong, RISKY, effort=1e6).failures)
    swapped = replace(solved, alpha=AlphaPolicy(vectors, solved.alpha.vector_actions[::-1], RISKY.actions))
    assert not verify(swapped, RISKY, effort=1e6).holds


def test_a_vector_of_a_controller_is_what_its_node_is_worth() -> None:
    rng = np.random.default_rng(1)
    task = random_problem(5)
    drawn = Controller.random(3, task.actions, task.observations, seed=rng)
    agent = Controller(
        drawn.start, np.eye(task.n_actions)[[0, 1, 0]], drawn.transition, task.actions, task.observations
    )
    policy = lower_vectors(agent, task)
    assert policy.vector_actions.tolist() == [0, 1, 0]
    for node, vector in enumerate(policy.vectors):
        alone = Controller(np.eye(3)[node], agent.action, agent.transition, agent.actions, agent.observations)
        value = certify(task, alone).value
        assert value - 1e-9 <= task.start @ vector <= value
    with pytest.raises(ProblemError, match="draws its actions"):
        lower_vectors(drawn, task)


def test_vectors_become_the_graph_that_they_came_from(solved: Plan) -> None:
    policy = solved.alpha
    assert policy is not None
    agent = vector_graph(policy, RISKY, 50).merged()
    assert agent.n_nodes == 5
    first = vector_graph(policy, RISKY, 1)  # one node: listen for ever
    assert first.successors.tolist() == [[0] * 6]
    with pytest.raises(ProblemError, match="are over 2 states"):
        vector_graph(policy, random_problem(1), 10)


def test_vectors_of_one_step_make_a_good_start_too() -> None:
    short = AlphaPolicy([[-1.0, -1.0], [10.0, -100.0], [-100.0, 10.0]], [0, 2, 1], RISKY.actions)
    found = plan(RISKY, starts=[short], bounds=(), iterations=5)
    assert found.controller.n_nodes == 5
    assert found.value == pytest.approx(19.3714, abs=1e-4)


@pytest.mark.parametrize("nodes", [3, 5, 7, None])
def test_starts_of_every_size_and_kind_are_brought_to_size(solved: Plan, nodes: int | None) -> None:
    policy = solved.alpha
    assert policy is not None
    for start in (policy, solved.controller):
        found = plan(RISKY, nodes, starts=[start], bounds=(), iterations=30)
        assert found.controller.n_nodes == (5 if nodes is None else nodes)
        assert found.families == {"given": 1}
        assert found.value >= (-20.000001 if nodes == 3 else solved.value - 1e-9)
    besides = plan(RISKY, nodes, starts=1, families=("random",), also=[policy], bounds=(), iterations=30)
    assert besides.value >= (-20.000001 if nodes == 3 else solved.value - 1e-9)


def test_a_checkpoint_knows_its_starts(solved: Plan) -> None:
    other = Controller.random(5, RISKY.actions, RISKY.observations, seed=1)
    calls = [describe(RISKY, starts=starts) for starts in (None, 3, [solved.controller], [other])]
    assert len(set(calls)) == 4
    assert describe(RISKY, starts=[other]) == calls[3]


def test_starts_that_cannot_be_used_say_what_to_do(solved: Plan) -> None:
    drawn = Controller.random(4, RISKY.actions, RISKY.observations, seed=1)
    with pytest.raises(ProblemError, match=r"4 nodes, more than 3, and draws .* plan with nodes=4"):
        plan(RISKY, 3, starts=[drawn])
    with pytest.raises(ProblemError, match="takes no controllers to start from: give a number of nodes"):
        plan(RISKY, "grow", also=[drawn])
    with pytest.raises(ProblemError, match="'columns' takes no `starts`"):
        plan(RISKY, method="columns", starts=[drawn])
    with pytest.raises(ProblemError, match="a start is a Controller or an AlphaPolicy, not str"):
        plan(RISKY, 3, starts=["policy.alpha"])  # type: ignore[list-item]
