"""The Gaussian prior on unconstrained parameters: log N(z | μ, Σ), its gradient -Σ⁻¹(z - μ) and Hessian -Σ⁻¹."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.errors import ModelError

__all__ = ["Gaussians", "Prior", "PriorLike", "SubjectPriors", "as_prior", "default_prior"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Prior:
    """A multivariate Gaussian over the K unconstrained parameters of one subject.

    Parameters
    ----------
    mean : (K,) array
    covariance : (K, K) array
        Symmetric, positive definite.

    Raises
    ------
    ModelError
        If the shapes do not fit or the covariance is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> Prior(np.zeros(2), np.eye(2)).log_density(np.zeros((1, 2))).round(4)
    array([-1.8379])
    """

    mean: Array  # (K,)
    covariance: Array  # (K, K)

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        covariance = np.array(self.covariance, dtype=np.float64)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise ModelError(f"a prior needs a mean (K,) and a covariance (K, K), not {mean.shape}, {covariance.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ModelError("a prior's mean and covariance must be finite")
        sizes = np.abs(np.diag(covariance))
        if (np.abs(covariance - covariance.T) > 1e-12 * np.sqrt(np.outer(sizes, sizes))).any():
            raise ModelError("a prior's covariance must be symmetric")
        try:
            np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            raise ModelError("a prior's covariance must be positive definite") from None
        mean.flags.writeable = covariance.flags.writeable = False
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", covariance)

    @cached_property
    def precision(self) -> Array:
        """Σ⁻¹, (K, K)."""
        return np.asarray(np.linalg.inv(self.covariance))

    def log_density(self, z: Array) -> Array:
        """Return log N(z | μ, Σ) of each row of z, (M, K) → (M,)."""
        away = z - self.mean
        _sign, log_determinant = np.linalg.slogdet(self.covariance)
        quadratic: Array = np.einsum("mk,kl,ml->m", away, self.precision, away)
        return np.asarray(-0.5 * (quadratic + log_determinant + len(self.mean) * math.log(2 * math.pi)))

    def gradient(self, z: Array) -> Array:
        """Return the gradient of `log_density`, (M, K)."""
        gradient: Array = -(z - self.mean) @ self.precision
        return gradient

    def of(self, subjects: NDArray[np.int64]) -> Prior:
        """Return the prior of these subjects: every subject has the same."""
        return self


@dataclass(frozen=True)
class SubjectPriors:
    """A multivariate Gaussian for each of N subjects.

    Parameters
    ----------
    mean : (N, K) array
    covariance : (K, K) or (N, K, K) array
        Symmetric, positive definite; one for all, or one each.

    Examples
    --------
    >>> import numpy as np
    >>> priors = SubjectPriors(np.array([[0.0], [1.0]]), np.eye(1))
    >>> priors.of(np.array([1])).log_density(np.ones((1, 1))).round(4)
    array([-0.9189])
    """

    mean: Array  # (N, K)
    covariance: Array  # (K, K) or (N, K, K)

    @cached_property
    def precision(self) -> Array:
        """Σ⁻¹, of the covariance's shape."""
        return np.asarray(np.linalg.inv(self.covariance))

    def log_density(self, z: Array) -> Array:
        """Return log N(z_n | μ_n, Σ_n) of each row of z, (N, K) → (N,)."""
        away = z - self.mean
        _sign, log_determinant = np.linalg.slogdet(self.covariance)
        quadratic: Array = -np.einsum("mk,mk->m", away, self.gradient(z))
        return np.asarray(-0.5 * (quadratic + log_determinant + z.shape[1] * math.log(2 * math.pi)))

    def gradient(self, z: Array) -> Array:
        """Return the gradient of `log_density`, (N, K)."""
        return np.asarray(-np.einsum("...kl,...l->...k", self.precision, z - self.mean))

    def of(self, subjects: NDArray[np.int64]) -> SubjectPriors:
        """Return the priors of these subjects, one a row."""
        shared = self.covariance.ndim == 2
        return SubjectPriors(self.mean[subjects], self.covariance if shared else self.covariance[subjects])


Gaussians = Prior | SubjectPriors
"""The prior of every subject: one for all, or one each."""

PriorLike = Prior | Mapping[str, tuple[float, float]] | Literal["default"] | None


def default_prior(learner: Learner) -> Prior:
    """Return the prior that the parameters' domains suggest: independent Gaussians."""
    domains = learner.parameters.values()
    return Prior(np.array([d.mean for d in domains]), np.diag([d.sd**2 for d in domains]))


def as_prior(learner: Learner, prior: PriorLike) -> Prior | None:
    """Read what a user gave as a prior.

    Parameters
    ----------
    learner : Learner
    prior : Prior, mapping, "default" or None
        A mapping gives (mean, sd) of unconstrained parameters by name; the others keep their default.

    Raises
    ------
    ModelError
        For unknown names or the wrong size, or something else than a learner.
    """
    if not isinstance(learner, Learner):
        raise ModelError(f"this is for learners, not for a {type(learner).__name__}")
    if prior is None:
        return None
    names = list(learner.parameters)
    if isinstance(prior, Prior):
        if len(prior.mean) != len(names):
            raise ModelError(f"{learner.name} has {len(names)} parameters, the prior is over {len(prior.mean)}")
        return prior
    if isinstance(prior, str):
        if prior != "default":
            raise ModelError(f"prior={prior!r} is unknown: give 'default', None, a Prior or {{name: (mean, sd)}}")
        return default_prior(learner)
    if not isinstance(prior, Mapping) or not all(np.shape(pair) == (2,) for pair in prior.values()):
        raise ModelError(f"prior={prior!r} is unknown: give 'default', None, a Prior or {{name: (mean, sd)}}")
    unknown = set(prior) - set(names)
    if unknown:
        raise ModelError(f"{learner.name} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(names)}")
    domains = {
        name: domain.with_prior(*prior.get(name, (domain.mean, domain.sd)))
        for name, domain in learner.parameters.items()
    }
    return Prior(np.array([d.mean for d in domains.values()]), np.diag([d.sd**2 for d in domains.values()]))
