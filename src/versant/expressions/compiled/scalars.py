"""One machine operation → instructions. What the operations mean is said in `versant.expressions.evaluate`; those that
only machines know are explained in `versant.expressions.compiled.rewrite`."""

from __future__ import annotations

from collections.abc import Callable

from versant.errors import ModelError
from versant.expressions.compiled import exponentials, specialmath, vectormath
from versant.expressions.compiled.assembly import Assembly, Value
from versant.expressions.graph import Node

__all__ = ["constant", "operation"]

_INT_LIMIT = 2**31


def constant(a: Assembly, node: Node) -> Value:
    """Return the vector that a constant of any kind stands for."""
    if node.kind == "bool":
        return f"splat (i1 {'true' if node.payload else 'false'})"
    if node.kind == "int":
        return f"splat (i32 {node.payload})"
    return a.constant(float(node.payload))


def operation(a: Assembly, node: Node, args: list[Value]) -> Value:
    """Emit an operation on given vectors.

    Raises
    ------
    ModelError
        If an integer does not fit 32 bits.
    """
    if node.kind == "int" and max(-node.low, node.high) >= _INT_LIMIT:
        raise ModelError(f"an integer in a learner may reach {node.low}..{node.high}, beyond 32 bits")
    return _EMIT[node.op](a, node, args)


Emitter = Callable[[Assembly, Node, list[Value]], Value]


def _real(function: Callable[..., Value]) -> Emitter:
    return lambda a, _, args: function(a, *args)


def _integer(op: str) -> Emitter:
    return lambda a, _, args: a.emit(f"{op} {a.int} {args[0]}, {args[1]}")


def _logic(op: str) -> Emitter:
    return lambda a, _, args: a.logic(op, args[0], args[1])


def _relation(relation: str) -> Emitter:
    return lambda a, _, args: a.compare(relation, args[0], args[1])


def _signed(a: Assembly, _: Node, args: list[Value]) -> Value:
    return a.select(args[0], args[1], a.neg(args[1]))


def _int_where(a: Assembly, _: Node, args: list[Value]) -> Value:
    return a.emit(f"select {a.bool} {args[0]}, {a.int} {args[1]}, {a.int} {args[2]}")


def _to_real(a: Assembly, _: Node, args: list[Value]) -> Value:
    return a.emit(f"sitofp {a.int} {args[0]} to {a.real}")


def _not(a: Assembly, _: Node, args: list[Value]) -> Value:
    return a.logic("xor", args[0], "splat (i1 true)")


def _reciprocal(a: Assembly, x: Value) -> Value:
    return a.div(a.constant(1.0), x)


def _square_root(a: Assembly, x: Value) -> Value:
    return a.intrinsic("sqrt", x)


_EMIT: dict[str, Emitter] = {
    "add": _real(Assembly.add),
    "sub": _real(Assembly.sub),
    "mul": _real(Assembly.mul),
    "div": _real(Assembly.div),
    "neg": _real(Assembly.neg),
    "recip": _real(_reciprocal),
    "max": _real(Assembly.larger),
    "abs": _real(vectormath.absolute),
    "positive_part": _real(vectormath.positive_part),
    "signed": _signed,
    "where": _real(Assembly.select),
    "exp": _real(vectormath.exp),
    "exp2": _real(exponentials.exp2),
    "exp2_tail": _real(exponentials.exp2_tail),
    "expm1": _real(vectormath.expm1),
    "log": _real(vectormath.log),
    "log1p": _real(vectormath.log1p),
    "log1p_tail": _real(vectormath.log1p_tail),
    "sqrt": _real(_square_root),
    "tanh": _real(vectormath.tanh),
    "power": lambda a, node, args: specialmath.power(a, args[0], args[1], node.payload),
    "normal_cdf": _real(specialmath.normal_cdf),
    "normal_log_cdf": _real(specialmath.normal_log_cdf),
    "lgamma": _real(specialmath.lgamma),
    "polygamma": lambda a, node, args: specialmath.polygamma(a, node.payload, args[0]),
    "ge": _relation("oge"),
    "gt": _relation("ogt"),
    "eq": _relation("oeq"),
    "and": _logic("and"),
    "or": _logic("or"),
    "not": _not,
    "int_add": _integer("add"),
    "int_sub": _integer("sub"),
    "int_mul": _integer("mul"),
    "int_ge": _integer("icmp sge"),
    "int_gt": _integer("icmp sgt"),
    "int_eq": _integer("icmp eq"),
    "int_where": _int_where,
    "to_real": _to_real,
}
