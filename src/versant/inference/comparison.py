"""The table of a comparison: a criterion of every model and subject, sums, differences, winners."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.shown import Shown
from versant.readonly import make_read_only

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison"]

Array = NDArray[Any]

TIED = 1e-6
"""Two models that differ by less than this for a subject do not differ."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """M models fitted to the same trials of N subjects.

    Models stand in the order in which they were given; `frame` sorts them.
    """

    models: tuple[str, ...]  # M
    subjects: tuple[object, ...]  # N
    criterion: str
    less_is_better: bool
    estimated: tuple[str, ...]  # M, how each model was fitted
    n_parameters: tuple[int, ...]  # M, of one subject
    log_likelihood: Array  # (M, N), at the estimates; NaN where there are none
    aic: Array  # (M, N)
    bic: Array  # (M, N)
    evidence: Array  # (M, N); NaN for maximum likelihood, and where the Hessian is not positive definite
    score: Array  # (M, N), the criterion
    score_errors: Array  # (M, N), its Monte-Carlo standard errors
    doubtful: NDArray[np.bool_]  # (M, N), where draws do not suffice to trust it (Pareto k)
    flagged: NDArray[np.bool_]  # (M, N), whose verdict is anything else than ``converged`` alone

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def losses(self) -> Array:
        """The criterion with the sign that makes less better, (M, N)."""
        return self.score if self.less_is_better else -self.score

    @cached_property
    def differences(self) -> Array:
        """How much worse than the best model each is, in units of the criterion, (M,); NaN where it has none."""
        totals: Array = self.losses.sum(axis=1)
        known = totals[~np.isnan(totals)]
        return np.asarray(totals - known.min() if len(known) else totals)

    @property
    def difference_errors(self) -> Array:
        """Standard errors of the differences, from their variance between subjects, (M,); zero for the best."""
        if self.best is None or len(self.subjects) < 2:
            return np.full(len(self.models), np.nan)
        apart = self.losses - self.losses[self.models.index(self.best)]
        return np.asarray(np.sqrt(len(self.subjects) * apart.var(axis=1, ddof=1)))

    @cached_property
    def winners(self) -> NDArray[np.int64]:
        """The best model of each subject, (N,); -1 where two are as good, or a model has no criterion."""
        if len(self.models) < 2:
            return np.zeros(len(self.subjects), dtype=np.int64)
        ranked = np.sort(self.losses, axis=0)  # NaN comes last
        clear = (ranked[1] - ranked[0] > TIED) & ~np.isnan(self.losses).any(axis=0)
        best = np.where(np.isnan(self.losses), np.inf, self.losses).argmin(axis=0)
        return np.where(clear, best, -1)

    @property
    def wins(self) -> NDArray[np.int64]:
        """For how many subjects each model is the best, (M,)."""
        return np.bincount(self.winners[self.winners >= 0], minlength=len(self.models))

    @property
    def best(self) -> str | None:
        """The model with the best sum; None if no model has one."""
        return None if np.isnan(self.differences).all() else self.models[int(np.nanargmin(self.differences))]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to bear in mind when reading the table."""
        found = []
        regularised = [m for m, how in zip(self.models, self.estimated, strict=True) if how != "maximum likelihood"]
        groups = [m for m, how in zip(self.models, self.estimated, strict=True) if how == "group"]
        if self.criterion in ("aic", "bic") and regularised:
            found.append(
                f"AIC and BIC presume maximum likelihood; fitted with a prior, and so a little too large: "
                f"{', '.join(regularised)}"
            )
        if self.criterion in ("evidence", "importance") and groups:
            found.append(
                "the evidence of a group's subjects does not count what the group itself was fitted by "
                f"(integrated_bic does): {', '.join(groups)}"
            )
        for name, doubtful in zip(self.models, self.doubtful.sum(axis=1), strict=True):
            if doubtful:
                found.append(f"{name}: {self.criterion} not to be trusted for {doubtful} subjects (Pareto k)")
        for name, lost in zip(self.models, np.isnan(self.losses).sum(axis=1), strict=True):
            if lost:
                found.append(f"{name}: no {self.criterion} for {lost} subjects whose Hessian is not positive definite")
        return tuple(found)

    def frame(self) -> pd.DataFrame:
        """Return one row a model, the best first; models without the criterion last."""
        import pandas as pd

        table: dict[str, Any] = {
            "model": self.models,
            "estimated": self.estimated,
            "n_parameters": self.n_parameters,
            "log_likelihood": self.log_likelihood.sum(axis=1),
            "aic": self.aic.sum(axis=1),
            "bic": self.bic.sum(axis=1),
            "evidence": self.evidence.sum(axis=1),
        }
        if self.criterion not in table:
            table[self.criterion] = self.score.sum(axis=1)
            table[f"{self.criterion}_mc"] = np.sqrt((self.score_errors**2).sum(axis=1))
        table |= {
            "difference": self.differences,
            "difference_se": self.difference_errors,
            "wins": self.wins,
            "flagged": self.flagged.sum(axis=1),
        }
        return pd.DataFrame(table).sort_values("difference", kind="stable", ignore_index=True)

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: the criterion of every model, and the best model (empty where undecided)."""
        import pandas as pd

        table: dict[str, Any] = {"subject": list(self.subjects)} | dict(zip(self.models, self.score, strict=True))
        return pd.DataFrame(table | {"best": [self.models[k] if k >= 0 else "" for k in self.winners]})

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values, models as in `frame`; numbers that do not exist are None."""
        rows = self.frame().to_dict(orient="records")
        return {
            "criterion": self.criterion,
            "n_subjects": len(self.subjects),
            "best": self.best,
            "undecided": int((self.winners < 0).sum()),
            "models": [{str(name): _plain(value) for name, value in row.items()} for row in rows],
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        undecided = int((self.winners < 0).sum())
        lines = [f"no model has a summed {self.criterion}"]
        if self.best is not None:
            wins = self.wins[self.models.index(self.best)]
            lines = [f"best by {self.criterion}: {self.best} (the best for {wins} of {len(self.subjects)} subjects)"]
        if undecided:
            lines.append(f"undecided subjects: {undecided}")
        return "\n".join([*lines, *self.notes])


def _plain(value: Any) -> Any:
    """Return a number as JSON knows it."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
