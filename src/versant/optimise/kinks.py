"""Steps along a kink: where a function is the larger of two smooth ones, and its minimum lies where they are equal.

A Newton step s from x, with f, g, H there, led across a switch to f⁺, g⁺, H⁺, where f is larger. Both sides are
extended by their quadratic models; their difference along the step,

    D(0) = f⁺ - g⁺ᵀs + ½ sᵀH⁺s - f < 0,        D(1) = f⁺ - f - gᵀs - ½ sᵀHs > 0,

is zero at τ = D(0) / (D(0) - D(1)), and there has the gradient n = (g⁺ - (1-τ) H⁺s) - (g + τ H s). To first order the
switch is the plane nᵀ(y - τ s) = 0. The minimum of the model on it is Newton's step with the multiplier λ of the plane:

    y = -H⁻¹ (g + λ n),    λ = -(τ nᵀs + nᵀH⁻¹g) / (nᵀH⁻¹n).

With λ between 0 and 1, g + λ n is a subgradient of the larger of the two, so that y leads to a minimum on the kink;
else y leads nowhere and is not taken. Repeated from either side, such steps converge like Newton's.

Source: Nocedal & Wright 2006, *Numerical optimization*, chapter 18 (equality-constrained Newton steps); Lemaréchal,
Oustry and Sagastizábal 2000, *The U-Lagrangian of a convex function*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kink_steps"]

Array = NDArray[Any]

Side = tuple[Array, Array, Array]
"""Values (M,), gradients (M, K) and Hessians (M, K, K) on one side."""


def kink_steps(
    here: Side, there: Side, step: Array, solve: Callable[[Array, Array], Array]
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the steps to minima on kinks.

    Parameters
    ----------
    here, there : Side
        Before and after the step.
    step : (M, K) array
    solve : callable
        (Hessians, vectors) → -H⁻¹ v of each, with H made positive definite.

    Returns
    -------
    steps : (M, K) array
    found : (M,) bool array
        Where there is a kink between the two points, with a minimum on it.
    """
    (f, g, h), (f_there, g_there, h_there) = here, there
    with np.errstate(all="ignore"):
        bent, bent_there = np.einsum("mij,mj->mi", h, step), np.einsum("mij,mj->mi", h_there, step)
        at_start = f_there - _dot(g_there, step) + 0.5 * _dot(bent_there, step) - f
        at_end = f_there - f - _dot(g, step) - 0.5 * _dot(bent, step)
        share = (at_start / (at_start - at_end))[:, None]
        normal = (g_there - (1 - share) * bent_there) - (g + share * bent)
        free, along = solve(h, g), solve(h, normal)
        multiplier = (share[:, 0] * _dot(normal, step) - _dot(normal, free)) / _dot(normal, along)
        steps = free + multiplier[:, None] * along
        found = (at_start < 0) & (at_end > 0) & (multiplier > 0) & (multiplier < 1)
    return steps, np.asarray(found & np.isfinite(steps).all(axis=1))


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("mk,mk->m", a, b))
