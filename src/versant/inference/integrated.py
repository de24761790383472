"""The integrated marginal likelihood of a group as a surface: nodes that move with the group's parameters.

Nodes serve only near the y = (b, L) that they were placed for (`versant.inference.nodes`). At every y the subjects'
modes are found anew, a first rule is placed there by Laplace's approximation, and the rule itself by the moments that
the first one finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from versant.inference.laplace import Laplace
from versant.inference.marginal import Marginal
from versant.inference.nodes import Nodes
from versant.inference.reference import Reference
from versant.inference.rules import ORDERS, Rule

__all__ = ["IntegratedSurface", "reference_for"]

Array = NDArray[Any]


def reference_for(marginal: Marginal, y: Array, laplace: Laplace) -> Reference | None:
    """Return the control variate of a quasi-random rule; product rules need none."""
    return None if marginal.spread.size in ORDERS else Reference(laplace, marginal.priors(y))


@dataclass
class IntegratedSurface:
    """The integrated marginal likelihood with nodes that move: a `versant.inference.polish.Surface`."""

    marginal: Marginal
    modes: Array  # (N, K), where the search for the subjects' modes begins
    first: Rule
    rule: Rule
    _last: tuple[bytes, Nodes, Laplace] | None = field(default=None, repr=False)

    @property
    def tolerance(self) -> float:
        """What another step must promise: quasi-random nodes make less than this of no worth."""
        return 1e-4 if self.marginal.spread.size in ORDERS else 5e-3

    def nodes(self, y: Array) -> Nodes:
        """Return the nodes that belong to y."""
        return self._at(y)[1]

    def laplace(self, y: Array) -> Laplace:
        """Return the subjects' Laplace approximations at y."""
        return self._at(y)[2]

    def value(self, y: Array) -> float:
        """Return Σ_n L_n."""
        return float(self.nodes(y).evidence(y).sum())

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        return self.nodes(y).score(y)

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        return self.nodes(y).information(y)

    def _at(self, y: Array) -> tuple[bytes, Nodes, Laplace]:
        key = y.tobytes()
        if self._last is None or self._last[0] != key:
            found = self.marginal.laplace(y, self.modes)
            first = Nodes.placed(self.marginal, y, found.modes, found.covariance, self.first)
            known = reference_for(self.marginal, y, found)
            nodes = Nodes.placed(self.marginal, y, *first.matched(y, found), self.rule, None, known)
            self.modes, self._last = found.modes, (key, nodes, found)
        return self._last
