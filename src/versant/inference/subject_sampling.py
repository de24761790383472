"""Sampling each subject's own posterior by the no-U-turn sampler, without a group.

Subjects that share nothing but a fixed prior have posteriors of their own: each has chains of its own, in its own K
dimensions and with its own adaptation, and all of them are run side by side (`versant.inference.nuts`), so that the
kernel evaluates many chains at once. Of subject n

    log p(A_n, z) = ℓ_n(z) + log N(z | μ, Σ)

The first metric is the covariance of Laplace's approximation (where that does not exist, Σ). Every chain starts at a
draw of the prior: chains that find different modes disagree, and R̂ says so.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.likelihood import Likelihood
from versant.inference.map import fit_subjects
from versant.inference.nuts import LaneDensity
from versant.inference.nuts_adaptation import TARGET_ACCEPT
from versant.inference.nuts_chains import require_lengths, run_chains
from versant.inference.prior import Prior
from versant.inference.sample_gradient import lane_gradient, log_likelihood_of_draws
from versant.inference.sample_quality import Quality, require_arviz
from versant.inference.sample_result import Sample
from versant.inference.stages import Stages, told
from versant.progress import Progress, silent

__all__ = ["sample_subjects"]

Array = NDArray[Any]

STARTS = 2
"""Optimisations of each subject: only the first metric hangs on them."""
TOGETHER = 100
"""Subjects who are sampled at a time where a file keeps them."""
TRIES = 100
"""Draws of the prior among which a chain's first one must have a density."""


def sample_subjects(
    likelihood: Likelihood,
    prior: Prior,
    *,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = TARGET_ACCEPT,
    resume: str | os.PathLike[str] | None = None,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Sample:
    """Sample the posterior of every subject alone.

    Parameters
    ----------
    likelihood : Likelihood
    prior : Prior
        Of every subject.
    draws, tune, chains : int
        Of each subject: draws kept of each chain, trajectories of adaptation before, and number of chains.
    target_accept : float
        Mean acceptance probability that step sizes are adapted to.
    resume : path, optional
        A file that keeps what is finished (`versant.inference.stages`): a hundred subjects then are sampled at a time.
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    CapabilityError
        If arviz is not installed.
    ModelError
        For fewer than two chains or four draws, or a posterior that is no number where the prior is.
    """
    require_lengths(draws, tune, chains, target_accept)
    require_arviz()
    how: dict[str, Any] = {"draws": draws, "tune": tune, "chains": chains, "target_accept": target_accept}
    made = (prior.mean, prior.covariance)
    stages = Stages.at(resume, how if resume is None else how | told(likelihood, made), rng)
    roots = stages.piece("metric", lambda: {"roots": _roots(likelihood, prior, rng, progress)})["roots"]
    subjects = np.arange(likelihood.n_subjects)
    groups = np.split(subjects, [] if resume is None else subjects[TOGETHER::TOGETHER])
    parts = []
    for who in groups:
        run = partial(_sampled, likelihood, prior, roots, who, rng=rng, progress=progress, **how)
        parts.append(stages.piece(f"subjects from {who[0]}", run))
    found = {name: np.concatenate([part[name] for part in parts], axis=2) for name in parts[0]}
    return _collected(likelihood, prior, found)


def _sampled(
    likelihood: Likelihood,
    prior: Prior,
    roots: Array,
    subjects: NDArray[np.int64],
    *,
    draws: int,
    tune: int,
    chains: int,
    target_accept: float,
    rng: np.random.Generator,
    progress: Progress,
) -> dict[str, Array]:
    """Sample some subjects: draws and what is kept of each transition, (chains, draws, subjects, …)."""
    whose, highest = np.tile(subjects, chains), prior.log_density(prior.mean[None])

    def posterior(lanes: NDArray[np.int64]) -> LaneDensity:
        gradient = lane_gradient(likelihood, whose[lanes])

        def density(z: Array) -> tuple[Array, Array]:
            value, slope = gradient(z)
            pull = prior.gradient(z)
            return value + highest + 0.5 * ((z - prior.mean) * pull).sum(axis=1), slope + pull

        return density

    def apart(values: Array) -> Array:
        """Return values of lanes, (C N, T, …), as (C, T, N, …)."""
        return np.ascontiguousarray(np.moveaxis(values.reshape(chains, len(subjects), *values.shape[1:]), 1, 2))

    start = _starts(likelihood, prior, posterior(np.arange(len(whose))), whose, rng)
    how: Any = {"draws": draws, "tune": tune, "target_accept": target_accept, "rng": rng, "progress": progress}
    found = run_chains(posterior, start, roots[whose], **how)
    return {name: apart(values) for name, values in {"z": found.z, "diverging": found.diverging, **found.stats}.items()}


def _roots(likelihood: Likelihood, prior: Prior, rng: np.random.Generator, progress: Progress) -> Array:
    """Return the root of each subject's first metric, (N, K, K)."""
    begun = fit_subjects(likelihood, prior, STARTS, rng, progress)
    known = np.isfinite(begun.covariance).all(axis=(1, 2), keepdims=True)
    return np.linalg.cholesky(np.where(known, begun.covariance, prior.covariance))


def _starts(
    likelihood: Likelihood, prior: Prior, density: LaneDensity, whose: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Return draws of the prior, (M, K), at which the posterior is a number."""
    spread = np.linalg.cholesky(prior.covariance)
    z = prior.mean + rng.standard_normal((len(whose), len(spread))) @ spread.T
    for _ in range(TRIES):
        with np.errstate(invalid="ignore", over="ignore"):
            value, gradient = density(z)
        missed = ~(np.isfinite(value) & np.isfinite(gradient).all(axis=1))
        if not missed.any():
            return z
        z[missed] = prior.mean + rng.standard_normal((int(missed.sum()), len(spread))) @ spread.T
    subject = likelihood.trials.subjects[whose[int(np.argmax(missed))]]
    raise ModelError(f"the posterior of subject {subject} is no number at any of {TRIES} draws of the prior")


def _collected(likelihood: Likelihood, prior: Prior, found: dict[str, Array]) -> Sample:
    z, diverging = found.pop("z"), found.pop("diverging")
    return Sample(
        learner=likelihood.learner,
        trials=likelihood.trials,
        subjects=likelihood.trials.subjects,
        prior=prior,
        unconstrained=z,
        natural=likelihood.natural(z),
        log_likelihood=log_likelihood_of_draws(likelihood, z),
        diverging=diverging,
        stats=found,
        quality={"z": Quality.of(z)},
    )
