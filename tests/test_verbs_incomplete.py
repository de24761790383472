"""Missing trials, unequal lengths and subjects who tell nothing, through everything that compares or is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import versant as vs

ONE, TWO = vs.models.find("q_learning"), vs.models.find("q_learning_dual")


@pytest.fixture(scope="module")
def trials() -> vs.Trials:
    """Subjects of 60, 40 and 25 trials, some missing; and one who always did what nothing depends on: one trial."""
    frame = vs.simulate(ONE, vs.Bandit(trials=60), {"alpha": 0.3, "beta": 4.0}, subjects=4, seed=3).frame()
    kept = frame.trial <= frame.subject.map({1: 60, 2: 40, 3: 25, 4: 1})
    frame = frame[kept].reset_index(drop=True)
    frame["block"] = (frame.trial > 20) + 1
    frame.loc[[4, 17, 70], "choice"] = 9
    return vs.read_trials(frame, missing={"choice": 9}, choices={"choice": 2})


@pytest.mark.parametrize("policy", ["skip", "learn"])
def test_every_criterion_counts_what_was_answered(trials: vs.Trials, policy: str) -> None:
    fits = [vs.fit(model, trials, on_missing=policy, starts=2) for model in (ONE, TWO)]
    assert fits[0].n_choices.tolist() == [58, 39, 25, 1]
    left_out = vs.loo(fits[0], draws=300)
    assert np.bincount(left_out.whose).tolist() == [58, 39, 25, 1]
    assert np.isfinite(left_out.elpd).all()
    held_out = vs.crossvalidate(ONE, trials, over="block", on_missing=policy, draws=200, starts=1)
    assert np.bincount(held_out.whose).tolist() == [2, 2, 2, 1]
    assert np.isfinite(held_out.elpd).all()
    # who is held out altogether is predicted by the prior: a first choice between two equal values
    assert held_out.subject_elpd[3] == pytest.approx(np.log(0.5), abs=1e-9)
    assert np.isfinite(vs.evidence(fits[0], 200).sampled).all()
    for criterion in ("evidence", "aic", "bic"):
        assert np.isfinite(vs.compare(fits, criterion=criterion).score).all()
    selected = vs.compare(fits, method="bms")
    np.testing.assert_allclose(selected.responsibilities.sum(axis=0), 1.0)
    assert selected.evidence[:, 3] == pytest.approx(np.log(0.5), abs=1e-6)  # tells nothing, and counts as nothing
    expected = selected.frequencies
    assert selected.responsibilities[:, 3] == pytest.approx(expected, abs=0.1)


def test_concurrent_selection_takes_incomplete_subjects(trials: vs.Trials) -> None:
    found = vs.compare({"one": ONE, "two": TWO}, trials, method="hbi", on_missing="skip", starts=1)
    np.testing.assert_allclose(found.responsibilities.sum(axis=0), 1.0)
    assert np.isfinite(found.bound)


def test_a_policy_is_compared_with_itself_only(trials: vs.Trials) -> None:
    longer = trials.frame()
    every = vs.read_trials(longer.assign(choice=longer.choice.fillna(0)), choices={"choice": 2})
    with pytest.raises(vs.DataError, match="different numbers of choices"):
        vs.compare([vs.fit(ONE, trials, on_missing="skip", starts=1), vs.fit(TWO, every, starts=1)])


@pytest.mark.parametrize("policy", ["skip", "learn"])
@pytest.mark.parametrize("method", ["map", "group"])
def test_incomplete_subjects_are_kept_as_they_were(trials: vs.Trials, tmp_path: Path, policy: str, method: str) -> None:
    fit = vs.fit(ONE, trials, method=method, on_missing=policy, starts=1)
    vs.save(fit, tmp_path)
    again = vs.load_fit(tmp_path)
    np.testing.assert_array_equal(again.unconstrained, fit.unconstrained)
    np.testing.assert_array_equal(again.n_choices, fit.n_choices)
    assert vs.latents(again).equals(vs.latents(fit))
    assert vs.loo(again, draws=100).total == vs.loo(fit, draws=100).total
