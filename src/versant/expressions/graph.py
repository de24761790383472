"""The expression graph: every distinct expression is one node, built once.

A *node* is an operation on earlier nodes. Nodes are of a kind (``real``, ``int``, ``bool``) and of a size: 0 for a
scalar, n for an array of n entries that lives in memory (small arrays are unrolled into scalars before they get here,
see `versant.expressions.arrays`). Equal expressions are the same object (hash-consing), so the derivative of a long
update shares everything it can with the update itself.

Leaves are ``const`` (payload: the number), ``parameter`` (payload: its index), ``state`` (payload: its name) and
``data`` (payload: the column). What an operation computes, and its derivative, is said once, in
`versant.expressions.evaluate` and `versant.expressions.derivatives`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

from versant.errors import ModelError

__all__ = ["Graph", "Kind", "Node", "topological"]

Kind = Literal["real", "int", "bool"]
_LONGEST_ROW, _LARGEST_TABLE = 32, 8  # beyond, memory is faster than registers: benchmarks/kernel_scaling.py


class Node:
    """One expression. Made by `Graph.make` only; arithmetic on nodes is in `versant.expressions.operators`.

    Attributes
    ----------
    op : str
        The operation's name.
    args : tuple of Node
    payload : object
        What the operation needs besides its arguments (a constant's number, a column's name, an entry's index).
    kind : {"real", "int", "bool"}
    size : int
        0 for a scalar, n for an array of n entries.
    low, high : int
        Range of an ``int`` node, both inclusive.
    value : object
        The number or array of lanes that this node stands for, in a graph that computes at once.
    """

    __slots__ = ("args", "graph", "high", "kind", "low", "op", "payload", "serial", "size", "value")

    graph: Graph
    op: str
    args: tuple[Node, ...]
    payload: Any
    kind: Kind
    size: int
    low: int
    high: int
    serial: int
    value: Any

    def __repr__(self) -> str:
        detail = "" if self.payload is None else f" {self.payload!r}"
        return f"<{self.op}{detail} #{self.serial}>"

    def is_constant(self, number: float | None = None) -> bool:
        """Whether this is a constant (and, if given, that constant)."""
        return self.op == "const" and (number is None or self.payload == number)


class Graph:
    """A family of nodes in which equal expressions are one node.

    Parameters
    ----------
    unroll : int, optional
        Arrays of up to this many entries are unrolled into scalars by those who build arrays on this graph; by default
        32, and 8 of those with two axes or more, of which a trial touches few.
    compute : callable, optional
        Given a node, returns its value at once: the graph then is a calculator (this is how agents are simulated)
        and nodes are not shared.

    Examples
    --------
    >>> graph = Graph()
    >>> x = graph.leaf("parameter", 0)
    >>> graph.make("exp", (x,)) is graph.make("exp", (x,))
    True
    """

    def __init__(self, unroll: int | None = None, compute: Callable[[Node], Any] | None = None) -> None:
        self.unroll = unroll
        self.compute = compute
        self._interned: dict[tuple[Any, ...], Node] = {}
        self._count = 0

    def unrolls(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape is unrolled into scalars."""
        default = _LONGEST_ROW if len(shape) < 2 else _LARGEST_TABLE
        return math.prod(shape) <= (default if self.unroll is None else self.unroll)

    def make(
        self,
        op: str,
        args: tuple[Node, ...] = (),
        payload: Any = None,
        kind: Kind = "real",
        low: int = 0,
        high: int = 0,
        size: int | None = None,
    ) -> Node:
        """Return the node of this operation, arguments and payload, new only if there is none yet."""
        if size is None:
            size = max((a.size for a in args), default=0)
        key = (op, tuple([a.serial for a in args]), payload, kind, size)
        if self.compute is None:
            known = self._interned.get(key)
            if known is not None:
                return known
        node = Node()
        node.graph, node.op, node.args, node.payload = self, op, args, payload
        node.kind, node.size, node.low, node.high = kind, size, low, high
        node.serial = self._count
        node.value = None
        self._count += 1
        if self.compute is None:
            self._interned[key] = node
        else:
            node.value = self.compute(node)
        return node

    def leaf(
        self, op: str, payload: Any, kind: Kind = "real", low: int = 0, high: int = 0, size: int = 0, value: Any = None
    ) -> Node:
        """Return a leaf; in a graph that computes at once `value` is what it stands for."""
        node = self.make(op, (), payload, kind, low, high, size)
        if value is not None:
            node.value = value
        return node

    def constant(self, number: float, size: int = 0) -> Node:
        """Return the real constant `number`, or an array of `size` entries filled with it."""
        return self.make("const", (), float(number), size=size)

    def integer(self, number: int) -> Node:
        """Return the integer constant `number`."""
        return self.make("const", (), int(number), kind="int", low=int(number), high=int(number))


def topological(roots: Iterable[Node]) -> list[Node]:
    """Return every node that `roots` need, each after its arguments.

    Raises
    ------
    ModelError
        If the roots belong to different graphs.
    """
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    graph = stack[-1][0].graph if stack else None
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
            continue
        if node.serial in seen:
            continue
        if node.graph is not graph:
            raise ModelError("expressions of two different traces were mixed; keep traced values inside one function")
        seen.add(node.serial)
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args) if a.serial not in seen)
    return order
