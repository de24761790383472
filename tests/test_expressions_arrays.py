"""State arrays: the same reads and writes whether their entries are scalars or live in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import versant as vs
from tests.kernels import random_rows
from tests.learners import Sizes
from versant.errors import ModelError
from versant.expressions import build
from versant.expressions.arrays import Array, in_memory
from versant.expressions.compiled.kernel import Kernel
from versant.expressions.compiled.plan import make_plan
from versant.expressions.engine import Interpreter
from versant.expressions.graph import Graph, topological
from versant.expressions.recurrence import differentiate

SIZES = {"cue": 5, "other": 5, "choice": 3}


@vs.learner(
    alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(n.cue, n.choice), "N": vs.zeros(5, 2, 3)}
)
def slicing(p: Any, s: Any, t: Any) -> None:
    """Rows, slices, steps, broadcasting, iteration; writes of many entries by data, twice a trial."""
    a = t.choose("choice", p.beta * s.Q[t.cue, :] + 0.1 * s.N[t.cue, :, 1:].sum())
    s.Q[t.cue, :] = 0.9 * s.Q[t.cue, :]
    s.Q[t.other, 1:] = s.Q[t.cue, ::2] + 0.1
    s.N[t.cue, :, 1:] = vs.array([[0.5, p.alpha], [0.1, 0.2]]) * s.N[t.other, 1, 0] + 0.2
    s.N[t.other, 0, 0] += sum(row[0] for row in s.Q) + s.N[1:3, 1, 2].sum()
    s.Q[t.cue, a] += p.alpha * (t.reward - s.Q[t.cue, a])
    s.Q = s.Q * vs.array([0.9, 0.8, 1.0])


def sums(unroll: int | None, engine: Any = Kernel) -> np.ndarray:
    recurrence = slicing.trace(Sizes(SIZES), unroll=unroll)
    rng = np.random.default_rng(0)
    columns = random_rows(slicing.trace(Sizes(SIZES), unroll=0), np.full(6, 20))
    parameters = rng.uniform(0.2, 0.8, (6, 2))
    result: np.ndarray = engine(differentiate(recurrence, 2), columns).sums(parameters, np.arange(6))
    return result


@pytest.mark.parametrize("engine", [Kernel, Interpreter])
@pytest.mark.parametrize("unroll", [0, 16, None])
def test_memory_and_registers_agree(unroll: int | None, engine: Any) -> None:
    np.testing.assert_allclose(sums(unroll, engine), sums(1000, Interpreter), rtol=1e-12, atol=1e-12)


def test_default_by_shape() -> None:
    """A vector of options is read whole, of a table of cues a trial touches little."""
    graph = Graph()
    assert [graph.unrolls(shape) for shape in [(32,), (33,), (4, 2), (3, 3)]] == [True, False, True, False]
    assert Graph(unroll=50).unrolls((5, 10))


def test_places_that_differ_are_told_apart() -> None:
    graph = Graph()
    s, t = (graph.leaf("data", name, "int", 0, 9) for name in "st")

    def place(cue: Any, k: int) -> Any:
        return build.add(build.multiply(cue, graph.integer(3)), graph.integer(k))

    assert build.equal(place(s, 1), place(s, 2)).payload is False
    assert build.equal(place(s, 1), place(t, 2)).payload is False
    assert build.equal(place(s, 2), place(t, 2)) is build.equal(s, t)
    assert build.equal(place(s, 0), s).op == "int_eq"
    assert build.equal(build.add(s, graph.integer(3)), place(t, 0)).op == "int_eq"


def test_many_writes_cost_what_each_costs() -> None:
    def operations(n: int) -> int:
        @vs.learner(alpha=vs.unit, state=lambda p, _: {"Q": vs.zeros(40, n)})
        def rows(p: Any, s: Any, t: Any) -> None:
            t.choose("choice", [s.Q[t.cue, 0], 0.0])
            s.Q[t.cue, :] = (1 - p.alpha) * s.Q[t.cue, :] + t.reward
            s.Q[t.other, :] = p.alpha * s.Q[t.other, :]

        program = differentiate(rows.trace(Sizes({"cue": 40, "other": 40, "choice": 2})), 1)
        return len(topological(make_plan(program).roots))

    few, some, many = (operations(n) for n in (4, 8, 12))
    assert many - some == some - few


def test_mistaken_indices() -> None:
    memory = in_memory(Array.of(vs.zeros(3, 2), Graph()))
    with pytest.raises(ModelError, match="too many indices"):
        memory[0, 0, 0]
    with pytest.raises(ModelError, match="does not fit"):
        memory[:, 0] = [1.0, 2.0]
