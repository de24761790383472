"""The verb `loo`: how well a model predicts each response, or each subject, from all the others.

From a sampled posterior, or from draws around the estimates of a fit with a prior; see `versant.inference.loo`. The sum
of the log predictive densities estimates how well new responses (or subjects) would be predicted:

    elpd = Σ_u elpd_u,     standard error √(U Var_u elpd_u),     LOOIC = -2 elpd

Source: Vehtari, Gelman & Gabry 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.densities import Densities
from versant.inference.group_result import GroupFit
from versant.inference.importance import Draws, rebind
from versant.inference.loo import LeftOut, leave_out_subjects, leave_out_trials, marginal_by_draws
from versant.inference.persons import bound_again, persons_of
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.scored import Score, Scored, scored
from versant.progress import Progress, silent
from versant.verbs.evidence import evidence, require_evidence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LeaveOneOut", "loo"]

Array = NDArray[Any]
Unit = Literal["trial", "subject"]
FEWEST = 100
INNER, INNER_ANEW = 1000, 100
"""Draws of each subject over which a left-out subject's parameters are integrated; so many where fixed effects need
them evaluated anew at every draw of the group."""


@dataclass(frozen=True, repr=False)
class LeaveOneOut(Densities):
    """Predictive densities of U units, trials or subjects, each left out in turn."""

    effective: Array  # (U,), effective number of parameters

    @property
    def total_error(self) -> float:
        """The standard error of the total, from the variance between units."""
        return float(np.sqrt(len(self.elpd) * self.elpd.var(ddof=1))) if len(self.elpd) > 1 else float("nan")

    @property
    def looic(self) -> float:
        """The total on the scale of a deviance."""
        return -2.0 * self.total

    def scored(self) -> Scored:
        """Return what `versant.compare` takes."""
        score = Score(self.subject_elpd, np.zeros(len(self.account.subjects)), self.subject_doubts > 0)
        return replace(self.account, known={**self.account.known, "loo": score})

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        subjects = len(self.account.subjects)
        worst = np.full(subjects, -np.inf)
        np.maximum.at(worst, self.whose, np.nan_to_num(self.pareto_k, nan=-np.inf))
        return pd.DataFrame(
            {
                "subject": list(self.account.subjects),
                "units": np.bincount(self.whose, minlength=subjects),
                "elpd": self.subject_elpd,
                "effective_parameters": self.by_subject(self.effective),
                "largest_k": np.where(np.isfinite(worst), worst, np.nan),
                "not_trusted": self.subject_doubts,
            }
        )

    def unit_frame(self) -> pd.DataFrame:
        """Return one row a unit: subject, which of its scored trials (counted from 1), density, k."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": [self.account.subjects[n] for n in self.whose],
                "unit": self.numbers,
                "elpd": self.elpd,
                "effective_parameters": self.effective,
                "pareto_k": self.pareto_k,
                "trusted": self.trusted,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "model": self.account.model,
            "over": self.over,
            "draws": self.draws,
            "units": len(self.elpd),
            "elpd": self.total,
            "elpd_error": self.total_error if len(self.elpd) > 1 else None,
            "effective_parameters": float(self.effective.sum()) if np.isfinite(self.effective).all() else None,
            "looic": self.looic,
            "not_trusted": int((~self.trusted).sum()),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        plural = f"{self.over}s"
        lines = [
            f"{self.account.model}: elpd {self.total:.2f} (standard error {self.total_error:.2f}) over "
            f"{len(self.elpd)} {plural}"
        ]
        if np.isfinite(self.effective).all():
            lines.append(f"effective parameters {self.effective.sum():.1f}")
        if not self.trusted.all():
            lines.append(f"not to be trusted (Pareto k): {int((~self.trusted).sum())} {plural}")
        return "\n".join(lines)


def loo(
    fit: Fit | Sample,
    *,
    over: Unit = "trial",
    draws: int = 1000,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> LeaveOneOut:
    """Leave out every trial, or every subject, in turn.

    Parameters
    ----------
    fit : Fit or Sample
        A sampled posterior; or a fit with a prior, around whose estimates is drawn. Of a `GroupFit` the group's
        distribution is taken as known.
    over : {"trial", "subject"}
        What is left out. A trial's response is predicted from the subject's other responses and the history before the
        trial. A subject is predicted from the group: of a fit whose prior is fixed, that is its evidence; for a
        `GroupFit`, whose group the subject itself has shaped, use `versant.crossvalidate`. Not of subjects that were
        sampled one by one.
    draws : int
        Of each subject, around the estimates; a sampled posterior has its own.
    seed : int, Generator or None
        SPEC 7.
    progress : Progress

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    ModelError
        For a maximum likelihood fit, too few draws, or subjects of a `GroupFit` or without a group.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit(trials=60), {"alpha": 0.3, "beta": 4.0}, subjects=2, seed=1)
    >>> found = loo(vs.fit(model, trials))
    >>> len(found.elpd), bool(found.trusted.all())
    (120, True)
    """
    if over not in ("trial", "subject"):
        raise ModelError(f"over={over!r} is unknown: choose 'trial' or 'subject'")
    if draws < FEWEST:
        raise ModelError(f"draws={draws}: at least {FEWEST} are needed")
    rng = np.random.default_rng(seed)
    if isinstance(fit, Sample):
        draws = len(fit.pooled)
        found = _sampled_subjects(fit, rng) if over == "subject" else _sampled(fit, progress)
    elif over == "subject":
        found = _by_evidence(fit, draws, rng, progress)
    else:
        people = persons_of(fit)
        require_evidence(fit)
        found = leave_out_trials(people.likelihood, people.draw(draws, rng, progress), None, progress)
    account = scored(fit)
    whose = np.arange(len(account.subjects))
    if over == "trial":
        found, whose = _as_lived(fit, found)
    kept = ~np.isnan(found.elpd) | (over == "subject")
    return LeaveOneOut(
        account, over, draws, whose[kept], found.elpd[kept], found.pareto_k[kept], found.effective[kept]
    )  # fmt: skip


def _as_lived(fit: Fit | Sample, found: LeftOut) -> tuple[LeftOut, NDArray[np.int64]]:
    """Return what was found of each trial in the order in which people did them, and whose each is."""
    if not isinstance(fit, GroupFit | GroupSample) or fit.cells is None:
        return found, fit.trials.subject_index
    back = fit.cells.back
    lived = LeftOut(found.elpd[back], found.effective[back], found.pareto_k[back])
    return lived, fit.cells.subject[fit.cells.rows]


def _sampled(fit: Sample, progress: Progress) -> LeftOut:
    """Leave out trials, with the draws of the sampler."""
    least = np.array([fit.subject_quality(n).ess_bulk.min() for n in range(len(fit.subjects))])
    draws = Draws(fit.pooled, np.zeros(fit.pooled.shape[:2]))
    return leave_out_trials(rebind(fit), draws, np.minimum(least / len(fit.pooled), 1.0), progress)


def _sampled_subjects(fit: Sample, rng: np.random.Generator) -> LeftOut:
    """Leave out subjects, with the sampler's draws of the group's parameters."""
    if not isinstance(fit, GroupSample):
        raise ModelError(
            "without a group a subject is predicted by the prior alone, and that is its evidence: evidence(fit) of "
            "method='map' with the same prior"
        )
    count = fit.diverging.size
    effects = fit.effects.reshape(count, -1)
    sd = fit.sd.reshape(count, -1)
    correlation = fit.correlation.reshape(count, sd.shape[1], sd.shape[1])
    covariances = correlation * sd[:, :, None] * sd[:, None, :]
    w = fit.coefficients.reshape(count, *fit.coefficients.shape[2:])
    away = w - w.mean(axis=0)
    around = np.einsum("snk,snl->nkl", away, away) / (count - 1)
    bound, centres = bound_again(fit), w.mean(axis=0)
    inner = INNER_ANEW if fit.design.fixed.any() else INNER
    marginal = marginal_by_draws(bound, fit.design, effects, covariances, centres, around, inner, rng)
    efficiency = min(1.0, float(fit.quality["effects"].ess_bulk.min()) / count)
    return leave_out_subjects(marginal, efficiency)


def _by_evidence(fit: Fit, draws: int, rng: np.random.Generator, progress: Progress) -> LeftOut:
    """A subject whose prior is fixed is predicted by its prior alone."""
    if isinstance(fit, GroupFit):
        raise ModelError(
            "every subject has shaped this group: crossvalidate(model, trials, over='subject', method='group') fits it "
            "anew without them"
        )
    found = evidence(fit, draws, seed=rng, progress=progress)
    return LeftOut(found.sampled, np.full(len(found.subjects), np.nan), found.pareto_k)
