"""``versant fit`` of every method writes what can be loaded; ``versant compare`` takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import versant as vs
from versant.cli.command import main

Q, DUAL = vs.models.find("q_learning"), vs.models.find("q_learning_dual")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "trials.csv"
    frame = vs.simulate(Q, vs.Bandit(trials=60), {"alpha": 0.3, "beta": 4.0}, subjects=6, seed=1).frame()
    frame["block"], frame["site"] = (frame.trial > 30) + 1, frame.subject.map(lambda s: "a" if s < 4 else "b")
    frame.to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def saved(trials: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("fits")
    for name in ("q_learning", "q_learning_dual"):
        command = ["fit", str(trials), "--model", name, "--starts", "1", "--out", str(folder / name)]
        assert main(command) == 0
    return [str(folder / "q_learning"), str(folder / "q_learning_dual" / "fit.json")]


def test_a_groups_fit_can_be_loaded(trials: Path, tmp_path: Path, capsys: Any) -> None:
    command = ["fit", str(trials), "--model", "q_learning", "--method", "group", "--starts", "1", "--out"]
    options = ["--formula", "alpha ~ site", "--covariance", "diagonal", "--fixed", "beta=4"]
    kept = tmp_path / "kept.npz"
    code = main([*command, str(tmp_path), *options, "--resume", str(kept)])
    assert kept.is_file()
    fit = vs.load_fit(tmp_path)
    assert code == (0 if "converged" in fit.group.verdicts else 3)
    expected = vs.fit(
        Q, vs.read_trials(trials), method="group", starts=1, formula="alpha ~ site", covariance="diagonal",
        fixed={"beta": 4.0},
    )  # fmt: skip
    assert fit.group_frame().equals(expected.group_frame())
    settings = json.loads((tmp_path / "fit.json").read_text())["settings"]
    assert settings["fixed"] == {"beta": 4.0}
    assert "resume" not in settings
    assert len(pd.read_csv(tmp_path / "group.csv")) == len(expected.group_frame())
    assert main(["draw", str(tmp_path), str(tmp_path / "group.svg"), str(tmp_path / "drawn.csv")]) == 0
    assert set(pd.read_csv(tmp_path / "drawn.csv").parameter) == {"alpha", "beta"}


def test_a_sampled_group_is_written_and_can_be_loaded(trials: Path, tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("nutpie")
    xarray = pytest.importorskip("xarray")
    command = ["fit", str(trials), "--model", "q_learning", "--method", "sample", "--chains", "2", "--tune", "100"]
    assert main([*command, "--draws", "60", "--out", str(tmp_path)]) == 3  # so few draws are flagged
    said = capsys.readouterr()
    assert "2 chains of 60 draws" in said.out
    assert "not converged: the effective sample size" in said.err
    names = {
        "subjects.csv",
        "subjects.parquet",
        "group.csv",
        "group.parquet",
        "result.json",
        "posterior.nc",
        "fit.json",
    }
    assert names <= {path.name for path in tmp_path.iterdir()}
    fit = vs.load_fit(tmp_path)
    table = pd.read_csv(tmp_path / "group.csv")
    assert table["mean"].tolist() == pytest.approx(fit.group_frame()["mean"].tolist())
    with xarray.open_dataset(tmp_path / "posterior.nc", group="posterior", engine="h5netcdf") as posterior:
        assert posterior["alpha"].shape == (2, 60, 6)
    assert main(["latents", str(tmp_path), "--out", str(tmp_path / "latents.csv")]) == 3
    assert len(pd.read_csv(tmp_path / "latents.csv")) == 360


def test_subjects_are_sampled_alone(trials: Path, tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("arviz")
    command = ["fit", str(trials), "--model", "q_learning", "--method", "sample", "--pooling", "none"]
    assert main([*command, "--chains", "2", "--tune", "40", "--draws", "40", "--out", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert "6 subjects, 2 chains of 40 draws" in said.out
    assert "of 6 subjects" in said.err
    assert {path.name for path in tmp_path.iterdir()} >= {"subjects.csv", "posterior.nc", "fit.json"}
    assert not (tmp_path / "group.csv").exists()
    assert main([*command, "--formula", "alpha ~ 1"]) == 1
    assert "pooling='none' takes no formula=" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--draws", "100"], "--draws needs --method sample"),
        (["--method", "sample", "--starts", "2"], "--starts needs --method map or group"),
        (["--target-accept", "0.9"], "--target-accept needs --method sample"),
        (["--resume", "kept.npz"], "--resume needs --method group or sample"),
        (["--formula", "alpha ~ 1"], "--formula needs --method group or sample"),
        (["--method", "sample", "--prior", "none"], "exclude each other"),
        (["--method", "group", "--fixed", "beta=1,2"], "--fixed takes one number"),
    ],
)
def test_options_belong_to_a_method(trials: Path, capsys: Any, options: list[str], message: str) -> None:
    assert main(["fit", str(trials), "--model", "q_learning", *options]) == 2
    assert message in capsys.readouterr().err


def test_saved_fits_are_compared(saved: list[str], tmp_path: Path, capsys: Any) -> None:
    expected = vs.compare([vs.load_fit(path) for path in saved])
    assert main(["compare", *saved, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == expected.to_dict()
    assert main(["compare", *saved, "--out", str(tmp_path / "out")]) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    tables = {f"{name}.{kind}" for name in ("comparison", "subjects") for kind in ("csv", "parquet")}
    assert written == tables | {"result.json"}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "comparison.parquet"), expected.frame())
    capsys.readouterr()
    assert main(["compare", *saved, "--criterion", "DIC"]) == 2
    assert "also known as laplace" in capsys.readouterr().err
    assert main(["compare", *saved, "--criterion", "BIC"]) == 0
    assert "AIC and BIC presume maximum likelihood" in capsys.readouterr().out


def test_saved_fits_are_compared_without_their_trials(saved: list[str], tmp_path: Path, capsys: Any) -> None:
    lost = []
    for path in saved:
        source = Path(path) / "fit.json" if Path(path).is_dir() else Path(path)
        text = source.read_text().replace("trials.csv", "gone.csv")
        lost.append(tmp_path / f"{source.parent.name}.json")
        lost[-1].write_text(text)
    assert main(["compare", *map(str, lost), "--method", "bms"]) == 0
    assert main(["compare", *map(str, lost), "--criterion", "loo"]) == 1
    assert "gone.csv, the trials of this result, is not there any more" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--criterion", "loo", "--draws", "100"],
        ["--criterion", "importance", "--method", "bms", "--draws", "100"],
        ["--criterion", "cv", "--over", "block", "--draws", "100"],
        ["--method", "bms", "--groups", "site", "--family", "one=q_learning", "--family", "two=q_learning_dual"],
        ["--method", "hbi", "--starts", "1"],
    ],
)
def test_other_criteria_and_methods_take_saved_fits(saved: list[str], capsys: Any, options: list[str]) -> None:
    assert main(["compare", *saved, *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] in ("q_learning", "q_learning_dual")
    assert ("--groups" in options) == (found.get("groups_differ") is not None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "reward=r"], "need --model"),
        (["--groups", "site"], "--groups belongs to --method bms"),
        (["--method", "hbi", "--criterion", "loo"], "does not belong to --method hbi"),
        (["--model", "q_learning"], "--model is for one table"),
    ],
)
def test_mistaken_comparisons_are_named(saved: list[str], capsys: Any, options: list[str], message: str) -> None:
    assert main(["compare", *saved, *options]) == 2
    assert message in capsys.readouterr().err
    assert main(["compare", saved[0]]) == 2
    assert "give two saved fits or more" in capsys.readouterr().err
