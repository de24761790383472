"""A finite-state controller: an agent whose memory is one of X nodes.

In node x it draws an action a from ψ(a | x); when it then observes o, it moves to a node x' drawn from η(x' | x, a, o).
The first node is drawn from κ(x). All three are probability distributions, so a controller is a point of a product of
simplices; a controller with one node is a memoryless policy.

================= ==================================
symbol            name in the code
================= ==================================
κ(x)              ``start[x]``
ψ(a | x)          ``action[x, a]``
η(x' | x, a, o)   ``transition[x, a, o, x']``
================= ==================================

Source: Hansen 1998, *Solving POMDPs by searching in policy space*; Meuleau et al. 1999, *Learning finite-state
controllers for partially observable environments*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from versant.errors import ProblemError

__all__ = ["FORMAT", "VERSION", "Controller"]

Array = NDArray[np.float64]

FORMAT = "versant-controller"
VERSION = 1

SUM_TOLERANCE = 1e-9
"""How far a probability distribution may miss the sum one: rounding of long sums, no more."""


@dataclass(frozen=True, eq=False)
class Controller:
    """A validated, immutable finite-state controller with X nodes, A actions and O observations.

    Parameters
    ----------
    start : (X,) array
        Distribution of the first node.
    action : (X, A) array
        Distribution of the action in each node.
    transition : (X, A, O, X) array
        Distribution of the next node, given node, action taken and observation made.
    actions, observations : sequence of str
        Their names, in the order of the arrays' axes.

    Raises
    ------
    ProblemError
        Where shapes disagree or a block is no probability distribution; it names the block.

    Examples
    --------
    >>> hold = Controller([1.0], [[0.5, 0.5]], np.ones((1, 2, 1, 1)), ("left", "right"), ("nothing",))
    >>> hold.n_nodes
    1
    >>> Controller([1.0], [[0.5, 0.4]], np.ones((1, 2, 1, 1)), ("left", "right"), ("nothing",))
    Traceback (most recent call last):
    ...
    versant.errors.ProblemError: controller: the action probabilities of node 0 sum to 0.9, expected 1
    """

    start: Array  # (X,)
    action: Array  # (X, A)
    transition: Array  # (X, A, O, X')
    actions: tuple[str, ...]
    observations: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "actions", tuple(self.actions))
        object.__setattr__(self, "observations", tuple(self.observations))
        start = np.array(self.start, dtype=np.float64)
        nodes = start.size
        expected = {
            "start": (nodes,),
            "action": (nodes, len(self.actions)),
            "transition": (nodes, len(self.actions), len(self.observations), nodes),
        }
        if nodes == 0:
            raise ProblemError("controller: it needs at least one node")
        for name, shape in expected.items():
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape:
                raise ProblemError(f"controller: {name} has shape {array.shape}, expected {shape}")
            self._check_blocks(name, array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __repr__(self) -> str:
        return (
            f"Controller({self.n_nodes} nodes, {len(self.actions)} actions, {len(self.observations)} observations, "
            f"{'deterministic' if self.is_deterministic else 'stochastic'})"
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes, X."""
        return int(self.start.size)

    @property
    def is_deterministic(self) -> bool:
        """Whether every distribution puts all its probability on one element."""
        return all(bool((array.max(axis=-1) == 1.0).all()) for array in (self.start, self.action, self.transition))

    @classmethod
    def random(
        cls,
        nodes: int,
        actions: Sequence[str],
        observations: Sequence[str],
        seed: int | np.random.Generator | np.random.SeedSequence | None = None,
        *,
        concentration: float = 1.0,
    ) -> Controller:
        """Draw every distribution from a symmetric Dirichlet; it looks at no problem, only at numbers and names.

        Parameters
        ----------
        nodes : int
        actions, observations : sequence of str
        seed : int, Generator, SeedSequence or None
        concentration : float
            1 draws uniformly from the simplex, less prefers its corners (nearly deterministic controllers).

        Examples
        --------
        >>> Controller.random(3, ("go", "stay"), ("dark", "light"), seed=1)
        Controller(3 nodes, 2 actions, 2 observations, stochastic)
        """
        if nodes < 1:
            raise ProblemError(f"a controller needs at least one node, not {nodes}")
        if not (np.isfinite(concentration) and concentration > 0.0):
            raise ProblemError(f"the concentration of a Dirichlet is positive, not {concentration}")
        rng = np.random.default_rng(seed)

        def draw(length: int, *shape: int) -> Array:
            return rng.dirichlet(np.full(length, concentration), size=shape)

        return cls(
            draw(nodes),
            draw(len(actions), nodes),
            draw(nodes, nodes, len(actions), len(observations)),
            tuple(actions),
            tuple(observations),
        )

    @classmethod
    def mixture(cls, controllers: Sequence[Controller], weights: ArrayLike) -> Controller:
        """Join controllers into one whose start distribution draws which of them acts.

        Its value and its costs are the weighted means of theirs.

        Parameters
        ----------
        controllers : sequence of Controller
            With the same actions and observations.
        weights : sequence of float
            Probability of each controller.

        Examples
        --------
        >>> parts = [Controller.random(n, ("go", "stay"), ("dark", "light"), seed=n) for n in (1, 2)]
        >>> Controller.mixture(parts, [0.5, 0.5]).n_nodes
        3
        """
        shares = np.asarray(weights, dtype=np.float64)
        if not controllers or shares.shape != (len(controllers),):
            raise ProblemError(f"a mixture of {len(controllers)} controllers needs as many weights, not {shares.size}")
        first = controllers[0]
        for other in controllers:
            if (other.actions, other.observations) != (first.actions, first.observations):
                raise ProblemError("only controllers with the same actions and observations can be mixed")
        total = sum(part.n_nodes for part in controllers)
        transition = np.zeros((total, len(first.actions), len(first.observations), total))
        begin = 0
        for part in controllers:
            nodes = slice(begin, begin + part.n_nodes)
            transition[nodes, :, :, nodes] = part.transition
            begin += part.n_nodes
        start = np.concatenate([share * part.start for share, part in zip(shares, controllers, strict=True)])
        action = np.concatenate([part.action for part in controllers])
        return cls(start, action, transition, first.actions, first.observations)

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as plain lists, ready for JSON; `from_dict` is its inverse, bit for bit."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "actions": list(self.actions),
            "observations": list(self.observations),
            "start": self.start.tolist(),
            "action": self.action.tolist(),
            "transition": self.transition.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Controller:
        """Make a controller of what `to_dict` returned; every key must be there and no other.

        Raises
        ------
        ProblemError
            For another format or version, missing or unknown keys, ragged or invalid arrays.

        Examples
        --------
        >>> one = Controller.random(2, ("go", "stay"), ("dark", "light"), seed=3)
        >>> bool((Controller.from_dict(one.to_dict()).transition == one.transition).all())
        True
        """
        if content.get("format") != FORMAT or content.get("version") != VERSION:
            found = f"format {content.get('format')!r}, version {content.get('version')!r}"
            raise ProblemError(f"not a controller: expected format {FORMAT!r}, version {VERSION}; found {found}")
        arrays = ("start", "action", "transition")
        names = ("actions", "observations")
        wanted = {"format", "version", *names, *arrays}
        if set(content) != wanted:
            missing, unknown = sorted(wanted - set(content)), sorted(set(content) - wanted)
            raise ProblemError(f"controller: missing keys {missing}, unknown keys {unknown}")
        values: dict[str, Any] = {name: _names(content[name], name) for name in names}
        for name in arrays:
            try:
                values[name] = np.array(content[name], dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ProblemError(f"controller: {name} is no array of numbers ({error})") from error
        return cls(**values)

    def _check_blocks(self, name: str, array: Array) -> None:
        if not (array.min() >= 0.0 and array.max() < np.inf):  # arrays may be large
            good = np.isfinite(array) & (array >= 0.0)
            index = tuple(int(i) for i in np.argwhere(~good)[0])
            raise ProblemError(f"controller: {self._block(name, index[:-1])} hold {array[index]} at place {index[-1]}")
        sums = array.sum(axis=-1)
        miss = np.abs(sums - 1.0)
        if miss.max() > SUM_TOLERANCE:
            place = np.unravel_index(int(miss.argmax()), miss.shape)
            index = tuple(int(i) for i in place)
            raise ProblemError(f"controller: {self._block(name, index)} sum to {sums[index]:.12g}, expected 1")

    def _block(self, name: str, index: tuple[int, ...]) -> str:
        """Name one distribution for a person."""
        if name == "start":
            return "the start probabilities"
        if name == "action":
            return f"the action probabilities of node {index[0]}"
        node, action, observation = index
        seen = f"action {self.actions[action]!r} and observation {self.observations[observation]!r}"
        return f"the transition probabilities of node {node} after {seen}"


def _names(given: Any, noun: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ProblemError(f"controller: {noun} is a list of names, not {given!r}")
    return tuple(given)
