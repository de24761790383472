"""What each operation computes, in NumPy: said once, here (its derivative: `versant.expressions.derivatives`).

``EVALUATE[op](payload, *values)`` works on arrays whose first axis is the lane (subject); it also takes complex
values, so that derivatives can be checked by complex step: comparisons and switches look at real parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

__all__ = ["EVALUATE", "PLAIN"]

Value = Any  # a float, or an array whose first axis is the lane


def _real(x: Value) -> Value:
    return x.real if np.iscomplexobj(x) else x


def _tail(x: Value) -> Value:
    """Return e^-|x|."""
    return np.exp(np.where(x.real >= 0, -x, x)) if np.iscomplexobj(x) else np.exp(-np.abs(x))


def _sigmoid(_: Any, x: Value) -> Value:
    tail = _tail(x)
    return np.where(_real(x) >= 0, 1.0, tail) / (1.0 + tail)


def _softplus(_: Any, x: Value) -> Value:
    positive = np.where(x.real >= 0, x, 0.0) if np.iscomplexobj(x) else np.maximum(x, 0.0)
    return positive + np.log1p(_tail(x))


def _entries(values: tuple[Value, ...]) -> list[Value]:
    """Return the entries of an array: given one by one, or as one array in memory."""
    return list(values) if len(values) > 1 else list(np.moveaxis(np.asarray(values[0]), -1, 0))


def _largest(entries: Sequence[Value]) -> Value:
    return reduce(np.maximum, [_real(x) for x in entries])


def _logsumexp(_: Any, *values: Value) -> Value:
    entries = _entries(values)
    top = _largest(entries)
    return top + np.log(sum(np.exp(x - top) for x in entries))


def _softmax(index: int, *values: Value) -> Value:
    entries = _entries(values)
    top = _largest(entries)
    exponentials = [np.exp(x - top) for x in entries]
    return exponentials[index] / sum(exponentials)


def _power(logs: int, x: Value, y: Value) -> Value:
    x, y = np.broadcast_arrays(x, y)
    positive = _real(x) > 0
    safe = np.where(positive, x, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        other = np.where(
            _real(x) == 0, 0.0 if logs else np.power(0.0, _real(y)), np.power(x, y) if logs == 0 else np.nan
        )
    return np.where(positive, np.power(safe, y) * np.log(safe) ** logs, other)


def _element(_: Any, array: Value, index: Value) -> Value:
    array, index = np.asarray(array), np.asarray(index)
    if array.ndim == 1:
        return array[index]
    return array[np.arange(array.shape[0]), index]


def _store(_: Any, array: Value, index: Value, value: Value) -> Value:
    array, index = np.asarray(array), np.asarray(index)
    lanes = max(np.size(index), np.size(value), array.shape[0] if array.ndim == 2 else 1)
    new = np.array(np.broadcast_to(array, (lanes, array.shape[-1])), dtype=np.result_type(array, value))
    new[np.arange(lanes), index] = value
    return new


def _special(name: str) -> Callable[[Any, Value], Value]:
    def evaluate(_: Any, x: Value) -> Value:
        from scipy import special

        return getattr(special, name)(x)

    return evaluate


def _polygamma(order: int, x: Value) -> Value:
    from scipy import special

    return special.digamma(x) if order == 0 else special.polygamma(order, x)


PLAIN: dict[str, Callable[..., Value]] = {
    "add": np.add,
    "sub": np.subtract,
    "neg": np.negative,
    "mul": np.multiply,
    "div": np.divide,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "where": np.where,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "int_add": np.add,
    "int_sub": np.subtract,
    "int_mul": np.multiply,
    "int_ge": np.greater_equal,
    "int_gt": np.greater,
    "int_eq": np.equal,
    "int_where": np.where,
}
"""Operations without payload that NumPy has."""


def _without_payload(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda _, *values: function(*values)


EVALUATE: dict[str, Callable[..., Value]] = {op: _without_payload(function) for op, function in PLAIN.items()} | {
    "power": _power,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "normal_cdf": _special("ndtr"),
    "normal_log_cdf": _special("log_ndtr"),
    "lgamma": _special("loggamma"),
    "to_real": lambda _, a: np.asarray(a, dtype=np.float64),
    "total": lambda _, a: a.sum(axis=-1),
    "element": _element,
    "store": _store,
    "argmax": lambda _, a: np.argmax(_real(a), axis=-1),
    "ge": lambda _, a, b: _real(a) >= _real(b),
    "gt": lambda _, a, b: _real(a) > _real(b),
    "eq": lambda _, a, b: _real(a) == _real(b),
    "polygamma": _polygamma,
}
