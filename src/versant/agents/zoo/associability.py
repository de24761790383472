"""Learning at a rate that follows surprise (Pearce & Hall 1980), in the hybrid form of Li et al. (2011).

With prediction error δ = r - Q_a and associability α_a, at first 1:

    Q_a ← Q_a + kappa α_a δ,     α_a ← eta |δ| + (1 - eta) α_a,     p = softmax(beta Q)

Parameters: `kappa`, `eta` in (0, 1); `beta` > 0. Columns: ``choice``, ``reward`` (or ``outcome``).

Records: ``value``, ``prediction_error``, ``associability`` (of the chosen option, before it learns).
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import positive, unit
from versant.expressions.functions import ones, zeros

__all__ = ["pearce_hall"]


@learner(
    kappa=unit,
    eta=unit,
    beta=positive,
    state=lambda p, n: {"Q": zeros(n.choice), "alpha": ones(n.choice)},
    columns={"reward": "outcome"},
)
def pearce_hall(p: Any, s: Any, t: Any) -> None:
    """Associability `eta`-averages the size of past prediction errors; `kappa` scales it to a rate."""
    a = t.choose("choice", p.beta * s.Q)
    delta = t.reward - s.Q[a]
    t.record("value", s.Q[a])
    t.record("prediction_error", delta)
    t.record("associability", s.alpha[a])
    s.Q[a] += p.kappa * s.alpha[a] * delta
    s.alpha[a] += p.eta * (abs(delta) - s.alpha[a])
