"""Exact derivatives of value and costs by the adjoint method.

With the occupancy d = Z⁻ᵀ β (one transposed solve with the factors of the evaluation) and, for each pair k = (a, o),

    G_{j,k}(x, x') = Σ_{s,s'} d(s,x) P_k(s,s') V_j(s',x')

every derivative of the totals follows:

    ∂value_j/∂κ(x)        = Σ_s b₀(s) V_j(s,x)
    ∂value_j/∂ψ(a|x)      = Σ_s d(s,x) R_j(s,a) + γ Σ_{k∋a} Σ_{x'} η(x'|x,k) G_{j,k}(x,x')
    ∂value_j/∂η(x'|x,k)   = γ ψ(a|x) G_{j,k}(x,x')

The expected discounted number of uses of each block — 1 for κ, Σ_s d(s,x) for ψ(·|x), and for η(·|x,k)
γ ψ(a|x) Σ_{s,s'} d(s,x) P_k(s,s') — comes out of the same products; `natural` steps weigh blocks with it.

Source: ∂(Z⁻¹ r) = Z⁻¹ (∂r + γ ∂T Z⁻¹ r), contracted with β from the left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.planning.evaluation import ClosedLoop, Evaluation

__all__ = ["Derivatives", "differentiate", "pair_visits", "seconds_of_a_node"]

Array = NDArray[np.float64]

SPARSE = 0.1
"""Share of the occupancies below which only those that are not zero enter products."""


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivatives of B controllers' totals, and how often each block is used."""

    slopes: Array  # (B, 1+m, n)
    usage: Array  # (B, blocks)


def differentiate(evaluation: Evaluation) -> Derivatives:
    """Differentiate reward and costs with respect to every parameter.

    Examples
    --------
    >>> from versant.agents.controller import Controller
    >>> from versant.planning.evaluation import ClosedLoop
    >>> from versant.tasks.zoo import tiger
    >>> loop = ClosedLoop(tiger(), 2)
    >>> theta = loop.layout.vector([Controller.random(2, tiger().actions, tiger().observations, seed=1)])
    >>> derivatives = differentiate(loop.evaluate(theta))
    >>> derivatives.slopes.shape == (1, 1, loop.layout.size)
    True
    """
    loop = evaluation.loop
    layout, actions, discount = loop.layout, loop.pair_actions, loop.discount
    _, transition, action = layout.split(evaluation.theta)
    occupancy, values = evaluation.occupancy, evaluation.node_values
    batch, states, nodes = occupancy.shape
    reach = values.reshape(batch, states, -1)  # (B, S', X' (1+m))
    gains = _gains(occupancy, reach, loop).reshape(batch, len(actions), nodes, nodes, -1)  # (B, K, X, X', 1+m)
    visits = pair_visits(evaluation)  # (B, K, X)
    chosen = action.transpose(0, 2, 1)[:, actions]  # (B, K, X) ψ(a|x) of each pair
    by_transition = discount * chosen[..., None, None] * gains
    by_action = np.einsum("bsx,jsa->bxaj", occupancy, loop.payoffs, optimize=True)
    continuation = discount * np.einsum("bkxy,bkxyj->kbxj", transition, gains)
    np.add.at(by_action.transpose(2, 0, 1, 3), actions, continuation)
    by_start = np.einsum("s,bsxj->bxj", loop.start, values)
    slopes = layout.join(
        by_start.transpose(0, 2, 1), by_transition.transpose(0, 4, 1, 2, 3), by_action.transpose(0, 3, 1, 2)
    )
    moves = discount * chosen * visits
    usage = np.concatenate([np.ones((batch, 1)), moves.reshape(batch, -1), occupancy.sum(axis=1)], axis=1)
    return Derivatives(slopes, usage)


def seconds_of_a_node(loop: ClosedLoop) -> float:
    """Measure what the derivatives of a controller of one node, that takes one action for ever, take."""
    begun, layout = time.perf_counter(), loop.layout
    only = np.eye(1, len(layout.actions))[None]
    differentiate(loop.evaluate(layout.join(np.ones((1, 1)), np.ones((1, layout.n_pairs, 1, 1)), only)))
    return time.perf_counter() - begun


def pair_visits(evaluation: Evaluation) -> Array:
    """Discounted number of times that pair k would follow visits to node x, were its action always taken, (B, K, X).

    It is Σ_{s,s'} d(s,x) P_k(s,s').
    """
    batch, states, nodes = evaluation.occupancy.shape
    leaving = evaluation.loop.entries.leaving  # (K, S)
    visits: Array = leaving @ evaluation.occupancy.transpose(1, 0, 2).reshape(states, -1)
    return visits.reshape(-1, batch, nodes).transpose(1, 0, 2)


def _gains(occupancy: Array, reach: Array, loop: ClosedLoop) -> Array:
    """G of each pair for occupancies (B, S, X) and values (B, S', n), (B, K, X, n); zeros are left out if many."""
    if np.count_nonzero(occupancy) <= SPARSE * occupancy.size:
        return np.stack([_sparse_gains(visits, values, loop) for visits, values in zip(occupancy, reach, strict=True)])
    batch, states, nodes = occupancy.shape
    arrived = loop.adjoint @ occupancy.transpose(1, 0, 2).reshape(states, batch * nodes)
    flow = arrived.reshape(-1, batch, nodes).transpose(1, 2, 0)  # (B, X, R), R the (k, s') that can occur
    return np.stack([flow[:, :, rows] @ reach[:, following] for rows, following in loop.reached], axis=1)


def _sparse_gains(visits: Array, values: Array, loop: ClosedLoop) -> Array:
    """G of each pair for the occupancy (S, X) and values (S', n) of one controller, (K, X, n)."""
    from scipy.sparse import csr_array

    arrived = csr_array(loop.adjoint @ csr_array(visits)).tocoo()  # (R, X)
    pair, following = loop.entries.arrivals
    rows, shape = pair[arrived.row] * visits.shape[1] + arrived.col, (loop.entries.n_pairs, visits.shape[1])
    flow = csr_array((arrived.data, (rows, following[arrived.row])), shape=(shape[0] * shape[1], len(values)))
    return np.asarray(flow @ values).reshape(*shape, -1)
