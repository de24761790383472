"""Multi-armed bandits: each option pays with a probability of its own, which may reverse or drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ProblemError
from versant.tasks.behavioural import Episode

__all__ = ["Bandit"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Bandit:
    """A bandit with independent binary outcomes.

    Parameters
    ----------
    probabilities : sequence of float
        Probability of a win for each option.
    trials : int
    win, loss : float
        The two values of the column ``reward``.
    reversal : int, optional
        Every so many trials the probabilities are handed on to the next option (a reversal, with two options).
    block : int, optional
        Every so many trials a new block begins, with the probabilities of the start; the column ``block`` counts them.
    drift : float
        Standard deviation of a Gaussian random walk of each probability, reflected at 0 and 1 (Daw et al. 2006 used
        drifting rewards); 0: none.

    Raises
    ------
    ProblemError
        For probabilities outside [0, 1], fewer than two options, or no trials.

    Examples
    --------
    >>> Bandit((0.2, 0.8), trials=100).options
    {'choice': 2}
    """

    probabilities: tuple[float, ...] = (0.2, 0.8)
    trials: int = 200
    win: float = 1.0
    loss: float = 0.0
    reversal: int | None = None
    drift: float = 0.0
    block: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", tuple(float(p) for p in self.probabilities))
        if len(self.probabilities) < 2:
            raise ProblemError("a bandit needs two options or more")
        if not all(0.0 <= p <= 1.0 for p in self.probabilities):
            raise ProblemError(f"probabilities lie in [0, 1]; given were {self.probabilities}")
        if min(n for n in (self.trials, self.reversal, self.block) if n is not None) < 1:
            raise ProblemError("trials, reversal and block must be 1 or more")
        if not self.drift >= 0.0:
            raise ProblemError("drift must not be negative")

    @property
    def options(self) -> Mapping[str, int]:
        """How many options ``choice`` has."""
        return {"choice": len(self.probabilities)}

    @property
    def shows(self) -> tuple[str, ...]:
        """Every trial pays, and belongs to a block where there are any."""
        return ("reward",) if self.block is None else ("block", "reward")

    def begin(self, subjects: int, rng: np.random.Generator) -> Episode:
        """Start the task for many subjects."""
        return _Run(self, subjects, rng)


class _Run:
    def __init__(self, task: Bandit, subjects: int, rng: np.random.Generator) -> None:
        self._task = task
        self._rng = rng
        self._trial = 0
        self._length = task.block or task.trials
        self._at_first = np.tile(np.array(task.probabilities), (subjects, 1))
        self._probabilities = self._at_first

    def answer(self, column: str, made: Mapping[str, Array]) -> Array:
        if column not in self._task.shows:
            shown = " and ".join(repr(name) for name in self._task.shows)
            raise ProblemError(f"a bandit shows {shown}; the learner reads {column!r}")
        if column == "block":
            return np.full(len(self._probabilities), self._trial // self._length + 1.0)
        if "choice" not in made:
            raise ProblemError(
                "a bandit pays after the choice: the learner reads 'reward' before it calls choose('choice')"
            )
        chosen = self._probabilities[np.arange(len(self._probabilities)), made["choice"]]
        return np.where(self._rng.random(len(chosen)) < chosen, self._task.win, self._task.loss)

    def advance(self) -> None:
        self._trial += 1
        within = self._trial % self._length
        if not within:
            self._probabilities = self._at_first
            return
        if self._task.drift:
            moved = self._probabilities + self._rng.normal(0.0, self._task.drift, self._probabilities.shape)
            self._probabilities = 1.0 - np.abs(1.0 - np.abs(moved) % 2.0)
        if self._task.reversal is not None and within % self._task.reversal == 0:
            self._probabilities = np.roll(self._probabilities, 1, axis=1)
