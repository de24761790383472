"""Where trials come from, and by which rows of it they can be known again.

A saved result does not hold the trials. It names their file and how that was read, the rows that were used, and for
every column a digest of what it recorded (SHA-256 of the subjects' labels and of the column, as recorded), so that the
same trials are found again or their absence is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from versant.trials.table import Trials

__all__ = ["Origin", "as_ranges", "digests", "from_ranges"]


@dataclass(frozen=True)
class Origin:
    """A file of trials and the arguments by which it was read.

    Parameters
    ----------
    path : str
        Absolute.
    arguments : mapping
        ``rename``, ``missing`` and ``choices``, as `versant.read_trials` takes them.
    """

    path: str
    arguments: Mapping[str, Any]


def digests(trials: Trials) -> dict[str, str]:
    """Return the digest of each column of the trials, as recorded.

    Examples
    --------
    >>> from versant.trials import Trials
    >>> trials = Trials.from_columns(subject=["ann", "bob"], columns={"reward": [1, 0]})
    >>> {name: digest[:8] for name, digest in digests(trials).items()}
    {'reward': '...'}
    """
    frame = trials.frame()
    whose = hashlib.sha256("\0".join(map(str, trials.subjects)).encode())
    whose.update(np.asarray(trials.offsets, dtype="<i8").tobytes())
    found = {}
    for name in trials.columns:
        digest = whose.copy()
        values = frame[name].to_numpy()
        if values.dtype == object:
            digest.update("\0".join("" if value is None else f"t{value}" for value in values).encode())
        else:
            numbers = np.asarray(values, dtype="<f8") + 0.0  # no negative zeros
            digest.update(np.where(np.isnan(numbers), np.nan, numbers).tobytes())
        found[name] = digest.hexdigest()
    return found


def as_ranges(rows: NDArray[np.int64]) -> list[list[int]]:
    """Return row numbers as ranges, both ends included, in ascending order.

    Examples
    --------
    >>> as_ranges(np.array([2, 3, 4, 8, 7]))
    [[2, 4], [7, 8]]
    """
    ordered = np.sort(rows)
    breaks = np.flatnonzero(np.diff(ordered) != 1) + 1
    return [[int(part[0]), int(part[-1])] for part in np.split(ordered, breaks) if len(part)]


def from_ranges(ranges: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the row numbers of ranges.

    Examples
    --------
    >>> from_ranges([[2, 4], [7, 8]])
    array([2, 3, 4, 7, 8])
    """
    return np.concatenate([np.arange(low, high + 1, dtype=np.int64) for low, high in ranges])
