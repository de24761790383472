"""Kinks: points where a learner's derivatives jump, as it switches between two expressions (max, abs, where).

The distance of an estimate to a switch is, to first order, |m| / ‖∂m/∂z‖, where m is the margin whose sign decides and
z are the unconstrained parameters. A program counts, over the trials, the switches closer than `KINK_WITHIN`.
"""

from __future__ import annotations

from dataclasses import replace

from versant.expressions import build
from versant.expressions.graph import Node
from versant.expressions.recurrence import Program, Recurrence, differentiate, switches

__all__ = ["KINK_WITHIN", "kink_program"]

KINK_WITHIN = 1e-6
NEGLIGIBLE = 1e-7


def kink_program(recurrence: Recurrence) -> Program | None:
    """Return the program whose value is the number of switches near by; None if the learner has none.

    Its parameters are the learner's K, in natural units, followed by their slopes dθ_k/dz.
    """
    count = _count(recurrence)
    if count.is_constant(0.0):
        return None
    names = (*recurrence.parameters, *(f"slope of {name}" for name in recurrence.parameters))
    slots = differentiate(recurrence, 1).slots
    return Program(replace(recurrence, parameters=names), 0, slots, count, (), ())


def _count(recurrence: Recurrence) -> Node:
    """Return how many switches of a trial are near; margins that the parameters hardly move do not count.

    (At the edge of a domain, rounding alone makes such margins zero.)
    """
    graph, size = recurrence.graph, len(recurrence.parameters)
    zero, one = graph.constant(0.0), graph.constant(1.0)
    count = zero
    for switch in switches(recurrence):
        norm = zero
        for k, entry in enumerate(switch.gradient):
            along = build.multiply(entry, graph.leaf("parameter", size + k))
            norm = build.add(norm, build.multiply(along, along))
        reach = build.multiply(graph.constant(KINK_WITHIN**2), norm)
        close = build.compare("ge", reach, build.multiply(switch.margin, switch.margin))
        moves = build.compare("gt", norm, graph.constant(NEGLIGIBLE**2))
        count = build.add(count, build.where(build.all_of([close, moves]), one, zero))
    return count
