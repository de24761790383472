"""Results that nobody can change by accident: their arrays are read-only."""

from __future__ import annotations

import numpy as np

__all__ = ["make_read_only"]


def make_read_only(record: object) -> None:
    """Make every attribute of a record that is an array read-only: the arrays themselves, not copies of them.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> record = SimpleNamespace(wins=np.zeros(2), name="draw")
    >>> make_read_only(record)
    >>> record.wins[0] = 1.0
    Traceback (most recent call last):
    ...
    ValueError: assignment destination is read-only
    """
    for value in vars(record).values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
