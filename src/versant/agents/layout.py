"""Controllers as flat vectors: θ = (κ, η, ψ), a point of a product of simplices.

Only the pairs k = (a, o) that can occur have parameters: an observation that action a never yields moves no controller.
In the vector κ and η stand first because their blocks have the same length X, so that they are projected together.

    θ = [ κ(x)  |  η(x' | x, k), k outermost, then x, then x'  |  ψ(a | x), x outermost ]

A leading axis of length B holds several controllers of the same size side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.optimise.simplex import Simplices

__all__ = ["Layout"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parameters of a controller with X nodes stand in a flat vector.

    Parameters
    ----------
    nodes : int
        X.
    actions, observations : tuple of str
    pairs : (K, 2) integer array
        The (action, observation) pairs that can occur.

    Examples
    --------
    >>> layout = Layout(2, ("go", "stay"), ("dark", "light"), np.array([[0, 0], [0, 1], [1, 0]]))
    >>> layout.size
    18
    >>> layout.blocks.groups
    ((7, 2), (2, 2))
    """

    nodes: int
    actions: tuple[str, ...]
    observations: tuple[str, ...]
    pairs: Indices  # (K, 2)

    @property
    def n_pairs(self) -> int:
        """Number of (action, observation) pairs that can occur, K."""
        return len(self.pairs)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.nodes * (1 + self.n_pairs * self.nodes + len(self.actions))

    @property
    def blocks(self) -> Simplices:
        """The product of simplices that controllers are points of."""
        return Simplices(((1 + self.n_pairs * self.nodes, self.nodes), (self.nodes, len(self.actions))))

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """View vectors (B, n) as κ (B, X), η (B, K, X, X') and ψ (B, X, A)."""
        batch, nodes = theta.shape[0], self.nodes
        end = nodes + self.n_pairs * nodes * nodes
        return (
            theta[:, :nodes],
            theta[:, nodes:end].reshape(batch, self.n_pairs, nodes, nodes),
            theta[:, end:].reshape(batch, nodes, len(self.actions)),
        )

    def join(self, start: Array, transition: Array, action: Array) -> Array:
        """Lay κ (..., X), η (..., K, X, X') and ψ (..., X, A) out as vectors (..., n)."""
        lead = start.shape[:-1]
        return np.concatenate([start, transition.reshape(*lead, -1), action.reshape(*lead, -1)], axis=-1)

    def vector(self, controllers: Sequence[Controller]) -> Array:
        """Lay controllers out side by side, (B, n)."""
        actions, observations = self.pairs.T
        return self.join(
            np.stack([one.start for one in controllers]),
            np.stack([one.transition[:, actions, observations].transpose(1, 0, 2) for one in controllers]),
            np.stack([one.action for one in controllers]),
        )

    def controller(self, theta: Array) -> Controller:
        """Make a controller of one vector (n,); after pairs that cannot occur it stays in its node."""
        start, transition, action = (part[0] for part in self.split(theta[None]))
        nodes = self.nodes
        full = np.zeros((nodes, len(self.actions), len(self.observations), nodes))
        full[:] = np.eye(nodes)[:, None, None, :]
        actions, observations = self.pairs.T
        full[:, actions, observations] = transition.transpose(1, 0, 2)
        return Controller(start, action, full, self.actions, self.observations)
