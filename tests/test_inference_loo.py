"""Leave-one-out densities, against refits, a conjugate model and arviz; cross-validation against refits by hand."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import norm

import versant as vs
from versant.inference.design import intercepts
from versant.inference.folds import divide
from versant.inference.holdout import scoring_only
from versant.inference.importance import rebind
from versant.inference.likelihood import bind
from versant.inference.loo import leave_out, marginal_by_draws
from versant.inference.pareto import smooth

Q = vs.models.find("q_learning")


@vs.learner(theta=vs.unit)
def coin(p: Any, s: Any, t: Any) -> None:
    """Choose option 1 with probability `theta`: no state, so that every density is a one-dimensional integral."""
    t.choose("choice", [0.0, vs.log(p.theta) - vs.log(1.0 - p.theta)])


def flips(counts: list[tuple[int, int]], blocks: int = 1) -> vs.Trials:
    """Trials with so many zeros and ones of each subject, in turn."""
    subject, choice, block = [], [], []
    for n, (zeros, ones) in enumerate(counts):
        made = ([0, 1] * (zeros + ones))[: 2 * min(zeros, ones)] + [0] * (zeros - ones) + [1] * (ones - zeros)
        subject += [f"s{n}"] * len(made)
        choice += made
        block += [k * blocks // len(made) for k in range(len(made))]
    return vs.Trials.from_columns(subject=subject, columns={"choice": choice}, codings={"choice": 2}, block=block)


def predictive(zeros: int, ones: int, more_zeros: int, more_ones: int) -> float:
    """log p(further choices | choices), θ = σ(z), z ~ N(0, 1), by quadrature."""
    z = np.linspace(-9, 9, 4001)
    prior = norm.logpdf(z)

    def joint(a: int, b: int) -> float:
        return float(logsumexp(prior + a * np.log(expit(-z)) + b * np.log(expit(z))))

    return joint(zeros + more_zeros, ones + more_ones) - joint(zeros, ones)


PRIOR = {"theta": (0.0, 1.0)}


def test_left_out_trials_against_the_integral() -> None:
    trials = flips([(7, 13), (15, 5)])
    found = vs.loo(vs.fit(coin, trials, PRIOR), draws=4000, seed=2)
    for n, (zeros, ones) in enumerate([(7, 13), (15, 5)]):
        own = found.elpd[found.whose == n]
        chosen = trials.codes("choice")[trials.subject_index == n]
        zero, one = predictive(zeros - 1, ones, 1, 0), predictive(zeros, ones - 1, 0, 1)
        np.testing.assert_allclose(own, np.where(chosen == 0, zero, one), atol=0.02)
    assert found.trusted.all()
    assert found.looic == -2 * found.total
    assert found.total_error == pytest.approx(np.sqrt(40 * found.elpd.var(ddof=1)))
    assert found.frame()["units"].tolist() == [20, 20]
    assert found.unit_frame()["unit"].tolist() == [*range(1, 21)] * 2
    assert json.loads(json.dumps(found.to_dict()))["units"] == 40


def test_a_left_out_subject_with_a_fixed_prior_has_its_evidence() -> None:
    found = vs.loo(vs.fit(coin, flips([(7, 13), (15, 5)]), PRIOR), over="subject", draws=4000)
    expected = [predictive(0, 0, 7, 13), predictive(0, 0, 15, 5)]
    np.testing.assert_allclose(found.elpd, expected, atol=0.02)
    assert "2 subjects" in found.summary()
    with pytest.raises(vs.ModelError, match="fits it anew"):
        vs.loo(vs.fit(coin, flips([(7, 13), (15, 5), (3, 9)]), method="group"), over="subject")


def test_leaving_out_agrees_with_arviz() -> None:
    rng = np.random.default_rng(0)
    values = norm.logpdf(rng.normal(size=(4, 250, 1)) * 0.3, np.array([0.0, 0.5, 3.0]), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arviz = pytest.importorskip("arviz")
        data = arviz.from_dict(posterior={"x": rng.normal(size=(4, 250))}, log_likelihood={"y": values})
        theirs = arviz.loo(data, pointwise=True, reff=0.8)
    ours = leave_out(values.reshape(1000, 3), np.zeros(1000), 0.8)
    np.testing.assert_allclose(ours.elpd, theirs.loo_i.to_numpy(), atol=3e-4)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k.to_numpy(), atol=0.02)
    assert ours.effective.sum() == pytest.approx(theirs.p_loo, abs=1e-3)


def test_weights_that_one_draw_dominates_are_not_trusted() -> None:
    log_weights = np.concatenate([[0.0], -np.linspace(200, 400, 999)])
    assert smooth(log_weights)[1] == np.inf
    assert np.isnan(smooth(np.zeros(1000))[1])


def test_held_out_rows_score_nothing_but_stay_history() -> None:
    trials = vs.simulate(Q, vs.Bandit(trials=40), {"alpha": 0.3, "beta": 4.0}, subjects=3, seed=1)
    whole = bind(Q, trials)
    rows = np.random.default_rng(0).random(len(trials)) < 0.6
    z = np.random.default_rng(1).normal(size=(3, 2))
    part = scoring_only(whole, rows)
    each = whole.per_trial([whole.recurrence.log_likelihood], z)[0]
    expected = np.bincount(trials.subject_index, np.where(rows, each, 0.0))
    found = part.evaluate(z, np.arange(3), 1)
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)
    step = 1e-6 * np.eye(2)
    for k in range(2):
        up, down = (part.evaluate(z + s * step[k], np.arange(3), 0).value for s in (1, -1))
        np.testing.assert_allclose(found.gradient[:, k], (up - down) / 2e-6, rtol=1e-5, atol=1e-6)


def test_blocks_are_predicted_by_the_other_blocks() -> None:
    trials = flips([(10, 20), (16, 14)], blocks=3)
    found = vs.crossvalidate(coin, trials, PRIOR, draws=4000)
    assert (found.folds, len(found.elpd)) == (3, 6)
    choice, block = trials.codes("choice"), trials.columns["block"]
    for unit, (n, which) in enumerate([(n, b) for n in range(2) for b in range(3)]):
        own = choice[(trials.subject_index == n) & (block == which)]
        rest = choice[(trials.subject_index == n) & (block != which)]
        expected = predictive((rest == 0).sum(), (rest == 1).sum(), (own == 0).sum(), (own == 1).sum())
        assert found.elpd[unit] == pytest.approx(expected, abs=max(6 * found.errors[unit], 0.01))
    assert found.frame()["units"].tolist() == [3, 3]
    assert found.unit_frame()["block"].tolist() == [1, 2, 3] * 2
    assert found.trusted.all()
    assert json.loads(json.dumps(found.to_dict()))["folds"] == 3


def test_every_trial_left_out_by_itself_agrees_with_psis() -> None:
    trials = flips([(7, 13)])
    found = vs.crossvalidate(coin, trials, PRIOR, over="trial", folds=20, draws=2000, starts=1)
    left_out = vs.loo(vs.fit(coin, trials, PRIOR), draws=4000)
    assert found.total == pytest.approx(left_out.total, abs=0.05)


def test_maximum_likelihood_predicts_at_its_estimate() -> None:
    trials = flips([(10, 20)], blocks=2)
    found = vs.crossvalidate(coin, trials, None)
    choice, block = trials.codes("choice"), trials.columns["block"]
    for which in range(2):
        theta = choice[block != which].mean()
        own = choice[block == which]
        assert found.elpd[which] == pytest.approx(np.log(np.where(own, theta, 1 - theta)).sum(), abs=1e-6)
    assert (found.errors == 0).all()
    assert found.trusted.all()
    with pytest.raises(vs.DataError, match="nothing is left to learn from"):
        vs.crossvalidate(coin, flips([(10, 20), (3, 3)], blocks=2).select(np.arange(36) < 33), None)


def test_the_future_is_predicted_from_the_past() -> None:
    trials = flips([(12, 12)])
    found = vs.crossvalidate(coin, trials, PRIOR, over="future", folds=2, draws=2000)
    assert len(found.elpd) == 16  # the first third is never predicted
    choice = trials.codes("choice")
    for unit, at in enumerate(range(8, 24)):
        past = choice[: 8 if at < 16 else 16]
        expected = predictive((past == 0).sum(), (past == 1).sum(), int(choice[at] == 0), int(choice[at] == 1))
        assert found.elpd[unit] == pytest.approx(expected, abs=0.03)


def test_subjects_are_predicted_by_the_prior_or_the_group_of_the_others() -> None:
    counts = [(7, 13), (15, 5), (9, 11), (4, 16), (12, 8)]
    trials = flips(counts)
    alone = vs.crossvalidate(coin, trials, PRIOR, over="subject", draws=4000)
    np.testing.assert_allclose(alone.elpd, [predictive(0, 0, *pair) for pair in counts], atol=0.03)
    together = vs.crossvalidate(coin, trials, over="subject", method="group", draws=2000, starts=1)
    without = vs.fit(coin, trials.only(*trials.subjects[1:]), method="group", starts=1)
    mean, sd = without.group.effects[0], without.group.sd[0]
    z = np.linspace(-12, 12, 6001)
    log_joint = norm.logpdf(z, mean, sd) + 7 * np.log(expit(-z)) + 13 * np.log(expit(z))
    expected = float(logsumexp(log_joint) + np.log(z[1] - z[0]))
    assert together.elpd[0] == pytest.approx(expected, abs=0.05)


def test_sampled_posteriors_leave_out_trials_and_subjects() -> None:
    pytest.importorskip("nutpie")
    counts = [(7, 13), (15, 5), (9, 11), (4, 16), (12, 8), (10, 10)]
    trials = flips(counts)
    sample = vs.fit(coin, trials, method="sample", draws=300, tune=300, chains=2)
    by_trial = vs.loo(sample)
    z = sample.unconstrained.reshape(-1, 6)
    likelihood = rebind(sample)
    each = np.stack([likelihood.per_trial([likelihood.recurrence.log_likelihood], own[:, None])[0] for own in z[::2]])
    naive = -(logsumexp(-each, axis=0) - np.log(len(each)))  # harmonic means, of every second draw
    np.testing.assert_allclose(by_trial.elpd, naive, atol=0.06)
    by_subject = vs.loo(sample, over="subject")
    assert (np.isfinite(by_subject.elpd).sum(), by_subject.draws) == (6, 600)


def test_a_subjects_density_given_the_group_against_quadrature() -> None:
    counts = [(7, 13), (15, 5), (4, 16)]
    likelihood = bind(coin, flips(counts))
    rng = np.random.default_rng(4)
    effects, sd = rng.normal(0.0, 0.5, (40, 1)), np.exp(rng.normal(-0.5, 0.8, (40, 1)))
    centres = np.log([[(b + 1) / (a + 1)] for a, b in counts])
    found = marginal_by_draws(
        likelihood, intercepts(["theta"], 3), effects, sd[:, :, None] ** 2, centres, np.full((3, 1, 1), 0.2), 2000, rng
    )
    grid = np.linspace(-15, 15, 6001)
    prior = norm.logpdf(grid, effects, sd) + np.log(grid[1] - grid[0])  # (draws, grid)
    for n, (zeros, ones) in enumerate(counts):
        exact = logsumexp(prior + zeros * np.log(expit(-grid)) + ones * np.log(expit(grid)), axis=1)
        np.testing.assert_allclose(found[:, n], exact, atol=0.15)


def test_interrupted_cross_validation_goes_on(tmp_path: Path) -> None:
    trials = flips([(10, 20), (16, 14)], blocks=3)
    file = tmp_path / "folds.jsonl"
    seen = []

    def stop(done: float, total: float, message: str) -> None:
        seen.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vs.crossvalidate(coin, trials, PRIOR, draws=200, resume=file, progress=stop)
    assert len(file.read_text().splitlines()) == 3  # settings and two folds
    on = vs.crossvalidate(coin, trials, PRIOR, draws=200, resume=file)
    assert on.elpd.tolist() == vs.crossvalidate(coin, trials, PRIOR, draws=200).elpd.tolist()
    with pytest.raises(vs.VersantError, match="draws differ"):
        vs.crossvalidate(coin, trials, PRIOR, draws=300, resume=file)


def test_folds_divide_units_equally() -> None:
    trials = flips([(10, 20), (4, 4)], blocks=4)
    scored = np.ones(len(trials), dtype=bool)
    scored[3] = False
    folds = divide(trials, scored, "trial", 5, np.random.default_rng(0))
    assert folds.unit[3] == -1
    counts = [np.bincount(folds.fold[folds.whose == n], minlength=5) for n in range(2)]
    assert all(c.max() - c.min() <= 1 for c in counts)
    for fold in range(5):
        both = folds.held_out(fold).astype(int) + folds.learned(fold)
        assert (both == scored).all()
    future = divide(trials, scored, "future", 3, np.random.default_rng(0))
    for fold in range(3):
        held, learned = np.flatnonzero(future.held_out(fold)), np.flatnonzero(future.learned(fold))
        for n in range(2):
            own = trials.subject_index
            assert held[own[held] == n].min() > learned[own[learned] == n].max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"over": "word"}, "over='word' is unknown"),
        ({"over": "trial", "folds": 1}, "folds=1"),
        ({"over": "block", "folds": 9}, "there can be 2 to 3"),
        ({"over": "session"}, "there is no column 'session'"),
        ({"method": "sample"}, "choose 'map' or 'group'"),
        ({"prior": None, "over": "subject"}, "need a prior"),
        ({"draws": 10}, "at least 100"),
        ({"formula": "theta ~ 1"}, "belongs to method='group'"),
    ],
)
def test_mistaken_cross_validation_is_named(options: Any, message: str) -> None:
    with pytest.raises(vs.VersantError, match=message):
        vs.crossvalidate(coin, flips([(10, 20)], blocks=3), **options)


@pytest.mark.parametrize(
    ("prior", "options", "message"),
    [(None, {}, "no posterior"), (PRIOR, {"draws": 20}, "at least 100"), (PRIOR, {"over": "block"}, "over='block'")],
)
def test_mistaken_leaving_out_is_named(prior: Any, options: Any, message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.loo(vs.fit(coin, flips([(10, 20)]), prior), **options)
