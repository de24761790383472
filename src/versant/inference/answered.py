"""Which trials count where those without a response are left out, ``on_missing="skip"``.

A subject who never responded keeps one trial, on which nothing is scored and nothing learned from a response: it tells
nothing, and its estimate is the prior's centre, or what the group is like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from versant.trials import Trials

__all__ = ["answered", "never_answered"]


def never_answered(trials: Trials, missing: Sequence[str]) -> NDArray[np.int64]:
    """Return the subjects (their numbers) each of whose trials lacks a response in some of these columns.

    Examples
    --------
    >>> trials = Trials.from_columns(subject=["a", "b"], columns={"choice": [0, -1]}, codings={"choice": 2})
    >>> never_answered(trials, ["choice"])
    array([1])
    """
    kept = np.bincount(trials.subject_index[~trials.any_missing(missing)], minlength=trials.n_subjects)
    return np.flatnonzero(kept == 0)


def answered(trials: Trials, missing: Sequence[str]) -> Trials:
    """Return the trials that lack no response in these columns, and of who has none the one that lacks most.

    Examples
    --------
    >>> columns = {"choice": [0, -1, -1, -1]}
    >>> trials = Trials.from_columns(subject=["a", "a", "b", "b"], columns=columns, codings={"choice": 2})
    >>> answered(trials, ["choice"]).frame()
      subject  choice
    0       a     0.0
    1       b     NaN
    """
    kept = ~trials.any_missing(missing)
    lacking = np.sum([trials.missing[name] for name in missing], axis=0)
    for subject in never_answered(trials, missing):
        begin = trials.offsets[subject]
        kept[begin + int(np.argmax(lacking[begin : trials.offsets[subject + 1]]))] = True
    return trials.select(kept)
