"""Bandits whose options bring a gain and a loss on every trial (Seymour et al. 2012; Aylward et al. 2019).

Gains g ≥ 0 and losses l ≥ 0 (read as magnitudes, whatever their sign in the file) are learned apart, with sensitivities
R, P and rates A_rew, A_pun; the value of an option is Qr + Qp, at first 0. After option a

    Qr_a ← Qr_a + A_rew (R g - Qr_a)        Qp_a ← Qp_a + A_pun (-P l - Qp_a)
    Qr_k ← (1 - A_rew) Qr_k                  Qp_k ← (1 - A_pun) Qp_k            for the options not chosen
    p(k) = (1 - ξ) softmax(Qr + Qp)_k + ξ/n                                      ξ: lapse

==============================  ==============================================================================
`bandit4arm_4par`               Arew, Apun in (0, 1); R, P in (0, 30); no lapse
`bandit4arm_lapse`              and xi in (0, 1)
`bandit4arm_2par_lapse`         R = P = 1
`bandit4arm_singleA_lapse`      one rate A
`bandit4arm_lapse_decay`        options not chosen decay by d instead: Qr_k ← (1 - d) Qr_k, Qp_k ← (1 - d) Qp_k
`banditNarm_…`                  the same for as many options as the column ``choice`` has
`banditNarm_delta`              Q_a ← Q_a + A (g - l - Q_a), p = softmax(tau Q), tau in (0, 5)
==============================  ==============================================================================

Columns: ``choice``, ``gain``, ``loss``. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``value``, Qr + Qp of the chosen option before it learns; ``gain_prediction_error``, R g - Qr, and
``loss_prediction_error``, -P l - Qp, their sum being ``prediction_error``; `banditNarm_delta` has no parts.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.agents.parts import delta_rule, keep_only
from versant.expressions.functions import zeros

__all__ = [
    "bandit4arm_2par_lapse",
    "bandit4arm_4par",
    "bandit4arm_lapse",
    "bandit4arm_lapse_decay",
    "bandit4arm_singleA_lapse",
    "banditNarm_2par_lapse",
    "banditNarm_4par",
    "banditNarm_delta",
    "banditNarm_lapse",
    "banditNarm_lapse_decay",
    "banditNarm_singleA_lapse",
]

_SENSITIVITY = interval(0, 30)
_LAPSE = unit.with_prior(mean=-2.5, sd=1.0)
_FOUR: dict[str, Any] = {"state": {"Qr": zeros(4), "Qp": zeros(4)}, "choices": {"choice": (1, 2, 3, 4)}}
_ANY: dict[str, Any] = {"state": lambda p, n: {"Qr": zeros(n.choice), "Qp": zeros(n.choice)}, "choices": {}}


def _learn(s: Any, t: Any, a: Any, rates: tuple[Any, Any], weights: tuple[Any, Any], kept: tuple[Any, Any]) -> None:
    """Learn gain and loss of option `a`; the values of the others shrink to the shares `kept`."""
    t.record("value", s.Qr[a] + s.Qp[a])
    of_gain = delta_rule(s.Qr, a, weights[0] * t.gain, rates[0])
    of_loss = delta_rule(s.Qp, a, -weights[1] * abs(t.loss), rates[1])
    t.record("gain_prediction_error", of_gain)
    t.record("loss_prediction_error", of_loss)
    t.record("prediction_error", of_gain + of_loss)
    s.Qr = keep_only(s.Qr, a, kept[0])
    s.Qp = keep_only(s.Qp, a, kept[1])


@learner(Arew=unit, Apun=unit, R=_SENSITIVITY, P=_SENSITIVITY, **_FOUR)
def bandit4arm_4par(p: Any, s: Any, t: Any) -> None:
    """Rates `Arew`, `Apun` and sensitivities `R`, `P` for gains and losses; options not chosen are forgotten."""
    a = t.choose("choice", s.Qr + s.Qp)
    _learn(s, t, a, (p.Arew, p.Apun), (p.R, p.P), (1 - p.Arew, 1 - p.Apun))


@learner(Arew=unit, Apun=unit, R=_SENSITIVITY, P=_SENSITIVITY, xi=_LAPSE, **_FOUR)
def bandit4arm_lapse(p: Any, s: Any, t: Any) -> None:
    """As `bandit4arm_4par`, with lapse `xi`."""
    a = t.choose("choice", s.Qr + s.Qp, lapse=p.xi)
    _learn(s, t, a, (p.Arew, p.Apun), (p.R, p.P), (1 - p.Arew, 1 - p.Apun))


@learner(Arew=unit, Apun=unit, xi=_LAPSE, **_FOUR)
def bandit4arm_2par_lapse(p: Any, s: Any, t: Any) -> None:
    """As `bandit4arm_lapse`, with sensitivities of one."""
    a = t.choose("choice", s.Qr + s.Qp, lapse=p.xi)
    _learn(s, t, a, (p.Arew, p.Apun), (1.0, 1.0), (1 - p.Arew, 1 - p.Apun))


@learner(A=unit, R=_SENSITIVITY, P=_SENSITIVITY, xi=_LAPSE, **_FOUR)
def bandit4arm_singleA_lapse(p: Any, s: Any, t: Any) -> None:
    """As `bandit4arm_lapse`, with the same rate `A` for gains and losses."""
    a = t.choose("choice", s.Qr + s.Qp, lapse=p.xi)
    _learn(s, t, a, (p.A, p.A), (p.R, p.P), (1 - p.A, 1 - p.A))


@learner(Arew=unit, Apun=unit, R=_SENSITIVITY, P=_SENSITIVITY, xi=_LAPSE, d=unit, **_FOUR)
def bandit4arm_lapse_decay(p: Any, s: Any, t: Any) -> None:
    """As `bandit4arm_lapse`, but the options not chosen decay at the rate `d`."""
    a = t.choose("choice", s.Qr + s.Qp, lapse=p.xi)
    _learn(s, t, a, (p.Arew, p.Apun), (p.R, p.P), (1 - p.d, 1 - p.d))


@learner(A=unit, tau=interval(0, 5), state=lambda p, n: {"ev": zeros(n.choice)})
def banditNarm_delta(p: Any, s: Any, t: Any) -> None:
    """Delta rule on gain minus loss with rate `A` and inverse temperature `tau`."""
    a = t.choose("choice", p.tau * s.ev)
    t.record("value", s.ev[a])
    t.record("prediction_error", delta_rule(s.ev, a, t.gain - abs(t.loss), p.A))


banditNarm_4par = bandit4arm_4par.variant("banditNarm_4par", **_ANY)
banditNarm_lapse = bandit4arm_lapse.variant("banditNarm_lapse", **_ANY)
banditNarm_2par_lapse = bandit4arm_2par_lapse.variant("banditNarm_2par_lapse", **_ANY)
banditNarm_singleA_lapse = bandit4arm_singleA_lapse.variant("banditNarm_singleA_lapse", **_ANY)
banditNarm_lapse_decay = bandit4arm_lapse_decay.variant("banditNarm_lapse_decay", **_ANY)
