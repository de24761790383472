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
from versant.inference.objective import Evaluates
from versant.inference.sample_gradient import NONE, LikelihoodGradient, likelihood_gradient

__all__ = ["GroupPosteriorDensity", "Unpacked"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Unpacked:
    """What one vector stands for; what many do, with their dimensions before those below."""

    effects: Array  # (P,), b
    sd: Array  # (K,)
    root: Array  # (K, K), C
    free: Array  # (K, K), a below the diagonal, ones on it
    standard: Array  # (N, K), x
    z: Array  # (N, K)

    @property
    def correlation(self) -> Array:
        """Correlations between subjects, (K, K)."""
        return np.asarray(self.root @ np.swapaxes(self.root, -1, -2))


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

    @cached_property
    def _identity(self) -> Array:
        return np.eye(self.size)

    @property
    def n_dimensions(self) -> int:
        """Length of the vector."""
        return len(self.centre) + self.size + len(self.below[0]) + self.design.n_subjects * self.size

    @cached_property
    def _flat(self) -> Array:
        """D of all subjects, one below the other, (N K, P)."""
        return self.design.stacked.reshape(-1, len(self.centre))

    def unpack(self, vectors: Array) -> Unpacked:
        """Return what a vector stands for; or many, (…, length), with their dimensions before all others."""
        count, size = len(self.centre), self.size
        start = count + size + len(self.below[0])
        effects, sd = vectors[..., :count], np.exp(vectors[..., count : count + size])
        free = np.empty((*vectors.shape[:-1], size, size))
        free[...] = self._identity
        if len(self.below[0]):
            free[(..., *self.below)] = vectors[..., count + size : start]
        root = free / np.sqrt((free * free).sum(axis=-1, keepdims=True))
        standard = vectors[..., start:].reshape(*vectors.shape[:-1], -1, size)
        away = standard @ np.swapaxes(sd[..., None] * root, -1, -2)
        away += (effects @ self._flat.T).reshape(away.shape)
        return Unpacked(effects, sd, root, free, standard, away)

    def pack(self, effects: Array, covariance: Array, z: Array) -> Array:
        """Return the vector of effects (P,), a covariance (K, K) and subjects' parameters (N, K)."""
        sd = np.sqrt(np.diag(covariance))
        kept = np.diag(sd**2) if self.diagonal else covariance
        root = np.linalg.cholesky(kept / np.outer(sd, sd))
        free = root / np.diag(root)[:, None]
        standard = np.linalg.solve(sd[:, None] * root, (z - self.design.means(effects)).T).T
        return np.concatenate([effects, np.log(sd), free[self.below], standard.ravel()])

    @cached_property
    def _behaviour(self) -> LikelihoodGradient:
        return likelihood_gradient(self.likelihood, self.design.n_subjects)

    @cached_property
    def _constant(self) -> float:
        """What the log density has besides its variable parts."""
        gaussian = len(self.centre) + self.design.n_subjects * self.size
        half_normal = 0.5 * self.size * math.log(2 / math.pi) - self.size * math.log(self.scale)
        return float(half_normal - 0.5 * gaussian * math.log(2 * math.pi) - np.log(self.width).sum())

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """Return the log density and its gradient. Chains that run at the same time need copies (`replace`)."""
        now, count, size = self.unpack(vector), len(self.centre), self.size
        fixed, rest, start = self.design.fixed, count + size, count + size + len(self.below[0])
        value, slope, in_fixed = self._behaviour(now.z, now.effects[fixed] if self._any_fixed else NONE)  # slope: G
        gradient = np.empty_like(vector)
        away, relative, standard = (now.effects - self.centre) / self.width, now.sd / self.scale, vector[start:]
        squares = away.dot(away) + relative.dot(relative) + standard.dot(standard)
        value += self._constant - 0.5 * float(squares) + float(vector[count:rest].sum())
        gradient[:count] = slope.reshape(-1).dot(self._flat) - away / self.width
        if self._any_fixed:
            gradient[:count][fixed] += in_fixed
        scaled = slope * now.sd
        in_root = scaled.T.dot(now.standard)
        # z_n - D_n b = S C x_n, so that Σ_n G_nk (z_n - D_n b)_k is the sum of ∂/∂C C over row k
        along = (in_root * now.root).sum(axis=1)
        gradient[count:rest] = along - relative * relative + 1.0
        if start > rest:
            power, shrunk = size + 2.0 * self.concentration - 1.0, now.root.diagonal()  # 1 / √(1 + |a_i|²)
            value += power * float(np.log(shrunk).sum())
            in_free = (in_root - now.root * (along + power)[:, None]) * shrunk[:, None]
            gradient[rest:start] = in_free[self.below]
        np.subtract(scaled.dot(now.root).reshape(-1), standard, out=gradient[start:])
        return value, gradient

    @cached_property
    def _any_fixed(self) -> bool:
        return bool(self.design.fixed.any())
