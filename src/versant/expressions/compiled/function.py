"""The whole function: for each group of lanes, initial state, loop over trials, sums.

    for each group of `width` lanes:
        parameters, and every expression of parameters alone
        state := initial; sums := 0; products := 1
        for t = 0 .. longest of the group:
            read the trial's record; compute; where t < length: add to the sums, multiply into the products
            state := update
        write the sums

Scalars of the state are carried in registers, arrays in scratch memory. A plan with records writes these, trial by
trial, instead of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from versant.expressions.compiled.arrays import REDUCTIONS, Arrays, array_nodes, stored_arrays
from versant.expressions.compiled.assembly import Assembly, Value
from versant.expressions.compiled.carried import LARGEST_EXPONENT, Carried
from versant.expressions.compiled.exponentials import exp2_tail
from versant.expressions.compiled.loops import Loop
from versant.expressions.compiled.machine import Machine
from versant.expressions.compiled.packer import write_packer
from versant.expressions.compiled.packing import Record
from versant.expressions.compiled.plan import Plan
from versant.expressions.compiled.scalars import constant, operation
from versant.expressions.compiled.sums import RARELY, Sums
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Node, topological

__all__ = ["ARGUMENTS", "scratch_size", "write_module"]

ARGUMENTS = (
    "i64 %first", "i64 %last", "i64 %groups", "ptr noalias %starts", "ptr noalias %longest", "ptr noalias %lengths",
    "ptr noalias %parameters", "ptr noalias %data", "ptr noalias %results", "ptr noalias %scratch",
)  # fmt: skip


def scratch_size(plan: Plan) -> int:
    """Return how many vectors of scratch memory a group needs."""
    return sum(node.size for node in stored_arrays(plan.roots))


def write_module(plan: Plan, record: Record, machine: Machine) -> str:
    """Return the module's text: ``kernel``, a function of `ARGUMENTS`, and ``pack``."""
    a = Assembly(machine.width, machine.fused, machine.avx512)
    _Function(a, plan, record).write()
    kernel = [f"define void @kernel({', '.join(ARGUMENTS)}) #0 {{", *a.lines, "}"]
    packer = write_packer(record, machine.width)
    attributes = f"attributes #0 = {{ {machine.attributes} }}"
    return "\n".join([*kernel, packer, *a.helpers.values(), *a.declared.values(), attributes, RARELY, ""])


class _Function:
    """The function while it is written."""

    def __init__(self, assembly: Assembly, plan: Plan, record: Record) -> None:
        self._a, self._plan, self._record = assembly, plan, record
        self._values: dict[int, Value] = {}  # serial number of a scalar → its vector
        assembly.start("entry")
        self._arrays = Arrays(assembly, self._values, stored_arrays(plan.roots))

    def write(self) -> None:
        """Write the function's body."""
        a, plan = self._a, self._plan
        groups = Loop(a, "groups", "%last", "%first")
        self._read_parameters(groups.index)
        self._compute_all(_invariants(plan.roots))
        self._compute_all([slot.initial for slot in plan.slots])
        self._arrays.assign([(s.symbol, s.initial) for s in plan.slots if s.symbol.size])
        self._trials(groups.index)
        groups.close()
        a.act("ret void")

    def _read_parameters(self, group: Value) -> None:
        a = self._a
        for leaf in topological(self._plan.roots):
            if leaf.op == "parameter":
                pointer = self._vector("%parameters", self._row_of_group(leaf.payload, group))
                self._values[leaf.serial] = a.emit(f"load {a.real}, ptr {pointer}, align 8")

    def _row_of_group(self, row: int, group: Value) -> Value:
        """Return which vector of a (rows, groups, width) array belongs to the group."""
        return self._a.emit(f"add i64 {group}, {self._a.emit(f'mul i64 %groups, {row}')}")

    def _vector(self, array: Value, place: Value) -> Value:
        """Return where the vector with this number is."""
        return self._a.emit(f"getelementptr {self._a.real}, ptr {array}, i64 {place}")

    def _compute(self, node: Node) -> Value:
        self._compute_all([node])
        return self._values[node.serial]

    def _compute_all(self, roots: Sequence[Node]) -> None:
        """Emit scalars, and reductions of arrays, that are not yet known."""
        a, values, order = self._a, self._values, topological(roots)
        for node in order:
            if node.size or node.serial in values:
                continue
            if node.op in REDUCTIONS:
                self._arrays.reduce(self._of_the_same_loop(node, order))
            elif node.op == "element":
                values[node.serial] = self._arrays.read(*node.args)
            elif node.op == "const":
                values[node.serial] = constant(a, node)
            else:
                values[node.serial] = operation(a, node, [values[n.serial] for n in node.args])

    def _of_the_same_loop(self, first: Node, order: Sequence[Node]) -> list[Node]:
        """Return the reductions that can be done in one loop with the first: same size, all scalars they need known."""
        size, known = first.args[0].size, self._values
        waiting = [n for n in order if n.op in REDUCTIONS and n.serial not in known and n.args[0].size == size]
        needed = {n.serial: [s for part in array_nodes(n.args[0]) for s in part.args if not s.size] for n in waiting}
        return [n for n in waiting if all(s.serial in known for s in needed[n.serial])]

    def _trials(self, group: Value) -> None:
        a, plan = self._a, self._plan
        start = self._number("%starts", group)
        lengths = a.emit(f"getelementptr {a.int}, ptr %lengths, i64 {group}")
        lengths = a.emit(f"load {a.int}, ptr {lengths}, align 4")
        loop = Loop(a, "trials", self._number("%longest", group))
        scalars = [slot for slot in plan.slots if not slot.symbol.size]
        for slot in scalars:
            self._values[slot.symbol.serial] = loop.carry(a.real, self._values[slot.initial.serial])
        sums = Sums(a, plan, loop, self._compute)
        number = a.splat("i32", a.emit(f"trunc i64 {loop.index} to i32"))
        running = a.emit(f"icmp sgt {a.int} {lengths}, {number}")
        row = a.emit(f"add i64 {start}, {loop.index}")
        self._read_record(row)
        following = self._carry_on()
        self._write_records(row, running)
        self._compute_all([slot.update for slot in plan.slots if slot.symbol.serial not in following])
        sums.add_trial(running)
        self._arrays.assign([(s.symbol, s.update) for s in plan.slots if s.symbol.size])
        for slot in scalars:
            symbol = slot.symbol.serial
            loop.advance(self._values[symbol], following.get(symbol) or self._values[slot.update.serial])
        loop.close()
        if not plan.records:
            for k, total in enumerate(sums.results(self._values)):
                self._write(total, self._row_of_group(k, group))

    def _carry_on(self) -> dict[int, Value]:
        """Return the next trial's carried exponentials.

        They are computed first, as nothing else takes as long, and the rest of the trial does not wait for them.
        """
        following: dict[int, Value] = {}
        for group in self._plan.carried:
            self._compute_all(group.weights)
            new = self._renewed(group, [self._compute(slot.update) for slot in group.renewed])
            following.update((slot.symbol.serial, value) for slot, value in zip(group.renewed, new, strict=True))
            total = following[group.total.symbol.serial]
            following[group.inverse.symbol.serial] = self._a.div(self._a.constant(1.0), total)
        return following

    def _renewed(self, group: Carried, updates: list[Value]) -> list[Value]:
        """Return exponentials, computed anew in lanes where their sum has left its bounds."""
        a = self._a
        far = a.outside(updates[-1], LARGEST_EXPONENT)
        usual, renew, after = a.block, a.fresh("renew"), a.fresh("carried")
        a.act(f"br i1 {a.any(far)}, label %{renew}, label %{after}, !prof !0")
        a.start(renew)
        outside, self._values = self._values, dict(self._values)
        logits = [self._compute(y) for y in group.logits]
        self._values = outside
        reference = reduce(a.larger, logits)
        terms = [exp2_tail(a, a.sub(y, reference)) for y in logits]
        anew = [reference, *terms, reduce(a.add, terms)]
        chosen = [a.select(far, x, old) for x, old in zip(anew, updates, strict=True)]
        a.act(f"br label %{after}")
        a.start(after)
        pairs = zip(updates, chosen, strict=True)
        return [a.emit(f"phi {a.real} [{x}, %{usual}], [{y}, %{renew}]") for x, y in pairs]

    def _number(self, array: Value, place: Value) -> Value:
        pointer = self._a.emit(f"getelementptr i64, ptr {array}, i64 {place}")
        return self._a.emit(f"load i64, ptr {pointer}, align 8")

    def _read_record(self, row: Value) -> None:
        a = self._a
        offset = a.emit(f"mul i64 {row}, {self._record.stride(a.width)}")
        record = a.emit(f"getelementptr i8, ptr %data, i64 {offset}")
        places = self._record.places(a.width)
        for node in self._plan.data:
            self._values[node.serial] = self._read_field(node, record, *places[node.payload])

    def _read_field(self, node: Node, record: Value, place: int, size: int) -> Value:
        a = self._a
        pointer = a.emit(f"getelementptr i8, ptr {record}, i64 {place}")
        if size == 8:
            return a.emit(f"load {a.real}, ptr {pointer}, align 8")
        raw = f"<{a.width} x i{8 * size}>"
        value = a.emit(f"load {raw}, ptr {pointer}, align {size}")
        if node.kind == "bool":
            return a.emit(f"icmp ne {raw} {value}, zeroinitializer")
        whole = value if size == 4 else a.emit(f"sext {raw} {value} to {a.int}")
        return whole if node.kind == "int" else a.emit(f"sitofp {a.int} {whole} to {a.real}")

    def _write_records(self, row: Value, running: Value) -> None:
        a, records = self._a, self._plan.records
        if records:
            base = a.emit(f"mul i64 {row}, {len(records)}")
        for k, node in enumerate(records):
            value = a.select(running, self._compute(node), a.constant(float("nan")))
            self._write(value, a.emit(f"add i64 {base}, {k}"))

    def _write(self, value: Value, place: Value) -> None:
        self._a.act(f"store {self._a.real} {value}, ptr {self._vector('%results', place)}, align 8")


def _invariants(roots: Sequence[Node]) -> list[Node]:
    """Return the expressions of parameters alone that others use: they do not change from trial to trial."""
    order = topological(roots)
    changes = varying(order)
    used = [*roots, *(n for node in order if node.serial in changes for n in node.args)]
    return list({n.serial: n for n in used if n.serial not in changes and not n.size}.values())
