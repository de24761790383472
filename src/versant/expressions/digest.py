"""The digest of a traced learner: two learners with the same digest compute the same from the same data.

Every node that the recurrence needs is written as a line (operation, payload, arguments by the number of their line),
in an order that depends on nothing but the expressions; the digest is SHA-256 of these lines. Comments, names of
variables and the order of independent statements are not seen, a changed equation or constant is.
"""

from __future__ import annotations

import hashlib

from versant.expressions import custom
from versant.expressions.graph import Node, topological
from versant.expressions.recurrence import Recurrence

__all__ = ["digest"]


def digest(recurrence: Recurrence) -> str:
    """Return the digest of a recurrence, 64 hexadecimal digits."""
    r = recurrence
    roots = [*r.state, *r.initial, *r.update, r.log_likelihood, r.chance, r.scored, *r.records.values()]
    lines: list[str] = []
    number: dict[int, int] = {}
    _write(roots, lines, number)
    ends = " ".join(str(number[root.serial]) for root in roots)
    told = [*lines, ends, " ".join(r.parameters), " ".join(r.records), str(r.choices_only)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _write(roots: list[Node], lines: list[str], number: dict[int, int]) -> None:
    for node in topological(roots):
        if node.serial in number:
            continue
        arguments = " ".join(str(number[a.serial]) for a in node.args)
        payload = repr(node.payload)
        if node.op == custom.OP:  # a function of the user's own is what it computes
            inner = custom.expand(node)
            _write([inner], lines, number)
            payload = str(number[inner.serial])
        number[node.serial] = len(lines)
        lines.append(f"{node.op} {node.kind} {node.size} {payload} {arguments}")
