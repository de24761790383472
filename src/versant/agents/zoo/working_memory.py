"""Reinforcement learning and working memory in stimulus–action learning (Collins & Frank 2012; Collins 2018).

In a block, n_s stimuli are to be matched with one of three actions. With stimulus i, action a and reward r (0, 1):

    slow       Q_ia ← Q_ia + A (r - Q_ia),   A = alpha if r = 1, else neg alpha
    memory     W_ia ← r if r = 1, else W_ia + neg (r - W_ia);   then W ← W + phi (⅓ - W) for every entry, before that
    weight     w = rho min(1, K/n_s)
    choice     p = (1 - eps) [w softmax(50 W_i + kappa C_i) + (1 - w) softmax(50 Q_i + kappa C_i)] + eps/3

with C_ia = 1 for the action last taken for stimulus i (perseveration), 0 otherwise. All values start at ⅓ in each
block; memory decays before it is written.

Parameters: `alpha`, `neg` (learning from failure), `phi` (decay), `rho` (trust in memory), `eps` (lapse) in (0, 1); `K`
(capacity) in (0, 6); `kappa` real. Columns: ``stimulus``, ``set_size``, ``choice`` (3 actions), ``reward`` (or
``outcome``), ``block``.

Records: ``weight_of_memory``, w; ``value``, Q of the action taken before it learns; ``prediction_error``, r - Q.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, real, unit
from versant.agents.parts import delta_rule
from versant.expressions.functions import minimum, one_hot, softmax, where, zeros

__all__ = ["rlwm"]

_ACTIONS = 3
_HEAT = 50.0


def _values(p: Any, n: Any) -> dict[str, Any]:
    shape = (n.stimulus, _ACTIONS)
    return {"Q": zeros(*shape) + 1 / _ACTIONS, "W": zeros(*shape) + 1 / _ACTIONS, "C": zeros(*shape)}


@learner(
    alpha=unit,
    neg=unit,
    phi=unit,
    rho=unit,
    K=interval(0, 6),
    kappa=real,
    eps=unit.with_prior(mean=-3.0, sd=1.0),
    state=_values,
    reset={"block": ("Q", "W", "C")},
    columns={"reward": "outcome"},
    choices={"choice": (0, 1, 2)},
)
def rlwm(p: Any, s: Any, t: Any) -> None:
    """A slow learner and a fast memory of limited capacity `K`."""
    i, share = t.stimulus, p.rho * minimum(1.0, p.K / t.set_size)
    stay = p.kappa * s.C[i]
    mixed = share * softmax(_HEAT * s.W[i] + stay) + (1 - share) * softmax(_HEAT * s.Q[i] + stay)
    a = t.choose("choice", probabilities=mixed, lapse=p.eps)
    t.record("weight_of_memory", share)
    learned = where(t.reward > 0, 1.0, p.neg)
    t.record("value", s.Q[i, a])
    t.record("prediction_error", delta_rule(s.Q, (i, a), t.reward, p.alpha * learned))
    s.W = s.W + p.phi * (1 / _ACTIONS - s.W)
    delta_rule(s.W, (i, a), t.reward, learned)
    s.C[i] = one_hot(a, _ACTIONS)
