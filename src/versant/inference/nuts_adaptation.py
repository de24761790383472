"""What the no-U-turn sampler learns before anything is kept: each chain's step size and metric.

The step size follows the mean acceptance probability a of each trajectory by dual averaging: with e = Σ (δ - a),

    log ε_t = μ - e √t / (γ (t + t₀)),        log ε̄_t = t^-κ log ε_t + (1 - t^-κ) log ε̄_(t-1)

The metric R Rᵀ is the covariance of the chain's draws in two windows of the adaptation, mixed with what it was.

Source: Hoffman & Gelman 2014, section 3.2; Stan Development Team, Reference Manual (windows).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.nuts import Trajectories

__all__ = ["TARGET_ACCEPT", "Adaptation"]

Array = NDArray[Any]
Indices = NDArray[np.int64]

TARGET_ACCEPT = 0.8
"""δ, unless it is given."""
GAMMA, T0, KAPPA = 0.05, 10.0, 0.75
FIRST_STEP = 0.25
WINDOWS = (0.1, 0.4, 0.85)
"""Where the windows of the metric begin and end, in shares of the adaptation."""
WORTH = 10.0
"""Draws that the former metric counts for."""


class Adaptation:
    """Step sizes and metrics of M chains, from their first `tune` trajectories.

    Parameters
    ----------
    lanes, size : int
        M and K.
    tune : int
    target_accept : float
        δ.
    """

    def __init__(self, lanes: int, size: int, tune: int, target_accept: float) -> None:
        self.tune, self.target_accept = tune, target_accept
        self.windows = [int(share * tune) for share in WINDOWS]
        self.time, self.error, self.log_average = np.zeros((3, lanes))
        self.aim = np.full(lanes, np.log(10.0 * FIRST_STEP))  # μ
        self.count, self.origin = np.zeros(lanes), np.zeros((lanes, size))
        self.sums, self.squares = np.zeros((lanes, size)), np.zeros((lanes, size, size))  # of z - origin

    def learn(self, walks: Trajectories, lanes: Indices, done: NDArray[np.int64]) -> None:
        """Learn from trajectories that have ended, the (done + 1)-th of their chains."""
        self._follow(walks, lanes)
        begin, middle, end = self.windows
        inside = lanes[(done >= begin) & (done < end)]
        if len(inside):
            self._gather(walks, inside)
        complete = lanes[(self.count[lanes] > 1) & ((done + 1 == middle) | (done + 1 == end))]
        if len(complete):
            self._measure(walks, complete)
        last = lanes[done + 1 == self.tune]
        walks.step[last] = np.exp(self.log_average[last])

    def _follow(self, walks: Trajectories, lanes: Indices) -> None:
        """Take one step of dual averaging."""
        self.time[lanes] += 1.0
        time = self.time[lanes]
        self.error[lanes] += self.target_accept - walks.accepted[lanes] / walks.steps[lanes]
        log_step = self.aim[lanes] - self.error[lanes] * np.sqrt(time) / (GAMMA * (time + T0))
        share = time**-KAPPA
        self.log_average[lanes] = share * log_step + (1.0 - share) * self.log_average[lanes]
        walks.step[lanes] = np.exp(log_step)

    def _gather(self, walks: Trajectories, lanes: Indices) -> None:
        """Count a window's draws in."""
        first = lanes[self.count[lanes] == 0]
        self.origin[first] = walks.z[first]
        away = walks.z[lanes] - self.origin[lanes]
        self.count[lanes] += 1
        self.sums[lanes] += away
        self.squares[lanes] += away[:, :, None] * away[:, None, :]

    def _measure(self, walks: Trajectories, lanes: Indices) -> None:
        """Take the metric from a window's draws, and begin to follow the step size anew."""
        count = self.count[lanes, None, None]
        mean = self.sums[lanes] / count[..., 0]
        around = self.squares[lanes] / count - mean[:, :, None] * mean[:, None, :]
        back = np.linalg.inv(walks.root[lanes])
        around = back @ around @ np.swapaxes(back, 1, 2)
        mixed = (count * around + WORTH * np.eye(mean.shape[1])) / (count + WORTH)
        change = np.linalg.cholesky(mixed)
        walks.root[lanes] = walks.root[lanes] @ change
        walks.q[lanes] = np.einsum("mkl,mk->ml", change, walks.q[lanes])
        self.count[lanes], self.sums[lanes], self.squares[lanes] = 0.0, 0.0, 0.0
        self.aim[lanes] = np.log(10.0) + self.log_average[lanes]
        self.time[lanes], self.error[lanes] = 0.0, 0.0

    def keep(self, lanes: Indices) -> None:
        """Go on with some of the lanes only."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(self, name, value[lanes])
