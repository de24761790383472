"""Subjects sampled one by one: against quadrature, other engines, other samplers' rules; results of every kind."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import kstest, norm

import versant as vs
from versant.inference.likelihood import bind
from versant.inference.nuts import _marks
from versant.inference.nuts_chains import run_chains
from versant.inference.prior import default_prior

pytest.importorskip("arviz")
Q = vs.models.find("q_learning")
ALONE: Any = {"method": "sample", "pooling": "none"}
SHORT: Any = {**ALONE, "draws": 60, "tune": 60, "chains": 2}


@pytest.fixture(scope="module")
def trials() -> vs.Trials:
    truth = {"alpha": [0.3, 0.6, 0.2], "beta": [4.0, 1.0, 8.0]}
    return vs.simulate(Q, vs.Bandit((0.2, 0.8), trials=60, reversal=20), truth, seed=1)


@pytest.fixture(scope="module")
def sample(trials: vs.Trials) -> vs.Sample:
    found = vs.fit(Q, trials, **ALONE, draws=500, tune=200, seed=1)
    assert isinstance(found, vs.Sample)
    return found


def grid(prior: vs.Prior) -> tuple[np.ndarray, list[np.ndarray]]:
    """Points over six standard deviations of two parameters to either side, (161², 2), and those of each."""
    edges = [
        m + s * np.linspace(-6, 6, 161) for m, s in zip(prior.mean, np.sqrt(np.diag(prior.covariance)), strict=True)
    ]
    return np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1).reshape(-1, 2), edges


def quadrature(trials: vs.Trials) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations and the 2.5 % points of every subject's posterior, (N, K), on a grid."""
    likelihood, prior = bind(Q, trials), default_prior(Q)
    edges = [
        m + s * np.linspace(-6, 6, 161) for m, s in zip(prior.mean, np.sqrt(np.diag(prior.covariance)), strict=True)
    ]
    z = np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1).reshape(-1, 2)
    found = []
    for n in range(likelihood.n_subjects):
        log = likelihood.evaluate(z, np.full(len(z), n), 0).value + prior.log_density(z)
        weight = np.exp(log - log.max())
        weight /= weight.sum()
        mean = weight @ z
        margins = [weight.reshape(161, 161).sum(axis=1 - k).cumsum() for k in range(2)]
        low = [np.interp(0.025, margin, edge) for margin, edge in zip(margins, edges, strict=True)]
        found.append((mean, np.sqrt(weight @ (z - mean) ** 2), low))
    return tuple(np.array(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


def test_moments_and_tails_are_those_of_quadrature(trials: vs.Trials, sample: vs.Sample) -> None:
    mean, sd, low = quadrature(trials)
    drawn, ess = sample.pooled, sample.quality["z"].ess_bulk
    assert (np.abs(drawn.mean(axis=0) - mean) < 4 * sd / np.sqrt(ess)).all()
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.08)
    below = (drawn < low).mean(axis=0)
    np.testing.assert_allclose(below, 0.025, atol=0.015)


def test_draws_of_a_gaussian_are_gaussian() -> None:
    mean, covariance = np.array([1.0, -2.0, 3.0]), np.array([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 9.0]])
    precision, rng = np.linalg.inv(covariance), np.random.default_rng(0)

    def density(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = (mean - z) @ precision
        return 0.5 * ((z - mean) * slope).sum(axis=1), slope

    start = 4.0 * rng.standard_normal((150, 3))
    found = run_chains(
        lambda lanes: density, start, np.tile(np.eye(3), (150, 1, 1)), draws=40, tune=120, target_accept=0.8, rng=rng
    )
    whitened = (found.z[:, ::10].reshape(-1, 3) - mean) @ np.linalg.inv(np.linalg.cholesky(covariance)).T
    assert all(kstest(column, norm.cdf).pvalue > 1e-3 for column in whitened.T)
    np.testing.assert_allclose(np.cov(found.z.reshape(-1, 3).T), covariance, atol=0.15 * 9)
    energy = found.stats["energy"] + found.stats["lp"]  # ½ |p|² of what is drawn
    assert energy.mean() == pytest.approx(1.5, abs=0.07)
    assert not found.diverging.any()


def test_a_higher_target_takes_smaller_steps() -> None:
    rng = np.random.default_rng(3)

    def median_step(target: float) -> float:
        how: Any = {"draws": 20, "tune": 100, "target_accept": target, "rng": rng}
        found = run_chains(lambda _: normal, np.ones((20, 2)), np.tile(np.eye(2), (20, 1, 1)), **how)
        return float(np.median(found.stats["step_size"]))

    def normal(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return -0.5 * (z**2).sum(axis=1), -z

    assert median_step(0.95) < 0.8 * median_step(0.7)


@pytest.mark.parametrize("pooling", ["none", "partial"])
def test_a_target_is_a_probability(pooling: str) -> None:
    trials = vs.simulate(Q, vs.Bandit(trials=20), {"alpha": 0.3, "beta": 3.0}, subjects=2, seed=1)
    with pytest.raises(vs.ModelError, match=r"target_accept=1\.0 must lie between 0 and 1"):
        vs.fit(Q, trials, method="sample", pooling=pooling, target_accept=1.0)


def test_parts_that_are_checked_are_those_of_the_recursion() -> None:
    # a half of 16 points: the recursion checks the pairs (first, last) of all aligned parts of 2, 4, 8, 16 points
    expected = {(first, first + size - 1) for size in (2, 4, 8, 16) for first in range(0, 16, size)}
    highest, lowest = _marks(16)
    marked: dict[int, int] = {}
    found = set()
    for number in range(16):
        if number % 2 == 0:
            marked[int(highest[number])] = number
        else:
            found |= {(marked[mark], number) for mark in range(int(lowest[number]), int(highest[number]) + 1)}
    assert found == expected


def test_a_density_without_a_number_diverges_and_the_chain_goes_on() -> None:
    def half(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(z[:, 0] > 0, -0.5 * z[:, 0] ** 2, np.nan), np.where(z > 0, -z, np.nan)

    rng = np.random.default_rng(1)
    found = run_chains(
        lambda lanes: half, np.ones((40, 1)), np.ones((40, 1, 1)), draws=20, tune=20, target_accept=0.8, rng=rng
    )
    assert (found.z > 0).all()
    assert found.diverging.any()
    assert found.z.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.15)


def test_the_result_says_what_it_is(sample: vs.Sample) -> None:
    assert not isinstance(sample, vs.GroupSample)
    assert sample.unconstrained.shape == sample.natural.shape == (4, 500, 3, 2)
    assert sample.verdict == {vs.SampleVerdict.CONVERGED}
    assert repr(sample) == "Sample(q_learning: 3 subjects, 4 chains of 500 draws; converged 3)"
    assert "divergences 0" in sample.summary()
    table = sample.frame()
    assert list(table.columns[:5]) == ["subject", "alpha", "alpha_sd", "alpha_lower", "alpha_upper"]
    assert (table.alpha_lower < table.alpha).all()
    told = json.loads(json.dumps(sample.to_dict()))
    assert (told["verdict"], told["chains"], len(told["subjects"])) == (["converged"], 4, 3)
    expected = vs.log_likelihood(Q, sample.trials, dict(zip(Q.parameters, sample.natural[1, 7].T, strict=True)))
    np.testing.assert_allclose(sample.log_likelihood[1, 7], expected)
    at = default_prior(Q).log_density(sample.unconstrained[1, 7]) + expected
    np.testing.assert_allclose(sample.stats["lp"][1, 7], at)


def test_subjects_who_disagree_are_flagged_alone(sample: vs.Sample) -> None:
    from dataclasses import replace

    diverging = np.zeros((4, 500, 3), dtype=bool)
    diverging[0, 3, 1] = True
    flagged = replace(sample, diverging=diverging)
    assert flagged.verdicts[1] == {vs.SampleVerdict.DIVERGENCES}
    assert flagged.verdicts[0] == flagged.verdicts[2] == {vs.SampleVerdict.CONVERGED}
    assert flagged.verdict == {vs.SampleVerdict.DIVERGENCES}
    assert flagged.frame().divergences.tolist() == [0, 1, 0]


def test_the_same_seed_gives_the_same_draws(trials: vs.Trials) -> None:
    first, again, other = (vs.fit(Q, trials, **SHORT, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.unconstrained, again.unconstrained)
    assert not np.array_equal(first.unconstrained, other.unconstrained)


def test_one_subject_and_subjects_without_trials_that_count(trials: vs.Trials) -> None:
    assert vs.fit(Q, trials.only(2), **SHORT).subjects == (2,)
    nobody = vs.Trials.from_columns(
        subject=["a"] * 2, columns={"choice": [-1, -1], "reward": [0.0, 0.0]}, codings={"choice": 2}
    )
    found = vs.fit(Q, nobody, **SHORT, on_missing="learn")  # the posterior is the prior
    assert found.unconstrained[..., 0].std() == pytest.approx(1.5, rel=0.5)


def test_draws_are_saved_as_a_tree_and_loaded_again(sample: vs.Sample, tmp_path: Any) -> None:
    pytest.importorskip("xarray")
    vs.save(sample, tmp_path)
    again = vs.load_fit(tmp_path)
    assert again.frame().equals(sample.frame())
    assert again.verdicts == sample.verdicts
    tree = sample.to_datatree()
    assert tree["posterior"]["alpha"].dims == ("chain", "draw", "subject")
    assert tree["sample_stats"]["diverging"].dims == ("chain", "draw", "subject")
    assert "effects" not in tree["posterior"]
    np.testing.assert_array_equal(tree["log_likelihood"]["subjects"].to_numpy(), sample.log_likelihood)


def exact_elpd(trials: vs.Trials, prior: vs.Prior) -> np.ndarray:
    """Leave-one-out predictive densities of every subject by quadrature: -Σ_t log E[1 / p_t], (N,)."""
    likelihood, found = bind(Q, trials), []
    z, _ = grid(prior)
    for n in range(likelihood.n_subjects):
        node = [likelihood.recurrence.log_likelihood]
        own = likelihood.engine(0).records(node, likelihood.natural(z), np.full(len(z), n))[0]  # type: ignore[attr-defined]
        log = own.sum(axis=0) + prior.log_density(z)
        found.append(-logsumexp(log - logsumexp(log) - own, axis=1).sum())
    return np.array(found)


def test_what_takes_a_sample(sample: vs.Sample, trials: vs.Trials) -> None:
    prior = vs.Prior(np.array([0.0, 0.5]), np.diag([0.25, 0.09]))  # with so much prior no Pareto k is large
    left_out = vs.loo(vs.fit(Q, trials, prior, **ALONE, draws=300, tune=100))
    np.testing.assert_allclose(left_out.subject_elpd, exact_elpd(trials, prior), atol=0.25)
    around = vs.fit(Q, trials, prior)
    compared = vs.compare({"one": left_out, "other": vs.loo(around, draws=200)})
    assert compared.criterion == "loo"
    replicated = vs.predictive(sample, vs.Bandit((0.2, 0.8), trials=60), n=5)
    assert np.isfinite(replicated.observed).all()
    with pytest.raises(vs.ModelError, match="by the prior alone"):
        vs.loo(sample, over="subject")
    with pytest.raises(vs.ModelError, match="has no evidence"):
        vs.evidence(sample)


def test_latents_are_means_over_draws(trials: vs.Trials) -> None:
    sample = vs.fit(Q, trials, **SHORT)
    table = vs.latents(sample)
    likelihood = bind(Q, trials)
    node = [likelihood.recurrence.records["prediction_error"], likelihood.recurrence.log_likelihood]
    own = np.array([likelihood.per_trial(node, z) for z in sample.pooled])
    np.testing.assert_allclose(table["prediction_error"], own[:, 0].mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(table["choice_probability"], np.exp(own[:, 1]).mean(axis=0))
    assert len(vs.latents(sample, trials.only(2))) == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formula": "alpha ~ 1"}, "takes no formula=, which is of a group"),
        ({"sd_scale": 1.0}, "takes no sd_scale="),
        ({"pooling": "complete"}, "pooling='complete' is unknown"),
        ({"prior": None}, "no posterior"),
        ({"chains": 1}, "two chains"),
        ({"starts": 3}, "takes no starts="),
        ({"method": "map"}, r"takes no pooling=; it belongs to method='sample'"),
    ],
)
def test_mistakes_are_named(trials: vs.Trials, options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.fit(Q, trials, **{**ALONE, **options})


def test_calibration_of_subjects_alone() -> None:
    design, options = vs.Bandit((0.2, 0.8), trials=30, reversal=20), {"tune": 100, "posterior_draws": 150}
    found = vs.calibrate(Q, design, 100, method="sample", pooling="none", draws=49, seed=2, **options)
    assert found.quantities == ("alpha", "beta", "log_likelihood")
    table = found.frame()
    assert (table.chi2_p > 1e-3).all()
    assert not table.outside.any()
    with pytest.raises(vs.ModelError, match="takes no subjects="):
        vs.calibrate(Q, design, 10, method="sample", pooling="none", subjects=5)
