"""What a fit returns: estimates with their errors, their evidence and their verdicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.inference.prior import Gaussians
from versant.inference.verdict import Verdict
from versant.readonly import make_read_only
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fit"]

Array = NDArray[Any]


PENALISED = (
    "AIC and BIC are made for maximum likelihood: at these estimates, which the prior moves, they come out a little "
    "too large; compare models by the evidence, or fit with prior=None"
)


@dataclass(frozen=True, repr=False)
class Fit:
    """Estimates of N subjects' K parameters.

    Standard errors and evidence are NaN where the Hessian is not positive definite (verdict ``flat``), and all else too
    where the log posterior is no number (``undefined``); log posterior and evidence are None for maximum likelihood.
    """

    learner: Learner
    trials: Trials  # those that were scored, as the learner reads them
    subjects: tuple[object, ...]
    prior: Gaussians | None
    unconstrained: Array  # (N, K)
    natural: Array  # (N, K)
    covariance: Array  # (N, K, K), of the unconstrained parameters
    slopes: Array  # (N, K), dθ/dz
    gradient_size: Array  # (N,), max|g_i| / max(1, |f|)
    log_likelihood: Array  # (N,)
    log_posterior: Array | None  # (N,)
    evidence: Array | None  # (N,), Laplace
    chance: Array  # (N,), log-likelihood at chance
    n_choices: NDArray[np.int64]  # (N,), scored choices; of a learner without any, scored responses
    verdicts: tuple[frozenset[Verdict], ...]  # N

    def __post_init__(self) -> None:
        make_read_only(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._whose()}; {self._flags()})"

    @property
    def n_parameters(self) -> int:
        """Parameters of one subject, K."""
        return int(self.natural.shape[1])

    @cached_property
    def unconstrained_errors(self) -> Array:
        """Standard errors of the unconstrained parameters, (N, K)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(np.einsum("nkk->nk", self.covariance)))

    @cached_property
    def errors(self) -> Array:
        """Standard errors of the natural parameters by the delta method, (N, K)."""
        return np.asarray(np.abs(self.slopes) * self.unconstrained_errors)

    @property
    def aic(self) -> Array:
        """Akaike's information criterion, (N,); see `notes` where there is a prior."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> Array:
        """Schwarz's information criterion, (N,), counting what `n_choices` counts; zero where there is nothing.

        See `notes` where there is a prior.
        """
        choices = np.maximum(self.n_choices, 1)
        return np.asarray(self.n_parameters * np.log(choices) - 2.0 * self.log_likelihood)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind about the numbers, in sentences."""
        return () if self.prior is None else (PENALISED,)

    @property
    def pseudo_r2(self) -> Array:
        """McFadden's pseudo-R² against uniform choice, (N,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(1.0 - self.log_likelihood / self.chance)

    def frame(self) -> pd.DataFrame:
        """Return a table, one row a subject: natural and unconstrained estimates, errors, criteria, verdict."""
        import pandas as pd

        table: dict[str, Any] = {"subject": list(self.subjects)}
        for k, name in enumerate(self.learner.parameters):
            table[name] = self.natural[:, k]
            table[f"{name}_se"] = self.errors[:, k]
            table[f"{name}_z"] = self.unconstrained[:, k]
            table[f"{name}_z_se"] = self.unconstrained_errors[:, k]
        table["log_likelihood"] = self.log_likelihood
        if self.log_posterior is not None and self.evidence is not None:
            table["log_posterior"], table["evidence"] = self.log_posterior, self.evidence
        table["aic"], table["bic"], table["pseudo_r2"] = self.aic, self.bic, self.pseudo_r2
        table["n_choices"] = self.n_choices
        table["verdict"] = [" ".join(sorted(v)) for v in self.verdicts]
        return pd.DataFrame(table)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        return {
            "model": self.learner.name,
            "n_subjects": len(self.subjects),
            "log_likelihood": _number(self.log_likelihood.sum()),
            "log_posterior": None if self.log_posterior is None else _number(self.log_posterior.sum()),
            "evidence": None if self.evidence is None else _number(self.evidence.sum()),
            "notes": list(self.notes),
            "prior": None
            if self.prior is None
            else {"mean": self.prior.mean.tolist(), "covariance": self.prior.covariance.tolist()},
            "subjects": [self._subject(i) for i in range(len(self.subjects))],
        }

    def _subject(self, i: int) -> dict[str, Any]:
        names = list(self.learner.parameters)
        label = self.subjects[i]
        return {
            "subject": label.item() if isinstance(label, np.generic) else label,
            "parameters": {name: float(self.natural[i, k]) for k, name in enumerate(names)},
            "standard_errors": {name: _number(self.errors[i, k]) for k, name in enumerate(names)},
            "unconstrained": {name: float(self.unconstrained[i, k]) for k, name in enumerate(names)},
            "unconstrained_errors": {name: _number(self.unconstrained_errors[i, k]) for k, name in enumerate(names)},
            "log_likelihood": _number(self.log_likelihood[i]),
            "log_posterior": None if self.log_posterior is None else _number(self.log_posterior[i]),
            "evidence": None if self.evidence is None else _number(self.evidence[i]),
            "aic": _number(self.aic[i]),
            "bic": _number(self.bic[i]),
            "pseudo_r2": _number(self.pseudo_r2[i]),
            "n_choices": int(self.n_choices[i]),
            "gradient_size": _number(self.gradient_size[i]),
            "verdict": sorted(str(v) for v in self.verdicts[i]),
        }

    def verdict_counts(self) -> dict[str, int]:
        """Return how many subjects carry each flag."""
        counts = Counter(str(flag) for flags in self.verdicts for flag in flags)
        return {str(flag): counts[str(flag)] for flag in Verdict}

    def summary(self) -> str:
        """Return a few lines for a person."""
        lines = [
            self._whose(),
            f"log-likelihood {self.log_likelihood.sum():.3f}"
            + ("" if self.evidence is None else f", Laplace evidence {self.evidence.sum():.3f}"),
            f"verdicts: {self._flags()}",
        ]
        return "\n".join(lines)

    def _whose(self) -> str:
        counted = _counted(len(self.subjects), "subject"), _counted(int(self.n_choices.sum()), "choice")
        return f"{self.learner.name}: {', '.join(counted)}"

    def _flags(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.verdict_counts().items() if number)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
