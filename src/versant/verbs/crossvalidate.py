"""The verb `crossvalidate`: how well a model predicts what it has not seen.

for every fold:  fit to the other folds,  then  elpd_u of every unit u in this one
(`versant.inference.folds`)              (`versant.inference.heldout`)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import DataError, ModelError
from versant.expressions.digest import digest
from versant.inference.cells import JointLikelihood
from versant.inference.crossvalidation import CrossValidation
from versant.inference.folds import Folds, Over, divide
from versant.inference.formula import FormulaLike, Structure, structure_for
from versant.inference.group import fit_group
from versant.inference.group_result import GroupFit, Polish
from versant.inference.heldout import predict_people, predict_units, require_learnable
from versant.inference.holdout import scoring_only
from versant.inference.likelihood import Likelihood, bind
from versant.inference.map import fit_subjects
from versant.inference.persons import persons_of
from versant.inference.prior import Prior, PriorLike, as_prior
from versant.inference.result import Fit
from versant.inference.scored import Scored, count_choices
from versant.inference.spread import CovarianceKind
from versant.inference.verdict import Verdict
from versant.progress import Progress, silent
from versant.trials import Trials
from versant.trials.origin import digests
from versant.verbs.ledger import run_pieces

__all__ = ["Refit", "crossvalidate", "run_folds"]

Array = NDArray[Any]
FEWEST = 100


def crossvalidate(
    model: Learner,
    trials: Trials,
    prior: PriorLike = "default",
    *,
    over: Over = "block",
    folds: int | None = None,
    method: Literal["map", "group"] = "map",
    starts: int = 5,
    draws: int = 1000,
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    covariance: CovarianceKind | None = None,
    formula: FormulaLike | None = None,
    shared: Collection[str] = (),
    fixed: Mapping[str, float] | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> CrossValidation:
    """Fit a model without some trials, blocks, sessions or subjects, and predict these; fold after fold.

    Parameters
    ----------
    model, trials, prior, starts, on_missing
        As for `versant.fit`. With ``prior=None`` held-out responses are predicted at the maximum likelihood, otherwise
        by the posterior.
    over : {"trial", "future", "block", "session", "subject"}
        What is held out. A held-out response is still history for the trials after it: the learner's state runs
        through. ``"future"`` predicts each part of a subject's trials from the parts before it; see
        `versant.inference.folds`.
    folds : int, optional
        Without it every block, session or subject is left out by itself, trials in 10 folds, the future in 5.
    method : {"map", "group"}
        Each subject under `prior`, or as a group, which then is fitted anew in every fold.
    draws : int
        Of each subject in each fold.
    seed : int, Generator or None
        Of the folds, starts and draws (SPEC 7).
    covariance, formula, shared, fixed
        Of a group, as for `versant.fit`. A held-out trial, block or session of a person is predicted by what the
        person did in the others, in whatever conditions, and by the group's effects.
    resume : path, optional
        A file in which every fold is kept when it is done; the same call goes on with it after an interrupt.
    progress : Progress

    Returns
    -------
    CrossValidation

    Raises
    ------
    ModelError
        For folds, units or a method that do not exist, or subjects held out without a prior.
    DataError
        If the trials lack what the model reads, or the column that tells blocks or sessions apart; if without a fold
        the effects of a formula cannot be told apart.
    VersantError
        If the file to be gone on with is of another call.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit(trials=60), {"alpha": 0.3, "beta": 4.0}, subjects=3, seed=1)
    >>> found = crossvalidate(model, trials, over="trial", folds=3, starts=1, draws=100)
    >>> len(found.elpd), bool(found.total > 180 * np.log(0.5))
    (180, True)
    """
    if method not in ("map", "group"):
        raise ModelError(f"method={method!r} is unknown: choose 'map' or 'group'")
    given = as_prior(model, prior)
    likelihood = bind(model, trials, on_missing)
    given_by_group = {"covariance": covariance, "formula": formula, "shared": shared, "fixed": fixed}
    strange = [name for name, value in given_by_group.items() if value]
    if method != "group":
        if strange:
            raise ModelError(f"{strange[0]}= belongs to method='group'")
        how = Refit(given, starts)
    else:
        structure = structure_for(model, likelihood.trials, formula, shared, fixed)
        how = Refit(given, starts, structure, covariance or "full")
    return run_folds(likelihood, how, over, folds, draws, seed=seed, resume=resume, progress=progress)


@dataclass(frozen=True)
class Refit:
    """How a model is fitted in every fold: each subject alone, or as a group if there is a structure."""

    prior: Prior | None
    starts: int = 5
    structure: Structure | None = None
    covariance: CovarianceKind = "full"
    polish: Polish | None = "integrated"

    def fit(self, learned: Likelihood, rng: np.random.Generator) -> Fit:
        """Fit to what a fold learns from."""
        if self.structure is None or self.prior is None:
            return fit_subjects(learned, self.prior, self.starts, rng)
        return fit_group(
            learned, self.prior, covariance=self.covariance, structure=self.structure, polish=self.polish,
            starts=self.starts, rng=rng,
        )  # fmt: skip

    def bound(self, likelihood: Likelihood) -> Likelihood | JointLikelihood:
        """Return a likelihood as a function of what varies between people."""
        return likelihood if self.structure is None else self.structure.bound_to(likelihood)

    def settings(self) -> dict[str, Any]:
        """Return what has to be the same for folds to belong together, JSON-able."""
        prior, structure = self.prior, self.structure
        told: dict[str, Any] = {
            "prior": None if prior is None else [prior.mean.tolist(), prior.covariance.tolist()],
            "method": "map" if structure is None else "group",
            "starts": self.starts,
        }
        if structure is None:
            return told
        made = [structure.reach, structure.design.stacked]
        made += [] if structure.coefficients is None else [structure.coefficients.known]
        formula = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in made)).hexdigest()
        return told | {"formula": formula, "covariance": self.covariance, "polish": self.polish}


def run_folds(
    likelihood: Likelihood,
    how: Refit,
    over: Over,
    folds: int | None,
    draws: int,
    *,
    seed: int | np.random.Generator | None,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> CrossValidation:
    """Fit without each fold and predict it; see `crossvalidate`."""
    if how.prior is None and (over == "subject" or how.structure is not None):
        raise ModelError("held-out subjects and groups need a prior: it is what they are predicted, or started, from")
    if draws < FEWEST:
        raise ModelError(f"draws={draws}: at least {FEWEST} are needed")
    division = divide(likelihood.trials, _scored(likelihood), over, folds, np.random.default_rng(seed))
    study = _Study(likelihood, how, division, draws)
    pieces = run_pieces(
        division.count,
        study.piece,
        seed=seed,
        settings=study.settings(),
        path=resume,
        message=f"folds over {over}",
        progress=progress,
    )
    return _collected(likelihood, division, pieces, 0 if how.prior is None else draws)


def _scored(likelihood: Likelihood) -> NDArray[np.bool_]:
    """Return which rows have a response that counts, (n,)."""
    centre = np.array([domain.mean for domain in likelihood.learner.parameters.values()])
    z = np.tile(centre, (likelihood.n_subjects, 1))
    return np.asarray(likelihood.per_trial([likelihood.recurrence.scored], z)[0] > 0)


@dataclass(frozen=True)
class _Study:
    """What every fold needs to know."""

    likelihood: Likelihood
    how: Refit
    division: Folds
    draws: int

    def settings(self) -> dict[str, Any]:
        """Return what has to be the same for folds to belong together, JSON-able."""
        return self.how.settings() | {
            "model": digest(self.likelihood.recurrence),
            "trials": digests(self.likelihood.trials),
            "over": self.division.over,
            "folds": hashlib.sha256(self.division.fold.tobytes()).hexdigest(),
            "draws": self.draws,
        }

    def piece(self, fold: int, rng: np.random.Generator) -> dict[str, Any]:
        """Fit without a fold, predict it; return what `_collected` reads."""
        how, division = self.how, self.division
        if how.structure is not None:
            require_learnable(how.structure, self.likelihood.trials, division, fold)
        learned = scoring_only(self.likelihood, division.learned(fold))
        found = how.fit(learned, rng)
        if how.prior is None:
            _require_informed(found, division, fold)
        if division.over == "subject":
            predicted = predict_people(persons_of(found, how.bound(self.likelihood)), division, fold, self.draws, rng)
        else:
            whole = how.bound(self.likelihood)
            cells = whole.likelihood if isinstance(whole, JointLikelihood) else whole
            people = persons_of(found, how.bound(learned))
            predicted = predict_units(cells, people, division, fold, self.draws, rng)
        told = {name: _plain(getattr(predicted, name)) for name in ("elpd", "errors", "pareto_k")}
        return {**told, "units": predicted.units.tolist(), "flagged": _unsettled(found).tolist()}


def _unsettled(fit: Fit) -> NDArray[np.bool_]:
    """Return which people are not converged, in any of their conditions, (N,)."""
    flagged = np.array([Verdict.CONVERGED not in flags for flags in fit.verdicts])
    cells = fit.cells if isinstance(fit, GroupFit) else None
    return flagged if cells is None else np.asarray(np.bincount(cells.subject, flagged) > 0)


def _plain(values: Array) -> list[float | str]:
    """Return numbers as JSON knows them: those that it does not know as text."""
    return [x if np.isfinite(x) else str(x) for x in values.tolist()]


def _require_informed(fit: Fit, division: Folds, fold: int) -> None:
    """A maximum likelihood needs something to learn from."""
    empty = fit.n_choices == 0
    held = np.isin(np.arange(len(empty)), division.whose[division.fold == fold])
    if (empty & held).any():
        n = int(np.argmax(empty & held))
        problem = f"nothing is left to learn from when a {division.over} of this subject is held out"
        raise DataError(problem, "give a prior, or leave the subject out", fit.trials.source, subject=fit.subjects[n])


def _collected(likelihood: Likelihood, division: Folds, pieces: list[dict[str, Any]], draws: int) -> CrossValidation:
    units = np.concatenate([np.array(piece["units"], dtype=np.int64) for piece in pieces])
    order = np.argsort(units)

    def gather(name: str) -> Array:
        return np.array([float(x) for piece in pieces for x in piece[name]])[order]

    subjects = likelihood.trials.subjects
    account = Scored(
        model=likelihood.learner.name,
        estimated="cross-validation",
        subjects=subjects,
        n_parameters=likelihood.learner.n_parameters,
        n_choices=count_choices(likelihood),
        choices_only=np.full(len(subjects), likelihood.recurrence.choices_only),
        columns=digests(likelihood.trials),
        flagged=np.any([piece["flagged"] for piece in pieces], axis=0),
        log_likelihood=np.full(len(subjects), np.nan),
    )
    units = units[order]
    return CrossValidation(
        account=account,
        over=division.over,
        draws=draws,
        whose=division.whose[units],
        elpd=gather("elpd"),
        pareto_k=gather("pareto_k"),
        folds=division.count,
        fold=division.fold[units],
        errors=gather("errors"),
    )
