"""Factors that trials do not change are multiplied last; what is added up is shared."""

from __future__ import annotations

import pytest

from versant.expressions import build
from versant.expressions.compiled.factors import Factors, shared_totals
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Graph, Node, topological


@pytest.fixture
def leaves() -> tuple[Graph, Node, Node, Node, Node, Node]:
    graph = Graph()
    parameters = [graph.leaf("parameter", k) for k in range(2)]
    return graph, *parameters, *(graph.leaf("state", name) for name in "xyz")


def trial_operations(roots: list[Node]) -> list[str]:
    order = topological(roots)
    changes = varying(order)
    return sorted(n.op for n in order if n.args and n.serial in changes)


def test_a_common_factor_is_taken_out(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    graph, beta, _, x, y, z = leaves
    root = build.subtract(build.multiply(build.multiply(beta, x), y), build.multiply(z, build.multiply(beta, y)))
    assert trial_operations([root]).count("mul") == 4
    after = Factors(graph, [root])(root)
    assert after.op == "mul"
    assert beta in after.args
    assert trial_operations([after]) == ["mul", "mul", "mul", "sub"]


def test_terms_of_one_quantity_are_collected(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    """x - y - (y + a x) = (1 - a) x - 2 y."""
    graph, alpha, _, x, y, _ = leaves
    root = build.subtract(build.subtract(x, y), build.add(y, build.multiply(alpha, x)))
    after = Factors(graph, [root])(root)
    assert trial_operations([after]) == ["add", "mul", "mul"]


def test_nothing_is_done_for_nothing(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    graph, alpha, beta, x, y, _ = leaves
    one = graph.constant(1.0)
    for root in (
        build.add(x, build.multiply(alpha, build.subtract(y, x))),
        build.subtract(one, build.add(one, build.multiply(alpha, x))),
        build.add(build.multiply(alpha, x), build.multiply(beta, y)),
    ):
        assert Factors(graph, [root])(root) is root


def test_what_two_sums_need_is_added_up_once(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    graph, alpha, beta, x, y, _ = leaves
    product = build.multiply(x, y)
    totals = shared_totals(
        graph, [[build.multiply(alpha, x)], [build.subtract(x, build.multiply(beta, product))], [build.negate(product)]]
    )
    assert {core.serial for total in totals for _, core in total.terms} == {x.serial, product.serial}
    assert totals[0].terms == ((alpha, x),)
    assert [factor.payload for factor, _ in totals[2].terms] == [-1.0]


def test_a_sum_of_nothing(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    graph = leaves[0]
    assert [total.terms for total in shared_totals(graph, [[], [graph.constant(0.0)]])] == [(), ()]


def test_known_sums_are_used_again(leaves: tuple[Graph, Node, Node, Node, Node, Node]) -> None:
    """With m = a x y + a y z known, x - a x y - z - a y z = x - z - m."""
    graph, alpha, _, x, y, z = leaves
    one, two = (build.multiply(alpha, build.multiply(*pair)) for pair in ((x, y), (y, z)))
    mean = build.add(one, two)
    other = build.subtract(build.subtract(build.subtract(x, one), z), two)
    factors = Factors(graph, [build.multiply(x, mean), other])
    assert trial_operations([factors(build.multiply(x, mean)), factors(other)]).count("add") == 1
