"""Upper bounds handed on: what a point-based search found bounds the value of other combinations of reward and costs.

A policy π is worth c·(v_π, h_π)(b) for the combination c of reward and costs. The best value W(c; b) = max_π c·(v_π,
h_π)(b) is convex and positively homogeneous in c, so that bounds W̄ of other combinations c_i give, at every belief b,

    W(c; b)  ≤  Σ_i w_i W̄(c_i; b) + Σ_j max(ρ_j h̲_j, ρ_j h̄_j),      ρ = c − Σ_i w_i c_i,   w ≥ 0

where h̲_j and h̄_j are the smallest and the largest payoff for ever. The shares w are those that are best at the start
belief, by a linear programme; near one another, multipliers have next to the same bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.sawtooth import Points
from versant.planning.settling import settle, work_of

if TYPE_CHECKING:
    from versant.planning.pointbased import PointSearch

__all__ = ["Blend", "Ceiling", "blend", "inherit", "latest"]

Array = NDArray[np.float64]

SETTLING, TIGHT = 0.5, 1e-3
"""Share of a search's effort that settling the bounds it begins with may take; share of the gap there would be without
them that is next to tight."""

NUMBERS_LIMIT = 2_000_000
"""Positive elements of all points that are kept for other searches."""

BURDEN = 4.0
"""How many times the points of a search that came as far may be taken over."""

LEAST_SHARE = 1e-6
"""Shares below which a bound is left out."""


@dataclass(frozen=True, eq=False)
class Ceiling:
    """The sawtooth bound of one combination: of each block its plane (c,) and the points below it."""

    combination: Array  # (1+m,)
    value: float  # at the start belief
    gap: float  # to the lower bound there
    blocks: Mapping[int, tuple[Array, Points]]

    @classmethod
    def of(cls, search: PointSearch) -> Ceiling:
        """The bound that a search has come to."""
        found = {
            number: (cell.plane.copy(), _points(cell.points.dense(), cell.points.depths[cell.points.depths < 0.0]))
            for number, cell in search.cells.items()
        }
        return cls(search.combination, search.bound().value, search.gap()[0], found)

    def upper(self, number: int, beliefs: Array) -> Array:
        """Upper bounds at unnormalised beliefs (k, c) of a block, (k,)."""
        plane, points = self.blocks[number]
        bounds: Array = beliefs @ plane + points.drops(beliefs)
        return bounds

    def sites(self) -> dict[int, int]:
        """Number of corners and points of each block."""
        return {number: len(plane) + points.count for number, (plane, points) in self.blocks.items()}

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        blocks = {
            str(number): {"plane": plane.tolist(), "beliefs": points.dense().tolist(), "depths": points.depths.tolist()}
            for number, (plane, points) in self.blocks.items()
        }
        combination = self.combination.tolist()
        return {"combination": combination, "value": self.value, "gap": self.gap, "blocks": blocks}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Ceiling:
        """Make what `to_dict` returned into a bound again."""
        blocks = {}
        for number, one in content["blocks"].items():
            plane = np.array(one["plane"])
            beliefs = np.array(one["beliefs"]).reshape(-1, len(plane))
            blocks[int(number)] = plane, _points(beliefs, np.array(one["depths"]))
        return cls(np.array(content["combination"]), float(content["value"]), float(content["gap"]), blocks)


@dataclass(frozen=True, eq=False)
class Blend:
    """Bounds of other combinations, and their shares."""

    ceilings: tuple[Ceiling, ...]
    shares: tuple[float, ...]
    rest: float  # what is to be added to them, for each unit of probability

    @property
    def value(self) -> float:
        """Bound at the start belief."""
        return self.rest + sum(share * one.value for share, one in zip(self.shares, self.ceilings, strict=True))

    def beliefs(self) -> dict[int, Array]:
        """Beliefs (k, c) at which they are tight, of each block that all know: the corners, then points."""
        first, *others = (one.blocks for one in self.ceilings)
        return {
            number: np.concatenate([np.eye(len(plane)), *(one.blocks[number][1].dense() for one in self.ceilings)])
            for number, (plane, _) in first.items()
            if all(number in other for other in others)
        }

    def sites(self) -> dict[int, int]:
        """Number of these beliefs of each block."""
        return {number: len(beliefs) for number, beliefs in self.beliefs().items()}

    def upper(self, number: int, beliefs: Array) -> Array:
        """Upper bounds at unnormalised beliefs (k, c) of a block, (k,)."""
        bounds, shares = np.stack([one.upper(number, beliefs) for one in self.ceilings]), np.array(self.shares)
        total: Array = self.rest * beliefs.sum(axis=1) + shares @ bounds
        total += 4 * (len(shares) + 2) * UNIT_ROUNDOFF * (np.abs(total) + shares @ np.abs(bounds))
        return total


def latest(ceilings: Sequence[Ceiling]) -> list[Ceiling]:
    """The last ones, as many as have no more numbers than may be kept; at least one."""
    numbers = np.cumsum([sum(points.elements for _, points in one.blocks.values()) for one in ceilings[::-1]])
    return [*ceilings[max(0, len(ceilings) - max(1, int((numbers <= NUMBERS_LIMIT).sum()))) :]]


def inherit(search: PointSearch, effort: float) -> None:
    """Let a search begin with what the ceilings of its model say, at the beliefs at which they are tight.

    Many points are a burden. They are taken over where searches that came as far had about as many, where settling what
    they say takes a part of the effort only, or where the bounds are next to tight.
    """
    model = search.model
    if not model.ceilings:
        return
    ends = np.stack([model.parts.min(axis=(1, 2)), model.parts.max(axis=(1, 2))]) / (1.0 - model.discount)
    number, belief = model.root
    lower, gap = float(search.cell(number).lower(belief[None])[0]), search.gap()[0]
    known = blend(model.ceilings, search.combination, *ends)
    if known is None or not (known.value - lower <= TIGHT * gap or _light(known, known.value - lower, model.ceilings)):
        few = [one for one in model.ceilings if _settling(search, one.sites()) <= SETTLING * effort]
        known = blend(few, search.combination, *ends)
        if known is None or _settling(search, known.sites()) > SETTLING * effort:
            return
    for number, beliefs in known.beliefs().items():
        cell = search.cell(number)
        bounds = np.minimum(known.upper(number, beliefs) + search.rounding, cell.upper(beliefs))
        for belief, bound in zip(beliefs, bounds.tolist(), strict=True):
            cell.lower_upper(belief, bound)
        cell.points.prune()
    if _settling(search, known.sites()) <= SETTLING * effort:
        settle(search)


def _light(known: Blend, gap: float, ceilings: Sequence[Ceiling]) -> bool:
    """Whether the points are about as many as those of a search that was left with such a gap, or a wider one."""
    most = max((sum(one.sites().values()) for one in ceilings if one.gap >= gap), default=0)
    return sum(known.sites().values()) <= BURDEN * most


def _settling(search: PointSearch, sites: Mapping[int, int]) -> float:
    """Multiplications that settling bounds at so many beliefs of each block takes."""
    widths = {number: len(search.model.blocks.states(number)) for number in sites}
    return work_of(sites, widths, len(search.fib.T), len(search.model.owners))


def blend(ceilings: Sequence[Ceiling], combination: Array, least: Array, most: Array) -> Blend | None:
    """Choose the shares in which bounds are best at the start belief; None where none is of use.

    Parameters
    ----------
    ceilings : sequence of Ceiling
    combination : (1+m,) array
    least, most : (1+m,) arrays
        Between what the totals of reward and costs of every policy lie.

    Examples
    --------
    >>> known = [Ceiling(np.array(c), value, 0.0, {}) for c, value in [([1.0, 0.0], 8.0), ([1.0, -2.0], 2.0)]]
    >>> mixed = blend(known, np.array([1.0, -0.5]), np.array([0.0, 0.0]), np.array([10.0, 5.0]))
    >>> [round(share, 9) for share in mixed.shares], round(mixed.rest, 9)
    ([0.75, 0.25], 0.0)
    """
    from scipy.optimize import linprog

    if not ceilings:
        return None
    units = np.eye(len(combination))
    table = np.concatenate([np.stack([one.combination for one in ceilings]), units, -units])
    bounds = np.concatenate([[one.value for one in ceilings], most, -least])
    solved: Any = linprog(bounds, A_eq=table.T, b_eq=combination, method="highs-ds")
    if solved.status != 0:
        return None
    shares = solved.x[: len(ceilings)]
    used = np.flatnonzero(shares > LEAST_SHARE)
    if not len(used):
        return None
    rest = combination - shares[used] @ table[used]
    size = np.abs(combination) + shares[used] @ np.abs(table[used])
    rounding = 4 * (len(used) + 2) * UNIT_ROUNDOFF * size @ np.maximum(np.abs(least), np.abs(most))
    paid = float(np.maximum(rest * least, rest * most).sum() + rounding)
    return Blend(tuple(ceilings[i] for i in used.tolist()), tuple(shares[used].tolist()), paid)


def _points(beliefs: Array, depths: Array) -> Points:
    points = Points(beliefs.shape[1])
    for belief, depth in zip(beliefs, depths.tolist(), strict=True):
        points.lower(points.add(belief), depth)
    return points
