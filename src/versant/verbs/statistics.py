"""Statistics of behaviour that a predictive check can compare: numbers and curves of a table of trials.

Each function returns a statistic, a function of `Trials`. Trials without a response do not count, nor do those next to
one where the statistic is about pairs of trials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.trials import Trials

__all__ = ["Statistic", "accuracy", "choice_curve", "stay_after"]

Statistic = Callable[[Trials], float | Mapping[Any, float]]


def stay_after(won: bool, choice: str = "choice", reward: str = "reward") -> Statistic:
    """Return the statistic 'share of trials on which the last choice is repeated after a win (or a loss)'.

    A win is a reward above the mean of all rewards. Trials next to a missing choice do not count.

    Examples
    --------
    >>> trials = Trials.from_columns(subject=[1] * 4, columns={"choice": [0, 0, 1, 0], "reward": [1, 0, 1, 0]},
    ...                              codings={"choice": 2})
    >>> stay_after(True)(trials), stay_after(False)(trials)
    (0.5, 0.0)
    """

    def statistic(trials: Trials) -> float:
        chosen, paid = trials.codes(choice), trials.numbers(reward)
        follows = trials.subject_index[1:] == trials.subject_index[:-1]
        counts = follows & (chosen[1:] >= 0) & (chosen[:-1] >= 0) & ((paid[:-1] > np.nanmean(paid)) == won)
        return float((chosen[1:] == chosen[:-1])[counts].mean()) if counts.any() else float("nan")

    return statistic


def choice_curve(option: int, choice: str = "choice", every: int = 10) -> Statistic:
    """Return the curve 'share of choices of an option, by trial', in runs of trials within a subject.

    Parameters
    ----------
    option : int
        Code of the option, from 0.
    choice : str
    every : int
        Length of a run; its place on the curve is its middle trial, counted from 1.

    Examples
    --------
    >>> trials = Trials.from_columns(subject=[1] * 4, columns={"choice": [0, 0, 1, 0]}, codings={"choice": 2})
    >>> choice_curve(1, every=2)(trials)
    {1.5: 0.0, 3.5: 0.5}
    """
    if every < 1:
        raise ModelError(f"every={every}: a run needs a trial or more")

    def statistic(trials: Trials) -> dict[Any, float]:
        within = np.arange(len(trials)) - trials.offsets[trials.subject_index]
        run = within // every
        chosen = trials.codes(choice)
        return _shares(chosen == option, chosen >= 0, run, {k: float(k * every + (every + 1) / 2) for k in set(run)})

    return statistic


def accuracy(correct: int | str, choice: str = "choice", by: str | None = None) -> Statistic:
    """Return the statistic 'share of correct choices', on the whole or by condition.

    Parameters
    ----------
    correct : int or str
        Code of the correct option, or the column that holds it trial by trial.
    choice : str
    by : str, optional
        The column of the condition. What the task does not show is taken from the recorded trials, trial by trial.

    Examples
    --------
    >>> columns = {"choice": [0, 1, 1, 0], "phase": ["early", "early", "late", "late"]}
    >>> trials = Trials.from_columns(subject=[1] * 4, columns=columns, codings={"choice": 2})
    >>> accuracy(1, by="phase")(trials), accuracy(1)(trials)
    ({'early': 0.5, 'late': 0.5}, 0.5)
    """

    def statistic(trials: Trials) -> float | dict[Any, float]:
        chosen = trials.codes(choice)
        right = trials.codes(correct, trials.coding(choice).n) if isinstance(correct, str) else correct
        hit, known = chosen == right, chosen >= 0
        if by is None:
            return float(hit[known].mean()) if known.any() else float("nan")
        conditions = np.asarray(trials.frame()[by])
        return _shares(hit, known, conditions, {value: value for value in dict.fromkeys(conditions.tolist())})

    return statistic


def _shares(
    hit: NDArray[np.bool_], known: NDArray[np.bool_], key: NDArray[Any], places: Mapping[Any, Any]
) -> dict[Any, float]:
    """Return the share of hits among known trials, by key; NaN where none is known."""
    found = {}
    for value in sorted(places):
        mine = known & (key == value)
        found[places[value]] = float(hit[mine].mean()) if mine.any() else float("nan")
    return found
