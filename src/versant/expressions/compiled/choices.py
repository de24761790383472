"""Choose first, compute once.

    where(c, f(x), f(y)) = f(where(c, x, y))

The second derivative of the probability of the option chosen, say, is a choice among those of all options: chosen
before, the operands (the chosen option's probability, its value and their derivatives) are shared by all parameters,
and by the update of what was chosen. Whether a program gains depends on what is shared, so the operations are counted
with and without, and the fewer are taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from versant.expressions.compiled.rewrite import rebuild, where
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Node, topological

__all__ = ["choose_first", "operations"]

_CHEAP = frozenset(("add", "sub", "mul", "neg", "signed"))
_DEAR = frozenset(("div", "recip", "exp2", "exp2_tail", "exp", "log", "sqrt", "tanh", "expm1", "log1p"))
_DEAR_COST = 15
_DEPTH = 50  # operations below a choice at which it stops at the latest


def choose_first(roots: Sequence[Node]) -> Callable[[Node], Node]:
    """Return what each node below the given ones becomes; the nodes themselves if nothing is gained."""
    done: dict[int, Node] = {}
    choice = _Choice(roots)
    for node in topological(roots):
        args = [done[a.serial] for a in node.args]
        if node.op == "where" and not node.size:
            done[node.serial] = choice(args[0], args[1], args[2])
        else:
            done[node.serial] = rebuild(node.graph, node, args) if node.args else node
    if operations([done[root.serial] for root in roots]) < operations(roots):
        return lambda node: done[node.serial]
    return lambda node: node


class _Choice:
    """``where`` that goes below operations which both alternatives have in common."""

    def __init__(self, roots: Sequence[Node]) -> None:
        self._uses = Counter(a.serial for node in topological(roots) for a in node.args)
        self._known: dict[tuple[int, int, int], Node] = {}
        self._varies: dict[int, bool] = {}

    def __call__(self, condition: Node, a: Node, b: Node, depth: int = 0) -> Node:
        key = (condition.serial, a.serial, b.serial)
        if key not in self._known:
            self._known[key] = self._choose(condition, a, b, depth)
        return self._known[key]

    def _choose(self, condition: Node, a: Node, b: Node, depth: int) -> Node:
        if a is b or depth == _DEPTH or not self._alike(a, b):
            return where(condition, a, b)
        if a.op == "signed":
            return rebuild(a.graph, a, [a.args[0], self(condition, a.args[1], b.args[1], depth + 1)])
        operands = zip(a.args, _aligned(a, b), strict=True)
        return rebuild(a.graph, a, [self(condition, x, y, depth + 1) for x, y in operands])

    def _alike(self, a: Node, b: Node) -> bool:
        """Whether it may pay to choose between the operands of two operations."""
        if (
            a.op != b.op
            or a.payload != b.payload
            or a.size
            or b.size
            or not (self._is_varying(a) or self._is_varying(b))
        ):
            return False
        if a.op == "signed" and a.args[0] is not b.args[0]:
            return False
        return a.op in _CHEAP or (a.op in _DEAR and self._uses[a.serial] <= 1 and self._uses[b.serial] <= 1)

    def _is_varying(self, node: Node) -> bool:
        """Whether it changes from trial to trial: what does not is computed once, and cheap to choose."""
        stack = [node]
        while stack:
            part = stack[-1]
            unknown = [a for a in part.args if a.serial not in self._varies]
            if unknown and part.serial not in self._varies:
                stack.extend(unknown)
                continue
            below = any(self._varies[a.serial] for a in part.args)
            self._varies[part.serial] = below or part.op in ("state", "data")
            stack.pop()
        return self._varies[node.serial]


def _aligned(a: Node, b: Node) -> tuple[Node, ...]:
    """Return the operands of b, so turned that they resemble those of a."""
    if a.op not in ("add", "mul"):
        return b.args
    straight = sum(_likeness(x, y) for x, y in zip(a.args, b.args, strict=True))
    turned = sum(_likeness(x, y) for x, y in zip(a.args, b.args[::-1], strict=True))
    return b.args[::-1] if turned > straight else b.args


def _likeness(a: Node, b: Node) -> int:
    if a is b:
        return 4
    if a.op != b.op:
        return 0
    return 1 + sum(x is y for x in a.args for y in b.args) + ([x.op for x in a.args] == [y.op for y in b.args])


def operations(roots: Sequence[Node]) -> int:
    """Count the operations that a trial needs; those of parameters alone are not repeated.

    A product that is only added to something costs nothing, as the two are one instruction.
    """
    order = topological(roots)
    changes = varying(order)
    uses = Counter(a.serial for node in order for a in node.args)
    uses.update(2 * [root.serial for root in roots])
    count = 0
    for node in order:
        if node.args and node.serial in changes:
            count += _DEAR_COST if node.op in _DEAR else 1
            count -= node.op in ("add", "sub") and any(a.op == "mul" and uses[a.serial] == 1 for a in node.args)
    return count
