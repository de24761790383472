"""Arrays in memory: each lane has its own, entry by entry beside those of the other lanes.

A state array of n entries takes n × width doubles of scratch memory: entry i of lane l is number i·width + l. Array
expressions are never stored: in a loop over the entries each is the expression of its entries, so that a trial costs
memory traffic only where it reads single entries, sums over all, or changes the state. The exception are functions
that cost more than memory does (`COSTLY`): the first loop over the entries that needs one stores it for later loops.
"""

from __future__ import annotations

from collections.abc import Sequence

from versant.expressions import build
from versant.expressions.compiled.assembly import Assembly, Value
from versant.expressions.compiled.loops import Loop
from versant.expressions.compiled.scalars import constant, operation
from versant.expressions.graph import Node, topological

__all__ = ["REDUCTIONS", "Arrays", "array_nodes", "stored_arrays"]

REDUCTIONS = ("total", "largest", "argmax")
COSTLY = frozenset(
    ("exp", "exp2", "exp2_tail", "expm1", "log", "log1p", "log1p_tail", "tanh", "sqrt", "power", "div", "recip",
     "normal_cdf", "normal_log_cdf", "lgamma", "polygamma")
)  # fmt: skip


def stored_arrays(roots: Sequence[Node]) -> list[Node]:
    """Return the arrays that need scratch memory: states, and intermediate ones that are costly."""
    return [n for n in topological(roots) if n.size and (n.op == "state" or n.op in COSTLY)]


def array_nodes(root: Node) -> list[Node]:
    """Return the arrays of which an array expression is made, entry by entry, each after those it needs."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node.serial not in seen:
            seen.add(node.serial)
            stack.append((node, True))
            stack.extend((a, False) for a in node.args if a.size)
    return order


class Arrays:
    """Emits what needs arrays.

    Parameters
    ----------
    assembly : Assembly
    values : dict
        Serial number of a scalar node → its vector, as far as emitted.
    stored : sequence of Node
        Arrays that have scratch memory, in its order; see `stored_arrays`.
    """

    def __init__(self, assembly: Assembly, values: dict[int, Value], stored: Sequence[Node]) -> None:
        self._a = assembly
        self._values = values
        self._offsets: dict[int, Value] = {}
        self._states = {node.serial for node in stored if node.op == "state"}
        self._kept: set[int] = set()  # intermediate arrays whose entries a loop has stored
        self._buffers: dict[int, Value] = {}
        offset = 0
        for node in stored:
            self._buffers[node.serial] = assembly.emit(f"getelementptr {assembly.real}, ptr %scratch, i64 {offset}")
            offset += node.size

    def read(self, array: Node, index: Node) -> Value:
        """Return array[index] of a state array: one load, or a gather of one entry a lane."""
        buffer = self._buffers[array.serial]
        if index.is_constant():
            return self._load(buffer, str(index.payload))
        return self._a.gather(self._pointers(buffer, index))

    def _write(self, buffer: Value, index: Node, value: Value) -> None:
        if index.is_constant():
            self._store(buffer, str(index.payload), value)
        else:
            self._a.scatter(value, self._pointers(buffer, index))

    def _pointers(self, buffer: Value, index: Node) -> Value:
        """Return where each lane's entry is; the offsets are shared by all reads that differ by a constant."""
        a = self._a
        base, shift = build.without_shift(index)
        if base.serial not in self._offsets:
            wide = a.emit(f"zext {a.int} {self._values[base.serial]} to {a.bits}")
            lanes = ", ".join(f"i64 {k}" for k in range(a.width))
            self._offsets[base.serial] = a.integer("add", a.integer("mul", wide, a.whole(a.width)), f"<{lanes}>")
        row = self._place(buffer, str(shift))
        return a.emit(f"getelementptr double, ptr {row}, {a.bits} {self._offsets[base.serial]}")

    def _place(self, buffer: Value, entry: Value) -> Value:
        return self._a.emit(f"getelementptr {self._a.real}, ptr {buffer}, i64 {entry}")

    def _load(self, buffer: Value, entry: Value) -> Value:
        return self._a.emit(f"load {self._a.real}, ptr {self._place(buffer, entry)}, align 8")

    def _store(self, buffer: Value, entry: Value, value: Value) -> None:
        self._a.act(f"store {self._a.real} {value}, ptr {self._place(buffer, entry)}, align 8")

    def _entry(self, root: Node, at: Value, known: dict[int, Value]) -> Value:
        """Return entry `at` of an array expression; inside a loop, whose `known` entries are shared."""
        if not root.size:
            return self._values[root.serial]
        for node in array_nodes(root):
            if node.serial not in known:
                known[node.serial] = self._one_entry(node, at, known)
        return known[root.serial]

    def _one_entry(self, node: Node, at: Value, known: dict[int, Value]) -> Value:
        a = self._a
        if node.op == "const":
            return constant(a, node)
        if node.op == "state" or node.serial in self._kept:
            return self._load(self._buffers[node.serial], at)
        args = [known[n.serial] if n.size else self._values[n.serial] for n in node.args]
        if node.op == "store":
            narrow = a.emit(f"trunc i64 {at} to i32")
            here = a.emit(f"icmp eq {a.int} {args[1]}, {a.splat('i32', narrow)}")
            return a.select(here, args[2], args[0])
        return operation(a, node, args)

    def reduce(self, nodes: Sequence[Node]) -> None:
        """Emit reductions of arrays of one size in one loop; their values become known."""
        a = self._a
        loop = Loop(a, "entries", str(nodes[0].args[0].size))
        known: dict[int, Value] = {}
        entries = [self._entry(node.args[0], loop.index, known) for node in nodes]
        for node, entry in zip(nodes, entries, strict=True):
            self._values[node.serial] = _REDUCE[node.op](a, loop, entry)
        new = [serial for serial in known if serial in self._buffers and serial not in self._states | self._kept]
        for serial in new:
            self._store(self._buffers[serial], loop.index, known[serial])
        self._kept.update(new)
        loop.close()

    def assign(self, slots: Sequence[tuple[Node, Node]]) -> None:
        """Give state arrays new contents: pairs of a symbol and the expression of its new contents.

        All expressions are of the old contents: entry by entry first (entries do not depend on other entries, so this
        can be done in place), then single entries, whose values are known by now.
        """
        whole: dict[tuple[int, ...], list[tuple[Node, Node]]] = {}
        single: list[tuple[Node, Node, Node]] = []
        for symbol, new in slots:
            base, writes = _without_stores(new)
            single += [(symbol, index, value) for index, value in writes]
            if base is not symbol:
                whole.setdefault((base.size, *_switches(base, symbol)), []).append((symbol, base))
        for (size, *switches), pairs in _independent(whole).items():
            self._assign_whole(size, switches, pairs)
        for symbol, index, value in single:
            self._write(self._buffers[symbol.serial], index, self._values[value.serial])

    def _assign_whole(self, size: int, switches: Sequence[int], pairs: Sequence[tuple[Node, Node]]) -> None:
        a = self._a
        after = a.fresh("unchanged")
        if switches:
            condition = self._values[switches[0]]
            for switch in switches[1:]:
                condition = a.logic("or", condition, self._values[switch])
            start = a.fresh("change")
            a.act(f"br i1 {a.any(condition)}, label %{start}, label %{after}")
            a.start(start)
        loop = Loop(a, "entries", str(size))
        known: dict[int, Value] = {}
        entries = [self._entry(new, loop.index, known) for _, new in pairs]
        for (symbol, _), entry in zip(pairs, entries, strict=True):
            self._store(self._buffers[symbol.serial], loop.index, entry)
        loop.close()
        if switches:
            a.act(f"br label %{after}")
            a.start(after)


def _total(a: Assembly, loop: Loop, entry: Value) -> Value:
    so_far = loop.carry(a.real, a.constant(0.0))
    loop.advance(so_far, a.add(so_far, entry))
    return so_far


def _largest(a: Assembly, loop: Loop, entry: Value) -> Value:
    so_far = loop.carry(a.real, a.constant(float("-inf")))
    loop.advance(so_far, a.larger(so_far, entry))
    return so_far


def _argmax(a: Assembly, loop: Loop, entry: Value) -> Value:
    best = loop.carry(a.real, a.constant(float("-inf")))
    where = loop.carry(a.int, "zeroinitializer")
    better = a.compare("ogt", entry, best)
    here = a.splat("i32", a.emit(f"trunc i64 {loop.index} to i32"))
    loop.advance(best, a.select(better, entry, best))
    loop.advance(where, a.emit(f"select {a.bool} {better}, {a.int} {here}, {a.int} {where}"))
    return where


_REDUCE = {"total": _total, "largest": _largest, "argmax": _argmax}


def _without_stores(node: Node) -> tuple[Node, list[tuple[Node, Node]]]:
    """Return the array below a chain of writes of single entries, and the writes, first to last."""
    writes = []
    while node.op == "store":
        writes.append((node.args[1], node.args[2]))
        node = node.args[0]
    return node, writes[::-1]


def _switches(base: Node, symbol: Node) -> tuple[int, ...]:
    """Return the conditions of which one must hold for the array to change; none if it may always change."""
    conditions = []
    while base.op == "where" and not base.args[0].size:
        conditions.append(base.args[0].serial)
        base = base.args[2]
    return tuple(conditions) if base is symbol else ()


Groups = dict[tuple[int, ...], list[tuple[Node, Node]]]


def _independent(groups: Groups) -> Groups:
    """Merge all groups of one size into one loop if some group reads what another changes."""
    if len(groups) < 2:
        return groups
    changed = {key: {symbol.serial for symbol, _ in pairs} for key, pairs in groups.items()}
    for key, pairs in groups.items():
        read = {n.serial for n in topological([new for _, new in pairs]) if n.op == "state"}
        if any(read & symbols for other, symbols in changed.items() if other != key):
            break
    else:
        return groups
    merged: Groups = {}
    for (size, *_), pairs in groups.items():
        merged.setdefault((size,), []).extend(pairs)
    return merged
