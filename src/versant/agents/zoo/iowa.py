"""The Iowa gambling task: four decks that bring gains and, now and then, losses (Bechara et al. 1994).

The outcome x is gain minus the loss's magnitude, in units of 100. With a the deck chosen and θ = 3^cons - 1:

    utility               u = x^alpha if x ≥ 0, else -lambda (-x)^alpha
    `igt_pvl_delta`       E_a ← E_a + A (u - E_a)                            p = softmax(θ E)      (Ahn et al. 2008)
    `igt_pvl_decay`       E_k ← A E_k for every deck, then E_a ← E_a + u      p = softmax(θ E)     (Ahn et al. 2014)
    `igt_vpp`             E as in the delta rule;  P_k ← K P_k for every deck, then P_a ← P_a + epP if x ≥ 0, else + epN
                          p = softmax(θ (w E + (1 - w) P))                                        (Worthy et al. 2013)

Outcome representation, `igt_orl` (Haines, Vassileva & Ahn 2018), on x itself, with A = Arew, A' = Apun if x ≥ 0, and
the two exchanged otherwise:

    value                 V_a ← V_a + A (x - V_a)
    frequency             F_a ← F_a + A (sign x - F_a),   F_k ← F_k + A' (-sign x/3 - F_k) for the other decks
    perseverance          P_a ← 1, then P_k ← P_k / 3^K for every deck
    p = softmax(V + betaF F + betaP P)

Everything starts at zero. Parameters: `A`, `K` (of `igt_vpp`), `w`, `Arew`, `Apun` in (0, 1); `alpha` in (0, 2);
`cons`, `K` (of `igt_orl`) in (0, 5); `lambda` in (0, 10); `epP`, `epN`, `betaF`, `betaP` real. Columns:
``choice`` (1 to 4), ``gain``, ``loss``. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records, of the deck chosen before it learns: ``value``, E; ``utility``, u; ``prediction_error``, u - E, of which the
decay rule has none; ``perseverance``, P. `igt_orl` has V and x in place of E and u, and
``frequency``, F, with ``frequency_prediction_error``, sign x - F.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, real, unit
from versant.agents.parts import delta_rule, power, sign
from versant.expressions.functions import where, zeros

__all__ = ["igt_orl", "igt_pvl_decay", "igt_pvl_delta", "igt_vpp"]

_PAYSCALE = 100.0
_DECKS: dict[str, Any] = {"choices": {"choice": (1, 2, 3, 4)}}
_UTILITY: dict[str, Any] = {"alpha": interval(0, 2), "cons": interval(0, 5), "lambda": interval(0, 10)}


def _outcome(t: Any) -> Any:
    return (t.gain - abs(t.loss)) / _PAYSCALE


def _utility(p: Any, outcome: Any) -> Any:
    return where(outcome >= 0, 1.0, -p["lambda"]) * power(abs(outcome), p.alpha)


def _expect(p: Any, s: Any, t: Any, a: Any, outcome: Any) -> None:
    """Learn the utility of deck `a` by the delta rule."""
    utility = _utility(p, outcome)
    t.record("value", s.E[a])
    t.record("utility", utility)
    t.record("prediction_error", delta_rule(s.E, a, utility, p.A))


@learner(A=unit, **_UTILITY, state={"E": zeros(4)}, **_DECKS)
def igt_pvl_delta(p: Any, s: Any, t: Any) -> None:
    """Prospect utility, delta rule."""
    a = t.choose("choice", (3.0**p.cons - 1) * s.E)
    _expect(p, s, t, a, _outcome(t))


@learner(A=unit, **_UTILITY, state={"E": zeros(4)}, **_DECKS)
def igt_pvl_decay(p: Any, s: Any, t: Any) -> None:
    """Prospect utility, decay reinforcement: `A` is what is kept."""
    a = t.choose("choice", (3.0**p.cons - 1) * s.E)
    utility = _utility(p, _outcome(t))
    t.record("value", s.E[a])
    t.record("utility", utility)
    s.E = p.A * s.E
    s.E[a] += utility


@learner(
    A=unit, **_UTILITY, epP=real, epN=real, K=unit, w=unit, state={"E": zeros(4), "P": zeros(4)}, **_DECKS
)  # fmt: skip
def igt_vpp(p: Any, s: Any, t: Any) -> None:
    """Value plus perseverance, weighed by `w`."""
    a = t.choose("choice", (3.0**p.cons - 1) * (p.w * s.E + (1 - p.w) * s.P))
    outcome = _outcome(t)
    _expect(p, s, t, a, outcome)
    t.record("perseverance", s.P[a])
    s.P = p.K * s.P
    s.P[a] += where(outcome >= 0, p.epP, p.epN)


@learner(
    Arew=unit, Apun=unit, K=interval(0, 5), betaF=real, betaP=real,
    state={"V": zeros(4), "F": zeros(4), "P": zeros(4)}, **_DECKS,
)  # fmt: skip
def igt_orl(p: Any, s: Any, t: Any) -> None:
    """Expected value, frequency of wins, and perseverance."""
    a = t.choose("choice", s.V + p.betaF * s.F + p.betaP * s.P)
    outcome = _outcome(t)
    rate, fictive = where(outcome >= 0, p.Arew, p.Apun), where(outcome >= 0, p.Apun, p.Arew)
    surprise = sign(outcome) - s.F[a]
    t.record("frequency", s.F[a])
    t.record("frequency_prediction_error", surprise)
    t.record("perseverance", s.P[a])
    learned = s.F[a] + rate * surprise
    s.F = s.F + fictive * (-sign(outcome) / 3 - s.F)
    s.F[a] = learned
    t.record("value", s.V[a])
    t.record("prediction_error", delta_rule(s.V, a, outcome, rate))
    s.P[a] = 1.0
    s.P = s.P / 3.0**p.K
