"""The likelihood of behaviour under a controller: its node is hidden, as the state of a hidden Markov model is.

Given what was observed, o_1 … o_T, a controller has done a_1 … a_T with probability (causally conditioned: an
observation may depend on the actions before it, and is not itself predicted)

    p(a_1:T ‖ o_1:T) = Σ_{x_1:T} κ(x_1) Π_t ψ(a_t | x_t) η(x_{t+1} | x_t, a_t, o_t)

    forward    c_t = Σ_x f_t(x) ψ(a_t | x),    f_{t+1}(x') = Σ_x f_t(x) ψ(a_t | x) η(x' | x, a_t, o_t) / c_t,    f_1 = κ
    backward   g_t(x) = ψ(a_t | x) / c_t Σ_x' η(x' | x, a_t, o_t) g_{t+1}(x'),    the sum being 1 in the last trial

log p = Σ_t log c_t, and f_t(x) g_t(x) = p(x_t = x | all data). No entry is divided by, so that the derivatives hold at
the edges of the simplices too:

    ∂ log p / ∂κ(x) = g_1(x)
    ∂ log p / ∂ψ(a | x) = Σ_{t: a_t = a} f_t(x) / c_t Σ_x' η(x' | x, a_t, o_t) g_{t+1}(x')
    ∂ log p / ∂η(x' | x, a, o) = Σ_{t: a, o} f_t(x) ψ(a | x) / c_t g_{t+1}(x')

================= =====================================
symbol            name in the code
================= =====================================
f_t, g_t          ``forward``, ``backward``
c_t               ``scale``
κ, ψ, η           ``start``, ``action``, ``transition``
================= =====================================

Source: Baum et al. 1970; Bengio & Frasconi 1995, *An input output HMM architecture*; Fisher's identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.agents.layout import Layout
from versant.inference.episodes import Episodes

__all__ = ["HiddenNodes"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HiddenNodes:
    """The log-likelihood of episodes as a function of controllers' vectors θ (B, p), laid out by `layout`."""

    episodes: Episodes
    layout: Layout

    @classmethod
    def of(cls, episodes: Episodes, nodes: int) -> HiddenNodes:
        """The likelihood of controllers with so many nodes; pairs that never occur have no parameters."""
        return cls(episodes, Layout(nodes, episodes.actions, episodes.observations, episodes.pairs))

    def log_likelihood(self, theta: Array) -> Array:
        """Return log p of each subject, (B, N); −inf where some recorded action has probability 0."""
        return self._by_subject(self._forward(theta)[1])

    def gradient(self, theta: Array) -> tuple[Array, Array]:
        """Return log p of each subject (B, N), and the derivative of their sum by θ (B, p); log p is finite."""
        forward, scale = self._forward(theta)
        backward, after, ahead = self._backward(theta, scale)
        episodes, (_, transition, action) = self.episodes, self.layout.split(theta)
        reached = forward / scale[..., None]
        acted = reached * self._chosen(action)
        by_action, by_pair = np.zeros_like(action), np.zeros_like(transition)
        for a in range(action.shape[2]):
            at = episodes.action == a
            by_action[:, :, a] = (reached[:, at] * ahead[:, at]).sum(axis=1)
        for k in range(self.layout.n_pairs):
            at = episodes.pair == k
            by_pair[:, k] = np.swapaxes(acted[:, at], 1, 2) @ after[:, at]
        first = backward[:, : episodes.running[0]].sum(axis=1)
        return self._by_subject(scale), self.layout.join(first, by_pair, by_action)

    def occupancies(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return f_t(x) = p(x_t = x | trials before t), p(x_t = x | all data), each (B, n, X), and c_t (B, n).

        The n trials stand in the order of `Episodes.rows`; every c_t is positive.
        """
        forward, scale = self._forward(theta)
        return forward, forward * self._backward(theta, scale)[0], scale

    def _forward(self, theta: Array) -> tuple[Array, Array]:
        """Return f (B, n, X) and c (B, n)."""
        episodes, (start, transition, action) = self.episodes, self.layout.split(theta)
        forward = np.empty((len(theta), len(episodes.action), self.layout.nodes))
        scale = np.empty(forward.shape[:2])
        forward[:, : episodes.running[0]] = start[:, None]
        chosen = self._chosen(action)
        for now, on, then in episodes.steps:
            acted = forward[:, now] * chosen[:, now]
            scale[:, now] = acted.sum(axis=2)
            likely = np.where(scale[:, on] > 0.0, scale[:, on], 1.0)
            kept = acted[:, : on.stop - on.start] / likely[..., None]
            forward[:, then] = np.einsum("bex,bexy->bey", kept, transition[:, episodes.pair[on]])
        return forward, scale

    def _backward(self, theta: Array, scale: Array) -> tuple[Array, Array, Array]:
        """Return g_t, g_{t+1} (zero after the last trial), and Σ_x' η g_{t+1} (one there); each (B, n, X)."""
        episodes, (_, transition, action) = self.episodes, self.layout.split(theta)
        after = np.zeros((*scale.shape, self.layout.nodes))
        ahead, backward = np.ones_like(after), np.empty_like(after)
        likely = self._chosen(action) / scale[..., None]
        for now, on, then in reversed(episodes.steps):
            after[:, on] = backward[:, then]
            ahead[:, on] = np.einsum("bexy,bey->bex", transition[:, episodes.pair[on]], after[:, on])
            backward[:, now] = likely[:, now] * ahead[:, now]
        return backward, after, ahead

    def _chosen(self, action: Array) -> Array:
        """Probability of the recorded action in each node, ψ(a_t | x), (B, n, X)."""
        return np.moveaxis(action[:, :, self.episodes.action], 1, 2)

    def _by_subject(self, scale: Array) -> Array:
        """Sum log c over each subject's trials, (B, N)."""
        with np.errstate(divide="ignore"):
            logs = np.log(scale)
        size = self.episodes.n_subjects
        return np.stack([np.bincount(self.episodes.subject, row, minlength=size) for row in logs])
