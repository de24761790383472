"""Laplace's approximation of many subjects' posteriors, with what its derivatives need.

With prior N(m, Σ), mode ẑ of log p(A, z) and H = -∂² log p(A, z) at ẑ,

    log p(A | m, Σ) ≈ L = log p(A, ẑ | m, Σ) + K/2 log 2π - ½ log|H|,      V = H⁻¹

The mode moves with (m, Σ), and so does log|H|. With the third derivatives T of the log-likelihood,

    c_k = -Σ_ij V_ij T_ijk,      dL = ∂ log N(ẑ; m, Σ) - ½ tr(V dΣ⁻¹) - ½ cᵀ dẑ,      dẑ = -V d[Σ⁻¹ (z - m)]

so that one vector c a subject, from differences of exact Hessians along each parameter, gives the exact gradient of L.
V c / 2 is also how far the posterior's mean lies below its mode, to the next order (Tierney & Kadane 1986).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.objective import Evaluates, negative_log_posterior
from versant.inference.prior import SubjectPriors
from versant.optimise.newton import minimise_batch

__all__ = ["Laplace", "approximate", "expand", "third_order"]

Array = NDArray[Any]

STEP = 1e-4
"""Of the differences of Hessians, in unconstrained units."""


@dataclass(frozen=True)
class Laplace:
    """Gaussian approximations of M posteriors.

    Where the Hessian is not positive definite (`definite` is false), its eigenvalues are replaced by their absolute
    values, not below the smallest of the prior's precision: such lanes can be worked with, and are to be reported.
    """

    modes: Array  # (M, K)
    covariance: Array  # (M, K, K), V
    log_joint: Array  # (M,), log p(A, ẑ)
    evidence: Array  # (M,), L
    definite: NDArray[np.bool_]  # (M,)


def approximate(likelihood: Evaluates, priors: SubjectPriors, subjects: NDArray[np.int64], starts: Array) -> Laplace:
    """Find the mode of each lane's posterior, from one start each, and expand there.

    Parameters
    ----------
    likelihood : Evaluates
    priors : SubjectPriors
        One a lane, in the lanes' order.
    subjects : (M,) int array
        Whose data each lane uses.
    starts : (M, K) array
    """

    def function(z: Array, which: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        f = negative_log_posterior(likelihood, None, z, subjects[which], 2)
        lanes = priors.of(which)
        return f.value - lanes.log_density(z), f.gradient - lanes.gradient(z), f.hessian + lanes.precision

    ends = minimise_batch(function, starts)
    return _expanded(ends.points, ends.values, ends.hessians, priors)


def expand(
    likelihood: Evaluates, priors: SubjectPriors, subjects: NDArray[np.int64], z: Array, engine: Engine | None = None
) -> Laplace:
    """Expand at given points, which need not be modes; see `approximate`."""
    f = negative_log_posterior(likelihood, None, z, subjects, 2, engine)
    return _expanded(z, f.value - priors.log_density(z), f.hessian + priors.precision, priors)


def _expanded(z: Array, values: Array, hessians: Array, priors: SubjectPriors) -> Laplace:
    size = z.shape[1]
    finite = np.isfinite(hessians).all(axis=(1, 2)) & np.isfinite(values)
    eigenvalues, vectors = np.linalg.eigh(np.where(finite[:, None, None], hessians, np.eye(size)))
    floor = np.linalg.eigvalsh(priors.precision)[..., :1]
    definite = finite & (eigenvalues[:, 0] > 1e-10 * np.maximum(1.0, eigenvalues[:, -1]))
    eigenvalues = np.where(definite[:, None], eigenvalues, np.maximum(np.abs(eigenvalues), floor))
    covariance = np.einsum("mik,mk,mjk->mij", vectors, 1.0 / eigenvalues, vectors)
    evidence = -values + 0.5 * size * math.log(2 * math.pi) - 0.5 * np.log(eigenvalues).sum(axis=1)
    return Laplace(z, covariance, -values, evidence, definite)


def third_order(
    likelihood: Evaluates,
    subjects: NDArray[np.int64],
    laplace: Laplace,
    engine: Engine | None = None,
    fixed: Array | None = None,
) -> Array:
    """Return c of each lane, (M, K): see the module's equations.

    Zero where the lane's Hessian is not positive definite. With `fixed` (M, F), the likelihood is one of K + F
    variables of which the last F stand there, and c is (M, K + F): the slopes of log|H| along all of them.
    """
    points = laplace.modes if fixed is None else np.concatenate([laplace.modes, fixed], axis=1)
    (lanes, size), own = points.shape, laplace.modes.shape[1]
    moved = points[:, None, None] + STEP * np.array([1.0, -1.0])[:, None, None] * np.eye(size)  # (M, 2, K, K)
    d = likelihood.evaluate(moved.reshape(-1, size), np.repeat(subjects, 2 * size), 2, engine)
    hessians = d.hessian.reshape(lanes, 2, size, size, size)[..., :own, :own]
    slopes = (hessians[:, 0] - hessians[:, 1]) / (2.0 * STEP)  # ∂²ℓ along k, (M, K, K, K)
    c = -np.einsum("mij,mkij->mk", laplace.covariance, slopes)
    return np.where(laplace.definite[:, None], c, 0.0)
