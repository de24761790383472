"""What `compare` does beyond its table: random-effects selection of fits, and concurrent fit and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import DataError, ModelError
from versant.inference.criterion import LESS_IS_BETTER, Criterion
from versant.inference.group_result import GroupFit
from versant.inference.hbi_result import HierarchicalSelection, select_hierarchically
from versant.inference.likelihood import bind
from versant.inference.prior import Prior, PriorLike, as_prior
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.scored import Score, Scored
from versant.inference.selection import Selection, select_models
from versant.progress import Progress, silent
from versant.trials import Trials
from versant.verbs.criteria import Result

__all__ = ["fit_and_compare", "select"]


def select(
    named: Mapping[str, Result],
    accounts: Mapping[str, Scored],
    criterion: Criterion,
    scores: Sequence[Score],
    *,
    families: Mapping[str, Sequence[str]] | None = None,
    groups: Sequence[object] | Mapping[Any, object] | str | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Selection:
    """Select among results of the same trials by random effects, their scores being log evidences."""
    subjects = next(iter(accounts.values())).subjects
    sign = -0.5 if criterion in LESS_IS_BETTER else 1.0
    evidence = sign * np.stack([score.values for score in scores])
    labels = None if groups is None else _labels(groups, subjects, named)
    return select_models(list(accounts), subjects, evidence, families, groups=labels, seed=seed)


def _labels(groups: Any, subjects: tuple[object, ...], named: Mapping[str, Result]) -> list[str]:
    """Return the group of each subject."""
    if isinstance(groups, str):
        groups = _told_by(groups, named)
    if isinstance(groups, Mapping):
        absent = next((label for label in subjects if label not in groups), None)
        if absent is not None:
            raise ModelError(f"groups= says nothing about the subject {absent}")
        return [str(groups[label]) for label in subjects]
    if len(groups) != len(subjects):
        raise ModelError(f"groups= needs one label for each of the {len(subjects)} subjects, not {len(groups)}")
    return [str(label) for label in groups]


def _told_by(column: str, named: Mapping[str, Result]) -> list[object]:
    """Return what a column of the results' trials says of each subject; those that have it agree (`Scored.columns`).

    Raises
    ------
    ModelError
        If no result holds trials.
    DataError
        If none of the trials has the column, or it changes within a subject.
    """
    trials = [
        result.whole_trials if isinstance(result, GroupFit | GroupSample) else result.trials
        for result in named.values()
        if isinstance(result, Fit | Sample)
    ]
    if not trials:
        raise ModelError(f"groups={column!r} is a column of trials, which these results do not hold: give labels")
    return subject_column(next((one for one in trials if column in one.columns), trials[0]), column)


def subject_column(trials: Trials, column: str) -> list[object]:
    """Return what a column says of each subject.

    Raises
    ------
    DataError
        If there is no such column, or it changes within a subject.
    """
    frame = trials.frame()
    if column not in frame:
        raise DataError(
            "there is no such column", f"there are {', '.join(frame.columns)}", trials.source, column=column
        )
    values = frame[column].to_numpy()
    own = values[trials.offsets[:-1]]
    changed = values != own[trials.subject_index]
    if changed.any():
        at = int(np.argmax(changed))
        subject = trials.subjects[int(trials.subject_index[at])]
        remedy = "a group is one for each subject: name another column, or give labels"
        row = int(trials.rows[at])
        raise DataError("this column changes within a subject", remedy, trials.source, row, column, subject)
    return list(own)


def fit_and_compare(
    models: Mapping[str, Learner] | Sequence[Learner],
    trials: Trials,
    *,
    prior: PriorLike = "default",
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
) -> HierarchicalSelection:
    """Fit and compare models concurrently, by hierarchical Bayesian inference."""
    named = dict(models) if isinstance(models, Mapping) else {model.name: model for model in models}
    if len(named) < 2 or len(named) < len(models):
        raise ModelError("compare() takes two models or more, each with a name of its own")
    if not all(isinstance(model, Learner) for model in named.values()):
        raise ModelError("method='hbi' fits the models itself: compare({name: model}, trials, method='hbi')")
    priors: dict[str, Prior] = {}
    for name, model in named.items():
        given = as_prior(model, prior)
        if given is None:
            raise ModelError("method='hbi' needs a prior: its mean is the prior mean of the group")
        priors[name] = given
    likelihoods = {name: bind(model, trials, on_missing) for name, model in named.items()}
    rng = np.random.default_rng(seed)
    return select_hierarchically(likelihoods, priors, starts=starts, rng=rng, progress=progress)
