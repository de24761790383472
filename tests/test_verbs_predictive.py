"""Posterior predictive checks: a model that fits passes, one that misses a feature is found out."""

from __future__ import annotations

import itertools
import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.verbs.predictive import _posterior

Q, STICKY = vs.models.find("q_learning"), vs.models.find("q_learning_perseveration")
TASK = vs.Bandit((0.4, 0.6), trials=100, reversal=25)


@pytest.fixture(scope="module")
def sticky() -> vs.Trials:
    return vs.simulate(STICKY, TASK, {"alpha": 0.3, "beta": 2.0, "kappa": 2.0}, subjects=12, seed=1)


def test_a_model_without_perseveration_misses_staying_after_losses(sticky: vs.Trials) -> None:
    wrong = vs.predictive(vs.fit(Q, sticky), TASK, n=15).frame().set_index("statistic")
    right = vs.predictive(vs.fit(STICKY, sticky), TASK, n=15).frame().set_index("statistic")
    assert wrong.p["stay_after_loss"] == 0.0
    assert wrong.upper["stay_after_loss"] < wrong.observed["stay_after_loss"]
    assert 0.0 < right.p["stay_after_loss"] < 1.0
    np.testing.assert_allclose(right.observed, wrong.observed)


def test_statistics_of_ones_own(sticky: vs.Trials) -> None:
    def share(trials: vs.Trials) -> float:
        return float((trials.codes("choice") == 1).mean())

    found = vs.predictive(vs.fit(STICKY, sticky), TASK, {"share": share}, n=10, seed=4)
    assert found.observed[0] == share(sticky)
    assert found.replicated.shape == (10, 1)
    again = vs.predictive(vs.fit(STICKY, sticky), TASK, {"share": share}, n=10, seed=4)
    np.testing.assert_array_equal(found.replicated, again.replicated)
    assert json.loads(json.dumps(found.to_dict()))["replications"] == 10
    assert "share" in found.summary()


def test_staying_against_a_plain_loop_with_missing_choices(sticky: vs.Trials) -> None:
    frame = sticky.frame().astype({"choice": float})
    frame.loc[[3, 150], "choice"] = np.nan
    trials = vs.read_trials(frame, missing={"choice": np.nan})
    rows = list(zip(frame.subject, frame.choice, frame.reward, strict=True))
    stays = [
        a[1] == b[1] for a, b in itertools.pairwise(rows) if a[0] == b[0] and not np.isnan(a[1] + b[1]) and a[2] > 0.5
    ]
    assert vs.stay_after(True)(trials) == pytest.approx(np.mean(stays))


def test_a_statistic_that_nobody_shows_is_nan() -> None:
    columns: Any = {"choice": [0, 1], "reward": [1.0, 1.0]}
    trials = vs.Trials.from_columns(subject=[1, 1], columns=columns, codings={"choice": 2})
    assert np.isnan(vs.stay_after(True)(trials))


def test_mistakes_are_named(sticky: vs.Trials) -> None:
    fit = vs.fit(Q, sticky)
    with pytest.raises(vs.ModelError, match="a statistic and a replication"):
        vs.predictive(fit, TASK, {})
    with pytest.raises(vs.ModelError, match="no standard errors"):
        vs.predictive(replace(fit, covariance=np.full_like(fit.covariance, np.nan)), TASK)


def test_curves_and_conditions_are_compared_place_by_place(sticky: vs.Trials) -> None:
    frame = sticky.frame()
    frame["phase"] = np.where(frame.trial <= 50, "early", "late")
    frame = frame.drop(index=frame.index[70:100])  # the first subject stopped earlier
    trials = vs.read_trials(frame, choices={"choice": 2})
    statistics = {
        "curve": vs.choice_curve(1, every=25),
        "accuracy": vs.accuracy(1, by="phase"),
        "total": vs.accuracy(1),
    }
    found = vs.predictive(vs.fit(STICKY, trials), TASK, statistics, n=20)
    table = found.frame()
    assert table["at"].tolist()[:6] == [13.0, 38.0, 63.0, 88.0, "early", "late"]
    assert table["at"].isna().tolist() == [False] * 6 + [True]
    coded = trials.codes("choice") == 1
    late = frame.phase.to_numpy() == "late"
    assert table.observed[5] == pytest.approx(coded[late].mean())
    assert table.observed[6] == pytest.approx(coded.mean())
    assert (table.known == 20).all()
    assert ((table.lower <= table["mean"]) & (table["mean"] <= table.upper)).all()


def test_replications_have_the_gaps_and_lengths_of_the_data(sticky: vs.Trials) -> None:
    frame = sticky.frame().astype({"choice": float})
    frame.loc[[3, 150], "choice"] = np.nan
    trials = vs.read_trials(frame.drop(index=frame.index[40:100]), missing={"choice": np.nan})

    def gaps(table: vs.Trials) -> dict[str, float]:
        return {"trials": float(len(table)), "missing": float(table.any_missing(["choice"]).sum())}

    learned = vs.predictive(vs.fit(Q, trials, on_missing="learn"), TASK, {"gaps": gaps}, n=3)
    np.testing.assert_array_equal(learned.replicated, np.tile([1140.0, 2.0], (3, 1)))
    skipped = vs.predictive(vs.fit(Q, trials, on_missing="skip"), TASK, {"gaps": gaps}, n=3)
    np.testing.assert_array_equal(skipped.replicated, np.tile([1138.0, 0.0], (3, 1)))


def test_a_sampled_posterior_is_checked_with_its_own_draws(sticky: vs.Trials) -> None:
    fit = vs.fit(Q, sticky)
    draws = np.tile(fit.unconstrained, (2, 5, 1, 1))
    known = {"learner": Q, "trials": fit.trials, "subjects": fit.subjects, "unconstrained": draws}
    others: dict[str, Any] = {field.name: None for field in fields(vs.GroupSample)}
    sample = vs.GroupSample(**{**others, **known})
    assert vs.predictive(sample, TASK, n=4).replicated.shape == (4, 2)


def test_values_that_only_some_replications_have() -> None:
    found = vs.Predictive(
        "m", ("a", "b"), (None, None), np.array([0.5, np.nan]), np.array([[0.6, np.nan], [np.nan] * 2])
    )
    table = found.frame()
    assert table.known.tolist() == [1, 0]
    assert table.p[0] == 1.0
    assert np.isnan(table.p[1])
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_a_place_that_the_record_lacks_is_named(sticky: vs.Trials) -> None:
    count = iter(range(10))

    def strange(trials: vs.Trials) -> dict[str, float]:
        return {f"place {next(count)}": 1.0}

    with pytest.raises(vs.ModelError, match="'place 1' in a replication"):
        vs.predictive(vs.fit(Q, sticky), TASK, {"strange": strange}, n=1)


ANEW = Q.variant("q_learning_sessions", reset={"session": ("Q",)})


def sessions(subjects: int = 10, effect: float = 0.0) -> vs.Trials:
    """Two sessions of 30 trials; the drug of one of them, in turn, moves the learning rate."""
    rng, frames = np.random.default_rng(1), []
    level, beta = rng.normal(0.3, 0.5, subjects), np.exp(rng.normal(1.3, 0.2, subjects))
    for session in (1, 2):
        drug = (np.arange(subjects) + session) % 2
        truth = {"alpha": 1 / (1 + np.exp(-level - effect * drug)), "beta": beta}
        frame = vs.simulate(Q, vs.Bandit((0.1, 0.9), trials=30), truth, seed=session).frame()
        frames.append(frame.assign(session=session, drug=np.where(drug[frame.subject - 1] == 1, "yes", "no")))
    return vs.read_trials(pd.concat(frames), choices={"choice": 2})


def test_a_learner_starts_anew_where_the_recorded_session_does() -> None:
    trials = sessions(4)
    fit = vs.fit(ANEW, trials, starts=1)
    task = vs.Bandit((0.0, 1.0), trials=60)
    with pytest.raises(vs.ProblemError, match=r"starts anew with each session, and this task has none: .* like="):
        vs.simulate(ANEW, task, {"alpha": 0.5, "beta": 30.0}, seed=1)
    sure = {"alpha": np.full(400, 0.5), "beta": np.full(400, 30.0)}
    first = {}
    for model in (ANEW, Q):
        made = vs.simulate(model, task, sure, like=trials, seed=1)
        assert made.columns["session"].tolist() == ([1] * 30 + [2] * 30) * 400
        first[model.name] = made.codes("choice").reshape(400, 60)[:, 30].mean()
    assert first["q_learning"] > 0.99
    assert first["q_learning_sessions"] == pytest.approx(0.5, abs=0.1)
    statistics = {"by session": vs.accuracy(1, by="session"), "stay": vs.stay_after(True)}
    check = vs.predictive(fit, vs.Bandit((0.1, 0.9), trials=60), statistics, n=20).frame()
    assert check["at"].tolist()[:2] == [1, 2]
    assert check["p"].between(0.0, 1.0).all()
    assert (check["known"] == 20).all()


def test_people_keep_what_is_their_own_through_all_conditions() -> None:
    trials = sessions(effect=-1.0)
    fit = vs.fit(ANEW, trials, method="group", formula="alpha ~ drug", shared=["beta"], starts=1)
    assert isinstance(fit, vs.GroupFit)
    draw = _posterior(fit)
    rng = np.random.default_rng(0)
    z = np.stack([draw(rng) for _ in range(4000)])  # (draws, cells, K)
    np.testing.assert_allclose(z.mean(axis=0), fit.centre, atol=0.1)
    for c in range(len(fit.subjects)):
        np.testing.assert_allclose(
            np.cov(z[:, c].T), fit.covariance[c], atol=0.02 + 0.1 * np.abs(fit.covariance[c]).max()
        )
    apart = z[:, 1::2, 0] - z[:, ::2, 0]  # the drug's effect is everybody's, the bias nobody's own
    np.testing.assert_allclose(apart, np.repeat(apart[:, :1], 10, axis=1), atol=1e-12)
    assert np.ptp(z[:, :, 1], axis=1).max() == 0.0

    def whole(table: vs.Trials) -> dict[str, float]:
        return {"subjects": float(table.n_subjects), "yes": float((table.frame().drug == "yes").mean())}

    check = vs.predictive(fit, vs.Bandit((0.1, 0.9), trials=30), {"whole": whole, "by": vs.accuracy(1, by="drug")}, n=4)
    np.testing.assert_array_equal(check.replicated[:, :2], np.tile([10.0, 0.5], (4, 1)))
    assert np.isfinite(check.replicated).all()
    known = vs.fit(ANEW, trials, method="group", fixed={"beta": 4.0}, starts=1)
    assert vs.predictive(known, vs.Bandit((0.1, 0.9), trials=60), n=2).replicated.shape == (2, 2)
