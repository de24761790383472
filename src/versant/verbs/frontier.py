"""The verb `frontier`: what a budget is worth — the best value as a function of one budget, with its bound.

Planning runs from the tightest limit to the loosest; each plan also starts from the controller before it, which keeps
every looser limit, so that values never get worse, and its searches for policy graphs from what those before have found
(`verbs.tracing`). A bound at one limit holds at all: with multipliers λ ≥ 0 and the
bound g = U(R − λ·C) + λ·ε at budgets ε, no policy within budgets ε' exceeds g + λ·(ε' − ε); for floors λ ≤ 0. So the
upper curve is the lowest of the lines of all bounds that were found at any limit.

The optimum is a concave function of the limit: a controller that draws at the start which of two others acts is worth,
and costs, the mean of what they are. *Mixtures* of the plans found therefore lie below the upper curve as well; where
one is worth more than the plan at that limit, more nodes would earn more there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError, VersantError
from versant.planning.bounds import BoundMethod
from versant.planning.journal import describe
from versant.planning.protocol import Method
from versant.planning.result import Plan
from versant.planning.ways import Family
from versant.progress import Progress, silent
from versant.readonly import make_read_only
from versant.tasks.pomdp import Limits, Pomdp
from versant.verbs.plan import plan
from versant.verbs.plan_settings import check_settings, drawn_seed
from versant.verbs.tracing import Checkpoint, Side, Trace, best_pair, points

__all__ = ["Frontier", "Side", "frontier"]

Array = NDArray[np.float64]

SIDES: tuple[Side, ...] = ("at most", "at least", "exactly")


@dataclass(frozen=True, eq=False)
class Frontier:
    """Plans at several limits of one budget, the smallest first."""

    budget: str
    limits: Array  # (n,) of the budget
    plans: tuple[Plan, ...]  # (n,)
    upper_bounds: Array  # (n,) from the bounds of all plans; infinite where there is none
    side: Side = "at most"  # what a limit asks of the total of the cost

    def __post_init__(self) -> None:
        make_read_only(self)

    def __str__(self) -> str:
        lines = []
        for limit, one, bound in zip(self.limits.tolist(), self.plans, self.upper_bounds.tolist(), strict=True):
            value = f"value {one.value:.6g}" if one.feasible else f"no plan ({', '.join(one.verdict)})"
            lines.append(f"{self.budget} {self.side} {limit:.6g}: {value}, no policy exceeds {bound:.6g}")
        return "\n".join(lines)

    @property
    def unmet(self) -> Array:
        """Limits at which no plan is known to keep the budgets, (k,): their values are not numbers."""
        return self.limits[[not one.feasible for one in self.plans]]

    @property
    def values(self) -> Array:
        """Value of each plan, (n,); not a number where the budgets are not kept."""
        return np.array([one.value if one.feasible else np.nan for one in self.plans])

    @property
    def mixtures(self) -> Array:
        """Value of the best plan or mixture of two plans at each limit, (n,); not a number where there is none."""
        kept = [one for one in self.plans if one.feasible]
        if not kept:
            return np.full(len(self.limits), np.nan)
        costs, values = points(kept, self.budget, self.side)
        sign, exactly = -1.0 if self.side == "at least" else 1.0, self.side == "exactly"
        found = [best_pair(costs, values, sign * limit, exactly)[0] for limit in self.limits.tolist()]
        return np.fmax(self.values, found)

    def to_dict(self) -> dict[str, Any]:
        """Limits, bounds and plans, ready for JSON."""
        return {
            "budget": self.budget,
            "side": self.side,
            "limits": self.limits.tolist(),
            "unmet": self.unmet.tolist(),
            "upper_bounds": [bound if np.isfinite(bound) else None for bound in self.upper_bounds.tolist()],
            "mixtures": [value if np.isfinite(value) else None for value in self.mixtures.tolist()],
            "plans": [one.to_dict() for one in self.plans],
        }


def frontier(
    pomdp: Pomdp,
    budget: str,
    values: Sequence[float],
    nodes: int | Literal["grow"] | None = None,
    *,
    side: Side = "at most",
    minimise: str | None = None,
    budgets: Mapping[str, Limits] | None = None,
    method: str | Method = "natural",
    starts: int = 10,
    families: Sequence[Family] | None = None,
    bounds: Sequence[BoundMethod] | None = None,
    iterations: int | None = None,
    time: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Frontier:
    """Plan for several limits of one budget.

    Parameters
    ----------
    pomdp : Pomdp
        Discounted, infinite horizon.
    budget : str
        The cost whose limit varies; with `minimise` it may be ``"reward"``.
    values : sequence of float
        Its limits, in any order; equal ones count once.
    nodes : int or "grow", optional
        Size of the controllers, 5 unless given; the method "columns" chooses it itself. Where the size is free,
        mixtures of plans for other limits take the place of plans that they beat.
    side : {"at most", "at least", "exactly"}
        Whether the limits are budgets, floors, or the totals to be met.
    minimise : str, optional
        The cost that is to be small, as in `plan`; values are minus it.
    budgets : mapping of str to float, pair or None, optional
        Bounds of other costs, as in `plan`.
    method, families, bounds, iterations, progress
        As in `plan`.
    starts : int
        Random starts at each limit; "columns" has none.
    time : float, optional
        Seconds for all limits together; what one leaves is for those to come, and then for the widest gap.
    checkpoint : path, optional
        Where plans that are done are kept (JSON), and what searches have found, while others are made. The same call
        with a file that an interrupted one has left behind goes on with the limit that was interrupted; without `time`
        the answer is what it would have been without interrupt. A call that ends removes the file.

    Returns
    -------
    Frontier
        Also where no plan keeps the budgets at some limits: they are its `unmet`, and its text says why.

    Raises
    ------
    ProblemError
        Without limits, for limits that are no list of numbers, for a budget that is also among `budgets`, the
        checkpoint of another call, and wherever `plan` raises it.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> curve = frontier(tiger(costs=("risk",)), "risk", [0.08, 0.5], nodes=3, starts=4)
    >>> bool(curve.values[0] <= curve.values[1]), bool((curve.values <= curve.upper_bounds).all())
    (True, True)
    """
    check_settings(method, bounds, families, iterations, time, None)
    limits = _numbers(values)
    if side not in SIDES:
        raise ProblemError(f"side is one of {', '.join(SIDES)}, not {side!r}")
    if budgets and budget in budgets:
        raise ProblemError(f"the budget of {budget!r} is to vary, so it is not to be given as well")
    call: dict[str, Any] = {"nodes": nodes, "minimise": minimise, "method": method, "bounds": bounds}
    call |= {"starts": None if method == "columns" else starts}
    call |= {"families": families, "iterations": iterations, "seed": drawn_seed(seed)}

    def planned(**how: Any) -> Plan:
        return plan(pomdp, progress=progress, **{**call, **how})

    trace = Trace(
        planned,
        pomdp if minimise is None else pomdp.minimising(minimise),
        budget,
        limits[::-1] if side == "at least" else limits,
        side,
        budgets or {},
        any_size=method == "columns" or nodes == "grow",
        columns=method == "columns",
        time=time,
    )
    settings = {**call, "budgets": budgets, "budget": budget, "side": side, "limits": limits.tolist()}
    file = Checkpoint(checkpoint, describe(pomdp, **settings))
    trace.plans, trace.pool = file.read(pomdp)
    trace.go_on(file)
    trace.mix()
    trace.spend(_upper_curve(budget, trace.limits, trace.plans, side))
    trace.tighten()
    plans = trace.plans[::-1] if side == "at least" else trace.plans
    curve = Frontier(budget, limits, tuple(plans), _upper_curve(budget, limits, plans, side), side)
    _require_order(curve)
    file.remove()
    return curve


def _numbers(values: Sequence[float]) -> Array:
    """Return limits as numbers (n,), each once, the smallest first."""
    try:
        limits = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"the limits of a frontier are a list of numbers, not {values!r}") from error
    if limits.ndim != 1:
        raise ProblemError(f"the limits of a frontier are a list of numbers, not an array of shape {limits.shape}")
    if not limits.size:
        raise ProblemError("a frontier needs at least one limit of its budget")
    return np.unique(limits)


def _upper_curve(budget: str, limits: Array, plans: Sequence[Plan], side: Side) -> Array:
    """Lowest line of all bounds at each limit, (n,)."""
    curve = np.full(len(limits), np.inf)
    tolerances = np.array([one.costs[budget].tolerance for one in plans])
    for limit, tolerance, one in zip(limits, tolerances, plans, strict=True):
        for bound in one.bounds:
            price = bound.multipliers.get(budget, 0.0)
            slope = {"at most": max(price, 0.0), "at least": min(price, 0.0), "exactly": price}[side]
            line = bound.value + slope * (limits - limit)
            slack = 8 * np.finfo(np.float64).eps * (abs(bound.value) + np.abs(line))
            slack += 2.0 * abs(slope) * (tolerance + tolerances)
            curve = np.minimum(curve, np.where(limits == limit, bound.value, line + slack))
    return curve


def _require_order(curve: Frontier) -> None:
    """Raise VersantError where plans, or mixtures of them, exceed what no policy does."""
    blur = [1e-9 * abs(one.value) + one.value_error for one in curve.plans]
    wrong = np.flatnonzero(curve.mixtures > curve.upper_bounds + max(blur))
    if wrong.size:
        place = int(wrong[0])
        raise VersantError(
            f"contradiction: at the limit {curve.limits[place]} mixtures of the plans earn {curve.mixtures[place]}, "
            f"but the upper bound is {curve.upper_bounds[place]}. Please report this problem"
        )
