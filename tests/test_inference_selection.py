"""Random-effects selection and concurrent fitting, against plain loops, integrals and known mixtures."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from benchmarks import _bms_printed as printed
from benchmarks import _cbm_manual as manual
from benchmarks.published import by_the_program, rl_task, stopped
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import digamma, gammaln
from scipy.stats import beta as beta_distribution
from scipy.stats import gamma as gamma_distribution
from scipy.stats import norm

import versant as vs
from tests.test_inference_group import GaussianData
from versant.inference.dirichlet import divergence, exceedance
from versant.inference.hbi import Hyper, concurrent, update_groups
from versant.inference.selection import draw_frequencies, groups_differ, select_models

Q, PERSEVERING = vs.models.find("q_learning"), vs.models.find("q_learning_perseveration")


@settings(max_examples=25, deadline=None)
@given(st.floats(0.3, 300), st.floats(0.3, 300))
def test_exceedance_of_two_models_is_a_beta_distribution(a: float, b: float) -> None:
    assert exceedance(np.array([a, b]))[0] == pytest.approx(beta_distribution.sf(0.5, a, b), abs=1e-10)


def test_exceedance_of_many_models_against_draws() -> None:
    alpha = np.array([3.0, 1.0, 12.0, 9.5, 0.5])
    draws = np.random.default_rng(0).dirichlet(alpha, 400_000)
    found = exceedance(alpha)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(found, np.bincount(draws.argmax(axis=1), minlength=5) / len(draws), atol=4e-3)


def test_divergence_of_two_beta_distributions_against_an_integral() -> None:
    def integrand(x: float) -> float:
        p, q = beta_distribution(4.0, 2.5), beta_distribution(1.0, 1.0)
        return float(p.pdf(x) * (p.logpdf(x) - q.logpdf(x)))

    expected = quad(integrand, 0, 1)[0]
    assert divergence(np.array([4.0, 2.5]), np.ones(2)) == pytest.approx(expected, abs=1e-8)


def plain_selection(evidence: np.ndarray, iterations: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """The published iteration, subject by subject."""
    models, subjects = evidence.shape
    alpha = np.ones(models)
    g = np.zeros((models, subjects))
    for _ in range(iterations):
        for n in range(subjects):
            u = [math.exp(evidence[k, n] - evidence[:, n].max() + digamma(alpha[k])) for k in range(models)]
            g[:, n] = np.array(u) / sum(u)
        alpha = 1.0 + g.sum(axis=1)
    return alpha, g


def test_selection_against_a_plain_loop_and_the_exact_evidence() -> None:
    evidence = np.random.default_rng(1).normal([[0.4], [0.0]], 1.5, (2, 10))
    found = select_models(["a", "b"], range(10), evidence)
    alpha, g = plain_selection(evidence, 400)
    np.testing.assert_allclose(found.alpha, alpha, rtol=1e-8)
    np.testing.assert_allclose(found.responsibilities, g, rtol=1e-7)
    exact = math.log(quad(lambda m: np.exp(np.logaddexp(*(evidence + np.log([[m], [1 - m]]))).sum()), 0, 1)[0])
    assert exact - 0.5 < found.free_energy < exact
    assert found.null_energy == pytest.approx(np.log(np.exp(evidence).mean(axis=0)).sum())
    assert found.bor == pytest.approx(1 / (1 + math.exp(found.free_energy - found.null_energy)))
    np.testing.assert_allclose(found.protected, (1 - found.bor) * found.exceedance + found.bor / 2)


def test_the_printed_output_of_another_implementation() -> None:
    evidence = printed.log_evidence()
    found = select_models([f"M{k}" for k in range(1, 7)], range(12), evidence)
    np.testing.assert_allclose(found.alpha, printed.ALPHA, atol=5e-4)  # theirs stops when α moves by less than 10⁻⁴
    np.testing.assert_allclose(found.frequencies, printed.FREQUENCIES, atol=3e-5)
    assert found.bor == pytest.approx(printed.OMNIBUS_RISK, abs=1e-7)
    np.testing.assert_allclose(found.exceedance, printed.EXCEEDANCE, atol=1e-4)  # theirs is counted in 10⁶ draws
    np.testing.assert_allclose(found.protected, printed.PROTECTED, atol=1e-4)


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.5])
def test_protected_exceedance_of_two_models_against_direct_integration(shift: float) -> None:
    evidence = np.random.default_rng(3).normal([[shift], [0.0]], 1.5, (2, 16))
    m = (np.arange(20_000) + 0.5) / 20_000
    density = np.exp(np.logaddexp(evidence[0] + np.log(m)[:, None], evidence[1] + np.log1p(-m)[:, None]).sum(axis=1))
    exceeds = density[m > 0.5].sum() / density.sum()
    null = np.exp(np.logaddexp(*(evidence + np.log(0.5))).sum())
    risk = null / (null + density.mean())
    found = select_models(["a", "b"], range(16), evidence)
    # variational Bayes is too sure of what it finds, and finds too little evidence against the null: the two make up
    assert abs(exceeds - 0.5) < abs(found.exceedance[0] - 0.5) < abs(exceeds - 0.5) + 0.12
    assert risk < found.bor < risk + 0.13
    assert found.protected[0] == pytest.approx((1 - risk) * exceeds + risk / 2, abs=0.03)


def test_models_that_nobody_can_tell_apart_are_equally_frequent() -> None:
    found = select_models(["a", "b", "c"], range(30), np.zeros((3, 30)))
    np.testing.assert_allclose(found.frequencies, 1 / 3, atol=1e-9)
    assert found.bor > 0.5
    np.testing.assert_allclose(found.protected, 1 / 3, atol=1e-9)


def test_families_share_their_prior() -> None:
    evidence = np.zeros((3, 12))
    evidence[2] += 1.0
    families = {"old": ("a", "b"), "new": ("c",)}
    found = select_models(["a", "b", "c"], range(12), evidence, families)
    assert sum(found.family_frequencies.values()) == pytest.approx(1.0)
    assert found.family_exceedance["new"] > 0.8
    flat = select_models(["a", "b", "c"], range(12), np.zeros((3, 12)), families)
    assert flat.family_frequencies["new"] == pytest.approx(0.5, abs=0.01)


def test_draws_of_frequencies_against_an_integral() -> None:
    evidence = np.random.default_rng(1).normal([[0.4], [0.0]], 1.5, (2, 10))

    def density(m: float) -> float:
        return float(np.exp(np.logaddexp(*(evidence + np.log([[m], [1 - m]]))).sum()))

    expected = quad(lambda m: m * density(m), 0, 1)[0] / quad(density, 0, 1)[0]
    draws = draw_frequencies(evidence, np.ones(2), np.random.default_rng(0), draws=600)
    assert draws[:, 0].mean() == pytest.approx(expected, abs=0.005)


def test_groups_with_opposite_models_differ() -> None:
    one = np.zeros((2, 12))
    one[0] += 2.0
    assert groups_differ([one, one[::-1]]) > 0.95
    assert groups_differ([one, one]) < 0.5


@pytest.mark.parametrize(
    ("evidence", "families", "message"),
    [
        (np.zeros((2, 3)), None, "do not fit"),
        (np.array([[0.0, np.nan]] * 2), None, "no evidence for subject 1"),
        (np.zeros((2, 2)), {"x": ["a"]}, "every model once"),
    ],
)
def test_mistaken_selections_are_named(evidence: Any, families: Any, message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        select_models(["a", "b"], range(2), evidence, families)


# hierarchical Bayesian inference


def gaussian_models(subjects: int = 14, seed: int = 2) -> tuple[GaussianData, GaussianData]:
    """Two Gaussian 'models' of the same subjects: the first sees y, the second half of them as twice as noisy."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([rng.normal(1.0, 0.4, (subjects // 2, 1)), rng.normal(-2.0, 0.4, (subjects - subjects // 2, 1))])
    noise = np.full((subjects, 1, 1), 0.3)
    return GaussianData(y, noise), GaussianData(y + 0.5, 2.0 * noise)


def test_the_update_of_groups_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    r, theta = rng.dirichlet(np.ones(2), 6).T, rng.normal(size=(6, 2))
    covariance = np.stack([np.diag(v) for v in rng.uniform(0.1, 1.0, (6, 2))])
    hyper, centre = Hyper(), np.array([0.3, -0.2])
    found = update_groups(r, [theta, theta], [covariance, covariance], [centre, centre], hyper)[1]
    for i in range(2):
        count = mean = square = 0.0
        for n in range(6):
            count += r[1, n]
            mean += r[1, n] * theta[n, i]
            square += r[1, n] * (theta[n, i] ** 2 + covariance[n, i, i])
        mean, square = mean / count, square / count
        assert found.mean[i] == pytest.approx((centre[i] + count * mean) / (1 + count))
        spread = count * (square - mean**2) + count / (1 + count) * (mean - centre[i]) ** 2
        assert found.rate[i] == pytest.approx(0.01 + 0.5 * spread)
        assert found.errors[i] == pytest.approx(math.sqrt(found.rate[i] / ((0.5 + count / 2) * (1 + count))))
    assert found.degrees == pytest.approx(2 * (0.5 + r[1].sum() / 2))
    expected = (
        sum(digamma(found.shape) - np.log(b) - np.log(found.shape / b) - 1 / found.weight for b in found.rate) / 2
    )
    assert found.correction == pytest.approx(expected)


def test_the_bound_rises_at_every_step_where_laplace_is_exact() -> None:
    models = gaussian_models()
    centres, variances = [np.zeros(1)] * 2, [np.full(1, 6.25)] * 2
    end = concurrent(models, centres, variances, 14, Hyper(), starts=[m.data for m in models])
    assert end.converged
    bounds = [bound for bound, _change in end.history[1:]]
    assert (np.diff(bounds) > -1e-9).all()
    np.testing.assert_allclose(end.responsibilities.sum(axis=0), 1.0)


def test_the_bound_of_one_model_lies_just_below_the_exact_evidence() -> None:
    model = GaussianData(np.array([[0.4], [1.1], [0.9], [-0.2]]), np.full((4, 1, 1), 0.2))
    hyper = Hyper(mean_weight=1.0, shape=2.0, rate=1.0)
    end = concurrent([model], [np.zeros(1)], [np.ones(1)], 4, hyper, starts=[model.data])
    mu, tau = np.linspace(-6, 6, 1201)[:, None], np.exp(np.linspace(-7, 5, 1201))[None]
    log_joint = gamma_distribution(2.0, scale=1.0).logpdf(tau) + norm(0, tau**-0.5).logpdf(mu)
    for y in model.data[:, 0]:
        log_joint = log_joint + norm(mu, np.sqrt(1 / tau + 0.2)).logpdf(y)
    exact = math.log((np.exp(log_joint) * tau).sum() * (mu[1, 0] - mu[0, 0]) * math.log(tau[0, 1] / tau[0, 0]))
    assert exact - 0.3 < end.bound < exact


def test_a_divergence_of_groups_against_an_integral() -> None:
    hyper, centre = Hyper(1.5, 2.0, 0.7), np.array([0.2])
    group = update_groups(
        np.ones((1, 3)), [np.array([[1.0], [0.0], [2.0]])], [np.full((3, 1, 1), 0.2)], [centre], hyper
    )[0]
    mu, tau = np.linspace(-8, 10, 2001)[:, None], np.exp(np.linspace(-7, 4, 1501))[None]

    def log_density(mean: float, weight: float, shape: float, rate: float) -> np.ndarray:
        gamma = shape * np.log(rate) - gammaln(shape) + (shape - 1) * np.log(tau) - rate * tau
        return np.asarray(gamma + norm(mean, (weight * tau) ** -0.5).logpdf(mu))

    q = log_density(group.mean[0], group.weight, group.shape, group.rate[0])
    p = log_density(0.2, 1.5, 2.0, 0.7)
    cell = (mu[1, 0] - mu[0, 0]) * math.log(tau[0, 1] / tau[0, 0])
    assert group.divergence(centre, hyper) == pytest.approx((np.exp(q) * (q - p) * tau).sum() * cell, rel=1e-3)


def mixture(trials: int = 120) -> tuple[vs.Trials, int]:
    """Seven delta-rule learners, then eleven who also persevere."""
    rng = np.random.default_rng(8)
    bandit = vs.Bandit((0.3, 0.7), trials=trials, reversal=30)
    plain = {"alpha": rng.uniform(0.2, 0.5, 7), "beta": rng.uniform(3, 6, 7), "kappa": 0.0}
    sticky = {"alpha": rng.uniform(0.2, 0.5, 11), "beta": rng.uniform(3, 6, 11), "kappa": rng.uniform(1.2, 2.0, 11)}
    both = {name: np.concatenate([np.broadcast_to(plain[name], 7), sticky[name]]) for name in plain}
    return vs.simulate(PERSEVERING, bandit, both, seed=8), 7


def test_a_known_mixture_is_told_apart() -> None:
    trials, plain = mixture()
    found = vs.compare({"plain": Q, "sticky": PERSEVERING}, trials, method="hbi", starts=2)
    assert vs.SelectionVerdict.CONVERGED in found.verdicts
    assert found.best == "sticky"
    assert (found.responsibilities[0, :plain].mean(), found.responsibilities[1, plain:].mean()) > (0.6, 0.9)
    assert found.frequencies[1] == pytest.approx(11 / 18, abs=0.15)
    table = found.group_frame().set_index(["model", "parameter"])
    row = table.loc[("sticky", "kappa")]
    assert row["lower"] < 1.6 < row["upper"]
    assert found.null_bounds["responsibilities"] < found.null_bounds["frequencies"]
    assert 0 < found.bor() < 1
    assert json.loads(json.dumps(found.to_dict()))["best"] == "sticky"
    assert list(found.subject_frame().columns) == ["subject", "plain", "sticky"]
    np.testing.assert_allclose(found.estimates("plain").alpha, found.natural[0][:, 0])
    assert "sticky" in found.summary()
    with pytest.raises(vs.ModelError, match="no model 'x'"):
        found.estimates("x")
    fits = {"plain": vs.fit(Q, trials, starts=2), "sticky": vs.fit(PERSEVERING, trials, starts=2)}
    separate = vs.compare(fits, method="bms")
    assert separate.best == "sticky"
    assert list(separate.frame().model) == ["plain", "sticky"]
    assert json.loads(json.dumps(separate.to_dict()))["models"][0]["model"] == "plain"
    assert "sticky" in separate.summary()
    by_bic = vs.compare(fits, method="bms", criterion="bic")
    np.testing.assert_allclose(by_bic.evidence[0], -0.5 * fits["plain"].bic)
    with pytest.raises(vs.ModelError, match="criterion='dic'"):
        vs.compare(fits, method="bms", criterion="dic")  # type: ignore[call-overload]
    families = {"one": ["plain"], "other": ["sticky"]}
    assert vs.compare(fits, method="bms", families=families).family_exceedance["other"] > 0.5


def test_published_results_of_the_rl_task(shared_data: Any) -> None:
    """Separately the single learning rate seems more frequent; concurrently, two rates are (Piray et al. 2019)."""
    models, trials = rl_task(shared_data / "behaviour")
    fits = {name: vs.fit(model, trials) for name, model in models.items()}
    printed = np.array(manual.INDIVIDUAL.split(), dtype=float).reshape(-1, 2)
    np.testing.assert_allclose(fits["RL"].unconstrained, printed, atol=1e-4)
    assert vs.compare(fits, method="bms").best == "RL"
    found = vs.compare(models, trials, method="hbi")
    assert found.best == "dual RL"
    np.testing.assert_allclose(found.frequencies, list(manual.FREQUENCIES.values()), atol=0.001)
    np.testing.assert_allclose(found.exceedance, list(manual.EXCEEDANCE.values()), atol=0.0002)
    early = stopped(models, trials, manual.STEPS)  # the toolbox stops before all parameters are at rest
    gains = np.diff([bound for bound, _ in early.history])  # step by step as in the toolbox's log
    np.testing.assert_allclose(gains, manual.GAINS, atol=0.2)
    np.testing.assert_allclose(gains[9:], manual.GAINS[9:], atol=0.025)
    assert gains.sum() == pytest.approx(sum(manual.GAINS), abs=0.15)
    np.testing.assert_allclose(exceedance(early.alpha), list(manual.EXCEEDANCE.values()), atol=0.0002)
    for k, name in enumerate(models):
        np.testing.assert_allclose(early.groups[k].mean, manual.MEANS[name], atol=0.004)
        np.testing.assert_allclose(early.groups[k].errors, manual.ERRORS[name], atol=0.001)
        np.testing.assert_allclose(found.groups[k].mean, manual.MEANS[name], atol=0.025)


def test_published_experiments_on_exploration(shared_data: Any) -> None:
    """A hybrid of directed and random exploration is the best account of the second experiment (Gershman 2018)."""
    trials = vs.read_trials(shared_data / "behaviour" / "exploration" / "data2.csv")
    models = [vs.models.find(f"exploration_{name}") for name in ("value", "ucb", "thompson", "hybrid")]
    found = vs.compare([vs.fit(model, trials, starts=1) for model in models], method="bms")
    assert found.best == "exploration_hybrid"
    assert found.protected[3] > 0.99
    program = by_the_program(2, [100.0, 100.0], shared_data / "behaviour")
    assert program.protected[3] > 0.999
    # by a program of its own (BFGS on probit regressions of the filter's means and variances)
    np.testing.assert_allclose(program.frequencies, [0.117, 0.166, 0.058, 0.660], atol=0.001)


def test_families_against_an_integral_over_the_simplex() -> None:
    evidence = np.random.default_rng(5).normal([[0.6], [0.2], [0.0]], 1.2, (3, 9))
    found = select_models("abc", range(9), evidence, {"x": ["a", "b"], "y": ["c"]})
    # α₀ = (½, ½, 1): with m_a = v sin², m_b = v cos² the density of (angle, v) is flat
    angle = (np.arange(400) + 0.5) * np.pi / 800
    v = (np.arange(400) + 0.5) / 400
    m = np.stack([v * np.sin(angle[:, None]) ** 2, v * np.cos(angle[:, None]) ** 2, 1 - v + 0 * angle[:, None]])
    density = np.exp(np.log(np.einsum("kij,kn->ijn", m, np.exp(evidence))).sum(axis=2))
    share = (density * v).sum() / density.sum()
    assert found.family_frequencies["x"] == pytest.approx(share, abs=0.005)
    exceeds = density[:, v > 0.5].sum() / density.sum()
    assert found.family_exceedance["x"] == pytest.approx(exceeds, abs=0.01)


def test_whether_groups_differ_against_the_exact_evidence() -> None:
    rng = np.random.default_rng(6)
    groups = [rng.normal([[shift], [0.0]], 1.5, (2, 14)) for shift in (2.0, -0.5)]

    def exact(evidence: np.ndarray) -> float:
        return math.log(quad(lambda m: np.exp(np.logaddexp(*(evidence + np.log([[m], [1 - m]]))).sum()), 0, 1)[0])

    apart = exact(groups[0]) + exact(groups[1])
    expected = 1 / (1 + math.exp(exact(np.concatenate(groups, axis=1)) - apart))
    assert groups_differ(groups) == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "rfx"}, "'table', 'bms', 'hbi'"),
        ({"method": "bms", "prior": None}, "takes no prior="),
        ({"prior": None}, "takes no prior="),
        ({"method": "hbi"}, "trials belong to"),
    ],
)
def test_mistaken_comparisons_are_named(options: Any, message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.compare({}, **options)


def test_mistaken_concurrent_fits_are_named() -> None:
    trials, _ = mixture(10)
    with pytest.raises(vs.ModelError, match="two models or more"):
        vs.compare([Q], trials, method="hbi")
    with pytest.raises(vs.ModelError, match="fits the models itself"):
        vs.compare({"a": vs.fit(Q, trials), "b": Q}, trials, method="hbi")  # type: ignore[dict-item]
    with pytest.raises(vs.ModelError, match="needs a prior"):
        vs.compare([Q, PERSEVERING], trials, method="hbi", prior=None)
    with pytest.raises(vs.ModelError, match="maximum likelihood"):
        vs.compare([vs.fit(Q, trials, None), vs.fit(PERSEVERING, trials, None)], method="bms")
