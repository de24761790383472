"""Sampling the joint posterior of a group by the no-U-turn sampler of the package nutpie.

The density and its exact gradient are those of `versant.inference.posterior`; chains start around a hierarchical fit,
overdispersed. Convergence is judged by the rank-normalised R̂ and effective sample sizes of the package arviz.

Sources: Hoffman & Gelman 2014; Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021.
"""

from __future__ import annotations

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
from versant.inference.posterior import GroupPosteriorDensity
from versant.inference.prior import Prior
from versant.inference.sample_result import GroupSample, Quality, judge
from versant.inference.spread import CovarianceKind
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

LANES = 400_000

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
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    CapabilityError
        If nutpie or arviz is not installed.
    ModelError
        For fewer than two chains or four draws, or a scale that is not positive.
    """
    if chains < 2 or draws < 4 or tune < 1:
        raise ModelError("sampling needs two chains, four draws and one step of adaptation, or more")
    if not 0.0 < sd_scale < np.inf:
        raise ModelError(f"sd_scale={sd_scale} must be positive and finite")
    nutpie, from_function, arviz = _packages()
    structure = structure or Structure(intercepts(list(likelihood.learner.parameters), likelihood.n_subjects))
    density = _density(likelihood, prior, structure, sd_scale, covariance)
    begun = fit_group(
        likelihood, prior, covariance=covariance, structure=structure, starts=2, rng=rng, progress=progress
    )
    start = density.pack(begun.group.effects, begun.group.covariance, begun.coefficients)
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
    progress(0, 1, f"sampling {chains} chains of {tune} + {draws}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that nutpie and arviz use
        trace = nutpie.sample(
            model,
            draws=draws,
            tune=tune,
            chains=chains,
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
    progress(1, 1, "sampled")
    return _collected(likelihood, density, vectors, stats, arviz)


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


def _packages() -> tuple[Any, Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import arviz
            import nutpie
            from nutpie.compiled_pyfunc import from_pyfunc
    except ImportError as error:
        raise CapabilityError(
            f"sampling needs the packages nutpie and arviz ({error.name} is missing): pip install 'versant[sample]'"
        ) from None
    return nutpie, from_pyfunc, arviz


def _collected(
    likelihood: Likelihood, density: GroupPosteriorDensity, vectors: Array, stats: dict[str, Array], arviz: Any
) -> GroupSample:
    chains, draws, _ = vectors.shape
    found = density.unpack(vectors)
    quantities = {"effects": found.effects, "sd": found.sd, "z": found.z}
    z, joint, cells, loadings = quantities["z"], density.likelihood, None, None
    people = likelihood.trials.subjects
    if isinstance(joint, JointLikelihood):
        fixed = quantities["effects"][..., density.design.fixed]
        likelihood, cells, loadings = joint.likelihood, joint.cells, joint.coefficients
        z = loadings.unconstrained(z, fixed, joint.subject)
    flat = z.reshape(chains * draws, *z.shape[2:])
    values = [
        likelihood.evaluate(part.reshape(-1, z.shape[-1]), np.tile(np.arange(z.shape[2]), len(part)), 0).value
        for part in np.array_split(flat, max(1, flat.size // LANES))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quality = {name: Quality.of(arviz, values) for name, values in quantities.items()}
    diverging = stats.pop("diverging").astype(bool)
    return GroupSample(
        learner=likelihood.learner,
        trials=likelihood.trials,
        subjects=likelihood.trials.subjects,
        design=density.design,
        people=people,
        cells=cells,
        loadings=loadings,
        effects=quantities["effects"],
        sd=quantities["sd"],
        correlation=found.correlation,
        coefficients=quantities["z"],
        unconstrained=z,
        natural=likelihood.natural(z),
        log_likelihood=np.concatenate(values).reshape(z.shape[:3]),
        diverging=diverging,
        stats=stats,
        quality=quality,
        verdicts=judge(diverging, quality),
    )
