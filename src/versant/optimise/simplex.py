"""Projection onto a product of simplices, and onto its part that satisfies m linear budgets.

A point consists of blocks, each to be a probability distribution. The projection of v onto one simplex is max(v − τ, 0)
with the τ that makes it sum to one. With budgets G θ ≤ b and a weight w > 0 for each block, the problem is

    minimise  ½ Σ_blocks w ‖θ_block − ξ_block‖² + ρ Σ_i max(0, G_i θ − b_i)    over θ in the product of simplices

For multipliers λ in [0, ρ]^m the minimiser is the blockwise simplex projection

    θ(λ) = Π(ξ − W⁻¹ Gᵀ λ)

so only the m-dimensional concave dual remains. Its gradient is G θ(λ) − b, piecewise linear in λ; with a block's active
set A its generalised Hessian is −Σ_blocks G_c G_cᵀ / w, G_c being G on A less its mean there. Newton steps on the free
multipliers, with a line search on the monotone slope, end after finitely many pieces. Of two opposite budgets (a total
that is to be met) only one multiplier is free at a time, or the Hessian would be singular. A finite ρ gives the elastic
problem (always feasible), ρ = ∞ the hard one; a multiplier at ρ tells that its budget cannot be met at that price.

Source: Held, Wolfe & Crowder 1974 (simplex); Qi & Sun 1993 (semismooth Newton); Wang & Carreira-Perpiñán 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Projection", "Simplices", "project_budgets"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TOLERANCE = 1e-13
"""Accuracy of the budgets, relative to the largest sum of |G| θ that enters them."""

MAX_STEPS = 200
MAX_SEARCH = 60
FIRST_DAMPING = 1e-4
OPPOSITE = 1e-12
"""One plus the cosine of the slopes of opposite budgets, at most: what rounding makes of it."""

FAR = 1e12
"""A multiplier so large, against the scale of its budget, that the budget cannot be met."""


@dataclass(frozen=True)
class Simplices:
    """A product of simplices: groups of consecutive blocks of equal length.

    Parameters
    ----------
    groups : tuple of (count, length)

    Examples
    --------
    >>> shape = Simplices(((1, 2), (2, 3)))
    >>> shape.size, shape.n_blocks
    (8, 3)
    >>> shape.project(np.array([0.75, 0.75, 2.0, 0.0, 0.0, 0.2, 0.3, 0.5]))
    array([0.5, 0.5, 1. , 0. , 0. , 0.2, 0.3, 0.5])
    """

    groups: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Length of a point."""
        return sum(count * length for count, length in self.groups)

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return sum(count for count, _ in self.groups)

    def views(self, points: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """View points (..., n) group by group as (..., count, length)."""
        begin = 0
        for count, length in self.groups:
            yield points[..., begin : begin + count * length].reshape(*points.shape[:-1], count, length)
            begin += count * length

    def spread(self, per_block: Array) -> Array:
        """Repeat values of blocks (..., blocks) for each of their elements, (..., n)."""
        begin, parts = 0, []
        for count, length in self.groups:
            parts.append(np.repeat(per_block[..., begin : begin + count], length, axis=-1))
            begin += count
        return np.concatenate(parts, axis=-1)

    def maxima(self, points: Array) -> Array:
        """Largest element of each block, (..., blocks)."""
        return np.concatenate([view.max(axis=-1) for view in self.views(points)], axis=-1)

    def project(self, points: Array) -> Array:
        """Project points (..., n) onto the product of simplices."""
        lead = points.shape[:-1]
        parts = [_project_rows(view).reshape(*lead, -1) for view in self.views(points)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def centre(self, slopes: Array, active: Mask) -> Array:
        """Subtract from slopes (..., m, n) their mean over the active elements of each block; zero elsewhere."""
        parts = []
        for slope, mask in zip(self.views(slopes), self.views(active), strict=True):
            on = mask[..., None, :, :]
            kept = np.where(on, slope, 0.0)
            mean = kept.sum(axis=-1, keepdims=True) / on.sum(axis=-1, keepdims=True)
            parts.append(np.where(on, slope - mean, 0.0).reshape(*slopes.shape[:-1], -1))
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True, eq=False)
class Projection:
    """Where the projection ended."""

    point: Array  # (B, n)
    multipliers: Array  # (B, m)
    residual: Array  # (B,) largest violation of the optimality conditions by a budget, in the budgets' own units
    converged: Mask  # (B,)


def project_budgets(
    points: Array,
    shape: Simplices,
    slopes: Array,
    bounds: Array,
    *,
    weights: Array | None = None,
    cap: ArrayLike = np.inf,
    start: Array | None = None,
) -> Projection:
    """Project points onto the simplices and m linear budgets, exactly; budgets are elastic where `cap` is finite.

    Parameters
    ----------
    points : (B, n) array
        ξ.
    shape : Simplices
    slopes : (B, m, n) array
        G.
    bounds : (B, m) array
        b.
    weights : (B, blocks) array, optional
        w, positive; 1 unless given.
    cap : float, (B, 1) or (B, m) array
        ρ, the price of violating a budget.
    start : (B, m) array, optional
        Multipliers to start from.

    Returns
    -------
    Projection
        Not `converged` where no point meets the budgets (with ρ = ∞).

    Examples
    --------
    >>> flat = Simplices(((1, 2),))
    >>> half = project_budgets(np.array([[1.0, 0.0]]), flat, np.array([[[1.0, 0.0]]]), np.array([[0.25]]))
    >>> half.point, half.multipliers
    (array([[0.25, 0.75]]), array([[1.5]]))
    """
    batch, m, _ = slopes.shape
    if m == 0:
        return Projection(shape.project(points), np.zeros((batch, 0)), np.zeros(batch), np.ones(batch, dtype=bool))
    spread = np.ones((batch, 1)) if weights is None else shape.spread(weights)
    dual = _Dual(points, shape, slopes, bounds, slopes / spread[:, None, :])
    ceiling = np.broadcast_to(np.asarray(cap, dtype=np.float64), (batch, m))
    first = np.zeros((batch, m)) if start is None else np.clip(start, 0.0, ceiling)
    return _newton(dual, first, ceiling)


@dataclass(frozen=True, eq=False)
class _Dual:
    """The dual function: its primal point, gradient and curvature at given multipliers."""

    points: Array  # (B, n)
    shape: Simplices
    slopes: Array  # (B, m, n)
    bounds: Array  # (B, m)
    scaled: Array  # (B, m, n) W⁻¹ Gᵀ

    def rows(self, chosen: NDArray[np.intp]) -> _Dual:
        if len(chosen) == len(self.points):
            return self
        return _Dual(self.points[chosen], self.shape, self.slopes[chosen], self.bounds[chosen], self.scaled[chosen])

    def primal(self, multipliers: Array) -> Array:
        return self.shape.project(self.points - (multipliers[:, None, :] @ self.scaled)[:, 0])

    def slack(self, theta: Array) -> Array:
        """B − G θ: the gradient of the negated dual function, (B, m)."""
        return self.bounds - (self.slopes @ theta[:, :, None])[:, :, 0]

    def accuracy(self, theta: Array, multipliers: Array) -> Array:
        """How small a slack can be told from zero, (B, m): rounding of G θ, and of the point projected on."""
        moved = np.abs(self.points) + (multipliers[:, None, :] @ np.abs(self.scaled))[:, 0]
        blur = theta + np.where(theta > 0.0, 1e-3 * moved, 0.0)
        return TOLERANCE * (np.abs(self.bounds) + self.reach(blur))

    def reach(self, theta: Array) -> Array:
        """|G| θ, the size of what enters the budgets, (B, m)."""
        return (np.abs(self.slopes) @ theta[:, :, None])[:, :, 0]

    def curvature(self, theta: Array) -> Array:
        centred = self.shape.centre(self.slopes, theta > 0.0)
        return centred @ self.scaled.transpose(0, 2, 1)

    def opposites(self) -> Mask:
        """Which pairs of budgets have opposite slopes, (B, m, m)."""
        products = self.slopes @ self.slopes.transpose(0, 2, 1)
        size = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
        opposed: Mask = (products <= -(1.0 - OPPOSITE) * size[:, :, None] * size[:, None, :]) & (size > 0.0)[:, None, :]
        return opposed

    def scale(self) -> Array:
        """The curvature if every element were active, (B, m): it sets the size of steps where the dual is flat."""
        centred = self.shape.centre(self.slopes, np.ones(self.points.shape, dtype=bool))
        total = (centred * self.scaled).sum(axis=2)
        return np.where(total > 0.0, total, 1.0)


def _newton(dual: _Dual, first: Array, cap: Array) -> Projection:
    """Damped semismooth Newton on the negated dual in its box, all rows at once; finished rows are set aside."""
    batch, opposed = len(first), dual.opposites()
    multipliers = _netted(first, dual.slopes, opposed)
    theta = dual.primal(multipliers)
    residual, done = np.full(batch, np.inf), np.zeros(batch, dtype=bool)
    damping, scale = np.full(batch, FIRST_DAMPING), dual.scale()
    running = np.arange(batch)
    for _ in range(MAX_STEPS):
        part, at, point, ceiling = dual.rows(running), multipliers[running], theta[running], cap[running]
        slack = part.slack(point)
        stuck = ((at <= 0.0) & (slack > 0.0)) | ((at >= ceiling) & (slack < 0.0))
        violation = np.where(stuck, 0.0, np.abs(slack))
        residual[running] = violation.max(axis=1)
        lost = (at * scale[running] > FAR * (np.abs(part.bounds) + part.reach(point))).any(axis=1)
        good = (violation <= part.accuracy(point, at)).all(axis=1) & ~lost
        done[running[good]] = True
        keep = np.flatnonzero(~(good | lost))
        if not keep.size:
            break
        running, part, at, ceiling, slack = running[keep], part.rows(keep), at[keep], ceiling[keep], slack[keep]
        curvature = part.curvature(point[keep]) + (damping[running, None] * scale[running])[:, :, None] * np.eye(
            at.shape[1]
        )
        waiting = (at <= 0.0) & (opposed[running] & (at > 0.0)[:, None, :]).any(axis=2)
        target = _box_step(curvature, slack, at, ceiling, ~(stuck[keep] | waiting))
        multipliers[running], theta[running], step = _search(part, at, target, slack)
        damping[running] *= np.where(step == 1.0, 1.0 / 30.0, np.where(step < 0.1, 10.0, 1.0))
    return Projection(theta, multipliers, residual, done)


def _netted(multipliers: Array, slopes: Array, opposed: Mask) -> Array:
    """Let only one of the multipliers (B, m) of opposite budgets be above zero: the primal point is the same."""
    size = np.linalg.norm(slopes, axis=2)
    pull = multipliers * size
    for i, j in zip(*np.nonzero(np.triu(opposed.any(axis=0))), strict=True):
        both = np.where(opposed[:, i, j], np.minimum(pull[:, i], pull[:, j]), 0.0)
        pull[:, i] -= both
        pull[:, j] -= both
    netted: Array = np.where(opposed.any(axis=2), pull / np.where(size > 0.0, size, 1.0), multipliers)
    return netted


def _box_step(curvature: Array, slack: Array, at: Array, cap: Array, free: Mask) -> Array:
    """Minimise the quadratic model in the box [0, cap], nearly: multipliers that would leave it stop at its wall."""
    m = at.shape[1]
    step = np.zeros_like(at)
    for _ in range(m):
        both = free[:, :, None] & free[:, None, :]
        matrix: Any = np.where(both, curvature, np.eye(m))
        right = np.where(free, -slack - (curvature @ np.where(free, 0.0, step)[:, :, None])[:, :, 0], 0.0)
        trial = np.where(free, np.linalg.solve(matrix, right[:, :, None])[:, :, 0], step)
        inside = np.clip(at + trial, 0.0, cap) - at
        leaving = free & (inside != trial) & (np.abs(inside - trial) > 1e-15 * np.abs(trial))
        step = np.where(free & ~leaving, trial, np.where(leaving, inside, step))
        free = free & ~leaving
        if not leaving.any():
            break
    target: Array = np.clip(at + step, 0.0, cap)
    return target


def _search(dual: _Dual, at: Array, target: Array, slack: Array) -> tuple[Array, Array, Array]:
    """Walk towards `target` until the slope of the dual has fallen to half: (multipliers, primal point, step length).

    The slope of a convex function grows along the way, so that a zero of it can be bracketed.
    """
    direction = target - at
    first = (slack * direction).sum(axis=1)
    batch = len(at)
    low, high, step = np.zeros(batch), np.ones(batch), np.ones(batch)
    slope_low, slope_high = first.copy(), np.full(batch, np.inf)
    uphill = first >= 0.0
    step[uphill] = 0.0
    result = np.where(uphill[:, None], at, target)
    theta = dual.primal(result)
    running = np.flatnonzero(~uphill)
    for _ in range(MAX_SEARCH):
        part = dual.rows(running)
        slope = (part.slack(theta[running]) * direction[running]).sum(axis=1)
        over = slope > 0.5 * np.abs(first[running])
        short = (slope < -0.5 * np.abs(first[running])) & (step[running] < 1.0)
        high[running[over]], slope_high[running[over]] = step[running[over]], slope[over]
        low[running[short]], slope_low[running[short]] = step[running[short]], slope[short]
        running = running[over | short]
        if not running.size:
            break
        fraction = -slope_low[running] / (slope_high[running] - slope_low[running])
        width = high[running] - low[running]
        step[running] = low[running] + width * np.clip(fraction, 0.01, 0.9)
        result[running] = at[running] + step[running, None] * direction[running]
        theta[running] = dual.rows(running).primal(result[running])
    return result, theta, step


def _project_rows(rows: Array) -> Array:
    """Project each row (..., length) onto the simplex: sort, find how many stay positive, shift."""
    length = rows.shape[-1]
    if length == 1:
        return np.ones_like(rows)
    shifted = rows - rows.max(axis=-1, keepdims=True)
    excess = np.sort(shifted, axis=-1)[..., ::-1].cumsum(axis=-1) - 1.0
    excess /= np.arange(1, length + 1)
    tau = excess.max(axis=-1, keepdims=True)
    projected: Array = np.maximum(shifted - tau, 0.0)
    return projected
