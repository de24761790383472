"""Leave-one-out predictive densities by Pareto-smoothed importance sampling (PSIS-LOO).

The log-likelihood of subject n is a sum over trials, ℓ_n(z) = Σ_t ℓ_nt(z), each trial given the history before it.
From draws z_s of the posterior with weights w_s (1, or those of importance sampling around a mode), the posterior
without the response of trial t has weights in proportion to w_s exp(-ℓ_nts), which are Pareto-smoothed, and

    elpd_nt = log Σ_s w_s^(-t) exp ℓ_nts / Σ_s w_s^(-t)        p_nt = log Σ_s w_s exp ℓ_nts / Σ_s w_s - elpd_nt

What is left out is the *response*: later trials still know what was chosen and what followed. k of each trial says
whether its weights can be trusted (`versant.inference.pareto`).

A left-out subject is predicted from the group: with draws y_s of the group's parameters and log p(A_n | y_s), the
weights without subject n are in proportion to w_s / p(A_n | y_s), where p(A_n | y_s) is integrated over the subject's z
by draws around its posterior.

Sources: Vehtari, Gelman & Gabry 2017; Magnusson, Andersen, Jonasson & Vehtari 2019; Merkle, Furr & Rabe-Hesketh 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.cells import JointLikelihood
from versant.inference.design import GroupDesign
from versant.inference.importance import DEGREES, Draws, log_density
from versant.inference.likelihood import Likelihood
from versant.inference.objective import Evaluates
from versant.inference.pareto import smooth
from versant.progress import Progress, silent

__all__ = ["LeftOut", "leave_out", "leave_out_subjects", "leave_out_trials", "marginal_by_draws"]

Array = NDArray[Any]

TOGETHER = 4_000_000
"""Trial-wise log-likelihoods that are held side by side."""
COMPONENTS = 50
"""Draws of the group that stand for it where a subject's parameters are drawn from it."""


@dataclass(frozen=True)
class LeftOut:
    """Predictive densities of U units, each left out in turn."""

    elpd: Array  # (U,); NaN where nothing is scored
    effective: Array  # (U,), p: effective number of parameters that the unit takes
    pareto_k: Array  # (U,)


def leave_out(log_likelihood: Array, log_weights: Array, efficiency: float = 1.0) -> LeftOut:
    """Leave out each of U units.

    Parameters
    ----------
    log_likelihood : (S, U) array
        Of each unit at each draw.
    log_weights : (S,) array
        Of the draws, not normalised.
    efficiency : float
        See `versant.inference.pareto.smooth`.

    Examples
    --------
    >>> found = leave_out(np.zeros((200, 1)), np.zeros(200))
    >>> float(found.elpd[0]), float(found.effective[0])
    (0.0, 0.0)
    """
    alive = np.isfinite(log_weights)
    base = log_weights[alive] - _log_sum(log_weights[alive])
    values = np.ascontiguousarray(log_likelihood[alive].T)  # (U, S)
    with np.errstate(invalid="ignore"):
        ratios = np.where(np.isfinite(values), base - values, -np.inf)
    smoothed, shapes = np.empty_like(ratios), np.empty(len(values))
    for u, own in enumerate(ratios):
        smoothed[u], shapes[u] = smooth(own, efficiency)
    elpd = _log_sum((smoothed + values).T) - _log_sum(smoothed.T)
    return LeftOut(elpd, _log_sum((base + values).T) - elpd, shapes)


def leave_out_trials(
    likelihood: Likelihood, draws: Draws, efficiency: Array | None = None, progress: Progress = silent
) -> LeftOut:
    """Leave out each trial of every subject.

    Parameters
    ----------
    likelihood : Likelihood
    draws : Draws
        From the subjects' posteriors.
    efficiency : (N,) array, optional
        Of each subject's draws.
    progress : Progress

    Returns
    -------
    LeftOut
        A unit a row of the likelihood's trials.
    """
    lengths, offsets = likelihood.rows.lengths, likelihood.rows.offsets
    count, subjects, size = draws.points.shape
    rows = int(offsets[-1])
    found = LeftOut(*(np.full(rows, np.nan) for _ in range(3)))
    recurrence = likelihood.recurrence
    engine: Any = likelihood.engine(0)  # every engine records
    together = max(1, TOGETHER // max(1, count * int(lengths.max(initial=1))))
    for first in range(0, subjects, together):
        progress(first, subjects, "leaving out trials")
        some = np.arange(first, min(first + together, subjects))
        natural = likelihood.natural(draws.points[:, some].reshape(-1, size))
        nodes = [recurrence.log_likelihood, recurrence.scored]
        records = engine.records(nodes, natural, np.tile(some, count))  # (2, T, S * subjects)
        records = records.reshape(2, records.shape[1], count, len(some))
        for place, n in enumerate(some):
            scored = records[1, : lengths[n], 0, place] > 0
            at = offsets[n] + np.flatnonzero(scored)
            own = records[0, : lengths[n], :, place][scored].T  # (S, trials)
            one = leave_out(own, draws.log_weights[:, n], 1.0 if efficiency is None else float(efficiency[n]))
            found.elpd[at], found.effective[at], found.pareto_k[at] = one.elpd, one.effective, one.pareto_k
    progress(subjects, subjects, "leaving out trials")
    return found


def marginal_by_draws(
    likelihood: Likelihood | JointLikelihood,
    design: GroupDesign,
    effects: Array,
    covariances: Array,
    centres: Array,
    around: Array,
    inner: int,
    rng: np.random.Generator,
) -> Array:
    """Return log p(A_n | b_s, Σ_s) of every subject at S draws of the group's parameters, (S, N).

    Parameters
    ----------
    likelihood : Likelihood or JointLikelihood
        With fixed effects, which differ from draw to draw, it is evaluated anew at each of the draws.
    design : GroupDesign
    effects : (S, P) array
    covariances : (S, K, K) array
    centres, around : (N, K) and (N, K, K) arrays
        Mean and covariance of the subjects' posteriors.
    inner : int
        Draws of each subject over which is integrated: half of them around its posterior, half of them from the group
        as it is at some of its own draws, lest a narrow group be missed.
    rng : numpy.random.Generator
    """
    subjects, size = centres.shape
    means = np.stack([design.means(b) for b in effects])  # (S, N, K)
    half = inner // 2
    roots = np.linalg.cholesky(around)
    stretch = np.sqrt(DEGREES / rng.chisquare(DEGREES, (half, subjects, 1)))
    own = centres + np.einsum("nkl,inl->ink", roots, rng.standard_normal((half, subjects, size)) * stretch)
    some = rng.integers(len(effects), size=COMPONENTS)
    which = some[np.arange(half) % COMPONENTS]
    group_roots = np.linalg.cholesky(covariances)
    group = means[which] + np.einsum("ikl,inl->ink", group_roots[which], rng.standard_normal((half, subjects, size)))
    z = np.concatenate([own, group])
    standard = np.einsum("nkl,inl->ink", np.linalg.inv(roots), z - centres)
    parts = np.stack([_log_normal(z, means[s], covariances[s]) for s in some])
    proposal = np.logaddexp(log_density(standard, roots), _log_sum(parts) - math.log(COMPONENTS)) - math.log(2.0)
    fixed, known = effects[:, design.fixed], None
    found = np.empty((len(effects), subjects))
    for s, (m, c) in enumerate(zip(means, covariances, strict=True)):
        if known is None or fixed.shape[1]:
            given = likelihood.at(fixed[s]) if isinstance(likelihood, JointLikelihood) else likelihood
            known = _values(given, z)
        found[s] = _log_sum(known - proposal + _log_normal(z, m, c))
    return found - math.log(len(z))


def _values(likelihood: Evaluates, z: Array) -> Array:
    """Return the log-likelihoods of draws (I, N, K), (I, N); -inf where there is none."""
    draws, subjects, size = z.shape
    values = likelihood.evaluate(z.reshape(-1, size), np.tile(np.arange(subjects), draws), 0).value
    return np.where(np.isfinite(values), values, -np.inf).reshape(draws, subjects)


def _log_normal(z: Array, mean: Array, covariance: Array) -> Array:
    """Return log N(z_in; m_n, Σ), (I, N, K) → (I, N)."""
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    norm = np.log(np.diag(root)).sum() - 0.5 * len(root) * math.log(2.0 * math.pi)
    return np.asarray(norm - 0.5 * (((z - mean) @ root) ** 2).sum(axis=2))


def leave_out_subjects(log_likelihood: Array, efficiency: float = 1.0) -> LeftOut:
    """Leave out each subject, by its marginal log-likelihood (S, N) at draws of the group's parameters."""
    return leave_out(log_likelihood, np.zeros(len(log_likelihood)), efficiency)


def _log_sum(values: Array) -> Any:
    from scipy.special import logsumexp

    return logsumexp(values, axis=0)
