"""Plans at one limit of a budget after another, and what one limit has for the others.

Each plan also starts from the controller before it, and its searches for policy graphs begin with what those before
have found (`planning.findings`). When all limits are done, what later ones have found may be worth more at earlier
ones: where controllers may have any size, mixtures that beat the plan take its place. Then what is left of the time
goes to the limit where the plan lies farthest below the bound.

A file holds the plans that are done and what the searches have found, numbers as they are: who goes on from it does
what an uninterrupted run does.
"""

from __future__ import annotations

import json
import os
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.files import write_json
from versant.planning.bounds import UpperBound
from versant.planning.certificate import certify
from versant.planning.findings import Pool
from versant.planning.onesided import one_sided
from versant.planning.result import Plan
from versant.planning.saved import plan_from_dict
from versant.planning.verdict import PlanVerdict, judge
from versant.tasks.pomdp import Limits, Pomdp

__all__ = ["Checkpoint", "Side", "Trace", "best_pair", "points"]

Array = NDArray[np.float64]

Side: TypeAlias = Literal["at most", "at least", "exactly"]

GAIN = 1e-6
"""Share of the value by which a mixture has to beat a plan to take its place."""

SHARE, CLOSE = 0.05, 1e-4
"""Share of the time that has to be left for another plan, and of the value that its gap has to be."""


MIXED: dict[str, Any] = {"method": "columns", "iterations": 1, "nodes": None, "starts": None, "families": None}
"""How to ask for the best mixture of what is known."""


class Checkpoint:
    """What is done, in a file from which an interrupted call goes on."""

    def __init__(self, path: str | os.PathLike[str] | None, call: str) -> None:
        self.path, self.call = None if path is None else Path(path), call

    def read(self, pomdp: Pomdp) -> tuple[list[Plan], Pool]:
        """Plans that are done, and what searches have found.

        Raises
        ------
        ProblemError
            Where the file is no checkpoint of a frontier, or that of another call.
        """
        if self.path is None or not self.path.exists():
            return [], Pool()
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            call, plans = content["call"], [plan_from_dict(one, pomdp) for one in content["plans"]]
            pool = Pool.from_dict(content["pool"])
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProblemError(f"{self.path} is no checkpoint of a frontier: {error}") from error
        if call != self.call:
            raise ProblemError(f"{self.path} is the checkpoint of another call: remove it, or name another")
        return plans, pool

    def write(self, plans: Sequence[Plan], pool: Pool) -> None:
        """Put everything into the file."""
        if self.path is not None:
            plain = {"call": self.call, "plans": [one.to_dict() for one in plans], "pool": pool.to_dict()}
            write_json(self.path, plain)

    def remove(self) -> None:
        """Remove the file: the call is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def best_pair(costs: Array, values: Array, limit: float, exactly: bool) -> tuple[float, Array]:
    """Value of the best of these plans, or of two of them, whose mean cost is at most (or exactly) a limit.

    Returns
    -------
    value : float
        Not a number where there is none.
    shares : (n,) array

    Examples
    --------
    >>> best_pair(np.array([1.0, 3.0]), np.array([0.0, 10.0]), 1.5, exactly=False)
    (2.5, array([0.75, 0.25]))
    """
    under = costs <= limit
    single = np.where(under & (costs >= limit) if exactly else under, values, -np.inf)
    low, high = np.flatnonzero(under), np.flatnonzero(costs > limit)
    share = (limit - costs[low, None]) / (costs[high] - costs[low, None])  # of the one that costs more
    mixed = (1.0 - share) * values[low, None] + share * values[high]
    shares = np.zeros(len(costs))
    if mixed.size and mixed.max() > single.max():
        first, second = np.unravel_index(mixed.argmax(), mixed.shape)
        shares[low[first]], shares[high[second]] = 1.0 - share[first, second], share[first, second]
        return float(mixed[first, second]), shares
    if not np.isfinite(single).any():
        return float("nan"), shares
    shares[single.argmax()] = 1.0
    return float(single.max()), shares


class Trace:
    """Plans of one problem at several limits of one budget.

    Parameters
    ----------
    planned : callable
        Plans within `budgets`; takes these and further keywords of `plan`.
    problem : Pomdp
        What is to be large is its reward.
    budget : str
    limits : (n,) array
        The tightest first.
    side : {"at most", "at least", "exactly"}
    others : mapping of str to float, pair or None
        Bounds of other costs.
    any_size, columns : bool
        Whether plans may have any number of nodes; whether they are mixtures of policy graphs.
    time : float or None
        Seconds for all.
    """

    def __init__(
        self,
        planned: Callable[..., Plan],
        problem: Pomdp,
        budget: str,
        limits: Array,
        side: Side,
        others: Mapping[str, Limits],
        *,
        any_size: bool,
        columns: bool,
        time: float | None,
    ) -> None:
        self.planned, self.budget, self.limits, self.side = planned, budget, limits, side
        self.any_size, self.columns = any_size, columns
        self.budgets = [{**others, budget: _bounds(limit, side)} for limit in limits.tolist()]
        self.problems = [problem.with_budgets(one) for one in self.budgets]
        self.sided = [one_sided(one) for one in self.problems]
        self.time, self.end = time, np.inf if time is None else clock.perf_counter() + time
        self.plans: list[Plan] = []
        self.pool = Pool()

    @property
    def left(self) -> float:
        """Seconds that are left, infinite without a limit."""
        return float(self.end - clock.perf_counter())

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Plan at the limits that are not done."""
        for place in range(len(self.plans), len(self.limits)):
            before = [] if self.any_size or not self.plans else [self.plans[-1].controller]
            share = self.left / (len(self.limits) - place)
            self.plans.append(self._plan(place, share, pool=self.pool, also=before))
            checkpoint.write(self.plans, self.pool)

    def mix(self) -> None:
        """Where controllers may have any size, let mixtures take the place of plans that they beat."""
        for place in range(len(self.plans)) if self.any_size else ():
            if self.left > 0.0 and self._beats(self.pool.findings.value(self.sided[place].pomdp), place):
                self._take(place, self._plan(place, self.left, pool=self.pool, **MIXED))
        for place in range(len(self.plans)) if self.any_size and not self.columns else ():
            value, parts, weights = self._mixture(place)
            if self.left > 0.0 and self._beats(value, place):
                joint = Controller.mixture(parts, weights)
                self._take(place, self._plan(place, self.left, nodes=joint.n_nodes, starts=[joint]))

    def tighten(self) -> None:
        """Let every plan know the lowest of the bounds that were found at any limit."""
        for place, (plan, sided) in enumerate(zip(self.plans, self.sided, strict=True)):
            bound = self.pool.findings.upper(sided.pomdp.budgets)
            if plan.upper_bound is not None and bound.value < plan.upper_bound:
                netted = replace(bound, multipliers=sided.net(bound.multipliers))
                self.plans[place] = self._bounded(place, plan, (*plan.bounds, netted), (*plan.proved_at, plan.seconds))

    def spend(self, upper_bounds: Array) -> None:
        """Plan again where the plan lies farthest below the bound (n,), if there is time left."""
        if self.time is None or self.left < SHARE * self.time:
            return
        gaps = upper_bounds - np.array([one.value if one.feasible else -np.inf for one in self.plans])
        place = int(np.argmax(np.where(np.isnan(gaps), -np.inf, gaps)))
        if gaps[place] > CLOSE * abs(self.plans[place].value):
            before = [] if self.any_size else [self.plans[place].controller]
            self._take(place, self._plan(place, self.left, pool=self.pool, also=before))

    def _plan(self, place: int, seconds: float, **how: Any) -> Plan:
        time = None if self.time is None else max(seconds, 1e-3)
        return self.planned(budgets=self.budgets[place], time=time, **how)

    def _beats(self, value: float, place: int) -> bool:
        """Whether a mixture is worth more than the plan at a limit by more than a little."""
        plan = self.plans[place]
        return bool(value > plan.value + GAIN * abs(plan.value) if plan.feasible else value > -np.inf)

    def _mixture(self, place: int) -> tuple[float, list[Controller], Array]:
        """The best mixture of two plans at a limit: its value, controllers and shares."""
        kept = [one for one in self.plans if one.feasible]
        value, shares = best_pair(*points(kept, self.budget, self.side), *self._limit(place))
        used = np.flatnonzero(shares)
        return value, [kept[i].controller for i in used.tolist()], shares[used]

    def _limit(self, place: int) -> tuple[float, bool]:
        sign = -1.0 if self.side == "at least" else 1.0
        return sign * float(self.limits[place]), self.side == "exactly"

    def _take(self, place: int, new: Plan) -> None:
        """Keep the better of two plans, and the bounds of both."""
        old = self.plans[place]
        better = new.feasible and (not old.feasible or new.value > old.value)
        later = [one._replace(seconds=old.seconds + one.seconds) for one in new.history]
        kept = replace(
            new if better else old,
            history=(*old.history, *later) if better else old.history,
            seconds=old.seconds + new.seconds,
        )
        moments = (*old.proved_at, *(old.seconds + moment for moment in new.proved_at))
        self.plans[place] = self._bounded(place, kept, (*old.bounds, *new.bounds), moments)

    def _bounded(self, place: int, plan: Plan, bounds: tuple[UpperBound, ...], moments: tuple[float, ...]) -> Plan:
        """The same plan with other bounds, and what these say of it."""
        least = min((one.value for one in bounds), default=None)
        larger = -np.inf if plan.larger is None else plan.larger.value
        proved = PlanVerdict.INFEASIBLE in plan.verdict
        verdict = judge(certify(self.problems[place], plan.controller), least, proved, larger)
        told = plan.larger if PlanVerdict.LIMITED_BY_SIZE in verdict else None
        return replace(plan, bounds=bounds, proved_at=moments, upper_bound=least, verdict=verdict, larger=told)


def points(plans: Sequence[Plan], budget: str, side: Side) -> tuple[Array, Array]:
    """Costs of plans, minus them where the limits are floors, and values, (n,) each."""
    sign = -1.0 if side == "at least" else 1.0
    costs = sign * np.array([one.costs[budget].value for one in plans])
    return costs, np.array([one.value for one in plans])


def _bounds(limit: float, side: Side) -> Limits:
    return limit if side == "at most" else (limit, None if side == "at least" else limit)
