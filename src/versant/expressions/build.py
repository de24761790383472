"""Building expressions, simplified as they are built.

These functions are the only ones that make nodes. Each applies the identities that matter for derivatives: adding
zero, multiplying by zero or one, constants, double negation, a choice between equal things. An expression that is
structurally zero therefore *is* the constant zero, and a sensitivity that never arises costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from versant.errors import ModelError
from versant.expressions.evaluate import EVALUATE
from versant.expressions.graph import Graph, Node

__all__ = [
    "add", "all_of", "apply", "argmax", "as_real", "compare", "divide", "element", "equal", "invert", "logsumexp",
    "maximum", "multiply", "negate", "polygamma", "power", "softmax_entry", "store", "subtract", "total", "where",
    "without_shift",
]  # fmt: skip


def add(a: Node, b: Node) -> Node:
    """a + b."""
    if a.kind == "int" and b.kind == "int":
        if a.is_constant() and b.is_constant():
            return a.graph.integer(a.payload + b.payload)
        if a.is_constant(0) or b.is_constant(0):
            return b if a.is_constant(0) else a
        return a.graph.make("int_add", (a, b), kind="int", low=a.low + b.low, high=a.high + b.high)
    a, b = as_real(a), as_real(b)
    if a.is_constant(0.0) and a.size <= b.size:
        return b
    if b.is_constant(0.0) and b.size <= a.size:
        return a
    if a.is_constant() and b.is_constant():
        return a.graph.constant(a.payload + b.payload, max(a.size, b.size))
    if b.op == "neg":
        return subtract(a, b.args[0])
    if a.op == "neg":
        return subtract(b, a.args[0])
    first, second = (b, a) if a.serial > b.serial else (a, b)
    return a.graph.make("add", (first, second))


def subtract(a: Node, b: Node) -> Node:
    """a - b."""
    if a.kind == "int" and b.kind == "int":
        if a.is_constant() and b.is_constant():
            return a.graph.integer(a.payload - b.payload)
        return a.graph.make("int_sub", (a, b), kind="int", low=a.low - b.high, high=a.high - b.low)
    a, b = as_real(a), as_real(b)
    if a is b:
        return a.graph.constant(0.0, a.size)
    if b.is_constant(0.0) and b.size <= a.size:
        return a
    if a.is_constant() and b.is_constant():
        return a.graph.constant(a.payload - b.payload, max(a.size, b.size))
    if a.is_constant(0.0) and a.size <= b.size:
        return negate(b)
    if b.op == "neg":
        return add(a, b.args[0])
    return a.graph.make("sub", (a, b))


def negate(a: Node) -> Node:
    """-a."""
    if a.kind == "int":
        return subtract(a.graph.integer(0), a)
    a = as_real(a)
    if a.is_constant():
        return a.graph.constant(-a.payload, a.size)
    if a.op == "neg":
        return a.args[0]
    if a.op == "sub":
        return a.graph.make("sub", (a.args[1], a.args[0]))
    return a.graph.make("neg", (a,))


def multiply(a: Node, b: Node) -> Node:
    """a * b."""
    if a.kind == "int" and b.kind == "int":
        if a.is_constant() and b.is_constant():
            return a.graph.integer(a.payload * b.payload)
        if a.is_constant(1) or b.is_constant(1):
            return b if a.is_constant(1) else a
        corners = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
        return a.graph.make("int_mul", (a, b), kind="int", low=min(corners), high=max(corners))
    a, b = as_real(a), as_real(b)
    size = max(a.size, b.size)
    if a.is_constant(0.0) or b.is_constant(0.0):
        return a.graph.constant(0.0, size)
    if a.is_constant() and b.is_constant():
        return a.graph.constant(a.payload * b.payload, size)
    for factor, other in ((a, b), (b, a)):
        if factor.is_constant(1.0) and factor.size <= other.size:
            return other
        if factor.is_constant(-1.0) and factor.size <= other.size:
            return negate(other)
    if a.op == "neg":
        return negate(multiply(a.args[0], b))
    if b.op == "neg":
        return negate(multiply(a, b.args[0]))
    first, second = (b, a) if a.serial > b.serial else (a, b)
    return a.graph.make("mul", (first, second))


def divide(a: Node, b: Node) -> Node:
    """a / b."""
    a, b = as_real(a), as_real(b)
    if b.is_constant(0.0):
        raise ModelError("division by the constant zero")
    if b.is_constant():
        return multiply(a, a.graph.constant(1.0 / b.payload, b.size)) if _exact_reciprocal(b.payload) else _div(a, b)
    return _div(a, b)


def _div(a: Node, b: Node) -> Node:
    if a.is_constant(0.0):
        return a.graph.constant(0.0, max(a.size, b.size))
    if a.is_constant() and b.is_constant():
        return a.graph.constant(a.payload / b.payload, max(a.size, b.size))
    if a.op == "neg":
        return negate(_div(a.args[0], b))
    return a.graph.make("div", (a, b))


def _exact_reciprocal(number: float) -> bool:
    return math.frexp(number)[0] in (0.5, -0.5)


def power(a: Node, b: Node, logs: int = 0) -> Node:
    """a ** b * log(a) ** logs, for a >= 0 unless b is an integer constant.

    The logarithm belongs to the operation because 0 ** b * log 0 is 0 for b > 0, where the product of the two is NaN.
    """
    a, b = as_real(a), as_real(b)
    if logs == 0 and b.is_constant():
        exponent = b.payload
        if exponent == 0.0:
            return a.graph.constant(1.0, a.size)
        if exponent == 0.5:
            return apply("sqrt", a)
        if exponent == int(exponent) and abs(exponent) <= 8:
            result = a
            for _ in range(int(abs(exponent)) - 1):
                result = multiply(result, a)
            return result if exponent > 0 else divide(a.graph.constant(1.0), result)
    if a.is_constant() and b.is_constant():
        return a.graph.constant(float(EVALUATE["power"](logs, a.payload, b.payload)), max(a.size, b.size))
    return a.graph.make("power", (a, b), logs)


def apply(op: str, a: Node) -> Node:
    """Apply a function of one real argument (``exp``, ``log``, ``sigmoid`` …)."""
    a = as_real(a)
    if a.is_constant():
        return a.graph.constant(float(EVALUATE[op](None, a.payload)), a.size)
    return a.graph.make(op, (a,))


def polygamma(order: int, a: Node) -> Node:
    """Return ψ⁽ⁿ⁾(a), the derivative of order n + 1 of log Γ; n = 0 is the digamma function."""
    a = as_real(a)
    if a.is_constant():
        return a.graph.constant(float(EVALUATE["polygamma"](order, a.payload)), a.size)
    return a.graph.make("polygamma", (a,), order)


def as_real(a: Node) -> Node:
    """Turn an integer or a truth value (1 if true) into a real number."""
    if a.kind == "real":
        return a
    if a.kind == "bool":
        return where(a, a.graph.constant(1.0), a.graph.constant(0.0))
    if a.is_constant():
        return a.graph.constant(float(a.payload))
    return a.graph.make("to_real", (a,))


def compare(op: str, a: Node, b: Node) -> Node:
    """a ``ge`` b, or a ``gt`` b: a truth value."""
    if a.is_constant() and b.is_constant():
        return _truth(a.graph, a.payload >= b.payload if op == "ge" else a.payload > b.payload)
    if a.kind == "int" and b.kind == "int":
        if a.low >= b.high + (op == "gt"):
            return _truth(a.graph, True)
        if a.high < b.low + (op == "gt"):
            return _truth(a.graph, False)
        return a.graph.make("int_" + op, (a, b), kind="bool")
    return a.graph.make(op, (as_real(a), as_real(b)), kind="bool")


def equal(a: Node, b: Node) -> Node:
    """Whether a equals b."""
    if a is b:
        return _truth(a.graph, True)
    if a.is_constant() and b.is_constant():
        return _truth(a.graph, a.payload == b.payload)
    if a.kind == "bool" or b.kind == "bool":
        raise ModelError("truth values are combined with &, | and ~, not compared with ==")
    if a.kind == "int" and b.kind == "int":
        return _equal_integers(a, b)
    return a.graph.make("eq", (as_real(a), as_real(b)), kind="bool")


def _equal_integers(a: Node, b: Node) -> Node:
    """Compare integers: of places in an array, 3 s + 1 and 3 t + 2 are never the same, 3 s + 1 and 3 t + 1 if s = t."""
    (x, m), (y, n) = without_shift(a), without_shift(b)
    step = math.gcd(_step(x), _step(y))
    if a.high < b.low or b.high < a.low or (x is y and m != n) or (step and (m - n) % step):
        return _truth(a.graph, False)
    if m == n and (x is not a or y is not b):
        return equal(x, y)
    if x.op == y.op == "int_mul" and m == n == 0:
        (s, p), (t, q) = _without_factor(x), _without_factor(y)
        if p == q and p:
            return equal(s, t)
    return a.graph.make("int_eq", (a, b), kind="bool")


def without_shift(a: Node) -> tuple[Node, int]:
    """Return an integer expression without the constants that are added to it, and their sum."""
    shift = 0
    while a.op == "int_add" and any(x.is_constant() for x in a.args):
        constant = a.args[0] if a.args[0].is_constant() else a.args[1]
        a, shift = a.args[1] if constant is a.args[0] else a.args[0], shift + constant.payload
    return a, shift


def _without_factor(a: Node) -> tuple[Node, int]:
    """Return an integer product without its constant factor, and the factor; 0 if it has none."""
    for one, other in (a.args, a.args[::-1]):
        if other.is_constant():
            return one, int(other.payload)
    return a, 0


def _step(a: Node) -> int:
    """Return a number of which an integer expression is always a multiple."""
    if a.is_constant():
        return int(a.payload)
    if a.op == "int_mul":
        return _step(a.args[0]) * _step(a.args[1])
    if a.op in ("int_add", "int_sub"):
        return math.gcd(*(_step(x) for x in a.args))
    return 1


def _truth(graph: Graph, holds: bool) -> Node:
    return graph.make("const", (), bool(holds), kind="bool")


def all_of(conditions: Sequence[Node]) -> Node | None:
    """Return the conjunction of the conditions; None if there are none (always true)."""
    result: Node | None = None
    for condition in conditions:
        if condition.op == "const":
            if condition.payload:
                continue
            return condition
        result = condition if result is None or result is condition else _both(result, condition)
    return result


def _both(a: Node, b: Node) -> Node:
    return a.graph.make("and", (a, b) if a.serial <= b.serial else (b, a), kind="bool")


def invert(a: Node) -> Node:
    """Logical not."""
    if a.op == "const":
        return _truth(a.graph, not a.payload)
    return a.args[0] if a.op == "not" else a.graph.make("not", (a,), kind="bool")


def where(condition: Node | None, a: Node, b: Node) -> Node:
    """`a` where the condition holds (None: always), else `b`."""
    if condition is None or a is b:
        return a
    if condition.kind != "bool":
        raise ModelError("the first argument of where() must be a comparison, such as x > 0")
    if condition.op == "const":
        return a if condition.payload else b
    if condition.op == "not":
        return where(condition.args[0], b, a)
    if a.kind == "int" and b.kind == "int":
        low, high = min(a.low, b.low), max(a.high, b.high)
        return a.graph.make("int_where", (condition, a, b), kind="int", low=low, high=high)
    if a.kind == "bool" and b.kind == "bool":
        first = _both(condition, a)
        second = _both(invert(condition), b)
        return a.graph.make("or", (first, second), kind="bool")
    a, b = as_real(a), as_real(b)
    if a.op == "where" and a.args[0] is condition:
        a = a.args[1]
    if b.op == "where" and b.args[0] is condition:
        b = b.args[2]
    if a is b or (a.is_constant() and b.is_constant(a.payload) and a.size == b.size):
        return a
    return a.graph.make("where", (condition, a, b))


def maximum(a: Node, b: Node) -> Node:
    """Return the larger of two; where equal, the derivative is that of the first."""
    return where(compare("ge", a, b), a, b)


def logsumexp(entries: Sequence[Node]) -> Node:
    """log sum exp of scalars, or of the entries of one array."""
    if len(entries) == 1 and not entries[0].size:
        return entries[0]
    return entries[0].graph.make("logsumexp", tuple(as_real(e) for e in entries), size=0)


def softmax_entry(entries: Sequence[Node], index: int) -> Node:
    """Entry `index` of the softmax of scalars."""
    if len(entries) == 1:
        return entries[0].graph.constant(1.0)
    if len(entries) == 2:
        return apply("sigmoid", subtract(entries[index], entries[1 - index]))
    return entries[0].graph.make("softmax", tuple(as_real(e) for e in entries), index)


def total(array: Node) -> Node:
    """Sum of the entries of an array in memory."""
    if array.is_constant():
        return array.graph.constant(array.payload * array.size)
    return array.graph.make("total", (array,), size=0)


def argmax(array: Node) -> Node:
    """Index of the largest entry (the first of equals) of an array in memory."""
    return array.graph.make("argmax", (array,), kind="int", low=0, high=array.size - 1, size=0)


def element(array: Node, index: Node) -> Node:
    """array[index] of an array in memory."""
    if array.is_constant():
        return array.graph.constant(array.payload)
    if array.op == "store" and array.args[1] is index:
        return array.args[2]
    return array.graph.make("element", (array, index), size=0)


def store(array: Node, index: Node, value: Node) -> Node:
    """Return the array with array[index] replaced by `value`."""
    value = as_real(value)
    if array.is_constant() and value.is_constant(array.payload):
        return array
    if array.op == "store" and array.args[1] is index:
        array = array.args[0]
    return array.graph.make("store", (array, index, value), size=array.size)
