"""What is proved of a problem beside a controller: upper bounds, or that no policy keeps the budgets.

Bounds are computed from the cheapest to the tightest, each starting from the multipliers of the one before and of the
controller. Where the controller found does not keep the budgets, a proof that none does is tried first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from versant.planning.bounds import BoundMethod, UpperBound, lagrangian_bound, least_excess, occupancy_bound
from versant.planning.certificate import Certificate
from versant.planning.columns import Columns
from versant.planning.onesided import OneSided
from versant.planning.ways import Task

__all__ = ["prove"]


def prove(
    task: Task, certificate: Certificate, sided: OneSided, methods: Sequence[BoundMethod], columns: Columns | None
) -> tuple[tuple[UpperBound, ...], UpperBound | None]:
    """Return upper bounds and, for a controller that exceeds a budget, the best lower bound of that excess."""
    excess: UpperBound | None = None
    if not (certificate.feasible or certificate.undecided):
        excess = _excess(task, methods, columns)
        if excess is not None and excess.value > 0:
            return (), _netted(sided, excess)
    bounds = _upper(task, sided.split(certificate.multipliers) if certificate.feasible else None, methods, columns)
    return tuple(_netted(sided, one) for one in bounds), None if excess is None else _netted(sided, excess)


def _excess(task: Task, methods: Sequence[BoundMethod], columns: Columns | None) -> UpperBound | None:
    """Bound the least largest excess over a budget, until it is above zero."""
    best = None if columns is None else columns.least_excess()
    for method in methods:
        if best is not None and best.value > 0:
            break
        found = least_excess(task.pomdp, task.pomdp.budgets, task.smallest.scales, method, task.finish)
        best = found if best is None or found.value > best.value else best
    return best


def _upper(
    task: Task, prices: dict[str, float] | None, methods: Sequence[BoundMethod], columns: Columns | None
) -> list[UpperBound]:
    occupancy = occupancy_bound(task.pomdp, task.pomdp.budgets)
    bounds = [] if occupancy is None else [occupancy]
    guesses = [] if prices is None else [prices]
    if columns is not None:
        bounds.append(columns.upper)
        guesses.append({name: columns.upper.multipliers.get(name, 0.0) for name in task.pomdp.budgets})
    for method in methods:
        bounds.append(lagrangian_bound(task.pomdp, task.pomdp.budgets, method, guesses, task.finish))
        guesses.append(dict(bounds[-1].multipliers))
    return bounds


def _netted(sided: OneSided, bound: UpperBound) -> UpperBound:
    return replace(bound, multipliers=sided.net(bound.multipliers))
