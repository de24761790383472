"""Arrays as users write them, indexed by choices and data.

`Array` is a small one: its entries are scalars, and an index that is only known from the data becomes a choice among
them. `MemoryArray` is a large one: a single node, whose entries are read and written by position, so that the cost of a
trial does not grow with the size of the array.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from versant.errors import ModelError
from versant.expressions import build
from versant.expressions.graph import Graph, Node
from versant.expressions.operators import Binary, Operand, Scalar, node_of

__all__ = ["Array", "Guard", "MemoryArray", "in_memory", "spread"]

Guard = Callable[[list[Node]], Node | None]
"""Given the nodes that a write needs, returns the condition under which it happens (None: always)."""


class Array(Operand):
    """A small array of any shape, one node an entry; indexed like a NumPy array.

    Parameters
    ----------
    entries : list of Node
        In row-major order.
    shape : tuple of int
    guard : callable, optional
        Given the nodes that a write needs, returns the condition under which it happens (None: always).
    """

    __slots__ = ("entries", "guard", "shape")
    rank = 1

    def __init__(self, entries: list[Node], shape: tuple[int, ...], guard: Guard | None = None) -> None:
        self.entries = entries
        self.shape = shape
        self.guard = guard

    @classmethod
    def of(cls, value: Any, graph: Graph) -> Array:
        """Make an array of nested lists, tuples or a NumPy array of numbers and scalars."""
        if isinstance(value, Array):
            return value
        if isinstance(value, list | tuple | np.ndarray):
            parts = [cls.of(v, graph) for v in value]
            if not parts or any(p.shape != parts[0].shape for p in parts):
                raise ModelError("an array needs at least one entry, and rows of equal length")
            return cls([e for p in parts for e in p.entries], (len(parts), *parts[0].shape))
        return cls([node_of(value, graph)], ())

    @property
    def graph(self) -> Graph:
        """The graph its entries live in."""
        return self.entries[0].graph

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def combine(self, other: Any, rule: Binary, swapped: bool = False) -> Any:
        """Apply a rule of two nodes entry by entry; a scalar, or an array of the same or of the trailing shape."""
        if isinstance(other, Operand) and other.rank > self.rank:
            return other.combine(self, rule, not swapped)
        if isinstance(other, Array | list | tuple | np.ndarray):
            theirs = Array.of(other, self.graph)
        else:
            theirs = Array([node_of(other, self.graph)], ())
        try:
            shape = np.broadcast_shapes(self.shape, theirs.shape)
        except ValueError:
            raise ModelError(f"arrays of shapes {self.shape} and {theirs.shape} cannot be combined") from None
        mine = spread(self, shape)
        others = spread(theirs, shape)
        return Array([rule(b, a) if swapped else rule(a, b) for a, b in zip(mine, others, strict=True)], shape)

    def __getitem__(self, index: Any) -> Any:
        entries, shape = _read(self.entries, self.shape, index if isinstance(index, tuple) else (index,), self.graph)
        return Array(entries, shape) if shape else Scalar(entries[0])

    def __setitem__(self, index: Any, value: Any) -> None:
        keys = index if isinstance(index, tuple) else (index,)
        kept = [len(range(n)[k]) for k, n in zip(keys, self.shape, strict=False) if isinstance(k, slice)]
        new = spread(Array.of(value, self.graph), (*kept, *self.shape[len(keys) :]))
        needed = [k.node for k in keys if isinstance(k, Scalar)]
        guard = None if self.guard is None else self.guard([*needed, *new])
        self.entries = _write(self.entries, self.shape, keys, new, [] if guard is None else [guard], self.graph)

    def max(self) -> Scalar:
        """Return the largest entry."""
        result = self.entries[0]
        for entry in self.entries[1:]:
            result = build.maximum(result, entry)
        return Scalar(result)

    def min(self) -> Scalar:
        """Return the smallest entry."""
        negated: Array = -self
        smallest: Scalar = -negated.max()
        return smallest

    def sum(self) -> Scalar:
        """Return the sum of the entries."""
        result = self.entries[0]
        for entry in self.entries[1:]:
            result = build.add(result, entry)
        return Scalar(result)

    def mean(self) -> Scalar:
        """Return the mean of the entries."""
        mean: Scalar = self.sum() / len(self.entries)
        return mean

    def copy(self) -> Array:
        """Return an array that later writes to this one do not touch."""
        return Array(list(self.entries), self.shape, self.guard)

    def __repr__(self) -> str:
        return f"Array(shape={self.shape})"


def spread(array: Array, shape: tuple[int, ...]) -> list[Node]:
    """Return the entries of an array broadcast to `shape`."""
    if array.shape == shape:
        return array.entries
    try:
        where = np.broadcast_to(np.arange(len(array.entries)).reshape(array.shape), shape).ravel()
    except ValueError:
        raise ModelError(f"an array of shape {array.shape} does not fit into shape {shape}") from None
    return [array.entries[int(k)] for k in where]


def position(index: Any, length: int, graph: Graph) -> Node | int:
    """Return an index as a number within 0..length-1, or as the node that gives it, its range checked."""
    if isinstance(index, Scalar):
        node = index.as_index(length)
        if node.kind != "int":
            raise ModelError("an index must be an integer: a choice, a coded data column, or a sum of these")
        if node.low < 0 or node.high >= length:
            raise ModelError(
                f"an index that may be {node.low}..{node.high} does not fit an axis of length {length}; "
                "declare the state with the size the data need (n.column in `state=`)"
            )
        return int(node.payload) if node.is_constant() else node
    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        if not -length <= index < length:
            raise ModelError(f"index {index} is outside an axis of length {length}")
        return int(index) % length
    raise ModelError(f"{index!r} cannot index a state array")


def _read(
    entries: list[Node], shape: tuple[int, ...], keys: tuple[Any, ...], graph: Graph
) -> tuple[list[Node], tuple[int, ...]]:
    if not keys:
        return entries, shape
    if not shape:
        raise ModelError("too many indices for the array")
    stride = math.prod(shape[1:])
    rows = [entries[k * stride : (k + 1) * stride] for k in range(shape[0])]
    if isinstance(keys[0], slice):
        parts = [_read(rows[k], shape[1:], keys[1:], graph) for k in range(shape[0])[keys[0]]]
        return [e for part, _ in parts for e in part], (len(parts), *(parts[0][1] if parts else ()))
    where = position(keys[0], shape[0], graph)
    if isinstance(where, int):
        return _read(rows[where], shape[1:], keys[1:], graph)
    parts = [_read(row, shape[1:], keys[1:], graph) for row in rows]
    low, high = where.low, where.high
    chosen = parts[high][0]
    for k in range(high - 1, low - 1, -1):
        here = build.equal(where, graph.integer(k))
        chosen = [build.where(here, a, b) for a, b in zip(parts[k][0], chosen, strict=True)]
    return chosen, parts[0][1]


def _write(
    entries: list[Node],
    shape: tuple[int, ...],
    keys: tuple[Any, ...],
    new: list[Node],
    conditions: list[Node],
    graph: Graph,
) -> list[Node]:
    if not keys:
        when = build.all_of(conditions)
        return [build.where(when, a, b) for a, b in zip(new, entries, strict=True)]
    if not shape:
        raise ModelError("too many indices for the array")
    stride = math.prod(shape[1:])
    rows = [entries[k * stride : (k + 1) * stride] for k in range(shape[0])]
    if isinstance(keys[0], slice):
        chosen = range(shape[0])[keys[0]]
        each = len(new) // max(len(chosen), 1)
        for k, place in enumerate(chosen):
            rows[place] = _write(rows[place], shape[1:], keys[1:], new[k * each : (k + 1) * each], conditions, graph)
    else:
        where = position(keys[0], shape[0], graph)
        if isinstance(where, int):
            rows[where] = _write(rows[where], shape[1:], keys[1:], new, conditions, graph)
        else:
            for k in range(where.low, where.high + 1):
                here = build.equal(where, graph.integer(k))
                rows[k] = _write(rows[k], shape[1:], keys[1:], new, [*conditions, here], graph)
    return [e for row in rows for e in row]


class MemoryArray(Operand):
    """A large array: one node; entries, rows and slices are read and written by position.

    Parameters
    ----------
    node : Node
        An array node of ``prod(shape)`` entries.
    shape : tuple of int
    guard : callable, optional
        As for `Array`.
    """

    __slots__ = ("guard", "node", "shape")
    rank = 2

    def __init__(self, node: Node, shape: tuple[int, ...], guard: Guard | None = None) -> None:
        self.node = node
        self.shape = shape
        self.guard = guard

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def _places(self, keys: tuple[Any, ...]) -> tuple[list[Node], tuple[int, ...]]:
        """Return where the entries are that an index names, and their shape."""
        graph = self.node.graph
        if len(keys) > len(self.shape):
            raise ModelError("too many indices for the array")
        offset, axes = graph.integer(0), []  # axes: positions from the offset, along axes that are kept
        for axis, length in enumerate(self.shape):
            stride = math.prod(self.shape[axis + 1 :])
            key = keys[axis] if axis < len(keys) else slice(None)
            if isinstance(key, slice):
                axes.append([k * stride for k in range(length)[key]])
                continue
            where = position(key, length, graph)
            here = graph.integer(where) if isinstance(where, int) else where
            offset = build.add(offset, build.multiply(here, graph.integer(stride)))
        shifts = [sum(each) for each in itertools.product(*axes)]
        return [build.add(offset, graph.integer(k)) for k in shifts], tuple(len(a) for a in axes)

    def __getitem__(self, index: Any) -> Any:
        places, shape = self._places(index if isinstance(index, tuple) else (index,))
        entries = [build.element(self.node, place) for place in places]
        return Array(entries, shape) if shape else Scalar(entries[0])

    def __setitem__(self, index: Any, value: Any) -> None:
        keys = index if isinstance(index, tuple) else (index,)
        places, shape = self._places(keys)
        new = spread(Array.of(value, self.node.graph), shape)
        needed = [k.node for k in keys if isinstance(k, Scalar)]
        guard = None if self.guard is None else self.guard([*needed, *new])
        before = self.node
        for place, entry in zip(places, new, strict=True):
            kept = entry if guard is None else build.where(guard, entry, build.element(before, place))
            self.node = build.store(self.node, place, kept)

    def combine(self, other: Any, rule: Binary, swapped: bool = False) -> Any:
        """Apply a rule of two nodes entry by entry; with a scalar, or an array of the same or of the trailing shape."""
        if isinstance(other, MemoryArray | Array | list | tuple | np.ndarray):
            theirs = other if isinstance(other, MemoryArray) else self._spread(Array.of(other, self.node.graph))
            if theirs.shape != self.shape:
                raise ModelError(f"arrays of shapes {self.shape} and {theirs.shape} cannot be combined")
            node = theirs.node
        else:
            node = build.as_real(node_of(other, self.node.graph))
        return MemoryArray(rule(node, self.node) if swapped else rule(self.node, node), self.shape)

    def _spread(self, small: Array) -> MemoryArray:
        return in_memory(Array(spread(small, self.shape), self.shape))

    def sum(self) -> Scalar:
        """Return the sum of the entries."""
        return Scalar(build.total(self.node))

    def mean(self) -> Scalar:
        """Return the mean of the entries."""
        mean: Scalar = self.sum() / self.node.size
        return mean

    def max(self) -> Scalar:
        """Return the largest entry."""
        return Scalar(build.element(self.node, build.argmax(self.node)))

    def min(self) -> Scalar:
        """Return the smallest entry."""
        return Scalar(build.element(self.node, build.argmax(build.negate(self.node))))

    def copy(self) -> MemoryArray:
        """Return an array that later writes to this one do not touch."""
        return MemoryArray(self.node, self.shape, self.guard)

    def __repr__(self) -> str:
        return f"MemoryArray(shape={self.shape})"


def in_memory(array: Array) -> MemoryArray:
    """Put an unrolled array into memory."""
    size, graph = len(array.entries), array.graph
    entries = [build.as_real(e) for e in array.entries]
    first = entries[0]
    node = graph.constant(first.payload, size) if first.is_constant() else build.add(graph.constant(0.0, size), first)
    for k, entry in enumerate(entries):
        if entry is not first:
            node = build.store(node, graph.integer(k), entry)
    return MemoryArray(node, array.shape)
