"""The verb `predictive`: does behaviour simulated from a fit look like the behaviour that was fitted?

For replication r = 1..R, every subject's parameters are drawn from their posterior (N(ẑ, V) by Laplace, or the draws of
a sampled one), the subjects are simulated in the task, cut to the lengths, gaps and sessions of the recorded trials
(`versant.verbs.shape`), and a statistic T of the whole table is computed. With conditions, what a person has of their
own is drawn once for all of them, given the fixed effects, which are drawn once for all people. Reported are T of the
recorded trials, mean and interval of the replicated T, and the share of replications with T at least as large as
recorded (the posterior predictive p-value; near 0 or 1, the model misses that feature).

A statistic is any function of `Trials` that returns a number, or a curve: a mapping of places (trials, conditions) to
numbers. Source: Gelman, Meng & Stern 1996; Palminteri, Wyart & Koechlin 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.cells import Coefficients, together
from versant.inference.group_result import GroupFit
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.shown import Shown
from versant.progress import Progress, silent
from versant.tasks.behavioural import Task
from versant.tasks.episodes import InPomdp
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.simulate import simulate
from versant.verbs.statistics import Statistic, stay_after

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Predictive", "predictive"]

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Predictive(Shown):
    """Recorded and replicated statistics: S values, of one statistic or several."""

    model: str
    names: tuple[str, ...]  # S, of the statistic
    at: tuple[object, ...]  # S, where on its curve; None for a single number
    observed: Array  # (S,)
    replicated: Array  # (R, S); NaN where a replication has no such value

    @property
    def p(self) -> Array:
        """Share of the replications that have a value in which it is at least as large as recorded, (S,)."""
        known = np.isfinite(self.replicated).sum(axis=0)
        with np.errstate(invalid="ignore"):
            larger = (self.replicated >= self.observed).sum(axis=0) / known
        return np.asarray(np.where(np.isfinite(self.observed), larger, np.nan))

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row a value; ``known`` counts the replications that have it, all others leave them out."""
        import pandas as pd

        rows = []
        for values in self.replicated.T:
            known = values[np.isfinite(values)]
            ends = np.quantile(known, (0.5 - level / 2.0, 0.5 + level / 2.0)) if len(known) else (np.nan, np.nan)
            rows.append((known.mean() if len(known) else np.nan, *ends, len(known)))
        table = pd.DataFrame({"statistic": self.names, "at": list(self.at), "observed": self.observed})
        table[["mean", "lower", "upper", "known"]] = rows
        table["known"] = table["known"].astype(int)
        table["p"] = self.p
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        rows = self.frame().to_dict(orient="records")
        plain = [{str(k): _plain(v) for k, v in row.items()} for row in rows]
        return {"model": self.model, "replications": len(self.replicated), "statistics": plain}

    def summary(self) -> str:
        """Return a few lines for a person."""
        table = self.frame().to_string(index=False, float_format="%.3f")
        return f"{self.model}: {len(self.replicated)} replications\n{table}"


def predictive(
    fit: Fit | Sample,
    task: Task | Pomdp,
    statistics: Mapping[str, Statistic] | None = None,
    n: int = 200,
    *,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Predictive:
    """Compare statistics of the fitted trials with those of trials simulated from the fit.

    Parameters
    ----------
    fit : Fit or Sample
        Of a `Fit`, every subject needs a standard error (no verdict ``flat``).
    task : Task or Pomdp
        The task that the subjects did, with as many trials as the longest of them did, or more.
    statistics : mapping of names to functions of trials, optional
        By default repeating the last choice after a win and after a loss, of the columns ``choice`` and ``reward``.
        `stay_after`, `choice_curve` and `accuracy` make more.
    n : int
        Replications.
    seed : int, Generator or None
        SPEC 7.
    progress : Progress

    Returns
    -------
    Predictive

    Raises
    ------
    ModelError
        If a subject has no standard errors, or there is no statistic or replication.
    DataError
        If a subject has more trials than the task.

    Examples
    --------
    >>> import versant as vs
    >>> model, task = vs.models.find("q_learning"), vs.Bandit(trials=80)
    >>> trials = vs.simulate(model, task, {"alpha": 0.3, "beta": 4.0}, subjects=5, seed=1)
    >>> list(predictive(vs.fit(model, trials), task, n=20).frame().statistic)
    ['stay_after_win', 'stay_after_loss']
    """
    chosen = dict(statistics or {"stay_after_win": stay_after(True), "stay_after_loss": stay_after(False)})
    if n < 1 or (statistics is not None and not statistics):
        raise ModelError("predictive() needs a statistic and a replication, or more")
    if not isinstance(fit, Fit | Sample):
        raise ModelError(f"predictive() takes the fit of a learner, not a {type(fit).__name__}")
    rng = np.random.default_rng(seed)
    if isinstance(task, Pomdp):
        task = InPomdp(task, int(fit.trials.n_trials.max()))
    draw = _posterior(fit)
    observed = _values(chosen, _whole(fit, fit.trials))
    rows = []
    for done in range(n):
        progress(done, n, "replicating")
        z = draw(rng)
        truth: dict[str, Any] = {"subject": list(fit.subjects)}
        truth |= {name: domain.natural(z[:, k]) for k, (name, domain) in enumerate(fit.learner.parameters.items())}
        trials = simulate(fit.learner, task, truth, like=fit.trials, seed=rng)
        replicated = _values(chosen, _whole(fit, trials))
        unknown = [key for key in replicated if key not in observed]
        if unknown:
            name, place = unknown[0]
            raise ModelError(f"the statistic {name!r} has a value at {place!r} in a replication, and none as recorded")
        rows.append([replicated.get(key, np.nan) for key in observed])
    progress(n, n, "replicated")
    names, places = zip(*observed, strict=True)
    return Predictive(fit.learner.name, names, places, np.array(list(observed.values())), np.array(rows))


def _whole(fit: Fit | Sample, trials: Trials) -> Trials:
    """Return trials of people, their conditions put together."""
    return together(trials, fit.cells, fit.people) if isinstance(fit, GroupFit | GroupSample) else trials


def _posterior(fit: Fit | Sample) -> Callable[[np.random.Generator], Array]:
    """Return what draws the unconstrained parameters of all subjects (with conditions, in each of them), (N, K)."""
    if isinstance(fit, Sample):
        draws = fit.pooled
        return lambda rng: np.asarray(draws[rng.integers(len(draws))])
    if isinstance(fit, GroupFit) and fit.cells is not None and fit.loadings is not None:
        return _of_people(fit, fit.loadings, fit.cells.subject)
    unknown = np.flatnonzero(~np.isfinite(fit.covariance).all(axis=(1, 2)))
    if len(unknown):
        subject = fit.subjects[int(unknown[0])]
        raise ModelError(f"subject {subject} has no standard errors (verdict flat): fit with a prior, or leave it out")
    roots, centre = np.linalg.cholesky(fit.covariance), fit.unconstrained
    return lambda rng: np.asarray(centre + np.einsum("nkl,nl->nk", roots, rng.standard_normal(centre.shape)))


def _of_people(
    fit: GroupFit, loadings: Coefficients, whose: NDArray[np.int64]
) -> Callable[[np.random.Generator], Array]:
    """Return what draws the parameters of all cells, (C, K): from the joint Gaussian of coefficients and effects."""
    g, fixed, cross = fit.group, fit.group.design.fixed, fit.coefficients_with_fixed
    of_fixed = g.effects_covariance[np.ix_(fixed, fixed)]  # (F, F)
    if not (np.isfinite(of_fixed).all() and np.isfinite(fit.coefficients_covariance).all()):
        raise ModelError("the group has no standard errors (see its verdicts): there is no posterior to draw from")
    gain = cross @ np.linalg.inv(of_fixed)  # (N, R, F)
    root = np.linalg.cholesky(fit.coefficients_covariance - gain @ np.swapaxes(cross, 1, 2))
    root_fixed = np.linalg.cholesky(of_fixed)

    def draw(rng: np.random.Generator) -> Array:
        away = root_fixed @ rng.standard_normal(len(of_fixed))
        w = fit.coefficients + gain @ away
        w += np.einsum("nrs,ns->nr", root, rng.standard_normal(w.shape))
        return loadings.unconstrained(w, g.effects[fixed] + away, whose)

    return draw


def _values(statistics: Mapping[str, Statistic], trials: Trials) -> dict[tuple[str, object], float]:
    """Return (name, place) → value of all statistics."""
    found: dict[tuple[str, object], float] = {}
    for name, statistic in statistics.items():
        value = statistic(trials)
        places = value.items() if isinstance(value, Mapping) else [(None, value)]
        found |= {(name, place): float(one) for place, one in places}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
