"""Exponentials of logits, carried from trial to trial where a trial changes few of them.

    e_k = 2^(y_k - c),   z = Σ_k e_k,   softmax_k = e_k / z,   log Σ exp x = c ln 2 + log z

A learner that updates the value of the option chosen changes one logit a trial, and so one exponential, however many
options there are. The reference c stays as it is while z is within 2^±60. Where it leaves these bounds, c becomes the
largest y, and all exponentials are computed anew: lane by lane, so that a subject's do not depend on its neighbours'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from versant.expressions import build
from versant.expressions.compiled import softmax
from versant.expressions.graph import Graph, Node, topological
from versant.expressions.recurrence import Slot

__all__ = ["LARGEST_EXPONENT", "Carried", "Change", "carry", "changes", "symbols"]

LARGEST_EXPONENT = 60
_FEWEST_OPTIONS = 3  # of two, softmax is a logistic function of one exponential


@dataclass(frozen=True)
class Change:
    """How a trial changes some logits: each only under its own condition, but all to the same.

    Nodes are of the program's graph.
    """

    entries: tuple[Node, ...]
    conditions: tuple[Node, ...]
    new: Node


@dataclass(frozen=True)
class Carried:
    """The exponentials of one softmax as state.

    Attributes
    ----------
    reference, total, inverse : Slot
        c, z and 1 / z.
    terms : tuple of Slot
        e_k.
    logits : tuple of Node
        Every y_k after the trial's update.
    """

    reference: Slot
    total: Slot
    inverse: Slot
    terms: tuple[Slot, ...]
    logits: tuple[Node, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All that is carried."""
        return (*self.renewed, self.inverse)

    @property
    def renewed(self) -> tuple[Slot, ...]:
        """What is computed anew where z leaves its bounds; 1 / z is computed after that."""
        return (self.reference, *self.terms, self.total)

    @property
    def weights(self) -> tuple[Node, ...]:
        """The softmax of the trial that begins."""
        return tuple(build.multiply(slot.symbol, self.inverse.symbol) for slot in self.terms)


def changes(roots: Sequence[Node], slots: Sequence[Slot]) -> list[Change]:
    """Return the softmaxes below some roots, of three options or more, of which a trial changes one logit.

    Parameters
    ----------
    roots : sequence of Node
    slots : sequence of Slot
        The state; of the program's graph, as the roots are.
    """
    by_symbol = {slot.symbol.serial: slot for slot in slots}
    found: dict[tuple[int, ...], Change] = {}
    for node in topological(roots):
        key = tuple(a.serial for a in node.args)
        if node.op in ("logsumexp", "softmax") and len(key) >= _FEWEST_OPTIONS and key not in found:
            switched = [_switched(entry, by_symbol) for entry in node.args]
            each = [one for one in switched if one is not None]
            if len(each) == len(key) and len({new.serial for _, new in each}) == 1:
                found[key] = Change(node.args, tuple(condition for condition, _ in each), each[0][1])
    return list(found.values())


def _switched(x: Node, slots: Mapping[int, Slot]) -> tuple[Node, Node] | None:
    """Return under which condition an update changes x, and into what; None if it is not so simple."""
    conditions: dict[int, Node] = {}
    values: dict[int, Node] = {}
    for node in topological([x]):
        if node.op == "data" or node.size:
            return None
        if node.op == "state":
            update = slots[node.serial].update
            if update.op != "where":
                return None
            condition, new, old = update.args
            if new is node:
                condition, new, old = build.invert(condition), old, new
            if old is not node:
                return None
            conditions[condition.serial], values[node.serial] = condition, new
    if len(conditions) != 1:
        return None
    return next(iter(conditions.values())), _substituted(x, values)


def _substituted(x: Node, values: Mapping[int, Node]) -> Node:
    """Return x of other values of its leaves."""
    done = dict(values)
    for n in topological([x]):
        if n.serial not in done:
            args = tuple(done[a.serial] for a in n.args)
            done[n.serial] = n.graph.make(n.op, args, n.payload, n.kind, n.low, n.high, n.size) if args else n
    return done[x.serial]


def symbols(graph: Graph, number: int, options: int) -> softmax.Exponentials:
    """Return the symbols of the state; `number` tells the softmaxes of a learner apart."""
    terms = tuple(graph.leaf("state", ("exponential", number, k)) for k in range(options))
    names = ("reference", "sum of exponentials", "reciprocal of the sum")
    reference, total, inverse = (graph.leaf("state", (name, number)) for name in names)
    return softmax.Exponentials(reference, terms, total, inverse, operation="exp2")


def carry(
    change: Change, state: softmax.Exponentials, slots: Sequence[Slot], rewrite: Callable[[Node], Node]
) -> Carried:
    """Return the exponentials as state, on the graph of machine operations.

    Parameters
    ----------
    change : Change
    state : Exponentials
        The symbols.
    slots : sequence of Slot
        The learner's own state, on the program's graph.
    rewrite : callable
        From that graph to the other.
    """
    initial = {slot.symbol.serial: slot.initial for slot in slots}
    first = softmax.exponentials([rewrite(_substituted(x, initial)) for x in change.entries])
    new = softmax.scaled(rewrite(change.new))
    exponential = new.graph.make(state.operation, (build.subtract(new, state.reference),))
    conditions = [rewrite(condition) for condition in change.conditions]
    updates = [build.where(c, exponential, e) for c, e in zip(conditions, state.terms, strict=True)]
    total = reduce(build.add, updates)
    old = [softmax.scaled(rewrite(entry)) for entry in change.entries]
    return Carried(
        reference=Slot(state.reference, first.reference, state.reference),
        total=Slot(state.total, first.total, total),
        inverse=Slot(state.inverse, first.inverse, softmax.reciprocal(total)),
        terms=tuple(Slot(*each) for each in zip(state.terms, first.terms, updates, strict=True)),
        logits=tuple(build.where(c, new, y) for c, y in zip(conditions, old, strict=True)),
    )
