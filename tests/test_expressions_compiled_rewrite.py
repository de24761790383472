"""What rewriting shares: counted, as it changes no result."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.kernels import make_case
from versant.expressions import build
from versant.expressions import functions as f
from versant.expressions.arrays import MemoryArray
from versant.expressions.compiled.choices import choose_first, operations
from versant.expressions.compiled.plan import Plan, make_plan
from versant.expressions.compiled.rewrite import Rewriter
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Graph, Node, topological
from versant.expressions.operators import Scalar
from versant.expressions.recurrence import Column


def a_trial(plan: Plan) -> Counter[str]:
    """Count the operations of a trial: those of parameters alone are computed once a subject."""
    order = topological(plan.roots)
    changes = varying(order)
    return Counter(node.op for node in order if node.serial in changes)


@pytest.mark.parametrize(("name", "exponentials", "reciprocals"), [("q2", 1, 1), ("q4", 1, 1), ("two_step", 2, 2)])
def test_exponentials_are_shared(name: str, exponentials: int, reciprocals: int) -> None:
    """Value, gradient and Hessian need one exponential of two options, one a value that is updated, no logarithm."""
    found = a_trial(make_plan(make_case(name, 2, 2).program))
    assert found["exp2_tail"] + found["exp2"] == exponentials
    assert found["recip"] == reciprocals
    assert found["exp"] == found["log"] == found["log1p_tail"] == found["div"] == 0


def test_one_division_by_each_number() -> None:
    """By the sum of exponentials, and by the probability under lapses."""
    found = a_trial(make_plan(make_case("six", 2, 2).program))
    assert (found["div"], found["recip"], found["exp2_tail"]) == (0, 2, 4)


def leaves(*names: str) -> list[Scalar]:
    graph = Graph()
    return [Scalar(graph.leaf("state", (name,))) for name in names]


def rewritten(value: Any) -> Node:
    return Rewriter([value.node])(value.node)


def test_signs_cancel_in_products() -> None:
    x, y, z = leaves("x", "y", "z")
    test = z > 0
    product = rewritten((f.where(test, x, -x) * z) * f.where(test, y, -y))
    assert "signed" not in {n.op for n in topological([product])}
    single = rewritten(z * f.where(test, x, -x))
    assert [n.op for n in topological([single])].count("signed") == 1


def test_two_codes_need_one_comparison() -> None:
    graph = Graph()
    code = Scalar(graph.leaf("data", Column("a", 2), "int", 0, 1))
    x, y = Scalar(graph.leaf("state", ("x",))), Scalar(graph.leaf("state", ("y",)))
    both = rewritten(f.where(code == 0, x, y) + f.where(code == 1, x * 2.0, y * 3.0))
    assert Counter(n.op for n in topological([both]))["int_eq"] == 1


def test_entries_of_expressions_are_expressions_of_entries() -> None:
    graph = Graph()
    array = MemoryArray(graph.leaf("state", ("m",), size=100), (100,))
    code = Scalar(graph.leaf("data", Column("a", 100), "int", 0, 99))
    entry = rewritten((2.0 * array + 1.0)[code])
    assert [n.op for n in topological([entry]) if n.size] == ["state"]
    array[code] = 5.0
    assert rewritten(array[code]).is_constant(5.0)
    assert rewritten(array[3]).op == "where"


def test_choosing_before_computing() -> None:
    graph = Graph()
    a, b, c, d = (graph.leaf("state", (name,)) for name in "abcd")
    test = build.compare("ge", a, graph.constant(0.0))
    root = build.where(test, build.multiply(b, c), build.multiply(d, c))
    (after,) = [choose_first([root])(root)]
    assert after.op == "mul"
    assert {n.op for n in after.args} == {"where", "state"}
    apart = build.where(test, build.multiply(a, b), build.multiply(c, d))
    assert choose_first([apart])(apart) is apart
    plan = make_plan(make_case("six", 2, 2).program)
    assert a_trial(plan)["mul"] < 400
    assert operations(plan.roots) < 640


def test_only_needed_state_is_carried() -> None:
    case = make_case("q2", 2, 2)
    records = [case.program.recurrence.update[0]]
    assert len(make_plan(case.program).slots) == 6
    assert len(make_plan(case.program, tuple(records)).slots) == 2
