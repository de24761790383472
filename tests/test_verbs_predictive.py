"""Posterior predictive checks: a model that fits passes, one that misses a feature is found out."""

from __future__ import annotations

import itertools
import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import versant as vs

Q, STICKY = vs.models.find("q_learning"), vs.models.find("q_learning_perseveration")
TASK = vs.Bandit((0.4, 0.6), trials=100, reversal=25)


@pytest.fixture(scope="module")
def sticky() -> vs.Trials:
    return vs.simulate(STICKY, TASK, {"alpha": 0.3, "beta": 2.0, "kappa": 2.0}, subjects=12, seed=1)


def test_a_model_without_perseveration_misses_staying_after_losses(sticky: vs.Trials) -> None:
    wrong = vs.predictive(vs.fit(Q, sticky), TASK, n=40).frame().set_index("statistic")
    right = vs.predictive(vs.fit(STICKY, sticky), TASK, n=40).frame().set_index("statistic")
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
