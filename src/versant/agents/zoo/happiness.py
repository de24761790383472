"""Momentary happiness in a risky decision task (Rutledge, Skandali, Dayan & Dolan 2014).

Ratings follow what was received lately; each trial back counts gam times less:

    rating ~ N(w0 + w1 C + w2 E + w3 R, sig)
    C ← gam (C + type cert)                        after a sure amount (type: 1 gain, 0 mixed, -1 loss)
    E ← gam (E + ev),  R ← gam (R + outcome - ev)    after a gamble, ev = ½ (gain - |loss|)

with the sum that is not fed decaying too. A rating is scored on the trial where it was given, before that trial's
outcome counts: on the first, and wherever ``RT_happy`` differs from the trial before.

Parameters: `w0` to `w3` real; `gam` in (0, 1); `sig` > 0. Columns: ``gain``, ``loss``, ``cert``, ``type``, ``gamble``
(0, 1), ``outcome``, ``happy``, ``RT_happy``. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``mood``, the mean of the rating; ``prediction_error``, outcome - ev after a gamble and 0 after a sure amount.
"""

from __future__ import annotations

from typing import Any

from versant.agents.densities import Normal
from versant.agents.learner import learner
from versant.agents.parameters import positive, real, unit
from versant.expressions.functions import where

__all__ = ["rdt_happiness"]

_NEVER = -1.0


@learner(
    w0=real, w1=real, w2=real, w3=real, gam=unit, sig=positive,
    state={"certain": 0.0, "expected": 0.0, "surprise": 0.0, "rated": _NEVER},
)  # fmt: skip
def rdt_happiness(p: Any, s: Any, t: Any) -> None:
    """Ratings of happiness as a weighted sum of past sure amounts, expectations and prediction errors."""
    mood = p.w0 + p.w1 * s.certain + p.w2 * s.expected + p.w3 * s.surprise
    t.observe("happy", Normal(mood, p.sig), when=t.RT_happy != s.rated)
    t.record("mood", mood)
    s.rated = t.RT_happy
    gambled, worth = t.gamble > 0, 0.5 * (t.gain - abs(t.loss))
    s.certain = p.gam * (s.certain + where(gambled, 0.0, t.type * t.cert))
    s.expected = p.gam * (s.expected + where(gambled, worth, 0.0))
    delta = where(gambled, t.outcome - worth, 0.0)
    t.record("prediction_error", delta)
    s.surprise = p.gam * (s.surprise + delta)
