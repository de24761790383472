"""The joint posterior of a group and its subjects, as one function of one unconstrained vector.

    z_n = D_n b + S C x_n,     x_n ~ N(0, 1) per parameter (non-centred)
    S = diag(exp τ_k): standard deviations between subjects;  C: Cholesky factor of their correlations

Row i of C is (a_i, 1) / √(1 + |a_i|²) with a_i of i - 1 free entries, so that the prior LKJ(η) of the correlations is

    log p(a) = -½ (K + 2η - 1) Σ_i log(1 + |a_i|²)

Priors: effects b ~ N(centre, width²) of their parameter, where a mean takes the centre and width of the parameter's
default prior and other effects centre 0; standard deviations half-normal(s), in unconstrained units. The vector holds
b, τ, a, then x row by row. Everything is differentiated by hand:

    G_n = ∂ℓ_n/∂z_n,    ∂/∂b = Σ D_nᵀ G_n,    ∂/∂x_n = Cᵀ S G_n - x_n
    ∂/∂τ_k = Σ_n G_nk (z_n - D_n b)_k,        ∂/∂C = Σ_n S G_n x_nᵀ,        ∂/∂b_f = Σ_n ∂ℓ_n/∂b_f

With conditions, shared or known parameters, z_n are the coefficients that vary, and b_f the fixed effects
(`versant.inference.cells`).

Source: Lewandowski, Kurowicka & Joe 2009; Betancourt & Girolami 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.cells import JointLikelihood
from versant.inference.design import GroupDesign
from versant.inference.likelihood import Derivatives
from versant.inference.objective import Evaluates

__all__ = ["GroupPosteriorDensity", "Unpacked"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Unpacked:
    """What one vector stands for."""

    effects: Array  # (P,), b
    sd: Array  # (K,)
    root: Array  # (K, K), C
    free: Array  # (K, K), a below the diagonal, ones on it
    standard: Array  # (N, K), x
    z: Array  # (N, K)

    @property
    def correlation(self) -> Array:
        """Correlations between subjects, (K, K)."""
        return np.asarray(self.root @ self.root.T)


@dataclass(frozen=True)
class GroupPosteriorDensity:
    """The log density of the joint posterior.

    Parameters
    ----------
    likelihood : Evaluates
    design : GroupDesign
    centre, width : (P,) arrays
        Of the effects' Gaussian priors.
    concentration : float
        η of the LKJ prior.
    scale : float
        s of the standard deviations' prior.
    diagonal : bool
        Whether subjects' parameters are uncorrelated.
    """

    likelihood: Evaluates | JointLikelihood
    design: GroupDesign
    centre: Array  # (P,)
    width: Array  # (P,)
    concentration: float = 2.0
    scale: float = 1.0
    diagonal: bool = False

    @property
    def size(self) -> int:
        """What varies between subjects, K."""
        return self.design.n_varying

    @cached_property
    def below(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the free entries a."""
        rows, columns = np.tril_indices(0 if self.diagonal else self.size, -1)
        return rows, columns

    @property
    def n_dimensions(self) -> int:
        """Length of the vector."""
        return len(self.centre) + self.size + len(self.below[0]) + self.design.n_subjects * self.size

    def unpack(self, vector: Array) -> Unpacked:
        """Return what a vector stands for."""
        count, size = len(self.centre), self.size
        effects, tau = vector[:count], vector[count : count + size]
        free = np.eye(size)
        free[self.below] = vector[count + size : count + size + len(self.below[0])]
        root = free / np.sqrt((free**2).sum(axis=1, keepdims=True))
        standard = vector[count + size + len(self.below[0]) :].reshape(-1, size)
        sd = np.exp(tau)
        return Unpacked(
            effects, sd, root, free, standard, self.design.means(effects) + standard @ (sd[:, None] * root).T
        )

    def pack(self, effects: Array, covariance: Array, z: Array) -> Array:
        """Return the vector of effects (P,), a covariance (K, K) and subjects' parameters (N, K)."""
        sd = np.sqrt(np.diag(covariance))
        kept = np.diag(sd**2) if self.diagonal else covariance
        root = np.linalg.cholesky(kept / np.outer(sd, sd))
        free = root / np.diag(root)[:, None]
        standard = np.linalg.solve(sd[:, None] * root, (z - self.design.means(effects)).T).T
        return np.concatenate([effects, np.log(sd), free[self.below], standard.ravel()])

    def log_likelihood(self, vector: Array) -> Array:
        """Return the log-likelihood of every subject, (N,)."""
        return self._likelihood(self.unpack(vector), 0).value

    def _likelihood(self, now: Unpacked, order: int) -> Derivatives:
        v, everyone = now.z, np.arange(self.design.n_subjects)
        if isinstance(self.likelihood, JointLikelihood):
            v = np.concatenate([v, np.tile(now.effects[self.design.fixed], (len(v), 1))], axis=1)
        return self.likelihood.evaluate(v, everyone, order)

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """Return the log density and its gradient."""
        now = self.unpack(vector)
        likelihood = self._likelihood(now, 1)
        slope = likelihood.gradient[:, : self.size]  # G
        scaled = slope * now.sd
        in_effects = np.einsum("nkp,nk->p", self.design.stacked, slope) - (now.effects - self.centre) / self.width**2
        in_tau = (slope * (now.z - self.design.means(now.effects))).sum(axis=0) - (now.sd / self.scale) ** 2 + 1.0
        in_effects[self.design.fixed] += likelihood.gradient[:, self.size :].sum(axis=0)
        norm = np.sqrt((now.free**2).sum(axis=1, keepdims=True))
        in_root = np.tril(scaled.T @ now.standard)
        in_free = (in_root - now.root * (in_root * now.root).sum(axis=1, keepdims=True)) / norm
        power = self.size + 2.0 * self.concentration - 1.0
        in_free -= power * now.free / norm**2
        in_standard = scaled @ now.root - now.standard
        value = likelihood.value.sum() - 0.5 * (now.standard**2).sum() - 0.5 * now.standard.size * math.log(2 * math.pi)
        value += (-0.5 * ((now.effects - self.centre) / self.width) ** 2 - np.log(self.width)).sum()
        value -= 0.5 * len(self.centre) * math.log(2 * math.pi)
        value += (np.log(now.sd / self.scale) - 0.5 * (now.sd / self.scale) ** 2).sum()
        value += 0.5 * self.size * math.log(2 / math.pi)
        value -= 0.0 if self.diagonal else 0.5 * power * np.log(norm**2).sum()
        gradient = np.concatenate([in_effects, in_tau, in_free[self.below], in_standard.ravel()])
        return float(value), gradient
