"""Walks from the start belief to beliefs at which the bounds of a point-based search are worth tightening.

A walk ends where the bounds agree well enough: where they are no further apart than `share` of their gap at the start,
divided by γ once for each step. On its way it takes

* the action of the highest upper bound, which is how a bound that promises too much is found out; or the one that the
  lower bound acts on, so that the beliefs met are those at which it will be needed;
* the observation after which the bounds are too far apart by most, weighed by its probability; or one drawn by lot with
  chances in that proportion, so that a loose upper bound does not lead every walk the same way.

Neither is best everywhere: where the upper bound is loose, walks that follow it are led astray; those that follow the
lower bound never find what it does not know of. So walks take turns.

Source: Smith & Simmons 2005 (HSVI2); Kurniawati, Hsu & Lee 2008, *SARSOP*; Spaan & Vlassis 2005, *Perseus* (drawn by
lot).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from versant.planning.pointbased import PointSearch, Successors

__all__ = ["WALKS", "Walk", "walk"]

Array = NDArray[np.float64]

DEPTH = 300
"""Longest walk."""


@dataclass(frozen=True)
class Walk:
    """How a walk goes."""

    share: float  # of the gap at the start that is left open where it ends
    follows: Literal["upper", "lower"]
    by_lot: bool


WALKS = (Walk(0.95, "upper", False), Walk(0.5, "upper", True), Walk(0.5, "lower", True))
"""Ways to go, by turns."""


def walk(search: PointSearch, way: Walk, rng: np.random.Generator) -> list[tuple[int, Array]]:
    """Blocks and beliefs on a walk from the start belief.

    Examples
    --------
    >>> from versant.planning.pointbased import PointBased, PointSearch
    >>> from versant.tasks.zoo import tiger
    >>> search = PointSearch(PointBased(tiger(), ()), np.array([1.0]))
    >>> [float(belief.max().round(2)) for _, belief in walk(search, WALKS[1], np.random.default_rng(0))][:2]
    [0.5, 0.85]
    """
    model = search.model
    gap, target = search.gap()
    gap = max(0.5 * target, way.share * gap)
    number, belief = model.root
    path: list[tuple[int, Array]] = []
    for depth in range(DEPTH):
        path.append((number, belief))
        allowed = gap * model.discount ** -float(depth)
        cell = search.cell(number)
        lower = float(cell.lower(belief[None])[0])
        if float(cell.upper(belief[None])[0]) - lower <= allowed or time.perf_counter() >= model.deadline:
            break
        after, upper = _step(search, way, number, belief, lower)
        excess = upper - search.choices(after)[0] - allowed / model.discount * after.masses
        best = int(excess.argmax())
        if excess[best] <= 0.0:
            break
        if way.by_lot:
            chances = np.maximum(excess, 0.0)
            best = int(rng.choice(len(chances), p=chances / chances.sum()))
        number, belief = after.belief(best)
        belief = belief / belief.sum()
    return path


def _step(search: PointSearch, way: Walk, number: int, belief: Array, lower: float) -> tuple[Successors, Array]:
    """What can follow the action that a walk takes, and the upper bounds of it."""
    bounds, _, after, upper = search.promises(number, belief)
    if way.follows == "lower":
        action, _, _ = search.best_plan(number, belief, np.flatnonzero(bounds >= lower))
        after = search.successors(number, belief, action)
        upper = search.uppers(after)
    return after, upper
