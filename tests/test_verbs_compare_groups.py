"""Criteria of groups with conditions, shared and known parameters: against quadrature, refits and constants by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

import versant as vs
from versant.inference.cells import JointLikelihood
from versant.inference.formula import structure_of
from versant.inference.group import fit_group
from versant.inference.holdout import scoring_only
from versant.inference.likelihood import bind
from versant.inference.loo import marginal_by_draws
from versant.inference.prior import default_prior
from versant.inference.sample_result import Quality

PEOPLE, TRIALS = 6, 20
GRID = np.linspace(-9, 9, 1801)


@vs.learner(x=vs.real, bias=vs.real)
def pull(p: Any, s: Any, t: Any) -> None:
    """Choose option 1 with log odds `x`, option 2 with log odds `bias`: no state, every density is an integral."""
    t.choose("choice", [0.0, p.x, p.bias])


@vs.learner(x=vs.real)
def level(p: Any, s: Any, t: Any) -> None:
    """`pull` with the bias at 0.4."""
    t.choose("choice", [0.0, p.x, 0.4])


def cued(seed: int = 0) -> vs.Trials:
    """Every trial has a cue that moves `x`; people differ in their level."""
    rng = np.random.default_rng(seed)
    subject, cue = np.repeat(np.arange(PEOPLE), TRIALS), np.tile([0.0, 1.0], PEOPLE * TRIALS // 2)
    x = np.repeat(rng.normal(0.3, 0.8, PEOPLE), TRIALS) + 0.9 * cue
    p = np.exp(np.stack([0.0 * x, x, 0.4 + 0.0 * x], axis=1))
    choice = (rng.random(len(x))[:, None] > np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    block = np.tile(np.arange(TRIALS) // 10, PEOPLE)
    columns = {"choice": choice, "cue": cue}
    return vs.Trials.from_columns(subject=subject, columns=columns, codings={"choice": 3}, block=block)


@pytest.fixture(scope="module")
def trials() -> vs.Trials:
    return cued()


@pytest.fixture(scope="module")
def cue_fit(trials: vs.Trials) -> Any:
    """The cue moves everybody's `x` by as much; one bias for all."""
    return vs.fit(pull, trials, method="group", formula="x ~ cue", shared=["bias"], starts=1)


def log_p(x: Any, bias: float, choice: Any) -> Any:
    """log p(choice) at levels `x`, of one shape."""
    picked = np.where(choice == 0, 0.0, np.where(choice == 1, x, bias))
    return picked - np.logaddexp(np.logaddexp(0.0, x), bias)


def each_trial(trials: vs.Trials, n: int, slope: float, bias: float) -> np.ndarray:
    """log p of each of a person's trials at every level on the grid, (grid, trials)."""
    own = trials.subject_index == n
    cue, choice = trials.columns["cue"][own], trials.codes("choice")[own]
    return np.asarray(log_p(GRID[:, None] + slope * cue, bias, choice))


def integral(log_values: np.ndarray) -> float:
    return float(logsumexp(log_values) + np.log(GRID[1] - GRID[0]))


def test_everybodys_evidence_is_the_integral_over_what_varies(cue_fit: Any, trials: vs.Trials) -> None:
    (mean, slope, bias), sd = cue_fit.group.effects, cue_fit.group.sd[0]
    exact = [
        integral(norm.logpdf(GRID, mean, sd) + each_trial(trials, n, slope, bias).sum(axis=1)) for n in range(PEOPLE)
    ]
    found = vs.evidence(cue_fit, 4000)
    assert found.subjects == trials.subjects
    np.testing.assert_allclose(found.sampled, exact, atol=0.02)
    np.testing.assert_allclose(found.laplace, exact, atol=0.05)
    assert found.trusted.all()
    assert cue_fit.group.evidence == pytest.approx(sum(exact), abs=1e-3)
    assert found.integrated_bic == pytest.approx(cue_fit.integrated_bic, abs=0.1)
    assert cue_fit.n_group_parameters == 4


def test_the_effect_of_a_condition_may_differ_between_people(trials: vs.Trials) -> None:
    fit = vs.fit(pull, trials, method="group", formula="x ~ cue + (cue | subject)", fixed={"bias": 0.4}, starts=1)
    assert isinstance(fit, vs.GroupFit)
    level, slope = (a.ravel() for a in np.meshgrid(np.linspace(-5, 5, 161), np.linspace(-4, 6, 161), indexing="ij"))
    prior = multivariate_normal(fit.group.effects, fit.group.covariance).logpdf(np.stack([level, slope], axis=1))
    exact = []
    for n in range(PEOPLE):
        own = trials.subject_index == n
        cue, choice = trials.columns["cue"][own], trials.codes("choice")[own]
        values = log_p(level[:, None] + slope[:, None] * cue, 0.4, choice).sum(axis=1)
        exact.append(logsumexp(prior + values) + np.log(10 / 160 * 10 / 160))
    found = vs.evidence(fit, 4000)
    np.testing.assert_allclose(found.sampled, exact, atol=0.03)
    account = vs.compare({"a": fit, "b": fit}, criterion="aic")
    assert account.n_parameters == (2, 2)
    log_likelihood = np.bincount(fit.cells.subject, fit.log_likelihood)
    np.testing.assert_allclose(account.score[0], 4.0 - 2.0 * log_likelihood)


def test_a_shared_parameter_held_by_hand_is_a_constant_and_is_counted_once(trials: vs.Trials) -> None:
    shared = vs.fit(pull, trials, method="group", shared=["bias"], starts=1)
    held = vs.fit(pull, trials, method="group", fixed={"bias": float(shared.natural[0, 1])}, starts=1)
    for criterion, more in (("evidence", 0.0), ("aic", 2.0), ("bic", np.log(PEOPLE * TRIALS))):
        found = vs.compare({"shared": shared, "held": held}, criterion=criterion)
        assert found.score[0].sum() - found.score[1].sum() == pytest.approx(more, abs=1e-3)
        np.testing.assert_allclose(found.score[0] - found.score[1], more / PEOPLE, atol=2e-3)
    integrated = vs.compare({"shared": shared, "held": held}, criterion="integrated_bic", draws=500)
    assert integrated.score[0].sum() - integrated.score[1].sum() == pytest.approx(np.log(PEOPLE * TRIALS), abs=1e-2)
    known = vs.fit(pull, trials, method="group", fixed={"bias": 0.4}, starts=1)
    constant = vs.fit(level, trials, method="group", starts=1)
    for criterion in ("evidence", "aic", "bic", "importance", "loo"):
        found = vs.compare({"known": known, "constant": constant}, criterion=criterion)
        np.testing.assert_allclose(found.score[0], found.score[1], atol=0.02)


def test_left_out_responses_are_predicted_by_all_conditions_of_a_person(cue_fit: Any, trials: vs.Trials) -> None:
    (mean, slope, bias), sd = cue_fit.group.effects, cue_fit.group.sd[0]
    found = vs.loo(cue_fit, draws=4000)
    np.testing.assert_array_equal(found.whose, trials.subject_index)
    assert found.account.subjects == trials.subjects
    for n in (0, 3):
        each = each_trial(trials, n, slope, bias)
        joint = norm.logpdf(GRID, mean, sd) + each.sum(axis=1)
        exact = [integral(joint) - integral(joint - own) for own in each.T]
        np.testing.assert_allclose(found.elpd[found.whose == n], exact, atol=0.01)
    assert found.frame()["units"].tolist() == [TRIALS] * PEOPLE
    with pytest.raises(vs.ModelError, match="fits it anew"):
        vs.loo(cue_fit, over="subject")


def test_held_out_blocks_are_predicted_across_conditions(trials: vs.Trials) -> None:
    options: dict[str, Any] = {"formula": "x ~ cue", "fixed": {"bias": 0.4}}
    found = vs.crossvalidate(pull, trials, over="block", method="group", draws=2000, starts=1, **options)
    assert (found.folds, len(found.elpd), found.draws) == (2, 2 * PEOPLE, 2000)
    likelihood = bind(pull, trials)
    structure = structure_of(["x", "bias"], trials, "x ~ cue", (), {"bias": 0.4})
    block = trials.columns["block"]
    fit = fit_group(
        scoring_only(likelihood, block != 1), default_prior(pull), structure=structure, starts=1,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    (mean, slope), sd = fit.group.effects, fit.group.sd[0]
    for n in (0, 5):
        each, out = each_trial(trials, n, slope, 0.4), block[trials.subject_index == n] == 1
        rest = norm.logpdf(GRID, mean, sd) + each[:, ~out].sum(axis=1)
        exact = integral(rest + each[:, out].sum(axis=1)) - integral(rest)
        assert found.elpd[(found.whose == n) & (found.fold == 1)] == pytest.approx(exact, abs=0.02)


def test_held_out_people_are_predicted_by_the_group_of_the_others(trials: vs.Trials) -> None:
    options: dict[str, Any] = {"formula": "x ~ cue", "shared": ["bias"], "starts": 1}
    found = vs.crossvalidate(pull, trials, over="subject", folds=2, method="group", draws=2000, **options)
    others = np.unique(found.whose[found.fold != found.fold[0]])
    without = vs.fit(pull, trials.only(*(trials.subjects[n] for n in others)), method="group", **options)
    (mean, slope, bias), sd = without.group.effects, without.group.sd[0]
    exact = integral(norm.logpdf(GRID, mean, sd) + each_trial(trials, 0, slope, bias).sum(axis=1))
    assert found.elpd[0] == pytest.approx(exact, abs=0.05)


def test_comparisons_refit_groups_as_they_were_fitted(trials: vs.Trials, cue_fit: Any) -> None:
    plain = vs.fit(pull, trials, method="group", shared=["bias"], covariance="diagonal", starts=1)
    found = vs.compare({"cue": cue_fit, "none": plain}, criterion="cv", over="trial", folds=2, draws=100, starts=1)
    apart = vs.crossvalidate(
        pull, trials, over="trial", folds=2, draws=100, starts=1, method="group", formula="x ~ cue", shared=["bias"]
    )
    np.testing.assert_allclose(found.score[0], apart.subject_elpd)
    alone = vs.fit(level, trials, starts=1)
    chosen = vs.compare({"cue": cue_fit, "none": plain, "alone": alone}, method="bms")
    assert chosen.subjects == trials.subjects
    np.testing.assert_allclose(chosen.evidence[0], vs.compare({"a": cue_fit, "b": plain}).score[0])


def test_what_cannot_be_learned_without_a_fold_is_named(trials: vs.Trials) -> None:
    with pytest.raises(vs.DataError, match=r"without fold 1 of 2 .* the effects on x apart \(.*block.*\)"):
        vs.crossvalidate(pull, trials, over="block", method="group", formula="x ~ C(block)", shared=["bias"], starts=1)
    with pytest.raises(vs.ModelError, match="shared= belongs to method='group'"):
        vs.crossvalidate(pull, trials, shared=["bias"])


def test_a_persons_density_given_draws_of_the_group_and_its_fixed_effects(trials: vs.Trials) -> None:
    structure = structure_of(["x", "bias"], trials, "x ~ cue", ("bias",))
    joint = structure.bound_to(bind(pull, trials))
    assert isinstance(joint, JointLikelihood)
    rng = np.random.default_rng(1)
    effects = np.array([0.3, 0.9, 0.4]) + rng.normal(0, 0.3, (5, 3))
    sd = np.exp(rng.normal(-0.5, 0.3, 5))
    around = np.full((PEOPLE, 1, 1), 0.3)
    found = marginal_by_draws(
        joint, structure.design, effects, sd[:, None, None] ** 2, np.full((PEOPLE, 1), 0.3), around, 4000, rng
    )
    for s, ((mean, slope, bias), own) in enumerate(zip(effects, sd, strict=True)):
        exact = [
            integral(norm.logpdf(GRID, mean, own) + each_trial(trials, n, slope, bias).sum(axis=1)) for n in (0, 4)
        ]
        np.testing.assert_allclose(found[s, [0, 4]], exact, atol=0.06)


def test_a_sampled_posterior_with_conditions_leaves_out_trials_and_people(trials: vs.Trials, cue_fit: Any) -> None:
    rng, shape, g = np.random.default_rng(2), (2, 200), cue_fit.group
    effects = g.effects + 0.1 * rng.standard_normal((*shape, 3))
    w = cue_fit.coefficients + 0.2 * rng.standard_normal((*shape, PEOPLE, 1))
    z = cue_fit.loadings.unconstrained(w, effects[..., 1:], cue_fit.cells.subject)
    quality = {name: Quality(*[np.full(size, 400.0)] * 3) for name, size in (("z", (PEOPLE, 1)), ("effects", 3))}
    known = {name: getattr(cue_fit, name) for name in ("learner", "trials", "subjects", "people", "cells", "loadings")}
    sample = vs.GroupSample(
        **{field.name: None for field in fields(vs.GroupSample)}
        | known
        | {"design": g.design, "effects": effects, "coefficients": w, "unconstrained": z, "quality": quality}
        | {"sd": np.full((*shape, 1), g.sd[0]), "correlation": np.ones((*shape, 1, 1)), "diverging": np.zeros(shape)}
    )
    found = vs.loo(sample)
    np.testing.assert_array_equal(found.whose, trials.subject_index)
    slope, bias = effects[..., 1].ravel(), effects[..., 2].ravel()
    for n in (0, 4):
        own = trials.subject_index == n
        x = w[..., n, 0].ravel()[:, None] + slope[:, None] * trials.columns["cue"][own]
        each = log_p(x, bias[:, None], trials.codes("choice")[own])
        harmonic = -(logsumexp(-each, axis=0) - np.log(len(each)))
        np.testing.assert_allclose(found.elpd[found.whose == n], harmonic, atol=0.02)
    left_out = vs.loo(sample, over="subject").elpd
    weights = []
    for s in range(0, 400, 4):
        (mean, slope_s, bias_s), sd = effects.reshape(-1, 3)[s], g.sd[0]
        weights.append(integral(norm.logpdf(GRID, mean, sd) + each_trial(trials, 0, slope_s, bias_s).sum(axis=1)))
    assert left_out[0] == pytest.approx(-(logsumexp(-np.array(weights)) - np.log(len(weights))), abs=0.2)
