"""Simulated trials in the shape of recorded ones: as many trials of each subject, responses missing where they were.

What is simulated has one length and no gaps; people differ in both. A statistic, a recovery or a calibration that is to
speak of one's own data is computed from trials of the same shape: on a trial that is not in the record, or without its
response there, the simulated learner learns nothing (`without_response`), and its response is missing (`shaped_like`).
Sessions and blocks that the task does not show are those of the record (`standing_in`): learners start anew with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.trials import Trials

__all__ = ["shaped_like", "standing_in", "without_response"]


def shaped_like(simulated: Trials, recorded: Trials) -> Trials:
    """Cut simulated trials to the shape of recorded ones.

    Parameters
    ----------
    simulated : Trials
        Subject i takes the shape of subject i mod N of the recorded; every one has the same number of trials.
    recorded : Trials
        Where its trials are numbered from 1 upwards within each subject, the trials of the same numbers are kept (some
        may have been left out); otherwise the first ones, as many as there are.

    Returns
    -------
    Trials
        With the responses missing that are declared missing in `recorded`, in columns that both have, and with the
        columns that only `recorded` has (a condition, say).

    Raises
    ------
    DataError
        If a recorded subject has more trials than were simulated.

    Examples
    --------
    >>> columns = {"choice": [0, 1, 0, 1]}
    >>> simulated = Trials.from_columns(subject=[1, 1, 2, 2], columns=columns, codings={"choice": 2})
    >>> recorded = Trials.from_columns(subject=["a", "b", "b"], columns={"choice": [0, 1, -1]}, codings={"choice": 2})
    >>> shaped_like(simulated, recorded).codes("choice")
    array([ 0,  0, -1])
    """
    source, kept = _places(recorded, simulated.n_subjects, int(simulated.n_trials[0]))
    mask = np.zeros(len(simulated), dtype=bool)
    mask[kept] = True
    cut = _with_gaps(simulated.select(mask), {name: cells[source] for name, cells in recorded.missing.items()})
    only = {name: values[source] for name, values in recorded.columns.items() if name not in cut.columns}
    codings = {name: coding for name, coding in recorded.codings.items() if name in only}
    missing = {name: cells[source] for name, cells in recorded.missing.items() if name in only}
    return replace(
        cut,
        columns={**cut.columns, **only},
        codings={**cut.codings, **codings},
        missing={**cut.missing, **missing},
    )


def without_response(recorded: Trials, count: int, length: int) -> NDArray[np.bool_]:
    """Return where subject i mod N of the recorded did not respond, (count, length): trials left out or missing.

    Raises
    ------
    DataError
        If a recorded subject has more trials than `length`.

    Examples
    --------
    >>> recorded = Trials.from_columns(subject=["a", "b", "b"], columns={"choice": [0, 1, -1]}, codings={"choice": 2})
    >>> without_response(recorded, 2, 3).astype(int)
    array([[0, 1, 1],
           [0, 1, 1]])
    """
    source, kept = _places(recorded, count, length)
    absent = np.ones(count * length, dtype=bool)
    absent[kept] = recorded.any_missing(list(recorded.missing))[source]
    return absent.reshape(count, length)


def standing_in(recorded: Trials, count: int, length: int) -> dict[str, NDArray[Any]]:
    """Return session and block of subject i mod N of the recorded, (count, length) each, as far as there are such.

    A trial that is not in the record stands where the trial before it does, one before all of them with the first.

    Raises
    ------
    DataError
        If a recorded subject has more trials than `length`.

    Examples
    --------
    >>> recorded = Trials.from_columns(subject=["a", "a"], columns={"choice": [0, 1]}, session=[1, 2], trial=[2, 3])
    >>> standing_in(recorded, 1, 4)
    {'session': array([[1., 1., 2., 2.]])}
    """
    source, kept = _places(recorded, count, length)
    known = np.zeros(count * length, dtype=np.int64)
    known[kept] = np.arange(1, len(kept) + 1)
    owner = np.repeat(np.arange(count), length)
    first = 1 + np.searchsorted(owner[kept], np.arange(count))
    latest = np.maximum.accumulate(known.reshape(count, length), axis=1)
    place = source[np.maximum(latest, first[:, None]) - 1]
    return {name: recorded.columns[name][place] for name in ("session", "block") if name in recorded.columns}


def _places(recorded: Trials, count: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each trial kept, its row among the recorded and among `count` subjects with `length` trials each."""
    numbers = _numbers(recorded, length)
    longest = int(numbers.max())
    if longest > length:
        i = int(recorded.subject_index[int(numbers.argmax())])
        problem = f"a trial numbered {longest}, and only {length} were simulated"
        raise DataError(problem, "give a task with more trials", recorded.source, subject=recorded.subjects[i])
    owner = np.arange(count) % recorded.n_subjects
    rows = [np.arange(recorded.offsets[i], recorded.offsets[i + 1]) for i in owner]
    kept = [start * length + numbers[row] - 1 for start, row in enumerate(rows)]
    return np.concatenate(rows), np.concatenate(kept)


def _numbers(recorded: Trials, length: int) -> NDArray[np.int64]:
    """Return the number of each recorded trial, from 1: its own, if these ascend within each subject up to `length`."""
    counted = np.arange(len(recorded)) - recorded.offsets[recorded.subject_index] + 1
    if "trial" not in recorded.columns:
        return counted
    own = recorded.numbers("trial")
    same = recorded.subject_index[1:] == recorded.subject_index[:-1]
    usable = (own == np.floor(own)) & (own >= 1) & (own <= length)
    if usable.all() and (np.diff(own)[same] > 0).all():
        return np.asarray(own, dtype=np.int64)
    return counted


def _with_gaps(trials: Trials, missing: dict[str, NDArray[np.bool_]]) -> Trials:
    columns: dict[str, NDArray[Any]] = dict(trials.columns)
    gaps = {name: cells for name, cells in missing.items() if name in columns and cells.any()}
    for name, cells in gaps.items():
        empty = -1 if name in trials.codings else np.nan
        columns[name] = np.where(cells, empty, columns[name])
    return replace(trials, columns=columns, missing={**trials.missing, **gaps})
