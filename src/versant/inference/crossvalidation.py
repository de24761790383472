"""Cross-validation: the log predictive densities of what fits have not seen.

Of every held-out unit (a trial, block, session or subject) elpd_u, as `versant.inference.heldout` predicts it; their
sum estimates how well new behaviour would be predicted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.densities import Densities
from versant.inference.scored import Score, Scored

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CrossValidation"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False)
class CrossValidation(Densities):
    """Log predictive densities of U held-out units."""

    folds: int
    fold: NDArray[np.int64]  # (U,)
    errors: Array  # (U,), Monte-Carlo standard errors

    @property
    def total_error(self) -> float:
        """The standard error of the total, from the variance between subjects."""
        each = self.subject_elpd
        return float(np.sqrt(len(each) * each.var(ddof=1))) if len(each) > 1 else float("nan")

    def scored(self) -> Scored:
        """Return what `versant.compare` takes."""
        score = Score(self.subject_elpd, np.sqrt(self.by_subject(self.errors**2)), self.subject_doubts > 0)
        return replace(self.account, known={"cv": score})

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        score = self.scored().known["cv"]
        return pd.DataFrame(
            {
                "subject": list(self.account.subjects),
                "units": np.bincount(self.whose, minlength=len(self.account.subjects)),
                "elpd": score.values,
                "elpd_mc": score.errors,
                "not_trusted": self.subject_doubts,
                "flagged": self.account.flagged,
            }
        )

    def unit_frame(self) -> pd.DataFrame:
        """Return one row a unit: subject, which of its units (counted from 1), fold, density."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": [self.account.subjects[n] for n in self.whose],
                self.over: self.numbers,
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
