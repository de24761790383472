"""Sampling: the density against differences and known priors, draws against EM, every flag."""

from __future__ import annotations

import builtins
import json
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import versant as vs
from tests.test_inference_group import gaussian_group, group_of
from tests.test_inference_group_conditions import ANEW, crossover
from versant.inference.design import by_parameter, intercepts
from versant.inference.likelihood import bind
from versant.inference.posterior import GroupPosteriorDensity
from versant.inference.sample_quality import Quality, judge

Q = vs.models.find("q_learning")


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_gradient_is_that_of_the_density(diagonal: bool) -> None:
    bound = bind(Q, group_of(4, 30))
    x = np.linspace(-1, 1, 4)[:, None]
    design = by_parameter(("alpha", "beta"), (("mean", "x"), ("mean",)), (np.hstack([x**0, x]), x**0))
    density = GroupPosteriorDensity(
        bound, design, np.array([0.1, 0.0, 1.0]), np.array([1.5, 1.5, 1.0]), 2.0, 0.7, diagonal
    )
    at = np.random.default_rng(0).normal(0, 0.5, density.n_dimensions)
    step = 1e-5
    difference = [(density(at + d)[0] - density(at - d)[0]) / (2 * step) for d in step * np.eye(len(at))]
    np.testing.assert_allclose(density(at)[1], difference, atol=1e-6)


def test_packing_is_the_inverse_of_unpacking() -> None:
    group = gaussian_group(5, 3)
    density = GroupPosteriorDensity(group, intercepts(["a", "b", "c"], 5), np.zeros(3), np.ones(3))
    at = np.random.default_rng(1).normal(size=density.n_dimensions)
    now = density.unpack(at)
    covariance = now.correlation * np.outer(now.sd, now.sd)
    np.testing.assert_allclose(density.pack(now.effects, covariance, now.z), at)
    np.testing.assert_allclose(np.diag(now.correlation), 1.0)


def test_the_value_is_the_sum_of_its_parts() -> None:
    group = gaussian_group(3, 1)
    density = GroupPosteriorDensity(group, intercepts(["a"], 3), np.array([0.3]), np.array([2.0]), scale=0.5)
    at = np.array([0.5, -0.2, 0.1, 0.4, -1.0])
    z = 0.5 + np.exp(-0.2) * at[2:]
    expected = sum(
        multivariate_normal(z[n : n + 1], group.noise[n]).logpdf(group.data[n]) + norm.logpdf(at[2 + n])
        for n in range(3)
    )
    expected += norm(0.3, 2.0).logpdf(0.5) + np.log(2) + norm(0.0, 0.5).logpdf(np.exp(-0.2)) - 0.2
    assert density(at)[0] == pytest.approx(expected)


def test_the_prior_of_two_correlations_is_that_of_lkj() -> None:
    # with K = 2 the correlation ρ has density (1 - ρ²)^(η - 1): integrate the density over a and compare moments
    group = gaussian_group(1, 2)
    density = GroupPosteriorDensity(group, intercepts(["a", "b"], 1), np.zeros(2), np.ones(2), concentration=2.0)
    a = np.sinh(np.linspace(-9, 9, 4001))

    def log_prior(entry: float) -> float:
        at = np.array([0.0, 0.0, 0.0, 0.0, entry, 0.0, 0.0])
        return density(at)[0]  # z does not depend on a where x = 0

    weight = np.exp([log_prior(v) - log_prior(0.0) for v in a]) * np.cosh(np.linspace(-9, 9, 4001))
    rho = a / np.sqrt(1 + a**2)
    assert (weight @ rho**2) / weight.sum() == pytest.approx(1 / 5, abs=1e-3)


@pytest.fixture(scope="module")
def sampled() -> vs.GroupSample:
    pytest.importorskip("nutpie")
    return vs.fit(Q, group_of(6, 60), method="sample", draws=150, tune=200, chains=2, seed=1)


def test_draws_agree_with_the_hierarchical_fit(sampled: vs.GroupSample) -> None:
    fit = vs.fit(Q, group_of(6, 60), method="group")
    table = sampled.group_frame()
    assert list(table.effect) == ["mean", "mean", "sd", "sd"]
    away = np.abs(table["mean"][:2].to_numpy() - fit.group.effects)
    assert (away < 1.5 * table["sd"][:2].to_numpy()).all()
    middle = 1 / (1 + np.exp(-sampled.effects[..., 0]))
    assert table.natural[0] == pytest.approx(middle.mean())
    assert table.natural_upper[0] == pytest.approx(np.quantile(middle, 0.975), abs=1e-3)
    subjects = sampled.frame()
    assert (np.abs(subjects.alpha - fit.natural[:, 0]) < 2 * subjects.alpha_sd).all()
    assert sampled.unconstrained.shape == (2, 150, 6, 2)
    first = vs.log_likelihood(Q, group_of(6, 60), dict(zip(Q.parameters, sampled.natural[0, 0].T, strict=True)))
    np.testing.assert_allclose(sampled.log_likelihood[0, 0], first)
    assert json.loads(json.dumps(sampled.to_dict()))["chains"] == 2
    assert "2 chains of 150" in sampled.summary()


def test_draws_are_saved_as_a_tree_and_read_back(sampled: vs.GroupSample, tmp_path: Any) -> None:
    xarray = pytest.importorskip("xarray")
    again = np.repeat(sampled.trials.columns["choice"][None, None], 2, axis=0).repeat(150, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampled.to_datatree(trials=True, predictive={"choice": again}).to_netcdf(
            tmp_path / "draws.nc", engine="h5netcdf"
        )
        data = xarray.open_datatree(tmp_path / "draws.nc", engine="h5netcdf").load()
    assert set(data.children) == {
        "posterior", "log_likelihood", "sample_stats", "observed_data", "posterior_predictive"
    }  # fmt: skip
    np.testing.assert_array_equal(data["posterior"]["alpha"].to_numpy(), sampled.natural[..., 0])
    assert list(data["posterior"]["effects"].coords["effect"].to_numpy()) == ["alpha:mean", "beta:mean"]
    own = data["log_likelihood"]["trials"].to_numpy()
    total = np.add.reduceat(own, sampled.trials.offsets[:-1], axis=2)
    np.testing.assert_allclose(total, data["log_likelihood"]["subjects"].to_numpy())
    assert set(data["sample_stats"].data_vars) >= {"lp", "energy", "tree_depth", "n_steps", "step_size", "diverging"}
    np.testing.assert_array_equal(data["observed_data"]["choice"].to_numpy(), sampled.trials.columns["choice"])
    with pytest.raises(vs.ModelError, match="shape"):
        sampled.to_datatree(predictive={"choice": again[:, :, 1:]})


def test_a_group_with_conditions_is_sampled() -> None:
    pytest.importorskip("nutpie")
    trials, options = crossover(8, 60), {"formula": "alpha ~ drug", "shared": "beta"}
    sample = vs.fit(ANEW, trials, method="sample", draws=150, tune=200, chains=2, seed=1, **options)
    fit = vs.fit(ANEW, trials, method="group", starts=2, **options)
    table = sample.group_frame()
    assert list(table.effect) == ["Intercept", "drug[T.verum]", "mean", "sd"]
    assert (np.abs(table["mean"][:3].to_numpy() - fit.group.effects) < 1.5 * table["sd"][:3].to_numpy()).all()
    assert sample.natural.shape == (2, 150, 15, 2)
    assert list(sample.frame().columns[:3]) == ["subject", "drug", "alpha"]
    assert len(sample.verdicts) == 15
    first = vs.log_likelihood(ANEW, sample.trials, dict(zip(Q.parameters, sample.natural[0, 0].T, strict=True)))
    np.testing.assert_allclose(sample.log_likelihood[0, 0], first)


def test_every_flag_of_a_sample() -> None:
    good = Quality(np.array([1.0]), np.array([900.0]), np.array([800.0]))
    calm = np.zeros((2, 5), dtype=bool)
    assert judge(calm, [good]) == {vs.SampleVerdict.CONVERGED}
    apart = Quality(np.array([1.2]), np.array([900.0]), np.array([800.0]))
    assert judge(calm, [good, apart]) == {vs.SampleVerdict.CHAINS_DISAGREE}
    assert judge(~calm, [good]) == {vs.SampleVerdict.DIVERGENCES}
    short = Quality(np.array([1.0]), np.array([900.0]), np.array([80.0]))
    assert judge(calm, [short]) == {vs.SampleVerdict.CONVERGED, vs.SampleVerdict.FEW_DRAWS}
    stuck = Quality(np.array([np.nan]), np.array([np.nan]), np.array([np.nan]))
    assert judge(calm, [stuck]) == {vs.SampleVerdict.CHAINS_DISAGREE, vs.SampleVerdict.FEW_DRAWS}
    assert all(flag.meaning and flag.advice for flag in vs.SampleVerdict)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 1}, "two chains"),
        ({"draws": 2}, "four draws"),
        ({"sd_scale": 0.0}, "sd_scale"),
        ({"starts": 3}, "takes no starts="),
        ({"prior": None}, "cannot be None"),
        ({"temperature": 2}, "takes no temperature=; there are"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.fit(Q, group_of(2, 10), method="sample", **options)


def test_without_nutpie_the_error_says_what_to_install(monkeypatch: Any) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "nutpie":
            raise ImportError("no nutpie", name=name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(vs.CapabilityError, match=r"versant\[sample\]"):
        vs.fit(Q, group_of(2, 10), method="sample")


def test_the_same_seed_gives_the_same_draws() -> None:
    pytest.importorskip("nutpie")
    options = {"method": "sample", "draws": 20, "tune": 30, "chains": 2}
    first, again, other = (vs.fit(Q, group_of(3, 20), seed=seed, **options) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.unconstrained, again.unconstrained)
    assert not np.array_equal(first.unconstrained, other.unconstrained)
