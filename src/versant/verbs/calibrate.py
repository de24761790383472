"""The verb `calibrate`: are the posteriors right, in one's own design? (simulation-based calibration)

Truths are drawn from the prior, data simulated from them and fitted, and the truth ranked among draws of the posterior
(`versant.inference.calibration`). One data set of each method:

    "laplace"     a subject: N(ẑ, V) of its maximum a posteriori estimate
    "importance"  a subject: draws around the mode, resampled by their smoothed weights
                  (`versant.inference.importance`): the posterior itself, up to Monte-Carlo error
    "sample"      a group: draws by the no-U-turn sampler of effects, standard deviations, correlations, one subject;
                  with pooling="none" a subject, alone
    "group"       a group: b with Student's t and its standard errors, log sd with its own (delta method), one
                  subject's N(ẑ, V). There is no prior in these estimates, and ranks need not be uniform: it is a check
                  of intervals over groups that vary as much as the prior says.

The log-likelihood (of the subject or the group) at the truth is ranked too: it finds out posteriors that are right in
every margin and wrong together. Source: Talts et al. 2018; Modrák et al. 2023.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.calibration import Calibration
from versant.inference.design import intercepts
from versant.inference.group_result import GroupFit
from versant.inference.hyperprior import draw_group
from versant.inference.importance import draw, rebind
from versant.inference.likelihood import Likelihood, bind
from versant.inference.pareto import smooth
from versant.inference.posterior import GroupPosteriorDensity, Unpacked
from versant.inference.prior import Prior, PriorLike, as_prior
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.progress import Progress, silent
from versant.tasks.behavioural import Task
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.fit import LENGTHS, fit
from versant.verbs.ledger import Record, design_told, fingerprint, run_pieces
from versant.verbs.simulate import simulate

__all__ = ["calibrate"]

Array = NDArray[Any]
CalibrationMethod = Literal["laplace", "importance", "sample", "group"]

SUBJECTS_A_PIECE = 200
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "laplace": {"starts": 3},
    "importance": {"starts": 3, "posterior_draws": 1000},
    "group": {"subjects": 20, "starts": 2, "covariance": "full"},
    "sample": {
        "pooling": "partial",
        "subjects": 10,
        "covariance": "full",
        "tune": 500,
        "posterior_draws": 500,
        "chains": 2,
        "target_accept": 0.8,
    },
}
"""What each method takes beside what all take."""
OF_GROUPS = ("subjects", "covariance")


def calibrate(
    model: Learner,
    task: Task | Pomdp,
    n: int = 1000,
    *,
    method: CalibrationMethod = "laplace",
    prior: PriorLike = "default",
    draws: int = 99,
    like: Trials | None = None,
    on_missing: MissingPolicy | None = None,
    seed: int | np.random.Generator | None = 0,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Calibration:
    """Rank truths among draws of their posteriors.

    Parameters
    ----------
    model : Learner
    task : Task or Pomdp
        The design.
    n : int
        Data sets: subjects for ``"laplace"``, ``"importance"`` and sampling without pooling, groups for the others.
    method : {"laplace", "importance", "sample", "group"}
        Whose posterior; see the module.
    prior : "default", Prior or mapping
        Of a subject, or of the group means (centres and standard deviations) for groups.
    draws : int
        L, draws of each posterior among which the truth is ranked; L + 1 should have many divisors.
    like, on_missing, seed, progress
        As for `versant.recover`.
    resume : path, optional
        A file in which finished data sets are kept; a study that was interrupted goes on from there.
    pooling : {"partial", "none"}
        Of ``"sample"``, as for `versant.fit`: groups, unless told otherwise, or subjects alone.
    subjects : int
        Of ``"group"`` (20) and ``"sample"`` (10): subjects of a group.
    starts : int
        Of ``"laplace"``, ``"importance"`` (3) and ``"group"`` (2).
    covariance : {"full", "diagonal"}
        Of ``"group"`` and ``"sample"``.
    tune, posterior_draws, chains : int
        Of ``"sample"`` (500, 500, 2); L draws, equally spaced, are taken of all that are kept. Of ``"importance"``,
        `posterior_draws` (1000) are weighed for each subject and L resampled.
    target_accept : float
        Of ``"sample"``, as for `versant.fit`.

    Returns
    -------
    Calibration

    Raises
    ------
    ModelError
        For a method that does not exist, an option that does not belong to it, numbers that make no sense.

    Examples
    --------
    >>> import versant as vs
    >>> found = calibrate(vs.models.find("q_learning"), vs.Bandit(trials=100, reversal=25), 100, starts=1)
    >>> found.quantities, found.ranks.shape
    (('alpha', 'beta', 'log_likelihood'), (100, 3))
    """
    if method not in DEFAULTS:
        raise ModelError(f"method={method!r} is unknown: choose {', '.join(map(repr, DEFAULTS))}")
    unknown = sorted(set(options) - set(DEFAULTS[method]))
    if unknown:
        raise ModelError(
            f"calibrate(method={method!r}) takes no {unknown[0]}=; there are {', '.join(DEFAULTS[method])}"
        )
    around = as_prior(model, prior)
    if around is None or n < 2 or draws < 1:
        raise ModelError("calibrate() needs a prior, two data sets and one draw, or more")
    how = _with_defaults(method, options)
    study = _Study(model, task, around, draws, like, on_missing, how)
    alone = "subjects" not in how
    sizes = [min(SUBJECTS_A_PIECE, n - k) for k in range(0, n, SUBJECTS_A_PIECE)] if alone else [1] * n
    run = study.subject if alone else {"group": study.group, "sample": study.sample}[method]
    records = run_pieces(
        len(sizes),
        lambda i, rng: run(sizes[i], rng),
        seed=seed,
        settings=_settings(study, n, method),
        path=resume,
        message="calibrating",
        progress=progress,
    )
    verdicts: Counter[str] = Counter()
    for record in records:
        verdicts.update(record["verdicts"])
    ranks = np.array([row for record in records for row in record["ranks"]], dtype=np.int64)
    return Calibration(model.name, method, study.quantities(method), ranks, draws, dict(verdicts))


def _with_defaults(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's options; those of a group are left out where subjects are sampled alone."""
    how = {**DEFAULTS[method], **options}
    if how.get("pooling", "partial") == "partial":
        return how
    strange = [name for name in OF_GROUPS if name in options]
    if how["pooling"] != "none" or strange:
        what = f"pooling='none' takes no {strange[0]}=" if strange else "pooling= is 'partial' or 'none'"
        raise ModelError(f"calibrate(method='sample'): {what}")
    return {name: value for name, value in how.items() if name not in OF_GROUPS}


def _settings(study: _Study, n: int, method: str) -> Record:
    prior = study.prior
    return {
        "study": "calibration",
        "model": fingerprint(study.model),
        "design": design_told(study.task, study.like),
        "n": n,
        "method": method,
        "prior": [prior.mean.tolist(), prior.covariance.tolist()],
        "draws": study.draws,
        "on_missing": study.on_missing,
        "options": dict(study.how),
    }


class _Study:
    """Data sets and ranks, one method each."""

    def __init__(
        self,
        model: Learner,
        task: Task | Pomdp,
        prior: Prior,
        draws: int,
        like: Trials | None,
        on_missing: MissingPolicy | None,
        how: Mapping[str, Any],
    ) -> None:
        self.model, self.task, self.prior, self.draws = model, task, prior, draws
        self.like, self.on_missing, self.how = like, on_missing, how

    def quantities(self, method: str) -> tuple[str, ...]:
        """Return the names of what is ranked."""
        names = list(self.model.parameters)
        if "subjects" not in self.how:
            return (*names, "log_likelihood")
        group = [f"mean {name}" for name in names] + [f"sd {name}" for name in names]
        own = [f"subject {name}" for name in names]
        rows, columns = np.tril_indices(0 if self.how["covariance"] == "diagonal" else len(names), -1)
        pairs = [f"correlation {names[j]}, {names[i]}" for i, j in zip(rows, columns, strict=True)]
        return (*group, *own, *(pairs if method == "sample" else ()), *(["log_likelihood"] * (method == "sample")))

    def subject(self, count: int, rng: np.random.Generator) -> Record:
        """Rank `count` subjects, each under the prior."""
        z = self.prior.mean + rng.standard_normal((count, self.model.n_parameters)) @ _root(self.prior).T
        if "pooling" in self.how:
            found = self._fitted(z, rng, prior=self.prior, method="sample", pooling="none", **self._lengths())
        else:
            found = self._fitted(z, rng, prior=self.prior, starts=self.how["starts"])
        likelihood, everyone = rebind(found), np.arange(count)
        known = np.ones(count, dtype=bool)
        if isinstance(found, Sample):
            draws = self._thinned(found.pooled)  # (L, count, K)
        elif "posterior_draws" in self.how:
            draws, known = self._resampled(found, likelihood, rng), _known(found)
        else:
            draws, known = _gaussian(found.unconstrained, found.covariance, self.draws, rng), _known(found)
        own = likelihood.evaluate(z, everyone, 0).value
        theirs = likelihood.evaluate(draws.reshape(-1, z.shape[1]), np.tile(everyone, self.draws), 0).value
        ranks = np.concatenate(
            [(draws < z).sum(axis=0), (theirs.reshape(self.draws, count) < own).sum(axis=0)[:, None]], axis=1
        )
        ranks[~known] = -1
        return {"ranks": ranks.tolist(), "verdicts": found.verdict_counts()}

    def _resampled(self, found: Fit, likelihood: Likelihood, rng: np.random.Generator) -> Array:
        """Return L draws of each subject's posterior, (L, N, K)."""
        known = _known(found)[:, None, None]
        covariance = np.where(known, found.covariance, self.prior.covariance)
        total = self.how["posterior_draws"]
        weighed = draw(likelihood, self.prior, found.unconstrained, covariance, total, rng)
        picked = np.empty((self.draws, *found.unconstrained.shape))
        for n in range(len(found.subjects)):
            logs = smooth(weighed.log_weights[:, n])[0]
            weights = np.exp(logs - logs.max())
            picked[:, n] = weighed.points[rng.choice(total, self.draws, p=weights / weights.sum()), n]
        return picked

    def group(self, count: int, rng: np.random.Generator) -> Record:
        """Rank one group under its maximum likelihood estimates and their errors."""
        truth = self._group(rng)
        options = {name: self.how[name] for name in ("starts", "covariance")}
        found = self._fitted(truth.z, rng, prior=self.prior, method="group", **options)
        assert isinstance(found, GroupFit)
        g = found.group
        stretch = np.sqrt(g.degrees / rng.chisquare(np.maximum(g.degrees, 1), (self.draws, len(g.effects))))
        effects = g.effects + stretch * rng.standard_normal((self.draws, len(g.effects))) * g.errors
        sd = g.sd * np.exp(rng.standard_normal((self.draws, len(g.sd))) * g.sd_errors / g.sd)
        own = _gaussian(found.unconstrained[:1], found.covariance[:1], self.draws, rng)[:, 0]
        ranks = _ranks([truth.effects, truth.sd, truth.z[0]], [effects, sd, own])
        return {"ranks": [ranks], "verdicts": dict(Counter(map(str, g.verdicts)))}

    def sample(self, count: int, rng: np.random.Generator) -> Record:
        """Rank one group among draws of its joint posterior."""
        truth = self._group(rng)
        options = {**self._lengths(), "covariance": self.how["covariance"]}
        found = self._fitted(truth.z, rng, prior=self.prior, method="sample", **options)
        assert isinstance(found, GroupSample)

        def thinned(values: Array) -> Array:
            return self._thinned(values.reshape(-1, *values.shape[2:]))

        pairs = np.tril_indices(0 if self.how["covariance"] == "diagonal" else self.model.n_parameters, -1)
        z = thinned(found.unconstrained)
        likelihood = bind(self.model, found.trials, "learn" if found.trials.missing else None)
        own = likelihood.evaluate(truth.z, np.arange(len(truth.z)), 0).value.sum(keepdims=True)
        ranks = _ranks(
            [truth.effects, truth.sd, truth.z[0], truth.correlation[pairs], own],
            [
                thinned(found.effects),
                thinned(found.sd),
                z[:, 0],
                thinned(found.correlation)[:, pairs[0], pairs[1]],
                thinned(found.log_likelihood).sum(axis=1, keepdims=True),
            ],
        )
        return {"ranks": [ranks], "verdicts": dict(Counter(map(str, found.verdict)))}

    def _lengths(self) -> dict[str, Any]:
        """Return how long is sampled, and how carefully."""
        return {"draws": self.how["posterior_draws"], **{name: self.how[name] for name in LENGTHS[1:]}}

    def _thinned(self, values: Array) -> Array:
        """Return L of the draws, equally spaced."""
        if len(values) < self.draws:
            raise ModelError(f"draws={self.draws} of a posterior of which {len(values)} are kept: sample longer")
        return np.asarray(values[np.linspace(0, len(values) - 1, self.draws).round().astype(np.int64)])

    def _group(self, rng: np.random.Generator) -> Unpacked:
        """Draw a group from the prior that the sampler has."""
        names = list(self.model.parameters)
        density = GroupPosteriorDensity(
            likelihood=_Nobody(),
            design=intercepts(names, self.how["subjects"]),
            centre=self.prior.mean,
            width=np.sqrt(np.diag(self.prior.covariance)),
            diagonal=self.how["covariance"] == "diagonal",
        )
        return draw_group(density, rng)

    def _fitted(self, z: Array, rng: np.random.Generator, **options: Any) -> Fit | Sample:
        """Simulate subjects with these unconstrained parameters and fit them."""
        natural = {name: domain.natural(z[:, k]) for k, (name, domain) in enumerate(self.model.parameters.items())}
        trials = simulate(self.model, self.task, natural, subjects=len(z), like=self.like, seed=rng)
        found: Fit | Sample = fit(self.model, trials, seed=rng, on_missing=self.on_missing, **options)
        return found


class _Nobody:
    """No data: where a prior alone is drawn from."""

    def evaluate(self, *_: Any) -> Any:
        raise ModelError("a prior has no likelihood")


def _known(fit: Fit) -> NDArray[np.bool_]:
    """Return who has standard errors, (N,)."""
    return np.asarray(np.isfinite(fit.covariance).all(axis=(1, 2)))


def _root(prior: Prior) -> Array:
    return np.asarray(np.linalg.cholesky(prior.covariance))


def _gaussian(mean: Array, covariance: Array, draws: int, rng: np.random.Generator) -> Array:
    """Return draws (L, N, K); of the mean itself where the covariance does not exist."""
    known = np.asarray(np.isfinite(covariance).all(axis=(1, 2), keepdims=True))
    root = np.linalg.cholesky(np.where(known, covariance, np.eye(mean.shape[1])))
    standard = rng.standard_normal((draws, *mean.shape))
    return np.asarray(mean + np.where(known[..., 0], np.einsum("nkl,snl->snk", root, standard), 0.0))


def _ranks(truths: list[Array], draws: list[Array]) -> list[int]:
    """Return the rank of each truth among its draws; -1 where these are no numbers."""
    found: list[int] = []
    for truth, drawn in zip(truths, draws, strict=True):
        rank = np.where(np.isfinite(drawn).all(axis=0), (drawn < truth).sum(axis=0), -1)
        found.extend(int(r) for r in rank)
    return found
