"""What a compiled function has to do, on the graph of machine operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from versant.expressions.compiled.carried import Carried, Change, carry, changes, symbols
from versant.expressions.compiled.choices import choose_first, operations
from versant.expressions.compiled.factors import Factors, Total, shared_totals
from versant.expressions.compiled.products import Likelihood, decompose
from versant.expressions.compiled.rewrite import Rewriter
from versant.expressions.graph import Graph, Node, topological
from versant.expressions.recurrence import Program, Slot, needed

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A program rewritten for machines; equal to itself only, so that its code can be kept.

    Attributes
    ----------
    n_parameters : int
    slots : tuple of Slot
    carried : tuple of Carried
        Exponentials that are state; their slots are among `slots`.
    numerator, denominator : Node or None
        Factors of the likelihood, multiplied over trials; None stands for a product without factors.
    totals : tuple of Total
        Summed over trials: what the value has besides the logarithm of the products, gradient, Hessian.
    records : tuple of Node
        Written trial by trial.
    """

    n_parameters: int
    slots: tuple[Slot, ...]
    carried: tuple[Carried, ...]
    numerator: Node | None
    denominator: Node | None
    totals: tuple[Total, ...]
    records: tuple[Node, ...]

    @property
    def roots(self) -> list[Node]:
        """Everything that is computed."""
        nodes = [n for n in (self.numerator, self.denominator) if n is not None]
        nodes += [n for total in self.totals for term in total.terms for n in term]
        return [*nodes, *self.records, *(n for s in self.slots for n in (s.symbol, s.update, s.initial))]

    @property
    def data(self) -> tuple[Node, ...]:
        """The data leaves that are read."""
        return tuple(n for n in topological(self.roots) if n.op == "data")

    @property
    def n_sums(self) -> int:
        """How many sums there are: value, gradient, Hessian."""
        return len(self.totals)


@lru_cache(maxsize=64)
def make_plan(program: Program, records: tuple[Node, ...] = ()) -> Plan:
    """Rewrite a program; given `records`, only these are computed, and no sums. The last plans are kept."""
    summed = () if records else program.summed
    slots = needed(program.slots, [*summed, *records])
    everything = [*summed, *records, *(n for s in slots for n in (s.initial, s.update))]
    rewriter = Rewriter(everything)
    groups = _carry(rewriter, changes(everything, slots), slots)
    likelihood = decompose(program.value, rewriter) if summed else Likelihood()
    totals = [likelihood.terms, *([rewriter(n)] for n in summed[1:])] if summed else []
    rewritten = [Slot(rewriter(s.symbol), rewriter(s.initial), rewriter(s.update)) for s in slots]
    rewritten += [slot for group in groups for slot in group.slots]
    products = (likelihood.numerator, likelihood.denominator)
    written = [rewriter(n) for n in records]
    roots = [n for n in products if n is not None]
    roots += [n for nodes in totals for n in nodes] + written + [s.update for s in rewritten]
    final = _shortened(rewriter.graph, roots)
    return Plan(
        n_parameters=len(program.recurrence.parameters),
        slots=tuple(Slot(s.symbol, s.initial, final(s.update)) for s in rewritten),
        carried=tuple(groups),
        numerator=None if products[0] is None else final(products[0]),
        denominator=None if products[1] is None else final(products[1]),
        totals=tuple(shared_totals(rewriter.graph, [[final(n) for n in nodes] for nodes in totals])),
        records=tuple(final(n) for n in written),
    )


def _carry(rewriter: Rewriter, found: Sequence[Change], slots: Sequence[Slot]) -> list[Carried]:
    """Tell the rewriter which exponentials are state, and return them."""
    state = [symbols(rewriter.graph, number, len(change.entries)) for number, change in enumerate(found)]
    for change, exponentials in zip(found, state, strict=True):
        rewriter.carried[tuple(entry.serial for entry in change.entries)] = exponentials
    return [carry(change, own, slots, rewriter) for change, own in zip(found, state, strict=True)]


def _shortened(graph: Graph, roots: Sequence[Node]) -> Callable[[Node], Node]:
    """Return what makes of each root an expression of as few operations as we know how to."""
    plainly = choose_first(roots)
    factored = Factors(graph, roots)
    after = choose_first([factored(root) for root in roots])
    if operations([after(factored(root)) for root in roots]) < operations([plainly(root) for root in roots]):
        return lambda node: after(factored(node))
    return plainly
