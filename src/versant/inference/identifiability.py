"""How much the data say about each parameter, and about which combinations of them they say nothing.

At a subject's estimate ẑ, with J = -∂²ℓ (the likelihood's information) and the prior's covariance Σ,

    J v = λ Σ⁻¹ v            λ: information of the data along v, in units of the prior's (λ < 1: a *sloppy* direction)
    V = (J + Σ⁻¹)⁻¹          posterior covariance (Laplace): along v its variance is 1 / (1 + λ) of the prior's
    contraction_k = 1 - V_kk / Σ_kk          0: the data say nothing about parameter k; 1: they say all

so that neither λ nor the directions depend on the units of the parameters. The condition numbers are those of J and of
J + Σ⁻¹ in the same units. Which parameters the likelihood bounds at all, profiles say (`versant.inference.profile`).

Source: Gutenkunst et al. 2007 (sloppiness); Betancourt 2018, Schad, Betancourt & Vasishth 2021 (contraction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.objective import Evaluates
from versant.inference.prior import Gaussians
from versant.inference.profile import Profiles
from versant.optimise.status import Word

__all__ = ["Curvature", "Identified", "curvature", "direction_in_words", "identified"]

Array = NDArray[Any]

LEAST_LOADING = 0.1
"""Loadings smaller than this, of a direction of length one, are not spelled out."""


class Identified(Word):
    """What the profile likelihood says of one parameter of one subject.

    Examples
    --------
    >>> Identified.NOT_IDENTIFIED.advice
    'fix it, tie it to another, give it an informative prior, or change the design'
    """

    IDENTIFIED = ("identified", "the profile likelihood passes the χ² bound on both sides", "nothing")
    OPEN_ABOVE = (
        "open_above",
        "the profile likelihood stays within the χ² bound however large the parameter",
        "report the lower end only; more trials or a prior bound it",
    )
    OPEN_BELOW = (
        "open_below",
        "the profile likelihood stays within the χ² bound however small the parameter",
        "report the upper end only; more trials or a prior bound it",
    )
    NOT_IDENTIFIED = (
        "not_identified",
        "the profile likelihood is flat within the χ² bound: the others make up for any value of the parameter",
        "fix it, tie it to another, give it an informative prior, or change the design",
    )
    UNDEFINED = (
        "undefined",
        "the log-likelihood is not a finite number at the estimate",
        "see the verdict of the fit",
    )


@dataclass(frozen=True)
class Curvature:
    """Spectra of N subjects at their estimates; NaN where the information is not finite."""

    eigenvalues: Array  # (N, K), λ ascending: the sloppiest direction first
    directions: Array  # (N, K, K), [n, i]: direction of λ_i, length one, in prior standard deviations
    condition: Array  # (N,), of J; infinite where it is not positive definite
    condition_posterior: Array  # (N,), of J + Σ⁻¹
    contraction: Array  # (N, K)
    correlation: Array  # (N, K, K), of the posterior


def curvature(likelihood: Evaluates, z: Array, prior: Gaussians) -> Curvature:
    """Return the spectra at given points.

    Parameters
    ----------
    likelihood : Evaluates
    z : (N, K) array
    prior : Prior or SubjectPriors
        Positive definite.
    """
    subjects, size = z.shape
    information = -likelihood.evaluate(z, np.arange(subjects), 2).hessian
    finite = np.asarray(np.isfinite(information).all(axis=(1, 2)))
    sigma = np.broadcast_to(prior.covariance, (subjects, size, size))
    root = np.linalg.cholesky(sigma)
    scaled = np.einsum("nji,njk,nkl->nil", root, np.where(finite[:, None, None], information, 0.0), root)
    eigenvalues, vectors = np.linalg.eigh(scaled)
    sd = np.sqrt(np.einsum("nkk->nk", sigma))
    directions = np.einsum("nkj,nji->nik", root, vectors) / sd[:, None, :]
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    leading = np.take_along_axis(directions, np.abs(directions).argmax(axis=2)[:, :, None], axis=2)
    directions *= np.sign(leading)  # the largest loading is positive
    proper = np.asarray(finite & (eigenvalues[:, 0] > -1.0))
    posterior = np.full((subjects, size, size), np.nan)
    posterior[proper] = np.linalg.inv(information[proper] + np.linalg.inv(sigma[proper]))
    variances = np.einsum("nkk->nk", posterior)
    with np.errstate(invalid="ignore"):
        correlation = posterior / np.sqrt(variances[:, :, None] * variances[:, None, :])
    nothing = np.where(finite, 0.0, np.nan)
    return Curvature(
        eigenvalues=eigenvalues + nothing[:, None],
        directions=directions + nothing[:, None, None],
        condition=_condition(eigenvalues) + nothing,
        condition_posterior=_condition(1.0 + eigenvalues) + nothing,
        contraction=1.0 - variances / sd**2,
        correlation=correlation,
    )


def _condition(eigenvalues: Array) -> Array:
    """Return the largest eigenvalue over the smallest; infinite where that is not positive beyond rounding."""
    low, high = eigenvalues[:, 0], eigenvalues[:, -1]
    positive = low > 1e-12 * np.abs(high)
    return np.where(positive, high / np.where(positive, low, 1.0), np.inf)


def direction_in_words(direction: Array, names: Sequence[str]) -> str:
    """Spell a direction out, the largest loading first.

    Examples
    --------
    >>> import numpy as np
    >>> direction_in_words(np.array([0.8, -0.6, 0.01]), ["alpha", "beta", "kappa"])
    '+0.80 alpha -0.60 beta'
    """
    order = np.argsort(-np.abs(direction), kind="stable")
    return " ".join(f"{direction[k]:+.2f} {names[k]}" for k in order if abs(direction[k]) >= LEAST_LOADING)


def identified(profiles: Profiles) -> NDArray[Any]:
    """Return the flag of each subject and parameter, (N, K) of `Identified`."""
    below, above = np.isinf(profiles.lower), np.isinf(profiles.upper)
    flags = np.full(profiles.lower.shape, Identified.IDENTIFIED, dtype=object)
    flags[below & ~above] = Identified.OPEN_BELOW
    flags[above & ~below] = Identified.OPEN_ABOVE
    flags[below & above] = Identified.NOT_IDENTIFIED
    flags[np.isnan(profiles.lower) | np.isnan(profiles.upper)] = Identified.UNDEFINED
    return flags
