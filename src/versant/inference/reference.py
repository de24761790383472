"""A Gaussian stand-in for each subject's likelihood, whose integral is known: a control variate.

Where a subject's posterior under the prior N(m°, Σ°) has mean w̄ and covariance V, the stand-in is the Gaussian factor

    g(z) = N(z; w̄, V) / N(z; m°, Σ°),      so that under another prior N(m, Σ)
    H = V⁻¹ - Σ°⁻¹ + Σ⁻¹,    h = V⁻¹ w̄ - Σ°⁻¹ m° + Σ⁻¹ m,    posterior N(H⁻¹ h, H⁻¹),    evidence log ∫ g N(z; m, Σ) dz

V is kept within Σ°, as data add information. A quasi-random rule makes nearly the same error on g as on the likelihood;
taking the known answer for g and the rule only for the difference removes what they share. It matters most in
directions where the group hardly varies, which the likelihood hardly changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.prior import SubjectPriors

__all__ = ["Reference"]

Array = NDArray[Any]

INFORMED = 0.999
"""Largest variance of a stand-in in any direction, as a share of the prior's."""


@dataclass(frozen=True)
class Reference:
    """The stand-ins of N subjects."""

    mean: Array  # (N, K), w̄
    precision: Array  # (N, K, K), V⁻¹
    priors: SubjectPriors  # under which these were taken, one covariance for all

    @classmethod
    def of(cls, mean: Array, covariance: Array, priors: SubjectPriors) -> Reference:
        """Return the stand-ins of posteriors with these moments, (N, K) and (N, K, K)."""
        root = np.linalg.cholesky(priors.covariance)
        inverse = np.linalg.inv(root)
        values, vectors = np.linalg.eigh(inverse @ covariance @ inverse.T)
        own = (vectors / np.minimum(values, INFORMED)[:, None]) @ np.swapaxes(vectors, 1, 2)
        return cls(mean, inverse.T @ own @ inverse, priors)

    def log_density(self, z: Array) -> Array:
        """Return log g of draws, (S, N, K) → (S, N)."""
        precision = self.precision
        away, from_prior = z - self.mean, z - self.priors.mean
        own = -0.5 * np.einsum("snk,nkl,snl->sn", away, precision, away, optimize=True)
        prior = -0.5 * np.einsum("snk,kl,snl->sn", from_prior, self.priors.precision, from_prior, optimize=True)
        constant = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * np.linalg.slogdet(self.priors.precision)[1]
        return np.asarray(own - prior + constant)

    def exact(self, priors: SubjectPriors) -> tuple[Array, Array, Array]:
        """Return log evidences (N,), posterior means (N, K) and covariances (N, K, K) under other priors."""
        precision = self.precision
        own = np.einsum("nkl,nl->nk", precision, self.mean)
        old = self.priors.mean @ self.priors.precision
        new = priors.mean @ priors.precision
        joint = precision - self.priors.precision + priors.precision  # H
        covariance = np.linalg.inv(joint)
        mean = np.einsum("nkl,nl->nk", covariance, own - old + new)
        squares = np.einsum("nk,nk->n", mean, own - old + new)
        squares -= np.einsum("nk,nk->n", self.mean, own)
        squares += np.einsum("nk,nk->n", self.priors.mean, old) - np.einsum("nk,nk->n", priors.mean, new)
        determinants = np.linalg.slogdet(precision)[1] - np.linalg.slogdet(self.priors.precision)[1]
        determinants += np.linalg.slogdet(priors.precision)[1] - np.linalg.slogdet(joint)[1]
        return 0.5 * (determinants + squares), mean, covariance
