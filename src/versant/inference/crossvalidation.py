"""Cross-validation: the log predictive density of what a fit has not seen.

For a unit u of subject n (a trial, block or session) and the responses A_n without the fold that holds it,

    elpd_u = log E[ Π_{t ∈ u} p(a_t | history, z) ]       z from the posterior given the other folds

by weighted draws around the estimate (`versant.inference.importance`), or at the estimate itself for maximum
likelihood. A subject that is held out is predicted from the prior, or from the group of the others: its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.folds import Folds, Over
from versant.inference.importance import draw_matched, importance
from versant.inference.laplace import approximate
from versant.inference.likelihood import Derivatives, Likelihood
from versant.inference.pareto import largest_trusted, smooth
from versant.inference.prior import SubjectPriors
from versant.inference.result import Fit
from versant.inference.scored import Score, Scored

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CrossValidation", "Predicted", "predict_subjects", "predict_units"]

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
    """The likelihoods of some subjects, counted from zero."""

    likelihood: Likelihood
    who: NDArray[np.int64]

    def evaluate(self, z: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None) -> Derivatives:
        """See `Likelihood.evaluate`."""
        return self.likelihood.evaluate(z, self.who[subjects], order, engine)


@dataclass(frozen=True)
class CrossValidation:
    """Log predictive densities of U held-out units."""

    account: Scored
    over: Over
    folds: int
    draws: int  # of each subject in each fold; 0 at a maximum likelihood
    whose: NDArray[np.int64]  # (U,), which subject each unit belongs to
    fold: NDArray[np.int64]  # (U,)
    elpd: Array  # (U,)
    errors: Array  # (U,), Monte-Carlo standard errors
    pareto_k: Array  # (U,)

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Whether k is small enough for so many draws, (U,)."""
        limit = largest_trusted(self.draws) if self.draws else np.inf
        return np.asarray(~(self.pareto_k > limit))

    @property
    def subject_elpd(self) -> Array:
        """The sum over each subject's units, (N,)."""
        return np.bincount(self.whose, self.elpd, minlength=len(self.account.subjects))

    @property
    def total(self) -> float:
        """The sum over all units."""
        return float(self.elpd.sum())

    @property
    def total_error(self) -> float:
        """Its standard error, from the variance between subjects."""
        each = self.subject_elpd
        return float(np.sqrt(len(each) * each.var(ddof=1))) if len(each) > 1 else float("nan")

    def scored(self) -> Scored:
        """Return what `versant.compare` takes."""
        count = len(self.account.subjects)
        errors = np.sqrt(np.bincount(self.whose, self.errors**2, minlength=count))
        doubtful = np.bincount(self.whose[~self.trusted], minlength=count) > 0
        return replace(self.account, known={"cv": Score(self.subject_elpd, errors, doubtful)})

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        count = len(self.account.subjects)
        return pd.DataFrame(
            {
                "subject": list(self.account.subjects),
                "units": np.bincount(self.whose, minlength=count),
                "elpd": self.subject_elpd,
                "elpd_mc": self.scored().known["cv"].errors,
                "not_trusted": np.bincount(self.whose[~self.trusted], minlength=count),
                "flagged": self.account.flagged,
            }
        )

    def unit_frame(self) -> pd.DataFrame:
        """Return one row a unit: subject, which of its units (counted from 1), fold, density."""
        import pandas as pd

        seen: dict[int, int] = {}
        number = []
        for n in self.whose:
            seen[int(n)] = seen.get(int(n), 0) + 1
            number.append(seen[int(n)])
        return pd.DataFrame(
            {
                "subject": [self.account.subjects[n] for n in self.whose],
                self.over: number,
                "fold": self.fold + 1,
                "elpd": self.elpd,
                "elpd_mc": self.errors,
                "pareto_k": self.pareto_k,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "model": self.account.model,
            "over": self.over,
            "folds": self.folds,
            "units": len(self.elpd),
            "elpd": self.total,
            "elpd_error": None if np.isnan(self.total_error) else self.total_error,
            "elpd_mc": float(np.sqrt((self.errors**2).sum())),
            "not_trusted": int((~self.trusted).sum()),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        what = {"trial": "trials", "future": "later trials"}.get(self.over, f"{self.over}s")
        lines = [
            f"{self.account.model}: held-out log predictive density {self.total:.2f} (standard error "
            f"{self.total_error:.2f}) of {len(self.elpd)} {what} in {self.folds} folds"
        ]
        if not self.trusted.all():
            lines.append(f"not to be trusted (Pareto k): {int((~self.trusted).sum())} {what}")
        if self.account.flagged.any():
            lines.append(f"some fit without a fold is not 'converged': {int(self.account.flagged.sum())} subjects")
        return "\n".join(lines)


def predict_units(
    likelihood: Likelihood, fitted: Fit, learned: Likelihood, folds: Folds, fold: int, draws: int,
    rng: np.random.Generator,
) -> Predicted:  # fmt: skip
    """Predict the trials, blocks or sessions that a fold holds out.

    Parameters
    ----------
    likelihood : Likelihood
        Of all trials.
    fitted : Fit
        To the other folds.
    learned : Likelihood
        Of the other folds.
    folds : Folds
    fold : int
    draws : int
    rng : numpy.random.Generator
    """
    units = np.flatnonzero(folds.fold == fold)
    subjects = np.unique(folds.whose[units])
    if fitted.prior is None:
        points, log_weights = fitted.unconstrained[None], np.zeros((1, len(fitted.unconstrained)))
    else:
        known = np.isfinite(fitted.covariance).all(axis=(1, 2), keepdims=True)
        covariance = np.where(known, fitted.covariance, fitted.prior.covariance)
        found = draw_matched(learned, fitted.prior, fitted.unconstrained, covariance, draws, rng)
        points, log_weights = found.points, found.log_weights
    elpd, errors, shapes = (np.full(len(folds.whose), np.nan) for _ in range(3))
    held = folds.held_out(fold)
    engine: Any = likelihood.engine(0)  # every engine records
    for n in subjects:
        rows = slice(likelihood.rows.offsets[n], likelihood.rows.offsets[n + 1])
        natural = likelihood.natural(points[:, n])
        whose = np.full(len(natural), n)
        each = engine.records([likelihood.recurrence.log_likelihood], natural, whose)[0]  # (T, S)
        weights, k = (log_weights[:, n], np.nan) if fitted.prior is None else smooth(log_weights[:, n])
        own = folds.unit[rows][held[rows]]
        for unit in np.unique(own):
            values = each[: len(folds.unit[rows])][folds.unit[rows] == unit].sum(axis=0)
            elpd[unit], errors[unit] = _weighted_mean(values, weights)
            shapes[unit] = k
    return Predicted(units, elpd[units], errors[units], shapes[units])


def predict_subjects(
    likelihood: Likelihood, fitted: Fit, folds: Folds, fold: int, draws: int, rng: np.random.Generator
) -> Predicted:
    """Predict the subjects that a fold holds out, from the prior or the group of the others."""
    assert fitted.prior is not None
    units = np.flatnonzero(folds.fold == fold)
    who = folds.whose[units]
    mean = np.broadcast_to(fitted.prior.mean, fitted.unconstrained.shape)
    priors = SubjectPriors(mean, fitted.prior.covariance).of(who)
    laplace = approximate(likelihood, priors, who, priors.mean)
    found = importance(_Some(likelihood, who), priors, laplace.modes, laplace.covariance, draws, rng)
    return Predicted(units, found.evidence, found.errors, found.pareto_k)


def _weighted_mean(values: Array, log_weights: Array) -> tuple[float, float]:
    """Return log Σ w exp(values) / Σ w and its Monte-Carlo standard error."""
    from scipy.special import logsumexp

    log_shares = log_weights - logsumexp(log_weights)
    total = float(logsumexp(log_shares + values))
    if len(values) == 1:
        return total, 0.0
    relative = np.exp(log_shares) * (np.exp(values - total) - 1.0)
    return total, float(np.sqrt((relative**2).sum()))
