"""The likelihood against a plain loop: missing responses by either policy, resets, extreme parameters, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import versant as vs
from versant.inference.likelihood import bind

ALPHA, BETA, PHI = 0.3, 2.0, 0.2


@vs.learner(
    alpha=vs.unit, beta=vs.positive, phi=vs.unit,
    state={"Q": [0.0, 0.0], "C": [0.0, 0.0]}, reset={"block": "Q", "session": ("Q", "C")},
)  # fmt: skip
def fading(p: Any, s: Any, t: Any) -> None:
    """A trace of choices that fades on every trial, answered or not."""
    a = t.choose("choice", p.beta * s.Q + s.C)
    s.C = (1 - p.phi) * s.C
    s.C[a] += 1.0
    s.Q[a] += p.alpha * (t.reward - s.Q[a])


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    """A subject or two, with sessions of blocks, of which some choices are -1: missing."""
    parts = []
    for subject in range(draw(st.integers(1, 2))):
        count = draw(st.integers(2, 25))
        rng = np.random.default_rng(draw(st.integers(0, 10**6)))
        session = np.cumsum(rng.random(count) < 0.1)
        block = np.cumsum(rng.random(count) < 0.2)
        choice = np.where(rng.random(count) < 0.25, -1, rng.integers(0, 2, count))
        choice[:2] = 0, 1
        columns = {"session": session, "block": block, "choice": choice, "reward": rng.integers(0, 2, count)}
        parts.append(pd.DataFrame(columns).assign(subject=subject, trial=np.arange(count)))
    return pd.concat(parts, ignore_index=True)


def by_hand(table: pd.DataFrame, learn: bool) -> list[float]:
    """The log-likelihood of each answered trial, subject after subject."""
    found = []
    for _, rows in table.groupby("subject"):
        q, c, before = np.zeros(2), np.zeros(2), None
        for row in rows.itertuples():
            if row.choice == -1 and not learn:
                continue
            if before is not None and row.session != before.session:
                q, c = np.zeros(2), np.zeros(2)
            elif before is not None and row.block != before.block:
                q = np.zeros(2)
            before = row
            logits = BETA * q + c
            c = (1 - PHI) * c
            if row.choice != -1:
                found.append(float(logits[row.choice] - np.logaddexp(*logits)))
                c[row.choice] += 1
                q[row.choice] += ALPHA * (row.reward - q[row.choice])
    return found


@pytest.mark.parametrize("policy", ["skip", "learn"])
@pytest.mark.parametrize("engine", ["kernel", "interpreter"])
@settings(max_examples=25, deadline=None)
@given(table=tables())
def test_other_trials_keep_their_likelihood(table: pd.DataFrame, engine: str, policy: Any) -> None:
    trials = vs.read_trials(table, missing=-1)
    if not (table["choice"] == -1).any():
        policy = None
    bound = bind(fading, trials, policy, engine)
    z = np.tile([np.log(ALPHA / (1 - ALPHA)), np.log(BETA), np.log(PHI / (1 - PHI))], (bound.n_subjects, 1))
    expected = by_hand(table, learn=policy == "learn")
    total = bound.evaluate(z, np.arange(len(z)), 0).value.sum()
    assert total == pytest.approx(sum(expected), rel=1e-12)
    per_trial = bound.per_trial([bound.recurrence.log_likelihood], z)[0]
    answered = bound.trials.columns["choice"] != -1
    np.testing.assert_allclose(per_trial[answered], expected, rtol=1e-10)
    np.testing.assert_array_equal(per_trial[~answered], 0.0)


@settings(max_examples=15, deadline=None)
@given(table=tables())
def test_skipping_a_trial_is_not_having_it(table: pd.DataFrame) -> None:
    answered = table[table["choice"] != -1].reset_index(drop=True)
    parameters = {"alpha": ALPHA, "beta": BETA, "phi": PHI}
    whole = vs.log_likelihood(fading, vs.read_trials(table, missing=-1), parameters, on_missing="skip")
    without = vs.log_likelihood(fading, vs.read_trials(answered), parameters)
    np.testing.assert_allclose(whole, without, rtol=1e-13)


def test_the_number_of_threads_changes_nothing(monkeypatch: Any) -> None:
    from versant.expressions.compiled import workers

    model = vs.models.find("q_learning")
    truth = {"alpha": np.linspace(0.1, 0.9, 300), "beta": 3.0}
    trials = vs.simulate(model, vs.Bandit((0.3, 0.7), trials=120), truth, seed=3)
    fits = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(workers, "available", lambda threads=threads: threads)
        fits.append(vs.fit(model, trials, starts=2))
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.unconstrained, fits[0].unconstrained)
        np.testing.assert_array_equal(fit.covariance, fits[0].covariance)


@pytest.mark.parametrize(("alpha", "beta"), [(1e-12, 1e4), (1 - 1e-12, 1e4), (0.5, 1e-9), (1.0, 1e4), (0.0, 1e4)])
def test_extreme_parameters_are_finite_and_not_clipped(alpha: float, beta: float) -> None:
    columns = {"choice": [0, 1, 0, 1], "reward": [1.0, 1.0, 0.0, 1.0]}
    trials = vs.Trials.from_columns(subject=[1] * 4, columns=columns, codings={"choice": 2})
    q, expected = np.zeros(2), 0.0
    for a, r in zip(columns["choice"], columns["reward"], strict=True):
        expected += beta * q[a] - np.logaddexp(*(beta * q))
        q[a] += alpha * (r - q[a])
    found = vs.log_likelihood(vs.models.find("q_learning"), trials, {"alpha": alpha, "beta": beta})
    assert found[0] == pytest.approx(expected, rel=1e-12)


def test_a_derivative_that_is_no_number_is_said_to_be_none() -> None:
    trials = vs.Trials.from_columns(
        subject=[1, 1], columns={"choice": [0, 1], "reward": [1.0, 0.0]}, codings={"choice": 2}
    )
    bound = bind(vs.models.find("q_learning"), trials)
    sums = np.array([[-1.0], [np.inf], [0.5], [np.inf], [0.0], [0.0]])  # value, gradient, lower triangle of the Hessian
    found = bound.unconstrain(sums, np.array([[-800.0, 0.0]]), 2)  # the link of alpha is flat there
    assert found.gradient is not None
    assert found.hessian is not None
    assert np.isnan(found.gradient[0]).tolist() == [True, False]
    assert np.isnan(found.hessian[0]).tolist() == [[True, False], [False, False]]
