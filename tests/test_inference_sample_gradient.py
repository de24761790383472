"""The sampler's gradient of all subjects: the same as `evaluate` gives, by every way there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import versant as vs
from tests.test_inference_group import gaussian_group, group_of
from tests.test_inference_group_conditions import crossover, joint_of
from versant.agents.parameters import Links
from versant.inference.likelihood import bind
from versant.inference.sample_gradient import NONE, likelihood_gradient

Q = vs.models.find("q_learning")


def unequal() -> vs.Trials:
    """Eleven subjects whose numbers of trials differ, so that lanes are sorted and the last group is filled up."""
    trials = group_of(11, 25)
    within = np.arange(len(trials)) - trials.offsets[trials.subject_index]
    return trials.select(within < 5 + (7 * trials.subject_index) % 20)


@pytest.mark.parametrize("engine", ["kernel", "interpreter"])
def test_subjects_of_unequal_lengths(engine: str) -> None:
    bound = bind(Q, unequal(), engine=engine)
    gradient = likelihood_gradient(bound, bound.n_subjects)
    for seed in (0, 1):  # memory is used again
        z = np.random.default_rng(seed).normal(size=(bound.n_subjects, 2))
        value, slope, _none = gradient(z, NONE)
        expected = bound.evaluate(z, np.arange(len(z)), 1)
        assert value == pytest.approx(expected.value.sum(), rel=1e-13)
        np.testing.assert_allclose(slope, expected.gradient, rtol=1e-12, atol=1e-13)


def test_subjects_with_conditions_and_a_shared_parameter() -> None:
    joint, structure = joint_of(crossover(4, 30), "alpha ~ drug", shared=("beta",))
    people, rng = structure.design.n_subjects, np.random.default_rng(0)
    w, fixed = rng.normal(size=(people, joint.n_varying)), rng.normal(size=joint.n_fixed)
    value, slope, in_fixed = likelihood_gradient(joint, people)(w, fixed)
    v = np.concatenate([w, np.tile(fixed, (people, 1))], axis=1)
    expected = joint.evaluate(v, np.arange(people), 1)
    assert value == pytest.approx(expected.value.sum(), rel=1e-13)
    np.testing.assert_allclose(slope, expected.gradient[:, : joint.n_varying], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(in_fixed, expected.gradient[:, joint.n_varying :].sum(axis=0), rtol=1e-11)


def test_a_likelihood_that_is_no_learner() -> None:
    group = gaussian_group(5, 3)
    z = np.random.default_rng(0).normal(size=(5, 3))
    value, slope, _none = likelihood_gradient(group, 5)(z, NONE)
    expected = group.evaluate(z, np.arange(5), 1)
    assert value == pytest.approx(expected.value.sum())
    np.testing.assert_array_equal(slope, expected.gradient)


def test_links_are_those_of_each_domain() -> None:
    domains: list[Any] = [vs.unit, vs.interval(-1, 5), vs.positive, vs.real, vs.interval(0, 2)]
    z = np.random.default_rng(0).normal(0, 3, (5, 50))
    natural, slope = np.empty_like(z), np.empty_like(z)
    Links(domains)(z, natural, slope)
    for k, domain in enumerate(domains):
        np.testing.assert_allclose(natural[k], domain.natural(z[k]), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(slope[k], domain.slope(z[k]), rtol=1e-11)


def test_links_far_out_are_at_the_edges_without_a_warning() -> None:
    z, natural, slope = np.array([[-1e4, 1e4]]), np.empty((1, 2)), np.empty((1, 2))
    Links([vs.unit])(z, natural, slope)
    np.testing.assert_array_equal(natural, [[0.0, 1.0]])
    np.testing.assert_array_equal(slope, [[0.0, 0.0]])
