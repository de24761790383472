"""Column generation: the best mixture of policy graphs within the budgets, and an upper bound.

A policy that draws at the start which of the plans j = 1 … n it follows is worth Σ_j w_j v_j and costs Σ_j w_j h_j. The
best mixture is a linear programme, the *master*:

    max Σ_j w_j v_j    subject to   Σ_j w_j h_ij ≤ ε_i,   Σ_j w_j = 1,   w ≥ 0

Its dual minimises the largest of the planes v_j − λ·(h_j − ε) over λ ≥ 0. At its solution λ a new plan is sought that
is best for the reward R − λ·C, by point-based search, and joins the master; the search's upper bound U gives

    optimum  ≤  U(R − λ·C) + λ·ε

λ is kept in a box, which grows only where it stops the dual: with few plans the dual has none, or a far one.
A mixture of policy graphs is itself a controller; its start distribution draws the plan.

Source: Yost & Washburn 2000, *The LP/POMDP marriage*; Walraven & Spaan 2018, *Column generation algorithms for
constrained POMDPs*.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from versant.optimise.cutting import model_minimum
from versant.planning.bounds import UpperBound, add_budgets, units
from versant.planning.ceilings import Ceiling, latest
from versant.planning.findings import Findings
from versant.planning.graphsearch import GraphSearch, Solution
from versant.planning.magnitude import magnitude
from versant.planning.master import best_weights
from versant.planning.pointbased import PointBased
from versant.planning.policygraph import PolicyGraph, mixture
from versant.tasks.pomdp import Pomdp

__all__ = ["Columns", "Mixture"]

Array = NDArray[np.float64]

FIRST_BOX, GROWTH, LARGEST_BOX = 10.0, 4.0, 1e4
"""Largest multiplier allowed at first, its growth, its end; at 1, a budget is worth a tenth of the spread of values."""

CLOSE = 1e-5
"""Gain of a plan over the master, as a share of the spread of values, from which it counts as new."""

HARDER = 4.0
"""Factor of the effort and the precision of searches when no plan is new."""

SHARE = 0.4
"""Share of the gap asked for that a search may leave."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """The best mixture of the plans found."""

    plans: tuple[Solution, ...]
    weights: Array  # (n,) with which they are drawn
    totals: Array  # (1+m,) value and costs
    excess: float  # largest excess over a budget, in units of the scales; not positive within the budgets
    multipliers: Array  # (m,) at which its plans are best

    @cached_property
    def graph(self) -> PolicyGraph:
        """The mixture as a policy graph, made when it is asked for."""
        if len(self.plans) == 1:
            return self.plans[0].graph
        return mixture([one.graph for one in self.plans], self.weights).merged()


@dataclass(eq=False)
class Columns:
    """Column generation in progress: the master of one set of limits, and what searches find whatever the limits.

    Parameters
    ----------
    pomdp : Pomdp
    budgets : mapping of str to float
    scales : (m,) array
        Units in which excesses over the budgets are compared.
    effort : float
        Multiplications of the first point-based searches, about.
    hardest : float
        The same of the last.
    deadline : float
        Value of `time.perf_counter` at which searches stop.
    known : Findings
        What searches at other limits of the same budgets have found.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> columns = Columns(tiger(costs=("risk",)), {"risk": 0.08}, np.array([0.08]))
    >>> columns.generate(rounds=12, precision=1e-3)
    >>> bool(17.65557 <= columns.best().totals[0] <= columns.upper.value <= 17.67)
    True
    >>> looser = Columns(columns.pomdp, {"risk": 0.09}, np.array([0.09]), known=columns.findings())
    >>> bool(looser.upper.value - looser.best().totals[0] < 0.01)  # before any search
    True
    """

    pomdp: Pomdp
    budgets: Mapping[str, float]
    scales: Array  # (m,)
    effort: float = 1e7
    hardest: float = 1e10
    deadline: float = float("inf")
    known: Findings = field(default_factory=Findings)
    found: list[Solution] = field(init=False)
    small: list[PolicyGraph] = field(default_factory=list)
    upper: UpperBound = field(init=False)
    done: bool = False

    def __post_init__(self) -> None:
        self.model = PointBased(self.pomdp, tuple(self.budgets), deadline=self.deadline)
        self.model.begin_with(self.known.plans, self.known.alphas, self.known.ceilings)
        self.found = [*self.known.solutions]
        self.limits = np.array([*self.budgets.values()])  # (m,)
        self.spread, self.prices = units(self.pomdp, tuple(self.budgets), self.limits)
        self._box = FIRST_BOX
        self._search: GraphSearch | None = None  # the last, which may go on with more effort
        self._begun = False
        self.upper = self.known.upper(self.budgets)
        self.last = self._dual()[1] if self.found else np.zeros(len(self.limits))

    @property
    def unlimited(self) -> bool:
        """Whether only time limits the searches."""
        return self.hardest == np.inf

    def generate(self, rounds: int, precision: float) -> None:
        """Search for plans until master and bound agree to `precision` × |value|, or all rounds are used up.

        Where they agree, or no plan is new even with the hardest search, it is `done`.
        """
        if not self._begun:
            self._begin()
        for _ in range(rounds):
            self.done = self.closed(precision) or time.perf_counter() >= self.deadline
            if self.done:
                break
            level, self.last = self._dual()
            if self._searched(self.last):
                self.done = not self._harder(precision)
                if self.done:
                    break
            new = self.search(self.last)
            gained = new.totals[0] - self.last @ (new.totals[1:] - self.limits) - level
            if gained <= CLOSE * self.spread:
                self.done = not self._harder(precision)
                if self.done:
                    break

    def closed(self, precision: float) -> bool:
        """Whether master and bound agree to `precision` × |value|."""
        if not self.found:
            return False
        best = self.best()
        value = float(best.totals[0])
        return best.excess <= 1e-9 and self.upper.value - value <= precision * magnitude(value, self.spread)

    def stop_at(self, deadline: float) -> None:
        """Set another deadline."""
        self.deadline = self.model.deadline = deadline

    def keep_small(self, nodes: int) -> None:
        """Add to `small` a graph of at most `nodes` nodes of the last search, if one is made in little time."""
        found = None if self._search is None else self._search.small(nodes)
        self.small += [] if found is None else [found]

    def search(self, multipliers: Array) -> Solution:
        """Search for the best plan at R − λ·C, and keep the upper bound if it is the lowest."""
        combination = np.concatenate([[1.0], -multipliers])
        if self._search is None or not np.array_equal(self._search.points.combination, combination):
            if self._search is not None:
                self._hand_on(self._search)
            self._search = GraphSearch(self.model, combination)
        return self._keep(self._search.run(self.effort))

    def findings(self) -> Findings:
        """What the searches have found so far, for other limits."""
        last = () if self._search is None else (Ceiling.of(self._search.points),)
        ceilings = latest([*self.model.ceilings, *last])
        return Findings(tuple(self.found), self.model.plans, self.model.alphas, tuple(ceilings)).needed()

    def best(self, margin: float = 0.0) -> Mixture:
        """Solve the master; while no mixture keeps the budgets, the one whose largest excess is least.

        Parameters
        ----------
        margin : float
            How far to stay below the budgets, in units of the scales.
        """
        totals = np.stack([one.totals for one in self.found])  # (n, 1+m)
        over = (totals[:, 1:] - self.limits) / self.scales + margin  # (n, m)
        weights = best_weights(totals[:, 0] / self.spread, over)
        used = np.flatnonzero(weights)
        excess = float((weights @ over).max(initial=-np.inf)) - margin
        return Mixture(tuple(self.found[i] for i in used), weights[used], weights @ totals, excess, self.last)

    def least_excess(self) -> UpperBound | None:
        """Bound from below the largest excess (h_i − ε_i) / s_i of every policy; None without multipliers.

        No policy is worth less than the least reward for ever, v, so that c v − λ·h ≤ U bounds λ·(h − ε) from below.
        """
        least = float(self.pomdp.rewards.min()) / (1.0 - self.model.discount)
        bounds = []
        for one in self.found:
            share, prices = float(one.combination[0]), -one.combination[1:]
            weight = float(prices @ self.scales) * (1.0 + 1e-12)
            if not weight > 0.0:
                continue
            beyond = add_budgets(one.upper, prices, self.limits)
            rounding = 1e-12 * (abs(share * least) + abs(beyond))
            shares = dict(zip(self.budgets, (prices / weight).tolist(), strict=True))
            bounds.append(UpperBound((share * least - beyond - rounding) / weight, shares, "columns"))
        return max(bounds, key=lambda bound: bound.value, default=None)

    def _keep(self, found: Solution) -> Solution:
        """Add a plan to the master, and keep its upper bound if it is the lowest."""
        self.found.append(found)
        self.upper = min(self.upper, found.bound(self.budgets), key=lambda one: one.value)
        return found

    def _hand_on(self, search: GraphSearch) -> None:
        """Let later searches begin with the upper bounds of one that is over."""
        self.model.ceilings = latest([*self.model.ceilings, Ceiling.of(search.points)])

    def _searched(self, multipliers: Array) -> bool:
        """Whether the last search was for these multipliers, with all the effort that searches may take now."""
        last = None if self._search is None else self._search.points
        same = last is not None and np.array_equal(last.combination[1:], -multipliers)
        return same and last is not None and last.work >= self.effort

    def _harder(self, precision: float) -> bool:
        """Let searches take more effort, and be as precise as that allows and `precision` needs; whether they may."""
        if self.effort >= self.hardest:
            return False
        self.effort = min(HARDER * self.effort, self.hardest)
        self.model.precision = min(self.model.precision, max(self.model.precision / HARDER, SHARE * precision))
        return True

    def _begin(self) -> None:
        """Find the best plan without budgets, and for each budget one that costs little, where they are not known."""
        self._begun = True
        if not any(one.combination[0] == 1.0 and not one.combination[1:].any() for one in self.found):
            self.search(np.zeros(len(self.limits)))
        if any(one.combination[0] == 0.0 for one in self.found) or self.best().excess <= 0.0:
            return
        corners = [*np.eye(len(self.limits)), np.full(len(self.limits), 1.0 / len(self.limits))]
        for shares in corners if len(corners) > 2 else corners[:1]:
            cheap = GraphSearch(self.model, np.concatenate([[0.0], -shares / self.scales]))
            self._keep(cheap.run(self.effort))
            self._hand_on(cheap)

    def _dual(self) -> tuple[float, Array]:
        """Minimise the largest plane over λ in the box, which grows while it stops λ."""
        planes = [
            (float(one.totals[0]) / self.spread, self.prices * (self.limits - one.totals[1:]) / self.spread)
            for one in self.found
        ]
        origin = [np.zeros(len(self.limits))] * len(planes)
        lowest, scaled = model_minimum(origin, planes, (origin[0], np.full(len(self.limits), self._box)))
        if (scaled >= self._box * (1.0 - 1e-9)).any():
            self._box = min(GROWTH * self._box, LARGEST_BOX)
        return lowest * self.spread, self.prices * scaled
