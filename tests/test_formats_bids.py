"""Latents as BIDS events: names, order of columns, ``n/a``, description, and every way to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.cli.command import main

Q = vs.models.find("q_learning")


@pytest.fixture
def frame() -> pd.DataFrame:
    frame = vs.simulate(Q, vs.Bandit(trials=20), {"alpha": [0.3, 0.6], "beta": 4.0}, seed=1).frame()
    frame["subject"] = frame.subject.map({1: "01", 2: "sub-02"})
    frame["session"] = np.where(frame.trial > 10, "post", "pre")
    frame["run"] = (frame.trial - 1) // 5 % 2 + 1
    frame["onset"], frame["duration"] = 3.25 * ((frame.trial - 1) % 5), 1.5
    return frame.drop(columns="trial")


def read(frame: pd.DataFrame) -> vs.Trials:
    return vs.read_trials(frame, missing={"choice": 9}, choices={"choice": 2})


def test_events_are_latents_with_onsets(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.loc[[3, 30], "choice"] = 9
    trials = read(frame)
    fit = vs.fit(Q, trials, on_missing="skip", starts=1)
    *tables, sidecar = vs.write_events(fit, tmp_path, "bandit", trials=trials, run="block")
    assert len(tables) == 8
    first = tmp_path / "sub-01" / "ses-pre" / "func" / "sub-01_ses-pre_task-bandit_run-1_events.tsv"
    assert tables[0] == first
    text = first.read_text()
    assert text.splitlines()[0].startswith("onset\tduration\tlog_likelihood\tchoice_probability\tvalue\t")
    assert text.splitlines()[4] == "9.75\t1.5" + "\tn/a" * 4  # the skipped trial
    table = pd.read_csv(first, sep="\t", na_values="n/a")
    expected = vs.latents(fit).iloc[:4]["prediction_error"].to_numpy()
    np.testing.assert_allclose(table["prediction_error"].dropna(), expected)
    assert (tmp_path / "sub-02" / "ses-post" / "func").is_dir()
    described = json.loads(sidecar.read_text())
    assert sidecar.name == "task-bandit_events.json"
    assert list(described) == list(table.columns)
    assert described["onset"]["Units"] == "s"
    assert "q_learning" in described["prediction_error"]["Description"]


def test_without_sessions_and_runs_names_are_short(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["onset"] = np.arange(40.0)
    fit = vs.fit(Q, read(frame.drop(columns=["session", "run"])), starts=1)
    *tables, _sidecar = vs.write_events(fit, tmp_path, "bandit", datatype="beh", states=True)
    assert tables[1] == tmp_path / "sub-02" / "beh" / "sub-02_task-bandit_events.tsv"
    assert list(pd.read_csv(tables[0], sep="\t").columns[-2:]) == ["Q_0", "Q_1"]


def test_events_of_a_controller_are_the_probabilities_of_its_nodes(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = vs.ControllerModel(2, "choice", "reward", reset="session")
    fit = vs.fit(model, read(frame), starts=2)
    *tables, sidecar = vs.write_events(fit, tmp_path, "bandit", run="block")
    table = pd.read_csv(tables[0], sep="\t")
    assert list(table.columns[:2]) == ["onset", "duration"]
    assert table.node_1.to_numpy() == pytest.approx(fit.nodes[:5, 1])
    assert "controller of 2 nodes" in json.loads(sidecar.read_text())["node_1"]["Description"]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.drop(columns="onset"), {}, "events need the onset"),
        (lambda f: f, {"onset": "start"}, "column 'start'"),
        (lambda f: f.assign(duration=-1.0), {"run": "block"}, "a duration is negative"),
        (lambda f: f, {}, "lies before that of the trial before"),
        (lambda f: f.assign(session="a b"), {"run": "block"}, "this session cannot stand in the name"),
        (lambda f: f, {"task": "two-step"}, "this task cannot stand in the name"),
        (lambda f: f, {"run": "scan"}, "no such column of runs"),
        (lambda f: f.assign(scan="first"), {"run": "scan"}, "runs are numbered"),
        (lambda f: f, {"run": "block", "columns": ["trial_type"]}, "no such column"),
    ],
)
def test_mistaken_events_are_named(
    frame: pd.DataFrame, tmp_path: Path, change: Any, options: dict[str, str], message: str
) -> None:
    fit = vs.fit(Q, read(change(frame)), starts=1)
    with pytest.raises(vs.DataError, match=message):
        vs.write_events(fit, tmp_path, options.pop("task", "bandit"), **options)
    assert not list(tmp_path.rglob("*.json"))


def test_recorded_columns_stand_beside_the_latents(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Of a real design: runs with their own clock, kinds of trials, response times, a missed one among them."""
    frame["trial_type"] = np.where(frame.reward > 0, "win", "loss")
    frame["response_time"] = np.where(frame.index == 2, np.nan, 0.5)
    fit = vs.fit(Q, read(frame), starts=1)
    *tables, sidecar = vs.write_events(fit, tmp_path, "bandit", run="block", columns=["trial_type", "response_time"])
    lines = [line.split("\t") for line in tables[0].read_text().splitlines()]
    assert lines[0][:4] == ["onset", "duration", "trial_type", "response_time"]
    assert lines[3][3] == "n/a"
    assert {line[2] for line in lines[1:]} <= {"win", "loss"}
    assert json.loads(sidecar.read_text())["response_time"]["Units"] == "s"
    again = vs.write_events(fit, tmp_path, "bandit", run="block")  # our own tables are replaced
    assert again[0] == tables[0]
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    with pytest.raises(vs.DataError, match="a raw data set would be replaced"):
        vs.write_events(fit, tmp_path, "bandit", run="block")
    assert vs.write_events(fit, tmp_path / "derivatives" / "versant", "bandit", run="block")


def test_the_command_writes_events_of_trials_and_of_saved_fits(
    frame: pd.DataFrame, tmp_path: Path, capsys: Any
) -> None:
    file = tmp_path / "trials.csv"
    frame.loc[3, "choice"] = 9
    frame.to_csv(file, index=False)
    how = ["--missing", "choice=9", "--choices", "choice=2", "--on-missing", "skip"]
    events = ["--task", "bandit", "--run", "block", "--events"]
    assert main(["latents", str(file), "--model", "q_learning", *how, *events, str(tmp_path / "a")]) == 0
    assert main(["fit", str(file), "--model", "q_learning", *how, "--out", str(tmp_path / "fit")]) == 0
    assert main(["latents", str(tmp_path / "fit"), *events, str(tmp_path / "b")]) == 0
    assert "events of 8 runs of 2 subjects" in capsys.readouterr().out
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(names) == 9
    for name in names:
        assert (tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text()
    assert main(["latents", str(file), *events, str(tmp_path / "c")]) == 2
    assert main(["latents", str(tmp_path / "fit"), "--events", str(tmp_path / "c")]) == 2
    assert main(["latents", str(tmp_path / "fit")]) == 2
    assert main(["latents", str(tmp_path / "fit"), *how, *events, str(tmp_path / "c")]) == 2
