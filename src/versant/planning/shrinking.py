"""Making a graph smaller by removing nodes, as long as what is lost is what was foreseen.

A ranking foresees, to first order, what is lost without each node. Nodes removed together lose more than the sum of
that where one had stood in for another; so the loss is measured, and where it is far from what was foreseen, fewer are
removed at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["Ranking", "shrink"]

SHARE = 0.25
"""Largest share of the nodes that is removed at a time."""

TRUST = 2.0
"""How many times the loss foreseen the loss may be."""

WORTHWHILE = 0.02
"""Share of the nodes to remove at a time below which it is not worth the while, where no size is asked for."""


class Sized(Protocol):
    """Anything with nodes."""

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""


Graph = TypeVar("Graph", bound=Sized)
Kept = TypeVar("Kept", bound=Sized, covariant=True)


class Ranking(Protocol[Kept]):
    """What removing nodes loses, foreseen."""

    @property
    def worth(self) -> float:
        """What the graph is worth."""

    def without(self, count: int) -> tuple[Kept, float] | None:
        """Return the graph without the `count` nodes that lose least, and what that loses; None if none can go."""


def shrink(
    graph: Graph,
    rank: Callable[[Graph], Ranking[Graph]],
    nodes: int,
    late: Callable[[], bool],
    loss: float = float("inf"),
) -> Graph:
    """Remove nodes until there are at most `nodes`, the loss would exceed `loss`, or it is `late`.

    Parameters
    ----------
    graph : Graph
    rank : callable
        Ranks the nodes of a graph.
    nodes : int
    late : callable
        Whether to stop.
    loss : float
        Largest loss, in units of the rankings' worth.
    """
    ranking = rank(graph)
    least, count = ranking.worth - loss, graph.n_nodes
    while graph.n_nodes > nodes and not late():
        count = max(1, min(count, int(SHARE * graph.n_nodes), graph.n_nodes - nodes))
        found = ranking.without(count)
        if found is None:
            break
        smaller, foreseen = found
        following = rank(smaller)
        lost = ranking.worth - following.worth
        if loss < float("inf") and late():  # what was measured in haste proves no small loss
            break
        least_count = max(1, int(WORTHWHILE * graph.n_nodes)) if loss < float("inf") else 1
        surprise = lost > TRUST * foreseen + 1e-4 * abs(ranking.worth)
        if (surprise or following.worth < least) and count > least_count:
            count = max(count // 3, least_count)
            continue
        if following.worth < least or (surprise and least_count > 1):
            break
        graph, ranking, count = smaller, following, 2 * count
    return graph
