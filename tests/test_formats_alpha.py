"""Alpha vectors and policy graphs: round trips, simulation against published values, refusals."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import versant as vs
from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import FormatError, ModelError, ProblemError, VersantError
from versant.formats.alpha import read_alpha, write_alpha
from versant.formats.policy_graph import read_policy_graph, write_policy_graph
from versant.planning.evaluation import ClosedLoop
from versant.simulation.beliefs import Beliefs
from versant.tasks import zoo


@pytest.fixture
def write(tmp_path):
    def put(text, name="file.alpha"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return put


OPTIMAL = "7 0  8 9\n8 0  10 7\n9 0  7 11\n10 2  7 7\n11 1  7 7\n"
"""The optimum of the tiger: listen until one side was heard twice more than the other, then open the other door."""


@pytest.fixture(scope="module")
def tiger_policy(tmp_path_factory):
    """The optimal alpha vectors: values of the nodes of the optimal graph."""
    path = tmp_path_factory.mktemp("tiger") / "tiger.pg"
    path.write_text(OPTIMAL)
    agent = read_policy_graph(path, zoo.tiger())
    loop = ClosedLoop(zoo.tiger(), 5)
    values = loop.evaluate(loop.layout.vector([agent])).node_values[0, :, :, 0]
    return AlphaPolicy(values.T, agent.action.argmax(axis=1), agent.actions)


def test_optimal_vectors_simulated_earn_the_published_value(tiger_policy):
    assert tiger_policy.value([[0.5, 0.5]])[0] == pytest.approx(19.3714, abs=1e-4)
    found = vs.evaluate(tiger_policy, zoo.tiger(), runs=4000, seed=1)
    assert not found.exact
    assert abs(found.value - 19.3714) < found.value_error
    assert found.value_error < 4.0


def test_beliefs_are_those_of_bayes_rule():
    rng = np.random.default_rng(3)
    problem = zoo.grid_4x3()
    p, o = (np.stack([kernel.toarray() for kernel in part]) for part in (problem.transitions, problem.emissions))
    beliefs = Beliefs(problem, lanes=5)
    expected = np.tile(problem.start, (5, 1))
    for _ in range(6):
        actions = rng.integers(4, size=5)
        ahead = np.einsum("ls,lst->lt", expected, p[actions])
        seen = np.array([rng.choice(6, p=row / row.sum()) for row in np.einsum("lt,lto->lo", ahead, o[actions])])
        joint = ahead * o[actions, :, seen]
        expected = joint / joint.sum(axis=1, keepdims=True)
        beliefs.update(actions, seen)
        assert np.allclose(beliefs.now, expected, rtol=0, atol=1e-14)


def test_an_impossible_observation_is_an_error():
    beliefs = Beliefs(zoo.shuttle(), lanes=1)
    with pytest.raises(ProblemError, match="impossible after action 0"):
        beliefs.update(np.array([0]), np.array([2]))


def test_simulated_trials(tiger_policy):
    tiger = zoo.tiger(costs=("risk",))
    trials = vs.simulate(tiger_policy, tiger, subjects=3, trials=20, seed=1)
    assert trials.n_subjects == 3
    assert set(trials.columns) >= {"action", "observation", "reward", "risk", "state"}
    again = vs.simulate(tiger_policy, tiger, subjects=3, trials=20, seed=1)
    assert np.array_equal(trials.codes("action"), again.codes("action"))
    assert set(trials.numbers("reward")) <= {-1.0, 10.0, -100.0}
    with pytest.raises(ProblemError, match="not the states and actions"):
        vs.simulate(tiger_policy, zoo.cheese(), seed=1)
    with pytest.raises(ModelError, match="has no parameters of its own"):
        vs.simulate(tiger_policy, tiger, {"alpha": 1.0})


def test_alpha_round_trip(tmp_path, tiger_policy):
    write_alpha(tiger_policy, tmp_path / "t.alpha")
    again = read_alpha(tmp_path / "t.alpha", zoo.tiger())
    assert np.array_equal(again.vectors, tiger_policy.vectors)
    assert np.array_equal(again.vector_actions, tiger_policy.vector_actions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("3\n1 2\n", "line 1, column 1: expected the number of an action, from 0 to 2; 2 values follow each, .*'3'"),
        ("0\n1 2\n\n-1\n1 2\n", "line 4, column 1: expected the number of an action"),
        ("0\n1 2\n1\n3\n", "line 3, column 1: expected 2 values after the action, one a state; 1 follow"),
        ("0\n1 two\n", "line 2, column 3: expected a number, found 'two'"),
        ("0\n1 nan\n", "line 2, column 3: expected a finite number, found 'nan'"),
    ],
)
def test_refused_alpha_vectors(write, text, message):
    with pytest.raises(FormatError, match=message):
        read_alpha(write(text), zoo.tiger())


def test_refused_policies():
    with pytest.raises(ProblemError, match=r"shape \(2, 2\) with 1 actions"):
        AlphaPolicy(np.eye(2), [0], ("a",))
    with pytest.raises(ProblemError, match="numbers from 0 to 0"):
        AlphaPolicy(np.eye(2), [0, 1], ("a",))
    with pytest.raises(ProblemError, match="vector 1 holds"):
        AlphaPolicy([[0.0, 1.0], [np.inf, 0.0]], [0, 0], ("a",))


# ---------------------------------------------------------------- policy graphs


def test_the_best_start_is_found(write):
    text = "0 1  1 1\n1 0  1 1\n2 2  1 1\n"
    agent = read_policy_graph(write(text, "t.pg"), zoo.tiger())
    assert agent.start.tolist() == [0.0, 1.0, 0.0]
    assert vs.evaluate(agent, zoo.tiger()).value == pytest.approx(-20)
    assert read_policy_graph(write(text, "t.pg"), zoo.tiger(), start=2).start.tolist() == [0.0, 0.0, 1.0]


def test_the_optimal_graph_of_the_tiger(write):
    agent = read_policy_graph(write(OPTIMAL, "t.pg"), zoo.tiger())
    assert vs.evaluate(agent, zoo.tiger()).value == pytest.approx(19.3714, abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_round_trip_of_deterministic_controllers(tmp_path_factory, seed, nodes):
    rng = np.random.default_rng(seed)
    problem = zoo.tiger()
    eye = np.eye(nodes)
    agent = Controller(
        eye[rng.integers(nodes)],
        np.eye(3)[rng.integers(3, size=nodes)],
        eye[rng.integers(nodes, size=(nodes, 3, 2))],
        problem.actions,
        problem.observations,
    )
    path = tmp_path_factory.mktemp("graphs") / "a.pg"
    write_policy_graph(agent, path)
    again = read_policy_graph(path, problem, start=0)
    assert vs.evaluate(again, problem).value == pytest.approx(vs.evaluate(agent, problem).value, abs=1e-9)
    write_policy_graph(again, path.with_name("b.pg"))
    assert path.read_text() == path.with_name("b.pg").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("0 1 0\n", "expected node, action and 2 next nodes; the line has 3 words"),
        ("0 3 0 0\n", "line 1, column 3: expected the number of an action, from 0 to 2, found '3'"),
        ("0 0 0 1\n", "line 1, column 7: no line is about this node, found '1'"),
        ("0 0 0 0\n0 0 0 0\n", "two lines are about the same node"),
        ("x 0 0 0\n", "expected the number of a node"),
        ("0 0 0 y\n", "expected the number of a node, or -"),
    ],
)
def test_refused_graphs(write, text, message):
    with pytest.raises(FormatError, match=message):
        read_policy_graph(write(text, "t.pg"), zoo.tiger())


def test_more_refusals(write, tmp_path):
    path = write("0 0 - X\n", "t.pg")
    assert read_policy_graph(path, zoo.tiger()).transition[0, 0, 1, 0] == 1.0
    with pytest.raises(ProblemError, match="start=5"):
        read_policy_graph(path, zoo.tiger(), start=5)
    with pytest.raises(ProblemError, match="draws at random"):
        write_policy_graph(
            Controller.random(2, *[zoo.tiger().actions, zoo.tiger().observations], seed=1), tmp_path / "x.pg"
        )
    with pytest.raises(FormatError, match="cannot be read"):
        read_policy_graph(tmp_path / "absent.pg", zoo.tiger())


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="0123456789-X. \n#nae", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "a"
    path.write_text(text)
    for read in (read_alpha, read_policy_graph):
        with contextlib.suppress(VersantError):
            read(path, zoo.tiger())
