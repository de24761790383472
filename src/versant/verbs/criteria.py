"""A result's value of a criterion, a number a person; see `versant.inference.criterion` for their list.

The penalty P log n of the integrated BIC belongs to the group; it is shared equally among the people. So are those of
AIC and BIC for parameters that all share (`versant.inference.scored`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from versant.errors import ModelError
from versant.inference.criterion import Criterion, named, require_options
from versant.inference.crossvalidation import CrossValidation
from versant.inference.folds import Over
from versant.inference.formula import Structure
from versant.inference.group_result import GroupFit
from versant.inference.likelihood import bind
from versant.inference.prior import SubjectPriors, default_prior
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.scored import Score, Scored, scored
from versant.progress import Progress
from versant.verbs.crossvalidate import Refit, run_folds
from versant.verbs.evidence import evidence
from versant.verbs.loo import LeaveOneOut, loo

__all__ = ["Result", "account_of", "choose", "score_of"]

Result = Fit | Sample | LeaveOneOut | CrossValidation | Scored
PREFERRED: tuple[Criterion, ...] = ("loo", "cv", "evidence")
"""What results may all have been made for, if nobody says by what to compare them."""


def account_of(result: Result) -> Scored:
    """Return the common form of a result."""
    if isinstance(result, Scored):
        return result
    return scored(result) if isinstance(result, Fit | Sample) else result.scored()


def choose(criterion: str | None, accounts: list[Scored]) -> Criterion:
    """Return the criterion asked for; without one, what all results were made for, or the evidence.

    Raises
    ------
    ModelError
        If there is no such criterion.
    """
    if criterion is not None:
        return named(criterion)
    return next((name for name in PREFERRED if all(name in one.known for one in accounts)), "evidence")


def score_of(
    result: Result, account: Scored, criterion: Criterion, progress: Progress, options: dict[str, Any]
) -> Score:
    """Return a result's criterion, computing it if need be.

    Raises
    ------
    ModelError
        If the result has no such criterion, or an option does not belong to it.
    """
    require_options(criterion, options)
    if criterion in account.known:
        return account.known[criterion]
    if criterion == "evidence" and account.estimated == "maximum likelihood":
        raise ModelError(
            f"a maximum likelihood fit has no evidence: {account.model}. Fit with a prior, or choose criterion='bic' "
            "or 'aic'"
        )
    if not isinstance(result, Fit | Sample):
        known = f", only {', '.join(account.known)}" if account.known else ""
        raise ModelError(
            f"{account.model} ({account.estimated}) has no {criterion}{known}: compare the fits themselves, or "
            "choose another criterion"
        )
    if criterion == "loo":
        return loo(result, progress=progress, **options).scored().known["loo"]
    if criterion == "cv":
        return _crossvalidated(result, progress, **options)
    if isinstance(result, Sample):
        raise ModelError(f"a sampled posterior has no {criterion}: choose criterion='loo' or 'cv'")
    return _sampled(result, criterion, progress, options)


def _sampled(fit: Fit, criterion: Criterion, progress: Progress, options: dict[str, Any]) -> Score:
    found = evidence(fit, progress=progress, **options)
    doubtful = ~found.trusted
    if criterion == "importance":
        return Score(found.sampled, found.errors, doubtful)
    if not isinstance(fit, GroupFit):
        raise ModelError("the integrated BIC is that of a group: fit with method='group', or choose criterion='bic'")
    penalty = fit.n_group_parameters * np.log(found.n_choices) / len(found.subjects)
    return Score(-2.0 * found.sampled + penalty, 2.0 * found.errors, doubtful)


def _crossvalidated(
    fit: Fit | Sample,
    progress: Progress,
    *,
    over: Over = "block",
    folds: int | None = None,
    draws: int = 1000,
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
) -> Score:
    """Cross-validate a model as it was fitted: as a group with the same structure, or under the same prior."""
    if isinstance(fit, GroupFit | GroupSample):
        design = fit.group.design if isinstance(fit, GroupFit) else fit.design
        structure = Structure(design, fit.cells, fit.loadings)
        trials, how = fit.whole_trials, Refit(default_prior(fit.learner), starts, structure)
        if isinstance(fit, GroupFit):
            how = replace(how, covariance=fit.group.spread.kind, polish=fit.group.polish)
        elif not np.tril(fit.correlation, -1).any():
            how = replace(how, covariance="diagonal")
    else:
        prior = default_prior(fit.learner) if isinstance(fit.prior, SubjectPriors) else fit.prior
        trials, how = fit.trials, Refit(prior, starts)
    likelihood = bind(fit.learner, trials, "learn" if trials.missing else None)
    found = run_folds(likelihood, how, over, folds, draws, seed=seed, progress=progress)
    return found.scored().known["cv"]
