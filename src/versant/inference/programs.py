"""What follows from a traced learner, kept for the next data.

A learner is traced anew for every fit, since what it closes over may have changed. Where the trace is one that was seen
before, its programs are at hand, and with them the machine code made of them.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Any

from versant.expressions.graph import topological
from versant.expressions.recurrence import Program, Recurrence, differentiate, directional
from versant.inference.kinks import kink_program

__all__ = ["Programs", "programs_of"]

KEPT = 32


class Programs:
    """The programs of one recurrence, made when first asked for."""

    def __init__(self, recurrence: Recurrence) -> None:
        self.recurrence = recurrence
        self._derivatives: dict[int, Program] = {}

    def derivatives(self, order: int) -> Program:
        """Return the program of the log-likelihood with its derivatives up to this order."""
        if order not in self._derivatives:
            self._derivatives[order] = differentiate(self.recurrence, order)
        return self._derivatives[order]

    @cached_property
    def directional(self) -> Program:
        """The program of the log-likelihood with its derivatives along one direction."""
        return directional(self.recurrence)

    @cached_property
    def kinks(self) -> Program | None:
        """The program that counts switches near by; see `kink_program`."""
        return kink_program(self.recurrence)


_known: OrderedDict[tuple[Any, ...], Programs] = OrderedDict()


def programs_of(recurrence: Recurrence) -> Programs:
    """Return the programs of this recurrence, or of an earlier one that says the same."""
    key = _written(recurrence)
    programs = _known.pop(key, None) or Programs(recurrence)
    _known[key] = programs
    while len(_known) > KEPT:
        _known.popitem(last=False)
    return programs


def _written(r: Recurrence) -> tuple[Any, ...]:
    """Return everything that a recurrence says, its nodes numbered in order."""
    outputs = [*r.state, *r.initial, *r.update, r.log_likelihood, r.chance, r.scored, *r.records.values(), *r.data]
    order = topological(outputs)
    number = {node.serial: i for i, node in enumerate(order)}
    nodes = tuple((n.op, n.payload, n.kind, n.size, n.low, n.high, *(number[a.serial] for a in n.args)) for n in order)
    ends = tuple(number[n.serial] for n in outputs)
    return nodes, ends, r.graph.unroll, r.parameters, tuple(r.records), len(r.state), r.choices_only
