"""MAP estimates, their errors and criteria, and every verdict with a case that raises it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import versant as vs
from versant.inference.likelihood import bind
from versant.inference.objective import Objective
from versant.inference.prior import as_prior, default_prior
from versant.inference.verdict import Verdict

Q = vs.models.find("q_learning")


def simulated(subjects: int = 3, trials: int = 150, **parameters: Any) -> vs.Trials:
    given = {"alpha": 0.3, "beta": 4.0} | parameters
    return vs.simulate(Q, vs.Bandit((0.25, 0.75), trials=trials, reversal=40), given, subjects=subjects, seed=5)


def one_subject(choices: list[int], rewards: list[float], options: int = 2) -> vs.Trials:
    columns = {"choice": choices, "reward": rewards}
    return vs.Trials.from_columns(subject=[1] * len(choices), columns=columns, codings={"choice": options})


def flags_of(fit: vs.Fit, i: int = 0) -> set[str]:
    return {str(flag) for flag in fit.verdicts[i]}


def test_the_estimate_is_that_of_an_independent_optimiser() -> None:
    trials = simulated()
    fit = vs.fit(Q, trials)
    assert all(flags_of(fit, i) == {"converged"} for i in range(3))
    for i in range(3):
        alone = trials.only(i + 1)
        fun = vs.objective(Q, alone)
        found = minimize(fun, fun.start, jac=True, method="BFGS", options={"gtol": 1e-7})
        assert fit.log_posterior is not None
        assert -found.fun == pytest.approx(fit.log_posterior[i], abs=1e-8)
        np.testing.assert_allclose(found.x, fit.unconstrained[i], atol=1e-5)


def test_errors_evidence_and_criteria_are_what_they_say() -> None:
    trials = simulated()
    prior = vs.Prior(np.array([0.2, 1.1]), np.array([[1.0, 0.3], [0.3, 0.8]]))
    fit = vs.fit(Q, trials, prior)
    bound = bind(Q, trials)
    step = 1e-4
    for i in range(3):

        def f(z: np.ndarray, i: int = i) -> float:
            likelihood = bound.evaluate(z[None], np.array([i]), 0).value[0]
            return float(-likelihood - prior.log_density(z[None])[0])

        z, eye = fit.unconstrained[i], np.eye(2) * step
        hessian = np.array(
            [[(f(z + a + b) - f(z + a - b) - f(z - a + b) + f(z - a - b)) / (4 * step**2) for b in eye] for a in eye]
        )
        np.testing.assert_allclose(fit.covariance[i], np.linalg.inv(hessian), rtol=1e-4)
        expected = -f(z) + math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(hessian)[1]
        assert fit.evidence is not None
        assert fit.evidence[i] == pytest.approx(expected, abs=1e-4)
    alpha, beta = fit.natural.T
    z_errors = np.sqrt(np.einsum("nkk->nk", fit.covariance))
    np.testing.assert_allclose(fit.errors, z_errors * np.stack([alpha * (1 - alpha), beta], axis=1), rtol=1e-12)
    np.testing.assert_allclose(fit.aic, 4 - 2 * fit.log_likelihood)
    np.testing.assert_allclose(fit.bic, 2 * math.log(150) - 2 * fit.log_likelihood)
    np.testing.assert_allclose(fit.pseudo_r2, 1 - fit.log_likelihood / (150 * math.log(0.5)))
    np.testing.assert_allclose(fit.log_likelihood, vs.log_likelihood(Q, trials, {"alpha": alpha, "beta": beta}))


def test_the_summary_counts_and_the_criteria_carry_a_note() -> None:
    trials = simulated(1, 20)
    fit = vs.fit(Q, trials, starts=1)
    assert fit.summary().startswith("q_learning: 1 subject, 20 choices\n")
    assert vs.fit(Q, simulated(2, 20), starts=1).summary().startswith("q_learning: 2 subjects, 40 choices\n")
    assert fit.to_dict()["notes"] == list(fit.notes)
    assert "AIC and BIC" in fit.notes[0]
    assert vs.fit(Q, trials, prior=None, starts=1).notes == ()


def test_published_maximum_likelihood_of_the_two_armed_bandit(shared_data: Any) -> None:
    from versant.formats.trials import read_trials

    path = shared_data / "behaviour" / "hbayesdm" / "bandit2arm_exampleData.txt"
    fit = vs.fit(Q, read_trials(path, rename={"outcome": "reward"}), prior=None)
    assert -fit.log_likelihood.sum() == pytest.approx(1251.899, abs=1e-3)
    assert all(fit.verdicts)


def test_the_fit_does_not_depend_on_who_else_is_fitted() -> None:
    trials = simulated()
    together = vs.fit(Q, trials, starts=3)
    alone = vs.fit(Q, trials.only(2), starts=1)
    np.testing.assert_allclose(together.unconstrained[1], alone.unconstrained[0], atol=1e-8)


def test_starts_are_reproducible() -> None:
    trials = simulated(2, 40)
    first, second = (vs.fit(Q, trials, prior=None, starts=4, seed=9) for _ in range(2))
    np.testing.assert_array_equal(first.unconstrained, second.unconstrained)


def test_flag_chance_for_choices_without_pattern() -> None:
    rng = np.random.default_rng(0)
    trials = one_subject(rng.integers(0, 2, 60).tolist(), rng.integers(0, 2, 60).astype(float).tolist())
    assert "chance" in flags_of(vs.fit(Q, trials))
    assert "chance" not in flags_of(vs.fit(Q, simulated(1, beta=8.0)))


def test_flag_at_limit_for_an_estimate_at_the_edge() -> None:
    # win-stay, lose-shift without fail: the best learning rate is 1, the best inverse temperature infinite
    choices, rewards = [0], [1.0]
    for _ in range(40):
        choices.append(choices[-1] if rewards[-1] else 1 - choices[-1])
        rewards.append(float(len(choices) % 3 != 0))
    fit = vs.fit(Q, one_subject(choices, rewards), prior=None, starts=1)
    assert "at_limit" in flags_of(fit)
    assert "at_limit" not in flags_of(vs.fit(Q, one_subject(choices, rewards)))


def test_flag_flat_for_a_direction_that_data_do_not_determine() -> None:
    @vs.learner(a=vs.real, b=vs.real)
    def redundant(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.a + p.b)

    trials = one_subject([0, 1, 1, 1, 0, 1], [0.0] * 6)
    fit = vs.fit(redundant, trials, prior=None)
    assert "flat" in flags_of(fit)
    assert "converged" not in flags_of(fit)
    assert np.isnan(fit.errors).all()
    assert flags_of(vs.fit(redundant, trials)) >= {"converged"}
    assert fit.to_dict()["subjects"][0]["standard_errors"] == {"a": None, "b": None}


@vs.learner(x=vs.real)
def pointed(p: Any, s: Any, t: Any) -> None:
    """A posterior whose peak is a corner at x = 0.5."""
    t.choose("choice", 3.0 - 2.0 * abs(p.x - 0.5))


def test_flag_kink_for_a_peak_at_a_corner() -> None:
    fit = vs.fit(pointed, one_subject([1] * 20, [0.0] * 20))
    assert fit.natural[0, 0] == pytest.approx(0.5, abs=1e-6)
    assert "kink" in flags_of(fit)
    assert "kink" not in flags_of(vs.fit(Q, simulated(1)))


def test_no_kink_where_two_values_tie_but_do_not_move() -> None:
    @vs.learner(beta=vs.positive, state={"Q": [0.0, 0.0]})
    def best(p: Any, s: Any, t: Any) -> None:
        a = t.choose("choice", p.beta * (s.Q.max() + 1.0))
        s.Q[a] += 0.5

    fit = vs.fit(best, one_subject([0, 1, 1, 0, 1, 1], [0.0] * 6))
    assert "kink" not in flags_of(fit)


def test_flag_starts_disagree_for_a_posterior_with_several_peaks() -> None:
    @vs.learner(x=vs.real)
    def wavy(p: Any, s: Any, t: Any) -> None:
        x = p.x
        t.choose("choice", -3.0 * (x - 2) * (x - 1) * x * (x + 1) * (x + 2) * (x - 0.2) - 0.3 * x)

    fit = vs.fit(wavy, one_subject([1] * 30, [0.0] * 30), {"x": (0.0, 3.0)}, starts=12, seed=2)
    assert "starts_disagree" in flags_of(fit)
    assert "starts_disagree" not in flags_of(vs.fit(Q, simulated(1), starts=6))


def test_flag_undefined_where_the_model_has_no_likelihood_and_only_there() -> None:
    @vs.learner(beta=vs.positive, state={"Q": [0.0, 0.0]})
    def leaving(p: Any, s: Any, t: Any) -> None:
        a = t.choose("choice", p.beta * vs.log(1.0 - s.Q))
        s.Q[a] += 0.6 * t.reward

    columns = {"choice": [0, 1, 0, 0, 1, 0, 1], "reward": [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0]}
    trials = vs.Trials.from_columns(subject=[1, 1, 1, 2, 2, 2, 2], columns=columns, codings={"choice": 2})
    fit = vs.fit(leaving, trials)
    assert "undefined" not in flags_of(fit)
    assert np.isfinite(fit.log_likelihood[0])
    assert flags_of(fit, 1) == {"undefined"}
    text = json.dumps(fit.to_dict(), allow_nan=False)
    assert json.loads(text)["subjects"][1]["log_likelihood"] is None


def test_a_fit_is_shown_in_one_line() -> None:
    trials = vs.simulate(Q, vs.Bandit(trials=40), {"alpha": 0.3, "beta": 4.0}, subjects=2, seed=1)
    assert repr(vs.fit(Q, trials, starts=1)).startswith("Fit(q_learning: 2 subjects, 80 choices; converged 2")
    fit = vs.fit(Q, trials, method="group", starts=1, polish=None)
    assert repr(fit).startswith("GroupFit(q_learning: 2 subjects, 80 choices; ")
    assert "\n" not in repr(fit)


def test_a_subject_without_choices_adds_nothing_to_bic() -> None:
    trials = vs.read_trials(pd.DataFrame({"subject": [1, 1, 2], "choice": [0, 1, -1], "reward": [1, 0, 1]}), missing=-1)
    fit = vs.fit(Q, trials, on_missing="learn")
    assert fit.n_choices.tolist() == [2, 0]
    assert fit.bic[1] == 0.0 < fit.bic[0]


def test_a_point_that_is_no_optimum_is_not_called_converged() -> None:
    from versant.inference.map import examine

    bound = bind(Q, simulated(1))
    fit = examine(bound, default_prior(Q), np.array([[2.0, -1.0]]), np.ones(1))
    assert "converged" not in flags_of(fit)


def test_every_flag_says_what_it_means_and_what_to_do() -> None:
    names = {"converged", "flat", "undefined", "at_limit", "kink", "chance", "starts_disagree", "engines_disagree"}
    assert {str(v) for v in Verdict} == names
    assert all(v.meaning and v.advice for v in Verdict)


def test_the_objective_serves_groups_and_gives_hessians() -> None:
    trials = simulated()
    fun = vs.objective(Q, trials, hess=True)
    z = fun.start + np.random.default_rng(0).normal(0, 0.3, 6)
    value, gradient, hessian = fun(z)
    blocks = [vs.objective(Q, trials.only(i + 1), hess=True)(z[2 * i : 2 * i + 2]) for i in range(3)]
    assert value == pytest.approx(sum(b[0] for b in blocks), rel=1e-13)
    np.testing.assert_allclose(gradient, np.concatenate([b[1] for b in blocks]), rtol=1e-12)
    assert hessian.shape == (6, 6)
    np.testing.assert_allclose(hessian[2:4, 2:4], blocks[1][2], rtol=1e-12)
    assert not hessian[0:2, 2:4].any()
    np.testing.assert_allclose(fun(z.reshape(3, 2))[1], gradient.reshape(3, 2))
    with pytest.raises(vs.ModelError, match="3 subjects × 2 parameters"):
        fun(np.zeros(5))


def test_the_objective_without_prior_is_the_likelihood() -> None:
    trials = simulated(1)
    fun = vs.objective(Q, trials, prior=None)
    assert isinstance(fun, Objective)
    value, _gradient = fun(np.array([0.0, 0.0]))
    assert value == pytest.approx(-vs.log_likelihood(Q, trials, {"alpha": 0.5, "beta": 1.0})[0])


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("flat", "'default', None"),
        ({"gamma": (0.0, 1.0)}, "no parameter gamma"),
        ({"alpha": (0.0, -1.0)}, "positive sd"),
    ],
)
def test_mistaken_priors_are_named(prior: Any, message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        as_prior(Q, prior)


def test_a_covariance_must_be_one() -> None:
    with pytest.raises(vs.ModelError, match="positive definite"):
        vs.Prior(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(vs.ModelError, match="symmetric"):
        vs.Prior(np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(vs.ModelError, match="over 3"):
        vs.fit(Q, simulated(1), vs.Prior(np.zeros(3), np.eye(3)))


def test_a_trial_column_that_is_not_there_is_named_with_the_remedy() -> None:
    trials = vs.Trials.from_columns(
        subject=[1, 1], columns={"choice": [0, 1], "points": [1.0, 0.0]}, codings={"choice": 2}
    )
    with pytest.raises(vs.DataError, match=r"reward.*rename="):
        vs.fit(Q, trials)
