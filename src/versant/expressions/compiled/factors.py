"""Factors that do not change from trial to trial are multiplied last.

    Σ_t c u_t = c Σ_t u_t,    c u + c v = c (u + v),    c u + d u = (c + d) u

A derivative along a learning rate has the inverse temperature as a factor, say: it is taken out of sums, choices and
products as far as it goes, and out of the sum over trials. What is added up is then often the same for several
derivatives, and is added up once. Sums that others share, and
those in which nothing is gained, are left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from versant.expressions import build
from versant.expressions.compiled import rewrite
from versant.expressions.compiled.varying import varying
from versant.expressions.graph import Graph, Node, topological

__all__ = ["Factors", "Total", "shared_totals"]

Term = tuple[Node, Node]
"""A factor that does not change from trial to trial, and what does."""

Signed = tuple[bool, Node]
"""Whether something is added or subtracted, and what."""


_LONGEST = 24  # terms of a sum


@dataclass(frozen=True)
class Total:
    """A sum over trials as Σ_i c_i Σ_t u_i: pairs of a factor and what is added up."""

    terms: tuple[Term, ...]

    def mapped(self, change: Callable[[Node], Node]) -> Total:
        """Return the same of changed expressions."""
        return Total(tuple((change(factor), change(core)) for factor, core in self.terms))


class Factors:
    """Writes the nodes below some roots as Σ_i c_i u_i, where c does not change from trial to trial.

    Parameters
    ----------
    graph : Graph
    roots : sequence of Node
    """

    def __init__(self, graph: Graph, roots: Sequence[Node]) -> None:
        self._one = graph.constant(1.0)
        self._terms: dict[int, list[Term]] = {}
        self._whole: dict[int, Node] = {}
        self._sums: dict[frozenset[int], Node] = {}  # serial numbers of terms → their sum
        self._collected: set[int] = set()  # sums in which one u occurred twice
        order = topological(roots)
        changes = varying(order)
        self._uses = Counter(a.serial for node in order for a in node.args)
        for node in order:
            self._terms[node.serial] = self._split(node, node.serial in changes)

    def __call__(self, node: Node) -> Node:
        """Return the node, with factors multiplied last."""
        if node.serial not in self._whole:
            terms = self._terms[node.serial]
            groups = self._grouped(terms)
            if len(groups) == len(terms) and node.serial not in self._collected and node.op in ("add", "sub"):
                whole = rewrite.rebuild(node.graph, node, [self(a) for a in node.args])
            else:
                whole = reduce(build.add, [u if c is self._one else rewrite.multiply(c, u) for c, u in groups])
            if all(c is self._one for c, _ in terms):
                self._remember([(True, u) for _, u in terms], whole)
            self._whole[node.serial] = whole
        return self._whole[node.serial]

    def _grouped(self, terms: Sequence[Term]) -> list[Term]:
        """Return the terms with those of one factor, or of one and its negative, added up; of factors ±1, as they are.

        A sum that was made before is used again where all its terms are found.
        """
        groups: dict[int, tuple[Node, list[Signed]]] = {}
        for c, u in terms:
            opposite = build.negate(c)
            if c.is_constant(-1.0) or opposite.serial in groups:
                groups.setdefault(opposite.serial, (opposite, []))[1].append((False, u))
            else:
                groups.setdefault(c.serial, (c, []))[1].append((True, u))
        plain: list[Term] = []
        others: list[Term] = []
        for factor, members in groups.values():
            remaining = self._with_known_sums(members)
            if factor is self._one:
                plain += [(factor if positive else build.negate(factor), u) for positive, u in remaining]
            else:
                others.append((factor, self._added_up(members, remaining)))
        return [*plain, *others]

    def _with_known_sums(self, members: list[Signed]) -> list[Signed]:
        """Put sums that were made before, the longest first, in place of their terms."""
        fitting = {serials: known for serials, known in self._sums.items() if len(serials) <= len(members)}
        for serials, known in sorted(fitting.items(), key=lambda item: -len(item[0])):
            for sign in (True, False):
                if serials <= {u.serial for positive, u in members if positive is sign}:
                    rest = [m for m in members if m[0] is not sign or m[1].serial not in serials]
                    members = [*rest, (sign, known)]
        return members

    def _added_up(self, members: Sequence[Signed], remaining: Sequence[Signed]) -> Node:
        """Return the sum of some members, of which known sums remain; it is known from now on."""
        total = reduce(build.add, [u if positive else build.negate(u) for positive, u in remaining])
        self._remember(members, total)
        return total

    def _remember(self, members: Sequence[Signed], total: Node) -> None:
        serials = frozenset(u.serial for _, u in members)
        if len(serials) > 1 and all(positive for positive, _ in members):
            self._sums.setdefault(serials, total)

    def _open(self, node: Node) -> list[Term]:
        """Return the terms of an operand, to be combined with others; a sum that is shared is one term."""
        terms = self._terms[node.serial]
        if len(terms) == 1 or (self._uses[node.serial] == 1 and len(terms) <= _LONGEST):
            return terms
        return [(self._one, self(node))]

    def _single(self, node: Node) -> Term:
        terms = self._terms[node.serial]
        return terms[0] if len(terms) == 1 else (self._one, self(node))

    def _split(self, node: Node, changes: bool) -> list[Term]:
        if node.kind == "real" and not node.size:
            if not (changes or node.is_constant()):
                return [(node, self._one)]
            rule = _SPLIT.get(node.op)
            if rule is not None:
                return rule(self, node)
        if not node.args:
            return [(self._one, node)]
        return [(self._one, rewrite.rebuild(node.graph, node, [self(a) for a in node.args]))]

    def _sum(self, node: Node) -> list[Term]:
        """Add up terms; those of one u become one, but numbers: 1 - (1 - x) stays what it is in other engines."""
        a, b = node.args
        second = self._open(b)
        terms: list[Term] = []
        if {a.serial, b.serial} & self._collected:
            self._collected.add(node.serial)
        for c, u in [*self._open(a), *(_negated(second) if node.op == "sub" else second)]:
            place = next((k for k, (_, v) in enumerate(terms) if v is u and not u.is_constant()), None)
            if place is None:
                terms.append((c, u))
            else:
                terms[place] = (build.add(terms[place][0], c), u)
                self._collected.add(node.serial)
        kept = [term for term in terms if not term[0].is_constant(0.0)]
        return kept or [(self._one, node.graph.constant(0.0))]

    def _negative(self, node: Node) -> list[Term]:
        return _negated(self._open(node.args[0]))

    def _product(self, node: Node) -> list[Term]:
        for one, other in (node.args, node.args[::-1]):
            (c, u), *more = self._terms[one.serial]
            terms = self._open(other)
            if u is self._one and not more and not any(f.is_constant() for f, _ in terms):
                return [(build.multiply(c, d), v) for d, v in terms]
        (c, u), (d, v) = (self._single(a) for a in node.args)
        return [(build.multiply(c, d), rewrite.multiply(u, v))]

    def _quotient(self, node: Node) -> list[Term]:
        c, u = self._single(node.args[0])
        return [(c, build.divide(u, self(node.args[1])))]

    def _signed(self, node: Node) -> list[Term]:
        c, u = self._single(node.args[1])
        return [(c, rewrite.signed(self(node.args[0]), u))]

    def _choice(self, node: Node) -> list[Term]:
        """Take the factor that both alternatives have out of a choice."""
        condition, (c, u), (d, v) = self(node.args[0]), *(self._single(a) for a in node.args[1:])
        zero = node.graph.constant(0.0)
        if c.is_constant(0.0):
            c, u = d, zero
        if d.is_constant(0.0):
            d, v = c, zero
        if c is not d and build.negate(d) is c:
            d, v = c, build.negate(v)
        if c is d and not (u is self._one and v is self._one):
            return [(c, rewrite.where(condition, u, v))]
        return [(self._one, rewrite.where(condition, *(self(a) for a in node.args[1:])))]


def _negated(terms: Sequence[Term]) -> list[Term]:
    return [(build.negate(c), u) for c, u in terms]


_SPLIT: dict[str, Callable[[Factors, Node], list[Term]]] = {
    "add": Factors._sum,
    "sub": Factors._sum,
    "neg": Factors._negative,
    "mul": Factors._product,
    "div": Factors._quotient,
    "signed": Factors._signed,
    "where": Factors._choice,
}


def shared_totals(graph: Graph, totals: Sequence[Sequence[Node]]) -> list[Total]:
    """Return what is to be added up over trials so that each total, the sum of some nodes, can be made of it.

    A sum of two terms is split where one of them is added up anyway.
    """
    changes = varying(topological([node for nodes in totals for node in nodes]))
    one = graph.constant(1.0)
    split = [[_peel((one, node), changes) for node in nodes] for nodes in totals]
    changed = True
    while changed:
        changed = False
        known = {core.serial for terms in split for _, core in terms}
        for terms in split:
            for place, term in enumerate(terms):
                parts = _parts(term, changes)
                if any(part.serial in known for _, part in parts):
                    terms[place : place + 1] = parts
                    changed = True
                    break
    return [Total(tuple(term for term in terms if not term[1].is_constant(0.0))) for terms in split]


def _peel(term: Term, changes: set[int]) -> Term:
    """Move signs and factors from what changes to what does not."""
    factor, core = term
    while True:
        if core.op == "neg":
            factor, core = build.negate(factor), core.args[0]
            continue
        fixed = [a for a in core.args if a.serial not in changes] if core.op == "mul" else []
        if len(fixed) != 1:
            return factor, core
        factor, core = build.multiply(factor, fixed[0]), next(a for a in core.args if a is not fixed[0])


def _parts(term: Term, changes: set[int]) -> list[Term]:
    """Return the two terms of a sum or difference; none of anything else."""
    factor, core = term
    if core.op not in ("add", "sub"):
        return []
    second = build.negate(factor) if core.op == "sub" else factor
    return [_peel((factor, core.args[0]), changes), _peel((second, core.args[1]), changes)]
