"""What a comparison knows of a fitted model: whose choices it accounts for, and how well.

Every kind of result (a fit, a fit read from a file without its trials, left-out predictive densities) is brought into
this form; that two results are of the same trials is seen from the digests of the columns that both have. An account is
one of people: of a group with conditions too, whose rows are conditions of people.

AIC and BIC count R coefficients of each person's own. F effects that are the same for all are estimated once, from
all n choices together, and their penalty is shared equally among the N people,

    AIC_n = 2 (R + F/N) - 2ℓ_n,      BIC_n = R log n_n + (F/N) log n - 2ℓ_n
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.inference.group_result import GroupFit
from versant.inference.importance import rebind
from versant.inference.likelihood import Likelihood
from versant.inference.persons import laplace_evidence
from versant.inference.result import Fit
from versant.inference.sample_quality import SampleVerdict
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.verdict import Verdict
from versant.trials.origin import digests

__all__ = ["Score", "Scored", "require_same_trials", "scored"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Score:
    """A criterion's values for N subjects, in its own units."""

    values: Array  # (N,)
    errors: Array  # (N,), Monte-Carlo standard errors; zero where nothing was drawn
    doubtful: NDArray[np.bool_]  # (N,), whose value is not to be trusted

    @classmethod
    def exact(cls, values: Array) -> Score:
        """Return values that were not sampled."""
        return cls(values, np.zeros(len(values)), np.zeros(len(values), dtype=bool))


@dataclass(frozen=True)
class Scored:
    """A model's account of N subjects."""

    model: str
    estimated: str  # "maximum likelihood", "maximum a posteriori", "group", "sample" or "cross-validation"
    subjects: tuple[object, ...]
    n_parameters: int  # of one subject; of a group with conditions, shared or fixed parameters, those that vary
    n_choices: NDArray[np.int64]  # (N,)
    choices_only: NDArray[np.bool_]  # (N,), whether choices are all that is scored
    columns: Mapping[str, str]  # digest of each column of the trials
    flagged: NDArray[np.bool_]  # (N,), whose verdict is anything else than ``converged`` alone
    log_likelihood: Array  # (N,), at the estimate; NaN where there is none
    known: Mapping[str, Score] = field(default_factory=dict)  # by criterion

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values; numbers that do not exist are None."""
        return {
            "model": self.model,
            "estimated": self.estimated,
            "subjects": [label.item() if isinstance(label, np.generic) else label for label in self.subjects],
            "n_parameters": self.n_parameters,
            "n_choices": self.n_choices.tolist(),
            "choices_only": self.choices_only.tolist(),
            "columns": dict(self.columns),
            "flagged": self.flagged.tolist(),
            "log_likelihood": _plain(self.log_likelihood),
            "known": {
                name: {
                    "values": _plain(score.values),
                    "errors": _plain(score.errors),
                    "doubtful": score.doubtful.tolist(),
                }
                for name, score in self.known.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Scored:
        """Return what `to_dict` was called on."""
        return cls(
            model=content["model"],
            estimated=content["estimated"],
            subjects=tuple(content["subjects"]),
            n_parameters=content["n_parameters"],
            n_choices=np.array(content["n_choices"], dtype=np.int64),
            choices_only=np.array(content["choices_only"], dtype=bool),
            columns=content["columns"],
            flagged=np.array(content["flagged"], dtype=bool),
            log_likelihood=np.array(content["log_likelihood"], dtype=np.float64),
            known={
                name: Score(
                    np.array(score["values"], dtype=np.float64),
                    np.array(score["errors"], dtype=np.float64),
                    np.array(score["doubtful"], dtype=bool),
                )
                for name, score in content["known"].items()
            },
        )


def _plain(values: Array) -> list[float | None]:
    return [x if np.isfinite(x) else None for x in values.tolist()]


def scored(fit: Fit | Sample) -> Scored:
    """Return a fit's account, with the criteria that need no sampling."""
    if isinstance(fit, Sample):
        return _of_sample(fit)
    if isinstance(fit, GroupFit) and fit.cells is not None:
        return _of_people(fit, fit.cells.subject)
    known = {"aic": Score.exact(fit.aic), "bic": Score.exact(fit.bic)}
    if fit.evidence is not None:
        known["evidence"] = Score.exact(fit.evidence)
    how = "maximum likelihood" if fit.prior is None else "maximum a posteriori"
    return Scored(
        model=fit.learner.name,
        estimated="group" if isinstance(fit, GroupFit) else how,
        subjects=fit.subjects,
        n_parameters=fit.n_parameters,
        n_choices=fit.n_choices,
        choices_only=~np.isnan(fit.chance),
        columns=digests(fit.trials),
        flagged=_flagged(fit),
        log_likelihood=fit.log_likelihood,
        known=known,
    )


def _of_people(fit: GroupFit, whose: NDArray[np.int64]) -> Scored:
    """Return the account of a group whose rows are conditions of people, `whose` of each."""
    (people, varying), common = fit.coefficients.shape, int(fit.group.design.fixed.sum())
    evidence = laplace_evidence(fit)
    assert evidence is not None
    choices = np.bincount(whose, fit.n_choices).astype(np.int64)
    log_likelihood = np.bincount(whose, fit.log_likelihood)
    shared = np.log(max(int(choices.sum()), 1)) * common / people
    return Scored(
        model=fit.learner.name,
        estimated="group",
        subjects=fit.people,
        n_parameters=varying,
        n_choices=choices,
        choices_only=np.bincount(whose, np.isnan(fit.chance)) == 0,
        columns=digests(fit.whole_trials),
        flagged=np.bincount(whose, _flagged(fit)) > 0,
        log_likelihood=log_likelihood,
        known={
            "aic": Score.exact(2.0 * (varying + common / people) - 2.0 * log_likelihood),
            "bic": Score.exact(varying * np.log(np.maximum(choices, 1)) + shared - 2.0 * log_likelihood),
            "evidence": Score.exact(evidence),
        },
    )


def _flagged(fit: Fit) -> NDArray[np.bool_]:
    return np.array([flags != {Verdict.CONVERGED} for flags in fit.verdicts])


def _of_sample(fit: Sample) -> Scored:
    likelihood, people = rebind(fit), fit.subjects
    choices, varying, trials = count_choices(likelihood), fit.unconstrained.shape[-1], fit.trials
    flagged = np.array([flags != {SampleVerdict.CONVERGED} for flags in fit.verdicts])
    if isinstance(fit, GroupSample):
        people, varying, trials = fit.people, fit.coefficients.shape[-1], fit.whole_trials
        flagged = np.full(len(people), fit.verdict != {SampleVerdict.CONVERGED})
        if fit.cells is not None:
            choices = np.bincount(fit.cells.subject, choices).astype(np.int64)
    return Scored(
        model=fit.learner.name,
        estimated="sample",
        subjects=people,
        n_parameters=varying,
        n_choices=choices,
        choices_only=np.full(len(people), likelihood.recurrence.choices_only),
        columns=digests(trials),
        flagged=flagged,
        log_likelihood=np.full(len(people), np.nan),
    )


def count_choices(likelihood: Likelihood) -> NDArray[np.int64]:
    """Return how many choices (or, of a learner without any, responses) of each subject are scored, (N,)."""
    everyone = np.arange(likelihood.n_subjects)
    centre = np.array([[domain.mean for domain in likelihood.learner.parameters.values()]])
    natural = likelihood.natural(np.repeat(centre, likelihood.n_subjects, axis=0))
    totals = likelihood.interpreter(0).totals([likelihood.recurrence.scored], natural, everyone)
    return np.asarray(totals[0].astype(np.int64))


def require_same_trials(first: tuple[str, Scored], second: tuple[str, Scored]) -> None:
    """Raise DataError unless two results score the same choices of the same trials of the same subjects."""
    (one, a), (other, b) = first, second
    both = f"{one!r} and {other!r}"
    remedy = "fit all models to the same trials, with the same policy for missing responses"
    if a.subjects != b.subjects:
        odd = next(iter(set(a.subjects) ^ set(b.subjects)), None)
        raise DataError(f"{both} were fitted to different subjects", remedy, subject=odd)
    differ = a.n_choices != b.n_choices
    if differ.any():
        i = int(np.argmax(differ))
        problem = f"{both} score different numbers of choices ({a.n_choices[i]} and {b.n_choices[i]})"
        raise DataError(problem, remedy, subject=a.subjects[i])
    if (a.choices_only != b.choices_only).any():
        problem = f"one of {both} scores choices alone, the other continuous responses too"
        raise DataError(problem, "compare models of the same responses: their likelihoods are of different data")
    for column in a.columns:
        if b.columns.get(column, a.columns[column]) != a.columns[column]:
            raise DataError(f"{both} were fitted to different trials", remedy, column=column)
