"""Of every model that `test_agents_zoo_by_hand` leaves out, one trial or two worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import versant as vs
from tests.by_hand import log_likelihood, logistic, normal_cdf

HALF = math.log(0.5)
MIDWAY = math.pi * (math.exp(-(math.pi**2) / 2) - 3 * math.exp(-9 * math.pi**2 / 2))  # f(1 | ½), to rounding


def test_every_model_is_worked_by_hand() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_agents_zoo_by_hand*.py"))
    assert [name for name in vs.models.names() if f'"{name}"' not in sources] == []


def test_delta_rules() -> None:
    rows = {"choice": [1, 1, 2], "outcome": [1, 0, 0]}
    # one rate: .25, then .25 - .25 x .25 = .1875
    found = log_likelihood("q_learning", {"alpha": 0.25, "beta": 4.0}, **rows)
    assert found == pytest.approx(HALF + math.log(logistic(1.0)) + math.log(logistic(-0.75)), abs=1e-14)
    # a bonus of .5 for what was chosen last
    found = log_likelihood("q_learning_perseveration", {"alpha": 0.25, "beta": 4.0, "kappa": 0.5}, **rows)
    assert found == pytest.approx(HALF + math.log(logistic(1.5)) + math.log(logistic(-1.25)), abs=1e-14)
    # two rates: .5, then .5 - .25 x .5 = .375
    rates = {"alpha_pos": 0.5, "alpha_neg": 0.25, "beta": 2.0}
    found = log_likelihood("q_learning_dual", rates, **rows)
    assert found == pytest.approx(HALF + math.log(logistic(1.0)) + math.log(logistic(-0.75)), abs=1e-14)
    found = log_likelihood("q_learning_dual_perseveration", rates | {"kappa": -0.5}, **rows)
    assert found == pytest.approx(HALF + math.log(logistic(0.5)) + math.log(logistic(-0.25)), abs=1e-14)


def four_arms(nets: list[float], lapse: float = 0.0) -> float:
    """Log-likelihood of choosing 2, 2, 2, … of four where option 2 is worth `nets` more than the others."""
    chances = [math.exp(net) / (3 + math.exp(net)) for net in nets]
    return sum(math.log((1 - lapse) * chance + lapse / 4) for chance in chances)


FOUR = {"choice": [2, 2, 2], "gain": [1, 0, 0], "loss": [-1, 0, 0]}
THREE = {"choice": [2, 1, 3], "gain": [1, 0, 0], "loss": [-1, 0, 0]}


def three_arms(after_gain: float, decayed: float, lapse: float = 0.0) -> float:
    """Log-likelihood of choosing 2, then 1, then 3, of three."""
    chances = [1 / 3, 1 / (2 + math.exp(after_gain)), 1 / (2 + math.exp(decayed))]
    return sum(math.log((1 - lapse) * chance + lapse / 3) for chance in chances)


def test_gains_and_losses() -> None:
    # Qr = .5 x 4, Qp = -.25 x 2; halved and quartered by trials without pay, whether chosen or not
    theta = {"Arew": 0.5, "Apun": 0.25, "R": 4.0, "P": 2.0}
    kept = 1.0 - 0.375
    assert log_likelihood("bandit4arm_4par", theta, **FOUR) == pytest.approx(four_arms([0, 1.5, kept]), abs=1e-14)
    assert log_likelihood("banditNarm_4par", theta, **THREE) == pytest.approx(three_arms(1.5, kept), abs=1e-14)
    found = log_likelihood("banditNarm_lapse", theta | {"xi": 0.3}, **THREE)
    assert found == pytest.approx(three_arms(1.5, kept, 0.3), abs=1e-14)
    # sensitivities of one: .5 - .25, then .25 - .1875
    theta = {"Arew": 0.5, "Apun": 0.25, "xi": 0.2}
    found = log_likelihood("bandit4arm_2par_lapse", theta, **FOUR)
    assert found == pytest.approx(four_arms([0, 0.25, 0.0625], 0.2), abs=1e-14)
    found = log_likelihood("banditNarm_2par_lapse", theta, **THREE)
    assert found == pytest.approx(three_arms(0.25, 0.0625, 0.2), abs=1e-14)
    # one rate: 2 - 1, halved
    theta = {"A": 0.5, "R": 4.0, "P": 2.0, "xi": 0.2}
    found = log_likelihood("bandit4arm_singleA_lapse", theta, **FOUR)
    assert found == pytest.approx(four_arms([0, 1.0, 0.5], 0.2), abs=1e-14)
    found = log_likelihood("banditNarm_singleA_lapse", theta, **THREE)
    assert found == pytest.approx(three_arms(1.0, 0.5, 0.2), abs=1e-14)


def test_gains_and_losses_that_decay() -> None:
    # 1.5, of which nine tenths stay where it is not chosen; chosen without pay, it is learned: 1 - .375
    theta = {"Arew": 0.5, "Apun": 0.25, "R": 4.0, "P": 2.0, "xi": 0.2, "d": 0.1}
    found = log_likelihood("bandit4arm_lapse_decay", theta, **FOUR)
    assert found == pytest.approx(four_arms([0, 1.5, 0.625], 0.2), abs=1e-14)
    found = log_likelihood("banditNarm_lapse_decay", theta, **THREE)
    assert found == pytest.approx(three_arms(1.5, 1.35, 0.2), abs=1e-14)
    # gain less loss, 3 - 1, half learned; it stays while others are chosen
    rows = THREE | {"gain": [3, 0, 0]}
    assert log_likelihood("banditNarm_delta", {"A": 0.5, "tau": 2.0}, **rows) == pytest.approx(
        three_arms(2.0, 2.0), abs=1e-14
    )


def test_kalman_filters() -> None:
    # as the filter on four options, on two: 50 for the one chosen, 45 for the other
    theta = {"lambda": 0.5, "theta": 40.0, "beta": 0.1, "mu0": 50.0, "s0": 4.0, "sD": 1.0}
    found = log_likelihood("banditNarm_kalman_filter", theta, choice=[2, 1], gain=[80, 0], loss=[-10, 0])
    assert found == pytest.approx(HALF + math.log(logistic(-0.5)), abs=1e-13)
    # pay as expected: means stay, and the variance 1000 of what was chosen becomes 16 x 1000/1016 before diffusion
    found = log_likelihood("kalman_ucb", {"beta": 0.1, "bonus": 0.3}, choice=[1, 2], reward=[50, 0])
    seen, unseen = (math.sqrt(0.9836**2 * v + 2.8**2) for v in (16000 / 1016, 1000.0))
    assert found == pytest.approx(HALF + math.log(logistic(0.03 * (unseen - seen))), abs=1e-13)
    # of two, the draw of 2 is higher with probability Φ(difference of means in units of its deviation)
    theta = {"spread": 2.0, "xi": 0.1}
    found = log_likelihood("kalman_thompson", theta, choice=[1, 2], reward=[50.8, 0])
    ahead = 0.9836 * 0.8 * 1000 / 1016 / (2 * math.hypot(seen, unseen))
    assert found == pytest.approx(HALF + math.log(0.9 * normal_cdf(-ahead) + 0.05), abs=1e-12)


def test_exploration() -> None:
    # after 11 on option 1: V = 10, RU = √(100/11) - 10, TU = √(100/11 + 100)
    rows = {"block": [1, 1], "choice": [1, 2], "reward": [11, 0]}
    seen = math.sqrt(100 / 11)
    total = math.sqrt(seen**2 + 100)
    for name, theta, x in (
        ("exploration_value", {"w1": 0.1}, 1.0),
        ("exploration_ucb", {"w1": 0.1, "w2": 0.2}, 1.0 + 0.2 * (seen - 10)),
        ("exploration_thompson", {"w3": 0.3}, 3 / total),
    ):
        assert log_likelihood(name, theta, **rows) == pytest.approx(HALF + math.log(normal_cdf(-x)), abs=1e-13)
    # option 2 is known: RU = 10, then √(100/11); TU the same
    for name, theta, first, x in (
        ("exploration_value_safe", {"w1": 0.1}, 0.0, 1.0),
        ("exploration_ucb_safe", {"w1": 0.1, "w2": 0.2}, 2.0, 1.0 + 0.2 * seen),
        ("exploration_thompson_safe", {"w3": 0.3}, 0.0, 3 / seen),
        ("exploration_hybrid_safe", {"w1": 0.1, "w2": 0.2, "w3": 0.3}, 2.0, 1.0 + 0.2 * seen + 3 / seen),
    ):
        expected = math.log(normal_cdf(first)) + math.log(normal_cdf(-x))
        assert log_likelihood(name, theta, **rows) == pytest.approx(expected, abs=1e-13)


def test_fictitious_updates() -> None:
    # a win: (½, -½); a loss on the same, δ = -1.5, at the rate ¼: (.125, -.125)
    rows = {"choice": [1, 1, 2], "outcome": [1, -1, 0]}
    theta = {"eta_pos": 0.5, "eta_neg": 0.25, "beta": 2.0}
    expected = HALF + math.log(logistic(2.0)) + math.log(logistic(-0.5))
    assert log_likelihood("prl_fictitious_rp_woa", theta, **rows) == pytest.approx(expected, abs=1e-14)
    expected = math.log(logistic(-0.25)) + math.log(logistic(1.75)) + math.log(logistic(-0.25))
    assert log_likelihood("prl_fictitious_rp", theta | {"alpha": 0.125}, **rows) == pytest.approx(expected, abs=1e-14)
    found = log_likelihood("prl_fictitious_woa", {"eta": 0.5, "beta": 2.0}, choice=[1, 1], outcome=[1, 1])
    assert found == pytest.approx(HALF + math.log(logistic(2.0)), abs=1e-14)


def test_blocks_begin_anew() -> None:
    theta = {"eta": 0.5, "alpha": 0.25, "beta": 2.0}
    found = log_likelihood("prl_fictitious_multipleB", theta, block=[1, 1, 2], choice=[1, 1, 1], outcome=[25, 25, 25])
    assert found == pytest.approx(2 * math.log(logistic(-0.5)) + math.log(logistic(1.5)), abs=1e-14)
    theta = {"Apun": 0.5, "Arew": 0.9, "beta": 2.0}
    found = log_likelihood("prl_rp_multipleB", theta, block=[1, 1, 2], choice=[1, 2, 1], outcome=[-25, 0, 25])
    assert found == pytest.approx(2 * HALF + math.log(logistic(1.0)), abs=1e-14)


def test_two_step_with_full_eligibility() -> None:
    rows = {"level1_choice": [1, 1], "level2_choice": [1, 2], "reward": [1, 0]}
    # Q_1 = .5, M_1 = .2 x .5; planning favours 1 by .4 x .5
    theta = {"a1": 0.2, "beta1": 2.0, "a2": 0.5, "beta2": 4.0, "pi": 0.3, "w": 0.5}
    expected = 2 * HALF + math.log(logistic(2 * (0.1 + 0.05) + 0.3)) + math.log(logistic(-2.0))
    assert log_likelihood("ts_par6", theta, **rows) == pytest.approx(expected, abs=1e-14)
    # Q_1 = .5, M_1 = .5 x .5
    theta = {"a": 0.5, "beta": 2.0, "pi": 0.3, "w": 0.5}
    expected = 2 * HALF + math.log(logistic(2 * (0.1 + 0.125) + 0.3)) + math.log(logistic(-1.0))
    assert log_likelihood("ts_par4", theta, **rows) == pytest.approx(expected, abs=1e-14)
    # again without pay: M_1 = .25 moves three quarters of the way to Q_1 = .5, and Q_1 falls to .25; then M_1 by -.125
    rows = {"level1_choice": [1, 1, 1], "level2_choice": [1, 1, 1], "reward": [1, 0, 0]}
    before = 2 * HALF + math.log(logistic(2 * (0.1 + 0.125) + 0.3)) + math.log(logistic(1.0))
    expected = before + math.log(logistic(2 * (0.05 + 0.5 * 0.3125) + 0.3)) + math.log(logistic(0.5))
    assert log_likelihood("ts_par4_reported", theta, **rows) == pytest.approx(expected, abs=1e-14)


def test_learned_transitions_with_one_controller() -> None:
    # planning favours 1 by .4 x .5; M_1 = .5 x .5 x 1
    rows = {"choice1": [1, 2], "state2": [2, 3], "choice2": [2, 1], "outcome": [1, 2]}
    theta = {"alpha2": 0.5, "beta1": 2.0, "phi": 0.3, "beta2": 4.0}
    found = log_likelihood("two_step_model_based", theta, **rows)
    assert found == pytest.approx(3 * HALF + math.log(logistic(-0.7)), abs=1e-14)
    found = log_likelihood("two_step_model_free", theta | {"alpha1": 0.5, "lambda": 0.5}, **rows)
    assert found == pytest.approx(3 * HALF + math.log(logistic(-0.8)), abs=1e-14)


def test_go_nogo() -> None:
    rows = {"cue": [4, 4], "keyPressed": [1, 0], "outcome": [1, 0]}
    # the act is worth .5 x 2
    theta = {"xi": 0.1, "ep": 0.5, "rho": 2.0}
    expected = HALF + math.log(0.9 * logistic(-1.0) + 0.05)
    assert log_likelihood("gng_m1", theta, **rows) == pytest.approx(expected, abs=1e-14)
    expected = math.log(0.9 * logistic(0.5) + 0.05) + math.log(0.9 * logistic(-1.5) + 0.05)
    assert log_likelihood("gng_m2", theta | {"b": 0.5}, **rows) == pytest.approx(expected, abs=1e-14)
    # a loss of 1 counts 3: act and cue are worth -1.5 each, and the cue counts half
    theta = {"xi": 0.1, "ep": 0.5, "b": 1.0, "pi": 0.5, "rhoRew": 2.0, "rhoPun": 3.0}
    expected = math.log(0.9 * logistic(1.0) + 0.05) + math.log(0.9 * logistic(1.25) + 0.05)
    assert log_likelihood("gng_m4", theta, **rows | {"outcome": [-1, 0]}) == pytest.approx(expected, abs=1e-14)


def test_pavlovian_transfer() -> None:
    # 1 + .5 x 2; then the act is worth .5, weighed 2, and the background takes away 1; another cue has the bias alone
    theta = {"xi": 0.1, "ep": 0.5, "b": 1.0, "pi": 0.5, "rho": 2.0}
    rows = {"cue": [1, 1, 2], "pavlovian": [2, -2, 0], "keyPressed": [1, 0, 1], "outcome": [1, 0, 0]}
    expected = sum(math.log(0.9 * logistic(x) + 0.05) for x in (2.0, -1.0, 1.0))
    assert log_likelihood("pit", theta, **rows) == pytest.approx(expected, abs=1e-14)


def test_selection_with_two_rates() -> None:
    # second rewarded: ½; not rewarded: .5 - .25 x .5; then the first is taken
    theta = {"alpha_pos": 0.5, "alpha_neg": 0.25, "beta": 8.0}
    found = log_likelihood("pst_gainloss_Q", theta, type=[56] * 3, choice=[0, 0, 1], reward=[1, 0, 0])
    assert found == pytest.approx(HALF + math.log(logistic(4.0)) + math.log(logistic(-3.0)), abs=1e-14)


def test_working_memory() -> None:
    # four stimuli, capacity 2: memory weighs .8 x ½; a failure takes Q of the action to ⅓ - ½ x ½ x ⅓ = ¼ and what is
    # remembered to ⅓ - ½ x ⅓ = 1/6; the action taken last has a bonus of 1. Of another stimulus nothing is known
    theta = {"alpha": 0.5, "neg": 0.5, "phi": 0.5, "rho": 0.8, "K": 2.0, "kappa": 1.0, "eps": 0.1}
    rows = {"stimulus": [1, 1, 2], "set_size": [4] * 3, "block": [1] * 3, "choice": [0, 1, 2], "reward": [0] * 3}
    slow, memory = (1 / (2 + math.exp(50 * (value - 1 / 3) + 1)) for value in (1 / 4, 1 / 6))
    expected = 2 * math.log(1 / 3) + math.log(0.9 * (0.4 * memory + 0.6 * slow) + 0.1 / 3)
    assert log_likelihood("rlwm", theta, **rows) == pytest.approx(expected, abs=1e-13)


def test_hierarchical_filters() -> None:
    # three levels, from m2 = 0, m3 = 1: v2 = 1/(1/(.1 + e^(1 - 2)) + ¼), m2 = v2/2
    theta = {"kappa": 1.0, "omega2": -2.0, "omega3": -6.0, "zeta": 1.5}
    v = 1 / (1 / (0.1 + math.exp(-1)) + 0.25)
    found = log_likelihood("hgf_binary_3level", theta, u=[1, 0], y=[1, 1])
    assert found == pytest.approx(HALF + math.log(logistic(1.5 * v / 2)), abs=1e-14)
    found = log_likelihood("hgf_ibrb_single", theta, u=[1, 0], y=[0, 1])
    assert found == pytest.approx(math.log(logistic(0.75)), abs=1e-14)


def test_gambling_decks() -> None:
    # x = 1, utility 1; then x = -1, utility -2; θ = 2
    rows = {"choice": [2, 2, 2], "gain": [150, 0, 0], "loss": [-50, -100, 0]}
    theta = {"A": 0.5, "alpha": 0.5, "cons": 1.0, "lambda": 2.0}
    found = log_likelihood("igt_pvl_decay", theta, **rows)
    assert found == pytest.approx(four_arms([0, 2.0, 2 * (0.5 - 2)]), abs=1e-14)
    # E: .5, then .5 + .5 x (-2.5) = -.75; P: .4, then .2 - .2
    theta |= {"epP": 0.4, "epN": -0.2, "K": 0.5, "w": 0.75}
    found = log_likelihood("igt_vpp", theta, **rows)
    assert found == pytest.approx(four_arms([0, 2 * (0.375 + 0.1), -1.125]), abs=1e-14)


def test_risk_without_one_aversion() -> None:
    gamble = {"gain": [16], "loss": [-4], "cert": [1], "gamble": [1]}
    found = log_likelihood("ra_noLA", {"rho": 0.5, "tau": 3.0}, **gamble | {"loss": [-1]})
    assert found == pytest.approx(math.log(logistic(3 * (0.5 * (4 - 1) - 1))), abs=1e-14)
    found = log_likelihood("ra_noRA", {"lambda": 2.0, "tau": 0.5}, **gamble)
    assert found == pytest.approx(math.log(logistic(0.5 * (0.5 * (16 - 8) - 1))), abs=1e-14)


def test_discounting() -> None:
    offer = {"delay_later": [10], "amount_later": [30], "delay_sooner": [0], "amount_sooner": [12], "choice": [1]}
    found = log_likelihood("dd_hyperbolic_single", {"k": 0.2, "beta": 0.5}, **offer)
    assert found == pytest.approx(math.log(logistic(-1.0)), abs=1e-14)
    found = log_likelihood("dd_exp", {"r": 0.1, "beta": 0.5}, **offer)
    assert found == pytest.approx(math.log(logistic(0.5 * (30 / math.e - 12))), abs=1e-14)
    found = log_likelihood("dd_cs_single", {"r": 0.4, "s": 0.5, "beta": 0.5}, **offer)
    assert found == pytest.approx(math.log(logistic(0.5 * (30 * math.exp(-2.0) - 12))), abs=1e-14)


def test_diffusions() -> None:
    # drift v multiplies the density at the upper boundary by exp(v a/2 - v² t/2)
    theta = {"alpha": 1.0, "beta": 0.5, "delta": 0.4, "tau": 0.5}
    found = log_likelihood("choiceRT_ddm_single", theta, choice=[2], RT=[1.5])
    assert found == pytest.approx(math.log(MIDWAY) + 0.2 - 0.08, abs=1e-14)
    rows = {"cond": [3], "iter": [1], "choice": [1], "RT": [1.5], "feedback": [1]}
    found = log_likelihood("pstRT_ddm", {"a": 1.0, "tau": 0.5, "d1": 9.0, "d2": 9.0, "d3": 0.4}, **rows)
    assert found == pytest.approx(math.log(MIDWAY) + 0.2 - 0.08, abs=1e-14)


def test_diffusion_that_learns_at_two_rates() -> None:
    # ten trials in, boundaries are 1 apart; forty in, 4^¼ = √2, and t = 2 has half the density of t = 1 there. Q moves
    # to (¾, ½), drift ½, then by a loss on 2 to (¾, .375), drift .75
    theta = {"a": 1.0, "bp": 0.25, "tau": 0.5, "v": 2.0, "alpha_pos": 0.5, "alpha_neg": 0.25}
    rows = {"cond": [1] * 3, "iter": [10, 40, 10], "choice": [1, 2, 1], "RT": [1.5, 2.5, 1.5], "feedback": [1, 0, 0]}
    found = log_likelihood("pstRT_rlddm6", theta, **rows)
    drifts = -0.25 * math.sqrt(2) - 0.25, 0.375 - 0.28125
    assert found == pytest.approx(3 * math.log(MIDWAY) - math.log(2) + sum(drifts), abs=1e-13)


@pytest.mark.parametrize("name", ["choiceRT_lba_single", "lba"])
def test_races(name: str) -> None:
    # rates of zero, start range and gap 1, at t = 1: g = φ(1) - φ(2), 1 - G = 2 Φ(2) - Φ(1) + φ(2) - φ(1), idle ¼
    theta = {"d": 1.0, "A": 1.0, "v11": 1e-12, "v12": 1e-12, "v21": 3.0, "v22": 1.0, "tau": 0.25}
    phi = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (1, 2)]
    missing = 2 * normal_cdf(2) - normal_cdf(1) + phi[1] - phi[0]
    found = log_likelihood(name, theta, condition=[1], choice=[2], RT=[1.25])
    assert found == pytest.approx(math.log((phi[0] - phi[1]) * missing / 0.75), abs=1e-9)
