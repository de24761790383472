"""Bandits: learning the value of options from the reward that follows each choice.

Delta rule (Rescorla & Wagner 1972; Sutton & Barto 2018, chapter 2): with prediction error δ = r - Q_a,

    Q_a ← Q_a + α δ           only the chosen option's value moves
    p(a) = softmax(β Q)_a     with Q before the trial's outcome

Variants: separate rates for δ ≥ 0 and δ < 0 (Frank et al. 2007), and perseveration κ, the tendency to repeat the last
choice whatever it brought (Lau & Glimcher 2005). Values start at zero.

`bandit2arm_delta` is the delta rule under the names of the hBayesDM toolbox (Ahn, Haines & Zhang 2017).

Columns: ``choice`` (options 0..n-1) and ``reward`` (number; ``outcome`` where there is no ``reward``).

Records, for `versant.latents`: ``value``, that of the chosen option before it learns, and ``prediction_error``, δ.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, real, unit
from versant.agents.parts import by_sign, delta_rule
from versant.expressions.functions import one_hot, zeros

__all__ = [
    "bandit2arm_delta",
    "q_learning",
    "q_learning_dual",
    "q_learning_dual_perseveration",
    "q_learning_perseveration",
]


_NAMES = {"reward": "outcome"}


def _values(p: Any, n: Any) -> dict[str, Any]:
    return {"Q": zeros(n.choice)}


def _values_and_trace(p: Any, n: Any) -> dict[str, Any]:
    return {"Q": zeros(n.choice), "C": zeros(n.choice)}


def _learn(values: Any, t: Any, a: Any, rate: Any) -> None:
    t.record("value", values[a])
    t.record("prediction_error", delta_rule(values, a, t.reward, rate))


@learner(alpha=unit, beta=positive, state=_values, columns=_NAMES)
def q_learning(p: Any, s: Any, t: Any) -> None:
    """Delta rule with learning rate `alpha`, softmax with inverse temperature `beta`."""
    a = t.choose("choice", p.beta * s.Q)
    _learn(s.Q, t, a, p.alpha)


@learner(alpha_pos=unit, alpha_neg=unit, beta=positive, state=_values, columns=_NAMES)
def q_learning_dual(p: Any, s: Any, t: Any) -> None:
    """Delta rule with rates `alpha_pos` where the prediction error is not negative, `alpha_neg` where it is."""
    a = t.choose("choice", p.beta * s.Q)
    _learn(s.Q, t, a, by_sign(p.alpha_pos, p.alpha_neg))


@learner(alpha=unit, beta=positive, kappa=real, state=_values_and_trace, columns=_NAMES)
def q_learning_perseveration(p: Any, s: Any, t: Any) -> None:
    """Delta rule; `kappa` is added to the preference for the option chosen last."""
    a = t.choose("choice", p.beta * s.Q + p.kappa * s.C)
    _learn(s.Q, t, a, p.alpha)
    s.C = one_hot(a, len(s.C))


@learner(alpha_pos=unit, alpha_neg=unit, beta=positive, kappa=real, state=_values_and_trace, columns=_NAMES)
def q_learning_dual_perseveration(p: Any, s: Any, t: Any) -> None:
    """Two learning rates by the sign of the prediction error, and perseveration."""
    a = t.choose("choice", p.beta * s.Q + p.kappa * s.C)
    _learn(s.Q, t, a, by_sign(p.alpha_pos, p.alpha_neg))
    s.C = one_hot(a, len(s.C))


@learner(
    A=unit,
    tau=interval(0, 5),
    state={"ev": zeros(2)},
    columns=_NAMES,
    choices={"choice": (1, 2)},
)
def bandit2arm_delta(p: Any, s: Any, t: Any) -> None:
    """Delta rule with learning rate `A` and inverse temperature `tau` < 5, for two options."""
    a = t.choose("choice", p.tau * s.ev)
    _learn(s.ev, t, a, p.A)
