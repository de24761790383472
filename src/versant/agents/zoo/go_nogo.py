"""Orthogonalised go/no-go: action, valence and Pavlovian bias (Guitart-Masip et al. 2012; Cavanagh et al. 2013).

Each of four cues asks for a press or for none, to win or to avoid losing. With r the outcome, scaled by a sensitivity
rho, and c the cue:

    weight of going       W = G_c - N_c + b + pi V_c
    choice                P(press) = (1 - xi) σ(W) + xi/2
    value of the act      G_c ← G_c + ep (rho r - G_c) after a press, N_c likewise after none
    value of the cue      V_c ← V_c + ep (rho r - V_c)

All values start at zero. `gng_m1` has neither b nor pi, `gng_m2` has b, `gng_m3` both; `gng_m4` also scales outcomes
r ≥ 0 by rhoRew and losses by rhoPun.

Pavlovian–instrumental transfer, `pit` (Huys et al. 2011): the value v of a Pavlovian stimulus in the background,
learned before and known (``pavlovian``), takes the place of V_c, and rho weighs G_c - N_c instead of outcomes.

Parameters: `xi` (lapse), `ep` (rate) in (0, 1); `b` (bias to go), `pi` (Pavlovian bias) real; `rho`, `rhoRew`, `rhoPun`
> 0. Columns: ``cue`` (1 to 4; of `pit` as many as there are), ``keyPressed`` (0, 1), ``reward`` (or
``outcome``), and for `pit` ``pavlovian``. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``value``, that of the act done before it learns, and its ``prediction_error``; except for `pit` also
``cue_value`` and ``cue_prediction_error``.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import positive, real, unit
from versant.agents.parts import delta_rule
from versant.expressions.functions import where, zeros

__all__ = ["gng_m1", "gng_m2", "gng_m3", "gng_m4", "pit"]

_LAPSE = unit.with_prior(mean=-2.5, sd=1.0)
_TASK: dict[str, Any] = {
    "state": {"act": zeros(2, 4), "cue_value": zeros(4)},
    "columns": {"reward": "outcome"},
    "choices": {"cue": (1, 2, 3, 4), "keyPressed": (0, 1)},
}


def _trial(p: Any, s: Any, t: Any, bias: Any, pavlovian: Any, outcome: Any) -> None:
    cue = t.cue
    weight = s.act[1, cue] - s.act[0, cue] + bias + pavlovian * s.cue_value[cue]
    pressed = t.choose("keyPressed", weight, lapse=p.xi)
    target = outcome(t.reward)
    t.record("value", s.act[pressed, cue])
    t.record("cue_value", s.cue_value[cue])
    t.record("cue_prediction_error", delta_rule(s.cue_value, cue, target, p.ep))
    t.record("prediction_error", delta_rule(s.act, (pressed, cue), target, p.ep))


@learner(xi=_LAPSE, ep=unit, rho=positive, **_TASK)
def gng_m1(p: Any, s: Any, t: Any) -> None:
    """Learning of acts, with lapse."""
    _trial(p, s, t, 0.0, 0.0, lambda r: p.rho * r)


@learner(xi=_LAPSE, ep=unit, b=real, rho=positive, **_TASK)
def gng_m2(p: Any, s: Any, t: Any) -> None:
    """And a bias `b` to go."""
    _trial(p, s, t, p.b, 0.0, lambda r: p.rho * r)


@learner(xi=_LAPSE, ep=unit, b=real, pi=real, rho=positive, **_TASK)
def gng_m3(p: Any, s: Any, t: Any) -> None:
    """And a Pavlovian bias `pi`: the cue's value invites going."""
    _trial(p, s, t, p.b, p.pi, lambda r: p.rho * r)


@learner(xi=_LAPSE, ep=unit, b=real, pi=real, rhoRew=positive, rhoPun=positive, **_TASK)
def gng_m4(p: Any, s: Any, t: Any) -> None:
    """And separate sensitivities for rewards and losses."""
    _trial(p, s, t, p.b, p.pi, lambda r: where(r >= 0, p.rhoRew, p.rhoPun) * r)


@learner(
    xi=_LAPSE,
    ep=unit,
    b=real,
    pi=real,
    rho=positive,
    state=lambda p, n: {"act": zeros(2, n.cue)},
    columns=_TASK["columns"],
    choices={"keyPressed": (0, 1)},
)
def pit(p: Any, s: Any, t: Any) -> None:
    """Pavlovian–instrumental transfer: the background's value invites going with weight `pi`."""
    weight = p.rho * (s.act[1, t.cue] - s.act[0, t.cue]) + p.b + p.pi * t.pavlovian
    pressed = t.choose("keyPressed", weight, lapse=p.xi)
    t.record("value", s.act[pressed, t.cue])
    t.record("prediction_error", delta_rule(s.act, (pressed, t.cue), t.reward, p.ep))
