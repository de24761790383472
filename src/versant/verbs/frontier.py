"""The verb `frontier`: what a budget is worth — the best value as a function of one budget, with its bound.

Planning runs from the smallest budget to the largest; each plan also starts from the controller before it, which keeps
every larger budget, so that values never fall. A bound at one budget holds at all: with multipliers λ ≥ 0 and the bound
g = U(R − λ·C) + λ·ε at budgets ε, no policy within budgets ε' exceeds g + λ·(ε' − ε). So the upper curve is the lowest
of the lines of all bounds that were found at any budget; the optimum, a concave function of the budget, lies between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError
from versant.planning.bounds import BoundMethod
from versant.planning.result import Plan
from versant.progress import Progress, silent
from versant.tasks.pomdp import Pomdp
from versant.verbs.plan import plan

__all__ = ["Frontier", "frontier"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frontier:
    """Plans at several limits of one budget, the smallest first."""

    budget: str
    limits: Array  # (n,) of the budget
    plans: tuple[Plan, ...]  # (n,)
    upper_bounds: Array  # (n,) from the bounds of all plans; infinite where there is none

    @property
    def values(self) -> Array:
        """Value of each plan, (n,); not a number where the budgets are not kept."""
        return np.array([one.value if one.feasible else np.nan for one in self.plans])

    def to_dict(self) -> dict[str, Any]:
        """Limits, bounds and plans, ready for JSON."""
        return {
            "budget": self.budget,
            "limits": self.limits.tolist(),
            "upper_bounds": [bound if np.isfinite(bound) else None for bound in self.upper_bounds.tolist()],
            "plans": [one.to_dict() for one in self.plans],
        }


def frontier(
    pomdp: Pomdp,
    budget: str,
    values: Sequence[float],
    nodes: int | None = None,
    *,
    budgets: Mapping[str, float] | None = None,
    method: Literal["natural", "pga", "pga-exact", "columns"] = "natural",
    starts: int = 10,
    bounds: Sequence[BoundMethod] | None = None,
    iterations: int | None = None,
    time: float | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Frontier:
    """Plan for several limits of one budget.

    Parameters
    ----------
    pomdp : Pomdp
        Discounted, infinite horizon.
    budget : str
        The cost whose budget varies.
    values : sequence of float
        Its limits, in any order; equal ones count once.
    nodes : int, optional
        Size of the controllers, 5 unless given; the method "columns" chooses it itself.
    budgets : mapping of str to float, optional
        Budgets of other costs.
    method, bounds, iterations, seed, progress
        As in `plan`.
    starts : int
        Random starts at each limit.
    time : float, optional
        Seconds for all limits together.

    Returns
    -------
    Frontier

    Raises
    ------
    ProblemError
        Without limits, for a budget that is also among `budgets`, and wherever `plan` raises it.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> curve = frontier(tiger(costs=("risk",)), "risk", [0.08, 0.5], nodes=3, starts=4)
    >>> bool(curve.values[0] <= curve.values[1]), bool((curve.values <= curve.upper_bounds).all())
    (True, True)
    """
    limits = np.unique(np.asarray(values, dtype=np.float64))
    if not limits.size:
        raise ProblemError("a frontier needs at least one limit of its budget")
    if budgets and budget in budgets:
        raise ProblemError(f"the budget of {budget!r} is to vary, so it is not to be given as well")
    plans: list[Plan] = []
    for limit in limits.tolist():
        before = [plans[-1].controller] if plans and method != "columns" else []
        found = plan(
            pomdp,
            nodes,
            {**(budgets or {}), budget: limit},
            method=method,
            starts=starts,
            also=before,
            bounds=bounds,
            iterations=iterations,
            time=None if time is None else time / len(limits),
            seed=seed,
            progress=progress,
        )
        plans.append(found)
    return Frontier(budget, limits, tuple(plans), _upper_curve(budget, limits, plans))


def _upper_curve(budget: str, limits: Array, plans: Sequence[Plan]) -> Array:
    """Lowest line of all bounds at each limit, (n,)."""
    curve = np.full(len(limits), np.inf)
    for limit, one in zip(limits, plans, strict=True):
        for bound in one.bounds:
            line = bound.value + max(bound.multipliers.get(budget, 0.0), 0.0) * (limits - limit)
            slack = 8 * np.finfo(np.float64).eps * (abs(bound.value) + np.abs(line))
            curve = np.minimum(curve, np.where(limits == limit, bound.value, line + slack))
    return curve
