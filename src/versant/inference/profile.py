"""Profile likelihoods: how far each parameter can be moved while all others do their best to make up for it.

For a subject's log-likelihood ℓ and parameter k,

    PL_k(c) = max { ℓ(z) : z_k = c },      D_k(c) = max ℓ - PL_k(c) ≥ 0
    interval of level p:  { c : D_k(c) ≤ ½ χ²_1(p) }       (likelihood ratio; no prior, no quadratic approximation)

Subjects × parameters × sides run as lanes of one batch: each walks away from the maximum in growing steps, the other
parameters maximised anew at every step from where they stood (and from the prior's centre), until D passes the bound;
the crossing is then closed in on. Where it is not passed within `reach` prior standard deviations of the prior's
centre, the interval is open on that side: the data do not bound the parameter there.

Source: Raue et al. 2009; Venzon & Moolgavkar 1988.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.objective import Evaluates
from versant.inference.prior import Prior
from versant.optimise.newton import minimise_batch
from versant.progress import Progress, silent

__all__ = ["Profiles", "maximise_others", "profile_likelihoods"]

Array = NDArray[Any]
Index = NDArray[np.int64]

FIRST_STEP, GROWTH = 0.1, 1.6
"""Of the walk: in prior standard deviations, and from step to step."""

CLOSE = 1e-4
"""An end of an interval is found when D is this close to the bound, as a share of it."""

HIGHER = 1e-6
"""A profile that climbs above the maximum by more than this shows that the maximum was none."""

TOLERANCE = 1e-6
"""On the scaled gradient of the other parameters: D is then wrong by its square."""

ROUNDS, CLOSING, ITERATIONS = 3, 40, 60


@dataclass(frozen=True)
class Profiles:
    """Profile likelihoods of N subjects' K parameters."""

    peak: Array  # (N, K), maximum of the likelihood
    log_likelihood: Array  # (N,), there
    bound: float  # ½ χ²
    lower: Array  # (N, K), ends of the intervals; -∞ or ∞ where open, NaN where ℓ is no number
    upper: Array  # (N, K)
    points: Array  # (N, K, P), where the profile was evaluated, ascending
    drop: Array  # (N, K, P), D there


@dataclass
class _Lanes:
    """Walks away from maxima: M = N · K · 2 lanes."""

    subject: Index  # (M,)
    fixed: Index  # (M,), k
    side: Index  # (M,), -1 or 1
    edge: Array  # (M,), where the walk ends
    inner: Array  # (M,), c farthest out with D within the bound
    inner_z: Array  # (M, K)
    inner_drop: Array  # (M,)
    outer: Array  # (M,), c with D beyond it; NaN while there is none
    outer_drop: Array  # (M,)


def maximise_others(
    likelihood: Evaluates, subjects: Index, fixed: Index, values: Array, starts: Array
) -> tuple[Array, Array]:
    """Maximise ℓ of each lane over all parameters but one.

    Parameters
    ----------
    likelihood : Evaluates
    subjects : (M,) int array
        Whose data each lane uses.
    fixed : (M,) int array
        Which parameter is held.
    values : (M,) array
        Where.
    starts : (M, K) array

    Returns
    -------
    log_likelihood : (M,) array
    z : (M, K) array
    """
    count, size = starts.shape
    at = starts.copy()
    at[np.arange(count), fixed] = values
    if size == 1:
        return likelihood.evaluate(at, subjects, 0).value, at
    free = np.array([[j for j in range(size) if j != k] for k in range(size)])[fixed]  # (M, K - 1)

    def function(x: Array, which: Index) -> tuple[Array, Array, Array]:
        rows, z = free[which], at[which]
        np.put_along_axis(z, rows, x, axis=1)
        d = likelihood.evaluate(z, subjects[which], 2)
        block = d.hessian[np.arange(len(which))[:, None, None], rows[:, :, None], rows[:, None, :]]
        return -d.value, -np.take_along_axis(d.gradient, rows, axis=1), -block

    ends = minimise_batch(function, np.take_along_axis(at, free, axis=1), tolerance=TOLERANCE, iterations=ITERATIONS)
    np.put_along_axis(at, free, ends.points, axis=1)
    return -ends.values, at


def profile_likelihoods(
    likelihood: Evaluates,
    peak: Array,
    prior: Prior,
    bound: float,
    *,
    reach: float = 4.0,
    points: int = 21,
    progress: Progress = silent,
) -> Profiles:
    """Profile every parameter of every subject.

    Parameters
    ----------
    likelihood : Evaluates
    peak : (N, K) array
        Maxima of the likelihood, or near them: where a profile climbs higher, it starts again from there.
    prior : Prior
        Its centre and standard deviations say how far to look, and nothing else.
    bound : float
        ½ χ²_1 of the level.
    reach : float
        How far, in standard deviations of the prior.
    points : int
        P, evaluations of each profile for a curve, from a little below its interval to a little above.
    progress : Progress
    """
    peak = peak.copy()
    for _ in range(ROUNDS):
        top = likelihood.evaluate(peak, np.arange(len(peak)), 0).value
        lanes = _walk(likelihood, peak, top, prior, bound, reach, progress)
        values = top[lanes.subject] - lanes.inner_drop
        higher = np.flatnonzero(lanes.inner_drop < -HIGHER)
        if not len(higher):
            break
        for lane in higher[np.argsort(values[higher])]:  # the highest of a subject comes last
            peak[lanes.subject[lane]] = lanes.inner_z[lane]
        peak = _climb(likelihood, peak)
    _close_in(likelihood, lanes, top, bound)
    progress(1, 1, "profiles")
    lower, upper = (_ends(lanes, side).reshape(peak.shape) for side in (-1, 1))
    return _curves(likelihood, lanes, peak, top, bound, lower, upper, points)


def _climb(likelihood: Evaluates, peak: Array) -> Array:
    def function(z: Array, which: Index) -> tuple[Array, Array, Array]:
        d = likelihood.evaluate(z, which, 2)
        return -d.value, -d.gradient, -d.hessian

    return minimise_batch(function, peak, iterations=ITERATIONS).points


def _walk(
    likelihood: Evaluates, peak: Array, top: Array, prior: Prior, bound: float, reach: float, progress: Progress
) -> _Lanes:
    """Walk from the maxima to the bound, or to the edge."""
    subjects, size = peak.shape
    subject, fixed, side = (part.ravel() for part in np.indices((subjects, size, 2)))
    side = 2 * side - 1
    sd = np.sqrt(np.diag(prior.covariance))
    edge = prior.mean[fixed] + side * reach * sd[fixed]
    inner = peak[subject, fixed]
    count, nothing = len(subject), np.full(len(subject), np.nan)
    lanes = _Lanes(subject, fixed, side, edge, inner, peak[subject], np.zeros(count), nothing.copy(), nothing)
    walking = np.flatnonzero((side * (edge - inner) > 0) & np.isfinite(top[subject]))
    step = FIRST_STEP
    while len(walking):
        progress(count - len(walking), count, "profiles")
        at = lanes.inner[walking] + side[walking] * step * sd[fixed[walking]]
        at = np.where(side[walking] * (edge[walking] - at) > 0, at, edge[walking])
        drop, z = _drops(likelihood, lanes, walking, at, top, prior)
        beyond = ~(drop <= bound)  # where ℓ is no number, too
        lanes.outer[walking[beyond]], lanes.outer_drop[walking[beyond]] = at[beyond], drop[beyond]
        inside = walking[~beyond]
        lanes.inner[inside], lanes.inner_drop[inside], lanes.inner_z[inside] = at[~beyond], drop[~beyond], z[~beyond]
        walking = inside[lanes.inner[inside] != edge[inside]]
        step *= GROWTH
    return lanes


def _drops(
    likelihood: Evaluates, lanes: _Lanes, which: Index, at: Array, top: Array, prior: Prior | None = None
) -> tuple[Array, Array]:
    """Return D at given values and the points there; with a prior, its centre is a second start."""
    subject, fixed = lanes.subject[which], lanes.fixed[which]
    value, z = maximise_others(likelihood, subject, fixed, at, lanes.inner_z[which])
    if prior is not None and z.shape[1] > 1:
        centre = np.tile(prior.mean, (len(which), 1))
        other, other_z = maximise_others(likelihood, subject, fixed, at, centre)
        better = other > value
        value, z = np.where(better, other, value), np.where(better[:, None], other_z, z)
    return top[subject] - value, z


def _close_in(likelihood: Evaluates, lanes: _Lanes, top: Array, bound: float) -> None:
    """Close in on where D crosses the bound: regula falsi on √D, which is nearly linear, with bisections between."""
    left = np.flatnonzero(np.isfinite(lanes.outer))
    for turn in range(CLOSING):
        near = np.abs(lanes.inner_drop[left] - bound) <= CLOSE * bound
        left = left[~near & (np.abs(lanes.outer[left] - lanes.inner[left]) > 1e-9)]
        if not len(left):
            break
        low, high = np.sqrt(np.maximum(lanes.inner_drop[left], 0.0)), np.sqrt(lanes.outer_drop[left])
        share = (np.sqrt(bound * (1.0 - 0.3 * CLOSE)) - low) / (high - low)
        usable = (turn % 3 != 2) & np.isfinite(share) & (share > 0.0) & (share < 1.0)
        share = np.where(usable, share, 0.5)
        at = lanes.inner[left] + share * (lanes.outer[left] - lanes.inner[left])
        drop, z = _drops(likelihood, lanes, left, at, top)
        beyond = ~(drop <= bound)
        out, inside = left[beyond], left[~beyond]
        lanes.outer[out], lanes.outer_drop[out] = at[beyond], drop[beyond]
        lanes.inner[inside], lanes.inner_drop[inside], lanes.inner_z[inside] = at[~beyond], drop[~beyond], z[~beyond]


def _ends(lanes: _Lanes, side: int) -> Array:
    """Return the ends on one side: infinite where the walk met no bound."""
    chosen = lanes.side == side
    return np.where(np.isfinite(lanes.outer[chosen]), lanes.inner[chosen], side * np.inf)


def _curves(
    likelihood: Evaluates,
    lanes: _Lanes,
    peak: Array,
    top: Array,
    bound: float,
    lower: Array,
    upper: Array,
    points: int,
) -> Profiles:
    """Evaluate the profiles on grids around their intervals, from starts between the maximum and the ends."""
    subjects, size = peak.shape
    shape = (subjects, size, 2)
    ends, end_z = lanes.inner.reshape(shape), lanes.inner_z.reshape(*shape, size)
    margin = 0.2 * (ends[..., 1] - ends[..., 0])
    low = ends[..., 0] - np.where(np.isfinite(lower), margin, 0.0)
    high = ends[..., 1] + np.where(np.isfinite(upper), margin, 0.0)
    grid = low[..., None] + np.linspace(0.0, 1.0, points) * (high - low)[..., None]  # (N, K, P)
    right = (grid >= peak[..., None]).astype(np.int64)
    target = np.take_along_axis(ends, right, axis=2)
    span = target - peak[..., None]
    share = np.divide(grid - peak[..., None], span, out=np.zeros_like(grid), where=span != 0)
    subject, fixed, _ = (part.ravel() for part in np.indices(grid.shape))
    towards = end_z[subject, fixed, right.ravel()]
    starts = peak[subject] + share.ravel()[:, None] * (towards - peak[subject])
    value, _z = maximise_others(likelihood, subject, fixed, grid.ravel(), starts)
    drop = (top[subject] - value).reshape(grid.shape)
    undefined = ~np.isfinite(top)[:, None]
    lower, upper = np.where(undefined, np.nan, lower), np.where(undefined, np.nan, upper)
    return Profiles(peak, top, bound, lower, upper, grid, drop)
