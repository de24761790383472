"""α-vectors of controllers, and policy graphs of α-vectors.

*From a controller.* Node x that takes action a is worth, in each state,

    V_x(s) = R(s,a) + γ Σ_{s',o} P(s'|s,a) O(o|a,s') Σ_x' η(x'|x,a,o) V_x'(s')

so that the V_x are α-vectors that lead to one another. Acting on them (the action of the vector that is best at the
belief) earns at least max_x b·V_x at *every* belief b: one step of it is worth at least a step of node x, and then the
best vector is worth at least V_x'. What rounding may have added, e = ‖r − ZV̂‖∞/(1−γ) and more, is taken away from
every vector; as e ≥ γe, they still lead to one another.

*To a policy graph.* From the start belief, beliefs are visited in the order of their discounted probability, and what
the vectors do there becomes a node: one for each vector, at the first belief at which it is best, or one for each
belief, as long as there is room. After each observation a node goes on with the node of the belief then or, where there
is none, with that of the vector that is best then. Where few beliefs are met, the graph acts like the vectors.

Source: Smallwood & Sondik 1973; Hansen 1998, *Solving POMDPs by searching in policy space*.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.evaluation import ClosedLoop, pair_kernels
from versant.planning.policygraph import PolicyGraph
from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = ["lower_vectors", "vector_graph"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Key: TypeAlias = tuple[int, bytes]


def lower_vectors(controller: Controller, pomdp: Pomdp, deadline: float = float("inf")) -> AlphaPolicy:
    """Values of a controller's nodes as α-vectors, each a lower bound of what acting on them earns.

    Parameters
    ----------
    controller : Controller
        Takes one action in each node.
    pomdp : Pomdp
    deadline : float
        Value of `time.perf_counter` at which values are taken as they are, lowered by the error bars they then have.

    Raises
    ------
    ProblemError
        For a controller that draws its actions at random, or that is not for this problem.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> listen = Controller([1.0], [[1.0, 0.0, 0.0]], np.ones((1, 3, 2, 1)), tiger().actions, tiger().observations)
    >>> lower_vectors(listen, tiger()).value([[0.5, 0.5]]).round(9)
    array([-20.])
    """
    if controller.action.max(axis=1).min() < 1.0:
        raise ProblemError("α-vectors are of controllers that take one action in each node; this one draws its actions")
    loop = ClosedLoop(pomdp, controller.n_nodes, deadline)
    loop.check(controller)
    evaluation = loop.evaluate(loop.layout.vector([controller])).refined()
    values = evaluation.node_values[0, :, :, 0]  # (S, X)
    vectors = values.T - evaluation.largest_errors()[0, 0]
    return AlphaPolicy(vectors, controller.action.argmax(axis=1), controller.actions)


def vector_graph(policy: AlphaPolicy, pomdp: Pomdp, limit: int, *, by_belief: bool = False) -> PolicyGraph:
    """Follow α-vectors from the start belief.

    Parameters
    ----------
    policy : AlphaPolicy
    pomdp : Pomdp
    limit : int
        Number of nodes at which to stop.
    by_belief : bool
        A node for each belief, and not only for each vector.

    Raises
    ------
    ProblemError
        For vectors that are not for this problem.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> policy = AlphaPolicy([[-1.0, -1.0], [10.0, -100.0], [-100.0, 10.0]], [0, 2, 1], tiger().actions)
    >>> vector_graph(policy, tiger(), 10).actions, vector_graph(policy, tiger(), 10, by_belief=True).actions
    (array([0]), array([0, 0, 0, 2, 1]))
    """
    if (policy.n_states, policy.actions) != (pomdp.n_states, pomdp.actions):
        raise ProblemError(
            f"the alpha vectors are over {policy.n_states} states with actions {policy.actions}, the problem has "
            f"{pomdp.n_states} states with actions {pomdp.actions}"
        )
    walk = _Walk(policy, pomdp, by_belief)
    waiting: list[tuple[float, int, int, Array]] = [(-1.0, 0, int(walk.best(pomdp.start[None])[0]), pomdp.start)]
    met: dict[Key, tuple[int, Array]] = {}
    count = 0
    while waiting and len(met) < limit:
        weight, _, vector, belief = heappop(waiting)
        if met.setdefault(walk.key(vector, belief), (vector, belief))[1] is not belief:
            continue
        _, following, masses = walk.ahead(vector, belief)
        for mass, one, target in zip(masses.tolist(), following, walk.best(following).tolist(), strict=True):
            count += 1
            heappush(waiting, (walk.discount * weight * mass, count, target, one))
    return walk.graph(met)


class _Walk:
    """What α-vectors lead to in a problem."""

    def __init__(self, policy: AlphaPolicy, pomdp: Pomdp, by_belief: bool) -> None:
        self.policy, self.discount, self.by_belief = policy, require_discounted(pomdp), by_belief
        self.pairs, kernels = pair_kernels(pomdp)
        self._adjoint = [kernel.T.tocsr() for kernel in kernels]

    def best(self, beliefs: Array) -> Indices:
        """Which vector is best at each of these beliefs, (k, S) → (k,)."""
        best: Indices = np.argmax(beliefs @ self.policy.vectors.T, axis=1)
        return best

    def key(self, vector: int, belief: Array) -> Key:
        """What makes a node: the vector, or the belief to ten decimals too."""
        return vector, np.round(belief, 10).tobytes() if self.by_belief else b""

    def ahead(self, vector: int, belief: Array) -> tuple[Indices, Array, Array]:
        """Pairs that can follow a vector's action at a belief (J,), beliefs after them (J, S), probabilities (J,)."""
        own = np.flatnonzero(self.pairs[:, 0] == self.policy.vector_actions[vector])
        after = np.stack([self._adjoint[pair] @ belief for pair in own])
        masses = after.sum(axis=1)
        can = masses > 0.0
        return own[can], after[can] / masses[can, None], masses[can]

    def graph(self, met: dict[Key, tuple[int, Array]]) -> PolicyGraph:
        """Make the graph of the nodes met, the first of which starts."""
        node_of = {key: node for node, key in enumerate(met)}
        vectors = np.array([vector for vector, _ in met.values()])
        successors = np.repeat(np.arange(len(vectors))[:, None], len(self.pairs), axis=1)
        for node, (vector, belief) in enumerate(met.values()):
            pairs, following, _ = self.ahead(vector, belief)
            keys = map(self.key, self.best(following).tolist(), following)
            others = np.argmax(following @ self.policy.vectors[vectors].T, axis=1).tolist()
            successors[node, pairs] = [node_of.get(key, other) for key, other in zip(keys, others, strict=True)]
        start = (np.arange(len(vectors)) == 0).astype(np.float64)
        return PolicyGraph(self.policy.vector_actions[vectors].astype(np.intp), successors, start)
