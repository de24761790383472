"""Controllers fitted to behaviour: the hidden node's likelihood against enumeration, its ascent, what is said of it."""

import itertools

import numpy as np
import pytest

import versant as vs
from versant.agents.controller import Controller
from versant.errors import DataError, ModelError
from versant.inference.controller_fit import _Ascent, fit_controller
from versant.inference.controller_result import ControllerVerdict
from versant.inference.episodes import episodes_of
from versant.inference.hidden_nodes import HiddenNodes
from versant.progress import silent

GRID = vs.problems.tiger()
MODEL = vs.ControllerModel(3, actions=GRID.actions, observations=GRID.observations)


@pytest.fixture(scope="module")
def ragged():
    """Three subjects with 5, 3 and 4 trials."""
    trials = vs.simulate(
        Controller.random(3, GRID.actions, GRID.observations, seed=2), GRID, subjects=3, trials=5, seed=1
    )
    keep = np.ones(15, dtype=bool)
    keep[[8, 9, 14]] = False
    return trials.select(keep)


def enumerated(controller, actions, observations):
    """Sum over all sequences of nodes."""
    total = 0.0
    for nodes in itertools.product(range(controller.n_nodes), repeat=len(actions)):
        p = controller.start[nodes[0]]
        for t, action in enumerate(actions):
            p *= controller.action[nodes[t], action]
            if t + 1 < len(actions):
                p *= controller.transition[nodes[t], action, observations[t], nodes[t + 1]]
        total += p
    return np.log(total)


def likelihood_of(trials, *controllers):
    likelihood = HiddenNodes.of(episodes_of(MODEL, trials), 3)
    return likelihood, likelihood.layout.vector(controllers)


def test_the_likelihood_is_the_sum_over_all_sequences_of_nodes(ragged):
    pair = [Controller.random(3, GRID.actions, GRID.observations, seed=seed) for seed in (7, 8)]
    likelihood, theta = likelihood_of(ragged, *pair)
    for row, controller in zip(likelihood.log_likelihood(theta), pair, strict=True):
        for i, value in enumerate(row):
            own = slice(ragged.offsets[i], ragged.offsets[i + 1])
            expected = enumerated(controller, ragged.codes("action")[own], ragged.codes("observation")[own])
            assert value == pytest.approx(expected, abs=1e-13)


def test_the_gradient_agrees_with_differences(ragged):
    likelihood, theta = likelihood_of(ragged, Controller.random(3, GRID.actions, GRID.observations, seed=5))
    value, slope = likelihood.gradient(theta)
    assert value == pytest.approx(likelihood.log_likelihood(theta), abs=1e-14)
    step = 1e-6
    shifted = step * np.eye(theta.shape[1])
    up, down = (likelihood.log_likelihood(theta + sign * shifted).sum(axis=1) for sign in (1.0, -1.0))
    assert slope[0] == pytest.approx((up - down) / (2.0 * step), abs=1e-7)


def test_posterior_probabilities_of_nodes_are_those_of_enumeration(ragged):
    controller = Controller.random(3, GRID.actions, GRID.observations, seed=9)
    likelihood, theta = likelihood_of(ragged.only(2), controller)
    actions, seen = (ragged.only(2).codes(name) for name in ("action", "observation"))
    expected = np.zeros((3, 3))
    for nodes in itertools.product(range(3), repeat=3):
        p = controller.start[nodes[0]] * np.prod([controller.action[x, a] for x, a in zip(nodes, actions, strict=True)])
        p *= np.prod([controller.transition[nodes[t], actions[t], seen[t], nodes[t + 1]] for t in range(2)])
        expected[np.arange(3), nodes] += p
    assert likelihood.occupancies(theta)[1][0] == pytest.approx(expected / expected[0].sum(), abs=1e-13)


@pytest.mark.parametrize("concentration", [1.0, 1.5])
def test_no_step_of_the_ascent_goes_down_and_it_ends_stationary(ragged, concentration):
    likelihood, theta = likelihood_of(ragged, Controller.random(3, GRID.actions, GRID.observations, seed=5))
    ascent = _Ascent(likelihood, concentration - 1.0)
    before = ascent.height(theta)
    for _ in range(20):
        theta = ascent._leap(theta, ascent.grow(theta)[2])
        assert ascent.height(theta) >= before - 1e-12
        before = ascent.height(theta)
    ends, _, _ = ascent.run(theta, silent)
    assert ascent.grow(ends)[1][0] < 1e-3


def test_the_best_controller_of_the_tiger_is_recovered_from_its_behaviour():
    best = vs.plan(GRID, nodes=5, seed=0).controller
    trials = vs.simulate(best, GRID, subjects=10, trials=100, seed=1)
    model = vs.ControllerModel(5, actions=GRID.actions, observations=GRID.observations)
    fit = vs.fit(model, trials, seed=1)
    assert ControllerVerdict.STATIONARY in fit.verdicts
    assert fit.log_likelihood.sum() == pytest.approx(0.0, abs=1e-3)
    assert vs.evaluate(fit.controller, GRID).value == pytest.approx(19.371368, abs=1e-3)
    assert vs.log_likelihood(fit.controller, trials) == pytest.approx(fit.log_likelihood, abs=1e-12)


def test_two_nodes_are_chosen_for_win_stay_lose_shift():
    """Stay in the node after a reward, leave it after none; with slips."""
    names = (("0", "1"), ("0", "1"))
    moves = np.empty((2, 2, 2, 2))
    moves[:, :, 1], moves[:, :, 0] = np.eye(2)[:, None], np.eye(2)[::-1][:, None]
    truth = Controller([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], moves, *names)
    rng = np.random.default_rng(3)
    rewards = rng.integers(0, 2, (8, 100))
    node, actions = rng.integers(0, 2, 8), np.empty((8, 100), dtype=int)
    for t in range(100):
        actions[:, t] = np.where(rng.random(8) < 0.9, node, 1 - node)
        node = np.where(rewards[:, t] == 1, node, 1 - node)
    trials = vs.Trials.from_columns(
        subject=np.repeat(np.arange(8), 100), columns={"choice": actions.ravel(), "reward": rewards.ravel()}
    )
    fits = [vs.fit(vs.ControllerModel(n, "choice", "reward"), trials, starts=3, seed=2) for n in (1, 2, 3)]
    assert np.argmin([fit.bic for fit in fits]) == 1
    assert fits[0].log_likelihood.sum() == pytest.approx(_memoryless(actions), abs=1e-6)
    found = fits[1].controller
    order = np.argsort(found.action[:, 1])
    assert found.action[order] == pytest.approx(truth.action, abs=0.05)
    assert fits[1].nodes.sum(axis=1) == pytest.approx(1.0)
    assert vs.log_likelihood(fits[1].model, trials, truth).sum() < fits[1].log_likelihood.sum()


def _memoryless(actions):
    share = actions.mean()
    return actions.size * (share * np.log(share) + (1 - share) * np.log(1 - share))


def test_a_reset_starts_the_controller_anew():
    columns = {"action": [0, 1, 1, 0], "observation": [0, 1, 0, 1]}
    together = vs.Trials.from_columns(subject=[1, 1, 1, 1], columns=columns, session=[1, 1, 2, 2])
    apart = vs.Trials.from_columns(subject=[1, 1, 2, 2], columns=columns)
    names = {"actions": ("0", "1"), "observations": ("0", "1")}
    one = Controller.random(2, ("0", "1"), ("0", "1"), seed=4)
    sums = [
        HiddenNodes.of(episodes, 2).log_likelihood(HiddenNodes.of(episodes, 2).layout.vector([one])).sum()
        for episodes in (
            episodes_of(vs.ControllerModel(2, reset="session", **names), together),
            episodes_of(vs.ControllerModel(2, **names), apart),
        )
    ]
    assert sums[0] == pytest.approx(sums[1], abs=1e-14)


def test_what_cannot_be_fitted(ragged):
    with pytest.raises(DataError, match="no column 'choice'"):
        vs.fit(vs.ControllerModel(2, "choice"), ragged)
    with pytest.raises(DataError, match="no column 'session'"):
        vs.fit(vs.ControllerModel(2, reset="session"), ragged)
    with pytest.raises(DataError, match="does not know 'listen'"):
        vs.fit(vs.ControllerModel(2, actions=("left", "right")), ragged)
    with pytest.raises(ModelError, match="nodes=0"):
        vs.ControllerModel(0)
    with pytest.raises(ModelError, match="concentration"):
        vs.fit(MODEL, ragged, concentration=0.5)
    with pytest.raises(ModelError, match="a Controller with as many nodes"):
        vs.log_likelihood(MODEL, ragged, {"alpha": 0.5})
    with pytest.raises(ModelError, match="starts=0"):
        fit_controller(MODEL, ragged, starts=0, rng=np.random.default_rng(0))
    with pytest.raises(ModelError, match="takes no covariance="):
        vs.fit(MODEL, ragged, covariance="full")
    for verb in (vs.recover, vs.calibrate, lambda model, task: vs.crossvalidate(model, ragged, over="subject")):
        with pytest.raises(ModelError, match="for learners, not for a ControllerModel"):
            verb(MODEL, GRID)
    with pytest.raises(ModelError, match="takes learners"):
        vs.confusion({"a": MODEL, "b": vs.models.find("q_learning")}, GRID)
    with pytest.raises(ModelError, match="the fit of a learner"):
        vs.predictive(vs.fit(MODEL, ragged, starts=1), GRID)
    missing = vs.Trials.from_columns(
        subject=["ann", "ann"], columns={"action": [0, -1], "observation": [0, 1]}, codings={"action": 2}
    )
    with pytest.raises(DataError, match="missing cell") as caught:
        vs.fit(vs.ControllerModel(2), missing)
    assert caught.value.subject == "ann"
    assert caught.value.column == "action"


def test_an_impossible_action_has_no_probability(ragged):
    never = Controller([1.0], [[0.0, 1.0, 0.0]], np.ones((1, 3, 2, 1)), GRID.actions, GRID.observations)
    assert (vs.log_likelihood(never, ragged) == -np.inf).all()
