"""What changes from trial to trial: whatever reads state or data. The rest is computed once a subject."""

from __future__ import annotations

from collections.abc import Sequence

from versant.expressions.graph import Node

__all__ = ["varying"]


def varying(order: Sequence[Node]) -> set[int]:
    """Return the serial numbers of the nodes that change from trial to trial.

    Parameters
    ----------
    order : sequence of Node
        Each after its arguments, as `versant.expressions.graph.topological` gives them.
    """
    found: set[int] = set()
    for node in order:
        if node.op in ("state", "data") or any(a.serial in found for a in node.args):
            found.add(node.serial)
    return found
