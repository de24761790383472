"""Controllers without chance that differ in all that one node does, or two, or more.

What a node x does is an action a and, for each of the O_a observations that may follow, the node to go to: Σ_a X^(O_a)
ways in all. Replacing what k nodes do at once reaches controllers that no exchange of a single decision leads to; with
k = X it is every controller there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray

from versant.agents.layout import Layout

__all__ = ["replaced"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

ROWS = 256
"""Controllers in one block."""


def replaced(layout: Layout, theta: Array, most: int) -> Iterator[Array]:
    """Replace what k = 1, 2, … nodes of one controller (n,) do, as long as there are at most `most` ways for a k.

    Yields
    ------
    (b, n) array
        Controllers.

    Examples
    --------
    >>> layout = Layout(2, ("go", "stay"), ("dark", "light"), np.array([[0, 0], [0, 1], [1, 0]]))
    >>> theta = layout.join(np.eye(2)[0], np.tile(np.eye(2), (3, 1, 1)), np.eye(2))
    >>> [len(block) for block in replaced(layout, theta, 36)]  # 4 + 2 ways for each node
    [6, 6, 36]
    """
    ways = sum(layout.nodes ** int((layout.pairs[:, 0] == a).sum()) for a in range(len(layout.actions)))
    for count in range(1, layout.nodes + 1):
        if comb(layout.nodes, count) * ways**count > most:
            return
        deeds = _deeds(layout)
        for nodes in combinations(range(layout.nodes), count):
            chosen = np.array(list(product(range(ways), repeat=count)))  # (ways^count, count)
            for begin in range(0, len(chosen), ROWS):
                yield _with(layout, theta, nodes, [[deeds[i] for i in row] for row in chosen[begin : begin + ROWS]])


def _deeds(layout: Layout) -> list[tuple[int, Indices, tuple[int, ...]]]:
    """All that a node may do: an action, the numbers of its pairs, and the node to go to after each."""
    found = []
    for action in range(len(layout.actions)):
        pairs = np.flatnonzero(layout.pairs[:, 0] == action)
        found += [(action, pairs, targets) for targets in product(range(layout.nodes), repeat=len(pairs))]
    return found


def _with(
    layout: Layout, theta: Array, nodes: tuple[int, ...], deeds: list[list[tuple[int, Indices, tuple[int, ...]]]]
) -> Array:
    """The controller (n,) once for each row of deeds, (b, n), one deed for each of the nodes."""
    start, transition, action = (np.array(part) for part in layout.split(np.tile(theta, (len(deeds), 1))))
    for row, done in enumerate(deeds):
        for node, (act, pairs, targets) in zip(nodes, done, strict=True):
            action[row, node] = np.arange(len(layout.actions)) == act
            transition[row, pairs, node] = np.eye(layout.nodes)[list(targets)]
    return layout.join(start, transition, action)
