"""Maximum a posteriori (or maximum likelihood) estimates of all subjects at once.

Minimised is f(z) = -log p(A | θ(z)) - log N(z | μ, Σ), by batched Newton steps with exact Hessians, from several starts
side by side. What is reported is then computed at the best point of each subject (`versant.inference.examination`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.examination import examine
from versant.inference.likelihood import Likelihood
from versant.inference.objective import negative_log_posterior
from versant.inference.prior import Prior, default_prior
from versant.inference.result import Fit
from versant.inference.verdict import AGREEMENT
from versant.optimise.newton import minimise_batch
from versant.progress import Progress, silent

__all__ = ["best_ends", "examine", "fit_subjects"]

Array = NDArray[Any]


def fit_subjects(
    likelihood: Likelihood,
    prior: Prior | None,
    starts: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Fit:
    """Fit every subject.

    Parameters
    ----------
    likelihood : Likelihood
    prior : Prior or None
        None: maximum likelihood.
    starts : int
        The first is the centre of the prior (or of the default prior), the others are drawn from it.
    rng : numpy.random.Generator
    progress : Progress

    Returns
    -------
    Fit
    """
    return examine(likelihood, prior, *best_ends(likelihood, prior, starts, rng, progress))


def best_ends(
    likelihood: Likelihood,
    prior: Prior | None,
    starts: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> tuple[Array, Array]:
    """Optimise from every start; the arguments are those of `fit_subjects`.

    Returns
    -------
    z : (N, K) array
        The best point of each subject, in unconstrained units.
    agreement : (N,) array
        Share of its starts that reached it.
    """
    if starts < 1:
        raise ModelError(f"starts={starts}: at least one start is needed")
    subjects = likelihood.n_subjects
    around = prior or default_prior(likelihood.learner)
    spread = rng.standard_normal((starts - 1, subjects, len(around.mean))) @ np.linalg.cholesky(around.covariance).T
    first = np.broadcast_to(around.mean, (1, subjects, len(around.mean)))
    points = np.concatenate([first, around.mean + spread]).reshape(starts * subjects, -1)
    whose = np.tile(np.arange(subjects), starts)

    def function(z: Array, which: NDArray[np.int64]) -> tuple[Array, Array, Array]:
        progress(len(points) - len(which), len(points), "fitting")
        f = negative_log_posterior(likelihood, prior, z, whose[which], 2)
        return f.value, f.gradient, f.hessian

    ends = minimise_batch(function, points)
    progress(len(points), len(points), "fitting")
    values = ends.values.reshape(starts, subjects)
    ranked = np.where(np.isfinite(values), values, np.inf)
    best = ranked.argmin(axis=0)
    chosen = ends.points.reshape(starts, subjects, -1)[best, np.arange(subjects)]
    agree = (ranked <= ranked.min(axis=0) + AGREEMENT).mean(axis=0)
    return chosen, agree
