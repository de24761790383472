"""Predictive densities of what was left out, unit by unit, and what they come to for each person.

A unit u (a trial, block, session or person) has the log predictive density elpd_u; a person the sum of their units'.
Draws may not suffice for a unit: Pareto's k says so (`versant.inference.pareto`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.folds import Over
from versant.inference.pareto import largest_trusted
from versant.inference.scored import Scored
from versant.inference.shown import Shown

__all__ = ["Densities"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False)
class Densities(Shown):
    """Log predictive densities of U units of N people."""

    account: Scored
    over: Over
    draws: int  # of each person; 0 at a maximum likelihood
    whose: NDArray[np.int64]  # (U,), which person each unit belongs to, ascending
    elpd: Array  # (U,)
    pareto_k: Array  # (U,)

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Whether k is small enough for so many draws, (U,)."""
        limit = largest_trusted(self.draws) if self.draws else np.inf
        return np.asarray(~(self.pareto_k > limit))

    @property
    def subject_elpd(self) -> Array:
        """The sum over each person's units, (N,)."""
        return self.by_subject(self.elpd)

    @property
    def subject_doubts(self) -> NDArray[np.int64]:
        """How many units of each person are not to be trusted, (N,)."""
        return np.bincount(self.whose[~self.trusted], minlength=len(self.account.subjects))

    @property
    def total(self) -> float:
        """The sum over all units."""
        return float(self.elpd.sum())

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Which of their person's units each is, counted from 1, (U,)."""
        return np.arange(len(self.whose)) - np.searchsorted(self.whose, self.whose) + 1

    def by_subject(self, values: Array) -> Array:
        """Return the sums of values of units, (U,), over each person, (N,)."""
        return np.bincount(self.whose, values, minlength=len(self.account.subjects))
