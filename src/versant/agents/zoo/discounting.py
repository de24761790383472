"""Delay discounting: a sooner and smaller against a later and larger amount. Trials are independent.

    P(later) = σ(beta (A_later D(t_later) - A_sooner D(t_sooner)))

    `dd_hyperbolic` (Mazur 1987)                 D(t) = 1 / (1 + k t)
    `dd_exp` (Samuelson 1937)                    D(t) = exp(-r t)
    `dd_cs` (Ebert & Prelec 2007)                D(t) = exp(-(r t)^s)      constant sensitivity

Parameters: `k`, `r` in (0, 1); `s` in (0, 10), sensitivity to time; `beta` in (0, 5). Columns: ``delay_later``,
``amount_later``, ``delay_sooner``, ``amount_sooner``, ``choice`` (0: sooner, 1: later). Names are those of hBayesDM
(Ahn, Haines & Zhang 2017), whose models of one subject (``_single``) have the same likelihood.

Records: ``value_later`` and ``value_sooner``, A D(t).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.agents.parts import power
from versant.expressions.functions import exp

__all__ = ["dd_cs", "dd_cs_single", "dd_exp", "dd_hyperbolic", "dd_hyperbolic_single"]

_CHOICE: dict[str, Any] = {"choices": {"choice": (0, 1)}}
_RATE = unit.with_prior(mean=-3.5, sd=1.5)  # a rate a day of a few percent


def _choose(p: Any, t: Any, discount: Callable[[Any], Any]) -> None:
    later, sooner = t.amount_later * discount(t.delay_later), t.amount_sooner * discount(t.delay_sooner)
    t.record("value_later", later)
    t.record("value_sooner", sooner)
    t.choose("choice", p.beta * (later - sooner))


@learner(k=_RATE, beta=interval(0, 5), **_CHOICE)
def dd_hyperbolic(p: Any, s: Any, t: Any) -> None:
    """Hyperbolic discounting at the rate `k`."""
    _choose(p, t, lambda delay: 1 / (1 + p.k * delay))


@learner(r=_RATE, beta=interval(0, 5), **_CHOICE)
def dd_exp(p: Any, s: Any, t: Any) -> None:
    """Exponential discounting at the rate `r`."""
    _choose(p, t, lambda delay: exp(-p.r * delay))


@learner(r=_RATE, s=interval(0, 10).with_prior(mean=-2.2, sd=1.0), beta=interval(0, 5), **_CHOICE)
def dd_cs(p: Any, s: Any, t: Any) -> None:
    """Constant sensitivity: rate `r`, sensitivity to time `s`."""
    _choose(p, t, lambda delay: exp(-(p.r**p.s * power(delay, p.s))))


dd_hyperbolic_single = dd_hyperbolic.variant("dd_hyperbolic_single")
dd_cs_single = dd_cs.variant("dd_cs_single")
