"""Predictions of what a fold holds out.

For a unit u of person n (a trial, block or session) and the responses A_n without the fold that holds it,

    elpd_u = log E[ Π_{t ∈ u} p(a_t | history, z) ]       z from the posterior given the other folds

by weighted draws around the estimate (`versant.inference.persons`), or at the estimate itself for maximum likelihood.
What varies of a person is drawn once for all of their conditions; a unit may lie in several. A person who is held out
is predicted from the prior, or from the group of the others: their evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.expressions.engine import Engine
from versant.inference.folds import Folds
from versant.inference.formula import Structure
from versant.inference.importance import Draws, importance
from versant.inference.laplace import approximate
from versant.inference.likelihood import Derivatives, Likelihood
from versant.inference.objective import Evaluates
from versant.inference.pareto import smooth
from versant.inference.persons import Persons
from versant.inference.prior import SubjectPriors
from versant.trials import Trials

__all__ = ["Predicted", "predict_people", "predict_units", "require_learnable"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Predicted:
    """Log predictive densities of some units."""

    units: NDArray[np.int64]  # (V,)
    elpd: Array  # (V,)
    errors: Array  # (V,), Monte-Carlo standard errors; zero at a maximum likelihood
    pareto_k: Array  # (V,), of the draws; NaN at a maximum likelihood


@dataclass(frozen=True)
class _Some:
    """The likelihoods of some people, counted from zero."""

    likelihood: Evaluates
    who: NDArray[np.int64]

    def evaluate(self, z: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None) -> Derivatives:
        """See `Likelihood.evaluate`."""
        return self.likelihood.evaluate(z, self.who[subjects], order, engine)


def predict_units(
    likelihood: Likelihood, people: Persons, folds: Folds, fold: int, draws: int, rng: np.random.Generator
) -> Predicted:
    """Predict the trials, blocks or sessions that a fold holds out.

    Parameters
    ----------
    likelihood : Likelihood
        Of all trials, its cells those of `people`.
    people : Persons
        As the other folds have them.
    folds : Folds
    fold : int
    draws : int
    rng : numpy.random.Generator
    """
    units = np.flatnonzero(folds.fold == fold)
    known = people.prior is not None
    found = people.draw(draws, rng) if known else Draws(people.parameters(people.centre[None]), np.zeros((1, 0)))
    unit = np.where(folds.held_out(fold), folds.unit, -1)[people.order]
    elpd, errors, shapes = (np.full(len(folds.whose), np.nan) for _ in range(3))
    for n in np.unique(folds.whose[units]):
        cells = np.flatnonzero(people.whose == n)
        weights, k = smooth(found.log_weights[:, cells[0]]) if known else (np.zeros(1), np.nan)
        for u, values in _sums(likelihood, found.points, cells, unit).items():
            elpd[u], errors[u] = _weighted_mean(values, weights)
            shapes[u] = k
    return Predicted(units, elpd[units], errors[units], shapes[units])


def _sums(likelihood: Likelihood, points: Array, cells: NDArray[np.int64], unit: NDArray[np.int64]) -> dict[int, Array]:
    """Return the log-likelihood of each unit of a person at each of S draws (S, C, K), by the unit's number, (S,)."""
    found: dict[int, Array] = {}
    engine: Any = likelihood.engine(0)  # every engine records
    for cell in cells:
        own = unit[likelihood.rows.offsets[cell] : likelihood.rows.offsets[cell + 1]]
        natural = likelihood.natural(points[:, cell])
        each = engine.records([likelihood.recurrence.log_likelihood], natural, np.full(len(natural), cell))[0]  # (T, S)
        for u in np.unique(own[own >= 0]):
            found[int(u)] = found.get(int(u), 0.0) + each[: len(own)][own == u].sum(axis=0)
    return found


def predict_people(people: Persons, folds: Folds, fold: int, draws: int, rng: np.random.Generator) -> Predicted:
    """Predict the people that a fold holds out, from the prior or the group of the others.

    Parameters
    ----------
    people : Persons
        With the likelihood of all trials, and the prior or group that the other folds make.
    folds : Folds
    fold : int
    draws : int
    rng : numpy.random.Generator
    """
    assert people.prior is not None
    units = np.flatnonzero(folds.fold == fold)
    who = folds.whose[units]
    mean = np.broadcast_to(people.prior.mean, people.centre.shape)
    priors = SubjectPriors(mean, people.prior.covariance).of(who)
    laplace = approximate(people.given, priors, who, priors.mean)
    found = importance(_Some(people.given, who), priors, laplace.modes, laplace.covariance, draws, rng)
    return Predicted(units, found.evidence, found.errors, found.pareto_k)


def require_learnable(structure: Structure, trials: Trials, folds: Folds, fold: int) -> None:
    """Raise DataError if the trials that a fold learns from cannot tell the effects of a group apart."""
    whose = trials.subject_index if structure.cells is None else structure.cells.rows
    reach = structure.reach[np.unique(whose[folds.learned(fold)])]
    names = structure.design.names
    for name in dict.fromkeys(name for name, _term in names):
        own = [p for p, (parameter, _term) in enumerate(names) if parameter == name]
        if np.linalg.matrix_rank(reach[:, :, own].reshape(-1, len(own))) < len(own):
            told = ", ".join(names[p][1] for p in own)
            raise DataError(
                f"without fold {fold + 1} of {folds.count} (over {folds.over}), nothing is left that tells the effects "
                f"on {name} apart ({told})",
                "hold out something else, or less at a time: over= and folds= say what",
                trials.source,
            )


def _weighted_mean(values: Array, log_weights: Array) -> tuple[float, float]:
    """Return log Σ w exp(values) / Σ w and its Monte-Carlo standard error."""
    from scipy.special import logsumexp

    log_shares = log_weights - logsumexp(log_weights)
    total = float(logsumexp(log_shares + values))
    if len(values) == 1:
        return total, 0.0
    relative = np.exp(log_shares) * (np.exp(values - total) - 1.0)
    return total, float(np.sqrt((relative**2).sum()))
