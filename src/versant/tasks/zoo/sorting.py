"""Card sorting (Berg 1948): the rule is a dimension, and changes without notice after a run of right answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError
from versant.tasks.behavioural import Episode, made_before

__all__ = ["CardSorting"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class CardSorting:
    """Card sorting.

    Columns: ``trial`` (which card), a column for each dimension (the deck, of 4, that the card matches), ``choice`` (4
    decks), ``reward`` (1 right, 0 wrong).

    Parameters
    ----------
    cards : (dimensions, trials) array
        The deck 0..3 that the card of each trial matches in each dimension.
    dimensions : sequence of str
    run : int
        How many right answers in a row change the rule to the next dimension.

    Examples
    --------
    >>> CardSorting([[0, 1, 2], [1, 0, 3], [2, 2, 1]]).trials
    3
    """

    cards: Any  # (dimensions, trials)
    dimensions: tuple[str, ...] = ("colour", "form", "number")
    run: int = 10

    def __post_init__(self) -> None:
        cards = np.array(self.cards, dtype=np.int64)
        if cards.ndim != 2 or not cards.size or not np.array_equal(cards, self.cards) or self.run < 1:
            raise ProblemError("card sorting needs an array of decks, dimensions by trials, and a run of one or more")
        if not ((cards >= 0) & (cards <= 3)).all():
            raise ProblemError("cards match the decks 0 to 3")
        if len(self.dimensions) != len(cards):
            raise ProblemError(f"the cards have {len(cards)} dimensions, and {len(self.dimensions)} are named")
        cards.flags.writeable = False
        object.__setattr__(self, "cards", cards)

    @property
    def trials(self) -> int:
        """How many trials a subject does."""
        return int(self.cards.shape[1])

    @property
    def options(self) -> Mapping[str, int]:
        """How many options each column has."""
        return {"choice": 4, "trial": self.trials} | dict.fromkeys(self.dimensions, 4)

    @property
    def shows(self) -> tuple[str, ...]:
        """Every answer is right or wrong."""
        return ("reward",)

    def begin(self, subjects: int, rng: np.random.Generator) -> Episode:
        """Start the task for many subjects."""
        return _Run(self, subjects)


class _Run:
    def __init__(self, task: CardSorting, subjects: int) -> None:
        self._task = task
        self._trial = 0
        self._rule = np.zeros(subjects, dtype=np.int64)
        self._streak = np.zeros(subjects, dtype=np.int64)

    def answer(self, column: str, made: Mapping[str, Array]) -> Array:
        if column == "trial":
            return np.full(len(self._rule), self._trial)
        if column in self._task.dimensions:
            matched = self._task.cards[self._task.dimensions.index(column), self._trial]
            return np.full(len(self._rule), matched)
        if column != "reward":
            shown = ", ".join(repr(name) for name in ("trial", *self._task.dimensions))
            raise ProblemError(f"card sorting shows {shown} and 'reward'; the learner reads {column!r}")
        right = made_before(made, "choice", column) == self._task.cards[self._rule, self._trial]
        self._streak = np.where(right, self._streak + 1, 0)
        return np.asarray(right, dtype=np.float64)

    def advance(self) -> None:
        self._trial += 1
        done = self._streak == self._task.run
        self._rule = np.where(done, (self._rule + 1) % len(self._task.cards), self._rule)
        self._streak = np.where(done, 0, self._streak)
