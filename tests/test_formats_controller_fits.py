"""A controller fitted to behaviour: saved and loaded, trial by trial, drawn, and by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.cli.command import main

SEEN = vs.ControllerModel(2, action="choice", observation="reward", reset="session")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects of 40, 40 and 1 trials; two of them in two sessions, actions with names."""
    learner = vs.models.find("q_learning")
    frame = vs.simulate(learner, vs.Bandit((0.3, 0.7), trials=40), {"alpha": 0.6, "beta": 4.0}, subjects=3, seed=2)
    table = frame.frame()
    table["session"] = np.where(table.trial > 20, "b", "a")
    table["choice"] = table.choice.map({0: "left", 1: "right"})
    table = table[(table.subject < 3) | (table.trial == 1)]
    path = tmp_path_factory.mktemp("data") / "trials.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fit(file: Path) -> vs.ControllerFit:
    return vs.fit(SEEN, vs.read_trials(file), starts=3, concentration=1.1, seed=1)


def same(one: vs.ControllerFit, other: vs.ControllerFit) -> None:
    for name in ("log_likelihood", "chance", "n_choices", "nodes", "moves", "heights", "history"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.controller.to_dict() == other.controller.to_dict()
    assert (one.model, one.subjects, one.verdicts) == (other.model, other.subjects, other.verdicts)
    assert one.summary() == other.summary()


def test_a_fitted_controller_comes_back_as_it_was(fit: vs.ControllerFit, tmp_path: Path) -> None:
    (written,) = vs.save(fit, tmp_path, settings={"seed": 1})
    again = vs.load_fit(tmp_path)
    assert isinstance(again, vs.ControllerFit)
    same(fit, again)
    assert again.concentration == 1.1
    assert vs.latents(again, states=True).equals(vs.latents(fit, states=True))
    assert json.loads(written.read_text())["settings"] == {"seed": 1}
    assert "controller of 2 nodes, 3 subjects, 81 choices" in repr(again)


def test_trials_without_a_file_are_kept_beside(tmp_path: Path) -> None:
    problem = vs.problems.tiger()
    truth = vs.Controller.random(2, problem.actions, problem.observations, seed=1)
    trials = vs.simulate(truth, problem, subjects=2, trials=10, seed=1)
    model = vs.ControllerModel(2, actions=list(problem.actions), observations=problem.observations)
    fit = vs.fit(model, trials, starts=2)
    assert [path.suffix for path in vs.save(fit, tmp_path)] == [".json", ".parquet"]
    same(fit, vs.load_fit(tmp_path))


def test_what_changed_since_is_named(fit: vs.ControllerFit, file: Path, tmp_path: Path) -> None:
    (written,) = vs.save(fit, tmp_path)
    with pytest.raises(vs.ModelError, match="its own model"):
        vs.load_fit(tmp_path, model=vs.models.find("q_learning"))
    frame = pd.read_csv(file)
    other = vs.read_trials(frame.assign(reward=1 - frame.reward))
    with pytest.raises(vs.DataError, match="not the trials that were fitted"):
        vs.load_fit(tmp_path, trials=other)
    with pytest.raises(vs.ModelError, match="one for all subjects"):
        vs.formats.results.load_scored(tmp_path)
    content = json.loads(written.read_text())
    block = content["fields"]["controller"]["fields"]["action"]["array"]
    block[0], block[1] = block[1], block[0]
    written.write_text(json.dumps(content))
    with pytest.raises(vs.ModelError, match="its log-likelihoods differ"):
        vs.load_fit(tmp_path)
    block[0] = [0.5, 0.4]
    written.write_text(json.dumps(content))
    with pytest.raises(vs.FormatError, match="probabilities of node 0 sum to"):
        vs.load_fit(tmp_path)


def test_nodes_trial_by_trial_follow_bayes_rule(fit: vs.ControllerFit) -> None:
    """Before a trial by the rule of prediction, in the last trial of a session by Bayes' rule."""
    table, trials, controller = vs.latents(fit, states=True), fit.trials, fit.controller
    assert list(table.columns[:3]) == ["subject", "session", "trial"]
    before, after = (table[[f"{name}_0", f"{name}_1"]].to_numpy() for name in ("before", "node"))
    actions, seen = trials.codes("choice"), trials.codes("reward")
    anew = np.r_[True, (np.diff(trials.subject_index) != 0) | (table.session.to_numpy()[1:] != table.session[:-1])]
    for t in range(len(table)):
        likely = before[t] * controller.action[:, actions[t]]
        assert table.choice_probability[t] == pytest.approx(likely.sum(), rel=1e-12)
        if t + 1 < len(table) and not anew[t + 1]:
            moved = likely / likely.sum() @ controller.transition[:, actions[t], seen[t]]
            assert before[t + 1] == pytest.approx(moved, abs=1e-12)
        else:
            assert after[t] == pytest.approx(likely / likely.sum(), abs=1e-12)
        if anew[t]:
            assert before[t] == pytest.approx(controller.start, abs=1e-15)
    sums = np.bincount(trials.subject_index, table.log_likelihood)
    assert sums == pytest.approx(fit.log_likelihood, abs=1e-10)
    assert (table.node == after.argmax(axis=1)).all()
    assert after == pytest.approx(fit.nodes, abs=1e-12)


def test_other_subjects_trials_are_read_under_the_controller(fit: vs.ControllerFit, file: Path) -> None:
    frame = pd.read_csv(file)
    others = vs.read_trials(frame[frame.subject == 1].assign(subject="new"))
    assert vs.latents(fit, others).log_likelihood.sum() == pytest.approx(fit.log_likelihood[0], abs=1e-10)
    with pytest.raises(vs.ModelError, match="on_missing"):
        vs.latents(fit, others, on_missing="skip")
    never = vs.fit(vs.ControllerModel(1, "choice", "reward", actions=("left", "right")), _only_left(), starts=1)
    with pytest.raises(vs.DataError, match="never does what this subject did") as caught:
        vs.latents(never, others)
    assert caught.value.subject == "new"


def _only_left() -> vs.Trials:
    columns = {"choice": ["left"] * 4, "reward": [0, 1, 0, 1]}
    trials = vs.Trials.from_columns(subject=[1] * 4, columns=columns)
    return trials.with_coding("choice", ["left", "right"])


def test_moves_count_what_follows_a_trial_and_figures_draw_them(fit: vs.ControllerFit) -> None:
    assert fit.moves.sum() == pytest.approx(81 - 5)  # five sessions end without a move
    actions = np.bincount(fit.trials.codes("choice"))
    assert (fit.moves.sum(axis=(0, 2, 3)) <= actions + 1e-9).all()
    assert fit.occupancy.sum() == pytest.approx(1.0)
    edges = vs.figure_table(fit)
    assert edges.share.sum() == pytest.approx(1.0)
    steps = vs.figure_table(fit, "convergence")
    assert steps.bound.is_monotonic_increasing
    assert steps.bound.iloc[-1] == pytest.approx(fit.heights.max(), abs=1e-3)
    assert steps.change.iloc[-1] == pytest.approx(fit.promise, abs=1e-4)
    assert [ax.get_title(loc="left") for ax in vs.figure(fit).axes] == ["Controller of 2 nodes"]
    table = vs.figure_table(fit, "trajectory", subject=2)
    assert [name for name in table if name.startswith("choice ")] == ["choice choice", "choice reward"]
    assert len(vs.figure(fit, "trajectory", subject=2).axes) == 3
    assert len(vs.figure(fit, "convergence").axes) == 2


def test_a_subject_without_a_second_trial_moves_nowhere() -> None:
    trials = vs.Trials.from_columns(subject=[1, 2], columns={"action": [0, 1], "observation": [0, 1]})
    fit = vs.fit(vs.ControllerModel(2), trials, starts=2)
    assert fit.moves.sum() == 0.0
    assert len(vs.figure_table(fit)) == 0
    assert len(vs.figure(fit).axes) == 1


def test_the_command_fits_saves_and_draws(file: Path, tmp_path: Path, capsys: Any) -> None:
    out = str(tmp_path / "fit")
    how = ["--nodes", "2", "--action", "choice", "--observation", "reward", "--reset", "session"]
    more = ["--concentration", "1.1", "--starts", "3", "--seed", "1", "--out", out, "--json"]
    assert main(["fit", str(file), *how, *more]) == 0
    found = json.loads(capsys.readouterr().out)
    again = vs.load_fit(out)
    assert isinstance(again, vs.ControllerFit)
    assert found["bic"] == again.bic
    assert found["controller"] == again.controller.to_dict()
    assert vs.read_controller(tmp_path / "fit" / "controller.json").to_dict() == found["controller"]
    assert len(pd.read_csv(tmp_path / "fit" / "nodes.csv")) == 2
    table = tmp_path / "latents.csv"
    assert main(["latents", out, "--out", str(table)]) == 0
    assert pd.read_csv(table).node_1.to_numpy() == pytest.approx(again.nodes[:, 1])
    assert main(["draw", out, str(tmp_path / "graph.svg"), f"convergence={tmp_path / 'steps.csv'}"]) == 0
    assert (tmp_path / "graph.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fit", "{file}"], 2, "give --model, or --nodes"),
        (["fit", "{file}", "--model", "q_learning", "--action", "choice"], 2, "--action needs --nodes"),
        (["fit", "{file}", "--nodes", "2", "--model", "q_learning"], 2, "--nodes excludes"),
        (["fit", "{file}", "--nodes", "2", "--covariance", "full"], 1, "takes no covariance="),
        (["fit", "{file}", "--nodes", "2"], 1, "no column 'action'"),
        (["identify", "{fit}"], 1, "for learners' parameters"),
        (["draw", "{fit}", "graph.png", "--subject", "1"], 2, "--subject is of trajectory"),
        (["draw", "{fit}", "graph.png", "--alone", "{fit}"], 2, "--alone is of shrinkage"),
        (["draw", "{file}", "graph.png"], 2, "is no saved fit"),
        (["latents", "{fit}", "--out", "a.csv", "--run", "block"], 2, "--run and --column are of --events"),
        (["recover", "--model", "q_learning", "--task", "bandit", "--groups", "2"], 2, "--groups needs --method"),
        (["compare", "{fit}", "{fit}"], 1, "one for all subjects"),
        (["compare", "{fit}", "{fit}", "--criterion", "loo"], 1, "for learners' parameters"),
    ],
)
def test_mistaken_commands_are_told(
    fit: vs.ControllerFit, file: Path, tmp_path: Path, capsys: Any, arguments: list[str], code: int, message: str
) -> None:
    vs.save(fit, tmp_path)
    assert main([text.format(file=file, fit=tmp_path) for text in arguments]) == code
    assert message in capsys.readouterr().err
