"""Proposals for importance sampling that learn the shape of every subject's posterior.

Each of N subjects has a mixture of C Student t distributions with ν = 5 degrees of freedom,

    q(z) = Σ_c α_c t_ν(z; μ_c, Σ_c),

whose last component is its prior, with a fixed share: weights of draws, likelihood × prior / q, are then bounded. The
others start between prior and Laplace's approximation and move to weighted draws z_s, with shares r_s, by a step of EM,

    ρ_cs = α_c t_ν(z_s; μ_c, Σ_c) / q(z_s),     γ_cs = r_s ρ_cs (ν + K) / (ν + |z_s - μ_c|²_Σ_c)
    α_c = Σ_s r_s ρ_cs,     μ_c = Σ_s γ_cs z_s / Σ_s γ_cs,     Σ_c = Σ_s γ_cs (z_s - μ_c)(z_s - μ_c)ᵀ / α_c

Sources: Hesterberg 1995; Cappé, Douc, Guillin, Marin & Robert 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.importance import DEGREES, log_density
from versant.inference.laplace import Laplace
from versant.inference.prior import SubjectPriors
from versant.inference.rules import Lattice

__all__ = ["Mixture"]

Array = NDArray[Any]

TOWARDS_PRIOR = (0.0, 0.5, 1.0)
"""Where components start, between Laplace's approximation and the prior."""

DEFENSIVE = 0.1
"""Share of the prior."""

LEAST_SHARE = 0.02
"""Of a component that moves, before all are made to sum to one."""

ENOUGH = 3
"""Draws for each parameter that must carry a component's weight lest it stay where it is."""

RIDGE = 1e-6
"""Share of the prior's covariance that is added to each component's."""


@dataclass(frozen=True)
class Mixture:
    """The proposals of N subjects."""

    shares: Array  # (C, N), α
    means: Array  # (C, N, K), μ
    covariances: Array  # (C, N, K, K), Σ

    @classmethod
    def around(cls, laplace: Laplace, priors: SubjectPriors) -> Mixture:
        """Return where to begin."""
        prior = np.broadcast_to(priors.covariance, laplace.covariance.shape)
        means = [laplace.modes + w * (priors.mean - laplace.modes) for w in TOWARDS_PRIOR]
        covariances = [laplace.covariance + w * (prior - laplace.covariance) for w in TOWARDS_PRIOR]
        shares = np.full((len(TOWARDS_PRIOR) + 1, len(laplace.modes)), (1.0 - DEFENSIVE) / len(TOWARDS_PRIOR))
        shares[-1] = DEFENSIVE
        return cls(shares, np.stack([*means, priors.mean]), np.stack([*covariances, prior]))

    def draw(self, lattice: Lattice) -> tuple[Array, Array]:
        """Return draws (S, N, K), and -log q - log S of each, (S, N)."""
        whose = np.arange(self.shares.shape[1])
        component = (lattice.choice > np.cumsum(self.shares[:-1], axis=0)[:, None]).sum(axis=0)
        roots = np.linalg.cholesky(self.covariances)
        points = np.einsum("snkl,snl->snk", roots[component, whose], lattice.points)
        points += self.means[component, whose]
        parts = self._log_parts(points, roots)[0]
        return points, -_log_sum(parts) - np.log(len(points))

    def adapted(self, points: Array, weights: Array, priors: SubjectPriors) -> Mixture:
        """Return the mixture after a step of EM on draws (S, N, K) with normalised weights (S, N)."""
        parts, distances = self._log_parts(points, np.linalg.cholesky(self.covariances))
        belonging = weights * np.exp(parts - _log_sum(parts))  # (C, S, N)
        moved = [self._component(c, points, belonging[c], distances[c]) for c in range(len(self.shares) - 1)]
        prior = np.broadcast_to(priors.covariance, self.covariances[0].shape)
        shares = np.maximum(belonging[:-1].sum(axis=1), LEAST_SHARE)
        shares *= (1.0 - DEFENSIVE) / shares.sum(axis=0)
        means = np.stack([*(mean for mean, _ in moved), priors.mean])
        covariances = np.stack([*(covariance + RIDGE * prior for _, covariance in moved), prior])
        return Mixture(np.concatenate([shares, np.full((1, len(priors.mean)), DEFENSIVE)]), means, covariances)

    def _component(self, c: int, points: Array, belonging: Array, distances: Array) -> tuple[Array, Array]:
        """Return mean (N, K) and covariance (N, K, K) of a component, moved where enough draws carry its weight."""
        size = points.shape[2]
        total = belonging.sum(axis=0)
        pulled = belonging * (DEGREES + size) / (DEGREES + distances)
        with np.errstate(divide="ignore", invalid="ignore"):
            enough = total**2 > ENOUGH * size * (belonging**2).sum(axis=0)
            mean = np.einsum("sn,snk->nk", pulled, points) / pulled.sum(axis=0)[:, None]
            away = (points - mean).transpose(1, 2, 0)  # (N, K, S)
            covariance = (away * pulled.T[:, None]) @ away.transpose(0, 2, 1) / total[:, None, None]
        keep = ~enough | ~np.isfinite(covariance).all(axis=(1, 2))
        return (
            np.where(keep[:, None], self.means[c], mean),
            np.where(keep[:, None, None], self.covariances[c], covariance),
        )

    def _log_parts(self, points: Array, roots: Array) -> tuple[Array, Array]:
        """Return log α_c t(z; μ_c, Σ_c) and the squared distances of points, both (C, S, N)."""
        parts, distances = [], []
        for share, mean, root in zip(self.shares, self.means, roots, strict=True):
            standard = np.einsum("nkl,snl->snk", np.linalg.inv(root), points - mean)
            parts.append(np.log(share) + log_density(standard, root))
            distances.append((standard**2).sum(axis=2))
        return np.stack(parts), np.stack(distances)


def _log_sum(parts: Array) -> Array:
    highest = parts.max(axis=0)
    return np.asarray(highest + np.log(np.exp(parts - highest).sum(axis=0)))
