"""What is proved of a problem beside a controller: upper bounds, or that no policy keeps the budgets.

Bounds are computed from the cheapest to the tightest, each starting from the multipliers of the one before and of the
controller. Where the controller found does not keep the budgets, a proof that none does is tried first, and how far
every policy must exceed one is bounded ever more tightly, until the controller is shown to exceed it by no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from versant.planning.bounds import BoundMethod, UpperBound, lagrangian_bound, least_excess, occupancy_bound
from versant.planning.certificate import Certificate
from versant.planning.onesided import OneSided
from versant.planning.ways import GRAPH_PRECISION, Task

__all__ = ["Proofs", "prove"]

CLOSE = 1e-3
"""Share by which a bound of every policy's excess may fall short of the controller's without a better one sought."""


@dataclass(frozen=True, eq=False)
class Proofs:
    """What is proved, and when."""

    bounds: tuple[UpperBound, ...]
    moments: tuple[float, ...]  # seconds at which each bound was there
    excess: UpperBound | None  # lower bound of the largest excess over a budget

    @property
    def upper(self) -> float | None:
        """The lowest of the bounds; None where there is none."""
        return min((bound.value for bound in self.bounds), default=None)


def prove(task: Task, certificate: Certificate, sided: OneSided, asked: Sequence[BoundMethod] | None) -> Proofs:
    """Return upper bounds and, for a controller that exceeds a budget, the best lower bound of that excess.

    Unless bounds are asked for by name, there are none beside that of column generation where this is next to tight.
    """
    excess: UpperBound | None = None
    methods = task.able if asked is None else asked
    if not (certificate.feasible or certificate.undecided):
        excess = _excess(task, sided, certificate, methods)
        if excess is not None and excess.value > 0:
            return Proofs((), (), _netted(sided, excess))
    bounds, moments = [], []
    if asked is None and task.run.columns is not None and task.run.columns.closed(GRAPH_PRECISION):
        methods = ()
    for bound in _upper(task, sided.split(certificate.multipliers) if certificate.feasible else None, methods):
        bounds.append(_netted(sided, bound))
        moments.append(task.run.elapsed)
    return Proofs(tuple(bounds), tuple(moments), None if excess is None else _netted(sided, excess))


def _excess(task: Task, sided: OneSided, certificate: Certificate, methods: Sequence[BoundMethod]) -> UpperBound | None:
    """Bound the least largest excess over a budget from below, until the controller is shown to reach it."""
    smallest = task.smallest
    totals = {name: cost.value for name, cost in certificate.costs.items()}
    totals |= {other: -totals[name] for name, other in sided.negated.items()}
    over = np.array([totals[name] for name in smallest.names]) - smallest.budgets
    reached = float((over / smallest.scales).max())
    best = None if task.run.columns is None else task.run.columns.least_excess()
    for method in methods:
        late = time.perf_counter() >= task.finish
        if best is not None and (late or best.value >= (1.0 - CLOSE) * reached):
            break
        found = least_excess(task.pomdp, task.pomdp.budgets, smallest.scales, method, task.finish)
        best = found if best is None or found.value > best.value else best
    return best


def _upper(task: Task, prices: dict[str, float] | None, methods: Sequence[BoundMethod]) -> Iterator[UpperBound]:
    """Compute bound after bound, each from the multipliers of those before."""
    guesses = [] if prices is None else [prices]
    if task.run.columns is not None and task.run.columns.found:
        yield task.run.columns.upper
        guesses.append({name: task.run.columns.upper.multipliers.get(name, 0.0) for name in task.pomdp.budgets})
    occupancy = occupancy_bound(task.pomdp, task.pomdp.budgets, task.finish)
    if occupancy is not None:
        yield occupancy
    for method in methods:
        found = lagrangian_bound(task.pomdp, task.pomdp.budgets, method, guesses, task.finish)
        guesses.append(dict(found.multipliers))
        yield found


def _netted(sided: OneSided, bound: UpperBound) -> UpperBound:
    return replace(bound, multipliers=sided.net(bound.multipliers))
