"""Plans of action as a register: what each does first, and which plan it goes on with after each observation.

An α-vector is the value of a plan. Plans are kept for as long as another may go on with them, which is longer than
their α-vectors are of use; a plan is a few integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Plans"]

Indices = NDArray[np.intp]


class Plans:
    """Plans by number; −1 − a is the plan that takes action a for ever, in whatever block.

    Examples
    --------
    >>> plans = Plans()
    >>> number = plans.add(action=2, following=np.array([-1, -3]))
    >>> plans.action(number), plans.action(-3), plans.following(-3, 2)
    (2, 2, array([-3, -3]))
    """

    def __init__(self) -> None:
        self._actions: list[int] = []
        self._following: list[Indices] = []

    @staticmethod
    def blind(actions: Indices) -> Indices:
        """Numbers of the plans that take one action for ever."""
        return -1 - actions

    def add(self, action: int, following: Indices) -> int:
        """Number of a new plan: an action, then a plan for each of its pairs in the block that it is for (J,)."""
        self._actions.append(action)
        self._following.append(following)
        return len(self._actions) - 1

    def lead(self, number: int, following: Indices) -> None:
        """Say what a plan that has been added goes on with, so that plans can lead back to themselves."""
        self._following[number] = following

    def action(self, number: int) -> int:
        """What a plan does first."""
        return self._actions[number] if number >= 0 else -1 - number

    def following(self, number: int, count: int) -> Indices:
        """The plans (count,) that a plan goes on with after each of the pairs of its action."""
        return self._following[number] if number >= 0 else np.full(count, number, dtype=np.intp)
