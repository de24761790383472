"""The log-likelihood as a sum of few logarithms.

    Σ_t log u_t = log Π_t u_t

A term -softplus(x) contributes -max(x, 0) and the factor 1/(1 + exp(-|x|)), a term x - logsumexp(y) contributes
x - max(y) and one over a sum of exponentials between 1 and the number of options, and log u contributes u itself. How
the products are kept in range is said in `versant.expressions.compiled.sums`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from versant.expressions import build
from versant.expressions.compiled import rewrite, softmax
from versant.expressions.compiled.rewrite import Rewriter
from versant.expressions.graph import Node

__all__ = ["Likelihood", "decompose"]


@dataclass(frozen=True)
class Likelihood:
    """Σ terms + log(numerator / denominator); None stands for a product without factors."""

    terms: tuple[Node, ...] = ()
    numerator: Node | None = None
    denominator: Node | None = None


def decompose(value: Node, rewriter: Rewriter) -> Likelihood:
    """Split the log-likelihood of a trial.

    Parameters
    ----------
    value : Node
        Of the program's graph.
    rewriter : Rewriter
        Makes the parts, on its graph.
    """
    terms = _Terms(rewriter)
    terms.collect(value, positive=True, when=None)
    halvings = build.multiply(rewriter.graph.constant(math.log(2)), terms.halvings)
    sums = tuple(n for n in (terms.rest, halvings) if not n.is_constant(0.0))
    return Likelihood(sums, _product(terms.above), _product(terms.below))


def _product(factors: list[Node]) -> Node | None:
    result: Node | None = None
    for factor in factors:
        result = factor if result is None else rewrite.multiply(result, factor)
    return result


class _Terms:
    """The terms of a sum, sorted into what is added, what is added as a logarithm to base 2, and what is multiplied."""

    def __init__(self, rewriter: Rewriter) -> None:
        self._rewriter = rewriter
        self.rest = self.halvings = rewriter.graph.constant(0.0)
        self.above: list[Node] = []
        self.below: list[Node] = []

    def collect(self, node: Node, positive: bool, when: Node | None) -> None:
        """Take a term, with its sign, under a condition of the new graph (None: always)."""
        match node.op:
            case "add" | "sub":
                self.collect(node.args[0], positive, when)
                self.collect(node.args[1], positive == (node.op == "add"), when)
            case "neg":
                self.collect(node.args[0], not positive, when)
            case "where" if node.args[2].is_constant(0.0):
                condition = self._rewriter(node.args[0])
                self.collect(node.args[1], positive, condition if when is None else rewrite.both(when, condition))
            case "log":
                self._multiply(self._rewriter(node.args[0]), positive, when)
            case "softplus":
                x = self._rewriter(node.args[0])
                self._halve(softmax.positive_part(softmax.scaled(x)), positive, when)
                self._multiply(softmax.one_plus_tail(x), positive, when)
            case "logsumexp" if len(node.args) != 2:
                parts = self._rewriter.exponentials(node)
                self._halve(parts.reference, positive, when)
                self._multiply(parts.total, positive, when)
            case "logsumexp":
                first, second = (self._rewriter(a) for a in node.args)
                difference = build.subtract(second, first)
                self._add(first, positive, when)
                self._halve(softmax.positive_part(softmax.scaled(difference)), positive, when)
                self._multiply(softmax.one_plus_tail(difference), positive, when)
            case _:
                self._add(self._rewriter(node), positive, when)

    def _add(self, term: Node, positive: bool, when: Node | None) -> None:
        self.rest = _signed_sum(self.rest, _under(when, term, 0.0), positive)

    def _halve(self, exponent: Node, positive: bool, when: Node | None) -> None:
        self.halvings = _signed_sum(self.halvings, _under(when, exponent, 0.0), positive)

    def _multiply(self, factor: Node, positive: bool, when: Node | None) -> None:
        (self.above if positive else self.below).append(_under(when, factor, 1.0))


def _under(when: Node | None, x: Node, otherwise: float) -> Node:
    return x if when is None else rewrite.where(when, x, x.graph.constant(otherwise))


def _signed_sum(a: Node, b: Node, positive: bool) -> Node:
    return build.add(a, b) if positive else build.subtract(a, b)
