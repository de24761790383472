"""For every model that ships: a task it is simulated in, and parameters of a typical subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from versant.agents.zoo.sorting import CARDS
from versant.tasks.behavioural import Task
from versant.tasks.zoo.behaviour import find

__all__ = ["DESIGNS"]

_RNG = np.random.default_rng(0)


def _laid_out(trials: int, options: Mapping[str, int], **columns: Any) -> Task:
    return find("designed", columns={k: _RNG.choice(v, trials) for k, v in columns.items()}, options=options)


_STABLE = find("bandit", probabilities=(0.3, 0.7), trials=200)
_REVERSING = find("bandit", probabilities=(0.2, 0.8), reversal=20, win=1.0, loss=-1.0, trials=300)
_REVERSING_BLOCKS = find("bandit", probabilities=(0.2, 0.8), reversal=20, win=1.0, loss=-1.0, trials=300, block=100)
_FOUR = find("gain_loss_bandit", trials=300)
_DECKS = find("iowa", trials=200)
_RESTLESS = find("restless_bandit", trials=300)
_STEPS = find("two_step", trials=300)
_PRESS = find("go_nogo", trials=480)
_SELECT = find("selection", trials=360)
_PAIRS = find("pairs", trials=360)
_BLOCKS = find("block_bandit")
_SAFE = find("block_bandit", safe=True)
_BALLOON = find("balloon", trials=90)
_TIMES = find("designed", columns={"condition": np.arange(300) % 2}, options={"condition": 2})
_INPUTS = find(
    "designed",
    columns={"u": _RNG.random(300) < np.repeat([0.9, 0.1, 0.8, 0.2, 0.9, 0.1], 50)},
    options={"y": 2},
)
_GAMBLES = _laid_out(140, {"gamble": 2}, gain=range(1, 13), loss=range(13), cert=range(4))
_LOTTERIES = _laid_out(
    180, {"choice": 2}, prob=[0.25, 0.5, 0.75], ambig=[0.0, 0.25, 0.5, 0.75], reward_var=range(5, 60), reward_fix=[5]
)
_DESCRIBED = _laid_out(
    300, {"choice": 2}, opt1hprob=np.arange(1, 10) / 10, opt2hprob=np.arange(1, 10) / 10, opt1hval=range(5, 40),
    opt1lval=range(-40, 5), opt2hval=range(5, 40), opt2lval=range(-40, 5),
)  # fmt: skip
_PEERS = _laid_out(
    144, {"choice": 2}, condition=range(4), p_gamble=[0.3, 0.5, 0.7], safe_Hpayoff=range(18, 25),
    safe_Lpayoff=range(12, 18), risky_Hpayoff=range(30, 45), risky_Lpayoff=range(1, 4),
)  # fmt: skip
_DELAYS = _laid_out(
    140, {"choice": 2}, delay_later=range(1, 180), amount_later=range(11, 40), delay_sooner=[0], amount_sooner=[10]
)
_OFFERS = _laid_out(90, {"accept": 2}, offer=range(1, 16))
_SHOCKS = _laid_out(200, {"choice": 2}, outcome=[0, 1, 1], bluePunish=range(1, 10), orangePunish=range(1, 10))
_STAKES = _laid_out(
    144, {"red_chosen": 2, "percentage_staked": 5}, gamble_type=[0, 1], trial_initial_points=range(20, 200),
    n_red_boxes=range(1, 10),
)  # fmt: skip
_MOODS = _laid_out(
    150, {}, gain=range(5), loss=range(5), cert=range(3), type=[-1, 0, 1], gamble=[0, 1], outcome=range(-4, 5),
    RT_happy=range(10_000),
)  # fmt: skip
_STIMULI = _laid_out(300, {"stimulus": 2, "response": 2}, stimulus=[0, 1])
_TRANSFER = _laid_out(300, {"cue": 3, "keyPressed": 2}, cue=range(3), pavlovian=[-2, -1, 0, 1, 2], reward=[-1.0, 1.0])

_KALMAN = {"lambda": 0.95, "theta": 50.0, "beta": 0.2, "mu0": 60.0, "s0": 6.0, "sD": 3.0}
_FICTITIOUS = {"eta": 0.4, "alpha": 0.1, "beta": 2.0}
_WEIGHTS = {"w1": 0.15, "w2": 0.2, "w3": 0.8}
_HYBRID = {"alpha1": 0.5, "alpha2": 0.5, "lambda": 0.6, "beta1": 4.0, "w": 0.5, "phi": 0.3, "beta2": 3.0}
_STEP = {"a1": 0.5, "beta1": 4.0, "a2": 0.4, "beta2": 3.0, "pi": 0.5, "w": 0.6, "lambda": 0.6}
_GO = {"xi": 0.1, "ep": 0.2, "b": 0.5, "pi": 0.4, "rho": 6.0}
_GAIN_LOSS = {"Arew": 0.3, "Apun": 0.2, "R": 6.0, "P": 5.0}
_RATES = {"alpha_pos": 0.4, "alpha_neg": 0.2, "beta": 3.0}
_RACE = {"d": 0.6, "A": 0.8, "v11": 2.5, "v12": 1.5, "v21": 1.5, "v22": 2.5, "tau": 0.2}
_FILTER = {"kappa": 1.0, "omega2": -3.0, "omega3": -6.0, "zeta": 1.5}


def _only(truth: Mapping[str, float], *names: str) -> dict[str, float]:
    return {name: truth[name] for name in names}


DESIGNS: dict[str, tuple[Task, dict[str, float]]] = {
    "q_learning": (_STABLE, {"alpha": 0.3, "beta": 3.0}),
    "q_learning_dual": (_REVERSING, _RATES),
    "q_learning_perseveration": (_REVERSING, {"alpha": 0.3, "beta": 3.0, "kappa": 0.5}),
    "q_learning_dual_perseveration": (_REVERSING, _RATES | {"kappa": 0.5}),
    "bandit2arm_delta": (_STABLE, {"A": 0.3, "tau": 3.0}),
    "bandit4arm_4par": (_FOUR, _GAIN_LOSS),
    "bandit4arm_lapse": (_FOUR, _GAIN_LOSS | {"xi": 0.1}),
    "bandit4arm_2par_lapse": (_FOUR, _only(_GAIN_LOSS, "Arew", "Apun") | {"xi": 0.1}),
    "bandit4arm_singleA_lapse": (_FOUR, {"A": 0.3, "R": 6.0, "P": 5.0, "xi": 0.1}),
    "bandit4arm_lapse_decay": (_FOUR, _GAIN_LOSS | {"xi": 0.1, "d": 0.2}),
    "banditNarm_delta": (_FOUR, {"A": 0.3, "tau": 2.0}),
    "bandit4arm2_kalman_filter": (_RESTLESS, _KALMAN),
    "banditNarm_kalman_filter": (_FOUR, _KALMAN | {"theta": 2.0, "mu0": 2.0, "beta": 0.5, "sD": 1.0}),
    "kalman_thompson": (_RESTLESS, {"spread": 1.0, "xi": 0.1}),
    "kalman_ucb": (_RESTLESS, {"beta": 0.2, "bonus": 0.3}),
    "pearce_hall": (_REVERSING, {"kappa": 0.4, "eta": 0.3, "beta": 2.0}),
    "prl_rp": (_REVERSING, {"Apun": 0.3, "Arew": 0.5, "beta": 2.0}),
    "prl_ewa": (_REVERSING, {"phi": 0.7, "rho": 0.3, "beta": 2.0}),
    "prl_fictitious": (_REVERSING, _FICTITIOUS),
    "prl_fictitious_rp": (_REVERSING, {"eta_pos": 0.5, "eta_neg": 0.3, "alpha": 0.1, "beta": 2.0}),
    "prl_fictitious_rp_woa": (_REVERSING, {"eta_pos": 0.5, "eta_neg": 0.3, "beta": 2.0}),
    "prl_fictitious_woa": (_REVERSING, _only(_FICTITIOUS, "eta", "beta")),
    "ts_par4": (_STEPS, {"a": 0.5, "beta": 4.0, "pi": 0.5, "w": 0.6}),
    "ts_par4_reported": (_STEPS, {"a": 0.5, "beta": 4.0, "pi": 0.5, "w": 0.6}),
    "ts_par6": (_STEPS, {k: v for k, v in _STEP.items() if k != "lambda"}),
    "ts_par7": (_STEPS, _STEP),
    "two_step_hybrid": (_STEPS, _HYBRID),
    "two_step_model_based": (_STEPS, _only(_HYBRID, "alpha2", "beta1", "phi", "beta2")),
    "two_step_model_free": (_STEPS, {k: v for k, v in _HYBRID.items() if k != "w"}),
    "gng_m1": (_PRESS, _only(_GO, "xi", "ep", "rho")),
    "gng_m2": (_PRESS, _only(_GO, "xi", "ep", "b", "rho")),
    "gng_m3": (_PRESS, _GO),
    "gng_m4": (_PRESS, _only(_GO, "xi", "ep", "b", "pi") | {"rhoRew": 6.0, "rhoPun": 5.0}),
    "pit": (_TRANSFER, _only(_GO, "xi", "ep", "b", "pi") | {"rho": 3.0}),
    "pst_Q": (_SELECT, {"alpha": 0.3, "beta": 4.0}),
    "pst_gainloss_Q": (_SELECT, _RATES | {"beta": 4.0}),
    "rlwm": (
        find("associations"),
        {"alpha": 0.1, "neg": 0.3, "phi": 0.1, "rho": 0.9, "K": 3.0, "kappa": 0.3, "eps": 0.05},
    ),
    "exploration_value": (_BLOCKS, _only(_WEIGHTS, "w1")),
    "exploration_ucb": (_BLOCKS, _only(_WEIGHTS, "w1", "w2")),
    "exploration_thompson": (_BLOCKS, _only(_WEIGHTS, "w3")),
    "exploration_hybrid": (_BLOCKS, _WEIGHTS),
    "exploration_hybrid_safe": (_SAFE, _WEIGHTS),
    "igt_pvl_delta": (_DECKS, {"A": 0.2, "alpha": 0.5, "cons": 1.0, "lambda": 1.0}),
    "igt_pvl_decay": (_DECKS, {"A": 0.6, "alpha": 0.5, "cons": 0.5, "lambda": 1.0}),
    "igt_vpp": (
        _DECKS,
        {"A": 0.2, "alpha": 0.5, "cons": 1.0, "lambda": 1.0, "epP": 0.3, "epN": -0.3, "K": 0.5, "w": 0.6},
    ),
    "igt_orl": (_DECKS, {"Arew": 0.2, "Apun": 0.1, "K": 1.0, "betaF": 1.0, "betaP": 1.0}),
    "bart_par4": (_BALLOON, {"phi": 0.97, "eta": 0.05, "gam": 1.0, "tau": 0.3}),
    "bart_ewmv": (_BALLOON, {"phi": 0.05, "eta": 0.02, "rho": -0.05, "tau": 5.0, "lambda": 1.0}),
    "wcs_sql": (find("card_sorting", cards=CARDS), {"r": 0.5, "p": 0.5, "d": 2.0}),
    "ra_prospect": (_GAMBLES, {"rho": 0.8, "lambda": 1.6, "tau": 2.0}),
    "ra_noLA": (_GAMBLES, {"rho": 0.8, "tau": 2.0}),
    "ra_noRA": (_GAMBLES, {"lambda": 1.6, "tau": 1.0}),
    "cra_linear": (_LOTTERIES, {"alpha": 0.6, "beta": 0.4, "gamma": 2.0}),
    "cra_exp": (_LOTTERIES, {"alpha": 0.6, "beta": 0.4, "gamma": 2.0}),
    "dbdm_prob_weight": (_DESCRIBED, {"tau": 0.6, "rho": 0.8, "lambda": 1.5, "beta": 0.3}),
    "peer_ocu": (_PEERS, {"rho": 0.7, "tau": 1.5, "ocu": 0.4}),
    "dd_hyperbolic": (_DELAYS, {"k": 0.03, "beta": 0.5}),
    "dd_exp": (_DELAYS, {"r": 0.02, "beta": 0.5}),
    "dd_cs": (_DELAYS, {"r": 0.02, "s": 0.8, "beta": 0.5}),
    "ug_bayes": (_OFFERS, {"alpha": 1.5, "beta": 0.8, "tau": 0.5}),
    "ug_delta": (_OFFERS, {"alpha": 1.5, "tau": 0.5, "ep": 0.2}),
    "alt_delta": (_SHOCKS, {"A": 0.2, "beta": 0.8, "gamma": 1.5}),
    "alt_gamma": (_SHOCKS, {"A": 0.2, "beta": 0.8, "gamma": 1.5}),
    "cgt_cm": (_STAKES, {"alpha": 2.0, "rho": 1.0, "gamma": 4.0, "c": 0.5, "beta": 0.3}),
    "rdt_happiness": (_MOODS, {"w0": 0.2, "w1": 0.4, "w2": 0.5, "w3": 0.6, "gam": 0.6, "sig": 0.5}),
    "sdt": (_STIMULI, {"d": 1.5, "c": 0.2}),
    "task2AFC_sdt": (_STIMULI, {"d": 1.5, "c": 0.2}),
    "hgf_binary_2level": (_INPUTS, _only(_FILTER, "omega2", "zeta")),
    "hgf_binary_3level": (_INPUTS, _FILTER),
    "hgf_ibrb": (_INPUTS, _FILTER),
    "choiceRT_ddm": (_TIMES, {"alpha": 1.4, "beta": 0.45, "delta": 0.8, "tau": 0.3}),
    "choiceRT_lba": (_TIMES, _RACE),
    "lba": (_TIMES, _RACE),
    "pstRT_ddm": (_PAIRS, {"a": 1.5, "tau": 0.3, "d1": 1.2, "d2": 0.8, "d3": 0.4}),
    "pstRT_rlddm1": (_PAIRS, {"a": 1.5, "tau": 0.3, "v": 3.0, "alpha": 0.2}),
    "pstRT_rlddm6": (_PAIRS, {"a": 1.5, "bp": 0.1, "tau": 0.3, "v": 3.0, "alpha_pos": 0.3, "alpha_neg": 0.15}),
}
_SAME = {  # the same function on other data
    "banditNarm_4par": "bandit4arm_4par",
    "banditNarm_lapse": "bandit4arm_lapse",
    "banditNarm_2par_lapse": "bandit4arm_2par_lapse",
    "banditNarm_singleA_lapse": "bandit4arm_singleA_lapse",
    "banditNarm_lapse_decay": "bandit4arm_lapse_decay",
    "hgf_ibrb_single": "hgf_ibrb",
    "dd_hyperbolic_single": "dd_hyperbolic",
    "dd_cs_single": "dd_cs",
    "choiceRT_ddm_single": "choiceRT_ddm",
    "choiceRT_lba_single": "choiceRT_lba",
}
DESIGNS |= {name: DESIGNS[other] for name, other in _SAME.items()}
DESIGNS |= {f"{name}_multipleB": (_REVERSING_BLOCKS, DESIGNS[name][1]) for name in ("prl_rp", "prl_fictitious")}
DESIGNS |= {
    f"exploration_{kind}_safe": (_SAFE, DESIGNS[f"exploration_{kind}"][1]) for kind in ("value", "ucb", "thompson")
}
