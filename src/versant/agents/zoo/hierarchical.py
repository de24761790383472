"""The hierarchical Gaussian filter for binary inputs u and binary responses y (Mathys et al. 2011, 2014).

Level 2 is the tendency to u = 1, a walk whose step variance depends on level 3. With means m and variances v:

    prediction    û = σ(m2),   w2 = exp(kappa m3 + omega2),   v̂2 = v2 + w2,   v̂3 = v3 + exp(omega3)
    level 2       v2 ← 1/(1/v̂2 + û (1 - û)),       m2' = m2 + v2 (u - û)
    level 3       g = w2/v̂2,   δ = (v2 + (m2' - m2)²)/v̂2 - 1,
                  v3 ← 1/(1/v̂3 + ½ kappa² g (g + (2g - 1) δ)),   m3 ← m3 + ½ v3 kappa g δ
    response      P(y = 1) = q^zeta/(q^zeta + (1 - q)^zeta) = σ(zeta logit q), from a prediction q

`hgf_binary_3level` responds to the prediction q = û of the trial, and begins with m = (0, 1), v = (.1, 1);
`hgf_binary_2level` has no third level: w2 = exp(omega2).

`hgf_ibrb` is the model as hBayesDM (Ahn, Haines & Zhang 2017) states it, with inputs that are seen after the response:
it takes for q the prediction of the trial *before*, does not score the first trial, and begins with m = (½, 1),
v = (.1, 1). `hgf_ibrb_single` has the same likelihood.

Parameters: `kappa`, `zeta` in (0, 3); `omega2` in (-10, 5); `omega3` in (-15, 5); or `omega`, an array of the last two.
Columns: ``u``, ``y``.

Records: ``prediction``, û; ``prediction_error``, u - û, and ``weighted_prediction_error``, v2 (u - û); with a third
level, ``volatility_prediction_error``, δ.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval
from versant.expressions.functions import exp, sigmoid

__all__ = ["hgf_binary_2level", "hgf_binary_3level", "hgf_ibrb", "hgf_ibrb_single"]

_TASK: dict[str, Any] = {"columns": {"y": "choice", "u": "outcome"}, "choices": {"y": (0, 1)}}
_SYNONYMS: dict[str, Any] = {
    "kappa2": "kappa",
    "kappa[1]": "kappa",
    "omega[1]": "omega2",
    "omega[2]": "omega3",
    "omega": ("omega2", "omega3"),
}
_DOMAINS: dict[str, Any] = {
    "kappa": interval(0, 3).with_prior(mean=-0.7, sd=1.0),
    "omega2": interval(-10, 5).with_prior(mean=-0.7, sd=1.0),
    "omega3": interval(-15, 5).with_prior(mean=-0.5, sd=1.0),
    "zeta": interval(0, 3).with_prior(mean=-0.7, sd=1.0),
}  # as wide as in any version of hBayesDM; priors about 1, -5, -7.5 and 1


def _perceive(s: Any, t: Any, step: Any) -> tuple[Any, Any]:
    """Update level 2 by the input, given its step variance; return the predicted variance and the mean's move."""
    prediction, predicted = sigmoid(s.m2), s.v2 + step
    s.v2 = 1 / (1 / predicted + prediction * (1 - prediction))
    surprise = t.u - prediction
    move = s.v2 * surprise
    t.record("prediction", prediction)
    t.record("prediction_error", surprise)
    t.record("weighted_prediction_error", move)
    s.m2 = s.m2 + move
    return predicted, move


def _learn(p: Any, s: Any, t: Any) -> None:
    """Update both levels."""
    step = exp(p.kappa * s.m3 + p.omega2)
    predicted, move = _perceive(s, t, step)
    share, error = step / predicted, (s.v2 + move * move) / predicted - 1
    t.record("volatility_prediction_error", error)
    precision = 1 / (s.v3 + exp(p.omega3)) + 0.5 * p.kappa**2 * share * (share + (2 * share - 1) * error)
    s.v3 = 1 / precision
    s.m3 = s.m3 + 0.5 * s.v3 * p.kappa * share * error


@learner(**_DOMAINS, state={"m2": 0.0, "v2": 0.1, "m3": 1.0, "v3": 1.0}, synonyms=_SYNONYMS, **_TASK)
def hgf_binary_3level(p: Any, s: Any, t: Any) -> None:
    """Three levels; responses follow the prediction of their trial."""
    t.choose("y", p.zeta * s.m2)
    _learn(p, s, t)


@learner(omega2=_DOMAINS["omega2"], zeta=_DOMAINS["zeta"], state={"m2": 0.0, "v2": 0.1}, **_TASK)
def hgf_binary_2level(p: Any, s: Any, t: Any) -> None:
    """Two levels: a constant step variance exp(omega2)."""
    t.choose("y", p.zeta * s.m2)
    _perceive(s, t, exp(p.omega2))


@learner(
    **_DOMAINS,
    state={"m2": 0.5, "v2": 0.1, "m3": 1.0, "v3": 1.0, "before": 0.0, "begun": 0.0},
    synonyms=_SYNONYMS,
    **_TASK,
)
def hgf_ibrb(p: Any, s: Any, t: Any) -> None:
    """Three levels; responses follow the prediction of the trial before, as hBayesDM states it."""
    t.choose("y", p.zeta * s.before, when=s.begun > 0)
    s.before, s.begun = s.m2, 1.0
    _learn(p, s, t)


hgf_ibrb_single = hgf_ibrb.variant("hgf_ibrb_single")
