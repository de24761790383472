"""The frozen, validated Pomdp: every refusal with its words, sharing, immutability, and size."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, eye_array, random_array

from versant.errors import ProblemError
from versant.tasks.pomdp import Pomdp, require_discounted

TWO = [[0.5, 0.5], [0.25, 0.75]]


def problem(**changes):
    parts = {
        "states": ("left", "right"),
        "actions": ("go", "stay"),
        "observations": ("dark", "light", "grey"),
        "transitions": (TWO, np.eye(2)),
        "emissions": ([[1, 0, 0], [0, 0.5, 0.5]], [[0.2, 0.3, 0.5], [0, 1, 0]]),
        "rewards": [[1.0, 2.0], [3.0, 4.0]],
        "start": [0.5, 0.5],
        "discount": 0.9,
    }
    return Pomdp(**(parts | changes))


def test_holds_what_it_was_given():
    made = problem()
    assert (made.n_states, made.n_actions, made.n_observations) == (2, 2, 3)
    assert np.array_equal(made.transitions[0].toarray(), TWO)
    assert made.transitions[1].nnz == 2
    assert made.rewards.dtype == np.float64
    assert made.horizon is None
    assert made.notes == ()


BAD = [
    ({"states": ("left", "left")}, "two states are called 'left'"),
    ({"actions": ("go", "")}, "action names are non-empty text, not ''"),
    ({"observations": ()}, "at least one observation"),
    ({"states": (0, 1)}, "state names are non-empty text, not 0"),
    ({"transitions": (TWO,)}, "transitions: 1 matrices for 2 actions"),
    ({"transitions": (TWO, np.eye(3))}, r"transitions of action 'stay': shape \(3, 3\), expected \(2, 2\)"),
    (
        {"transitions": ([[0.5, 0.4], [0, 1]], np.eye(2))},
        "transitions of action 'go': the row of state 'left' sums to 0.9",
    ),
    ({"transitions": (TWO, [[1.5, -0.5], [0, 1]])}, "'stay': probability of 'right' in state 'left' is -0.5"),
    ({"transitions": (TWO, [[0, 1], [math.nan, 1]])}, "'stay': probability of 'left' in state 'right' is nan"),
    ({"transitions": (TWO, [[1, 0], [0, 0]])}, "the row of state 'right' sums to 0, expected 1"),
    (
        {"emissions": (np.full((2, 3), 0.3), np.full((2, 3), 1 / 3))},
        r"emissions of action 'go'.*sums to 0.9.*\(1 more row",
    ),
    ({"rewards": [[1.0, 2.0]]}, r"reward: shape \(1, 2\), expected \(states, actions\) = \(2, 2\)"),
    ({"rewards": [[1.0, 2.0], [math.inf, 0.0]]}, "reward in state 'right' under action 'go' is inf"),
    ({"start": [0.5, 0.4]}, "start belief sums to 0.9"),
    ({"start": [1.5, -0.5]}, "start belief: the probability of state 'right' is -0.5"),
    ({"start": [1.0]}, "start belief: shape"),
    ({"discount": 0.0}, "the discount is 0.0"),
    ({"discount": 1.01}, "the discount is 1.01"),
    ({"discount": math.nan}, "the discount is nan"),
    ({"horizon": 0}, "the horizon is 0"),
    ({"horizon": 2.5}, "the horizon is 2.5"),
    ({"costs": {"risk": [[1, 2, 3], [1, 2, 3]]}}, r"cost 'risk': shape \(2, 3\)"),
    ({"costs": {"risk": [[1, 2], [1, math.nan]]}}, "cost 'risk' in state 'right' under action 'stay' is nan"),
    ({"budgets": {"risk": 1.0}}, "a budget is set for 'risk', but the costs of this problem are: none"),
    ({"costs": {"risk": np.zeros((2, 2))}, "budgets": {"risk": math.inf}}, "the budget of 'risk' is inf"),
]


@pytest.mark.parametrize(("changes", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_refuses(changes, message):
    with pytest.raises(ProblemError, match=message):
        problem(**changes)


def test_sums_within_rounding_pass():
    assert problem(start=[0.5, 0.5 + 5e-10]).start.sum() > 1.0


def test_arrays_are_read_only_and_the_callers_are_not_touched():
    mine = csr_array([[0.5, 0.5], [0.25, 0.75]])
    rewards = np.zeros((2, 2))
    made = problem(transitions=(mine, mine), rewards=rewards)
    rewards[0, 0] = mine.data[0] = 9.0
    assert made.rewards[0, 0] == 0.0
    assert made.transitions[0].data[0] == 0.5
    for array in (made.rewards, made.start, made.transitions[0].data, made.emissions[1].indices):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        made.discount = 0.5
    with pytest.raises(TypeError):
        made.costs["risk"] = rewards


def test_actions_that_share_a_matrix_go_on_sharing_it():
    shared = np.eye(2)
    made = problem(transitions=(shared, shared))
    assert made.transitions[0] is made.transitions[1]
    assert made.with_costs({"c": np.ones((2, 2))}).transitions[0] is made.transitions[0]


def test_slices_of_one_array_stay_apart():
    kernels = np.array([TWO, np.eye(2)])
    made = problem(transitions=kernels)
    assert np.array_equal(made.transitions[0].toarray(), TWO)
    assert np.array_equal(made.transitions[1].toarray(), np.eye(2))


def test_stored_duplicates_are_summed_and_zeros_dropped():
    doubled = csr_array((np.array([0.5, 0.5, 0.0, 1.0]), np.array([0, 0, 0, 1]), np.array([0, 2, 4])), shape=(2, 2))
    made = problem(transitions=(doubled, doubled))
    assert np.array_equal(made.transitions[0].toarray(), np.eye(2))
    assert made.transitions[0].nnz == 2


def test_with_costs_takes_names_indices_wildcards_and_arrays():
    made = problem().with_costs(
        {
            "risk": {("left", "go"): 1.0, (1, 1): 2},
            "power": {("*", "*"): 1.0, ("*", "stay"): 3.0, ("left", "stay"): 0.0},
            "time": np.full((2, 2), 7.0),
        }
    )
    assert np.array_equal(made.costs["risk"], [[1, 0], [0, 2]])
    assert np.array_equal(made.costs["power"], [[1, 0], [1, 3]])
    assert np.array_equal(made.costs["time"], np.full((2, 2), 7.0))
    assert np.array_equal(made.with_costs({"risk": {}}).costs["risk"], np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({("lefft", "go"): 1}, "no state is called 'lefft'; did you mean left"),
        ({("left", "run"): 1}, "no action is called 'run'; there are: go, stay"),
        ({(2, "go"): 1}, "no state has number 2; they count from 0 to 1"),
        ({"left": 1}, "not for 'left'"),
        ({("left", "go"): math.nan}, "cost 'risk' in state 'left'"),
    ],
)
def test_with_costs_refuses(cost, message):
    with pytest.raises(ProblemError, match=message):
        problem().with_costs({"risk": cost})


def test_budgets_are_merged_and_lifted():
    made = problem().with_costs({"a": np.ones((2, 2)), "b": np.ones((2, 2))}).with_budgets({"a": 1, "b": 2})
    assert dict(made.with_budgets({"b": 3}).budgets) == {"a": 1.0, "b": 3.0}
    assert dict(made.with_budgets({"a": None}).budgets) == {"b": 2.0}
    with pytest.raises(ProblemError, match="for 'c', but the costs of this problem are: 'a', 'b'"):
        made.with_budgets({"c": None})


def test_lookup():
    made = problem()
    assert made.observation_index("light") == made.observation_index(1) == 1
    assert made.state_index(np.int64(1)) == 1
    with pytest.raises(ProblemError, match="no observation has number True"):
        made.observation_index(True)


def test_require_discounted():
    assert require_discounted(problem()) == 0.9
    for changes, word in (({"discount": 1.0}, "discount is 1"), ({"discount": None}, "no discount")):
        with pytest.raises(ProblemError, match=word):
            require_discounted(problem(**changes))
    with pytest.raises(ProblemError, match=r"lamp: the problem has a finite horizon \(3\)"):
        require_discounted(problem(horizon=3, name="lamp"))


def test_from_arrays_numbers_what_has_no_name():
    made = Pomdp.from_arrays(np.array([TWO]), np.full((1, 2, 3), 1 / 3), [[0.0], [1.0]], 0.5)
    assert (made.states, made.actions, made.observations) == (("0", "1"), ("0",), ("0", "1", "2"))
    assert np.array_equal(made.start, [0.5, 0.5])
    with pytest.raises(ProblemError, match="rewards are a"):
        Pomdp.from_arrays([TWO], [np.eye(2)], [0.0, 1.0], 0.5)


def test_copies_and_replacements_are_validated_again():
    made = problem().with_costs({"risk": np.ones((2, 2))})
    twin = copy.deepcopy(made)
    assert np.array_equal(twin.costs["risk"], made.costs["risk"])
    with pytest.raises(ProblemError, match="discount"):
        replace(made, discount=2.0)


def test_a_hundred_thousand_states_are_validated_in_a_moment():
    size = 100_000
    kernel = random_array((size, size), density=5 / size, format="csr", rng=0) + eye_array(size)
    kernel = diags_array(1 / kernel.sum(axis=1)) @ kernel
    names = tuple(map(str, range(size)))
    began = time.process_time()
    made = Pomdp(
        names,
        ("a", "b"),
        ("o",),
        (kernel, kernel),
        (np.ones((size, 1)),) * 2,
        np.zeros((size, 2)),
        np.eye(1, size)[0],
        0.9,
    )
    assert time.process_time() - began < 2.0
    assert made.state_index("99999") == 99_999


def four_axes() -> Pomdp:
    rng = np.random.default_rng(4)
    return Pomdp.from_arrays(
        [*rng.dirichlet(np.ones(3), size=(2, 3))],
        [*rng.dirichlet(np.ones(2), size=(2, 3))],
        np.zeros((3, 2)),
        0.9,
        states=("x", "y", "z"),
        actions=("go", "stay"),
        observations=("dark", "light"),
    )


def test_costs_of_what_follows_are_averaged():
    made, rng = four_axes(), np.random.default_rng(5)
    whole = rng.normal(size=(3, 2, 3, 2))
    found = made.with_costs({"four": whole, "three": whole[..., 0], "two": whole[..., 0, 0]}).costs
    for s, a in np.ndindex(3, 2):
        p, e = made.transitions[a].toarray()[s], made.emissions[a].toarray()
        expected = sum(p[t] * e[t, o] * whole[s, a, t, o] for t in range(3) for o in range(2))
        assert found["four"][s, a] == pytest.approx(expected, rel=1e-12)
        assert found["three"][s, a] == pytest.approx(p @ whole[s, a, :, 0], rel=1e-12)
    assert np.array_equal(found["two"], whole[..., 0, 0])
    with pytest.raises(ProblemError, match=r"expected .3, 2., .3, 2, 3. or .3, 2, 3, 2."):
        made.with_costs({"odd": np.zeros((3, 2, 2))})


def test_costs_of_what_follows_are_named():
    made = four_axes()
    named = {("*", "go", "z", "light"): 2.0, ("x", "go"): 1.0, ("x", "go", "y"): 5.0}
    whole = np.zeros((3, 2, 3, 2))
    whole[:, 0, 2, 1], whole[0, 0], whole[0, 0, 1] = 2.0, 1.0, 5.0
    expected = made.with_costs({"c": whole}).costs["c"]
    assert np.array_equal(made.with_costs({"c": named}).costs["c"], expected)
    with pytest.raises(ProblemError, match=r"not for .'x'"):
        made.with_costs({"c": {("x",): 1.0}})
    with pytest.raises(ProblemError, match="observation"):
        made.with_costs({"c": {("x", "go", "y", "lihgt"): 1.0}})
