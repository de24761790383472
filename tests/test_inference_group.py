"""Hierarchical fits: derivatives, fixed points, errors, and every verdict with a case that raises it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student

import versant as vs
from versant.inference.design import by_parameter, intercepts
from versant.inference.group import polish_integrated, polish_laplace
from versant.inference.group_report import group_errors, report
from versant.inference.hierarchical import Climb, begin, better_modes, climb, maximisation
from versant.inference.importance import importance
from versant.inference.integrated import Integral, IntegratedSurface
from versant.inference.laplace import Laplace, approximate, third_order
from versant.inference.likelihood import Derivatives, bind
from versant.inference.marginal import Marginal
from versant.inference.mixture import Mixture
from versant.inference.nodes import Nodes
from versant.inference.polish import LaplaceSurface, Regularised
from versant.inference.prior import SubjectPriors, default_prior
from versant.inference.reference import Reference
from versant.inference.rules import gauss_hermite, lattice, lattices, product_rules
from versant.inference.spread import Spread

Q = vs.models.find("q_learning")


def group_of(subjects: int = 8, trials: int = 80, spread: float = 0.8, seed: int = 3) -> vs.Trials:
    rng = np.random.default_rng(seed)
    alpha, beta = rng.normal(-0.3, spread, subjects), rng.normal(1.2, 0.6 * spread, subjects)
    truth = {"alpha": 1 / (1 + np.exp(-alpha)), "beta": np.exp(beta)}
    return vs.simulate(Q, vs.Bandit((0.25, 0.75), trials=trials, reversal=30), truth, seed=seed)


@dataclass(frozen=True)
class GaussianData:
    """Subjects whose likelihood is Gaussian in z, so that the marginal is known: y_n ~ N(m_n, Σ + noise_n)."""

    data: np.ndarray  # (N, K)
    noise: np.ndarray  # (N, K, K)

    def evaluate(self, z: Any, subjects: Any, order: int, engine: Any = None) -> Derivatives:
        away, precision = self.data[subjects] - z, np.linalg.inv(self.noise[subjects])
        value = (
            -0.5 * np.einsum("mk,mkl,ml->m", away, precision, away) - 0.5 * np.linalg.slogdet(self.noise[subjects])[1]
        )
        value = value - 0.5 * z.shape[1] * math.log(2 * math.pi)
        return Derivatives(value, np.einsum("mkl,ml->mk", precision, away), -precision)


def gaussian_group(subjects: int = 12, size: int = 2, seed: int = 0) -> GaussianData:
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 0.5, (subjects, size, size))
    noise = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(size)
    return GaussianData(rng.normal(1.0, 1.2, (subjects, size)), noise)


def exact_evidence(group: GaussianData, means: np.ndarray, covariance: np.ndarray) -> float:
    return sum(
        multivariate_normal(m, covariance + noise).logpdf(y)
        for y, noise, m in zip(group.data, group.noise, means, strict=True)
    )


def climbed(marginal: Marginal, z: np.ndarray, **options: Any) -> Climb:
    return climb(marginal, begin(marginal, z, np.eye(z.shape[1])), **options)


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_with_gaussian_data_em_polish_and_an_independent_optimiser_agree(kind: Any) -> None:
    group = gaussian_group()
    marginal = Marginal(group, intercepts(["a", "b"], 12), Spread(2, kind, 0.02))
    em = climbed(marginal, group.data, iterations=400)
    polished = polish_laplace(marginal, climbed(marginal, group.data, iterations=5))
    integrated, integral = polish_integrated(marginal, None, climbed(marginal, group.data, iterations=5))

    def f(y: np.ndarray) -> float:
        effects, covariance = marginal.split(y)
        return -exact_evidence(group, marginal.design.means(effects), covariance)

    best = minimize(f, marginal.join(polished.effects, polished.covariance), method="BFGS", options={"gtol": 1e-5})
    assert polished.evidence == pytest.approx(-best.fun, abs=1e-6)
    assert em.evidence == pytest.approx(-best.fun, abs=1e-3)
    assert integrated.history[-1].evidence == pytest.approx(-best.fun, abs=1e-4)
    np.testing.assert_allclose(polished.effects, best.x[:2], atol=1e-3)
    np.testing.assert_allclose(em.covariance, polished.covariance, atol=0.02)
    y = marginal.join(polished.effects, polished.covariance)
    step, size = 1e-4, len(y)
    eye = np.eye(size) * step
    hessian = [[f(y + a + b) - f(y + a - b) - f(y - a + b) + f(y - a - b) for b in eye] for a in eye]
    expected = np.array(hessian) / (4 * step**2)
    np.testing.assert_allclose(marginal.information(y, polished.laplace.modes), expected, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(integral.nodes.information(y), expected, rtol=1e-2, atol=0.05)


def test_the_score_is_the_derivative_of_the_laplace_evidence() -> None:
    trials = group_of(5, 40)
    bound = bind(Q, trials)
    age = np.linspace(-1, 1, 5)[:, None]
    design = by_parameter(("alpha", "beta"), (("mean", "age"), ("mean",)), (np.hstack([age**0, age]), age**0))
    marginal = Marginal(bound, design, Spread(2, "full", 0.02))
    y = np.array([-0.2, 0.3, 1.0, 0.9, -0.3, 0.6])
    everyone = np.arange(5)
    modes = approximate(bound, marginal.priors(y), everyone, np.zeros((5, 2))).modes

    def evidence(at: np.ndarray) -> np.ndarray:
        return approximate(bound, marginal.priors(at), everyone, modes).evidence

    scores = marginal.scores(y, approximate(bound, marginal.priors(y), everyone, modes))
    step = 1e-4
    for i, direction in enumerate(np.eye(6) * step):
        difference = (evidence(y + direction) - evidence(y - direction)) / (2 * step)
        np.testing.assert_allclose(scores[:, i], difference, rtol=1e-5, atol=1e-6)


def test_the_third_order_term_moves_the_mode_towards_the_mean() -> None:
    @vs.learner(x=vs.real)
    def coin(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.x)

    trials = vs.Trials.from_columns(subject=[1] * 12, columns={"choice": [1] * 10 + [0] * 2}, codings={"choice": 2})
    bound = bind(coin, trials)
    found = approximate(bound, SubjectPriors(np.zeros((1, 1)), np.eye(1)), np.array([0]), np.zeros((1, 1)))
    c = third_order(bound, np.array([0]), found)
    grid = np.linspace(-8, 8, 40001)
    density = np.exp(10 * -np.logaddexp(0, -grid) + 2 * -np.logaddexp(0, grid)) * norm.pdf(grid)
    mean = (grid * density).sum() / density.sum()
    corrected = found.modes[0, 0] - 0.5 * found.covariance[0, 0, 0] * c[0, 0]
    assert abs(corrected - mean) < 0.1 * abs(found.modes[0, 0] - mean)
    assert found.evidence[0] == pytest.approx(np.log(density.sum() * (grid[1] - grid[0])), abs=0.02)


def test_the_maximisation_step_against_a_plain_loop() -> None:
    bound = bind(Q, group_of(5, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 5), Spread(2, "full", 0.02))
    now = begin(marginal, np.zeros((5, 2)), np.eye(2))
    effects, covariance = maximisation(marginal, now)
    z, v = now.laplace.modes, now.laplace.covariance
    mean = sum(z) / 5
    expected = sum(np.outer(z[n] - mean, z[n] - mean) + v[n] for n in range(5)) / 5
    np.testing.assert_allclose(effects, mean, rtol=1e-10)
    np.testing.assert_allclose(covariance, expected, rtol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6), st.sampled_from(["full", "diagonal"]), st.integers(0, 2))
def test_covariances_and_their_factors(size: int, seed: int, kind: Any, dropped: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, max(size - dropped, 0)))
    spread = Spread(size, kind, 0.1)
    nearest = spread.nearest(root @ root.T)
    assert np.linalg.eigvalsh(nearest)[0] >= 0.01 - 1e-12
    np.testing.assert_allclose(spread.covariance(spread.factor(nearest)), nearest, atol=1e-8)
    factor = rng.normal(size=spread.count)
    g = rng.normal(size=(size, size))
    g = g + g.T
    step = 1e-6
    slopes = [
        ((spread.covariance(factor + d) - spread.covariance(factor - d)) * g).sum() / (2 * step)
        for d in step * np.eye(spread.count)
    ]
    np.testing.assert_allclose(spread.pull_back(factor, g), slopes, rtol=1e-6, atol=1e-6)

    def expected_log_likelihood(sigma: np.ndarray) -> float:
        moments = root @ root.T
        return float(-np.linalg.slogdet(sigma)[1] - np.trace(np.linalg.solve(sigma, moments)))

    for _ in range(5):
        other = spread.covariance(spread.factor(nearest) + rng.normal(0, 0.1, spread.count))
        assert expected_log_likelihood(other) <= expected_log_likelihood(nearest) + 1e-9


def test_rules_of_integration() -> None:
    for size, order in ((1, 9), (3, 5)):
        rule = gauss_hermite(order, size)
        weights = np.exp(rule.log_weights) * multivariate_normal(np.zeros(size), np.eye(size)).pdf(rule.points)
        assert weights.sum() == pytest.approx(1.0)
        assert weights @ rule.points[:, -1] ** 8 == pytest.approx(105.0)
    assert len(product_rules(2, 10**6)[1].points) == 25  # large groups get the least order
    found = lattice(4096, 25, 2, 0)  # more dimensions than the generator has
    assert found.points.shape == (4096, 2, 25)
    upper = (found.points > student(5).ppf(0.75)).mean(axis=0)
    np.testing.assert_allclose(upper[:, :6], 0.25, atol=0.01)
    np.testing.assert_allclose(upper, 0.25, atol=0.03)
    assert not np.allclose(found.points[:, 0], found.points[:, 1])


def test_a_mixture_learns_a_posterior_of_two_modes() -> None:
    modes, priors = np.zeros((2, 3)), SubjectPriors(np.zeros((2, 3)), 9.0 * np.eye(3))
    laplace = Laplace(modes, np.tile(np.eye(3), (2, 1, 1)), np.zeros(2), np.zeros(2), np.ones(2, dtype=bool))
    first, centres = lattices(3, 2, 0)[1], np.array([[2.0, 2.0, -3.0], [-2.0, 1.0, 0.0]])

    def weigh(points: np.ndarray, measure: np.ndarray) -> np.ndarray:
        parts = [multivariate_normal(c, 0.3 * np.eye(3)).logpdf(points) for c in centres]
        return np.exp(np.logaddexp(parts[0], parts[1] + math.log(3.0)) + measure)

    mixture, carrying = Mixture.around(laplace, priors), []
    for _ in range(6):
        points, measure = mixture.draw(first)
        weights = weigh(points, measure)
        carrying.append(float((weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)).min()))
        mixture = mixture.adapted(points, weights / weights.sum(axis=0), priors)
    assert carrying[-1] > 0.5 * len(points) > 10 * carrying[0]
    np.testing.assert_allclose(weights.sum(axis=0), 4.0, rtol=0.01)
    np.testing.assert_allclose(mixture.shares.sum(axis=0), 1.0)
    np.testing.assert_allclose((weights[:, :, None] * points).sum(axis=0) / 4.0, [[-1.0, 1.25, -0.75]] * 2, atol=0.05)


def test_the_score_of_the_integral_is_its_derivative() -> None:
    bound = bind(Q, group_of(4, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 4), Spread(2, "full", 0.02))
    y = np.array([-0.2, 1.0, 0.9, -0.3, 0.6])
    laplace = marginal.laplace(y, np.zeros((4, 2)))
    nodes = Nodes.placed(marginal, y, laplace.modes, laplace.covariance, product_rules(2, 4)[1])
    surface, step = IntegratedSurface(nodes, y), 1e-4
    moving = [surface.value(y + d) - surface.value(y - d) for d in step * np.eye(5)]
    np.testing.assert_allclose(surface.score(y), np.array(moving) / (2 * step), rtol=1e-3, atol=1e-4)
    assert surface.value(y + np.array([8.0, 0.0, 0.0, 0.0, 0.0])) == -np.inf  # where nodes do not serve
    rng = np.random.default_rng(0)
    sampled = importance(bound, marginal.priors(y), laplace.modes, laplace.covariance, 40_000, rng)
    assert (np.abs(nodes.evidence(y) - sampled.evidence) < 4 * sampled.errors).all()
    np.testing.assert_allclose(nodes.moments(y)[0], sampled.mean, atol=0.03)


def test_with_gaussian_data_a_control_variate_makes_any_rule_exact() -> None:
    group = gaussian_group(6, 5)
    marginal = Marginal(group, intercepts(list("abcde"), 6), Spread(5, "full", 0.02))
    rng = np.random.default_rng(0)
    y = marginal.join(rng.normal(size=5), np.cov(rng.normal(size=(5, 20))))
    laplace = approximate(group, marginal.priors(y), np.arange(6), group.data)
    priors = marginal.priors(y)
    known = Reference.of(laplace.modes, laplace.covariance, priors)
    nodes = Nodes.drawn(marginal, y, Mixture.around(laplace, priors), lattice(64, 5, 6, 0), None, known)
    other = y + rng.normal(0, 0.05, len(y))
    for at in (y, other):
        effects, covariance = marginal.split(at)
        exact = exact_evidence(group, marginal.design.means(effects), covariance)
        assert nodes.evidence(at).sum() == pytest.approx(exact, abs=1e-8)
    found = approximate(group, marginal.priors(other), np.arange(6), group.data)
    np.testing.assert_allclose(nodes.score(other), marginal.scores(other, found).sum(axis=0), rtol=1e-6, atol=1e-6)


def test_many_parameters_are_integrated_by_a_quasi_random_rule() -> None:
    group = gaussian_group(12, 4)
    marginal = Marginal(group, intercepts(list("abcd"), 12), Spread(4, "diagonal", 0.02))
    em = climbed(marginal, group.data)
    now, integral = polish_integrated(marginal, None, em)
    assert integral.nodes.reference is not None
    expected = polish_laplace(marginal, em)  # exact for Gaussian data
    np.testing.assert_allclose(now.effects, expected.effects, atol=1e-3)
    np.testing.assert_allclose(now.covariance, expected.covariance, atol=1e-2)


def test_nodes_that_miss_are_not_followed() -> None:
    bound = bind(Q, group_of(2, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 2), Spread(2, "full", 0.02))
    y = np.array([-0.2, 1.0, 0.9, -0.3, 0.6])
    laplace = approximate(bound, marginal.priors(y), np.arange(2), np.zeros((2, 2)))
    far = Nodes.placed(marginal, y, laplace.modes + 30.0, laplace.covariance / 100, gauss_hermite(5, 2))
    np.testing.assert_array_equal(far.matched(y, laplace)[0], laplace.modes)


def test_a_group_end_to_end() -> None:
    trials = group_of()
    fit = vs.fit(Q, trials, method="group")
    assert isinstance(fit, vs.GroupFit)
    assert fit.group.evidence_error is not None
    assert fit.group.evidence_error < 0.01
    assert vs.evidence(fit, 8000).total == pytest.approx(fit.group.evidence, abs=0.05)
    fit = vs.fit(Q, trials, method="group", polish="laplace")
    assert isinstance(fit, vs.GroupFit)
    assert {str(v) for v in fit.group.verdicts} == {"converged"}
    assert all(flags >= {vs.Verdict.CONVERGED} for flags in fit.verdicts)
    # the subjects' estimates and the evidence are those of a separate fit under the group's distribution
    assert isinstance(fit.prior, vs.Prior)
    again = vs.fit(Q, trials, fit.prior)
    np.testing.assert_allclose(again.unconstrained, fit.unconstrained, atol=1e-6)
    assert again.evidence is not None
    assert again.evidence.sum() == pytest.approx(fit.group.evidence, abs=1e-7)
    # no other distribution nearby has more evidence
    rng = np.random.default_rng(0)
    for _ in range(8):
        moved = np.linalg.cholesky(fit.group.covariance) + np.tril(rng.normal(0, 0.05, (2, 2)))
        other = vs.fit(Q, trials, vs.Prior(fit.group.effects + rng.normal(0, 0.05, 2), moved @ moved.T), starts=1)
        assert other.evidence is not None
        assert other.evidence.sum() < fit.group.evidence
    # shrinkage: estimates stand closer together than alone
    alone = vs.fit(Q, trials, prior=None, starts=2)
    assert (fit.unconstrained.std(axis=0) < alone.unconstrained.std(axis=0)).all()


def test_a_pure_em_fit_stops_at_its_own_fixed_point() -> None:
    trials = group_of()
    fit = vs.fit(Q, trials, method="group", polish=None, covariance="diagonal")
    polished = vs.fit(Q, trials, method="group", covariance="diagonal", polish="laplace")
    assert isinstance(fit, vs.GroupFit)
    assert isinstance(polished, vs.GroupFit)
    assert vs.GroupVerdict.CONVERGED in fit.group.verdicts
    assert not fit.group.covariance[0, 1]
    assert {step.kind for step in fit.group.history} <= {"start", "em", "leap"}
    assert polished.group.evidence > fit.group.evidence
    np.testing.assert_allclose(fit.group.effects, polished.group.effects, atol=0.5 * polished.group.errors.min())
    history = fit.group.history_frame()
    assert history.evidence.iloc[-1] == pytest.approx(fit.group.evidence, abs=1e-6)
    assert history.mean_change.iloc[-1] < 1e-3


def test_errors_of_gaussian_groups_are_those_of_a_t_test() -> None:
    # subjects measured without noise: the group mean's error is sd/√N, with the unbiased sd
    rng = np.random.default_rng(4)
    group = GaussianData(rng.normal(0.0, 1.0, (9, 1)), np.full((9, 1, 1), 1e-6))
    marginal = Marginal(group, intercepts(["a"], 9), Spread(1, "full", 0.001))
    now = climbed(marginal, group.data)
    now = polish_laplace(marginal, now)
    y = marginal.join(now.effects, now.covariance)
    uncertainty, proper = group_errors(marginal.information(y, now.laplace.modes), marginal.design)
    assert proper
    assert math.sqrt(uncertainty[0, 0]) == pytest.approx(group.data.std(ddof=1) / 3, rel=1e-3)


def test_a_subject_without_information_gets_the_group_mean() -> None:
    trials = group_of(6, 60)
    frame = trials.frame()
    lonely = frame[frame.subject == 1].head(1).assign(subject=99)
    with_it = vs.read_trials(pd.concat([frame, lonely]), choices={"choice": 2})
    fit = vs.fit(Q, with_it, method="group")
    assert isinstance(fit, vs.GroupFit)
    np.testing.assert_allclose(fit.unconstrained[-1], fit.group.effects, atol=0.05)
    own = fit.group.covariance + fit.group.effects_covariance  # what varies, and what is not known of the mean
    np.testing.assert_allclose(fit.covariance[-1], own, atol=0.05)


def test_flag_covariance_singular_for_subjects_that_do_not_differ() -> None:
    fit = vs.fit(Q, group_of(8, 60, spread=0.0), method="group")
    assert isinstance(fit, vs.GroupFit)
    assert vs.GroupVerdict.COVARIANCE_SINGULAR in fit.group.verdicts
    assert len(fit.group.raised) >= 1
    assert np.linalg.eigvalsh(fit.group.covariance)[0] == pytest.approx(0.02**2, rel=0.05)
    assert vs.GroupVerdict.CONVERGED in fit.group.verdicts
    assert np.isfinite(fit.group.errors).all()


def test_flag_few_subjects() -> None:
    fit = vs.fit(Q, group_of(3, 60), method="group", covariance="diagonal")
    assert isinstance(fit, vs.GroupFit)
    assert vs.GroupVerdict.FEW_SUBJECTS in fit.group.verdicts


def test_flags_of_a_climb_that_was_stopped_early() -> None:
    bound = bind(Q, group_of(6, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 6), Spread(2, "full", 0.02))
    early = begin(marginal, np.zeros((6, 2)), default_prior(Q).covariance)
    for polish in ("laplace", None):
        fit = report(marginal, bound, early, np.ones(6), polish, None)
        assert vs.GroupVerdict.CONVERGED not in fit.group.verdicts
        assert fit.group.gain > 0.01


def test_without_a_proper_maximum_a_fit_is_regularised(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = group_of(6, 40)
    plain = vs.fit(Q, trials, method="group", polish="laplace", starts=1)
    assert vs.GroupVerdict.REGULARISED not in plain.group.verdicts
    monkeypatch.setattr("versant.inference.group.has_errors", lambda *_: False)
    fit = vs.fit(Q, trials, method="group", polish="laplace", starts=1)
    assert {vs.GroupVerdict.REGULARISED, vs.GroupVerdict.CONVERGED} <= fit.group.verdicts
    assert np.linalg.det(fit.group.covariance) > np.linalg.det(plain.group.covariance)
    assert fit.group.evidence < plain.group.evidence  # the prior is no part of the evidence


def test_means_that_nothing_tells_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    @vs.learner(x=vs.real, kappa=vs.real)
    def certain(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.x + p.kappa * t.u)

    columns = {"choice": [1] * 80, "u": ([0.0] * 10 + [1.0] * 10) * 4}
    trials = vs.Trials.from_columns(subject=np.repeat(np.arange(4), 20), columns=columns, codings={"choice": 2})
    monkeypatch.setattr("versant.inference.group._sound", lambda *_: False)
    away = vs.fit(certain, trials, method="group", starts=1).group
    assert vs.GroupVerdict.MEANS_HELD not in away.verdicts
    assert away.errors[0] > 20.0
    monkeypatch.setattr("versant.inference.group._sound", lambda marginal, *_: marginal.centre is not None)
    held = vs.fit(certain, trials, method="group", starts=1).group
    assert {vs.GroupVerdict.REGULARISED, vs.GroupVerdict.MEANS_HELD, vs.GroupVerdict.CONVERGED} <= held.verdicts
    assert 1.0 < held.effects[0] < 8.0 < away.effects[0]
    assert held.errors[0] < 5.0


def test_nodes_serve_where_laplace_has_no_covariance() -> None:
    group = gaussian_group()
    marginal = Marginal(group, intercepts(["a", "b"], 12), Spread(2, "full", 0.02))
    y = np.array([0.5, 1.0, 0.9, -0.3, 0.4])
    laplace = marginal.laplace(y, group.data)
    nodes = Nodes.placed(marginal, y, laplace.modes, laplace.covariance, gauss_hermite(9, 2))
    covariance = laplace.covariance.copy()
    covariance[3] = np.nan
    modes = laplace.modes + 1.0
    mean, found = nodes.matched(y, replace(laplace, modes=modes, covariance=covariance))
    np.testing.assert_allclose(mean, laplace.modes, atol=1e-8)  # exact for Gaussian data
    np.testing.assert_allclose(found, laplace.covariance, atol=1e-8)


@pytest.mark.parametrize("centre", [None, np.array([-2.0, 30.0])])
def test_the_prior_of_a_regularised_fit_and_its_derivatives(centre: Any) -> None:
    group = gaussian_group()
    marginal = Marginal(group, intercepts(["a", "b"], 12), Spread(2, "full", 0.02), np.array([3.0, 6.0]), centre)
    surface = Regularised(LaplaceSurface(marginal, group.data), marginal)
    y = np.array([0.5, 1.0, 0.9, -0.3, 0.4])
    for i, step in enumerate(1e-4 * np.eye(5)):
        value = (surface.value(y + step) - surface.value(y - step)) / 2e-4
        assert surface.score(y)[i] == pytest.approx(value, rel=1e-5, abs=1e-6)
        slope = (surface.score(y + step) - surface.score(y - step)) / 2e-4
        np.testing.assert_allclose(-surface.information(y)[i], slope, rtol=1e-3, atol=1e-3)
    # EM with the prior ends at the maximum of Laplace's evidence, exact here, and the prior
    em = climb(marginal, begin(marginal, group.data, np.eye(2)), iterations=400, regularised=True)
    score = surface.score(marginal.join(em.effects, em.covariance))
    np.testing.assert_allclose(score, 0.0, atol=0.02)
    singular = np.diag([1.0, 1.0]) + 0.999 * (1 - np.eye(2))
    away = marginal.spread.away_from_singular(singular, 0.05)
    np.testing.assert_allclose(np.linalg.eigvalsh(away), [0.05, 1.999])


def test_flag_no_maximum_where_the_information_is_not_positive_definite() -> None:
    bound = bind(Q, group_of(6, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 6), Spread(2, "full", 0.02))
    away = begin(marginal, np.zeros((6, 2)), 60.0 * np.eye(2))
    fit = report(marginal, bound, away, np.ones(6), "laplace", None)
    assert vs.GroupVerdict.NO_MAXIMUM in fit.group.verdicts
    assert np.isnan(fit.group.errors).all()
    assert json.loads(json.dumps(fit.to_dict()))["group"]["effects"][0]["se"] is None


def test_flag_subjects_unsettled_for_a_subject_at_a_corner() -> None:
    @vs.learner(x=vs.real)
    def pointed(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", 3.0 - 2.0 * abs(p.x - 0.5))

    columns = {"choice": ([1] * 20 + [0, 1] * 10) * 4}
    trials = vs.Trials.from_columns(subject=np.repeat(np.arange(8), 20), columns=columns, codings={"choice": 2})
    fit = vs.fit(pointed, trials, method="group")
    assert isinstance(fit, vs.GroupFit)
    assert vs.GroupVerdict.SUBJECTS_UNSETTLED in fit.group.verdicts


def test_flag_integration_doubtful_where_rules_disagree() -> None:
    bound = bind(Q, group_of(6, 40))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 6), Spread(2, "full", 0.02))
    now, good = polish_integrated(marginal, bound, climbed(marginal, np.zeros((6, 2))))
    y = marginal.join(now.effects, now.covariance)
    narrow = Nodes.placed(marginal, y, now.laplace.modes, 0.01 * now.laplace.covariance, gauss_hermite(5, 2))
    for integral, doubtful in ((good, False), (Integral(narrow, good.nodes), True)):
        fit = report(marginal, bound, now, np.ones(6), "integrated", integral)
        assert (vs.GroupVerdict.INTEGRATION_DOUBTFUL in fit.group.verdicts) == doubtful


def test_better_modes_are_found_and_taken_over() -> None:
    bound = bind(Q, group_of(4, 60))
    marginal = Marginal(bound, intercepts(["alpha", "beta"], 4), Spread(2, "full", 0.02))
    now = climbed(marginal, np.zeros((4, 2)))
    laplace = now.laplace
    worse = Climb(now.effects, now.covariance, laplace.__class__(
        laplace.modes + 1.0, laplace.covariance, laplace.log_joint - 1.0, laplace.evidence - 1.0, laplace.definite
    ), now.history)  # fmt: skip
    found, agreement = better_modes(marginal, worse, 4, np.random.default_rng(0))
    np.testing.assert_allclose(found.laplace.modes, laplace.modes, atol=1e-5)
    assert (agreement == 1.0).all()


def test_tables_and_json() -> None:
    fit = vs.fit(Q, group_of(), method="group")
    assert isinstance(fit, vs.GroupFit)
    table = fit.group_frame()
    assert list(table.parameter) == ["alpha", "beta"]
    expected = [float(Q.parameters[name].natural(z)) for name, z in zip(table.parameter, table.estimate, strict=True)]
    np.testing.assert_allclose(table.natural, expected)
    assert ((table.lower < table.estimate) & (table.estimate < table.upper)).all()
    told = json.loads(json.dumps(fit.to_dict()))
    assert told["group"]["verdict"] == ["converged"]
    assert len(told["group"]["history"]) == len(fit.group.history)
    assert "EM" in fit.summary()
    assert fit.integrated_bic == pytest.approx(-2 * fit.group.evidence + 5 * math.log(640))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "groups"}, "'map', 'group', 'sample'"),
        ({"method": "group", "covariance": "ful"}, "'full' or 'diagonal'"),
        ({"method": "group", "prior": None}, "cannot be None"),
        ({"method": "group", "polish": "shiny"}, "'integrated', 'laplace'"),
        ({"method": "group", "starts": 0}, "at least one start"),
        ({"covariance": "full"}, "belongs to method='group' or 'sample'"),
        ({"polish": None}, "belongs to method='group'"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.fit(Q, group_of(2, 10), **options)


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(vs.DataError, match="two subjects"):
        vs.fit(Q, group_of(1, 10), method="group")


def test_effects_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(vs.DataError, match="told apart"):
        by_parameter(("a",), (("mean", "same"),), (np.ones((5, 2)),))


def test_every_flag_says_what_it_means_and_what_to_do() -> None:
    assert all(v.meaning and v.advice for v in vs.GroupVerdict)
    assert len(vs.GroupVerdict) == 8


def test_the_answer_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    trials, found = group_of(9, 40), []
    for threads in (1, 3):
        monkeypatch.setattr("versant.expressions.compiled.workers.available", lambda count=threads: count)
        fit = vs.fit(Q, trials, method="group", starts=2, seed=5)
        found.append((fit.group.effects, fit.group.covariance, fit.group.effects_covariance, fit.unconstrained))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(3))
def test_people_who_are_all_alike_are_fitted(seed: int) -> None:
    task = vs.Bandit((0.2, 0.8), trials=100)
    trials = vs.simulate(vs.models.find("q_learning"), task, {"alpha": 0.3, "beta": 4.0}, subjects=10, seed=seed)
    found = vs.fit(vs.models.find("q_learning"), trials, method="group", starts=1)
    np.testing.assert_array_equal(found.group.covariance, found.group.covariance.T)
    assert found.group.covariance.trace() < 0.5
    spread = Spread(2, "full", 0.02)
    for moments in np.random.default_rng(seed).normal(scale=1e-3, size=(20, 2, 2)):
        nearest = spread.nearest(moments @ moments.T)
        np.testing.assert_array_equal(nearest, nearest.T)
