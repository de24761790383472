"""Steps along a kink: where a function is the larger of two smooth ones, and its minimum lies where they are equal.

A Newton step s from x, with f, g, H there, led across a switch to f⁺, g⁺, H⁺, where f is larger. Both sides are
extended by their quadratic models,

    a(y) = f + gᵀy + ½ yᵀH y,        b(y) = f⁺ + g⁺ᵀ(y-s) + ½ (y-s)ᵀH⁺(y-s),

of which a is the larger one at x and b the larger one at x + s. The larger of the two is least where they are equal, at
a stationary point of (1-λ) a + λ b; it is found by Newton's method for constrained problems,

    y ← y + Δ,    W Δ = -(∇a + λ n),    nᵀΔ = a - b,    n = ∇b - ∇a,    W = (1-λ) H + λ H⁺,

begun where the step crosses the switch. With λ between 0 and 1, ∇a + λ n is a subgradient of the larger of the two, so
that y leads to a minimum on the kink; else y leads nowhere and is not taken.

Sources: Nocedal & Wright 2006, *Numerical optimization*, chapter 18; Womersley & Fletcher 1986, *An algorithm for
composite nonsmooth optimization problems*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Side", "kink_steps"]

Array = NDArray[Any]

Side = tuple[Array, Array, Array]
"""Values (M,), gradients (M, K) and Hessians (M, K, K) on one side."""

Solve = Callable[[Array, Sequence[Array]], list[Array]]

ROUNDS = 4


def kink_steps(here: Side, there: Side, step: Array, solve: Solve) -> tuple[Array, NDArray[np.bool_]]:
    """Return the steps to minima on kinks.

    Parameters
    ----------
    here, there : Side
        Before and after the step.
    step : (M, K) array
    solve : callable
        (Hessians (M, K, K), several (M, K) arrays v) → -H⁻¹ v for each of these, with H made positive definite.

    Returns
    -------
    steps : (M, K) array
    found : (M,) bool array
        Where there is a kink between the two points, with a minimum on it.
    """
    steps, found = np.zeros_like(step), np.zeros(len(step), dtype=bool)
    with np.errstate(all="ignore"):
        at_start = _model(there, -step)[0] - here[0]
        at_end = there[0] - _model(here, step)[0]
        crossed = np.flatnonzero((at_start < 0) & (at_end > 0))
        share = at_start[crossed] / (at_start[crossed] - at_end[crossed])
        steps[crossed], found[crossed] = _along_kinks(
            _of(here, crossed), _of(there, crossed), step[crossed], share, solve
        )
    return steps, found


def _along_kinks(here: Side, there: Side, step: Array, share: Array, solve: Solve) -> tuple[Array, NDArray[np.bool_]]:
    y, multiplier = share[:, None] * step, np.full(len(step), 0.5)
    for _ in range(ROUNDS):
        (a, to_a), (b, to_b) = _model(here, y), _model(there, y - step)
        weight = np.clip(multiplier, 0.0, 1.0)[:, None, None]
        bend, normal = (1 - weight) * here[2] + weight * there[2], to_b - to_a
        free, along = solve(bend, (to_a, normal))
        multiplier = (a - b - _dot(normal, free)) / _dot(normal, along)
        y = y + free + multiplier[:, None] * along
    found = (multiplier > 0) & (multiplier < 1) & (_model(here, y)[0] <= here[0]) & np.isfinite(y).all(axis=1)
    return y, np.asarray(found)


def _of(side: Side, problems: NDArray[np.int64]) -> Side:
    value, gradient, hessian = side
    return value[problems], gradient[problems], hessian[problems]


def _model(side: Side, y: Array) -> tuple[Array, Array]:
    """Return the value and the gradient of a side's quadratic model at y."""
    value, gradient, hessian = side
    bent = np.einsum("mij,mj->mi", hessian, y)
    return value + _dot(gradient, y) + 0.5 * _dot(bent, y), gradient + bent


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("mk,mk->m", a, b))
