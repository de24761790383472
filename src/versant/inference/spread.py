"""Group covariances, kept away from zero in the open.

    Σ = s² I + L Lᵀ,      L lower triangular (full) or diagonal,      s: the smallest standard deviation allowed

Subjects that do not differ in some direction would drive Σ there to zero, where the marginal likelihood has no
interior maximum; with s > 0 it has one at L = 0, smooth in L. Among all Σ with eigenvalues of at least s², the one that
maximises -½ log|Σ| - ½ tr(Σ⁻¹ S) has the eigenvectors of S and its eigenvalues, raised to s² where they are below:
`Spread.nearest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError

__all__ = ["CovarianceKind", "Spread"]

Array = NDArray[Any]
CovarianceKind = Literal["full", "diagonal"]

RAISED_WITHIN = 1.05
"""A direction whose variance is below this many s² counts as raised."""


@dataclass(frozen=True)
class Spread:
    """A family of covariances of K parameters.

    Parameters
    ----------
    size : int
        K.
    kind : {"full", "diagonal"}
    minimum_sd : float
        s, in unconstrained units.

    Examples
    --------
    >>> spread = Spread(2, "full", 0.1)
    >>> spread.covariance(spread.factor(np.array([[1.0, 0.3], [0.3, 0.5]]))).round(12)
    array([[1. , 0.3],
           [0.3, 0.5]])
    """

    size: int
    kind: CovarianceKind
    minimum_sd: float

    def __post_init__(self) -> None:
        if self.kind not in ("full", "diagonal"):
            raise ModelError(f"covariance={self.kind!r} is unknown: choose 'full' or 'diagonal'")
        if not 0.0 < self.minimum_sd < np.inf:
            raise ModelError(f"minimum_sd={self.minimum_sd} must be positive and finite")

    @cached_property
    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the free entries of L."""
        if self.kind == "diagonal":
            return np.arange(self.size), np.arange(self.size)
        rows, columns = np.tril_indices(self.size)
        return rows, columns

    @property
    def count(self) -> int:
        """How many free entries there are."""
        return len(self.entries[0])

    def covariance(self, factor: Array) -> Array:
        """Return Σ of free entries, (…, count) → (…, K, K)."""
        lower = self._lower(factor)
        return np.asarray(lower @ np.swapaxes(lower, -1, -2) + self.minimum_sd**2 * np.eye(self.size))

    def factor(self, covariance: Array) -> Array:
        """Return the free entries of Σ (K, K), whose eigenvalues must not be below s²."""
        if self.kind == "diagonal":
            return np.asarray(np.sqrt(np.maximum(np.diag(covariance) - self.minimum_sd**2, 0.0)))
        values, vectors = np.linalg.eigh(covariance - self.minimum_sd**2 * np.eye(self.size))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        lower = np.linalg.qr(root.T)[1].T
        lower = lower * np.where(np.diag(lower) < 0, -1.0, 1.0)
        return np.asarray(lower[self.entries])

    def pull_back(self, factor: Array, gradient: Array) -> Array:
        """Return the gradient in the free entries of one in Σ: 2 G L, for symmetric G (…, K, K)."""
        full = 2.0 * gradient @ self._lower(factor)
        return np.asarray(full[..., self.entries[0], self.entries[1]])

    def away_from_singular(self, covariance: Array, least: float) -> Array:
        """Return Σ with the eigenvalues of its correlations raised to `least`, (K, K)."""
        sd = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(sd, sd))
        return self.nearest((vectors * np.maximum(values, least)) @ vectors.T * np.outer(sd, sd))

    def quadratic(self, factor: Array, vectors: Array) -> Array:
        """Return `pull_back` of ½ u uᵀ, of vectors u (…, K)."""
        rows, columns = self.entries
        return np.asarray(vectors[..., rows] * (vectors @ self._lower(factor))[..., columns])

    def slopes(self, factor: Array, vectors: Array) -> Array:
        """Return ∂(Σ u)/∂L along every free entry, of vectors u (N, K) → (N, K, count)."""
        lower = self._lower(factor)
        rows, columns = self.entries
        found = lower[:, columns] * vectors[:, None, rows]
        found[:, rows, np.arange(self.count)] += (vectors @ lower)[:, columns]
        return np.asarray(found)

    def nearest(self, moments: Array) -> Array:
        """Return the Σ that maximises -½ log|Σ| - ½ tr(Σ⁻¹ S), for S = `moments` (K, K)."""
        if self.kind == "diagonal":
            return np.diag(np.maximum(np.diag(moments), self.minimum_sd**2))
        values, vectors = np.linalg.eigh(moments)
        root = vectors * np.sqrt(np.maximum(values, self.minimum_sd**2))
        return np.asarray(root @ root.T)  # symmetric to the last bit

    def raised(self, covariance: Array) -> Array:
        """Return the directions in which Σ stands at its smallest variance, (directions, K)."""
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors.T[values <= RAISED_WITHIN * self.minimum_sd**2])

    def _lower(self, factor: Array) -> Array:
        lower = np.zeros((*np.shape(factor)[:-1], self.size, self.size))
        lower[..., self.entries[0], self.entries[1]] = factor
        return lower
