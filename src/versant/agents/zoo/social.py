"""The ultimatum game: offers accepted or rejected against a norm that is learned (Xiang, Lohrenz & Montague 2013).

With offer o and norm f:

    `ug_bayes`   the norm is the mean of a normal of unknown variance (Gu et al. 2015), at first f = 10 with weight
                 k = 4; before the answer k ← k + 1, f ← f + (o - f)/k; then
                 U = o - alpha max(f - o, 0) - beta max(o - f, 0)
    `ug_delta`   U = o - alpha max(f - o, 0), then f ← f + ep (o - f), at first f = 10          (Gu et al. 2015)

    P(accept) = σ(tau U)

The variance that the Bayesian learner tracks does not enter its choices, and is left out.

Parameters: `alpha` in (0, 20), envy; `beta` in (0, 10), guilt; `tau` in (0, 10); `ep` in (0, 1). Columns: ``offer``,
``accept`` (0, 1). Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Records: ``norm``, by which the offer is judged; ``utility``, U; ``prediction_error``, o - f before f moves.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.expressions.functions import maximum

__all__ = ["ug_bayes", "ug_delta"]

_ANSWER: dict[str, Any] = {"choices": {"accept": (0, 1)}}


@learner(alpha=interval(0, 20), beta=interval(0, 10), tau=interval(0, 10), state={"norm": 10.0, "k": 4.0}, **_ANSWER)
def ug_bayes(p: Any, s: Any, t: Any) -> None:
    """Bayesian norm; envy `alpha` and guilt `beta`."""
    s.k = s.k + 1
    t.record("prediction_error", t.offer - s.norm)
    s.norm = s.norm + (t.offer - s.norm) / s.k
    utility = t.offer - p.alpha * maximum(s.norm - t.offer, 0.0) - p.beta * maximum(t.offer - s.norm, 0.0)
    t.record("norm", s.norm)
    t.record("utility", utility)
    t.choose("accept", p.tau * utility)


@learner(alpha=interval(0, 20), tau=interval(0, 10), ep=unit, state={"norm": 10.0}, **_ANSWER)
def ug_delta(p: Any, s: Any, t: Any) -> None:
    """Norm by delta rule with rate `ep`; envy `alpha`."""
    utility = t.offer - p.alpha * maximum(s.norm - t.offer, 0.0)
    t.record("norm", s.norm)
    t.record("utility", utility)
    t.choose("accept", p.tau * utility)
    t.record("prediction_error", t.offer - s.norm)
    s.norm = s.norm + p.ep * (t.offer - s.norm)
