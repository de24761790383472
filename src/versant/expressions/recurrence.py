"""A learner as mathematics: a state that is updated trial by trial, and a likelihood that is summed.

With parameters θ, data d_t and state s_t:

    s_1 = init(θ),    s_{t+1} = update(s_t, θ, d_t),    log-likelihood = Σ_t loglik(s_t, θ, d_t)

The *sensitivities* S_k = ∂s/∂θ_k and S_kl = ∂²s/∂θ_k∂θ_l obey the total derivatives of the same recurrence,

    S_k'  = ∂_k update + ∂_s update · S_k
    S_kl' = the total derivative of the line above along θ_l

so that they are more state of a longer recurrence, and one pass over the trials gives value, gradient and Hessian.
A sensitivity that is zero on every trial is found by a fixed point over the update, before anything is computed: start
from those that the initial state has, add those that an update makes non-zero, until no more appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from versant.expressions import build
from versant.expressions.derivatives import RULES
from versant.expressions.graph import Graph, Node, topological

__all__ = [
    "Column",
    "Flag",
    "Program",
    "Recurrence",
    "Slot",
    "Switch",
    "differentiate",
    "directional",
    "needed",
    "switches",
]


@dataclass(frozen=True)
class Column:
    """How a learner reads a data column: as real numbers (`options` is None), or as codes 0..options-1."""

    name: str
    options: int | None = None


@dataclass(frozen=True)
class Flag:
    """A truth value a trial: ``present`` (column `name` is not missing), or ``reset`` (a new `name` begins here)."""

    meaning: Literal["present", "reset"]
    name: str


@dataclass(frozen=True)
class Recurrence:
    """A traced learner: see the module's equations."""

    graph: Graph
    parameters: tuple[str, ...]
    state: tuple[Node, ...]  # the symbols s_t, in order
    initial: tuple[Node, ...]  # init(θ), one each
    update: tuple[Node, ...]  # update(s_t, θ, d_t), one each
    log_likelihood: Node
    chance: Node  # log-likelihood of the trial's choices, had they been made uniformly at random
    scored: Node  # how many choices of the trial enter the likelihood
    choices_only: bool  # whether choices are all that is observed
    records: Mapping[str, Node]  # trial-wise quantities that the learner names
    data: tuple[Node, ...]  # the data leaves, whose payloads are a Column or a Flag


@dataclass(frozen=True)
class Slot:
    """One number (or array in memory) that is carried from trial to trial."""

    symbol: Node
    initial: Node
    update: Node


@dataclass(frozen=True, eq=False)
class Program:
    """What one pass over the trials computes; equal to itself only, so that what is made of it can be kept.

    ``value``, ``gradient`` (K entries) and ``hessian`` (lower triangle, row by row, K(K+1)/2 entries) are summed over
    trials, with respect to the parameters in their natural units; empty where the order is below.
    """

    recurrence: Recurrence
    order: int
    slots: tuple[Slot, ...]
    value: Node
    gradient: tuple[Node, ...]
    hessian: tuple[Node, ...]

    @property
    def summed(self) -> tuple[Node, ...]:
        """All nodes that are summed over trials: value, gradient, Hessian."""
        return (self.value, *self.gradient, *self.hessian)


class Differentiator:
    """Total derivatives along one parameter, given which state symbols have which sensitivities.

    Parameters
    ----------
    graph : Graph
    tangents : mapping
        (serial number of a leaf, k) → its derivative along parameter k; absent means zero.
    """

    def __init__(self, graph: Graph, tangents: Mapping[tuple[int, int], Node]) -> None:
        self._zero = graph.constant(0.0)
        self._graph = graph
        self._known: dict[tuple[int, int], Node] = dict(tangents)

    def __call__(self, node: Node, k: int) -> Node:
        """Return d node / dθ_k."""
        known = self._known
        stack = [node]
        while stack:
            part = stack[-1]
            if (part.serial, k) in known:
                stack.pop()
                continue
            waiting = [a for a in part.args if (a.serial, k) not in known]
            if waiting:
                stack.extend(waiting)
            else:
                known[part.serial, k] = self._rule(part, k)
                stack.pop()
        return known[node.serial, k]

    def _rule(self, node: Node, k: int) -> Node:
        rule = RULES.get(node.op)
        zero = self._graph.constant(0.0, node.size) if node.size else self._zero
        if rule is None:
            return zero
        tangents = tuple(self._known[a.serial, k] for a in node.args)
        if all(t.is_constant(0.0) for t, a in zip(tangents, node.args, strict=True) if a.kind == "real"):
            return zero
        return rule(node, tangents)


def differentiate(recurrence: Recurrence, order: int) -> Program:
    """Extend a recurrence by its sensitivities to each parameter.

    Parameters
    ----------
    recurrence : Recurrence
    order : {0, 1, 2}
        0: value only; 1: and gradient; 2: and Hessian.

    Returns
    -------
    Program
    """
    return _differentiated(recurrence, order, _parameter_tangents(recurrence))


def directional(recurrence: Recurrence) -> Program:
    """Extend a recurrence by its first and second derivative along one direction d, each lane's own.

    The program's ``gradient`` is Σ_k d_k ∂_k ℓ and its ``hessian`` Σ_kl d_k d_l ∂_kl ℓ, one entry each; it reads d_k as
    parameter K + k.
    """
    size = len(recurrence.parameters)
    leaves = [recurrence.graph.leaf("parameter", k) for k in range(2 * size)]
    return _differentiated(recurrence, 2, {(leaves[k].serial, DIRECTION): leaves[size + k] for k in range(size)})


def _differentiated(r: Recurrence, order: int, parameters: Tangents) -> Program:
    """Extend a recurrence by its derivatives along the directions that the parameters' tangents have."""
    directions = sorted({k for _serial, k in parameters})
    slots = [Slot(s, i, u) for s, i, u in zip(r.state, r.initial, r.update, strict=True)]
    gradient: tuple[Node, ...] = ()
    hessian: tuple[Node, ...] = ()
    if order >= 1:
        along, first, tangents = _first_order(r, parameters)
        slots += [first[key] for key in sorted(first)]
        gradient = tuple(along(r.log_likelihood, k) for k in directions)
    if order >= 2:
        twice, second = _second_order(r, parameters, along, first, tangents)
        slots += [second[key] for key in sorted(second)]
        hessian = tuple(twice(g, m) for k, g in zip(directions, gradient, strict=True) for m in directions if m <= k)
    return Program(r, order, tuple(slots), r.log_likelihood, gradient, hessian)


def needed(slots: Sequence[Slot], outputs: Iterable[Node]) -> list[Slot]:
    """Return the slots on which the outputs depend, directly or through other slots."""
    by_symbol = {slot.symbol.serial: slot for slot in slots}
    known: dict[int, Slot] = {}
    roots = list(outputs)
    while roots:
        found = [by_symbol[n.serial] for n in topological(roots) if n.serial in by_symbol and n.serial not in known]
        known.update((slot.symbol.serial, slot) for slot in found)
        roots = [slot.update for slot in found]
    return [slot for slot in slots if slot.symbol.serial in known]


@dataclass(frozen=True)
class Switch:
    """Where a learner switches between two expressions: the sign of `margin` decides, `gradient` is ∂margin/∂θ."""

    margin: Node
    gradient: tuple[Node, ...]


def switches(recurrence: Recurrence) -> tuple[Switch, ...]:
    """Return every switch (`where`, `max`, `abs`) whose condition depends on the parameters.

    The derivatives of a learner are one-sided where a margin is zero. Evaluate these with a program of order 1 or more.
    """
    r = recurrence
    along, _slots, _tangents = _first_order(r, _parameter_tangents(r))
    found = []
    for node in topological([*r.update, r.log_likelihood]):
        if node.op in ("ge", "gt", "eq"):
            margin = build.subtract(*node.args)
            gradient = tuple(along(margin, k) for k in range(len(r.parameters)))
            if not all(g.is_constant(0.0) for g in gradient):
                found.append(Switch(margin, gradient))
    return tuple(found)


Tangents = dict[tuple[int, int], Node]
"""(Serial number of a leaf, direction) → its derivative along the direction."""

DIRECTION = -1
"""Stands where the number of a parameter does else, for derivatives along one direction."""


def _parameter_tangents(r: Recurrence) -> Tangents:
    one = r.graph.constant(1.0)
    return {(r.graph.leaf("parameter", k).serial, k): one for k in range(len(r.parameters))}


def _sensitivity(r: Recurrence, i: int, *along: int) -> Node:
    """Return the symbol of a sensitivity of state i; mixed second derivatives have one symbol for both orders."""
    name = (r.state[i].payload, *sorted(along, reverse=True))
    return r.graph.leaf("state", name, size=r.state[i].size)


def _first_order(r: Recurrence, parameters: Tangents) -> tuple[Differentiator, dict[tuple[int, int], Slot], Tangents]:
    at_start = Differentiator(r.graph, parameters)
    directions = sorted({k for _serial, k in parameters})
    pairs = [(i, k) for i in range(len(r.state)) for k in directions]
    initial = {(i, k): at_start(r.initial[i], k) for i, k in pairs}
    present = {pair for pair in pairs if not initial[pair].is_constant(0.0)}
    while True:
        tangents = dict(parameters)
        tangents.update({(r.state[i].serial, k): _sensitivity(r, i, k) for i, k in present})
        along = Differentiator(r.graph, tangents)
        updates = {(i, k): along(r.update[i], k) for i, k in pairs}
        new = {pair for pair in pairs if pair not in present and not updates[pair].is_constant(0.0)}
        if not new:
            break
        present |= new
    slots = {(i, k): Slot(_sensitivity(r, i, k), initial[i, k], updates[i, k]) for i, k in present}
    return along, slots, tangents


def _second_order(
    r: Recurrence,
    parameters: Tangents,
    along: Differentiator,
    first: Mapping[tuple[int, int], Slot],
    tangents: Tangents,
) -> tuple[Differentiator, dict[tuple[int, int, int], Slot]]:
    at_start = Differentiator(r.graph, parameters)
    directions = sorted({k for _serial, k in parameters})
    triples = [(i, k, m) for i, k in first for m in directions if m <= k]
    initial = {(i, k, m): at_start(first[i, k].initial, m) for i, k, m in triples}
    present = {t for t in triples if not initial[t].is_constant(0.0)}
    while True:
        both = dict(tangents)
        for i, k in first:
            for m in directions:
                if (i, max(k, m), min(k, m)) in present:
                    both[first[i, k].symbol.serial, m] = _sensitivity(r, i, k, m)
        twice = Differentiator(r.graph, both)
        updates = {(i, k, m): twice(first[i, k].update, m) for i, k, m in triples}
        new = {t for t in triples if t not in present and not updates[t].is_constant(0.0)}
        if not new:
            break
        present |= new
    return twice, {t: Slot(_sensitivity(r, *t), initial[t], updates[t]) for t in present}
