"""The criteria by which `compare` judges, each a number a subject.

    evidence        Laplace's log p(A)                    importance     the same, importance-sampled
    aic, bic        2K - 2ℓ, K log n - 2ℓ                 integrated_bic -2 Σ_n log p(A_n | group) + P log n of a group
    loo             Σ_t elpd_t, each response left out    cv             Σ_u elpd_u by cross-validation

Of evidence, importance, loo and cv more is better, of the others less. The penalty P log n of the integrated BIC
belongs to the group; it is shared equally among the subjects.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args

import numpy as np

from versant.errors import ModelError
from versant.inference.crossvalidation import CrossValidation
from versant.inference.group_result import GroupFit
from versant.inference.prior import PriorLike, SubjectPriors
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample
from versant.inference.scored import Score, Scored, scored
from versant.progress import Progress
from versant.verbs.crossvalidate import crossvalidate
from versant.verbs.evidence import evidence
from versant.verbs.loo import LeaveOneOut, loo

__all__ = ["LESS_IS_BETTER", "SAMPLED", "Criterion", "Result", "account_of", "choose", "require_options", "score_of"]

Criterion = Literal["evidence", "importance", "aic", "bic", "integrated_bic", "loo", "cv"]
LESS_IS_BETTER = frozenset({"aic", "bic", "integrated_bic"})
OPTIONS: dict[str, tuple[str, ...]] = {
    "importance": ("draws", "seed"),
    "integrated_bic": ("draws", "seed"),
    "loo": ("draws", "seed"),
    "cv": ("draws", "seed", "over", "folds", "starts"),
}
"""What each criterion takes, if it has to be computed."""
SAMPLED = frozenset(OPTIONS)

Result = Fit | GroupSample | LeaveOneOut | CrossValidation | Scored


def account_of(result: Result) -> Scored:
    """Return the common form of a result."""
    if isinstance(result, Scored):
        return result
    return scored(result) if isinstance(result, Fit | GroupSample) else result.scored()


def choose(criterion: str | None, accounts: list[Scored]) -> Criterion:
    """Return the criterion asked for; without one, what all results were made for, or the evidence.

    Raises
    ------
    ModelError
        If there is no such criterion.
    """
    names = get_args(Criterion)
    if criterion is None:
        preferred = ("loo", "cv", "evidence")
        return next((c for c in preferred if all(c in one.known for one in accounts)), "evidence")  # type: ignore
    if criterion not in names:
        listed = ", ".join(map(repr, names))
        raise ModelError(f"criterion={criterion!r} is unknown: choose {listed} ('evidence' is Laplace's)")
    return criterion  # type: ignore[return-value]


def require_options(criterion: Criterion, options: Collection[str]) -> None:
    """Raise ModelError for an option that does not belong to a criterion."""
    unknown = sorted(set(options) - set(OPTIONS.get(criterion, ())))
    if unknown:
        raise ModelError(f"criterion={criterion!r} takes no {unknown[0]}=")


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
    if not isinstance(result, Fit | GroupSample):
        known = f", only {', '.join(account.known)}" if account.known else ""
        raise ModelError(
            f"{account.model} ({account.estimated}) has no {criterion}{known}: compare the fits themselves, or "
            "choose another criterion"
        )
    if criterion == "loo":
        return loo(result, progress=progress, **options).scored().known["loo"]
    if criterion == "cv":
        return _crossvalidated(result, progress, options)
    if isinstance(result, GroupSample):
        raise ModelError(f"a sampled posterior has no {criterion}: choose criterion='loo' or 'cv'")
    return _sampled(result, criterion, progress, options)


def _sampled(fit: Fit, criterion: Criterion, progress: Progress, options: dict[str, Any]) -> Score:
    found = evidence(fit, progress=progress, **options)
    doubtful = ~found.trusted
    if criterion == "importance":
        return Score(found.sampled, found.errors, doubtful)
    if not isinstance(fit, GroupFit):
        raise ModelError("the integrated BIC is that of a group: fit with method='group', or choose criterion='bic'")
    penalty = fit.n_group_parameters * np.log(found.n_choices) / len(fit.subjects)
    return Score(-2.0 * found.sampled + penalty, 2.0 * found.errors, doubtful)


def _crossvalidated(fit: Fit | GroupSample, progress: Progress, options: dict[str, Any]) -> Score:
    alone = isinstance(fit, Fit) and not isinstance(fit, GroupFit)
    prior: PriorLike = "default"
    if alone and isinstance(fit, Fit) and not isinstance(fit.prior, SubjectPriors):
        prior = fit.prior
    found = crossvalidate(
        fit.learner,
        fit.trials,
        prior,
        method="map" if alone else "group",
        on_missing="learn" if fit.trials.missing else None,
        progress=progress,
        **options,
    )
    return found.scored().known["cv"]
