"""Choices under risk and ambiguity, and under the eyes of peers. Nothing is learned: trials are independent.

Prospect theory of a gamble (gain or loss with equal chance) against a sure amount (Sokol-Hessner et al. 2009), `ra_…`:

    U(gamble) = ½ gain^rho - ½ lambda |loss|^rho,    U(sure) = cert^rho,    P(gamble) = σ(tau (U(gamble) - U(sure)))

`ra_noLA` has lambda = 1 (no loss aversion), `ra_noRA` has rho = 1 (no risk aversion). rho in (0, 2); lambda in (0, 5);
tau in (0, 30). Columns: ``gain``, ``loss`` (its sign does not count), ``cert``, ``gamble`` (0, 1).

Ambiguity, a lottery of which the share a of the probability p is hidden, against v = ``reward_fix`` with p = ½, a = 0:

    `cra_linear` (Levy et al. 2010)    U = (p - beta a/2) v^alpha
    `cra_exp`    (Hsu et al. 2005)     U = p^(1 + beta a) v^alpha          P(lottery) = σ(gamma (U - U(fixed)))

alpha in (0, 2); beta real; gamma > 0. Columns: ``prob``, ``ambig``, ``reward_var``, ``reward_fix``, ``choice`` (0, 1).

Description-based decisions with probability weighting (Erev et al. 2010; Hertwig et al. 2004), `dbdm_prob_weight`:

    w(p) = exp(-(-log p)^tau),   u(x) = x^rho for gains, -lambda |x|^rho for losses,
    U = w(p) u(high) + w(1 - p) u(low),   p = softmax(beta U)

where the low outcome of an option counts as a loss if the high one is no gain. tau, beta in (0, 1); rho in (0, 2);
lambda in (0, 5). Columns: ``opt1hprob``, ``opt1hval``, ``opt1lval``, ``opt2hprob`` …, ``choice`` (1, 2).

Other-conferred utility (Chung, Christopoulos, King-Casas, Ball & Chiu 2015), `peer_ocu`, of a safe and a risky gamble:

    U = p high^rho + (1 - p) low^rho,  and + ocu for what both peers chose;   P(risky) = σ(tau (U(risky) - U(safe)))

rho in (0, 2); tau > 0; ocu real. Columns: ``condition`` (1: both peers safe, 3: both risky), ``p_gamble``,
``safe_Hpayoff``, ``safe_Lpayoff``, ``risky_Hpayoff``, ``risky_Lpayoff``, ``choice`` (0, 1: risky).

Records: the utilities of both options, ``utility_gamble`` and ``utility_sure``, ``utility_lottery`` and
``utility_fixed``, ``utility_first`` and ``utility_second``, ``utility_risky`` and ``utility_safe`` (without ocu).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, real, unit
from versant.agents.parts import power
from versant.expressions.functions import array, exp, log, where

__all__ = ["cra_exp", "cra_linear", "dbdm_prob_weight", "peer_ocu", "ra_noLA", "ra_noRA", "ra_prospect"]

_POWER = interval(0, 2)
_LAMBDA: dict[str, Any] = {"lambda": interval(0, 5)}
_GAMBLE: dict[str, Any] = {"choices": {"gamble": (0, 1)}}
_CHOICE: dict[str, Any] = {"choices": {"choice": (0, 1)}}


def _gamble(t: Any, utility: Callable[[Any], Any], aversion: Any, heat: Any) -> None:
    """Accept the gamble or take the sure amount."""
    gamble = 0.5 * (utility(t.gain) - aversion * utility(abs(t.loss)))
    sure = utility(t.cert)
    t.record("utility_gamble", gamble)
    t.record("utility_sure", sure)
    t.choose("gamble", heat * (gamble - sure))


@learner(rho=_POWER, **_LAMBDA, tau=interval(0, 30), **_GAMBLE)
def ra_prospect(p: Any, s: Any, t: Any) -> None:
    """Risk aversion `rho`, loss aversion `lambda`, inverse temperature `tau`."""
    _gamble(t, lambda amount: power(amount, p.rho), p["lambda"], p.tau)


@learner(rho=_POWER, tau=interval(0, 30), **_GAMBLE)
def ra_noLA(p: Any, s: Any, t: Any) -> None:
    """Without loss aversion."""
    _gamble(t, lambda amount: power(amount, p.rho), 1.0, p.tau)


@learner(**_LAMBDA, tau=interval(0, 30), **_GAMBLE)
def ra_noRA(p: Any, s: Any, t: Any) -> None:
    """Without risk aversion."""
    _gamble(t, lambda amount: amount, p["lambda"], p.tau)


def _lottery(p: Any, t: Any, lottery: Any) -> None:
    """Choose the lottery of this utility or the fixed reward."""
    fixed = 0.5 * power(t.reward_fix, p.alpha)
    t.record("utility_lottery", lottery)
    t.record("utility_fixed", fixed)
    t.choose("choice", p.gamma * (lottery - fixed))


@learner(alpha=_POWER, beta=real, gamma=positive, **_CHOICE)
def cra_linear(p: Any, s: Any, t: Any) -> None:
    """Ambiguity takes a share of the probability: `beta` > 0 is aversion."""
    lottery = (t.prob - p.beta * t.ambig / 2) * power(t.reward_var, p.alpha)
    _lottery(p, t, lottery)


@learner(alpha=_POWER, beta=real, gamma=positive, **_CHOICE)
def cra_exp(p: Any, s: Any, t: Any) -> None:
    """Ambiguity is an exponent of the probability: `beta` > 0 is aversion."""
    lottery = t.prob ** (1 + p.beta * t.ambig) * power(t.reward_var, p.alpha)
    _lottery(p, t, lottery)


def _weighted(p: Any, probability: Any) -> Any:
    """Prelec's weight of a probability; that of 0 is 0."""
    possible = probability > 0
    return where(possible, exp(-power(-log(where(possible, probability, 1.0)), p.tau)), 0.0)


def _prospect(p: Any, probability: Any, high: Any, low: Any) -> Any:
    """Return the utility of an option with a high and a low outcome."""
    gain = high > 0
    better = where(gain, 1.0, -p["lambda"]) * power(abs(high), p.rho)
    worse = where(gain & (low >= 0), 1.0, -p["lambda"]) * power(abs(low), p.rho)
    return _weighted(p, probability) * better + _weighted(p, 1 - probability) * worse


@learner(tau=unit, rho=_POWER, **_LAMBDA, beta=unit, choices={"choice": (1, 2)})
def dbdm_prob_weight(p: Any, s: Any, t: Any) -> None:
    """Probability weighting `tau`, risk aversion `rho`, loss aversion `lambda`, inverse temperature `beta`."""
    first = _prospect(p, t.opt1hprob, t.opt1hval, t.opt1lval)
    second = _prospect(p, t.opt2hprob, t.opt2hval, t.opt2lval)
    t.record("utility_first", first)
    t.record("utility_second", second)
    t.choose("choice", p.beta * array([first, second]))


@learner(rho=_POWER, tau=positive, ocu=real, **_CHOICE)
def peer_ocu(p: Any, s: Any, t: Any) -> None:
    """Risk aversion `rho`, inverse temperature `tau`, and the utility `ocu` of choosing as the peers do."""
    chance = t.p_gamble
    safe = chance * power(t.safe_Hpayoff, p.rho) + (1 - chance) * power(t.safe_Lpayoff, p.rho)
    risky = chance * power(t.risky_Hpayoff, p.rho) + (1 - chance) * power(t.risky_Lpayoff, p.rho)
    peers = where(t.condition == 3, p.ocu, where(t.condition == 1, -p.ocu, 0.0))
    t.record("utility_risky", risky)
    t.record("utility_safe", safe)
    t.choose("choice", p.tau * (risky - safe + peers))
