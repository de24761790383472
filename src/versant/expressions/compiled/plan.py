"""What a compiled function has to do, on the graph of machine operations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from versant.expressions.compiled.choices import choose_first
from versant.expressions.compiled.products import Likelihood, decompose
from versant.expressions.compiled.rewrite import Rewriter
from versant.expressions.graph import Node, topological
from versant.expressions.recurrence import Program, Slot, needed

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A program rewritten for machines; equal to itself only, so that its code can be kept.

    Attributes
    ----------
    n_parameters : int
    slots : tuple of Slot
    likelihood : Likelihood
        The value, as far as it is asked for; otherwise zero.
    derivatives : tuple of Node
        Gradient and Hessian, summed over trials.
    records : tuple of Node
        Written trial by trial.
    data : tuple of Node
        The data leaves that are read.
    """

    n_parameters: int
    slots: tuple[Slot, ...]
    likelihood: Likelihood
    derivatives: tuple[Node, ...]
    records: tuple[Node, ...]
    data: tuple[Node, ...]

    @property
    def roots(self) -> list[Node]:
        """Everything that is computed."""
        nodes = [*self.likelihood.parts, *self.derivatives, *self.records]
        return nodes + [n for slot in self.slots for n in (slot.symbol, slot.update, slot.initial)]

    @property
    def n_sums(self) -> int:
        """How many sums there are: value, gradient, Hessian."""
        return 1 + len(self.derivatives)


@lru_cache(maxsize=64)
def make_plan(program: Program, records: tuple[Node, ...] = ()) -> Plan:
    """Rewrite a program; given `records`, only these are computed, and no sums. The last plans are kept."""
    summed = () if records else program.summed
    slots = needed(program.slots, [*summed, *records])
    rewriter = Rewriter([*summed, *records, *(n for s in slots for n in (s.initial, s.update))])
    likelihood = decompose(program.recurrence.graph.constant(0.0) if records else program.value, rewriter)
    derivatives = [rewriter(n) for n in summed[1:]]
    written = [rewriter(n) for n in records]
    rewritten = [Slot(rewriter(s.symbol), rewriter(s.initial), rewriter(s.update)) for s in slots]
    final = choose_first([*likelihood.parts, *derivatives, *written, *(s.update for s in rewritten)])
    likelihood = likelihood.mapped(final)
    derivatives, written = [final(n) for n in derivatives], [final(n) for n in written]
    new_slots = tuple(Slot(s.symbol, s.initial, final(s.update)) for s in rewritten)
    roots = [*likelihood.parts, *derivatives, *written, *(s.update for s in new_slots)]
    return Plan(
        n_parameters=len(program.recurrence.parameters),
        slots=new_slots,
        likelihood=likelihood,
        derivatives=tuple(derivatives),
        records=tuple(written),
        data=tuple(n for n in topological(roots) if n.op == "data"),
    )
