"""What to know about a POMDP before planning: sizes, sparsity, payoffs, reachability, and what may surprise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.sparse.csgraph import breadth_first_order

from versant.tasks.checks import Sparse
from versant.tasks.pomdp import Pomdp

__all__ = ["Summary", "reachable_states", "summarise"]


@dataclass(frozen=True)
class Summary:
    """Facts about a problem; every field is a plain Python value, so that `to_dict` can be written as JSON.

    Parameters
    ----------
    name : str
    n_states, n_actions, n_observations : int
    n_transitions, n_emissions : int
        Probabilities that are not zero, over all actions.
    transition_density, emission_density : float
        Their share of all cells.
    discount : float or None
    horizon : int or None
    reward_range : tuple of two floats
        Least and largest expected immediate reward.
    cost_ranges : dict of str to tuple of two floats
    budgets, floors : dict of str to float
        Upper and lower bounds of the costs' totals.
    n_start_states : int
        States with positive start probability.
    n_reachable : int
        States that can be reached from the start belief.
    n_absorbing : int
        States that no action leaves.
    n_silent : int
        Observations that never occur.
    warnings : tuple of str
        What a planner refuses, or a user may not expect; what the file's reader repaired or assumed.
    """

    name: str
    n_states: int
    n_actions: int
    n_observations: int
    n_transitions: int
    n_emissions: int
    transition_density: float
    emission_density: float
    discount: float | None
    horizon: int | None
    reward_range: tuple[float, float]
    cost_ranges: dict[str, tuple[float, float]]
    budgets: dict[str, float]
    floors: dict[str, float]
    n_start_states: int
    n_reachable: int
    n_absorbing: int
    n_silent: int
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return asdict(self)


def summarise(pomdp: Pomdp) -> Summary:
    """Summarise a problem.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> facts = summarise(tiger(costs=("risk",)))
    >>> facts.n_transitions, facts.reward_range, facts.warnings
    (10, (-100.0, 10.0), ("cost 'risk' has no budget",))
    """
    s, a, o = pomdp.n_states, pomdp.n_actions, pomdp.n_observations
    n_transitions = sum(kernel.nnz for kernel in pomdp.transitions)
    n_emissions = sum(kernel.nnz for kernel in pomdp.emissions)
    stays = np.all([kernel.diagonal() == 1.0 for kernel in pomdp.transitions], axis=0)
    heard = np.zeros(o, dtype=bool)
    for kernel in pomdp.emissions:
        heard[kernel.indices] = True
    facts = {
        "n_reachable": int(reachable_states(pomdp).sum()),
        "n_absorbing": int(stays.sum()),
        "n_silent": int((~heard).sum()),
    }
    return Summary(
        name=pomdp.name,
        n_states=s,
        n_actions=a,
        n_observations=o,
        n_transitions=n_transitions,
        n_emissions=n_emissions,
        transition_density=n_transitions / (a * s * s),
        emission_density=n_emissions / (a * s * o),
        discount=pomdp.discount,
        horizon=pomdp.horizon,
        reward_range=(float(pomdp.rewards.min()), float(pomdp.rewards.max())),
        cost_ranges={name: (float(cost.min()), float(cost.max())) for name, cost in pomdp.costs.items()},
        budgets=dict(pomdp.budgets),
        floors=dict(pomdp.floors),
        n_start_states=int(np.count_nonzero(pomdp.start)),
        warnings=(*_warnings(pomdp, facts), *pomdp.notes),
        **facts,
    )


def reachable_states(pomdp: Pomdp) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which states can be reached from the start belief by some actions, shape (S,).

    Examples
    --------
    >>> from versant.tasks.zoo import shuttle
    >>> [shuttle().states[s] for s in np.flatnonzero(~reachable_states(shuttle()))]
    []
    """
    union: Any = sum(pomdp.transitions[1:], start=pomdp.transitions[0])
    size = pomdp.n_states
    origin = csr_array(np.append(pomdp.start, 0.0)[None, :])
    outwards: Sparse = csr_array(
        vstack([csr_array((union.data, union.indices, union.indptr), shape=(size, size + 1)), origin])
    )
    order = breadth_first_order(outwards, size, return_predecessors=False)
    reached = np.zeros(size + 1, dtype=bool)
    reached[order] = True
    return reached[:size]


def _warnings(pomdp: Pomdp, facts: dict[str, int]) -> list[str]:
    said = []
    if pomdp.discount is None:
        said.append("no discount: plan needs one below 1")
    elif pomdp.discount == 1.0:
        said.append("the discount is 1: plan needs one below 1")
    if pomdp.horizon is not None:
        said.append(f"the horizon is finite ({pomdp.horizon}): plan needs an infinite one")
    if facts["n_reachable"] < pomdp.n_states:
        said.append(f"{pomdp.n_states - facts['n_reachable']} states cannot be reached from the start belief")
    if facts["n_silent"]:
        said.append(f"{facts['n_silent']} observations never occur")
    if np.all(pomdp.rewards == pomdp.rewards.flat[0]):
        said.append("the reward is the same everywhere: nothing to plan for")
    said.extend(f"cost {name!r} has no budget" for name in pomdp.costs if name not in {*pomdp.budgets, *pomdp.floors})
    return said
