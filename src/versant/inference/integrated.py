"""The integrated marginal likelihood of a group as a surface: nodes at rest, moved between ascents.

Nodes serve only near the y = (b, L) that they were placed for (`versant.inference.nodes`), as long as enough of them
carry the weight. With the nodes at rest the surface is smooth and its derivatives exact, whatever the error of the
rule, and it costs no likelihoods: Newton's method climbs to its maximum. There every subject's nodes are placed anew
by the moments that the old ones find, and so on until nothing moves (Monte-Carlo maximum likelihood).

Sources: Geyer & Thompson 1992; Pinheiro & Bates 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.group_verdict import largest_gain
from versant.inference.laplace import Laplace
from versant.inference.marginal import Marginal
from versant.inference.mixture import Mixture
from versant.inference.nodes import Nodes
from versant.inference.polish import Point, Regularised, ascend, at_maximum
from versant.inference.reference import Reference
from versant.inference.rules import Lattice, Rule

__all__ = ["Integral", "IntegratedSurface", "integrated_ascent"]

Array = NDArray[Any]

SERVING = 0.5
"""Nodes serve while this share of those that carried the weight still does, in the geometric mean over subjects."""

ADAPTATIONS = 4
"""Of a proposal, before the first ascent."""

PLACEMENTS, LAST_PLACEMENTS = 8, 16
"""How often nodes are moved, at most: before and after the means are held."""

STEPS, LAST_STEPS = 3, 30
"""Newton steps between two placements of a lattice, and after the last or of a product rule."""


@dataclass(frozen=True)
class Integral:
    """The marginal likelihood by one rule, and by another to judge it by."""

    nodes: Nodes
    other: Nodes

    @classmethod
    def checked(
        cls, marginal: Marginal, y: Array, nodes: Nodes, laplace: Laplace, rule: Rule | Lattice, engine: Engine | None
    ) -> Integral:
        """Place another rule at y, if need be evaluated by another engine."""
        return cls(nodes, _moved(marginal, y, nodes, laplace, rule, engine))

    def gap(self, y: Array) -> float:
        """Return by how much the log evidences differ."""
        return abs(float(self.other.evidence(y).sum() - self.nodes.evidence(y).sum()))

    def score(self, y: Array) -> Array:
        """Return the score by the other rule."""
        return self.other.score(y)


@dataclass
class IntegratedSurface:
    """The marginal likelihood by nodes at rest: a `versant.inference.polish.Surface`."""

    nodes: Nodes
    placed_at: Array  # y that they were placed for
    tolerance: float = 1e-4

    @cached_property
    def _carrying(self) -> Array:
        return self.nodes.carrying(self.placed_at)

    def value(self, y: Array) -> float:
        """Return Σ_n L_n; minus infinity where the nodes do not serve."""
        kept = float(np.log(self.nodes.carrying(y) / self._carrying).mean())
        return float(self.nodes.evidence(y).sum()) if kept > np.log(SERVING) else -np.inf

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        return self.nodes.score(y)

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        return self.nodes.information(y)


def _placed(marginal: Marginal, y: Array, laplace: Laplace, rule: Rule | Lattice) -> Nodes:
    """Return first nodes, by Laplace's approximation."""
    if isinstance(rule, Rule):
        return Nodes.placed(marginal, y, laplace.modes, laplace.covariance, rule)
    nodes = Nodes.drawn(marginal, y, Mixture.around(laplace, marginal.priors(y)), rule)
    for _ in range(ADAPTATIONS):
        nodes = Nodes.drawn(marginal, y, nodes.adapted(y), rule)
    return nodes


def _moved(
    marginal: Marginal, y: Array, old: Nodes, laplace: Laplace, rule: Rule | Lattice, engine: Engine | None = None
) -> Nodes:
    """Return a rule placed by what `old` nodes find at y; a lattice has a control variate."""
    if isinstance(rule, Rule):
        return Nodes.placed(marginal, y, *old.matched(y, laplace), rule, engine)
    known = Reference.of(*old.moments(y), marginal.priors(y))
    return Nodes.drawn(marginal, y, old.adapted(y), rule, engine, known)


def integrated_ascent(
    marginal: Marginal,
    y: Array,
    laplace: Laplace,
    rules: Sequence[Rule | Lattice],
    regularised: bool,
) -> tuple[list[Point], Nodes]:
    """Climb to the maximum; return the points on the way, and the nodes by which the last one is it.

    Parameters
    ----------
    marginal : Marginal
    y : array
        Where to begin.
    laplace : Laplace
        The subjects' approximations there.
    rules : sequence of Rule or Lattice
        The one by which the other is placed first, and that.
    regularised : bool
        With the prior on the covariance.
    """
    first, rule = rules
    nodes, way = _placed(marginal, y, laplace, first), []
    for left in reversed(range(PLACEMENTS if marginal.centre is None else LAST_PLACEMENTS)):
        nodes = _moved(marginal, y, nodes, laplace, rule)
        resting = IntegratedSurface(nodes, y)
        surface = Regularised(resting, marginal) if regularised else resting
        start = surface.value(y)
        steps = ascend(surface, y, STEPS if isinstance(rule, Lattice) else LAST_STEPS)
        way += steps
        if not steps:
            break
        y = steps[-1].y
        near = steps[-1].value - start < largest_gain(len(y))
        if isinstance(rule, Lattice) and (near or not left):
            way += ascend(surface, y, LAST_STEPS)
            y = way[-1].y
            if at_maximum(surface, y):
                break
        laplace = marginal.laplace(y, laplace.modes)
    return way, nodes
