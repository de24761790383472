"""Everything that is reported about estimates, computed from the estimates alone.

    Laplace evidence   log p(A) ≈ -f(ẑ) + K/2 log 2π - ½ log|H|        H = ∂²f at ẑ
    standard errors    sd(z_i) = √(H⁻¹)_ii,   sd(θ_i) = |θ_i'| sd(z_i)   (delta method)
    AIC = 2K - 2ℓ,   BIC = K log n - 2ℓ  (n: scored choices),   pseudo-R² = 1 - ℓ/ℓ_chance  (McFadden)

with f(z) = -log p(A | θ(z)) - log N(z | μ, Σ).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.likelihood import Likelihood
from versant.inference.objective import with_prior
from versant.inference.prior import Gaussians
from versant.inference.recheck import checked_sums
from versant.inference.result import Fit
from versant.inference.verdict import CONVERGED_AT, LIMIT_WITHIN, Verdict, chance_not_passed
from versant.optimise.newton import scaled_gradient

__all__ = ["examine"]

Array = NDArray[Any]


def examine(likelihood: Likelihood, prior: Gaussians | None, z: Array, agreement: Array) -> Fit:
    """Return the fit that these estimates are, with its verdicts.

    Parameters
    ----------
    likelihood : Likelihood
    prior : Prior, SubjectPriors or None
    z : (N, K) array
        Unconstrained estimates.
    agreement : (N,) array
        Share of starts that reached the same optimum.
    """
    everyone, size, recurrence = np.arange(len(z)), z.shape[1], likelihood.recurrence
    natural, kinks = likelihood.natural(z), likelihood.on_kink(z)
    sums, disagree = checked_sums(likelihood, z, kinks)
    f = with_prior(likelihood.unconstrain(sums, z, 2), prior, z, everyone, 2)
    log_likelihood = sums[0]
    chance, scored = likelihood.interpreter(0).totals([recurrence.chance, recurrence.scored], natural, everyone)
    chance = np.where(recurrence.choices_only, chance, np.nan)
    definite, covariance, log_determinant = _inverted(f.hessian)
    with np.errstate(invalid="ignore"):
        gradient_size = scaled_gradient(f.value, f.gradient)
    flags = {
        Verdict.CONVERGED: (gradient_size <= CONVERGED_AT) & definite,
        Verdict.FLAT: ~definite & np.isfinite(f.value),
        Verdict.UNDEFINED: ~np.isfinite(f.value),
        Verdict.AT_LIMIT: _at_limit(likelihood, natural),
        Verdict.KINK: kinks,
        Verdict.CHANCE: chance_not_passed(log_likelihood, chance, size),
        Verdict.STARTS_DISAGREE: agreement < 0.5,
        Verdict.ENGINES_DISAGREE: disagree,
    }
    return Fit(
        learner=likelihood.learner,
        trials=likelihood.trials,
        subjects=likelihood.trials.subjects,
        prior=prior,
        unconstrained=z,
        natural=natural,
        covariance=covariance,
        slopes=likelihood.slopes(z),
        gradient_size=gradient_size,
        log_likelihood=log_likelihood,
        log_posterior=None if prior is None else -f.value,
        evidence=None if prior is None else -f.value + 0.5 * (size * math.log(2 * math.pi) - log_determinant),
        chance=chance,
        n_choices=scored.astype(np.int64),
        verdicts=_sets(flags),
    )


def _inverted(hessians: Array) -> tuple[NDArray[np.bool_], Array, Array]:
    """Return which matrices are positive definite, their inverses and their log determinants; NaN for the others."""
    definite = np.isfinite(hessians).all(axis=(1, 2))
    eigenvalues, inverses = np.full(hessians.shape[:2], np.nan), np.full(hessians.shape, np.nan)
    eigenvalues[definite] = np.linalg.eigvalsh(hessians[definite])
    definite &= eigenvalues[:, 0] > 1e-10 * np.maximum(1.0, eigenvalues[:, -1])
    inverses[definite] = np.linalg.inv(hessians[definite])
    log_determinants = np.full(len(hessians), np.nan)
    log_determinants[definite] = np.log(eigenvalues[definite]).sum(axis=1)
    return definite, inverses, log_determinants


def _at_limit(likelihood: Likelihood, natural: Array) -> NDArray[np.bool_]:
    domains = likelihood.learner.parameters.values()
    near = [domain.distance_to_edge(natural[:, k]) < LIMIT_WITHIN for k, domain in enumerate(domains)]
    return np.asarray(np.any(near, axis=0))


def _sets(flags: Mapping[Verdict, NDArray[np.bool_]]) -> tuple[frozenset[Verdict], ...]:
    """Return each subject's flags; few sets differ, and equal ones are one object."""
    numbers = sum(holds.astype(np.int64) << k for k, holds in enumerate(flags.values()))
    known = {
        int(number): frozenset(flag for k, flag in enumerate(flags) if int(number) >> k & 1)
        for number in np.unique(numbers)
    }
    return tuple(known[number] for number in np.asarray(numbers).tolist())
