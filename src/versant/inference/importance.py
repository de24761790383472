"""Evidence by importance sampling: how far Laplace's approximation is off.

Draws z_s of a Student t with 5 degrees of freedom have weights w_s = p(A, z_s) / q(z_s), and

    p(A) ≈ mean w_s,     Monte-Carlo error of its logarithm  sd(w) / (mean(w) √S)

A pilot is centred at the mode ẑ with the scale V of Laplace's approximation, the draws that count at the mean and the
covariance that the pilot finds. The weights are Pareto-smoothed, and their k says whether the estimate can be trusted
(`versant.inference.pareto`).

Source: Kloek & van Dijk 1978.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.likelihood import Likelihood, bind
from versant.inference.objective import Evaluates, negative_log_posterior
from versant.inference.pareto import smooth
from versant.inference.prior import Gaussians
from versant.inference.result import Fit
from versant.inference.sample_result import Sample
from versant.progress import Progress, silent

__all__ = ["DEGREES", "Draws", "Importance", "draw", "draw_matched", "importance", "log_density", "rebind"]

Array = NDArray[Any]

DEGREES = 5.0
CHUNK = 50
"""Draws of every subject that are evaluated side by side."""
ENOUGH = 20
"""Draws, for each parameter, that must carry the weight lest moments be taken from them."""


@dataclass(frozen=True)
class Importance:
    """Importance-sampled log evidences of N subjects."""

    evidence: Array  # (N,)
    errors: Array  # (N,), Monte-Carlo standard errors
    pareto_k: Array  # (N,)
    mean: Array  # (N, K), posterior means of the unconstrained parameters
    draws: int


@dataclass(frozen=True)
class Draws:
    """Weighted draws from N posteriors: S of each."""

    points: Array  # (S, N, K), unconstrained
    log_weights: Array  # (S, N), not normalised; -inf where the posterior density is zero


def rebind(fit: Fit | Sample) -> Likelihood:
    """Return the likelihood that was fitted: missing responses left in its trials were learned without.

    Raises
    ------
    ModelError
        If it is no fit of a learner.
    """
    if not isinstance(fit, Fit | Sample):
        raise ModelError(f"this takes the fit of a learner, not a {type(fit).__name__}")
    return bind(fit.learner, fit.trials, "learn" if fit.trials.missing else None)


def draw(
    likelihood: Evaluates,
    prior: Gaussians,
    modes: Array,
    covariance: Array,
    draws: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Draws:
    """Draw around the modes, and weigh: see the module's equations and `importance`."""
    subjects, size = modes.shape
    everyone = np.arange(subjects)
    roots = np.linalg.cholesky(covariance)
    points, weights = [], []
    for done in range(0, draws, CHUNK):
        progress(done, draws, "importance sampling")
        count = min(CHUNK, draws - done)
        normal = rng.standard_normal((count, subjects, size))
        stretch = np.sqrt(DEGREES / rng.chisquare(DEGREES, (count, subjects, 1)))
        standard = normal * stretch
        z = modes + np.einsum("nkl,snl->snk", roots, standard)
        lanes = z.reshape(-1, size)
        f = negative_log_posterior(likelihood, prior, lanes, np.tile(everyone, count), 0).value.reshape(count, subjects)
        points.append(z)
        weights.append(-f - log_density(standard, roots))
    progress(draws, draws, "importance sampling")
    log_weights = np.concatenate(weights)
    return Draws(np.concatenate(points), np.where(np.isfinite(log_weights), log_weights, -np.inf))


def _matched(found: Draws, modes: Array, covariance: Array) -> tuple[Array, Array]:
    """Return means (N, K) and covariances (N, K, K) of posteriors by weighted draws from them.

    The modes and the covariance given where too few draws carry the weight.
    """
    weights = np.exp(found.log_weights - found.log_weights.max(axis=0))
    weights /= weights.sum(axis=0)
    mean = np.einsum("sn,snk->nk", weights, found.points)
    away = found.points - mean
    second = np.einsum("sn,snk,snl->nkl", weights, away, away, optimize=True)
    enough = 1.0 / (weights**2).sum(axis=0) >= ENOUGH * modes.shape[1]
    return np.where(enough[:, None], mean, modes), np.where(enough[:, None, None], second, covariance)


def draw_matched(
    likelihood: Evaluates,
    prior: Gaussians,
    modes: Array,
    covariance: Array,
    draws: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Draws:
    """Draw around the modes as a pilot, then around the means and covariances that it finds; see `importance`."""
    pilot = draw(likelihood, prior, modes, covariance, draws, rng, progress)
    return draw(likelihood, prior, *_matched(pilot, modes, covariance), draws, rng, progress)


def importance(
    likelihood: Evaluates,
    prior: Gaussians,
    modes: Array,
    covariance: Array,
    draws: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Importance:
    """Estimate evidences.

    Parameters
    ----------
    likelihood : Evaluates
    prior : Prior or SubjectPriors
    modes : (N, K) array
    covariance : (N, K, K) array
        Positive definite.
    draws : int
        S, of each subject.
    rng : numpy.random.Generator
    progress : Progress
    """
    found = draw_matched(likelihood, prior, modes, covariance, draws, rng, progress)
    return _summarised(found.points, found.log_weights)


def log_density(standard: Array, roots: Array) -> Array:
    """Return log q of draws given in standard coordinates, (S, N, K) → (S, N)."""
    size = standard.shape[-1]
    half = 0.5 * (DEGREES + size)
    norm = math.lgamma(half) - math.lgamma(0.5 * DEGREES) - 0.5 * size * math.log(DEGREES * math.pi)
    log_determinant = np.log(np.einsum("nkk->nk", roots)).sum(axis=1)
    return np.asarray(norm - log_determinant - half * np.log1p((standard**2).sum(axis=-1) / DEGREES))


def _summarised(points: Array, log_weights: Array) -> Importance:
    draws, subjects = log_weights.shape
    evidence, errors, shapes = np.empty(subjects), np.empty(subjects), np.empty(subjects)
    mean = np.empty(points.shape[1:])
    for n in range(subjects):
        smoothed, shapes[n] = smooth(log_weights[:, n])
        highest = smoothed.max()
        w = np.exp(smoothed - highest)
        evidence[n] = highest + math.log(w.mean())
        errors[n] = w.std(ddof=1) / (w.mean() * math.sqrt(draws))
        mean[n] = w @ points[:, n] / w.sum()
    return Importance(evidence, errors, shapes, mean, draws)
