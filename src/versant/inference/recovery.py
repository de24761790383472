"""What a study of parameter recovery returns: truths and estimates of n simulated subjects.

For each parameter, with truth θ, unconstrained truth z, estimates θ̂ and ẑ, over n subjects:

    correlation   of θ and θ̂ (Pearson), and of z and ẑ
    bias          mean(ẑ - z)          rmse   √ mean (ẑ - z)²
    coverage      share of subjects whose interval holds z
    uniform_p     p-value of a χ² test, in ten bins, that the ranks of z are uniform (simulation-based calibration)

The interval is ẑ ± q s, with the standard error s of ẑ and the normal quantile q of the level, and the rank is
Φ((z - ẑ)/s); of a sampled posterior ẑ and s are mean and standard deviation of the draws, the interval lies between two
of their quantiles, and the rank is the share of draws below z.

Subjects without standard errors (``flat``) count as not covered. Every figure is a mean over simulated subjects, and
the table gives its Monte-Carlo error. Maximum a posteriori estimates are drawn to their prior, so that bias and
coverage depend on where the truths come from.

Source: Wilson & Collins 2019 (parameter recovery); Talts et al. 2018 (calibration).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.errors import ModelError
from versant.inference.group_result import GroupFit
from versant.inference.result import Fit
from versant.inference.sample_quality import SampleVerdict
from versant.inference.sample_result import Sample
from versant.inference.shown import Shown
from versant.inference.verdict import Verdict
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimates", "Recovery", "correlation", "unconstrained_truth"]

Array = NDArray[np.float64]
NUMBERS = ("z", "errors", "lower", "upper", "ranks")


@dataclass(frozen=True)
class Estimates:
    """Of n subjects with known parameters; unconstrained, NaN where there is no such number."""

    z: Array  # (n, K)
    errors: Array  # (n, K)
    lower: Array  # (n, K), of the interval
    upper: Array  # (n, K)
    ranks: Array  # (n, K), of the truth in the (approximate) posterior, 0..1
    verdicts: tuple[frozenset[str], ...]  # n

    @classmethod
    def of(cls, fit: Fit | Sample, truth: Array, level: float) -> Estimates:
        """Return the estimates of a fit, for unconstrained truths (n, K), with intervals of a level."""
        from scipy.stats import norm

        if isinstance(fit, Sample):
            draws = fit.pooled
            lower, upper = np.quantile(draws, [0.5 - level / 2.0, 0.5 + level / 2.0], axis=0)
            ranks = (draws < truth).mean(axis=0)
            return cls(draws.mean(axis=0), draws.std(axis=0, ddof=1), lower, upper, ranks, _told(fit.verdicts))
        z, errors = fit.unconstrained, fit.unconstrained_errors
        half = norm.ppf(0.5 + level / 2.0) * errors
        with np.errstate(invalid="ignore"):
            ranks = np.asarray(norm.cdf((truth - z) / errors))
        return cls(z, errors, z - half, z + half, ranks, _told(fit.verdicts))

    def to_record(self) -> dict[str, Any]:
        """Return them as JSON-able values; numbers that do not exist are None."""
        rows = {
            name: [[v if np.isfinite(v) else None for v in row] for row in getattr(self, name).tolist()]
            for name in NUMBERS
        }
        return {**rows, "verdicts": [sorted(flags) for flags in self.verdicts]}

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Estimates:
        """Return what several `to_record` wrote, one after the other."""
        rows = {
            name: np.array([row for one in records for row in one[name]], dtype=np.float64) for name in NUMBERS
        }  # None becomes NaN
        return cls(**rows, verdicts=tuple(frozenset(flags) for one in records for flags in one["verdicts"]))


def _told(verdicts: Iterable[Iterable[str]]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(str, flags)) for flags in verdicts)


@dataclass(frozen=True, repr=False)
class Recovery(Shown):
    """Truth and estimates of n simulated subjects."""

    model: Learner
    method: str
    trials: Trials  # what they did
    truth: Mapping[str, Array]  # natural values, (n,) each
    level: float
    estimates: Estimates

    @classmethod
    def of(cls, fit: Fit | Sample, truth: Mapping[str, Any], level: float = 0.95) -> Recovery:
        """Return what a fit of known subjects says of them.

        Parameters
        ----------
        fit : Fit or Sample
        truth : mapping
            Natural values by name, one a subject in their order.
        level : float
            Of the intervals.

        Raises
        ------
        ModelError
            If a parameter has no truth, or the numbers do not fit the subjects.
        """
        for name in fit.learner.parameters:
            if name not in truth or np.shape(truth[name]) != (len(fit.subjects),):
                raise ModelError(f"the truth of {name!r} is needed for each of the {len(fit.subjects)} subjects")
        values = {name: np.asarray(truth[name], dtype=np.float64) for name in fit.learner.parameters}
        method = "sample" if isinstance(fit, Sample) else "group" if isinstance(fit, GroupFit) else "map"
        estimates = Estimates.of(fit, unconstrained_truth(fit.learner, values), level)
        return cls(fit.learner, method, fit.trials, values, level, estimates)

    @property
    def natural(self) -> Array:
        """Estimates in natural units, (n, K)."""
        domains = self.model.parameters.values()
        return np.stack([domain.natural(self.estimates.z[:, k]) for k, domain in enumerate(domains)], axis=1)

    @cached_property
    def unconstrained_truth(self) -> Array:
        """z of each subject, (n, K); infinite where a truth stands on an edge of its domain."""
        return unconstrained_truth(self.model, self.truth)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each interval holds the truth, (n, K)."""
        z = self.unconstrained_truth
        return np.asarray((self.estimates.lower <= z) & (z <= self.estimates.upper))

    def verdict_counts(self) -> dict[str, int]:
        """Return how many subjects carry each flag (of a sampled posterior, those of their group)."""
        counts = Counter(flag for flags in self.estimates.verdicts for flag in flags)
        return {str(flag): counts[str(flag)] for flag in (SampleVerdict if self.method == "sample" else Verdict)}

    def frame(self) -> pd.DataFrame:
        """Return one row a parameter, with Monte-Carlo errors as ``…_mc``; see the module's definitions."""
        import pandas as pd

        rows = []
        for k, name in enumerate(self.model.parameters):
            theta, z = self.truth[name], self.unconstrained_truth[:, k]
            away = self.estimates.z[:, k] - z
            covered = float(self.covered[:, k].mean())
            n = len(z)
            with np.errstate(invalid="ignore"):
                rows.append(
                    {
                        "parameter": name,
                        "correlation": correlation(theta, self.natural[:, k]),
                        "correlation_z": correlation(z, self.estimates.z[:, k]),
                        "bias": away.mean(),
                        "bias_mc": away.std(ddof=1) / np.sqrt(n),
                        "rmse": np.sqrt((away**2).mean()),
                        "median_se": _median(self.estimates.errors[:, k]),
                        "coverage": covered,
                        "coverage_mc": np.sqrt(covered * (1.0 - covered) / n),
                        "uniform_p": _uniform(self.estimates.ranks[:, k]),
                    }
                )
        return pd.DataFrame(rows)

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: truth, estimate and unconstrained error of each parameter, and the verdict."""
        import pandas as pd

        table: dict[str, Any] = {"subject": list(self.trials.subjects)}
        table |= {f"{name}_true": self.truth[name] for name in self.model.parameters}
        for k, name in enumerate(self.model.parameters):
            table[name] = self.natural[:, k]
            table[f"{name}_z"] = self.estimates.z[:, k]
            table[f"{name}_z_se"] = self.estimates.errors[:, k]
        table["verdict"] = [" ".join(sorted(flags)) for flags in self.estimates.verdicts]
        return pd.DataFrame(table)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        rows = self.frame().to_dict(orient="records")
        return {
            "model": self.model.name,
            "method": self.method,
            "n_subjects": self.trials.n_subjects,
            "level": self.level,
            "parameters": [
                {str(k): v if isinstance(v, str) or np.isfinite(v) else None for k, v in row.items()} for row in rows
            ],
            "verdicts": self.verdict_counts(),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        settled = sum(Verdict.CONVERGED in flags for flags in self.estimates.verdicts)
        table = self.frame().to_string(index=False, float_format=lambda v: f"{v:.3f}")
        return f"{self.model.name}: {settled} of {self.trials.n_subjects} simulated subjects converged\n{table}"


def unconstrained_truth(model: Learner, truth: Mapping[str, Array]) -> Array:
    """Return z of natural values by name, (n, K); infinite on an edge of the domain."""
    columns = []
    for name, domain in model.parameters.items():
        values = truth[name]
        column = np.where(values <= domain.lower, -np.inf, np.inf)
        inside = (values > domain.lower) & (values < domain.upper)
        column[inside] = domain.unconstrained(values[inside])
        columns.append(column)
    return np.stack(columns, axis=1)


def correlation(one: Array, other: Array) -> float:
    """Return Pearson's correlation; NaN where one of them does not vary or is not finite."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()) or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


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
