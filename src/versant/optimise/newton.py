"""Newton's method for many small problems at once.

Each problem minimises its own smooth f(z), z in R^K, given gradient g and exact Hessian H. The step solves
(L |D| Lᵀ) s = -g, where H = L D Lᵀ and |D| holds the absolute pivots, floored: a descent direction wherever H is not
positive definite, and Newton's step where it is. Steps are clipped to a trust radius and accepted on sufficient
decrease (Armijo). Problems that are done leave the working set, so that the last hard ones do not cost the work of all.

A step that is refused may have crossed a kink (a maximum of two values, say), where the gradient does not vanish: the
next one then is the step to a minimum on the kink (`versant.optimise.kinks`), if there is one. A problem on a kink
ends as ``stalled``, and it is for the caller to say why. Nothing here claims success: the caller verifies the point
returned.

References
----------
Nocedal & Wright (2006), Numerical Optimization, chapters 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.optimise.kinks import Side, kink_steps

__all__ = ["BatchMinima", "Function", "StopReason", "minimise_batch", "scaled_gradient"]

Array = NDArray[Any]

COMPACT_BELOW = 0.6
"""The working set shrinks when fewer than this share of it is still active."""

STALLED_AFTER = 4
"""So many steps in a row that decrease f by rounding errors only are no progress."""

SHORT = 0.5
"""Longer steps are refused for many reasons; of shorter ones, a kink is the likeliest."""

ON_KINK, CLOSE = 1e-8, 1e-5
"""A problem is on a kink if the step to it is shorter than the first, as seen by a step shorter than the second."""

Function = Callable[[Array, NDArray[np.int64]], tuple[Array, Array, Array]]
"""(points (M, K), which problems (M,)) → values (M,), gradients (M, K), Hessians (M, K, K)."""


class StopReason(IntEnum):
    """Why the iteration of one problem ended; what it means for the answer is decided elsewhere."""

    GRADIENT = 0  # the scaled gradient is below tolerance
    STALLED = 1  # no step decreases f any more, though the gradient is not small
    ITERATIONS = 2  # the iteration limit was reached
    UNDEFINED = 3  # f, g or H is not finite at the start


@dataclass(frozen=True)
class BatchMinima:
    """Where each problem ended."""

    points: Array  # (M, K)
    values: Array  # (M,)
    gradients: Array  # (M, K)
    hessians: Array  # (M, K, K)
    reasons: NDArray[np.int64]  # (M,) StopReason
    iterations: int
    evaluations: int


@dataclass
class _State:
    points: Array
    values: Array
    gradients: Array
    hessians: Array
    radius: Array
    stalled: Array
    reasons: NDArray[np.int64]
    kink_steps: Array  # (M, K), to be tried next where not zero


def scaled_gradient(values: Array, gradients: Array) -> Array:
    """Return max_i |g_i| / max(1, |f|) of each problem, (M,)."""
    scaled: Array = np.abs(gradients).max(axis=1) / np.maximum(1.0, np.abs(values))
    return scaled


def minimise_batch(
    function: Function,
    starts: Array,
    *,
    tolerance: float = 1e-9,
    iterations: int = 200,
    radius: float = 2.0,
    largest_radius: float = 8.0,
) -> BatchMinima:
    """Minimise many problems, each from its own start.

    Parameters
    ----------
    function : callable
        See `Function`; called on the working set only.
    starts : (M, K) array
    tolerance : float
        On `scaled_gradient`.
    iterations : int
        Limit.
    radius, largest_radius : float
        First and largest length of a step, in the largest coordinate.

    Returns
    -------
    BatchMinima

    Examples
    --------
    >>> import numpy as np
    >>> def bowl(z, which):
    ...     return (z**2).sum(1), 2 * z, np.tile(2 * np.eye(2), (len(z), 1, 1))
    >>> minimise_batch(bowl, np.array([[3.0, 1.0], [5.0, -2.0]])).values
    array([0., 0.])
    """
    count = len(starts)
    everyone = np.arange(count)
    f, g, h = function(starts, everyone)
    reasons = np.full(count, StopReason.ITERATIONS)
    now = _State(starts.copy(), f, g, h, np.full(count, radius), np.zeros(count), reasons, np.zeros_like(starts))
    active = _retire(now, everyone, tolerance)
    done, evaluations, working = 0, count, everyone
    while len(active) and done < iterations:
        if len(active) < COMPACT_BELOW * len(working):
            working = active
        evaluations += len(working)
        _advance(function, now, active, working, largest_radius)
        active = _retire(now, active, tolerance)
        done += 1
    return BatchMinima(now.points, now.values, now.gradients, now.hessians, now.reasons, done, evaluations)


def _advance(
    function: Function, now: _State, active: NDArray[np.int64], working: NDArray[np.int64], largest_radius: float
) -> None:
    """Try one step of every active problem; keep those that decrease f enough.

    The function is called on the working set, which changes seldom: what it prepared for these problems stays valid.
    """
    on_kink: NDArray[np.bool_] = np.any(now.kink_steps[active] != 0.0, axis=1)
    step = np.where(on_kink[:, None], now.kink_steps[active], newton_step(now.hessians[active], now.gradients[active]))
    now.kink_steps[active] = 0.0
    length = np.abs(step).max(axis=1)
    room = np.where(on_kink, largest_radius, now.radius[active])
    step *= np.minimum(1.0, room / np.maximum(length, 1e-300))[:, None]
    length = np.abs(step).max(axis=1)
    slope = np.einsum("mk,mk->m", now.gradients[active], step)
    place = np.searchsorted(working, active)
    points = now.points[working]
    points[place] += step
    f, g, h = (result[place] for result in function(points, working))
    defined = np.isfinite(f) & np.isfinite(g).all(axis=1) & np.isfinite(h).all(axis=(1, 2))
    old = now.values[active]
    noise = 4e-15 * np.maximum(1.0, np.abs(old))
    smaller = np.abs(g).max(axis=1) < np.abs(now.gradients[active]).max(axis=1)
    good = defined & ((f <= old + 1e-4 * np.minimum(slope, 0.0)) | ((f <= old + noise) & smaller))
    taken, kept = active[good], active[~good]
    now.stalled[taken] = np.where(old[good] - f[good] <= noise[good], now.stalled[taken] + 1, 0)
    now.points[taken] += step[good]
    now.values[taken], now.gradients[taken], now.hessians[taken] = f[good], g[good], h[good]
    now.radius[taken] = np.minimum(np.maximum(now.radius[taken], 2.0 * length[good]), largest_radius)
    now.radius[kept] = 0.25 * np.where(on_kink[~good], now.radius[kept], length[~good])
    refused = ~good & defined & ~on_kink & (length < SHORT)
    _look_for_kinks(now, active[refused], step[refused], (f[refused], g[refused], h[refused]))


def _look_for_kinks(now: _State, refused: NDArray[np.int64], step: Array, there: Side) -> None:
    """Note the steps along kinks that refused steps crossed; a problem that is at a minimum on one is stalled.

    A kink is only known as exactly as the two sides' models hold over the step: where the problem seems to be on it,
    shorter steps have to say so too.
    """
    if not len(refused):
        return
    here = now.values[refused], now.gradients[refused], now.hessians[refused]
    steps, found = kink_steps(here, there, step, newton_steps)
    crossed = np.abs(step).max(axis=1)
    on_it = found & (np.abs(steps).max(axis=1) < ON_KINK)
    now.stalled[refused[on_it & (crossed < CLOSE)]] = STALLED_AFTER
    now.radius[refused[on_it]] = 0.01 * crossed[on_it]
    beside = found & ~on_it
    now.kink_steps[refused[beside]] = steps[beside]
    now.radius[refused[beside]] = crossed[beside]  # shortened only if that step is refused too


def _retire(now: _State, active: NDArray[np.int64], tolerance: float) -> NDArray[np.int64]:
    """Take out the problems that are done, note why, and return the rest."""
    f, g = now.values[active], now.gradients[active]
    undefined = ~(np.isfinite(f) & np.isfinite(g).all(axis=1) & np.isfinite(now.hessians[active]).all(axis=(1, 2)))
    with np.errstate(invalid="ignore"):
        flat = scaled_gradient(f, g) <= tolerance
    stuck = (now.radius[active] < 1e-13 * (1.0 + np.abs(now.points[active]).max(axis=1))) | (
        now.stalled[active] >= STALLED_AFTER
    )
    now.reasons[active[stuck]] = StopReason.STALLED
    now.reasons[active[flat]] = StopReason.GRADIENT
    now.reasons[active[undefined]] = StopReason.UNDEFINED
    rest: NDArray[np.int64] = active[~(flat | stuck | undefined)]
    return rest


def newton_step(hessians: Array, gradients: Array, floor: float = 1e-3) -> Array:
    """Return -(L |D| Lᵀ)⁻¹ g of each problem, with pivots of at least `floor` in size.

    Parameters
    ----------
    hessians : (M, K, K) array, symmetric
    gradients : (M, K) array
    floor : float

    Returns
    -------
    (M, K) array
    """
    return newton_steps(hessians, (gradients,), floor)[0]


def newton_steps(hessians: Array, vectors: Sequence[Array], floor: float = 1e-3) -> list[Array]:
    """Return `newton_step` for several vectors in the place of the gradient."""
    size = hessians.shape[1]
    h = np.ascontiguousarray(hessians.transpose(1, 2, 0))  # the batch runs along memory
    lower: list[list[Array]] = [[] for _ in range(size)]
    pivots: list[Array] = []
    for j in range(size):
        pivot = h[j, j].copy()
        for k in range(j):
            pivot -= lower[j][k] ** 2 * pivots[k]
        pivots.append(np.maximum(np.abs(pivot), floor))
        for i in range(j + 1, size):
            entry = h[i, j].copy()
            for k in range(j):
                entry -= lower[i][k] * lower[j][k] * pivots[k]
            lower[i].append(entry / pivots[j])
    return [_substituted(lower, pivots, vector) for vector in vectors]


def _substituted(lower: list[list[Array]], pivots: list[Array], vector: Array) -> Array:
    size = len(pivots)
    x = [-vector[:, j] for j in range(size)]
    for i in range(size):
        for k in range(i):
            x[i] = x[i] - lower[i][k] * x[k]
    x = [x[i] / pivots[i] for i in range(size)]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            x[i] = x[i] - lower[k][i] * x[k]
    return np.stack(x, axis=1)
