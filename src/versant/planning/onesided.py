"""Budgets as the planner sees them: every one an upper bound of a cost of its own.

    φ ≤ h   ⇔   −h ≤ −φ

so that a floor is the budget −φ of the cost −C, and every method, bound and proof needs upper bounds only. A total that
is to have one value ε exactly is kept within τ of it,

    ε − τ  ≤  h  ≤  ε + τ,      τ = 1e-7 · s,   s = max(|ε|, 1e-3 · spread of C / (1 − γ))

for no number computed with rounding is exactly another. The price of h is the price of its budget less that of its
floor: positive where a higher budget would earn more, negative where a higher floor would earn less. At one price λ of
h, with u its upper and l its lower bound, λ⁺u − λ⁻l is never more than with two prices, so that netting weakens no
bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = ["OneSided", "budget_scale", "equality_tolerance", "one_sided"]

TOLERANCE = 1e-7
"""How far a total may lie from the value it is to have, in units of s."""

NOTHING = 1e-3
"""Share of the largest possible spread of a cost's totals below which a budget is next to nothing."""


@dataclass(frozen=True, eq=False)
class OneSided:
    """A problem with upper bounds only, and which of its costs is which."""

    pomdp: Pomdp
    negated: Mapping[str, str]  # of each cost with a floor: the cost that is minus it

    def net(self, prices: Mapping[str, float]) -> dict[str, float]:
        """Return prices of the problem's own costs: that of the budget less that of the floor."""
        own = {name: price for name, price in prices.items() if name not in self.negated.values()}
        for name, other in self.negated.items():
            if other in prices:
                own[name] = own.get(name, 0.0) - prices[other]
        return own

    def split(self, prices: Mapping[str, float]) -> dict[str, float]:
        """Return prices of budgets and floors, none negative, for prices of the problem's own costs."""
        back = {other: name for name, other in self.negated.items()}
        return {
            name: max(-prices.get(back[name], 0.0) if name in back else prices.get(name, 0.0), 0.0)
            for name in self.pomdp.budgets
        }


def one_sided(pomdp: Pomdp) -> OneSided:
    """Turn every floor into the budget of a cost of its own, and widen equalities by τ.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> found = one_sided(tiger(costs=("listen",)).with_budgets({"listen": (10.0, 12.0)}))
    >>> dict(found.pomdp.budgets), found.pomdp.costs["-listen"][0].tolist()
    ({'listen': 12.0, '-listen': -10.0}, [-1.0, 0.0, 0.0])
    """
    costs, budgets = dict(pomdp.costs), {name: b + equality_tolerance(pomdp, name) for name, b in pomdp.budgets.items()}
    negated: dict[str, str] = {}
    for name, floor in pomdp.floors.items():
        other = "-" + name
        while other in costs:
            other = "-" + other
        negated[name] = other
        costs[other] = 0.0 - pomdp.costs[name]
        budgets[other] = equality_tolerance(pomdp, name) - floor
    return OneSided(replace(pomdp, costs=costs, budgets=budgets, floors={}), negated)


def budget_scale(pomdp: Pomdp, name: str, bound: float) -> float:
    """Unit s of the excess over a bound of a cost: the bound, except where it is next to nothing."""
    spread = float(np.ptp(pomdp.costs[name])) / (1.0 - require_discounted(pomdp))
    return max(abs(bound), NOTHING * spread) or 1.0


def equality_tolerance(pomdp: Pomdp, name: str) -> float:
    """Return τ for a cost whose total is to have one value, 0 for others."""
    bound = pomdp.budgets.get(name)
    if bound is None or pomdp.floors.get(name) != bound:
        return 0.0
    return TOLERANCE * budget_scale(pomdp, name, bound)
