"""`versant fit`, `simulate` and `compare`: files, JSON, exit codes, and every bad input."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.cli.command import main

SIMULATE = ["simulate", "--model", "q_learning", "--task", "bandit", "--set", "alpha=0.3", "--set", "beta=3"]
SIMULATE += ["--probabilities", "0.3,0.7"]


@pytest.fixture(scope="module")
def trials_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "trials.csv"
    assert main([*SIMULATE, "--subjects", "3", "--trials", "80", "--seed", "1", "--out", str(path)]) == 0
    return path


def test_simulate_writes_what_the_verb_gives(trials_file):
    same = vs.simulate(
        vs.models.find("q_learning"), vs.Bandit((0.3, 0.7), trials=80), {"alpha": 0.3, "beta": 3.0}, subjects=3, seed=1
    )
    pd.testing.assert_frame_equal(pd.read_csv(trials_file), same.frame(), check_dtype=False)


def test_fit_prints_one_json_object_and_writes_its_files(trials_file, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert main(["fit", str(trials_file), "--model", "q_learning", "--seed", "2", "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    fit = vs.fit(vs.models.find("q_learning"), vs.read_trials(trials_file), seed=2)
    assert found["model"] == "q_learning"
    assert found["n_subjects"] == 3
    for name in ("log_likelihood", "log_posterior", "evidence"):
        assert found[name] == pytest.approx(getattr(fit, name).sum(), abs=1e-9)
    first = found["subjects"][0]
    assert first["subject"] == 1
    assert first["parameters"]["alpha"] == pytest.approx(fit.natural[0, 0], abs=1e-9)
    assert first["verdict"] == ["converged"]
    assert first["log_likelihood"] == pytest.approx(fit.log_likelihood[0], abs=1e-9)
    assert sorted(p.name for p in out.iterdir()) == [
        "estimates.png",
        "fit.json",
        "result.json",
        "subjects.csv",
        "subjects.parquet",
    ]
    assert json.loads((out / "result.json").read_text()) == found
    assert "2 options counted from 0" in said.err
    assert str(out / "estimates.png") in said.err


def test_tables_hold_the_fit_and_the_figure_is_a_picture(trials_file, tmp_path):
    assert main(["fit", str(trials_file), "--model", "q_learning", "--out", str(tmp_path)]) == 0
    frame = vs.fit(vs.models.find("q_learning"), vs.read_trials(trials_file)).frame()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "subjects.parquet"), frame)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "subjects.csv"), frame)
    picture = (tmp_path / "estimates.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000


def test_fit_without_out_writes_nothing_and_prints_a_table(trials_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", str(trials_file), "--model", "q_learning", "--prior", "none"]) == 0
    said = capsys.readouterr().out
    assert "q_learning: 3 subjects, 240 choices" in said
    assert "alpha_se" in said
    assert list(tmp_path.iterdir()) == []


def test_columns_are_mapped_coded_and_missing_as_the_options_say(tmp_path, capsys):
    path = tmp_path / "odd.tsv"
    rows = ["who\tpick\toutcome", *(f"s{i}\t{'LR'[k % 2]}\t{k % 3 == 0:d}" for i in (1, 2) for k in range(30))]
    path.write_text("\n".join([*rows, "s1\tnone\t1"]) + "\n")
    options = ["--map", "subject=who", "--map", "choice=pick", "--map", "reward=outcome", "--choices", "choice=R,L"]
    options += ["--missing", "choice=none", "--on-missing", "skip", "--json"]
    assert main(["fit", str(path), "--model", "q_learning", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [subject["n_choices"] for subject in found["subjects"]] == [30, 30]
    assert any("'R' = 0, 'L' = 1" in line for line in found["read"])


def test_a_subject_that_is_not_converged_is_listed_and_ends_with_three(tmp_path, capsys):
    path = tmp_path / "nothing.csv"
    path.write_text("subject,choice,reward\n" + "".join(f"dull,{k % 2},0\n" for k in range(20)))
    command = ["fit", str(path), "--model", "q_learning", "--prior", "none", "--out", str(tmp_path / "out")]
    assert main(command) == 3
    said = capsys.readouterr()
    assert "not converged: 1 of 1 subjects" in said.err
    assert "  dull: chance, flat" in said.err
    assert (tmp_path / "out" / "result.json").is_file()
    assert main([*command, "--json"]) == 3
    assert "flat" in json.loads(capsys.readouterr().out)["subjects"][0]["verdict"]


HEADER = "subject,trial,choice,reward\n"
GOOD = HEADER + "a,1,0,1\na,2,1,0\na,3,1,1\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "the file is empty"),
        (HEADER, [], "no"),
        (GOOD.replace("reward", "points"), [], "row 1|column 'reward'"),
        (GOOD + "a,4,0,\n", [], "row 5, column 'reward'"),
        (GOOD + "a,4,0,x\n", [], "row 5, column 'reward'"),
        (GOOD + "a,4,7,1\n", ["--choices", "choice=2"], "row 5, column 'choice'"),
        (GOOD + "a,3,0,1\n", [], "row 5"),
        (GOOD + ",4,0,1\n", [], "row 5"),
        (HEADER + "a,1,1,1\na,2,1,0\n", [], "--choices choice="),
        (GOOD + "a,4,,1\n", ["--missing", "choice=NaN"], "--on-missing skip"),
        (GOOD, ["--map", "reward=payoff"], "column 'payoff'"),
        (GOOD + "a,4,0\n", [], "row 5"),
    ],
)
def test_bad_input_is_one_message_and_writes_nothing(text, options, message, tmp_path, capsys):
    path, out = tmp_path / "bad.csv", tmp_path / "out"
    path.write_text(text)
    assert main(["fit", str(path), "--model", "q_learning", "--out", str(out), *options]) == 1
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("versant: error: ")]
    assert len(lines) == 1
    assert "bad.csv" in lines[0]
    assert any(part in lines[0] for part in message.split("|"))
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not out.exists() or list(out.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_before_the_work(trials_file, tmp_path, capsys, monkeypatch):
    file = tmp_path / "file"
    file.write_text("x")
    monkeypatch.setattr("versant.verbs.fit.fit", lambda *_, **__: pytest.fail("the fit was begun"))
    assert main(["fit", str(trials_file), "--model", "q_learning", "--out", str(file / "out")]) == 1
    assert "cannot make the folder" in capsys.readouterr().err


def test_an_interrupted_fit_leaves_the_older_files_alone(trials_file, tmp_path, capsys, monkeypatch):
    command = ["fit", str(trials_file), "--model", "q_learning", "--out", str(tmp_path)]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", interrupt)
    monkeypatch.setattr("pandas.DataFrame.to_csv", interrupt)
    assert main(command) == 130
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "alpha=2"], "alpha: 2 lies outside [0, 1]"),
        (["--set", "gamma=2"], "unknown: gamma"),
        (["--set", "alpha=0.1,0.2", "--subjects", "3"], "one for each of the 3 subjects"),
        (["--set", "alpha=0.1", "--probabilities", "0.5,1.5"], "probabilities lie in [0, 1]"),
        (["--set", "alpha=0.1", "--probabilities", "0.5"], "two options or more"),
        (["--set", "alpha=0.1", "--design", "colour=3"], "takes no option 'colour'; it takes probabilities"),
        (["--set", "alpha=0.1", "--task", "bandt"], "did you mean bandit"),
        (["--set", "alpha=0.1", "--task", "designed"], "laid out by columns="),
    ],
)
def test_simulations_that_cannot_be(options, message, tmp_path, capsys):
    out = tmp_path / "trials.csv"
    command = ["simulate", "--model", "q_learning", "--task", "bandit", "--set", "beta=3", "--out", str(out), *options]
    assert main(command) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_table_of_an_unknown_kind_is_refused_before_the_work(trials_file, tmp_path, capsys):
    assert main([*SIMULATE, "--out", str(tmp_path / "trials.xlsx")]) == 1
    assert "is not one of .csv" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_values_are_several_subjects(tmp_path):
    out = tmp_path / "trials.parquet"
    command = ["simulate", "--model", "q_learning", "--task", "bandit", "--set", "alpha=0.1,0.5", "--set", "beta=3"]
    assert main([*command, "--trials", "5", "--probabilities", "0.1,0.5,0.9", "--out", str(out)]) == 0
    frame = pd.read_parquet(out)
    assert frame["subject"].tolist() == [1] * 5 + [2] * 5
    assert set(np.unique(frame["choice"])) <= {0, 1, 2}


def test_compare_ranks_models_and_writes_the_table(trials_file, tmp_path, capsys):
    models = ["--model", "q_learning", "--model", "q_learning_dual"]
    table = tmp_path / "table.csv"
    assert main(["compare", str(trials_file), *models, "--json", "--out", str(table)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] == found["models"][0]["model"]
    assert found["models"][0]["difference"] == 0.0
    assert found["models"][1]["difference"] > 0.0
    assert pd.read_csv(table)["model"].tolist() == [row["model"] for row in found["models"]]
    assert {"evidence"} == {"evidence", "aic", "bic"} & set(pd.read_csv(table))
    assert main(["compare", str(trials_file), *models, "--criterion", "bic", "--out", str(table)]) == 0
    assert "best by bic: q_learning" in capsys.readouterr().out
    assert {"aic", "bic"} == {"evidence", "aic", "bic"} & set(pd.read_csv(table))


def test_compare_needs_two_different_models(trials_file, capsys):
    assert main(["compare", str(trials_file), "--model", "q_learning"]) == 1
    assert "two fits or more" in capsys.readouterr().err
    assert main(["compare", str(trials_file), "--model", "q_learning", "--model", "q_learning"]) == 2
    assert "'q_learning' twice" in capsys.readouterr().err


def test_what_the_model_made_of_the_columns_is_said_and_kept(trials_file, tmp_path, capsys):
    path = tmp_path / "outcome.csv"
    path.write_text(trials_file.read_text().replace("reward", "outcome", 1))
    assert main(["fit", str(path), "--model", "q_learning", "--json"]) == 0
    said = capsys.readouterr()
    assert "outcome read as reward (as q_learning does)" in said.err
    assert json.loads(said.out)["read"][-1] == "outcome read as reward (as q_learning does)"


def test_the_design_reaches_the_task(tmp_path):
    out = tmp_path / "trials.csv"
    design = ["--design", "win=2", "--design", "loss=-1", "--design", "reversal=10", "--trials", "40", "--seed", "3"]
    assert main([*SIMULATE, *design, "--out", str(out)]) == 0
    same = vs.simulate(
        vs.models.find("q_learning"),
        vs.Bandit((0.3, 0.7), trials=40, win=2.0, loss=-1.0, reversal=10),
        {"alpha": 0.3, "beta": 3.0},
        seed=3,
    )
    pd.testing.assert_frame_equal(pd.read_csv(out), same.frame(), check_dtype=False)


def test_a_group_has_a_table_of_its_own(trials_file, tmp_path, capsys):
    command = ["fit", str(trials_file), "--model", "q_learning", "--method", "group", "--out", str(tmp_path), "--json"]
    code = main(command)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert code == (0 if "converged" in found["group"]["verdict"] else 3)
    assert ("not converged: the group" in said.err) == (code == 3)
    group = pd.read_parquet(tmp_path / "group.parquet")
    assert group["parameter"].tolist() == ["alpha", "beta"]
    assert group["estimate"].tolist() == [row["estimate"] for row in found["group"]["effects"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--method", "group", "--prior", "none"], "exclude each other"), (["--formula", "alpha ~ 1"], "--method group")],
)
def test_options_of_a_group_that_do_not_go_together(trials_file, options, message, capsys):
    assert main(["fit", str(trials_file), "--model", "q_learning", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("method", ["bms", "hbi"])
def test_compare_selects_by_random_effects(trials_file, tmp_path, capsys, method):
    models = ["--model", "q_learning", "--model", "q_learning_dual"]
    table = tmp_path / "table.parquet"
    command = ["compare", str(trials_file), *models, "--method", method, "--starts", "2", "--out", str(table)]
    assert main([*command, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)
    assert set(pd.read_parquet(table)["model"]) == {"q_learning", "q_learning_dual"}
    assert main([*command, "--criterion", "bic"]) == (2 if method == "hbi" else 0)
    assert (method == "hbi") == ("--criterion does not belong to --method hbi" in capsys.readouterr().err)


def test_a_long_table_is_cut_and_says_so(tmp_path, capsys):
    path = tmp_path / "many.csv"
    rows = [f"{subject},{k % 2},{(k + subject) % 3 > 0:d}" for subject in range(60) for k in range(6)]
    path.write_text("\n".join(["subject,choice,reward", *rows]))
    assert main(["fit", str(path), "--model", "q_learning", "--starts", "1"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("… and 10 more subjects (all of them with --out or --json)\n")
    assert said.count("converged") == 51
