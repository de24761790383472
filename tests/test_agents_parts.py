"""Parts of learners, worked by hand; on NumPy arrays, and the same inside a learner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.agents import parts
from versant.formats.trials import read_trials


def test_delta_rule_changes_one_entry_and_returns_the_error() -> None:
    values = np.array([0.0, 0.5])
    assert parts.delta_rule(values, 1, 1.0, 0.2) == 0.5
    np.testing.assert_allclose(values, [0.0, 0.6])


def test_rate_by_the_sign_of_the_error() -> None:
    values = np.array([0.5, 0.5])
    rate = parts.by_sign(0.4, 0.1)
    parts.delta_rule(values, 0, 1.0, rate)
    parts.delta_rule(values, 1, 0.0, rate)
    np.testing.assert_allclose(values, [0.7, 0.45])
    assert rate(0.0) == 0.4


def test_what_is_not_chosen_shrinks_or_learns_too() -> None:
    values = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(parts.keep_only(values, 1, 0.5), [0.5, 2.0, 2.0])
    np.testing.assert_allclose(values, [1.0, 2.0, 4.0])
    pair = np.array([0.2, 0.4])
    assert parts.update_other(pair, 0, -1.0, 0.5) == pytest.approx(-1.4)
    np.testing.assert_allclose(pair, [0.2, -0.3])


def test_trace_of_choices() -> None:
    np.testing.assert_allclose(parts.choice_trace(np.array([0.5, 0.5]), 0, 0.2), [0.6, 0.4])
    np.testing.assert_allclose(parts.choice_trace(np.array([0.5, 0.5]), 1), [0.0, 1.0])


def test_signs_and_probit() -> None:
    assert [parts.sign(x) for x in (-3.0, 0.0, 0.2)] == [-1.0, 0.0, 1.0]
    p = 0.5 * math.erfc(-0.7 / math.sqrt(2))
    assert parts.probit_log_odds(0.7) == pytest.approx(math.log(p / (1 - p)))
    assert np.isfinite(parts.probit_log_odds(-40.0))


def test_power_of_what_is_not_negative() -> None:
    bases = np.array([0.0, 1e-300, 0.3, 1.0, 80.0])
    np.testing.assert_allclose(parts.power(bases, 0.7), bases**0.7, rtol=1e-13)
    with np.errstate(invalid="ignore"):
        assert np.isnan(parts.power(np.array([-1.0]), 2.0)).all()


def test_epsilon_greedy_shares_among_equals() -> None:
    np.testing.assert_allclose(parts.epsilon_greedy(np.array([1.0, 3.0, 3.0]), 0.3), [0.1, 0.45, 0.45])


@vs.learner(
    alpha=vs.unit, kept=vs.unit, epsilon=vs.unit, state={"Q": vs.zeros(2), "C": vs.zeros(2)}, choices={"choice": (0, 1)}
)
def composed(p: Any, s: Any, t: Any) -> None:
    a = t.choose("choice", probabilities=parts.epsilon_greedy(s.Q + 0.1 * s.C, p.epsilon))
    parts.delta_rule(s.Q, a, parts.sign(t.reward), parts.by_sign(p.alpha, p.alpha / 2))
    s.Q = parts.keep_only(s.Q, a, p.kept)
    s.C = parts.choice_trace(s.C, a)


def test_a_learner_composed_of_parts_is_the_same_parts_on_arrays() -> None:
    choices, rewards = [0, 1, 1, 0, 0, 1], [5.0, -2.0, 0.0, 1.0, -1.0, 3.0]
    values, trace, total = np.zeros(2), np.zeros(2), 0.0
    for a, r in zip(choices, rewards, strict=True):
        total += math.log(parts.epsilon_greedy(values + 0.1 * trace, 0.2)[a])
        parts.delta_rule(values, a, parts.sign(r), parts.by_sign(0.4, 0.2))
        values, trace = parts.keep_only(values, a, 0.9), parts.choice_trace(trace, a)
    trials = read_trials(pd.DataFrame({"subject": [1] * 6, "choice": choices, "reward": rewards}))
    found = vs.log_likelihood(composed, trials, {"alpha": 0.4, "kept": 0.9, "epsilon": 0.2})
    assert found[0] == pytest.approx(total, abs=1e-13)


def highest_by_panels(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Chance that each draw is the highest: Gauss-Legendre, 30 places in panels as wide as the smallest deviation."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(30)
    low, high = (means - 9 * deviations).min(), (means + 9 * deviations).max()
    edges = np.linspace(low, high, int((high - low) / deviations.min()) + 2)
    places = 0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes
    away = [(places - m) / s for m, s in zip(means, deviations, strict=True)]
    found = []
    for k, (x, s) in enumerate(zip(away, deviations, strict=True)):
        density = np.exp(-0.5 * x * x) / (s * math.sqrt(2 * math.pi))
        others = np.prod([ndtr(y) for j, y in enumerate(away) if j != k], axis=0)
        found.append((0.5 * np.diff(edges)[:, None] * weights * density * others).sum())
    return np.array(found)


@pytest.mark.parametrize(("ratio", "error"), [(1.0, 1e-13), (8.0, 1e-12), (10.0, 1e-10)])
def test_chance_of_the_highest_draw(ratio: float, error: float) -> None:
    rng = np.random.default_rng(1)
    for options in (2, 3, 4, 6) * 5:
        deviations = np.exp(rng.uniform(0, math.log(ratio), options))
        deviations[0], deviations[-1] = 1.0, ratio
        means = rng.normal(0, ratio, options)
        found = parts.highest_draw(means, deviations)
        np.testing.assert_allclose(found, highest_by_panels(means, deviations), rtol=0, atol=error)
        assert found.sum() == pytest.approx(1.0, abs=error)
    two = parts.highest_draw(np.array([0.3, -0.2]), np.array([1.0, ratio]))
    assert two[0] == pytest.approx(0.5 * math.erfc(-0.5 / math.hypot(1.0, ratio) / math.sqrt(2)), abs=error)
