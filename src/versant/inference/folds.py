"""Cross-validation's units and folds: what is predicted as a whole, and what is held out together.

A unit is a trial, a block, a session or a subject. A fold holds out some of every subject's units (of subjects: some
subjects), chosen at random in equal shares. Trials of the *future* are held out in order instead: the k-th fold learns
from the first k of F + 1 parts of each subject's trials and predicts the next part (leave-future-out; Bürkner, Gabry &
Vehtari 2020), the stricter test where what comes later says something about what came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError
from versant.trials import Trials

__all__ = ["Folds", "Over", "divide"]

Over = Literal["trial", "future", "block", "session", "subject"]
DEFAULT = {"trial": 10, "future": 5}
"""Folds where leaving out one unit at a time would be too many."""


@dataclass(frozen=True)
class Folds:
    """U units of n rows, and F folds."""

    over: Over
    count: int  # F
    unit: NDArray[np.int64]  # (n,), unit of each row; -1 where the row is in none
    whose: NDArray[np.int64]  # (U,), subject of each unit
    fold: NDArray[np.int64]  # (U,), when each unit is held out; -1: never

    def held_out(self, fold: int) -> NDArray[np.bool_]:
        """Return the rows that a fold predicts, (n,)."""
        return self._in(self.fold == fold)

    def learned(self, fold: int) -> NDArray[np.bool_]:
        """Return the rows that a fold learns from, (n,)."""
        return self._in(self.fold < fold) if self.over == "future" else self._in(self.fold != fold)

    def _in(self, units: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray((self.unit >= 0) & units[self.unit])


def divide(trials: Trials, scored: NDArray[np.bool_], over: Over, folds: int | None, rng: np.random.Generator) -> Folds:
    """Divide trials into units and folds.

    Parameters
    ----------
    trials : Trials
    scored : (n,) bool array
        Rows that count; the others belong to no unit.
    over : {"trial", "future", "block", "session", "subject"}
    folds : int, optional
        Without it, every block, session or subject is left out by itself; trials in 10 folds, the future in 5.
    rng : numpy.random.Generator
        Of what is held out when.

    Raises
    ------
    ModelError
        For units or numbers of folds that do not exist.
    DataError
        If the trials have no such column.
    """
    if over not in ("trial", "future", "block", "session", "subject"):
        raise ModelError(f"over={over!r} is unknown: choose 'trial', 'future', 'block', 'session' or 'subject'")
    keys = _keys(trials, over)
    _labels, first, place = np.unique(keys[scored], axis=0, return_index=True, return_inverse=True)
    unit = np.full(len(trials), -1, dtype=np.int64)
    unit[scored] = place.ravel()
    whose = trials.subject_index[scored][first]
    together = np.zeros(len(whose), dtype=np.int64) if over == "subject" else whose
    most = int(np.bincount(together).max(initial=0))
    count = folds if folds is not None else min(DEFAULT.get(over, most), most)
    if count < (1 if over == "future" else 2) or count > most:
        raise ModelError(f"folds={count}: over={over!r} there can be 2 to {most}")
    fold = np.empty(len(whose), dtype=np.int64)
    for group in np.unique(together):
        own = np.flatnonzero(together == group)
        parts = np.arange(len(own)) * (count + 1) // len(own) - 1 if over == "future" else np.arange(len(own)) % count
        fold[own] = parts if over == "future" or (folds is None and over not in DEFAULT) else rng.permutation(parts)
    return Folds(over, count, unit, whose, fold)


def _keys(trials: Trials, over: Over) -> NDArray[np.int64]:
    """Return integers by which rows of the same unit are known, (n, ·), in the order in which trials were lived."""
    subject = trials.subject_index
    if over in ("trial", "future"):
        return np.stack([subject, np.arange(len(trials))], axis=1)
    if over == "subject":
        return subject[:, None]
    if over not in trials.columns:
        raise DataError(
            f"there is no column {over!r}", f"name it with rename={{...: {over!r}}}", trials.source, column=over
        )
    levels = [name for name in ("session", "block") if name in trials.columns][: 1 if over == "session" else 2]
    changes = np.zeros(len(trials), dtype=bool)
    changes[trials.offsets[:-1]] = True
    for name in levels:
        values = trials.columns[name]
        changes[1:] |= values[1:] != values[:-1]
    return np.stack([subject, np.cumsum(changes)], axis=1)
