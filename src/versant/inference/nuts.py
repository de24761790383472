"""The no-U-turn sampler, many chains side by side: every lane is a chain with its own density, metric and step size.

A chain is at z, its momentum p ~ N(0, 1) per dimension in units of a root R of its metric R Rᵀ. With energy
H = -log p(z) + ½ |p|² and q = Rᵀ ∂log p/∂z, a leapfrog step of size ε is

    p ← p + ½ ε q(z),    z ← z + ε R p,    p ← p + ½ ε q(z)

A trajectory is doubled forwards or backwards until it turns: for momenta p_a … p_b of a part of it, with sum ρ,

    p_a · (ρ - ½ (p_a + p_b)) ≤ 0   or   p_b · (ρ - ½ (p_a + p_b)) ≤ 0

Of its points one is drawn by weights exp(-H), later halves being preferred. The parts that a recursion would check are
found from the bits of a point's number (`_marks`), so that no lane waits for another: each takes one leapfrog step a
round, wherever it is in its trajectory, and begins the next one as soon as it has ended.

Source: Hoffman & Gelman 2014; Betancourt 2017; Phan, Pradhan & Jankowiak 2019 (the iterative form).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEEPEST", "LaneDensity", "Trajectories"]

Array = NDArray[Any]
Indices = NDArray[np.int64]

LaneDensity = Callable[[Array], tuple[Array, Array]]
"""Positions of M chains, (M, K) → their log densities (M,) and gradients (M, K)."""

DEEPEST = 10
"""Doublings after which a trajectory ends."""
DIVERGING = 1000.0
"""Energy lost by which a trajectory has diverged."""


def _marks(last: int) -> tuple[Indices, Indices]:
    """Return, of points 0 … last - 1 of a half, the highest and lowest mark that an odd one closes a part at.

    An even point is remembered at its highest mark, the number of ones in n // 2; an odd one closes as many parts as
    its binary number has ones at its end.
    """
    numbers = range(last)
    highest = np.array([(n >> 1).bit_count() for n in numbers])
    closed = np.array([(~n & (n + 1)).bit_length() - 1 for n in numbers])
    return highest, highest - closed + 1


HIGHEST, LOWEST = _marks(1 << (DEEPEST - 1))


class Trajectories:
    """One growing trajectory for each of M lanes.

    Parameters
    ----------
    density : LaneDensity
    z : (M, K) array
        Where the chains are.
    root : (M, K, K) array
        R of each.
    step : (M,) array
        ε of each; it and `root` may be changed between trajectories.
    rng : numpy.random.Generator
    """

    def __init__(self, density: LaneDensity, z: Array, root: Array, step: Array, rng: np.random.Generator) -> None:
        lanes, size = z.shape
        self.density, self.rng, self.root, self.step = density, rng, root, step
        self.log_density, gradient = density(z)
        self.z, self.q = z.copy(), np.einsum("mkl,mk->ml", root, gradient)  # drawn, of the whole trajectory
        self.half_z, self.half_q = self.z.copy(), self.q.copy()  # drawn, of the half that grows
        self.half_log_density = self.log_density.copy()
        self.front = np.zeros((3, lanes, size))  # z, p, q where the half grows
        self.ends = np.zeros((3, lanes, 2, size))  # z, p, q at the first and the last point
        self.energy, self.loss, self.half_loss = np.zeros((3, lanes))  # H at the start; H(start) - H of what is drawn
        self.log_weight, self.half_log_weight = np.zeros((2, lanes))
        self.total, self.half_total = np.zeros((2, lanes, size))  # ρ
        self.depth, self.number, self.side = np.zeros((3, lanes), dtype=np.int64)
        self.accepted, self.steps = np.zeros(lanes), np.zeros(lanes, dtype=np.int64)
        self.marked, self.marked_total = np.zeros((2, lanes, DEEPEST, size))
        self.begin(np.arange(lanes))

    def begin(self, lanes: Indices) -> None:
        """Begin new trajectories where these chains are."""
        p = self.rng.standard_normal((len(lanes), self.z.shape[1]))
        for part, value in enumerate((self.z[lanes], p, self.q[lanes])):
            self.ends[part, lanes] = value[:, None]
        self.energy[lanes] = 0.5 * (p * p).sum(axis=1) - self.log_density[lanes]
        self.total[lanes] = p
        for counted in (self.loss, self.log_weight, self.depth, self.accepted, self.steps):
            counted[lanes] = 0
        self._double(lanes)

    def _double(self, lanes: Indices) -> None:
        """Begin to grow another half, as long as the trajectory is, at one of its ends."""
        side = self.rng.integers(2, size=len(lanes))
        self.side[lanes] = side
        self.front[:, lanes] = self.ends[:, lanes, side]
        self.number[lanes], self.half_log_weight[lanes], self.half_total[lanes] = 0, -np.inf, 0.0

    def advance(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Take one leapfrog step in every lane.

        Returns
        -------
        ended, diverged : (M,) arrays
            Whose trajectories are complete; `z`, `log_density` and `loss` are then what was drawn of them. Before the
            next step, `begin` must be called for them. Floating-point errors (invalid, over) are to be ignored.
        """
        log_density = self._leap()
        z, p, q = self.front
        loss = self.energy + log_density - 0.5 * (p * p).sum(axis=1)
        loss = np.where(np.isfinite(loss), loss, -np.inf)
        self.accepted += np.exp(np.minimum(loss, 0.0))
        weight = np.logaddexp(self.half_log_weight, loss)
        take = -self.rng.standard_exponential(len(loss)) < loss - weight
        self.steps += 1
        self.half_log_weight = weight
        np.copyto(self.half_z, z, where=take[:, None])
        np.copyto(self.half_q, q, where=take[:, None])
        np.copyto(self.half_log_density, log_density, where=take)
        np.copyto(self.half_loss, loss, where=take)
        self.half_total += p
        diverged = loss < -DIVERGING
        ended = diverged | self._turning()
        complete = self.number == (1 << self.depth) - 1
        self.number += 1
        self._join(np.flatnonzero(complete & ~ended), ended)
        return ended, diverged

    def _leap(self) -> Array:
        """Move the fronts by one leapfrog step and return their log densities, (M,)."""
        z, p, q = self.front
        step = ((2 * self.side - 1) * self.step)[:, None]
        p += 0.5 * step * q
        z += step * np.einsum("mkl,ml->mk", self.root, p)
        log_density, gradient = self.density(z)
        q[...] = np.einsum("mkl,mk->ml", self.root, gradient)
        p += 0.5 * step * q
        return log_density

    def _turning(self) -> NDArray[np.bool_]:
        """Return in which lanes a part of the growing half, that ends at its front, has turned; mark the others."""
        p, number = self.front[1], self.number
        turned = np.zeros(len(number), dtype=bool)
        even = np.flatnonzero(number % 2 == 0)
        place = HIGHEST[number[even]]
        self.marked[even, place], self.marked_total[even, place] = p[even], self.half_total[even]
        odd = np.flatnonzero(number % 2)
        if len(odd):
            high, low = HIGHEST[number[odd]], LOWEST[number[odd]]
            levels = np.arange(int(high.max()) + 1)
            first, last = self.marked[odd, : len(levels)], p[odd, None]
            total = self.half_total[odd, None] - self.marked_total[odd, : len(levels)] + first
            closed = (levels >= low[:, None]) & (levels <= high[:, None])
            turned[odd] = (_turns(first, last, total) & closed).any(axis=1)
        return turned

    def _join(self, lanes: Indices, ended: NDArray[np.bool_]) -> None:
        """Join halves that are complete to their trajectories, and say which have ended so; double the others."""
        if not len(lanes):
            return
        better = self.half_log_weight[lanes] - self.log_weight[lanes]
        take = lanes[-self.rng.standard_exponential(len(lanes)) < better]
        self.z[take], self.q[take] = self.half_z[take], self.half_q[take]
        self.log_density[take], self.loss[take] = self.half_log_density[take], self.half_loss[take]
        self.log_weight[lanes] = np.logaddexp(self.log_weight[lanes], self.half_log_weight[lanes])
        self.total[lanes] += self.half_total[lanes]
        self.ends[:, lanes, self.side[lanes]] = self.front[:, lanes]
        self.depth[lanes] += 1
        first, last = self.ends[1, lanes, 0], self.ends[1, lanes, 1]
        ended[lanes] = _turns(first, last, self.total[lanes]) | (self.depth[lanes] == DEEPEST)
        self._double(lanes[~ended[lanes]])

    def keep(self, lanes: Indices, density: LaneDensity) -> None:
        """Go on with some of the lanes only; `density` is theirs."""
        self.density = density
        self.front, self.ends = self.front[:, lanes], self.ends[:, lanes]
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and name not in ("front", "ends"):
                setattr(self, name, value[lanes])


def _turns(first: Array, last: Array, total: Array) -> NDArray[np.bool_]:
    """Return whether a part with these momenta at its ends, and this sum of all, has turned, (…, K) → (…)."""
    inner = total - 0.5 * (first + last)
    return np.asarray(((first * inner).sum(axis=-1) <= 0.0) | ((last * inner).sum(axis=-1) <= 0.0))
