"""Sampling the joint posterior of a group by the no-U-turn sampler of the package nutpie.

The density and its exact gradient are those of `versant.inference.posterior`; chains start around a hierarchical fit,
overdispersed. Subjects without a group are sampled by `versant.inference.subject_sampling`.

Source: Hoffman & Gelman 2014.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import CapabilityError, ModelError
from versant.inference.cells import JointLikelihood
from versant.inference.design import intercepts
from versant.inference.formula import Structure
from versant.inference.group import fit_group
from versant.inference.likelihood import Likelihood
from versant.inference.nuts_adaptation import TARGET_ACCEPT
from versant.inference.nuts_chains import require_lengths
from versant.inference.posterior import GroupPosteriorDensity
from versant.inference.prior import Prior
from versant.inference.sample_gradient import log_likelihood_of_draws
from versant.inference.sample_quality import Quality, require_arviz
from versant.inference.sample_result import GroupSample
from versant.inference.spread import CovarianceKind
from versant.inference.stages import Stages, told
from versant.progress import Progress, silent

__all__ = ["sample_group"]

Array = NDArray[Any]

STATS = {
    "diverging": "diverging",
    "logp": "lp",
    "energy": "energy",
    "n_steps": "n_steps",
    "depth": "tree_depth",
    "step_size": "step_size",
}
"""What is kept of each transition: nutpie's name → the one of ArviZ's schema."""

OVERDISPERSED = 0.5
"""How far chains start from the hierarchical fit, in units of the vector."""


def sample_group(
    likelihood: Likelihood,
    prior: Prior,
    *,
    covariance: CovarianceKind = "full",
    structure: Structure | None = None,
    sd_scale: float = 1.0,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = TARGET_ACCEPT,
    resume: str | os.PathLike[str] | None = None,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> GroupSample:
    """Sample the posterior of a group and its subjects.

    Parameters
    ----------
    likelihood : Likelihood
    prior : Prior
        Of the group means: centres and standard deviations (its correlations do not count).
    covariance : {"full", "diagonal"}
    structure : Structure, optional
        Covariates, conditions, shared and known parameters; without it, one mean a parameter.
    sd_scale : float
        The standard deviations between subjects have the prior half-normal(sd_scale), in unconstrained units.
    draws, tune, chains : int
        Draws kept of each chain, steps of adaptation before, and number of chains.
    target_accept : float
        Mean acceptance probability that step sizes are adapted to.
    resume : path, optional
        A file that keeps finished chains (`versant.inference.stages`): they then are sampled one after another.
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    CapabilityError
        If nutpie or arviz is not installed.
    ModelError
        For fewer than two chains or four draws, or a scale that is not positive.
    """
    require_lengths(draws, tune, chains, target_accept)
    if not 0.0 < sd_scale < np.inf:
        raise ModelError(f"sd_scale={sd_scale} must be positive and finite")
    _packages()
    require_arviz()
    structure = structure or Structure(intercepts(list(likelihood.learner.parameters), likelihood.n_subjects))
    density = _density(likelihood, prior, structure, sd_scale, covariance)
    how: dict[str, Any] = {"draws": draws, "tune": tune, "target_accept": target_accept}
    asked = {**how, "chains": chains, "sd_scale": sd_scale, "covariance": covariance}
    made = (density.design.stacked, density.design.fixed, density.centre, density.width)
    stages = Stages.at(resume, asked if resume is None else asked | told(likelihood, made, density.likelihood), rng)

    def begin() -> dict[str, Array]:
        found = fit_group(
            likelihood, prior, covariance=covariance, structure=structure, starts=2, rng=rng, progress=progress
        )
        return {"vector": density.pack(found.group.effects, found.group.covariance, found.coefficients)}

    start, together = stages.piece("start", begin)["vector"], chains if resume is None else 1
    parts = []
    for first in range(0, chains, together):
        progress(first, chains, f"sampling {chains} chains of {tune} + {draws}")
        parts.append(stages.piece(f"chain {first}", lambda: _chains(density, start, chains=together, rng=rng, **how)))
    progress(chains, chains, "sampled")
    stats = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _collected(likelihood, prior, density, stats.pop("vector"), stats)


def _chains(
    density: GroupPosteriorDensity,
    start: Array,
    *,
    draws: int,
    tune: int,
    target_accept: float,
    chains: int,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Sample some chains: their vectors and what is kept of each transition, (chains, draws, …)."""
    nutpie, from_function = _packages()
    size = density.n_dimensions

    def near(seed: Any) -> Array:
        return start + OVERDISPERSED * np.random.default_rng(seed).uniform(-1.0, 1.0, size)

    model = from_function(
        size,
        lambda: replace(density).__call__,
        lambda *_: lambda vector, **_: {"vector": np.array(vector)},
        [np.dtype("float64")],
        [(size,)],
        ["vector"],
        make_initial_point_fn=near,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that nutpie and arviz use
        trace = nutpie.sample(
            model,
            draws=draws,
            tune=tune,
            chains=chains,
            target_accept=target_accept,
            seed=int(rng.integers(2**31)),
            progress_bar=False,
            save_warmup=False,
        )
        vectors = np.asarray(trace.posterior["vector"].to_numpy())
        stats = {
            ours: _signed(trace.sample_stats[theirs].to_numpy())
            for theirs, ours in STATS.items()
            if theirs in trace.sample_stats
        }
    if vectors.shape[:2] != (chains, draws):  # interrupted, nutpie ends quietly with what it has
        raise KeyboardInterrupt
    return {"vector": vectors, **stats}


def _density(
    likelihood: Likelihood, prior: Prior, structure: Structure, scale: float, covariance: CovarianceKind
) -> GroupPosteriorDensity:
    """The posterior density: means are centred where the prior is, effects of covariates at zero."""
    names, design = list(likelihood.learner.parameters), structure.design
    means = np.array([term in ("mean", "Intercept") for _name, term in design.names])
    of = [names.index(name) for name, _term in design.names]
    return GroupPosteriorDensity(
        structure.bound_to(likelihood),
        design,
        centre=np.where(means, prior.mean[of], 0.0),
        width=np.sqrt(np.diag(prior.covariance))[of],
        scale=scale,
        diagonal=covariance == "diagonal",
    )


def _signed(values: Array) -> Array:
    """Return counts as int64; other values as they are."""
    return np.asarray(values, dtype=np.int64 if values.dtype.kind == "u" else None)


def _packages() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import nutpie
            from nutpie.compiled_pyfunc import from_pyfunc
    except ImportError as error:
        raise CapabilityError(
            f"sampling a group needs the package nutpie ({error.name} is missing): pip install 'versant[sample]'"
        ) from None
    return nutpie, from_pyfunc


def _collected(
    likelihood: Likelihood, prior: Prior, density: GroupPosteriorDensity, vectors: Array, stats: dict[str, Array]
) -> GroupSample:
    found, people = density.unpack(vectors), likelihood.trials.subjects
    z, joint, cells, loadings = found.z, density.likelihood, None, None
    if isinstance(joint, JointLikelihood):
        likelihood, cells, loadings = joint.likelihood, joint.cells, joint.coefficients
        z = loadings.unconstrained(z, found.effects[..., density.design.fixed], joint.subject)
    diverging = stats.pop("diverging").astype(bool)
    return GroupSample(
        learner=likelihood.learner,
        trials=likelihood.trials,
        subjects=likelihood.trials.subjects,
        prior=prior,
        unconstrained=z,
        natural=likelihood.natural(z),
        log_likelihood=log_likelihood_of_draws(likelihood, z),
        diverging=diverging,
        stats=stats,
        quality={
            name: Quality.of(values) for name, values in (("effects", found.effects), ("sd", found.sd), ("z", found.z))
        },
        design=density.design,
        people=people,
        cells=cells,
        loadings=loadings,
        effects=found.effects,
        sd=found.sd,
        correlation=found.correlation,
        coefficients=found.z,
    )
