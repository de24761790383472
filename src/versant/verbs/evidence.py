"""The verb `evidence`: a fit's Laplace evidence, checked by importance sampling.

The evidence of a person is what is left when all that varies between people is integrated out, under a fixed prior or
the group's distribution (`versant.inference.persons`). For a group with P free parameters and n scored choices in all,
the integrated Bayesian information criterion is

    iBIC = -2 Σ_n log p(A_n | group) + P log n

Source: Huys et al. 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.group_result import GroupFit
from versant.inference.importance import importance
from versant.inference.pareto import largest_trusted
from versant.inference.persons import laplace_evidence, persons_of
from versant.inference.result import Fit
from versant.inference.sample_result import Sample
from versant.inference.shown import Shown
from versant.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Evidence", "evidence", "require_evidence"]

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Evidence(Shown):
    """Log evidences of N subjects by two methods."""

    model: str
    subjects: tuple[object, ...]
    laplace: Array  # (N,); NaN where the Hessian is not positive definite
    sampled: Array  # (N,), by importance sampling
    errors: Array  # (N,), Monte-Carlo standard errors of `sampled`
    pareto_k: Array  # (N,)
    draws: int  # of each subject
    n_group_parameters: int | None  # None for separate subjects
    n_choices: int  # of all subjects

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Whether k is small enough for so many draws, (N,)."""
        return np.asarray(self.pareto_k <= largest_trusted(self.draws))

    @property
    def total(self) -> float:
        """The sampled log evidence of all subjects."""
        return float(self.sampled.sum())

    @property
    def total_error(self) -> float:
        """Its Monte-Carlo standard error."""
        return float(np.sqrt((self.errors**2).sum()))

    @property
    def integrated_bic(self) -> float:
        """The integrated BIC of a group; NaN for separate subjects."""
        if self.n_group_parameters is None:
            return float("nan")
        return float(-2.0 * self.total + self.n_group_parameters * np.log(self.n_choices))

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": list(self.subjects),
                "laplace": self.laplace,
                "sampled": self.sampled,
                "sampled_mc": self.errors,
                "difference": self.sampled - self.laplace,
                "pareto_k": self.pareto_k,
                "trusted": self.trusted,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""

        def plain(value: float) -> float | None:
            return float(value) if np.isfinite(value) else None

        return {
            "model": self.model,
            "draws": self.draws,
            "laplace": plain(self.laplace.sum()),
            "sampled": plain(self.total),
            "sampled_mc": plain(self.total_error),
            "integrated_bic": plain(self.integrated_bic),
            "not_trusted": [str(s) for s, ok in zip(self.subjects, self.trusted, strict=True) if not ok],
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        away = np.abs(self.sampled - self.laplace)
        lines = [
            f"{self.model}: Laplace evidence {self.laplace.sum():.3f}, sampled {self.total:.3f} "
            f"(Monte-Carlo error {self.total_error:.3f}), largest difference of a subject {np.nanmax(away):.3f}"
        ]
        if not self.trusted.all():
            lines.append(f"not to be trusted (Pareto k): {int((~self.trusted).sum())} subjects")
        return "\n".join(lines)


def evidence(
    fit: Fit, draws: int = 1000, *, seed: int | np.random.Generator | None = 0, progress: Progress = silent
) -> Evidence:
    """Check the evidence of a fit by importance sampling.

    Parameters
    ----------
    fit : Fit
        With a prior; for a `GroupFit`, the evidence is that under the group's distribution.
    draws : int
        Of each subject, at least 100.
    seed : int, Generator or None
        SPEC 7.
    progress : Progress

    Returns
    -------
    Evidence

    Raises
    ------
    ModelError
        For a maximum likelihood fit, or too few draws.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit(trials=100), {"alpha": 0.3, "beta": 4.0}, subjects=3, seed=1)
    >>> bool(evidence(vs.fit(model, trials)).trusted.all())
    True
    """
    if isinstance(fit, Sample):
        raise ModelError(
            "a sampled posterior has no evidence; fit with method='map' or 'group', or compare by criterion='loo'"
        )
    people = persons_of(fit)
    require_evidence(fit)
    laplace = laplace_evidence(fit)
    assert people.prior is not None
    assert laplace is not None
    if draws < 100:
        raise ModelError(f"draws={draws}: at least 100 are needed")
    rng = np.random.default_rng(seed)
    found = importance(people.given, people.prior, people.centre, people.covariance, draws, rng, progress)
    return Evidence(
        model=fit.learner.name,
        subjects=people.labels,
        laplace=laplace,
        sampled=found.evidence,
        errors=found.errors,
        pareto_k=found.pareto_k,
        draws=draws,
        n_group_parameters=fit.n_group_parameters if isinstance(fit, GroupFit) else None,
        n_choices=int(fit.n_choices.sum()),
    )


def require_evidence(fit: Fit) -> None:
    """Raise ModelError for maximum likelihood: without a prior or a group there is nothing to integrate over."""
    if fit.prior is None and not isinstance(fit, GroupFit):
        raise ModelError("a maximum likelihood fit has no evidence and no posterior to draw from; fit with a prior")
