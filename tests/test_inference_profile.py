"""Profile likelihoods and spectra: against brute force, known Gaussians, and parameters that nothing determines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import versant as vs
from tests.test_inference_group import gaussian_group
from versant.inference.identifiability import Identified, curvature
from versant.inference.likelihood import bind
from versant.inference.prior import Prior
from versant.inference.profile import profile_likelihoods

Q = vs.models.find("q_learning")
BOUND = 1.920729410347062


@vs.learner(a=vs.real, b=vs.real)
def only_their_sum(p: Any, s: Any, t: Any) -> None:
    """Two parameters of which only the sum matters."""
    t.choose("choice", vs.array([0.0, p.a + p.b]))


@pytest.fixture(scope="module")
def subjects() -> vs.Fit:
    design = vs.Bandit((0.2, 0.8), trials=200, reversal=40)
    trials = vs.simulate(Q, design, {"alpha": [0.3, 0.4, 0.4], "beta": [4.0, 5.0, 0.01]}, seed=2)
    return vs.fit(Q, trials)


@pytest.fixture(scope="module")
def found(subjects: vs.Fit) -> vs.Identifiability:
    return vs.identify(subjects)


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("k", [0, 1])
def test_profiles_against_brute_force(found: vs.Identifiability, n: int, k: int) -> None:
    likelihood = bind(Q, found.fit.trials)

    def drop(c: float) -> float:
        def minus(other: float) -> float:
            z = np.array([[c, other] if k == 0 else [other, c]])
            return -float(likelihood.evaluate(z, np.array([n]), 0).value[0])

        best = minimize_scalar(
            minus, bracket=(found.profiles.peak[n, 1 - k] - 0.5, found.profiles.peak[n, 1 - k] + 0.5)
        )
        return float(found.profiles.log_likelihood[n] + best.fun)

    peak = found.profiles.peak[n, k]
    for side, end in ((-1, found.profiles.lower[n, k]), (1, found.profiles.upper[n, k])):
        assert end == pytest.approx(brentq(lambda c: drop(c) - BOUND, peak, peak + side * 2.0), abs=1e-3)
    at = [0, 5, 10, 20]
    expected = [drop(c) for c in found.profiles.points[n, k, at]]
    np.testing.assert_allclose(found.profiles.drop[n, k, at], expected, atol=1e-5)


def test_profiles_of_a_gaussian_are_its_marginal_intervals() -> None:
    group = gaussian_group(4, 3)
    profiles = profile_likelihoods(group, group.data, Prior(np.zeros(3), 25.0 * np.eye(3)), BOUND)
    half = np.sqrt(2.0 * BOUND * np.einsum("nkk->nk", group.noise))
    np.testing.assert_allclose(profiles.lower, group.data - half, atol=1e-3)
    np.testing.assert_allclose(profiles.upper, group.data + half, atol=1e-3)


def test_a_maximum_that_is_none_is_left_for_the_higher_one() -> None:
    group = gaussian_group(4, 2)
    away = profile_likelihoods(group, group.data + 0.3, Prior(np.zeros(2), 25.0 * np.eye(2)), BOUND)
    np.testing.assert_allclose(away.peak, group.data, atol=1e-4)


def test_flags_are_those_of_the_ends(found: vs.Identifiability) -> None:
    assert found.flags[0].tolist() == [Identified.IDENTIFIED] * 2
    assert found.flags[2].tolist() == [Identified.NOT_IDENTIFIED] * 2  # β makes up for α, and α → 0 for β
    table = found.frame().set_index(["subject", "parameter"])
    assert table.loc[(3, "beta"), "lower"] == 0.0
    assert (table.lower <= table.maximum_likelihood).all()
    assert (table.maximum_likelihood <= table.upper).all()
    assert found.counts()["beta"] == {"identified": 2, "not_identified": 1}
    assert "beta: identified 2, not_identified 1" in found.summary()
    assert json.loads(json.dumps(found.to_dict()))["parameters"][2]["lower"] == 0.0


def test_only_the_sum_is_determined() -> None:
    trials = vs.Trials.from_columns(subject=[1] * 40, columns={"choice": [0, 1, 1, 1] * 10}, codings={"choice": 2})
    report = vs.identify(vs.fit(only_their_sum, trials))
    assert (report.flags == Identified.NOT_IDENTIFIED).all()
    first, second = report.direction_frame().itertuples()
    assert first.information == pytest.approx(0.0, abs=1e-9)
    assert first.direction in ("+0.71 a -0.71 b", "+0.71 b -0.71 a")
    p = vs.fit(only_their_sum, trials).natural[0].sum()
    share = 1.0 / (1.0 + np.exp(-p))
    assert second.information == pytest.approx(2 * 40 * share * (1 - share))
    assert np.isinf(first.condition)
    assert report.correlation_frame().correlation[0] < -0.8


def test_the_spectrum_ties_posterior_to_prior() -> None:
    group = gaussian_group(3, 2)
    root = np.array([[1.0, 0.0], [0.6, 0.5]])
    prior = Prior(np.zeros(2), root @ root.T)
    c = curvature(group, group.data, prior)
    for n in range(3):
        information = np.linalg.inv(group.noise[n])
        posterior = np.linalg.inv(information + prior.precision)
        expected = np.linalg.eigvals(prior.covariance @ information)
        np.testing.assert_allclose(c.eigenvalues[n], np.sort(expected.real), rtol=1e-9)
        np.testing.assert_allclose(c.contraction[n], 1 - np.diag(posterior) / np.diag(prior.covariance))
        v = c.directions[n, 0] * np.sqrt(np.diag(prior.covariance))
        np.testing.assert_allclose(information @ v, c.eigenvalues[n, 0] * prior.precision @ v, rtol=1e-8)


def test_subjects_without_information_and_maximum_likelihood(subjects: vs.Fit) -> None:
    frame = subjects.trials.frame().astype({"choice": float})
    frame.loc[frame.subject == 2, "choice"] = np.nan
    frame = frame.drop(index=frame.index[130:150])  # of the first subject
    trials = vs.read_trials(frame, missing={"choice": np.nan})
    report = vs.identify(vs.fit(Q, trials, None, on_missing="learn"))
    assert report.flags[1].tolist() == [Identified.NOT_IDENTIFIED] * 2
    assert report.flags[0].tolist() == [Identified.IDENTIFIED] * 2
    np.testing.assert_allclose(report.curvature.contraction[1], 0.0, atol=1e-12)
    assert report.sloppy[1] == 2


def test_a_likelihood_that_is_no_number_is_told(subjects: vs.Fit) -> None:
    @vs.learner(a=vs.real)
    def broken(p: Any, s: Any, t: Any) -> None:
        """A logarithm of a negative number."""
        t.choose("choice", vs.array([0.0, vs.log(-1.0 - p.a * p.a)]))

    report = vs.identify(vs.fit(broken, subjects.trials))
    assert (report.flags == Identified.UNDEFINED).all()
    assert np.isnan(report.curvature.eigenvalues).all()
    assert json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"reach": 0.0}, {"points": 2}])
def test_mistakes_are_named(subjects: vs.Fit, options: dict[str, Any]) -> None:
    with pytest.raises(vs.ModelError, match="three points"):
        vs.identify(subjects, **options)
