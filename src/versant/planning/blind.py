"""The simplest plans: one action for ever, α_a = (I − γ P_a)⁻¹ R_a, and the same for costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from versant.planning.series import solve_discounted
from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = ["blind_values"]

Array = NDArray[np.float64]


def blind_values(pomdp: Pomdp, parts: Array) -> Array:
    """Values of taking one action for ever, (A, 1+m, S).

    Parameters
    ----------
    pomdp : Pomdp
    parts : (1+m, S, A) array
        Reward and costs.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> blind_values(tiger(), tiger().rewards[None]).round(6)[0]
    array([[-20., -20.]])
    """
    discount = require_discounted(pomdp)
    values = np.empty((pomdp.n_actions, len(parts), pomdp.n_states))
    for action, kernel in enumerate(pomdp.transitions):
        right = np.ascontiguousarray(parts[:, :, action].T)
        values[action] = solve_discounted(kernel, discount, right).T
    return values
