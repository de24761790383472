"""Aversive learning: which of two options is followed by a shock, whose size each option shows (Browning et al. 2015).

Exactly one option is punished on a trial, ``outcome`` = 1 if it is the first (blue) one. The belief e is sharpened by
the risk preference gamma and weighs the sizes x:

    f(e) = min(max(gamma (e - ½) + ½, 0), 1)

    `alt_delta`    P(choice) = softmax(-beta (f(e) x_blue, f(1 - e) x_orange)),   e ← e + A (outcome - e), at first ½
    `alt_gamma`    P(choice) = softmax(-beta g);  e_a ← e_a + A (outcome - e_a), then g_a ← f(e_a) x_a, for the option a
                   chosen; all at first 0. So what is on offer on a trial does not enter the choice of that trial.

Parameters: `A` in (0, 1); `beta` in (0, 20); `gamma` in (0, 10). Columns: ``choice`` (1: blue, 2: orange), ``outcome``,
``bluePunish``, ``orangePunish``. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``belief`` (of `alt_gamma`, that of the option chosen) and ``value``, minus what the chosen option is expected
to cost, before they learn; ``prediction_error``, outcome - e.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.agents.parts import delta_rule
from versant.expressions.functions import array, maximum, minimum, where, zeros

__all__ = ["alt_delta", "alt_gamma"]

_HEAT = interval(0, 20).with_prior(mean=-4.0, sd=1.5)  # sizes run to 50 and more
_DOMAINS: dict[str, Any] = {"A": unit, "beta": _HEAT, "gamma": interval(0, 10)}
_CHOICE: dict[str, Any] = {"choices": {"choice": (1, 2)}}


def _sharpened(p: Any, belief: Any) -> Any:
    return maximum(minimum(p.gamma * (belief - 0.5) + 0.5, 1.0), 0.0)


@learner(state={"belief": 0.5}, **_DOMAINS, **_CHOICE)
def alt_delta(p: Any, s: Any, t: Any) -> None:
    """One belief about both options."""
    expected = [_sharpened(p, s.belief) * t.bluePunish, _sharpened(p, 1 - s.belief) * t.orangePunish]
    a = t.choose("choice", -p.beta * array(expected))
    t.record("value", -array(expected)[a])
    t.record("belief", s.belief)
    t.record("prediction_error", t.outcome - s.belief)
    s.belief = s.belief + p.A * (t.outcome - s.belief)


@learner(state={"belief": zeros(2), "expected": zeros(2)}, **_DOMAINS, **_CHOICE)
def alt_gamma(p: Any, s: Any, t: Any) -> None:
    """A belief and an expectation of each option, learned when it is chosen."""
    a = t.choose("choice", -p.beta * s.expected)
    t.record("value", -s.expected[a])
    t.record("belief", s.belief[a])
    t.record("prediction_error", delta_rule(s.belief, a, t.outcome, p.A))
    s.expected[a] = _sharpened(p, s.belief[a]) * where(a == 0, t.bluePunish, t.orangePunish)
