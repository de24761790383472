"""Behavioural tasks: what they show, in which order, how often; and that models simulated in them are recovered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import versant as vs
from versant.agents.zoo.sorting import CARDS
from versant.errors import ModelError, ProblemError
from versant.tasks.zoo.behaviour import find


def run(task: Any, model: str, theta: dict[str, float], subjects: int = 40, seed: int = 1) -> vs.Trials:
    return vs.simulate(vs.models.find(model), task, theta, subjects=subjects, seed=seed)


TWO_STEP = {"a": 0.5, "beta": 4.0, "pi": 0.5, "w": 0.6}
GO = {"xi": 0.1, "ep": 0.2, "b": 0.5, "pi": 0.4, "rho": 6.0}


def test_two_step_transitions_and_options() -> None:
    trials = run(find("two_step", trials=200), "ts_par4", TWO_STEP)
    first, state, second = (trials.columns[name] for name in ("level1_choice", "state", "level2_choice"))
    assert np.mean(first == state) == pytest.approx(0.7, abs=0.02)
    assert np.array_equal(second // 2, state)
    assert 0.4 < trials.numbers("reward").mean() < 0.75
    rare = run(find("two_step", trials=50, common=0.0), "ts_par4", TWO_STEP)
    assert np.array_equal(rare.columns["level1_choice"], 1 - rare.columns["state"])


def test_blocks_of_a_bandit_begin_as_the_first() -> None:
    task = find("bandit", probabilities=(0.0, 1.0), trials=50, reversal=10, block=25)
    trials = run(task, "prl_rp_multipleB", {"Apun": 0.3, "Arew": 0.5, "beta": 2.0}, subjects=3)
    trial = np.arange(150) % 50
    np.testing.assert_array_equal(trials.columns["block"], trial // 25 + 1)
    better = 1 - trial % 25 // 10 % 2  # 1 for ten trials, 0 for ten, 1 for five
    np.testing.assert_array_equal(trials.numbers("reward"), trials.columns["choice"] == better)
    with pytest.raises(ProblemError, match="shows 'block' and 'reward'"):
        run(task, "ug_delta", {"alpha": 1.0, "tau": 0.5, "ep": 0.2})
    with pytest.raises(ProblemError, match="block must be 1 or more"):
        find("bandit", block=0)


def test_go_nogo_cues_and_outcomes() -> None:
    certain = run(find("go_nogo", trials=80, reliability=1.0), "gng_m3", GO, subjects=10)
    cue, pressed, reward = (certain.columns[name] for name in ("cue", "keyPressed", "reward"))
    assert np.array_equal(np.bincount(cue), [200, 200, 200, 200])
    right = pressed == (cue < 2)
    worst = np.where(cue % 2 == 1, -1.0, 0.0)
    assert np.array_equal(reward, worst + right)


def test_selection_pays_the_better_option() -> None:
    trials = run(find("selection", probabilities=(1.0, 0.7, 0.0)), "pst_Q", {"alpha": 0.3, "beta": 4.0})
    pair, first, reward = (trials.columns[name] for name in ("type", "choice", "reward"))
    assert np.array_equal(reward[pair == 0], first[pair == 0])
    assert np.array_equal(reward[pair == 2], 1 - first[pair == 2])
    assert first[pair == 0].mean() > 0.7 > 0.3 > first[pair == 2].mean()


def test_gains_losses_and_decks() -> None:
    theta = {"A": 0.2, "alpha": 0.5, "cons": 1.0, "lambda": 1.0}
    trials = run(find("iowa", trials=200), "igt_pvl_delta", theta)
    deck, gain, loss = (trials.columns[name] for name in ("choice", "gain", "loss"))
    assert np.array_equal(gain, np.where(deck < 2, 100.0, 50.0))
    assert set(loss[deck == 1]) <= {0.0, -1250.0}
    assert np.mean(loss[deck == 2] < 0) == pytest.approx(0.5, abs=0.05)


def test_restless_pay_stays_in_range_and_moves() -> None:
    theta = {"lambda": 0.95, "theta": 50.0, "beta": 0.05, "mu0": 50.0, "s0": 6.0, "sD": 3.0}
    pay = run(find("restless_bandit", trials=100), "bandit4arm2_kalman_filter", theta, 5).numbers("reward")
    assert 1 <= pay.min() <= pay.max() <= 100
    assert np.array_equal(pay, np.round(pay))
    assert pay.std() > 5


def test_a_balloon_bursts_where_it_must() -> None:
    theta = {"phi": 0.97, "eta": 0.05, "gam": 1.0, "tau": 0.3}
    trials = run(find("balloon", trials=60, most=40), "bart_par4", theta)
    pumps, burst_at, explosion = (trials.columns[name] for name in ("pumps", "burst_at", "explosion"))
    assert np.all(pumps <= burst_at)
    assert np.array_equal(explosion == 1, pumps == burst_at)
    assert 0.1 < explosion.mean() < 0.9
    model = vs.models.find("bart_par4")
    recorded = {name: column for name, column in trials.columns.items() if name in ("pumps", "explosion")}
    as_in_files = vs.Trials.from_columns(subject=trials.subject_index, columns=recorded)
    np.testing.assert_allclose(
        vs.log_likelihood(model, trials, theta), vs.log_likelihood(model, as_in_files, theta), rtol=1e-13
    )


def test_state_starts_anew_with_each_block() -> None:
    weights = {"w1": 0.1, "w2": 0.1, "w3": 0.5}
    trials = run(find("block_bandit", blocks=30, length=6), "exploration_hybrid", weights, 60)
    block, choice = trials.numbers("block").reshape(60, 30, 6), trials.columns["choice"].reshape(60, 30, 6)
    assert np.array_equal(block[0, :, 0], np.arange(1.0, 31.0))
    assert np.all(block == block[:, :, :1])
    first = choice[:, :, 0].mean()  # nothing is known: both options alike
    assert first == pytest.approx(0.5, abs=0.04)
    safe = run(find("block_bandit", safe=True), "exploration_hybrid_safe", weights)
    assert np.all(safe.numbers("reward")[safe.columns["choice"] == 1] == 0)
    single = vs.simulate(
        vs.models.find("exploration_value"), find("block_bandit", blocks=200, length=2, noise=0.0), {"w1": 1e4}, seed=1
    )
    pay, taken = single.numbers("reward").reshape(200, 2), single.columns["choice"].reshape(200, 2)
    assert np.array_equal(taken[:, 1] == taken[:, 0], pay[:, 0] > 0)  # what was learned in other blocks is gone


def test_associations_are_learned() -> None:
    theta = {"alpha": 0.1, "neg": 0.3, "phi": 0.05, "rho": 0.9, "K": 3.0, "kappa": 0.2, "eps": 0.03}
    trials = run(find("associations", set_sizes=(2, 6), repetitions=10), "rlwm", theta)
    reward, size = trials.numbers("reward"), trials.numbers("set_size")
    assert reward[size == 2].mean() > reward[size == 6].mean() > 0.4
    assert np.array_equal(trials.numbers("block"), np.where(size == 2, 1.0, 2.0))


def test_rules_of_card_sorting_change_after_a_run() -> None:
    cards = CARDS
    trials = run(find("card_sorting", cards=cards, run=5), "wcs_sql", {"r": 0.9, "p": 0.9, "d": 4.0}, 10)
    decks, right = trials.columns["choice"].reshape(10, 128), trials.numbers("reward").reshape(10, 128)
    assert right.mean() > 0.4
    for lane in range(10):
        rule = streak = 0
        for trial in range(128):
            assert right[lane, trial] == (decks[lane, trial] == cards[rule, trial])
            streak = streak + 1 if right[lane, trial] else 0
            rule, streak = (rule + 1, 0) if streak == 5 else (rule, streak)
            rule %= 3


def test_pairs_are_counted_and_pay_the_option_chosen() -> None:
    theta = {"a": 1.5, "bp": 0.1, "tau": 0.3, "v": 3.0, "alpha_pos": 0.3, "alpha_neg": 0.2}
    trials = run(find("pairs", probabilities=(1.0, 0.5, 0.0), trials=60), "pstRT_rlddm6", theta, 10, 2)
    pair, number = trials.columns["cond"].reshape(10, 60), trials.numbers("iter").reshape(10, 60)
    for lane in range(10):
        for k in range(3):
            assert np.array_equal(number[lane, pair[lane] == k], np.arange(1.0, 21.0))
    first = trials.columns["choice"] == 0
    certain = trials.columns["cond"] == 0
    assert np.array_equal(trials.numbers("reward")[certain] == 1, first[certain])
    assert trials.numbers("RT").min() > 0.3


def test_designed_trials_in_order_and_shuffled() -> None:
    design = {"offer": [1, 5, 9, 13]}
    theta = {"alpha": 1.0, "tau": 0.5, "ep": 0.2}
    fixed = run(find("designed", columns=design, options={"accept": 2}), "ug_delta", theta, 3)
    assert np.array_equal(fixed.numbers("offer").reshape(3, 4), [design["offer"]] * 3)
    mixed = run(find("designed", columns=design, options={"accept": 2}, shuffled=True), "ug_delta", theta, 30)
    offers = mixed.numbers("offer").reshape(30, 4)
    assert np.array_equal(np.sort(offers, axis=1), [design["offer"]] * 30)
    assert len({tuple(row) for row in offers}) > 5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("two_step", {"common": 1.2}),
        ("go_nogo", {"reliability": -0.1}),
        ("selection", {"probabilities": ()}),
        ("gain_loss_bandit", {"gains": (0.5, 0.5)}),
        ("gain_loss_bandit", {"gain_sizes": (-1.0, 1.0, 1.0, 1.0)}),
        ("restless_bandit", {"decay": 1.5}),
        ("balloon", {"most": 129}),
        ("card_sorting", {"cards": [[0, 4]]}),
        ("card_sorting", {"cards": [0, 1]}),
        ("pairs", {"probabilities": (2.0,)}),
        ("block_bandit", {"arms": 1}),
        ("associations", {"set_sizes": ()}),
        ("designed", {"columns": {"a": [1.0], "b": [1.0, 2.0]}}),
        ("designed", {"columns": {"a": [0.0, 2.0]}, "options": {"a": 2}}),
        ("two_step", {"length": 3}),
        ("too_step", {}),
    ],
)
def test_what_makes_no_task(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ProblemError):
        find(name, **options)


def test_a_column_that_the_task_does_not_show_or_not_yet() -> None:
    with pytest.raises(ProblemError, match="reads 'gain'"):
        run(find("restless_bandit"), "bandit4arm_4par", {"Arew": 0.5, "Apun": 0.5, "R": 1.0, "P": 1.0})

    @vs.learner(beta=vs.positive)
    def hasty(p: Any, s: Any, t: Any) -> None:
        t.choose("keyPressed", p.beta * t.reward)

    with pytest.raises(ProblemError, match="'reward' follows 'keyPressed'"):
        vs.simulate(hasty, find("go_nogo"), {"beta": 1.0})


def test_probabilities_that_are_not_numbers() -> None:
    @vs.learner(beta=vs.positive)
    def broken(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", probabilities=vs.sqrt(-p.beta))

    with pytest.raises(ModelError, match="probabilities of 'choice' are not numbers"):
        vs.simulate(broken, find("bandit"), {"beta": 1.0})


def laid_out(seed: int, options: dict[str, int], **columns: Any) -> Any:
    rng = np.random.default_rng(seed)
    return find("designed", columns={k: rng.choice(v, 140) for k, v in columns.items()}, options=options)


REVERSING = {"reversal": 20, "win": 1.0, "loss": -1.0, "trials": 300}
RECOVERED = {
    "bandit2arm_delta": (find("bandit", trials=200), {"A": 0.3, "tau": 3.0}),
    "prl_fictitious": (find("bandit", **REVERSING), {"eta": 0.4, "alpha": 0.1, "beta": 2.0}),
    "bandit4arm_4par": (
        find("gain_loss_bandit", trials=300), {"Arew": 0.3, "Apun": 0.2, "R": 6.0, "P": 5.0}
    ),
    "ts_par4": (find("two_step", trials=300), TWO_STEP),
    "two_step_model_free": (
        find("two_step", trials=300),
        {"alpha1": 0.5, "alpha2": 0.5, "lambda": 0.6, "beta1": 4.0, "phi": 0.3, "beta2": 3.0},
    ),
    "exploration_hybrid": (find("block_bandit"), {"w1": 0.15, "w2": 0.2, "w3": 0.8}),
    "gng_m3": (find("go_nogo", trials=480), GO),
    "pst_Q": (find("selection", trials=360), {"alpha": 0.3, "beta": 4.0}),
    "igt_pvl_delta": (find("iowa", trials=300), {"A": 0.2, "alpha": 0.5, "cons": 1.0, "lambda": 1.0}),
    "dd_hyperbolic": (
        laid_out(0, {"choice": 2}, delay_later=range(1, 180), amount_later=range(11, 40), delay_sooner=[0],
                 amount_sooner=[10]),
        {"k": 0.03, "beta": 0.5},
    ),
    "ra_prospect": (
        laid_out(0, {"gamble": 2}, gain=range(1, 13), loss=range(13), cert=range(4)),
        {"rho": 0.8, "lambda": 1.6, "tau": 2.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECOVERED)
def test_simulated_parameters_are_recovered(name: str) -> None:
    task, truth = RECOVERED[name]
    model = vs.models.find(name)
    fit = vs.fit(model, run(task, name, truth), starts=2)
    expected = [float(domain.unconstrained(truth[k])) for k, domain in model.parameters.items()]
    np.testing.assert_allclose(np.median(fit.unconstrained, axis=0), expected, atol=0.3)
