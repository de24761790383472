"""Exponentials carried from trial to trial: where they can be, and that nothing depends on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import versant as vs
from tests.kernels import MACHINES, Case, compare, make_case, random_rows
from tests.learners import Sizes
from versant.expressions.compiled.carried import changes
from versant.expressions.compiled.kernel import Kernel
from versant.expressions.compiled.plan import make_plan
from versant.expressions.recurrence import differentiate


def case_of(learner: Any, parameters: np.ndarray, trials: int = 60, **sizes: int) -> Case:
    recurrence = learner.trace(Sizes(sizes))
    rows = random_rows(recurrence, np.full(len(parameters), trials))
    return Case(differentiate(recurrence, 2), rows, parameters)


@vs.learner(alpha=vs.unit, beta=vs.positive, bias=vs.real, state={"Q": vs.zeros(3, 3)})
def per_cue(p: Any, s: Any, t: Any) -> None:
    """Logits that depend on data: the cue's."""
    c = t.choose("choice", p.beta * s.Q[t.cue])
    s.Q[t.cue, c] += p.alpha * (t.reward - s.Q[t.cue, c])


@vs.learner(alpha=vs.unit, beta=vs.positive, bias=vs.real, state={"Q": vs.zeros(3), "N": vs.zeros(3)})
def two_arrays(p: Any, s: Any, t: Any) -> None:
    """Logits of two states, both changed for the option chosen; and the softmax itself is used in an update."""
    logits = p.beta * s.Q + p.bias * s.N * s.N
    surprise = 1.0 - vs.softmax(logits)[0]
    a = t.choose("choice", logits)
    s.Q[a] += p.alpha * (t.reward - s.Q[a]) * surprise
    s.N[a] += 0.1


def test_where_one_logit_changes() -> None:
    for name, groups in (("q4", 1), ("six", 0), ("q2", 0), ("two_step", 0)):
        program = make_case(name, 2, 2).program
        roots = [*program.summed, *(s.update for s in program.slots)]
        assert len(changes(roots, program.slots)) == groups
    plan = make_plan(make_case("q4", 2, 2).program)
    assert [len(group.terms) for group in plan.carried] == [4]


@pytest.mark.parametrize("learner", [per_cue, two_arrays])
def test_other_logits(learner: Any) -> None:
    rng = np.random.default_rng(3)
    parameters = np.column_stack([rng.uniform(0.1, 0.9, 11), np.exp(rng.normal(1, 1, 11)), rng.normal(0, 0.3, 11)])
    compare(case_of(learner, parameters, choice=3, cue=3))


@pytest.mark.parametrize("machine", MACHINES)
def test_exponents_beyond_the_bounds(machine: str) -> None:
    """Inverse temperatures at which z leaves 2^±60: never, now and then, at every trial."""
    case = make_case("q4", subjects=9, trials=80)
    parameters = case.parameters.copy()
    parameters[:, 0] = 0.7
    parameters[:, 1] = [0.0, 1.0, 30.0, 60.0, 100.0, 300.0, 700.0, 1e3, 1e4]
    case = Case(case.program, case.rows, parameters)
    compare(case, Kernel(case.program, case.rows, machine=MACHINES[machine]))


def test_neighbours_do_not_matter() -> None:
    case = make_case("q4", subjects=16, trials=50)
    kernel, subjects = Kernel(case.program, case.rows), np.arange(16)
    calm = kernel.sums(case.parameters, subjects)
    parameters = case.parameters.copy()
    parameters[::2, 1] = 1e4
    np.testing.assert_array_equal(kernel.sums(parameters, subjects)[:, 1::2], calm[:, 1::2])


SHAPES: dict[str, Any] = {
    "as it is": lambda q, p: p.beta * q,
    "bounded": lambda q, p: p.beta * vs.tanh(q) - p.alpha,
    "squared": lambda q, p: p.beta * q * q + p.alpha * q,
    "weighed": lambda q, p: vs.where(q >= 0.2, p.beta, 2.0 * p.beta) * q,
}


@given(
    shape=st.sampled_from(sorted(SHAPES)),
    options=st.integers(3, 6),
    skipped=st.booleans(),
    stretch=st.floats(0.01, 500.0),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=12, deadline=None)
def test_any_logits_of_what_is_updated(shape: str, options: int, skipped: bool, stretch: float, seed: int) -> None:
    """Kernel and interpreter agree, whatever function of the values the logits are, and where choices are missing."""

    @vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(options) + 0.1 * p.alpha})
    def shaped(p: Any, s: Any, t: Any) -> None:
        a = t.choose("choice", [SHAPES[shape](s.Q[k], p) for k in range(options)])
        s.Q[a] += p.alpha * (t.reward - s.Q[a])

    sizes = Sizes({"choice": options}, missing=frozenset(("choice",)) if skipped else frozenset())
    recurrence = shaped.trace(sizes)
    rng = np.random.default_rng(seed)
    rows = random_rows(recurrence, rng.integers(0, 40, 9), seed=seed % 1000)
    parameters = np.column_stack([rng.uniform(0.05, 0.95, 9), stretch * rng.uniform(0.1, 1.0, 9)])
    program = differentiate(recurrence, 2)
    assert len(make_plan(program).carried) == 1
    compare(Case(program, rows, parameters))
