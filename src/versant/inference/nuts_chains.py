"""Running chains side by side: adaptation, then draws, each lane at its own pace.

Lanes that are done go on idly until half of those that are run are; then the others are packed together. The same seed
gives the same draws: whatever is random is drawn by one generator in an order that follows from the draws alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.nuts import LaneDensity, Trajectories
from versant.inference.nuts_adaptation import FIRST_STEP, Adaptation
from versant.progress import Progress, silent

__all__ = ["LaneDraws", "require_lengths", "run_chains"]

Array = NDArray[Any]
Indices = NDArray[np.int64]

ROUNDS_TOLD = 200
"""Leapfrog steps between two calls of `progress`."""


@dataclass(frozen=True)
class LaneDraws:
    """T draws of each of M chains."""

    z: Array  # (M, T, K)
    diverging: NDArray[np.bool_]  # (M, T)
    stats: dict[str, Array]  # (M, T) each: lp, energy, n_steps, tree_depth, step_size


def require_lengths(draws: int, tune: int, chains: int, target_accept: float) -> None:
    """Raise ModelError for fewer than two chains or four draws, no adaptation, or a target that is no probability."""
    if chains < 2 or draws < 4 or tune < 1:
        raise ModelError("sampling needs two chains, four draws and one step of adaptation, or more")
    if not 0.0 < target_accept < 1.0:
        raise ModelError(f"target_accept={target_accept} must lie between 0 and 1; 0.8 is usual, 0.95 is careful")


def run_chains(
    make: Callable[[Indices], LaneDensity],
    start: Array,
    root: Array,
    *,
    draws: int,
    tune: int,
    target_accept: float,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> LaneDraws:
    """Sample.

    Parameters
    ----------
    make : callable
        Makes the log density of the chains of these numbers.
    start : (M, K) array
        Where each chain begins.
    root : (M, K, K) array
        R of its first metric R Rᵀ.
    draws, tune : int
        Draws kept of each chain, and trajectories of adaptation before.
    target_accept : float
        Mean acceptance probability that step sizes are adapted to.
    rng : numpy.random.Generator
    progress : Progress
    """
    lanes, size = start.shape
    kept = LaneDraws(
        np.empty((lanes, draws, size)),
        np.zeros((lanes, draws), dtype=bool),
        {name: np.empty((lanes, draws)) for name in ("lp", "energy", "step_size")}
        | {name: np.empty((lanes, draws), dtype=np.int64) for name in ("n_steps", "tree_depth")},
    )
    who, done = np.arange(lanes), np.zeros(lanes, dtype=np.int64)
    walks = Trajectories(make(who), start, root.copy(), np.full(lanes, FIRST_STEP), rng)
    adaptation, rounds, total = Adaptation(lanes, size, tune, target_accept), 0, tune + draws
    while True:
        with np.errstate(invalid="ignore", over="ignore"):  # far out a density may be no number: that diverges
            ended, diverged = walks.advance()
        over = np.flatnonzero(ended)
        adapting = over[done[over] < tune]
        if len(adapting):
            adaptation.learn(walks, adapting, done[adapting])
        drawn = over[(done[over] >= tune) & (done[over] < total)]
        if len(drawn):
            _record(kept, walks, drawn, who[drawn], done[drawn] - tune, diverged)
        done[over] += 1
        left = np.flatnonzero(done < total)
        if rounds % ROUNDS_TOLD == 0:
            progress(float(lanes - len(done) + (done / total).clip(max=1.0).sum()), lanes, f"sampling {lanes} chains")
        rounds += 1
        if not len(left):
            progress(lanes, lanes, f"sampled {lanes} chains")
            return kept
        if len(over):
            walks.begin(over)
        if 2 * len(left) <= len(done):
            who, done = who[left], done[left]
            adaptation.keep(left)
            walks.keep(left, make(who))


def _record(
    kept: LaneDraws, walks: Trajectories, lanes: Indices, who: Indices, at: Indices, diverged: NDArray[np.bool_]
) -> None:
    kept.z[who, at], kept.diverging[who, at] = walks.z[lanes], diverged[lanes]
    told = {
        "lp": walks.log_density,
        "energy": walks.energy - walks.loss,
        "step_size": walks.step,
        "n_steps": walks.steps,
        "tree_depth": walks.depth,
    }
    for name, value in told.items():
        kept.stats[name][who, at] = value[lanes]
