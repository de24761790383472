"""`sqp`: sequential quadratic steps in the occupancy metric, with the curvature of each block from its last secant.

    θ⁺ = argmax  ∇f·d − ½ Σ_blocks h ‖d_block‖²   subject to   the simplices and the linearised budgets (elastic)

h is the curvature that the Lagrangian L = f − Σ λ_i e_i showed along the last step s of the block,

    h = − s·(∇L(θ) − ∇L(θ − s)) / ‖s‖²

where that is positive, held within a factor of the curvature of the natural step, usage / α; there are no other
directions in which a block is known. The step is taken, and its length α adapted, as in `natural` (an arc search: every
length gives another point of the arc θ⁺(α), not of a line).

Source: Wilson 1963, Han 1977 (sequential quadratic programming); Barzilai & Borwein 1988 (curvature by secants);
Bertsekas 1982 (arc search).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.optimise.simplex import Simplices
from versant.planning.natural import Natural
from versant.planning.protocol import State

__all__ = ["Sqp"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sqp(Natural):
    """Sequential quadratic programming with one curvature a block.

    Parameters
    ----------
    trust : float
        Factor by which a block's curvature may differ from that of the natural step.
    """

    trust: float = 10.0

    @property
    def name(self) -> str:
        """What users call it."""
        return "sqp"

    def metric(self, shape: Simplices, state: State) -> Array:
        """Weight of each block times the step length, (B, blocks)."""
        natural = self.weights(state.usage)
        square, bend = (
            np.concatenate([view.sum(axis=-1) for view in shape.views(product)], axis=-1)
            for product in (state.moved**2, -state.moved * state.turned)
        )
        known = (square > 0.0) & (bend > 0.0)
        ratio = np.where(known, bend, 1.0) / np.where(known, square, 1.0) * state.step[:, None] / natural
        return natural * np.where(known, np.clip(ratio, 1.0 / self.trust, self.trust), 1.0)
