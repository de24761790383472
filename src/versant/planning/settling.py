"""Upper bounds at the beliefs of a point-based search, settled all at once.

Backups lower an upper bound as value iteration does: where the agent may stay for long, by a share 1 − γ at a time. But
corners and points b_j of all blocks are finitely many. With every successor belief written as a mixture of them by the
sawtooth, P_kᵀ b_i = Σ_j w_{ikj} b_j, or bounded by FIB, what convexity says of the value at these beliefs,

    u_i ≤ max_a [ b_i·R_a + γ Σ_{k∋a} Σ_j w_{ikj} u_j ] = (H u)_i,

is a Markov decision process of its own: policy iteration finds its solution, whatever the discount. The values it ends
with are bounds whatever rounding did: H is monotone and H(u + c) ≤ Hu + γ c, so that u + max(Hu − u)₊ / (1 − γ) holds.
With the values other mixtures are the lowest; so mixtures and values are found in turn.

Source: Hauskrecht 2000, *Value-function approximations for partially observable Markov decision processes* (fixed
grids); Howard 1960 (policy iteration).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from versant.optimise.linear import UNIT_ROUNDOFF

if TYPE_CHECKING:
    from versant.planning.pointbased import PointSearch

__all__ = ["settle", "settling_work", "work_of"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

NUMBERS_LIMIT = 10_000_000
"""Numbers (sites² × actions) up to which it is done."""

ROUNDS, POLICIES = 4, 30
"""Times that mixtures are chosen anew, and policies tried for each."""

CALL, MIXING, SOLVING = 1e4, 0.3, 0.1
"""What looking at a site and an action costs, and one multiplication of mixtures and of solutions."""

GAIN = 0.02
"""Share of the gap at the start belief that a round has to close for another one."""


@dataclass(frozen=True, eq=False)
class _Site:
    """Corners and points of one block, c + p of them."""

    first: int  # place of the first of them among all
    beliefs: Array  # (c+p, c), the corners first
    fib: Array  # (A, c)

    @property
    def places(self) -> slice:
        return slice(self.first, self.first + len(self.beliefs))

    def mixtures(self, beliefs: Array, values: Array) -> tuple[Array, Array]:
        """Write unnormalised beliefs (k, c) as mixtures (k, c+p), or bound them by FIB, (k,); the lower of the two."""
        width = beliefs.shape[1]
        points, plane = self.beliefs[width:], values[:width]
        weights = np.concatenate([beliefs, np.zeros((len(beliefs), len(points)))], axis=1)
        if len(points):
            inside = points > 0.0
            ratios = np.where(inside, beliefs[:, None, :] / np.where(inside, points, 1.0), np.inf).min(axis=2)
            pulls = ratios * np.minimum(values[width:] - points @ plane, 0.0)
            best = pulls.argmin(axis=1)
            every = np.arange(len(beliefs))
            shares = np.where(pulls[every, best] < 0.0, ratios[every, best], 0.0)
            weights[:, :width] = np.maximum(beliefs - shares[:, None] * points[best], 0.0)
            weights[every, width + best] = shares
        informed = (beliefs @ self.fib.T).max(axis=1)
        lower = informed < weights @ values
        weights[lower] = 0.0
        return weights, np.where(lower, informed, 0.0)


def settling_work(search: PointSearch) -> float:
    """Multiplications that one round takes, about; infinite where it is not done."""
    sites = {number: len(cell.plane) + cell.points.count for number, cell in search.cells.items()}
    widths = {number: len(cell.plane) for number, cell in search.cells.items()}
    return work_of(sites, widths, len(search.fib.T), len(search.model.owners))


def work_of(sites: Mapping[int, int], widths: Mapping[int, int], actions: int, pairs: int) -> float:
    """The same for so many corners and points in blocks of such widths."""
    count = sum(sites.values())
    if count * count * actions > NUMBERS_LIMIT:
        return np.inf
    wide = max((sites[number] * widths[number] for number in sites), default=0)
    return float(count * (actions * CALL + MIXING * pairs * wide) + SOLVING * count**3)


def settle(search: PointSearch) -> None:
    """Lower the bounds at all corners and points of a search to where they bear each other out."""
    gap, target = search.gap()
    for _ in range(ROUNDS):
        search.work += settling_work(search)
        sites = _sites(search)
        values = np.concatenate([search.cells[n].upper(site.beliefs) for n, site in sites.items()])
        settled = _solved(search, *_process(search, sites, values), values)
        for number, site in sites.items():
            for belief, value in zip(site.beliefs, settled[site.places].tolist(), strict=True):
                search.cells[number].lower_upper(belief, value)
        before, gap = gap, search.gap()[0]
        if gap <= target or before - gap <= GAIN * before or time.perf_counter() >= search.model.deadline:
            break


def _sites(search: PointSearch) -> dict[int, _Site]:
    sites, first = {}, 0
    for number, cell in search.cells.items():
        beliefs = np.concatenate([np.eye(len(cell.plane)), cell.points.dense()])
        sites[number] = _Site(first, beliefs, cell.fib)
        first += len(beliefs)
    return sites


def _process(search: PointSearch, sites: dict[int, _Site], values: Array) -> tuple[Array, Array]:
    """The decision process over all sites: payoffs (N, A) and discounted moves (N, A, N)."""
    model, count = search.model, len(values)
    payoffs, moves = np.empty((count, len(search.fib.T))), np.zeros((count, len(search.fib.T), count))
    for number, site in sites.items():
        payoffs[site.places] = site.beliefs @ search.payoff[model.blocks.states(number)]
        for place, belief in enumerate(site.beliefs, site.first):
            for action in range(payoffs.shape[1]):
                for target, _, after in search.successors(number, belief, action).groups:
                    if target not in sites:  # a block where nothing has been looked at
                        payoffs[place, action] += model.discount * search.cell(target).upper(after).sum()
                        continue
                    there = sites[target]
                    weights, informed = there.mixtures(after, values[there.places])
                    payoffs[place, action] += model.discount * informed.sum()
                    moves[place, action, there.places] += model.discount * weights.sum(axis=0)
    return payoffs, moves


def _solved(search: PointSearch, payoffs: Array, moves: Array, values: Array) -> Array:
    """Solve the process by policy iteration, and raise the values to what is sure."""
    every = np.arange(len(values))
    rounding = search.rounding + 4 * len(values) * UNIT_ROUNDOFF * float(np.abs(values).max())
    promised = payoffs + moves @ values  # (N, A)
    for _ in range(POLICIES):
        choice = promised.argmax(axis=1)
        values = np.linalg.solve(np.eye(len(every)) - moves[every, choice], payoffs[every, choice])
        promised = payoffs + moves @ values
        if (promised.max(axis=1) - values).max() <= rounding or time.perf_counter() >= search.model.deadline:
            break
    excess = max(float((promised.max(axis=1) - values).max()), 0.0) + rounding
    return values + excess / (1.0 - float(moves.sum(axis=2).max()))
