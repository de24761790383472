"""The two-step task: model-based and model-free control (Daw, Gershman, Seymour, Dayan & Dolan 2011).

The first choice c leads to one of two states, the one named after it with probability .7; there a second choice earns a
reward r. Options of the second stage are numbered 1, 2 (first state) and 3, 4 (second state); k is the one chosen.

    planned    V_c = .7 max Q(own state) + .3 max Q(other state)
    first      logit P(c = 2) = beta1 [w (V_2 - V_1) + (1 - w)(M_2 - M_1)] + pi (last first choice: 1 if 2, -1 if 1)
    second     within the state, softmax(beta2 Q)
    learning   M_c ← M_c + a1 (Q_k - M_c)              Q_k before this trial's reward
               Q_k ← Q_k + a2 (r - Q_k)
               M_c ← M_c + lambda a1 (r - Q_k)         Q_k as just updated, as in hBayesDM (Ahn, Haines & Zhang 2017)

All values start at zero, and no choice came before the first.

Parameters: `a1`, `a2` (rates), `w` (weight of planning), `lambda` (eligibility) in (0, 1); `pi` in (0, 5),
perseveration; `beta1`, `beta2` > 0. `ts_par7` has them all; `ts_par6` sets lambda = 1; `ts_par4` also has one rate `a`
and one `beta` for both stages.

The log-likelihood that hBayesDM *reports* for its `ts_par4` moves M_c towards Q_k twice a trial, while the one it
samples from does so once. `ts_par4` is what is sampled, `ts_par4_reported` what is reported.

Columns: ``level1_choice`` (1, 2), ``level2_choice`` (1 to 4), ``reward``; ``state`` is computed where it is not there.

The hybrid of Daw et al. with *learned* transitions, as the CBM toolbox (Piray, Dezfouli, Heskes, Frank & Daw 2019)
states it, `two_step_hybrid`: the state named after the first choice counts as likely with probability .7 if transitions
so far were to it more often than not, .3 if less often, .5 if neither; and

    logit P(c) = beta1 [w (V_c - V_c') + (1 - w)(M_c - M_c')] + phi ([c chosen last] - [c' chosen last])

`two_step_model_based` has w = 1 (and no M), `two_step_model_free` has w = 0. Their parameters are `alpha1`, `alpha2`,
`lambda`, `w` in (0, 1), `beta1`, `beta2` > 0 (or `tau`, `beta`, as in CBM), `phi` real. Their columns are ``choice1``,
``choice2`` (1, 2: within the state), ``state`` (or ``state2``; 2, 3) and ``reward`` (or ``outcome``), where labels 1
and 2 of the latter mean a reward and none. Trials without a response are left out, as there.

Records: ``first_value``, M_c, and ``second_value``, Q_k, before they learn; ``first_prediction_error``, Q_k - M_c, and
``second_prediction_error``, r - Q_k. `two_step_model_based` has no first ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, real, unit
from versant.agents.parts import delta_rule
from versant.expressions.functions import one_hot, where, zeros

__all__ = [
    "ts_par4",
    "ts_par4_reported",
    "ts_par6",
    "ts_par7",
    "two_step_hybrid",
    "two_step_model_based",
    "two_step_model_free",
]

_COMMON = 0.7
_LAMBDA: dict[str, Any] = {"lambda": unit}
_TASK: dict[str, Any] = {
    "state": {"M": zeros(2), "Q": zeros(4), "last": 0.0},
    "columns": {"reward": "outcome"},
    "choices": {"level1_choice": (1, 2), "level2_choice": (1, 2, 3, 4), "state": (0, 1)},
    "derived": {"state": lambda t: where(t.level2_choice >= 2, 1, 0)},
}


def _trial(p: Any, s: Any, t: Any, rates: tuple[Any, Any, Any], heats: tuple[Any, Any]) -> None:
    """Choose twice and learn: M at the first rate from Q, Q at the second from the reward, M at the third from that."""
    best = [s.Q[:2].max(), s.Q[2:].max()]
    planned = (2 * _COMMON - 1) * (best[1] - best[0])
    net = p.w * planned + (1 - p.w) * (s.M[1] - s.M[0])
    c = t.choose("level1_choice", heats[0] * net + p.pi * s.last)
    first, second = 2 * t.state, 2 * t.state + 1
    k = t.choose("level2_choice", [heats[1] * s.Q[first], heats[1] * s.Q[second]], among=[first, second])
    t.record("first_value", s.M[c])
    t.record("second_value", s.Q[k])
    t.record("first_prediction_error", delta_rule(s.M, c, s.Q[k], rates[0]))
    t.record("second_prediction_error", delta_rule(s.Q, k, t.reward, rates[1]))
    s.M[c] += rates[2] * (t.reward - s.Q[k])
    s.last = 2 * c - 1


@learner(a=unit, beta=positive, pi=interval(0, 5), w=unit, **_TASK)
def ts_par4(p: Any, s: Any, t: Any) -> None:
    """One rate `a` and one inverse temperature `beta` for both stages; full eligibility."""
    _trial(p, s, t, (p.a, p.a, p.a), (p.beta, p.beta))


@learner(a=unit, beta=positive, pi=interval(0, 5), w=unit, **_TASK)
def ts_par4_reported(p: Any, s: Any, t: Any) -> None:
    """`ts_par4` as hBayesDM reports its log-likelihood: the first stage learns from the second twice a trial."""
    _trial(p, s, t, (p.a * (2 - p.a), p.a, p.a), (p.beta, p.beta))


@learner(a1=unit, beta1=positive, a2=unit, beta2=positive, pi=interval(0, 5), w=unit, **_TASK)
def ts_par6(p: Any, s: Any, t: Any) -> None:
    """A rate and an inverse temperature for each stage; full eligibility."""
    _trial(p, s, t, (p.a1, p.a2, p.a1), (p.beta1, p.beta2))


@learner(a1=unit, beta1=positive, a2=unit, beta2=positive, pi=interval(0, 5), w=unit, **_LAMBDA, **_TASK)
def ts_par7(p: Any, s: Any, t: Any) -> None:
    """The full hybrid, with eligibility `lambda`."""
    _trial(p, s, t, (p.a1, p.a2, p["lambda"] * p.a1), (p.beta1, p.beta2))


_LEARNED: dict[str, Any] = {
    "on_missing": "skip",
    "synonyms": {"tau": "beta1", "beta": "beta2"},
    "state": {"M": zeros(2), "Q": zeros(2, 2), "last": zeros(2), "usual": 0.0},
    "columns": {"state": "state2", "reward": "outcome"},
    "choices": {"choice1": (1, 2), "choice2": (1, 2), "state": (2, 3), "reward": (2, 1)},
}


def _learned_trial(
    s: Any, t: Any, net: Callable[[Any, Any], Any], heat: Any, rates: tuple[Any, Any, Any], *, cached: bool = True
) -> None:
    """Choose by `net` of what is planned and what is cached, and learn values and transitions."""
    best = [s.Q[0].max(), s.Q[1].max()]
    likely = where(s.usual > 0, 2 * _COMMON - 1, where(s.usual < 0, 1 - 2 * _COMMON, 0.0))
    c = t.choose("choice1", net(likely * (best[1] - best[0]), s.M[1] - s.M[0]))
    z = t.state
    k = t.choose("choice2", heat * s.Q[z])
    if cached:
        t.record("first_value", s.M[c])
        t.record("first_prediction_error", s.Q[z, k] - s.M[c])
    t.record("second_value", s.Q[z, k])
    delta_rule(s.M, c, s.Q[z, k], rates[0])
    surprise = delta_rule(s.Q, (z, k), t.reward, rates[1])
    t.record("second_prediction_error", surprise)
    s.M[c] += rates[0] * rates[2] * surprise
    s.usual = s.usual + where(z == c, 1.0, -1.0)
    s.last = one_hot(c, 2)


@learner(alpha1=unit, alpha2=unit, **_LAMBDA, beta1=positive, w=unit, phi=real, beta2=positive, **_LEARNED)
def two_step_hybrid(p: Any, s: Any, t: Any) -> None:
    """Planning with learned transitions and cached values, weighed by `w`."""
    stay = p.phi * (s.last[1] - s.last[0])
    rates = (p.alpha1, p.alpha2, p["lambda"])
    _learned_trial(s, t, lambda v, m: p.beta1 * (p.w * v + (1 - p.w) * m) + stay, p.beta2, rates)


@learner(alpha2=unit, beta1=positive, phi=real, beta2=positive, **_LEARNED)
def two_step_model_based(p: Any, s: Any, t: Any) -> None:
    """Planning alone."""
    stay = p.phi * (s.last[1] - s.last[0])
    _learned_trial(s, t, lambda v, m: p.beta1 * v + stay, p.beta2, (0.0, p.alpha2, 0.0), cached=False)


@learner(alpha1=unit, alpha2=unit, **_LAMBDA, beta1=positive, phi=real, beta2=positive, **_LEARNED)
def two_step_model_free(p: Any, s: Any, t: Any) -> None:
    """Cached values alone."""
    stay = p.phi * (s.last[1] - s.last[0])
    rates = (p.alpha1, p.alpha2, p["lambda"])
    _learned_trial(s, t, lambda v, m: p.beta1 * m + stay, p.beta2, rates)
