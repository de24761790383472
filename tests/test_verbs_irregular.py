"""Every verb on trials as they come: gaps, unequal lengths, sessions, one trial, and people who tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.tasks.zoo.behaviour import find

Q, DUAL = vs.models.find("q_learning"), vs.models.find("q_learning_dual")
ANEW = Q.variant("anew", reset={"session": ("Q",)})
BANDIT = vs.Bandit((0.3, 0.7), trials=24)
NOBODY = 9


@pytest.fixture(scope="module")
def regular() -> pd.DataFrame:
    truth = {"alpha": [0.3, 0.5, 0.4, 0.6], "beta": [3.0, 4.0, 5.0, 2.0]}
    return vs.simulate(Q, BANDIT, truth, seed=3).frame()


def read(frame: pd.DataFrame) -> vs.Trials:
    return vs.read_trials(frame.reset_index(drop=True), missing={"choice": 9, "reward": "nan"}, choices={"choice": 2})


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[[3, 30, 31, 70], "choice"] = 9
    frame.loc[[3, 30], "reward"] = np.nan
    return frame


def unequal(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame.trial <= frame.subject.map({1: 24, 2: 13, 3: 1, 4: 20})]


def sessions(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(session=np.where(frame.trial > 10, "second", "first"))


def silent(frame: pd.DataFrame) -> pd.DataFrame:
    """Besides the others, somebody who never responded."""
    return pd.concat([frame, frame[frame.subject == 1].assign(subject=NOBODY, choice=9)])


@pytest.mark.parametrize("policy", ["skip", "learn"])
def test_every_verb_takes_everything(regular: pd.DataFrame, policy: Any) -> None:
    trials = read(silent(sessions(unequal(gaps(regular)))))
    model, how = ANEW, {"on_missing": policy, "starts": 1}
    fit = vs.fit(model, trials, **how)
    assert all(flags - {vs.Verdict.CHANCE} == {vs.Verdict.CONVERGED} for flags in fit.verdicts)
    numbers: list[Any] = [
        fit.evidence,
        vs.fit(model, trials, method="group", polish="laplace", **how).group.effects,
        vs.loo(fit, draws=100).elpd,
        vs.evidence(fit, 100).sampled,
        vs.latents(fit, states=True)["Q_0"],
        vs.compare([fit, vs.fit(DUAL, trials, **how)], method="bms").frequencies,
        vs.compare({"one": model, "two": DUAL}, trials, method="hbi", **how).frequencies,
        vs.predictive(fit, BANDIT, {"stay": vs.stay_after(True)}, 2).replicated,
        vs.identify(fit).frame()["contraction"],
        vs.recover(model, BANDIT, 5, like=trials, **how).estimates.z,
        vs.confusion([model, DUAL], BANDIT, 5, like=trials, **how).differences,
        vs.calibrate(model, BANDIT, 5, like=trials, draws=9, **how).ranks,
    ]
    assert all(np.isfinite(np.asarray(part, dtype=np.float64)).all() for part in numbers)
    for over, folds in (("trial", 2), ("session", None), ("subject", 2)):
        found = vs.crossvalidate(model, trials, over=over, folds=folds, draws=100, **how)
        assert np.isfinite(found.elpd).all()
        assert set(found.whose) - {4} == {0, 1, 2, 3}


def test_what_is_skipped_might_as_well_not_be_there(regular: pd.DataFrame) -> None:
    full = gaps(regular)
    dropped = read(full[full.choice < 9])
    for prior in ("default", None):
        one, other = (vs.fit(Q, trials, prior, on_missing="skip", starts=1) for trials in (read(full), dropped))
        np.testing.assert_allclose(one.unconstrained, other.unconstrained, atol=1e-9)


@pytest.mark.parametrize("policy", ["skip", "learn"])
def test_who_tells_nothing_changes_nothing_for_the_others(regular: pd.DataFrame, policy: Any) -> None:
    how: dict[str, Any] = {"on_missing": policy, "starts": 1}
    with_nobody, without = read(silent(regular)), read(regular)
    alone = vs.fit(Q, with_nobody, **how)
    assert alone.n_choices.tolist() == [24, 24, 24, 24, 0]
    assert alone.log_likelihood[4] == 0.0
    assert alone.evidence is not None
    assert alone.evidence[4] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(alone.unconstrained[4], [d.mean for d in Q.parameters.values()], atol=1e-6)
    group, own = (vs.fit(Q, trials, method="group", **how).group for trials in (with_nobody, without))
    assert (np.abs(group.effects - own.effects) < 0.01 * own.errors).all()  # the search stops a little elsewhere
    np.testing.assert_allclose(group.sd, own.sd, atol=0.01)
    assert set(vs.loo(alone, draws=100).whose) == {0, 1, 2, 3}
    selected = vs.compare([alone, vs.fit(DUAL, with_nobody, **how)], method="bms")
    np.testing.assert_allclose(selected.evidence[:, 4], 0.0, atol=1e-9)
    concurrent = vs.compare({"one": Q, "two": DUAL}, with_nobody, method="hbi", **how)
    np.testing.assert_allclose(concurrent.responsibilities[:, 4], concurrent.frequencies, atol=0.15)


def test_a_kept_fit_of_somebody_silent_comes_back(regular: pd.DataFrame, tmp_path: Any) -> None:
    file = tmp_path / "trials.csv"
    silent(regular).to_csv(file, index=False)
    trials = vs.read_trials(file, missing={"choice": 9}, choices={"choice": 2})
    fit = vs.fit(Q, trials, on_missing="skip", starts=1)
    vs.save(fit, tmp_path)
    for again in (vs.load_fit(tmp_path), vs.load_fit(tmp_path, trials=trials)):
        np.testing.assert_array_equal(again.n_choices, fit.n_choices)


def test_a_trial_kept_for_its_missing_response_scores_no_other_one(regular: pd.DataFrame) -> None:
    """Somebody who always gave the first of two responses: leaving such trials out leaves nothing of them."""
    model = vs.models.find("two_step_model_free")
    truth = {name: domain.natural(np.array([domain.mean] * 2)) for name, domain in model.parameters.items()}
    frame = vs.simulate(model, find("two_step", trials=6), truth, seed=1).frame()
    frame.loc[frame.subject == 2, "choice2"] = 9
    trials = vs.read_trials(frame, missing={"choice2": 9}, choices={"choice1": 2, "choice2": 2})
    with pytest.raises(vs.DataError, match="a subject without trials") as caught:
        vs.fit(model, trials, on_missing="skip")
    assert caught.value.subject == 2


def test_subjects_of_unequal_length_are_fitted_as_if_alone(regular: pd.DataFrame) -> None:
    trials = read(unequal(regular))
    together = vs.fit(Q, trials, starts=1)
    for n, subject in enumerate(trials.subjects):
        alone = vs.fit(Q, trials.only(subject), starts=1)
        np.testing.assert_allclose(alone.unconstrained[0], together.unconstrained[n], atol=1e-6)


def test_sessions_are_likelihoods_that_add(regular: pd.DataFrame) -> None:
    frame = sessions(regular)
    apart = frame.assign(subject=frame.subject.astype(str) + frame.session).drop(columns=["session"])
    truth = {"alpha": 0.4, "beta": 3.0}
    whole = vs.log_likelihood(ANEW, read(frame), truth)
    parts = vs.log_likelihood(Q, read(apart), truth)
    np.testing.assert_allclose(whole, parts.reshape(4, 2).sum(axis=1), atol=1e-12)
