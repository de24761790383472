"""From the program's graph to a graph of machine operations.

The new graph is built by the same simplifying functions, so that what rewriting makes equal is computed once:

* sigmoid, softplus, softmax and logsumexp become expressions of shared powers of two, as said in
  `versant.expressions.compiled.softmax`;
* a choice between u and -u is ``signed``(c, u), and signs cancel in products: the two-option softmax of data c has
  derivatives in which the sign is applied once;
* divisions by the same number share its reciprocal;
* of two codes, only the first is compared;
* an entry of an array expression is the expression of the entries, so that only state is read from memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from versant.expressions import build, custom
from versant.expressions.compiled import softmax
from versant.expressions.graph import Graph, Node, topological

__all__ = ["Rewriter", "rebuild"]


class Rewriter:
    """Rewrites nodes of one graph into a new one, `graph`; each node once.

    Parameters
    ----------
    roots : sequence of Node
        Everything that will be rewritten: how often a divisor occurs decides whether its reciprocal is shared.

    Attributes
    ----------
    graph : Graph
        The new graph.
    carried : dict
        Serial numbers of logits → their exponentials, where these are state; filled in before softmaxes are rewritten.
    """

    def __init__(self, roots: Sequence[Node]) -> None:
        self.graph = Graph()
        self.carried: dict[tuple[int, ...], softmax.Exponentials] = {}
        self._done: dict[int, Node] = {}
        self._divisors = Counter(n.args[1].serial for n in topological(roots) if n.op == "div")

    def __call__(self, node: Node) -> Node:
        """Return the machine expression of a node."""
        done, stack = self._done, [node]
        while stack:
            part = stack[-1]
            waiting = [a for a in part.args if a.serial not in done]
            if part.serial in done or not waiting:
                done[part.serial] = done.get(part.serial) or self._rewrite(part)
                stack.pop()
            else:
                stack.extend(waiting)
        return done[node.serial]

    def _rewrite(self, node: Node) -> Node:
        args = [self._done[a.serial] for a in node.args]
        match node.op:
            case custom.OP:
                return self(custom.expand(node))
            case "div":
                return divide(args[0], args[1], shared=self._divisors[node.args[1].serial] > 1)
            case "mul":
                return self._product(node, args)
            case "sub" if node.args[0].is_constant(1.0) and node.args[1].op == "sigmoid":
                return softmax.sigmoid(self._done[node.args[1].args[0].serial], complement=True)
            case "exp" if _is_softmax(node.args[0]):
                return self._softmax_at(*node.args[0].args)
            case "logsumexp" if len(args) == 2:
                return softmax.logsumexp_of_two(*args)
            case "logsumexp":
                return softmax.logsumexp(self.exponentials(node))
            case "softmax":
                return softmax.softmax(self.exponentials(node), node.payload)
        return rebuild(self.graph, node, args)

    def exponentials(self, node: Node) -> softmax.Exponentials:
        """Return the exponentials of the logits of a softmax or logsumexp: those that are `carried`, if any are."""
        known = self.carried.get(tuple(a.serial for a in node.args))
        return softmax.exponentials([self(a) for a in node.args]) if known is None else known

    def _softmax_at(self, x: Node, normaliser: Node) -> Node:
        parts = self.exponentials(normaliser)
        if x in normaliser.args and parts.terms:
            return softmax.softmax(parts, normaliser.args.index(x))
        return softmax.softmax_at(self(x), parts)

    def _product(self, node: Node, args: Sequence[Node]) -> Node:
        for one, other in (node.args, node.args[::-1]):
            if one.op == "sigmoid" and other.op == "sub" and other.args[0].is_constant(1.0) and other.args[1] is one:
                return softmax.logistic_slope(self._done[one.args[0].serial])
        return multiply(args[0], args[1])


def rebuild(graph: Graph, node: Node, args: Sequence[Node]) -> Node:
    """Return a node's operation on new arguments, simplified."""
    rule = _BUILD.get(node.op)
    if rule is not None:
        return rule(*args)
    size = 0 if node.op in ("total", "largest", "argmax", "element") else None
    if not args:
        size = node.size
    return graph.make(node.op, tuple(args), node.payload, node.kind, node.low, node.high, size)


def signed(condition: Node, x: Node) -> Node:
    """x where the condition holds, else -x."""
    if condition.op == "not":
        return build.negate(signed(condition.args[0], x))
    if x.is_constant():
        return build.where(condition, x, build.negate(x))
    if x.op == "neg":
        return build.negate(signed(condition, x.args[0]))
    return x.graph.make("signed", (condition, x))


def where(condition: Node, a: Node, b: Node) -> Node:
    """`a` where the condition holds, else `b`; a choice between x and -x is `signed`, the larger of two `max`."""
    if condition.op == "not":
        return where(condition.args[0], b, a)
    if a.kind == "real" and b.kind == "real" and not a.is_constant() and condition.op != "const":
        if build.negate(a) is b:
            return signed(condition, a)
        if condition.op == "ge" and condition.args == (a, b):
            return a.graph.make("max", (a, b))
    return build.where(condition, a, b)


def equal(a: Node, b: Node) -> Node:
    """a == b of integers; of two codes only the first is compared."""
    if b.is_constant() and b.payload == a.high == a.low + 1:
        return build.invert(build.equal(a, a.graph.integer(a.low)))
    return build.equal(a, b)


def both(a: Node, b: Node) -> Node:
    """a and b."""
    result = build.all_of([a, b])
    return a if result is None else result


def multiply(a: Node, b: Node) -> Node:
    """a * b; equal signs cancel, and a single sign goes to the factor that others are likely to share."""
    if a.op == "neg":
        return build.negate(multiply(a.args[0], b))
    if b.op == "neg":
        return build.negate(multiply(a, b.args[0]))
    for one, other in ((a, b), (b, a)):
        if one.op == "signed":
            unsigned = _without_sign(other, one.args[0])
            if unsigned is not None:
                return multiply(unsigned, one.args[1])
            if other.op not in ("signed", "const"):
                return build.multiply(signed(one.args[0], other), one.args[1])
    return build.multiply(a, b)


def _without_sign(x: Node, condition: Node) -> Node | None:
    """Return x without a factor that has this sign; None if there is none."""
    if x.op == "signed" and x.args[0] is condition:
        return x.args[1]
    if x.op == "mul":
        for one, other in (x.args, x.args[::-1]):
            unsigned = _without_sign(one, condition)
            if unsigned is not None:
                return multiply(unsigned, other)
    return None


def divide(a: Node, b: Node, shared: bool) -> Node:
    """a / b; by the reciprocal of b where several divide by it."""
    if b.is_constant() or not shared:
        return build.divide(a, b)
    return multiply(a, softmax.reciprocal(b))


def _is_softmax(x: Node) -> bool:
    """Whether exp of this is an entry, or all entries, of a softmax: x - logsumexp(…)."""
    return x.op == "sub" and x.args[1].op == "logsumexp" and len(x.args[1].args) != 2


def element(array: Node, index: Node) -> Node:
    """array[index], as an expression of entries of state."""
    while array.op == "store":
        base, place, value = array.args
        same = build.equal(index, place)
        if same.op == "const":
            if same.payload:
                return value
            array = base
            continue
        return build.where(same, value, element(base, index))
    if not array.size:
        return array
    if array.is_constant():
        return array.graph.constant(array.payload)
    if array.op == "state":
        return array.graph.make("element", (array, index), size=0)
    return rebuild(array.graph, array, [element(a, index) for a in array.args])


def _apply(op: str) -> Callable[[Node], Node]:
    return lambda x: build.apply(op, x)


_BUILD: dict[str, Callable[..., Node]] = {
    "add": build.add,
    "sub": build.subtract,
    "mul": multiply,
    "div": build.divide,
    "neg": build.negate,
    "where": where,
    "int_where": build.where,
    "and": both,
    "not": build.invert,
    "ge": lambda a, b: build.compare("ge", a, b),
    "gt": lambda a, b: build.compare("gt", a, b),
    "eq": build.equal,
    "int_ge": lambda a, b: build.compare("ge", a, b),
    "int_gt": lambda a, b: build.compare("gt", a, b),
    "int_eq": equal,
    "int_add": build.add,
    "int_sub": build.subtract,
    "int_mul": build.multiply,
    "to_real": build.as_real,
    "sigmoid": softmax.sigmoid,
    "softplus": softmax.softplus,
    "total": build.total,
    "element": element,
    "store": build.store,
    "signed": signed,
    **{op: _apply(op) for op in ("exp", "expm1", "log", "log1p", "sqrt", "tanh")},
}
