"""Studies: ``versant latents``, ``recover``, ``confusion``, ``calibrate``, ``identify``, ``predictive``; figures."""

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
def trials(tmp_path: Path) -> Path:
    file = tmp_path / "trials.csv"
    vs.write_trials(vs.simulate(Q, vs.Bandit(trials=60), {"alpha": [0.3, 0.5], "beta": 4.0}, seed=1), file)
    return file


def test_latents_are_those_of_the_fit(trials: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "latents.csv"
    assert main(["latents", str(trials), "--model", "q_learning", "--states", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    expected = vs.latents(vs.fit(Q, vs.read_trials(trials)), states=True)
    assert list(table.columns) == list(expected.columns)
    np.testing.assert_allclose(table["prediction_error"], expected["prediction_error"])
    assert "120 trials of 2 subjects" in capsys.readouterr().out


def test_latents_go_into_a_table(trials: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["latents", str(trials), "--model", "q_learning", "--out", str(tmp_path / "a.txt")]) == 1
    assert "not one of .csv, .parquet" in capsys.readouterr().err


def test_recovery_prints_and_writes_its_table(tmp_path: Path, capsys: Any) -> None:
    command = ["recover", "--model", "q_learning", "--task", "bandit", "--subjects", "12", "--design", "reversal=25"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert "12 simulated subjects" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "recovery.csv")["parameter"].tolist() == ["alpha", "beta"]
    assert (tmp_path / "recovery.png").stat().st_size > 5000
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["parameters"]
    assert rows[0]["correlation"] > 0.5
    assert rows[0]["uniform_p"] is None or 0 <= rows[0]["uniform_p"] <= 1


def test_recovery_with_given_truths(capsys: Any) -> None:
    command = ["recover", "--model", "q_learning", "--task", "bandit", "--subjects", "8", "--set", "alpha=0.4"]
    assert main([*command, "--set", "beta=5", "--json"]) == 0
    assert abs(json.loads(capsys.readouterr().out)["parameters"][0]["bias"]) < 1.0
    assert main(command) == 1
    assert "beta" in capsys.readouterr().err


TASK = ["--task", "bandit", "--trials", "60", "--design", "reversal=20"]


def test_what_the_data_determine(trials: Path, tmp_path: Path, capsys: Any) -> None:
    command = ["identify", str(trials), "--model", "q_learning"]
    code = main([*command, "--out", str(tmp_path / "out"), "--figure", str(tmp_path / "profiles.svg")])
    said = capsys.readouterr()
    table = pd.read_csv(tmp_path / "out" / "identify.csv")
    expected = vs.identify(vs.fit(Q, vs.read_trials(trials))).frame()
    assert table["flag"].tolist() == expected["flag"].tolist()
    assert code == (0 if (expected["flag"] == "identified").all() else 3)
    assert "profile likelihoods at the 95 % level" in said.out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "identify.csv", "directions.csv", "profiles.csv", "correlations.csv"
    }  # fmt: skip
    assert "<svg" in (tmp_path / "profiles.svg").read_text()
    main([*command, "--json"])
    assert json.loads(capsys.readouterr().out)["model"] == "q_learning"


def test_calibration_and_confusion(tmp_path: Path, capsys: Any) -> None:
    table, kept, drawn = (str(tmp_path / name) for name in ("table.csv", "kept.jsonl", "ranks.png"))
    command = ["calibrate", "--model", "q_learning", *TASK, "--sets", "60", "--draws", "19", "--resume", kept]
    for _ in range(2):  # the second time there is nothing left to do
        assert main([*command, "--out", table, "--figure", drawn]) == 0
        assert "ranks among 19 draws" in capsys.readouterr().out
    assert pd.read_csv(table)["quantity"].tolist() == ["alpha", "beta", "log_likelihood"]
    assert main(["calibrate", "--model", "q_learning", *TASK, "--subjects", "5"]) == 2
    assert "belongs to --method group" in capsys.readouterr().err
    models = ["--model", "q_learning", "--model", "q_learning_perseveration"]
    matrix = str(tmp_path / "matrix.png")
    assert main(["confusion", *models, *TASK, "--subjects", "4", "--starts", "1", "--figure", matrix]) == 0
    assert "own model best (evidence)" in capsys.readouterr().out
    assert Path(matrix).stat().st_size > 5000
    assert main(["confusion", *models, *TASK, "--subjects", "4", "--starts", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 4


def test_predictive_checks(trials: Path, tmp_path: Path, capsys: Any) -> None:
    table = tmp_path / "checks.csv"
    command = ["predictive", str(trials), "--model", "q_learning", "--task", "bandit", "--trials", "60"]
    command += ["--replications", "5", "--curve", "1", "--every", "30"]
    assert main([*command, "--correct", "1", "--out", str(table), "--figure", str(tmp_path / "checks.pdf")]) == 0
    names = pd.read_csv(table)["statistic"].tolist()
    assert names == ["stay_after_win", "stay_after_loss", *["choices of option 1"] * 2, "accuracy"]
    assert main([*command, "--by", "phase"]) == 2
    assert "--by needs --correct" in capsys.readouterr().err
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["replications"] == 5
    short = [*command[:4], "--task", "bandit", "--trials", "20"]
    assert main(short) == 1
    assert "give a task with more trials" in capsys.readouterr().err


def test_figures_of_fits_by_their_kind(trials: Path, tmp_path: Path, capsys: Any) -> None:
    files = [tmp_path / name for name in ("group.png", "shrinkage.png", "convergence.png")]
    command = ["fit", str(trials), "--model", "q_learning", "--method", "group"]
    main([*command, *(part for file in files for part in ("--figure", f"{file.stem}={file}"))])
    said = capsys.readouterr()
    assert all(file.stat().st_size > 5000 and f"wrote {file}" in said.err for file in files)
    assert main([*command, "--figure", "recovery=a.png"]) == 1
    assert "choose group, estimates" in capsys.readouterr().err
    assert main([*command, "--figure", "a.gif"]) == 1
    assert "not one of .png, .svg, .pdf" in capsys.readouterr().err
    models = ["--model", "q_learning", "--model", "q_learning_perseveration", "--method", "bms"]
    assert main(["compare", str(trials), *models, "--figure", str(tmp_path / "models.svg")]) == 0
    assert "protected exceedance" in (tmp_path / "models.svg").read_text()


def test_a_saved_fit_is_drawn_examined_and_checked(trials: Path, tmp_path: Path, capsys: Any) -> None:
    saved = str(tmp_path / "saved")
    main(["fit", str(trials), "--model", "q_learning", "--out", saved])
    capsys.readouterr()
    files = [str(tmp_path / name) for name in ("a.svg", "trajectory.csv", "pairs.png")]
    assert main(["draw", saved, files[0], f"trajectory={files[1]}", f"pairs={files[2]}", "--subject", "2"]) == 0
    assert capsys.readouterr().out.count("wrote ") == 3
    assert set(pd.read_csv(files[1])["subject"]) == {2}
    assert main(["draw", saved, f"trajectory={files[1]}", "--subject", "nobody"]) == 1
    assert "no such subject" in capsys.readouterr().err
    assert main(["identify", saved, "--json"]) in (0, 3)
    assert json.loads(capsys.readouterr().out)["model"] == "q_learning"
    assert main(["identify", saved, "--method", "group"]) == 2
    assert "needs --model" in capsys.readouterr().err
    check = ["--task", "bandit", "--trials", "60", "--replications", "3"]
    assert main(["predictive", saved, *check]) == 0
    assert "3 replications" in capsys.readouterr().out
    assert main(["predictive", str(trials), *check]) == 2
    assert "is no saved fit" in capsys.readouterr().err
