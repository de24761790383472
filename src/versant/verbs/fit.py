"""The verb `fit`: recorded behaviour → estimates with verdicts; with it `objective` and `log_likelihood`."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.agents.controller_model import ControllerModel
from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.controller_fit import controller_log_likelihood, fit_controller
from versant.inference.controller_result import ControllerFit
from versant.inference.formula import FormulaLike, structure_for
from versant.inference.group import fit_group
from versant.inference.group_result import GroupFit, Polish
from versant.inference.likelihood import bind, natural_table
from versant.inference.map import fit_subjects
from versant.inference.objective import Objective
from versant.inference.prior import PriorLike, as_prior
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.sampling import sample_group
from versant.inference.spread import CovarianceKind
from versant.inference.subject_sampling import sample_subjects
from versant.progress import Progress, silent
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Method", "fit", "log_likelihood", "objective"]

Method = Literal["map", "group", "sample"]
Pooling = Literal["partial", "none"]


LENGTHS: tuple[str, ...] = ("draws", "tune", "chains", "target_accept")
ALONE = (*LENGTHS, "resume")
"""What any sampling takes, also that of every subject alone."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "map": ("starts",),
    "group": ("starts", "covariance", "formula", "shared", "fixed", "polish", "resume"),
    "sample": ("pooling", "covariance", "formula", "shared", "fixed", "sd_scale", *ALONE),
}
"""What each method takes beside what all take; None stands for an option that is not given, but for polish=None."""

STRUCTURE = ("formula", "shared", "fixed")
OF_CONTROLLERS = ("starts", "concentration")


@overload
def fit(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    method: Literal["map"] = "map",
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
) -> Fit: ...


@overload
def fit(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    method: Literal["group"],
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
    covariance: CovarianceKind = "full",
    formula: FormulaLike | None = None,
    shared: Collection[str] = (),
    fixed: Mapping[str, float] | None = None,
    polish: Polish | None = "integrated",
    resume: str | os.PathLike[str] | None = None,
) -> GroupFit: ...


@overload
def fit(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    method: Literal["sample"],
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
    pooling: Literal["partial"] = "partial",
    covariance: CovarianceKind = "full",
    formula: FormulaLike | None = None,
    shared: Collection[str] = (),
    fixed: Mapping[str, float] | None = None,
    sd_scale: float = 1.0,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.8,
    resume: str | os.PathLike[str] | None = None,
) -> GroupSample: ...


@overload
def fit(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    method: Literal["sample"],
    pooling: Literal["none"],
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.8,
    resume: str | os.PathLike[str] | None = None,
) -> Sample: ...


@overload
def fit(
    model: ControllerModel,
    trials: Trials,
    *,
    starts: int = 20,
    concentration: float = 1.0,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> ControllerFit: ...


@overload
def fit(
    model: Learner, trials: Trials, prior: PriorLike = "default", *, method: Method, **options: Any
) -> Fit | Sample: ...


def fit(
    model: Learner | ControllerModel,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    method: Method = "map",
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Fit | Sample | ControllerFit:
    """Fit every subject: maximum a posteriori, maximum likelihood with ``prior=None``, or hierarchically.

    Parameters
    ----------
    model : Learner or ControllerModel
        Of a `ControllerModel` one controller is fitted to all subjects (`versant.inference.controller_fit`).
    trials : Trials
    prior : "default", None, Prior or mapping
        Gaussian on unconstrained parameters; a mapping gives (mean, sd) by name.
    method : {"map", "group", "sample"}
        ``"map"``: every subject alone, under `prior`. ``"group"``: the distribution over subjects is estimated too, by
        EM with Laplace E-steps and a polish (`versant.inference.hierarchical`); `prior` then is only where it starts.
        ``"sample"``: the posterior is sampled by NUTS: the joint one of group and subjects
        (`versant.inference.sampling`; needs nutpie), `prior` then is that of the group means; or with
        ``pooling="none"`` that of every subject alone under `prior` (`versant.inference.subject_sampling`).
    seed : int, Generator or None
        Of starts and draws (SPEC 7).
    on_missing : {"skip", "learn"}, optional
        What happens on trials with a declared missing response; see `versant.learner`.
    progress : Progress
    starts : int
        Not of ``"sample"``. Optimisations of each subject, from the prior's centre and from draws of it; 5.
    pooling : {"partial", "none"}
        Of ``"sample"``: ``"partial"``, subjects share a group whose parameters are sampled too, unless told otherwise;
        ``"none"``, every subject is sampled alone, and the options of a group do not belong.
    covariance : {"full", "diagonal"}
        Of a group; full unless told otherwise.
    formula : str or mapping, optional
        Of a group: how its parameters depend on covariates and conditions, ``"alpha ~ group * age; beta ~ drug"``;
        see `versant.inference.formula`. Needs formulaic.
    shared : collection of str
        Of a group: parameters that are the same for all subjects.
    fixed : mapping, optional
        Of a group: parameters that are known, name → natural value.
    polish : {"integrated", "laplace", None}
        Of ``"group"``: what is maximised after EM. The marginal likelihood by numerical integration, unless told
        otherwise; the Laplace evidence; or nothing.
    resume : path, optional
        Of ``"group"`` and ``"sample"``: a file that keeps what is done; an interrupted fit that is called again goes on
        from it, to the same result. The polish of a group starts again. Chains are sampled one after another, subjects
        alone by the hundred: the draws are others than without a file.
    sd_scale : float
        Of ``"sample"``: the prior of the standard deviations between subjects is half-normal(sd_scale); 1.
    draws, tune, chains : int
        Of ``"sample"``: draws kept of each chain (1000), steps of adaptation before (1000), chains (4).
    target_accept : float
        Of ``"sample"``: the mean acceptance probability that step sizes are adapted to (0.8); 0.9 to 0.99 takes smaller
        steps, against divergences.
    concentration : float
        Of a `ControllerModel`, which takes `starts` (20), `seed` and `progress` besides: that of a Dirichlet prior; 1,
        maximum likelihood, unless told otherwise.

    Returns
    -------
    Fit
        A `GroupFit` for ``"group"``, a `GroupSample` for ``"sample"`` (a `Sample` with ``pooling="none"``); a
        `ControllerFit` for a `ControllerModel`.

    Raises
    ------
    DataError
        If the trials lack what the model reads.
    ModelError
        If the model cannot be traced, the prior does not fit it, or an option does not belong to the method.
    CapabilityError
        If a package that the method needs is not installed.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit((0.2, 0.8), trials=300), {"alpha": 0.3, "beta": 4.0}, subjects=4, seed=1)
    >>> fit = vs.fit(model, trials)
    >>> sorted(str(flag) for flag in fit.verdicts[0])
    ['converged']
    """
    if isinstance(model, ControllerModel):
        named = {"prior": prior != "default", "method": method != "map", "on_missing": on_missing is not None}
        asked = {*options, *(name for name, held in named.items() if held)}
        return _fit_controller(model, trials, asked, np.random.default_rng(seed), progress, options)
    if method not in OPTIONS:
        raise ModelError(f"method={method!r} is unknown: choose {', '.join(map(repr, OPTIONS))}")
    options = {name: value for name, value in options.items() if value is not None or name == "polish"}
    unknown = [name for name in options if name not in OPTIONS[method]]
    if unknown:
        homes = [repr(other) for other, names in OPTIONS.items() if unknown[0] in names]
        hint = f"it belongs to method={' or '.join(homes)}" if homes else f"there are {', '.join(OPTIONS[method])}"
        raise ModelError(f"fit(method={method!r}) takes no {unknown[0]}=; {hint}")
    pooling = _pooling(options)
    likelihood = bind(model, trials, on_missing)
    rng = np.random.default_rng(seed)
    given = as_prior(model, prior)
    if method == "map":
        return fit_subjects(likelihood, given, options.get("starts", 5), rng, progress)
    if given is None:
        why = "without a prior there is no posterior" if pooling == "none" else "a group is its subjects' prior"
        raise ModelError(f"{why}: prior= cannot be None")
    if pooling == "none":
        return sample_subjects(likelihood, given, rng=rng, progress=progress, **options)
    structure = structure_for(model, likelihood.trials, *(options.pop(name, None) for name in STRUCTURE))
    if method == "group":
        return fit_group(likelihood, given, structure=structure, rng=rng, progress=progress, **options)
    return sample_group(likelihood, given, structure=structure, rng=rng, progress=progress, **options)


def _pooling(options: dict[str, Any]) -> Pooling:
    """Take pooling= from the options.

    Raises
    ------
    ModelError
        If it is unknown, or the others do not belong to it.
    """
    pooling: Pooling = options.pop("pooling", "partial")
    if pooling not in get_args(Pooling):
        raise ModelError(f"pooling={pooling!r} is unknown: choose {', '.join(map(repr, get_args(Pooling)))}")
    strange = [name for name in options if name not in ALONE]
    if pooling == "none" and strange:
        raise ModelError(f"pooling='none' takes no {strange[0]}=, which is of a group; there are {', '.join(ALONE)}")
    return pooling


def _fit_controller(
    model: ControllerModel,
    trials: Trials,
    asked: set[str],
    rng: np.random.Generator,
    progress: Progress,
    options: dict[str, Any],
) -> ControllerFit:
    unknown = sorted(asked - set(OF_CONTROLLERS))
    if unknown:
        raise ModelError(f"fit() of a {model.name} takes no {unknown[0]}=; there are {', '.join(OF_CONTROLLERS)}")
    return fit_controller(model, trials, rng=rng, progress=progress, **options)


def objective(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    hess: bool = False,
    on_missing: MissingPolicy | None = None,
) -> Objective:
    """Return the negative log posterior (``prior=None``: likelihood) with its exact gradient, as a function.

    Parameters
    ----------
    model, trials, prior, on_missing
        As for `fit`.
    hess : bool
        Return the Hessian too.

    Examples
    --------
    >>> import versant as vs
    >>> from scipy.optimize import minimize
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit(), {"alpha": 0.3, "beta": 4.0}, seed=1)
    >>> fun = vs.objective(model, trials)
    >>> found = minimize(fun, fun.start, jac=True).fun
    >>> bool(abs(found + vs.fit(model, trials).log_posterior[0]) < 1e-6)
    True
    """
    return Objective(bind(model, trials, on_missing), as_prior(model, prior), hess)


def log_likelihood(
    model: Learner | ControllerModel | Controller,
    trials: Trials,
    parameters: Any | pd.DataFrame = None,
    *,
    on_missing: MissingPolicy | None = None,
) -> NDArray[np.float64]:
    """Return each subject's log-likelihood at given natural parameters.

    Parameters
    ----------
    model, trials, on_missing
        As for `fit`.
    parameters : mapping or pandas.DataFrame
        Natural values by name: one number for all subjects, or one a subject in their order; a frame with a column
        ``subject`` is matched by label. Of a `ControllerModel` a `Controller`; a `Controller` in place of the model
        has none, and reads the columns ``action`` and ``observation``.

    Returns
    -------
    (N,) array
    """
    if isinstance(model, Controller | ControllerModel):
        return controller_log_likelihood(model, trials, parameters)
    if parameters is None:
        raise ModelError(f"{model.name} needs values for its parameters: {', '.join(model.parameters)}")
    bound = bind(model, trials, on_missing)
    natural = natural_table(model, parameters, bound.trials.subjects)
    sums = bound.engine(0).sums(natural, np.arange(bound.n_subjects))
    return np.asarray(sums[0])
