"""The verb `recover`: simulate subjects with known parameters in one's own design, fit them, compare.

For each parameter, with truth θ, unconstrained truth z, estimates θ̂ and ẑ, and standard errors s of ẑ, over n subjects:

    correlation   of θ and θ̂ (Pearson), and of z and ẑ
    bias          mean(ẑ - z)          rmse   √ mean (ẑ - z)²
    coverage      share of subjects whose interval ẑ ± q s holds z; q: normal quantile of the level
    uniform_p     p-value of a χ² test, in ten bins, that Φ((z - ẑ)/s) is uniform (simulation-based calibration)

Subjects without standard errors (``flat``) count as not covered. Every figure is a mean over simulated subjects, and
the table gives its Monte-Carlo error. Maximum a posteriori estimates are drawn to their prior, so that bias and
coverage depend on where the truths come from: without `parameters`, they are draws from that very prior.

Source: Wilson & Collins 2019 (parameter recovery); Talts et al. 2018 (calibration).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.examination import examine
from versant.inference.likelihood import bind
from versant.inference.prior import PriorLike, as_prior, default_prior
from versant.inference.result import Fit
from versant.inference.verdict import Verdict
from versant.progress import Progress, silent
from versant.tasks.behavioural import Task
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.fit import fit
from versant.verbs.ledger import fingerprint, run_pieces
from versant.verbs.simulate import simulate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recovery", "Truths", "recover", "true_parameters"]

SUBJECTS_A_PIECE = 200
"""Of a recovery that can be resumed."""

Array = NDArray[np.float64]
Truths = Mapping[str, Any] | Callable[[np.random.Generator, int], Mapping[str, Any]] | None


@dataclass(frozen=True)
class Recovery:
    """Truth and estimates of n simulated subjects."""

    fit: Fit
    truth: Mapping[str, Array]  # natural values, (n,) each
    level: float

    @cached_property
    def unconstrained_truth(self) -> Array:
        """z of each subject, (n, K); infinite where a truth stands on an edge of its domain."""
        domains = self.fit.learner.parameters
        columns = []
        for name, domain in domains.items():
            values = self.truth[name]
            column = np.where(values <= domain.lower, -np.inf, np.inf)
            inside = (values > domain.lower) & (values < domain.upper)
            column[inside] = domain.unconstrained(values[inside])
            columns.append(column)
        return np.stack(columns, axis=1)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each interval holds the truth, (n, K)."""
        from scipy.stats import norm

        half = norm.ppf(0.5 + self.level / 2.0) * self.fit.unconstrained_errors
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.fit.unconstrained - self.unconstrained_truth) <= half)

    @cached_property
    def ranks(self) -> Array:
        """Where each truth lies in its approximate posterior, Φ((z - ẑ)/s), (n, K); NaN without standard errors.

        With truths drawn from the prior of a fit, these are uniform where Laplace's approximation holds
        (simulation-based calibration; Talts et al. 2018).
        """
        from scipy.stats import norm

        with np.errstate(invalid="ignore"):
            scaled = (self.unconstrained_truth - self.fit.unconstrained) / self.fit.unconstrained_errors
        return np.asarray(norm.cdf(scaled))

    def frame(self) -> pd.DataFrame:
        """Return one row a parameter, with Monte-Carlo errors as ``…_mc``; see the module's definitions."""
        import pandas as pd

        rows = []
        for k, name in enumerate(self.fit.learner.parameters):
            theta, z = self.truth[name], self.unconstrained_truth[:, k]
            away = self.fit.unconstrained[:, k] - z
            covered = float(self.covered[:, k].mean())
            n = len(z)
            with np.errstate(invalid="ignore"):
                rows.append(
                    {
                        "parameter": name,
                        "correlation": correlation(theta, self.fit.natural[:, k]),
                        "correlation_z": correlation(z, self.fit.unconstrained[:, k]),
                        "bias": away.mean(),
                        "bias_mc": away.std(ddof=1) / np.sqrt(n),
                        "rmse": np.sqrt((away**2).mean()),
                        "median_se": _median(self.fit.unconstrained_errors[:, k]),
                        "coverage": covered,
                        "coverage_mc": np.sqrt(covered * (1.0 - covered) / n),
                        "uniform_p": _uniform(self.ranks[:, k]),
                    }
                )
        return pd.DataFrame(rows)

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: truth and estimate of each parameter, and the verdict."""
        table = self.fit.frame()
        for name in reversed(list(self.fit.learner.parameters)):
            table.insert(1, f"{name}_true", self.truth[name])
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        rows = self.frame().to_dict(orient="records")
        return {
            "model": self.fit.learner.name,
            "n_subjects": len(self.fit.subjects),
            "level": self.level,
            "parameters": [
                {str(k): v if isinstance(v, str) or np.isfinite(v) else None for k, v in row.items()} for row in rows
            ],
            "verdicts": self.fit.verdict_counts(),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        settled = sum(Verdict.CONVERGED in flags for flags in self.fit.verdicts)
        table = self.frame().to_string(index=False, float_format=lambda v: f"{v:.3f}")
        return f"{self.fit.learner.name}: {settled} of {len(self.fit.subjects)} simulated subjects converged\n{table}"


def recover(
    model: Learner,
    task: Task | Pomdp,
    n: int = 200,
    *,
    parameters: Truths = None,
    prior: PriorLike = "default",
    method: Literal["map", "group"] = "map",
    level: float = 0.95,
    starts: int = 5,
    like: Trials | None = None,
    on_missing: MissingPolicy | None = None,
    seed: int | np.random.Generator | None = 0,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
) -> Recovery:
    """Simulate and fit subjects with known parameters.

    Parameters
    ----------
    model : Learner
    task : Task or Pomdp
        The design.
    n : int
        How many subjects.
    parameters : mapping or callable, optional
        True natural values by name (numbers, or n values), or a function of a generator and n that returns them.
        Without it, they are drawn from the prior (for maximum likelihood, from the default prior).
    prior, method, starts, on_missing, progress
        Of the fit, as for `versant.fit`.
    like : Trials, optional
        Recorded trials whose lengths and missing responses the simulated ones are to have.
    level : float
        Of the intervals whose coverage is counted.
    seed : int, Generator or None
        Of truths, simulation and starts (SPEC 7).
    resume : path, optional
        Of ``method="map"``: a file in which the estimates of every 200 subjects are kept; an interrupted study goes on
        from there.

    Returns
    -------
    Recovery

    Raises
    ------
    ModelError
        If the parameters do not fit the model, n < 2, the level is not between 0 and 1, or `resume` is given for a
        group.
    DataError
        If a subject of `like` has more trials than the task.

    Examples
    --------
    >>> import versant as vs
    >>> found = recover(vs.models.find("q_learning"), vs.Bandit(trials=300, reversal=50), 40, seed=1)
    >>> bool(found.frame().correlation.min() > 0.7)
    True
    """
    if n < 2:
        raise ModelError(f"n={n}: recovery needs two subjects or more")
    if not 0.0 < level < 1.0:
        raise ModelError(f"level={level} must lie between 0 and 1")
    rng = np.random.default_rng(seed)
    truth = true_parameters(model, parameters, prior, n, rng)
    trials = simulate(model, task, truth, subjects=n, like=like, seed=rng)
    options: dict[str, Any] = {"starts": starts, "on_missing": on_missing}
    if resume is None:
        found: Any = fit(model, trials, prior, method=method, seed=rng, progress=progress, **options)
    elif method == "map":
        study = {"task": repr(task), "truth": {name: values.tolist() for name, values in truth.items()}}
        found = _in_pieces(model, trials, prior, options, seed, study, resume, progress)
    else:
        raise ModelError("resume= is for method='map': a group is fitted as a whole")
    return Recovery(found, truth, level)


def _in_pieces(
    model: Learner,
    trials: Trials,
    prior: PriorLike,
    options: dict[str, Any],
    seed: int | np.random.Generator | None,
    study: dict[str, Any],
    path: str | os.PathLike[str],
    progress: Progress,
) -> Fit:
    """Fit subjects in pieces whose estimates a file keeps, and examine them all together."""

    def piece(i: int, rng: np.random.Generator) -> dict[str, Any]:
        some = trials.only(*trials.subjects[i * SUBJECTS_A_PIECE : (i + 1) * SUBJECTS_A_PIECE])
        found = fit(model, some, prior, seed=rng, **options)
        disagree = [Verdict.STARTS_DISAGREE in flags for flags in found.verdicts]
        return {"z": found.unconstrained.tolist(), "disagree": disagree}

    around = as_prior(model, prior)
    told = None if around is None else [around.mean.tolist(), around.covariance.tolist()]
    settings = {"study": "recovery", "model": fingerprint(model), "prior": told, **options, **study}
    count = math.ceil(trials.n_subjects / SUBJECTS_A_PIECE)
    pieces = run_pieces(count, piece, seed=seed, settings=settings, path=path, message="fitting", progress=progress)
    z = np.array([row for one in pieces for row in one["z"]])
    disagree = np.array([flag for one in pieces for flag in one["disagree"]])
    return examine(bind(model, trials, options["on_missing"]), around, z, np.where(disagree, 0.0, 1.0))


def true_parameters(
    model: Learner, parameters: Truths, prior: PriorLike, n: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Return natural values by name, (n,) each: given ones, or draws from the prior."""
    if parameters is None:
        around = as_prior(model, prior) or default_prior(model)
        z = around.mean + rng.standard_normal((n, len(around.mean))) @ np.linalg.cholesky(around.covariance).T
        return {name: domain.natural(z[:, k]) for k, (name, domain) in enumerate(model.parameters.items())}
    given = parameters(rng, n) if callable(parameters) else parameters
    if set(given) != set(model.parameters):
        raise ModelError(f"parameters= must give {', '.join(model.parameters)}; it gives {', '.join(map(str, given))}")
    wrong = [name for name, values in given.items() if np.shape(values) not in ((), (n,))]
    if wrong:
        raise ModelError(f"parameter {wrong[0]} needs one value, or one for each of the {n} subjects")
    return {name: np.array(np.broadcast_to(given[name], (n,)), dtype=np.float64) for name in model.parameters}


def _median(errors: Array) -> float:
    """Return the median of the standard errors that exist; NaN if none does."""
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if len(known) else float("nan")


def _uniform(ranks: Array) -> float:
    """Return the p-value of a χ² test of uniformity in ten bins; NaN with fewer than five expected in a bin."""
    from scipy.stats import chisquare

    known = ranks[np.isfinite(ranks)]
    if len(known) < 50:
        return float("nan")
    return float(chisquare(np.histogram(known, 10, (0.0, 1.0))[0]).pvalue)


def correlation(one: Array, other: Array) -> float:
    """Return Pearson's correlation; NaN where one of them does not vary or is not finite."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()) or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
