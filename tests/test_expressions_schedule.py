"""The interpreter's order of work changes nothing: against an evaluation of every node on every trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kernels import CASES, make_case
from versant.expressions import interpret as interpreter
from versant.expressions.engine import Interpreter
from versant.expressions.graph import Node, topological
from versant.expressions.recurrence import Program
from versant.expressions.schedule import compute, constant_value, schedule


def one_lane(program: Program, columns: Any, parameters: np.ndarray, first: int, length: int) -> np.ndarray:
    """The sums of one subject: all nodes, trial after trial."""
    leaves: dict[Any, Any] = {("parameter", k): np.array([v]) for k, v in enumerate(parameters)}

    def values_of(nodes: list[Node]) -> dict[int, Any]:
        values: dict[int, Any] = {}
        for node in topological(nodes):
            if node.op == "const":
                values[node.serial] = constant_value(node)
            elif node.args:
                values[node.serial] = compute(node, [values[a.serial] for a in node.args])
            else:
                values[node.serial] = leaves[node.op, node.payload]
        return values

    slots = program.slots
    state = values_of([s.initial for s in slots])
    now = {s.symbol.payload: state[s.initial.serial] for s in slots}
    sums = np.zeros(len(program.summed), dtype=parameters.dtype)
    for row in range(first, first + length):
        leaves.update({("state", name): value for name, value in now.items()})
        leaves.update({("data", name): np.array([column[row]]) for name, column in columns.items()})
        values = values_of([*(s.update for s in slots), *program.summed])
        now = {s.symbol.payload: values[s.update.serial] for s in slots}
        sums += [np.ravel(values[n.serial])[0] for n in program.summed]
    return sums


@pytest.mark.parametrize("at_a_time", [1, 40, 100_000])
@pytest.mark.parametrize("name", sorted(CASES))
def test_sums_are_those_of_every_node_on_every_trial(name: str, at_a_time: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(interpreter, "AT_A_TIME", at_a_time)
    case = make_case(name, 4, 9, order=1, unroll=2)
    rows = case.rows
    fast = Interpreter(case.program, rows).sums(case.parameters, np.arange(4))
    for i in range(4):
        slow = one_lane(case.program, rows.columns, case.parameters[i], int(rows.offsets[i]), int(rows.lengths[i]))
        np.testing.assert_allclose(fast[:, i], slow, rtol=1e-13, atol=1e-13)


def test_complex_parameters_pass_through() -> None:
    case = make_case("q2", 3, 8, order=0)
    parameters = case.parameters + 1e-20j * np.array([1.0, 0.0])
    fast = Interpreter(case.program, case.rows).sums(parameters, np.arange(3))
    for i in range(3):
        first, length = int(case.rows.offsets[i]), int(case.rows.lengths[i])
        slow = one_lane(case.program, case.rows.columns, parameters[i], first, length)
        np.testing.assert_allclose(fast[:, i].imag, slow.imag, rtol=1e-12)


def test_only_what_the_state_needs_waits_for_it() -> None:
    program = make_case("q2", 2, 5).program
    plan = schedule(program.slots, program.summed)
    updates = {n.serial for n in topological([slot.update for slot in program.slots])}
    assert {serial for serial, *_rest in plan.within._steps} <= updates
    assert not schedule(program.slots, (program.recurrence.scored,)).slots
