"""Probabilistic reversal learning between two options (names as in hBayesDM; Ahn, Haines & Zhang 2017).

Only the sign o of an outcome counts: 1, 0 or -1. a is the option chosen, b the other one; values start at zero.

Reward and punishment rates (den Ouden et al. 2013), `prl_rp`:

    Q_a ← Q_a + A (o - Q_a),   A = Arew if o > 0, else Apun;      p = softmax(beta Q)

Experience-weighted attraction (Camerer & Ho 1999; den Ouden et al. 2013), `prl_ewa`, with experience n_a:

    n'_a = rho n_a + 1,   Q_a ← (phi n_a Q_a + o) / n'_a,   n_a ← n'_a;      p = softmax(beta Q)

Fictitious update (Gläscher, Hampton & O'Doherty 2009), `prl_fictitious`: the other option learns the opposite outcome,

    δ = o - Q_a,   Q_a ← Q_a + eta δ,   Q_b ← Q_b + eta (-o - Q_b);      p(first) = σ(beta (Q_1 - Q_2 - alpha))

with indecision point alpha; `prl_fictitious_rp` takes the rate eta_pos for both options where δ ≥ 0, else eta_neg;
``_woa`` models lack alpha. Models named ``_multipleB`` begin with fresh values in every block.

Parameters: `Arew`, `Apun`, `phi`, `rho`, `eta`, `eta_pos`, `eta_neg` in (0, 1); `beta` in (0, 10); `alpha` real.
Columns: ``choice`` and ``reward`` (or ``outcome``); ``block`` for ``_multipleB``.

Records: ``value``, that of the chosen option before it learns; ``prediction_error``, δ, of which `prl_ewa` has none: it
records ``experience``, n_a. With fictitious updates also ``fictitious_value``, Q_b, and
``fictitious_prediction_error``, -o - Q_b.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, real, unit
from versant.agents.parts import by_sign, delta_rule, sign, update_other
from versant.expressions.functions import where, zeros

__all__ = [
    "prl_ewa",
    "prl_fictitious",
    "prl_fictitious_multipleB",
    "prl_fictitious_rp",
    "prl_fictitious_rp_woa",
    "prl_fictitious_woa",
    "prl_rp",
    "prl_rp_multipleB",
]

_HEAT = interval(0, 10)
_TASK: dict[str, Any] = {"columns": {"reward": "outcome"}, "choices": {"choice": (1, 2)}}


@learner(Apun=unit, Arew=unit, beta=_HEAT, state={"Q": zeros(2)}, **_TASK)
def prl_rp(p: Any, s: Any, t: Any) -> None:
    """Delta rule with rate `Arew` after rewards and `Apun` after all else."""
    a = t.choose("choice", p.beta * s.Q)
    outcome = sign(t.reward)
    t.record("value", s.Q[a])
    t.record("prediction_error", delta_rule(s.Q, a, outcome, where(outcome > 0, p.Arew, p.Apun)))


@learner(phi=unit, rho=unit, beta=_HEAT, state={"Q": zeros(2), "n": zeros(2)}, **_TASK)
def prl_ewa(p: Any, s: Any, t: Any) -> None:
    """Experience-weighted attraction: decay `phi` of what was learned, `rho` of experience."""
    a = t.choose("choice", p.beta * s.Q)
    before = s.n[a]
    t.record("value", s.Q[a])
    t.record("experience", before)
    s.n[a] = p.rho * before + 1
    s.Q[a] = (p.phi * before * s.Q[a] + sign(t.reward)) / s.n[a]


def _choose_first(p: Any, s: Any, t: Any, indecision: Any) -> Any:
    """Choose by the log-odds of the second option."""
    return t.choose("choice", -p.beta * (s.Q[0] - s.Q[1] - indecision))


def _learn_both(s: Any, t: Any, a: Any, rate: Any) -> None:
    """Learn the outcome for the option chosen and its opposite for the other; `rate` depends on δ of the former."""
    outcome = sign(t.reward)
    delta = outcome - s.Q[a]
    speed = rate(delta) if callable(rate) else rate
    t.record("value", s.Q[a])
    t.record("fictitious_value", s.Q[1 - a])
    delta_rule(s.Q, a, outcome, speed)
    t.record("prediction_error", delta)
    t.record("fictitious_prediction_error", update_other(s.Q, a, -outcome, speed))


@learner(eta=unit, alpha=real, beta=_HEAT, state={"Q": zeros(2)}, **_TASK)
def prl_fictitious(p: Any, s: Any, t: Any) -> None:
    """Fictitious update with rate `eta` and indecision point `alpha`."""
    _learn_both(s, t, _choose_first(p, s, t, p.alpha), p.eta)


@learner(eta_pos=unit, eta_neg=unit, alpha=real, beta=_HEAT, state={"Q": zeros(2)}, **_TASK)
def prl_fictitious_rp(p: Any, s: Any, t: Any) -> None:
    """Fictitious update with a rate for each sign of the chosen option's prediction error."""
    _learn_both(s, t, _choose_first(p, s, t, p.alpha), by_sign(p.eta_pos, p.eta_neg))


@learner(eta_pos=unit, eta_neg=unit, beta=_HEAT, state={"Q": zeros(2)}, **_TASK)
def prl_fictitious_rp_woa(p: Any, s: Any, t: Any) -> None:
    """As `prl_fictitious_rp`, without indecision point."""
    _learn_both(s, t, _choose_first(p, s, t, 0.0), by_sign(p.eta_pos, p.eta_neg))


@learner(eta=unit, beta=_HEAT, state={"Q": zeros(2)}, **_TASK)
def prl_fictitious_woa(p: Any, s: Any, t: Any) -> None:
    """As `prl_fictitious`, without indecision point."""
    _learn_both(s, t, _choose_first(p, s, t, 0.0), p.eta)


prl_rp_multipleB = prl_rp.variant("prl_rp_multipleB", reset={"block": ("Q",)})
prl_fictitious_multipleB = prl_fictitious.variant("prl_fictitious_multipleB", reset={"block": ("Q",)})
