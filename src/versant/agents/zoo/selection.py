"""Probabilistic selection: learning six options that are always shown in the same pairs (Frank et al. 2004, 2007).

``type`` names the pair by its two options, 12, 34 or 56; ``choice`` is 1 where the pair's first option was taken and 0
where it was the second. With a the option taken, b the other and r the reward,

    P(choice = 1) = σ(beta (Q_first - Q_second)),      Q_a ← Q_a + alpha (r - Q_a),      all Q at first 0

`pst_gainloss_Q` learns with alpha_pos where r - Q_a ≥ 0, else with alpha_neg.

Parameters: `alpha`, `alpha_pos`, `alpha_neg` in (0, 1); `beta` in (0, 10). Columns: ``type``, ``choice``, ``reward``
(or ``outcome``). Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``value``, that of the option taken before it learns; ``prediction_error``.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.agents.parts import by_sign, delta_rule
from versant.expressions.functions import zeros

__all__ = ["pst_Q", "pst_gainloss_Q"]

_TASK: dict[str, Any] = {
    "state": {"Q": zeros(6)},
    "columns": {"reward": "outcome"},
    "choices": {"type": (12, 34, 56), "choice": (0, 1)},
}


def _trial(p: Any, s: Any, t: Any, rate: Any) -> None:
    first, second = 2 * t.type, 2 * t.type + 1
    took_first = t.choose("choice", p.beta * (s.Q[first] - s.Q[second]))
    taken = second - took_first
    t.record("value", s.Q[taken])
    t.record("prediction_error", delta_rule(s.Q, taken, t.reward, rate))


@learner(alpha=unit, beta=interval(0, 10), **_TASK)
def pst_Q(p: Any, s: Any, t: Any) -> None:
    """One learning rate."""
    _trial(p, s, t, p.alpha)


@learner(alpha_pos=unit, alpha_neg=unit, beta=interval(0, 10), **_TASK)
def pst_gainloss_Q(p: Any, s: Any, t: Any) -> None:
    """A learning rate for each sign of the prediction error."""
    _trial(p, s, t, by_sign(p.alpha_pos, p.alpha_neg))
