"""Choices with their reaction times: diffusions and races (names as in hBayesDM; Ahn, Haines & Zhang 2017).

Densities: `versant.agents.wiener` (Ratcliff 1978) and `versant.agents.ballistic` (Brown & Heathcote 2008).

`choiceRT_ddm`     boundaries alpha apart, bias beta, drift delta, non-decision time tau; ``choice`` 2 is the upper one
`choiceRT_lba`     race with start range A, threshold A + d, rates v11, v12 in condition 1 and v21, v22 in condition 2
                   for choices 1 and 2, non-decision time tau. As in hBayesDM, a density below 1e-10 counts as 1e-10;
                   `lba` has no such floor. (hBayesDM's program for one subject scores two trials a condition;
                   `choiceRT_lba_single` scores all.)

Learning of which of two options, in each of three conditions, is the better one (Pedersen, Frank & Biele 2017), with
``choice`` 1 at the upper boundary, no bias, and Q of option c in condition s at first ½:

`pstRT_ddm`        drift d1, d2, d3 by condition
`pstRT_rlddm1`     drift v (Q_s1 - Q_s2),  Q_sc ← Q_sc + alpha (r - Q_sc)
`pstRT_rlddm6`     and boundaries a (i/10)^bp apart on the i-th trial of the condition; rates alpha_pos where r > Q,
                   else alpha_neg

Parameters: `alpha` (of the diffusion), `a`, `tau`, `d`, `A`, `v11` … `v22` > 0; `beta`, rates `alpha`, `alpha_pos`,
`alpha_neg` in (0, 1); `bp` in (-.3, .3); `delta`, `v`, `d1`, `d2`, `d3` real. Columns: ``choice`` (1, 2), ``RT``
(seconds); ``condition`` (1, 2) of the race; ``cond`` (1 to 3), ``iter`` (number of the trial within its condition) and
``reward`` (or ``feedback``) of learning.

Records, of models that learn: ``drift``; ``value``, that of the chosen option before it learns; ``prediction_error``.
"""

from __future__ import annotations

from typing import Any

from versant.agents.ballistic import BallisticRace
from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, real, unit
from versant.agents.parts import delta_rule, power
from versant.agents.wiener import Wiener
from versant.expressions.functions import array, where

__all__ = [
    "choiceRT_ddm",
    "choiceRT_ddm_single",
    "choiceRT_lba",
    "choiceRT_lba_single",
    "lba",
    "pstRT_ddm",
    "pstRT_rlddm1",
    "pstRT_rlddm6",
]

_REST = positive.with_prior(mean=-2.2, sd=0.6)  # below the fastest responses: after them, the likelihood is zero
_BOUNDARY = positive.with_prior(mean=0.5, sd=0.7)
_CHOICE: dict[str, Any] = {"choices": {"choice": (1, 2)}}
_CONDITIONS: dict[str, Any] = {
    "columns": {"reward": "feedback"},
    "choices": {"choice": (1, 2), "cond": (1, 2, 3)},
}
_RACE: dict[str, Any] = {name: positive.with_prior(mean=0.7, sd=0.7) for name in ("v11", "v12", "v21", "v22")}
_NAMES: dict[str, Any] = {"v": (("v11", "v12"), ("v21", "v22"))} | {
    name.format(i, j): f"v{i}{j}" for name in ("v[{},{}]", "v_{}_{}") for i in (1, 2) for j in (1, 2)
}


@learner(alpha=_BOUNDARY, beta=unit, delta=real, tau=_REST, **_CHOICE)
def choiceRT_ddm(p: Any, s: Any, t: Any) -> None:
    """Wiener diffusion: boundary separation `alpha`, bias `beta`, drift `delta`, non-decision time `tau`."""
    t.respond("choice", "RT", Wiener(p.alpha, p.beta, p.delta, p.tau))


def _race(p: Any, t: Any, floor: float) -> None:
    first = t.condition == 0
    rates = [where(first, p.v11, p.v21), where(first, p.v12, p.v22)]
    t.respond("choice", "RT", BallisticRace(rates, p.A, p.d, p.tau, floor))


@learner(d=positive, A=positive, **_RACE, tau=_REST, synonyms=_NAMES, choices={"choice": (1, 2), "condition": (1, 2)})
def choiceRT_lba(p: Any, s: Any, t: Any) -> None:
    """Linear ballistic accumulators, with hBayesDM's floor under densities."""
    _race(p, t, 1e-10)


@learner(d=positive, A=positive, **_RACE, tau=_REST, synonyms=_NAMES, choices={"choice": (1, 2), "condition": (1, 2)})
def lba(p: Any, s: Any, t: Any) -> None:
    """Linear ballistic accumulators."""
    _race(p, t, 0.0)


@learner(a=_BOUNDARY, tau=_REST, d1=real, d2=real, d3=real, **_CONDITIONS)
def pstRT_ddm(p: Any, s: Any, t: Any) -> None:
    """A drift for each condition."""
    t.respond("choice", "RT", Wiener(p.a, 0.5, array([p.d1, p.d2, p.d3])[t.cond], p.tau, upper=0))


def _learn(s: Any, t: Any, c: Any, drift: Any, rate: Any) -> None:
    t.record("drift", drift)
    t.record("value", s.Q[t.cond, c])
    t.record("prediction_error", delta_rule(s.Q, (t.cond, c), t.reward, rate))


@learner(a=_BOUNDARY, tau=_REST, v=real, alpha=unit, state={"Q": [[0.5, 0.5]] * 3}, **_CONDITIONS)
def pstRT_rlddm1(p: Any, s: Any, t: Any) -> None:
    """Drift by the difference of learned values."""
    drift = p.v * (s.Q[t.cond, 0] - s.Q[t.cond, 1])
    c, _ = t.respond("choice", "RT", Wiener(p.a, 0.5, drift, p.tau, upper=0))
    _learn(s, t, c, drift, p.alpha)


@learner(
    a=_BOUNDARY,
    bp=interval(-0.3, 0.3),
    tau=_REST,
    v=real,
    alpha_pos=unit,
    alpha_neg=unit,
    state={"Q": [[0.5, 0.5]] * 3},
    **_CONDITIONS,
)
def pstRT_rlddm6(p: Any, s: Any, t: Any) -> None:
    """Boundaries that move with experience, and a rate for each sign of the prediction error."""
    drift = p.v * (s.Q[t.cond, 0] - s.Q[t.cond, 1])
    boundary = p.a * power(t.iter / 10, p.bp)
    c, _ = t.respond("choice", "RT", Wiener(boundary, 0.5, drift, p.tau, upper=0))
    _learn(s, t, c, drift, where(t.reward > s.Q[t.cond, c], p.alpha_pos, p.alpha_neg))


choiceRT_ddm_single = choiceRT_ddm.variant("choiceRT_ddm_single")
choiceRT_lba_single = choiceRT_lba.variant("choiceRT_lba_single")
