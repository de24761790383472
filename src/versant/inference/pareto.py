"""Pareto-smoothed importance weights and their diagnostic.

The largest M = min(S/5, 3 √(S/r)) of S weights (r: independent draws that a draw is worth) are taken for draws above a
threshold from a generalised Pareto distribution with shape k and scale σ, and are replaced by its quantiles. The mean
of weights has a finite variance for k < 1/2; with S draws it can be trusted up to k = min(1 - 1 / log₁₀ S, 0.7).

k is estimated by the profile posterior of Zhang & Stephens (2009), drawn to 1/2 by ten pseudo-observations.
Source: Vehtari, Simpson, Gelman, Yao & Gabry 2024.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_trusted", "pareto_fit", "smooth"]

Array = NDArray[Any]

FEWEST = 5
"""Weights that a tail needs."""
NOTHING = 1e-12
"""What a weight counts as nothing beside the largest."""


def largest_trusted(draws: int) -> float:
    """Return up to which k the mean of so many weights can be trusted.

    Examples
    --------
    >>> round(largest_trusted(1000), 3)
    0.667
    """
    return min(1.0 - 1.0 / math.log10(draws), 0.7)


def pareto_fit(exceedances: Array) -> tuple[float, float]:
    """Return (k, σ) of a generalised Pareto distribution.

    Parameters
    ----------
    exceedances : (M,) array
        Positive, ascending.
    """
    x, count = exceedances, len(exceedances)
    grid = 30 + int(math.sqrt(count))
    quartile = x[int(count / 4 + 0.5) - 1]
    b = (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3.0 * quartile) + 1.0 / x[-1]
    k = np.log1p(-b[:, None] * x).mean(axis=1)
    profile = count * (np.log(-b / k) - k - 1.0)
    weights = np.exp(profile - profile.max())
    centre = float((b * weights).sum() / weights.sum())
    shape = float(np.log1p(-centre * x).mean())
    scale = -shape / centre
    return (count * shape + 5.0) / (count + 10.0), scale


def smooth(log_weights: Array, efficiency: float = 1.0) -> tuple[Array, float]:
    """Return smoothed log weights and k.

    Parameters
    ----------
    log_weights : (S,) array
    efficiency : float
        Independent draws that one draw is worth, where draws come from a Markov chain.

    Returns
    -------
    (S,) array
        In the same order.
    float
        NaN where the tail is too short or does not vary, infinite where a few weights are all there is; the weights
        are then as they were.
    """
    highest = float(log_weights.max())
    count = min(int(0.2 * len(log_weights)), int(3.0 * math.sqrt(len(log_weights) / efficiency)))
    if count < FEWEST or not np.isfinite(highest):
        return log_weights, math.nan
    order = np.argpartition(log_weights, -count - 1)
    tail = order[-count:]
    tail = tail[np.argsort(log_weights[tail], kind="stable")]
    threshold = math.exp(float(log_weights[order[-count - 1]]) - highest)
    exceedances = np.exp(log_weights[tail] - highest) - threshold
    if exceedances[int(count / 4 + 0.5) - 1] <= NOTHING:
        return log_weights, math.inf if exceedances[-1] > NOTHING else math.nan
    k, scale = pareto_fit(np.maximum(exceedances, 1e-300))
    levels = (np.arange(count) + 0.5) / count
    quantiles = scale * np.expm1(-k * np.log1p(-levels)) / k if k != 0.0 else -scale * np.log1p(-levels)
    smoothed = log_weights.copy()
    smoothed[tail] = np.minimum(np.log(threshold + quantiles), 0.0) + highest
    return smoothed, k
