"""Softmax and the logistic function as expressions of shared powers of two, none of which overflows.

With y = x / ln 2, e = 2^-|y| and r = 1 / (1 + e),

    σ(x) = r or e r,   1 - σ(x) = e r or r,   σ(x)(1 - σ(x)) = e r²,   softplus(x) = max(x, 0) + log1p(e)

and of three options or more, e_k = 2^(y_k - max y). What is raised is a logit times 1/ln 2 (`scaled`): the factor goes
to the learner's own parameters, such as the inverse temperature, so that no trial multiplies by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from versant.expressions import build
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Node, topological

__all__ = [
    "Exponentials", "absolute", "exponentials", "logistic_parts", "logistic_slope", "logsumexp", "logsumexp_of_two",
    "one_plus_tail", "positive_part", "reciprocal", "scaled", "sigmoid", "softmax", "softmax_at", "softplus",
]  # fmt: skip

_PER_LN2 = 1 / math.log(2)
_LINEAR = {  # operations through which a positive factor goes, and which of their operands take it
    "add": (0, 1), "sub": (0, 1), "max": (0, 1), "neg": (0,), "abs": (0,), "positive_part": (0,), "largest": (0,),
    "where": (1, 2), "signed": (1,), "div": (0,),
}  # fmt: skip


def scaled(x: Node) -> Node:
    """x / ln 2: the factor is taken by parameters and constants below if no trial then multiplies by it."""
    order = topological([x])
    changes = varying(order)
    takers: dict[int, tuple[int, ...] | None] = {}  # which operands of a node take the factor; None: none can
    for node in order:
        takers[node.serial] = _takers(node, takers, changes)
    if takers[x.serial] is None:
        return build.multiply(x.graph.constant(_PER_LN2), x)
    done: dict[int, Node] = {}

    def push(node: Node) -> Node:
        if node.serial not in done:
            which = takers[node.serial]
            if not which:
                done[node.serial] = build.multiply(node.graph.constant(_PER_LN2), node)
            else:
                args = [push(a) if k in which else a for k, a in enumerate(node.args)]
                done[node.serial] = _again(node, args)
        return done[node.serial]

    return push(x)


def _takers(node: Node, below: dict[int, tuple[int, ...] | None], changes: set[int]) -> tuple[int, ...] | None:
    if node.serial not in changes:
        return ()
    if node.op == "mul":
        return next(((k,) for k, a in enumerate(node.args) if below[a.serial] is not None), None)
    operands = _LINEAR.get(node.op)
    if operands is None or any(below[node.args[k].serial] is None for k in operands):
        return None
    return operands


def _again(node: Node, args: list[Node]) -> Node:
    match node.op:
        case "add":
            return build.add(*args)
        case "sub":
            return build.subtract(*args)
        case "mul":
            return build.multiply(*args)
        case "div":
            return build.divide(*args)
        case "neg":
            return build.negate(*args)
        case "where":
            return build.where(*args)
    return node.graph.make(node.op, tuple(args), node.payload, size=node.size)


def absolute(x: Node) -> Node:
    """|x|, the same node for x, -x and a choice between them."""
    if x.op == "signed":
        return absolute(x.args[1])
    if x.op == "neg":
        return absolute(x.args[0])
    if x.op == "sub" and x.args[0].serial > x.args[1].serial:
        return absolute(x.graph.make("sub", (x.args[1], x.args[0])))
    if x.is_constant():
        return x.graph.constant(abs(x.payload), x.size)
    return x.graph.make("abs", (x,))


def reciprocal(x: Node) -> Node:
    """1 / x, to be shared by those who divide by x."""
    return x.graph.make("recip", (x,))


def _tail(y: Node) -> Node:
    """2^y for y ≤ 0."""
    return y.graph.make("exp2_tail", (y,))


def logistic_parts(x: Node) -> tuple[Node, Node]:
    """Return e = exp(-|x|) and r = 1 / (1 + e)."""
    e = _tail(build.negate(absolute(scaled(x))))
    return e, reciprocal(build.add(x.graph.constant(1.0), e))


def sigmoid(x: Node, complement: bool = False) -> Node:
    """σ(x), or 1 - σ(x)."""
    e, r = logistic_parts(x)
    large, small = r, build.multiply(e, r)
    if complement:
        large, small = small, large
    return build.where(build.compare("ge", scaled(x), x.graph.constant(0.0)), large, small)


def logistic_slope(x: Node) -> Node:
    """σ(x) (1 - σ(x))."""
    e, r = logistic_parts(x)
    return build.multiply(build.multiply(e, r), r)


def softplus(x: Node) -> Node:
    """log(1 + exp x)."""
    e, _ = logistic_parts(x)
    return build.add(positive_part(x), x.graph.make("log1p_tail", (e,)))


def one_plus_tail(x: Node) -> Node:
    """1 + exp(-|x|)."""
    return build.add(x.graph.constant(1.0), logistic_parts(x)[0])


def positive_part(x: Node) -> Node:
    """max(x, 0)."""
    return x.graph.make("positive_part", (x,))


@dataclass(frozen=True)
class Exponentials:
    """2^(y - c) of all entries: the reference c, the exponentials (of an array, none), their sum and its reciprocal.

    The operation that makes them is ``exp2_tail`` where no y is above c.
    """

    reference: Node
    terms: tuple[Node, ...]
    total: Node
    inverse: Node
    operation: str = "exp2_tail"


def exponentials(entries: Sequence[Node]) -> Exponentials:
    """Return the exponentials of some logits, or of one array of logits, with the largest as reference."""
    first = scaled(entries[0])
    if first.size:
        top = first.graph.make("largest", (first,), size=0)
        total = build.total(_tail(build.subtract(first, top)))
        return Exponentials(top, (), total, reciprocal(total))
    exponents = [first, *(scaled(entry) for entry in entries[1:])]
    top = first
    for y in exponents[1:]:
        top = first.graph.make("max", (top, y))
    terms = tuple(_tail(build.subtract(y, top)) for y in exponents)
    total = terms[0]
    for term in terms[1:]:
        total = build.add(total, term)
    return Exponentials(top, terms, total, reciprocal(total))


def logsumexp(parts: Exponentials) -> Node:
    """log Σ exp."""
    reference = build.multiply(parts.total.graph.constant(math.log(2)), parts.reference)
    return build.add(reference, build.apply("log", parts.total))


def logsumexp_of_two(first: Node, second: Node) -> Node:
    """log(exp x + exp y), by the softplus whose exponential their softmax shares."""
    return build.add(first, softplus(build.subtract(second, first)))


def softmax(parts: Exponentials, index: int) -> Node:
    """Entry `index` of the softmax of three or more."""
    return build.multiply(parts.terms[index], parts.inverse)


def softmax_at(x: Node, parts: Exponentials) -> Node:
    """exp(x - log Σ exp entries), x one of the entries or all of them."""
    exponential = x.graph.make(parts.operation, (build.subtract(scaled(x), parts.reference),))
    return build.multiply(exponential, parts.inverse)
