"""One trial or two of each family, worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.by_hand import log_likelihood, logistic
from versant.agents.zoo.sorting import CARDS


def test_bandit() -> None:
    # after a win on option 1 its value is .25; the second trial chooses it again, with log-odds 4 x .25
    found = log_likelihood("bandit2arm_delta", {"A": 0.25, "tau": 4.0}, choice=[1, 1], outcome=[1, 1])
    assert found == pytest.approx(math.log(0.5) + math.log(logistic(1.0)), abs=1e-14)


def test_gain_and_loss() -> None:
    # option 2 gains 1 and loses 1: Qr = .5 x 4, Qp = -.25 x 2, net 1.5; lapse .2
    found = log_likelihood(
        "bandit4arm_lapse", {"Arew": 0.5, "Apun": 0.25, "R": 4.0, "P": 2.0, "xi": 0.2},
        choice=[2, 2], gain=[1, 0], loss=[-1, 0],
    )  # fmt: skip
    p = math.exp(1.5) / (3 + math.exp(1.5))
    assert found == pytest.approx(math.log(0.25) + math.log(0.8 * p + 0.05), abs=1e-14)


def test_kalman_filter() -> None:
    # gain 16/(16+16) = .5: mean 50 → 60, then with lambda .5 and centre 40: 50 (chosen), 45 (others)
    theta = {"lambda": 0.5, "theta": 40.0, "beta": 0.1, "mu0": 50.0, "s0": 4.0, "sD": 1.0}
    found = log_likelihood("bandit4arm2_kalman_filter", theta, choice=[3, 3], outcome=[70, 70])
    p = math.exp(5.0) / (math.exp(5.0) + 3 * math.exp(4.5))
    assert found == pytest.approx(math.log(0.25) + math.log(p), abs=1e-13)


def test_reversal() -> None:
    # a loss of 25 counts as -1: Q_1 = -.5; log-odds of option 2 are 2 x .5
    found = log_likelihood("prl_rp", {"Apun": 0.5, "Arew": 0.9, "beta": 2.0}, choice=[1, 2], outcome=[-25, 0])
    assert found == pytest.approx(math.log(0.5) + math.log(logistic(1.0)), abs=1e-14)
    # attraction: (1, 1) after one win, then n = 1.5 and Q = (.8 x 1 x 1 + 1)/1.5 = 1.2
    theta = {"phi": 0.8, "rho": 0.5, "beta": 1.0}
    found = log_likelihood("prl_ewa", theta, choice=[1, 1, 1], outcome=[1, 1, 1])
    expected = math.log(0.5) + math.log(logistic(1.0)) + math.log(logistic(1.2))
    assert found == pytest.approx(expected, abs=1e-14)
    # fictitious: Q = (.5, -.5) after a win, indecision .25: log-odds of option 1 are 2 x (1 - .25)
    theta = {"eta": 0.5, "alpha": 0.25, "beta": 2.0}
    found = log_likelihood("prl_fictitious", theta, choice=[1, 1], outcome=[1, 1])
    assert found == pytest.approx(math.log(logistic(-0.5)) + math.log(logistic(1.5)), abs=1e-14)


def test_two_step() -> None:
    # after 1, 1, reward: Q_1 = .5, M_1 = .2 x .5 x (1 - .5) = .05; planning favours 1 by .4 x .5 = .2
    theta = {"a1": 0.2, "beta1": 2.0, "a2": 0.5, "beta2": 4.0, "pi": 0.3, "w": 0.5, "lambda": 0.5}
    found = log_likelihood("ts_par7", theta, level1_choice=[1, 1], level2_choice=[1, 2], reward=[1, 0])
    first = 2.0 * (0.5 * 0.2 + 0.5 * 0.05) + 0.3
    expected = 2 * math.log(0.5) + math.log(logistic(first)) + math.log(logistic(-2.0))
    assert found == pytest.approx(expected, abs=1e-14)


def test_go_nogo() -> None:
    # first: bias 1 alone; then act and cue are worth .5 x 2 = 1 each, so 1 + 1 + .5
    theta = {"xi": 0.1, "ep": 0.5, "b": 1.0, "pi": 0.5, "rho": 2.0}
    found = log_likelihood("gng_m3", theta, cue=[4, 4], keyPressed=[1, 0], outcome=[1, 0])
    expected = math.log(0.9 * logistic(1.0) + 0.05) + math.log(0.9 * logistic(-2.5) + 0.05)
    assert found == pytest.approx(expected, abs=1e-14)


def test_selection() -> None:
    # 56, second taken and rewarded: Q_6 = .25; then 6 over 5 by log-odds 8 x .25
    found = log_likelihood("pst_Q", {"alpha": 0.25, "beta": 8.0}, type=[56, 56], choice=[0, 0], reward=[1, 1])
    assert found == pytest.approx(math.log(0.5) + math.log(logistic(2.0)), abs=1e-14)


def test_risk_and_ambiguity() -> None:
    # ½ (16^½ - 2 x 4^½) = 0 against 1: log-odds -3
    found = log_likelihood(
        "ra_prospect", {"rho": 0.5, "lambda": 2.0, "tau": 3.0}, gain=[16], loss=[-4], cert=[1], gamble=[1]
    )
    assert found == pytest.approx(math.log(logistic(-3.0)), abs=1e-14)
    # (.5 - .4 x .5/2) x 20 = 8 against .5 x 5; log-odds .1 x 5.5
    lottery = {"prob": [0.5], "ambig": [0.5], "reward_var": [20], "reward_fix": [5], "choice": [0]}
    found = log_likelihood("cra_linear", {"alpha": 1.0, "beta": 0.4, "gamma": 0.1}, **lottery)
    assert found == pytest.approx(math.log(logistic(-0.55)), abs=1e-14)
    # (1/4)^(1 + 1 x ½) x 20 = 2.5: no difference
    found = log_likelihood("cra_exp", {"alpha": 1.0, "beta": 1.0, "gamma": 0.7}, **lottery | {"prob": [0.25]})
    assert found == pytest.approx(math.log(0.5), abs=1e-14)


def test_described_prospects() -> None:
    # probabilities of 1 and 0 weigh 1 and 0; 4^½ against -2 x 9^½ at temperature .25
    option = {"opt1hprob": [1.0], "opt1hval": [4], "opt1lval": [-9], "opt2hprob": [0.0], "opt2hval": [4]}
    theta = {"tau": 0.5, "rho": 0.5, "lambda": 2.0, "beta": 0.25}
    found = log_likelihood("dbdm_prob_weight", theta, **option, opt2lval=[-9], choice=[1])
    assert found == pytest.approx(math.log(logistic(0.25 * (2.0 + 6.0))), abs=1e-14)


def test_peers() -> None:
    # 9^½ against 4^½ + ocu: log-odds of the risky one are 2 (3 - 2 - .5)
    gamble = {"p_gamble": [0.5], "safe_Hpayoff": [4], "safe_Lpayoff": [4], "risky_Hpayoff": [9], "risky_Lpayoff": [9]}
    theta = {"rho": 0.5, "tau": 2.0, "ocu": 0.5}
    found = log_likelihood("peer_ocu", theta, **gamble, condition=[1], choice=[1])
    assert found == pytest.approx(math.log(logistic(1.0)), abs=1e-14)


def test_discounting() -> None:
    # 30/(1 + .2 x 10) = 10 against 12
    offer = {"delay_later": [10], "amount_later": [30], "delay_sooner": [0], "amount_sooner": [12]}
    found = log_likelihood("dd_hyperbolic", {"k": 0.2, "beta": 0.5}, **offer, choice=[1])
    assert found == pytest.approx(math.log(logistic(-1.0)), abs=1e-14)
    found = log_likelihood("dd_cs", {"r": 0.4, "s": 0.5, "beta": 0.5}, **offer, choice=[0])
    assert found == pytest.approx(math.log(logistic(0.5 * (12 - 30 * math.exp(-2.0)))), abs=1e-14)


def test_gambling_decks() -> None:
    # a net gain of 100 is x = 1, utility 1: with cons 1, θ = 2, and E_2 = .5: preference 1
    gains = {"choice": [2, 2], "gain": [150, 0], "loss": [-50, 0]}
    found = log_likelihood("igt_pvl_delta", {"A": 0.5, "alpha": 0.5, "cons": 1.0, "lambda": 2.0}, **gains)
    assert found == pytest.approx(math.log(0.25) + math.log(math.e / (math.e + 3)), abs=1e-14)
    # outcome representation: deck 2 has V .5, F .5, P 1/3; the others F -.25 x 1/3
    theta = {"Arew": 0.5, "Apun": 0.25, "K": 1.0, "betaF": 1.0, "betaP": 3.0}
    own, other = math.exp(0.5 + 0.5 + 1.0), math.exp(-0.25 / 3)
    assert log_likelihood("igt_orl", theta, **gains) == pytest.approx(
        math.log(0.25) + math.log(own / (own + 3 * other)), abs=1e-14
    )


def test_ultimatum() -> None:
    # norm 10 → (4 x 10 + 5)/5 = 9 before the answer: 5 - .5 x 4 = 3
    found = log_likelihood("ug_bayes", {"alpha": 0.5, "beta": 0.5, "tau": 0.5}, offer=[5], accept=[1])
    assert found == pytest.approx(math.log(logistic(1.5)), abs=1e-14)
    # norm 10 at first: 5 - .5 x 5 = 2.5; then 9: 8 - .5 x 1 = 7.5
    found = log_likelihood("ug_delta", {"alpha": 0.5, "ep": 0.2, "tau": 0.2}, offer=[5, 8], accept=[1, 0])
    assert found == pytest.approx(math.log(logistic(0.5)) + math.log(logistic(-1.5)), abs=1e-14)


def test_aversive_learning() -> None:
    # belief ½ for both: 3 against 5 at ½ each; a shock by blue makes it .75, sharpened twofold: 1 against 0
    sizes = {"bluePunish": [3, 2], "orangePunish": [5, 4], "choice": [1, 1], "outcome": [1, 1]}
    theta = {"A": 0.5, "beta": 0.5, "gamma": 2.0}
    expected = math.log(logistic(0.5)) + math.log(logistic(-1.0))
    assert log_likelihood("alt_delta", theta, **sizes) == pytest.approx(expected, abs=1e-14)
    # beliefs of each option from 0: .5 → f = ½, times 3; and what is on offer does not count
    expected = math.log(0.5) + math.log(logistic(-0.5 * 1.5))
    assert log_likelihood("alt_gamma", theta, **sizes) == pytest.approx(expected, abs=1e-14)


def test_cambridge() -> None:
    # no bias, eight of ten red: .8; certain enough that only delays differ when rho and the points vanish
    task = {"gamble_type": [0], "percentage_staked": [95], "trial_initial_points": [0], "red_chosen": [1]}
    theta = {"alpha": 1.0, "rho": 1.0, "gamma": 2.0, "c": 0.5, "beta": 0.5}
    found = log_likelihood("cgt_cm", theta, **task, n_red_boxes=[8])
    assert found == pytest.approx(math.log(0.8) - math.log(sum(math.exp(-k / 4) for k in range(5))), abs=1e-14)


def test_happiness() -> None:
    # a sure 4 counts half on the next trial; the second row repeats the rating's time and is not scored
    rows = {"gain": [0, 6, 0], "loss": [0, -2, 0], "cert": [4, 0, 0], "type": [1, 0, 0], "gamble": [0, 1, 0]}
    theta = {"w0": 1.0, "w1": 0.5, "w2": 0.25, "w3": 2.0, "gam": 0.5, "sig": 1.0}
    found = log_likelihood("rdt_happiness", theta, **rows, outcome=[4, 6, 0], happy=[1, 9, 9], RT_happy=[7, 7, 8])
    mood = 1.0 + 0.5 * 1.0 + 0.25 * 1.0 + 2.0 * 2.0  # 4/4; ev 2 and error 4, halved
    assert found == pytest.approx(-0.5 * (9 - mood) ** 2 - math.log(2 * math.pi), abs=1e-13)


def test_detection() -> None:
    # one hit of two signals, no false alarm: d = 2, c = 0
    answers = {"stimulus": [1, 1, 0], "response": [1, 0, 0]}
    p = logistic(0.07056 + 1.5976)
    found = log_likelihood("task2AFC_sdt", {"d": 2.0, "c": 0.0}, **answers)
    assert found == pytest.approx(math.log(2 * p * (1 - p) * p), abs=1e-14)
    p = 0.5 * math.erfc(-1 / math.sqrt(2))
    assert log_likelihood("sdt", {"d": 2.0, "c": 0.0}, **answers) == pytest.approx(math.log(p * (1 - p) * p), abs=1e-14)


def test_balloon() -> None:
    # chance of holding ½: aim at 2/log 2 = 2.885 pumps; one pump, then stop: one yes, one no
    theta = {"phi": 0.5, "eta": 1.0, "gam": 2.0, "tau": 1.0}
    aim = 2 / math.log(2)
    found = log_likelihood("bart_par4", theta, pumps=[1], explosion=[0])
    assert found == pytest.approx(math.log(logistic(aim - 1)) + math.log(logistic(2 - aim)), abs=1e-14)
    # a burst on the first pump says nothing of stopping; after it, holding is believed (.5 + 0)/(1 + 1)
    aim = 2 / math.log(4)
    found = log_likelihood("bart_par4", theta, pumps=[1, 0], explosion=[1, 0])
    assert found == pytest.approx(math.log(logistic(2 / math.log(2) - 1)) + math.log(logistic(1 - aim)), abs=1e-14)
    # U = ½ - ½ x 2 x 0 + .2 x ¼ x 1 = .55, then for the second pump ½ - ½ x 2 + .05 x 9 = -.05
    theta = {"phi": 0.5, "eta": 0.5, "rho": 0.2, "tau": 2.0, "lambda": 2.0}
    found = log_likelihood("bart_ewmv", theta, pumps=[1], explosion=[0])
    assert found == pytest.approx(math.log(logistic(1.1)) + math.log(logistic(0.1)), abs=1e-14)


def test_more_pumps_than_any_balloon_bears() -> None:
    theta = {"phi": 0.5, "eta": 1.0, "gam": 2.0, "tau": 1.0}
    assert log_likelihood("bart_par4", theta, pumps=[129], explosion=[1]) == -math.inf


def test_card_sorting() -> None:
    # the first card matches deck 2 in colour, 1 in form and 1 in number: deck 2 has ⅓, whatever d; being right, half
    # the attention goes to colour: ⅔; the second matches 1, 3, 4
    theta = {"r": 0.5, "p": 0.1, "d": 1.0}
    found = log_likelihood("wcs_sql", theta, trial=[1, 2], choice=[2, 1], outcome=[1, 1])
    colour, other = 0.9998 * 2 / 3 + 0.0001, 0.9998 / 6 + 0.0001
    p = (0.9998 * colour + 0.0001) / (0.9998 * (colour + 2 * other) + 0.0004)
    assert found == pytest.approx(math.log(1 / 3) + math.log(p), abs=1e-13)
    # the same cards told by what they match, whatever their number
    told = {"colour": [2, 1], "form": [1, 3], "number": [1, 4], "trial": [1, 100]}
    assert log_likelihood("wcs_sql", theta, **told, choice=[2, 1], outcome=[1, 1]) == found


def test_order_of_cards_is_that_of_the_answer_sheet(shared_data: Path) -> None:
    sheet = (shared_data / "behaviour" / "hbayesdm" / "wcs_answersheet.txt").read_text().splitlines()[1:]
    decks = [[int(deck) - 1 for deck in line.split("\t")[1:]] for line in sheet]
    np.testing.assert_array_equal(CARDS, decks)


def test_hierarchical_filter() -> None:
    # two levels, from m2 = 0: v2 = 1/(1/(.1 + e^-2) + ¼), m2 = v2/2
    v = 1 / (1 / (0.1 + math.exp(-2)) + 0.25)
    found = log_likelihood("hgf_binary_2level", {"omega2": -2.0, "zeta": 1.5}, u=[1, 0], y=[1, 1])
    assert found == pytest.approx(math.log(0.5) + math.log(logistic(1.5 * v / 2)), abs=1e-14)
    # as hBayesDM has it, the second response follows the first prediction, ½
    theta = {"kappa": 1.0, "omega2": -2.0, "omega3": -6.0, "zeta": 1.5}
    found = log_likelihood("hgf_ibrb", theta, u=[1, 0], y=[0, 1])
    assert found == pytest.approx(math.log(logistic(1.5 * 0.5)), abs=1e-14)


def test_diffusion() -> None:
    # no drift, from the middle of a unit interval: π Σ k exp(-k²π²t/2) sin(kπ/2); at t = 1, two terms
    theta = {"alpha": 1.0, "beta": 0.5, "delta": 0.0, "tau": 0.5}
    density = math.pi * (math.exp(-(math.pi**2) / 2) - 3 * math.exp(-9 * math.pi**2 / 2))
    found = log_likelihood("choiceRT_ddm", theta, choice=[1, 2], RT=[1.5, 1.5])
    assert found == pytest.approx(2 * math.log(density), abs=1e-14)
    # drift v multiplies the upper density by exp(v a/2 - v² t/2) and the lower by exp(-v a/2 - v² t/2)
    found = log_likelihood("choiceRT_ddm", theta | {"delta": 0.4}, choice=[2], RT=[1.5])
    assert found == pytest.approx(math.log(density) + 0.2 - 0.08, abs=1e-14)
    assert log_likelihood("choiceRT_ddm", theta, choice=[1, 2], RT=[1.5, 0.4]) == -math.inf


def test_learned_diffusion() -> None:
    # a rewarded first choice moves Q from (½, ½) to (¾, ½): drift ½ of 2 x ¼, upwards for choice 1
    theta = {"a": 1.0, "tau": 0.5, "v": 2.0, "alpha": 0.5}
    density = math.pi * (math.exp(-(math.pi**2) / 2) - 3 * math.exp(-9 * math.pi**2 / 2))
    pair = {"cond": [1, 1], "iter": [1, 2], "choice": [1, 1], "RT": [1.5, 1.5], "feedback": [1, 0]}
    found = log_likelihood("pstRT_rlddm1", theta, **pair)
    assert found == pytest.approx(2 * math.log(density) + 0.25 - 0.125, abs=1e-14)


def test_race() -> None:
    # rates of zero, start range and gap 1, at t = 1: g = φ(1) - φ(2), 1 - G = 2 Φ(2) - Φ(1) + φ(2) - φ(1), idle ¼
    theta = {"d": 1.0, "A": 1.0, "v11": 1e-12, "v12": 1e-12, "v21": 3.0, "v22": 1.0, "tau": 0.25}
    found = log_likelihood("choiceRT_lba", theta, condition=[1], choice=[2], RT=[1.25])
    phi, cdf = (
        [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (1, 2)],
        [0.5 * math.erfc(-x / math.sqrt(2)) for x in (1, 2)],
    )
    missing = 2 * cdf[1] - cdf[0] + phi[1] - phi[0]
    assert found == pytest.approx(math.log((phi[0] - phi[1]) * missing / 0.75), abs=1e-9)


def test_exploration() -> None:
    # gain 100/110: after 11 on option 1 its mean is 10 and its variance 100/11; option 2: 0 and 100
    theta = {"w1": 0.1, "w2": 0.2, "w3": 0.3}
    found = log_likelihood("exploration_hybrid", theta, block=[1, 1, 2], choice=[1, 2, 1], reward=[11, 0, 0])
    x = 1.0 + 0.2 * (math.sqrt(100 / 11) - 10) + 0.3 * 10 / math.sqrt(100 / 11 + 100)
    assert found == pytest.approx(2 * math.log(0.5) + math.log(0.5 * math.erfc(x / math.sqrt(2))), abs=1e-13)


def test_pearce_hall() -> None:
    # Q: 0 → .4, associability 1 → 1; then error .6: associability .7 x 1 + .3 x .6
    theta = {"kappa": 0.4, "eta": 0.3, "beta": 2.0}
    found = log_likelihood("pearce_hall", theta, choice=[1, 1, 2], outcome=[1, 1, 0])
    second = 0.4 + 0.4 * 1.0 * 0.6
    expected = math.log(0.5) + math.log(logistic(0.8)) + math.log(logistic(-2 * second))
    assert found == pytest.approx(expected, abs=1e-14)


def test_learned_transitions() -> None:
    # 1 → state 2, rewarded: Q = .5, M_1 = .5 x .5 x 1; transitions now count as likely: V_1 - V_2 = .4 x .5
    theta = {"alpha1": 0.5, "alpha2": 0.5, "lambda": 0.5, "beta1": 2.0, "w": 0.5, "phi": 0.3, "beta2": 4.0}
    rows = {"choice1": [1, 2], "state2": [2, 3], "choice2": [2, 1], "outcome": [1, 2]}
    second = -(2 * (0.5 * 0.2 + 0.5 * 0.25) + 0.3)
    assert log_likelihood("two_step_hybrid", theta, **rows) == pytest.approx(
        3 * math.log(0.5) + math.log(logistic(second)), abs=1e-14
    )
