"""Following a controller from the start, all the way or as far as limits allow."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import versant.planning.evaluation as evaluation_module
from tests.planning_cases import random_controllers, random_problem, totals
from versant.agents.controller import Controller
from versant.planning.certificate import certify
from versant.planning.evaluation import ClosedLoop, Evaluation
from versant.planning.gradient import pair_visits
from versant.planning.reach import Reached, _Walk, reached_chain
from versant.planning.relaxations import value_ranges
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo.rocks import rock_sample

PROBLEMS = [random_problem(seed) for seed in range(4)]


def graph(pomdp: Pomdp, nodes: int, seed: int) -> Controller:
    """A controller that draws nothing by lot."""
    rng = np.random.default_rng(seed)
    shape = (nodes, pomdp.n_actions, pomdp.n_observations)
    return Controller(
        np.eye(nodes)[0],
        np.eye(pomdp.n_actions)[rng.integers(0, pomdp.n_actions, nodes)],
        np.eye(nodes)[rng.integers(0, nodes, shape)],
        pomdp.actions,
        pomdp.observations,
    )


def followed(pomdp: Pomdp, controller: Controller, limit: float) -> Evaluation:
    """Evaluate with room for so many entries only."""
    loop = ClosedLoop(pomdp, controller.n_nodes)
    with (
        patch.object(evaluation_module, "DENSE_LIMIT", 0),
        patch.object(evaluation_module, "_entries_that_fit", lambda: limit),
        patch.object(ClosedLoop, "_products_fit", lambda self: False),
    ):
        return loop.evaluate_reached(loop.layout.vector([controller]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.integers(1, 4), st.integers(0, 99), st.booleans(), st.integers(0, 60), st.integers(1, 9))
def test_what_is_beyond_open_pairs_is_within_the_error_bars(
    problem: int, nodes: int, seed: int, by_lot: bool, limit: int, at_once: int
) -> None:
    pomdp = PROBLEMS[problem]
    one = random_controllers(pomdp, nodes, 1, 0.1 + seed)[0] if by_lot else graph(pomdp, nodes, seed)
    with patch("versant.planning.reach.AT_ONCE", at_once):
        found = followed(pomdp, one, limit)
    exact = totals(pomdp, one.start, one.action, one.transition)
    assert (np.abs(found.totals[0] - exact) <= found.errors()[0] + 1e-12).all()
    assert (found.errors() <= found.largest_errors() + 1e-12).all()


def test_error_bars_shrink_to_those_of_the_whole_chain() -> None:
    pomdp = rock_sample(4, 2)
    one = graph(pomdp, 8, 1)
    whole = followed(pomdp, one, np.inf)
    assert whole.reached is not None
    size = whole.reached.chain.matrix.nnz
    with patch("versant.planning.reach.AT_ONCE", 10):
        errors = [followed(pomdp, one, share * size).errors()[0, 0] for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert (np.diff(errors) < 0).all()
    assert errors[-1] == whole.errors()[0, 0] < 1e-9 < 1.0 < errors[0]


def test_what_was_visited_is_a_lower_bound_and_open_pairs_have_no_values() -> None:
    pomdp = PROBLEMS[1]
    one = graph(pomdp, 4, 3)
    with patch("versant.planning.reach.AT_ONCE", 1):
        part, whole = followed(pomdp, one, 6), followed(pomdp, one, np.inf)
    assert part.reached is not None
    assert whole.bounds is None
    assert 0 < part.reached.followed < len(part.reached.pairs)
    assert (part.occupancy <= whole.occupancy + 1e-9).all()
    assert (pair_visits(part) <= pair_visits(whole) + 1e-9).all()
    assert np.count_nonzero(~np.isnan(part.node_values[..., 0])) == part.reached.followed


def walked(pomdp: Pomdp, one: Controller, **limits: float) -> tuple[Reached, ClosedLoop, np.ndarray, np.ndarray]:
    loop = ClosedLoop(pomdp, one.n_nodes)
    start, transition, action = (part[0] for part in loop.layout.split(loop.layout.vector([one])))
    moves = loop.discount * action.T[loop.pair_actions, :, None] * transition
    weights = np.outer(loop.start, start).ravel()
    return reached_chain(loop.entries, moves, weights, **limits), loop, moves, weights


def test_there_is_no_step_when_the_time_is_over() -> None:
    found, _, _, weights = walked(PROBLEMS[0], graph(PROBLEMS[0], 3, 0), deadline=0.0)
    assert (found.followed, found.chain.matrix.nnz) == (0, 0)
    assert found.pairs.tolist() == np.flatnonzero(weights).tolist()


def test_pairs_of_most_mass_are_followed_first() -> None:
    pomdp = PROBLEMS[0]
    _, loop, moves, weights = walked(pomdp, random_controllers(pomdp, 3, 1)[0])
    walk, front = _Walk(loop.entries, moves), np.flatnonzero(weights)
    first, rest = walk.heaviest(front, weights, 1.0)
    assert first.tolist() == [int(weights.argmax())]
    assert sorted([*first, *rest]) == front.tolist()
    with patch("versant.planning.reach.AT_ONCE", 5):
        assert set(walked(pomdp, random_controllers(pomdp, 3, 1)[0])[0].pairs) == set(range(12))


def test_a_certificate_that_is_late_says_what_any_policy_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_module, "DENSE_LIMIT", 0)
    pomdp = PROBLEMS[2]
    one = graph(pomdp, 3, 5)
    late, exact = certify(pomdp, one, deadline=0.0), certify(pomdp, one)
    assert abs(late.value - exact.value) <= late.value_error
    assert all(abs(late.costs[name].value - exact.costs[name].value) <= late.costs[name].error for name in late.costs)
    assert late.gap == np.inf


def test_every_policy_lies_in_the_ranges_of_values() -> None:
    for pomdp in PROBLEMS:
        loop = ClosedLoop(pomdp, 2)
        values = loop.evaluate(loop.layout.vector(random_controllers(pomdp, 2, 5, 0.1))).node_values  # (B, S, X, 1+m)
        for deadline in (np.inf, 0.0):
            lowest, highest = value_ranges(pomdp, deadline)
            assert (lowest[:, None] <= values).all()
            assert (values <= highest[:, None]).all()
        assert (value_ranges(pomdp)[1] < highest).all()


def test_bounds_hold_however_few_sweeps_there_are() -> None:
    pomdp = PROBLEMS[3]
    one = random_controllers(pomdp, 3, 1)[0]
    with patch("versant.planning.reach.AT_ONCE", 1):
        found, loop, _, _ = walked(pomdp, one, limit=60)
    assert 0 < found.followed < len(found.pairs)
    state, node = np.divmod(found.pairs, 3)
    exact = loop.evaluate(loop.layout.vector([one])).node_values[0, state, node]  # (N, 1+m)
    right = np.einsum("jna,na->nj", loop.payoffs[:, state], one.action[node])
    lowest, highest = value_ranges(pomdp)
    widths = []
    for deadline in (0.0, np.inf):
        lower, upper = found.bounds(right, (lowest[state], highest[state]), 20, deadline)
        assert (lower <= exact).all()
        assert (exact <= upper).all()
        widths.append(upper - lower)
    assert (widths[1] <= widths[0]).all()
    assert (widths[1] < widths[0] - 1e-3).any()
